"""The native loop of the PyTorch door: it feeds steps to the compiled trainer and watches it.

The compiled trainer takes the steps.  native_session.py copies to and from the user's module,
optimizer and rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from vetro.engines import torch_loop
from vetro.engines.interrupts import interrupts

if TYPE_CHECKING:
    from vetro.engines.native_core import _native

FIRST_WINDOW = 256
"""Steps of the first window.  It is doubled while windows last less than half a tick.  Short
windows mean that little must be drawn again if training ends within one."""

MOST_STEPS = 1 << 16
MOST_ROWS = 1 << 22
"""Limits of a window: of its learning rates and its row numbers."""

SHORTEST_SECONDS = 0.001
"""The least time that the trainer runs between two checks."""


class Schedule(Protocol):
    """The rates of the next steps: see training/ahead.py."""

    def window(self, wanted: int) -> int: ...

    def sample(self, steps: int) -> NDArray[np.float64]: ...

    def commit(self, steps: int, scores: Sequence[float]) -> None: ...


class Session(Protocol):
    """Holds the trainer, which is replaced when the user's code changes the objects that it was
    made from (native_session.py)."""

    @property
    def trainer(self) -> _native.Trainer: ...


class Order(Protocol):
    """The rows of the next steps: see native_order.py."""

    @property
    def batch_size(self) -> int: ...

    def take(self, steps: int) -> NDArray[np.int32] | None: ...

    def commit(self, steps: int, begun: int) -> None: ...


class NativeLoop:
    """One run of a compiled trainer over `total` steps.

    losses, validation: where the loss of every step is appended and, if validated, the
    validation loss of every epoch.  patience: epochs without a better one, 0 for no limit.
    window: steps of the first window.
    """

    def __init__(
        self,
        session: Session,
        order: Order,
        schedule: Schedule,
        total: int,
        losses: list[float],
        validation: list[float],
        *,
        validated: bool,
        patience: int,
        window: int = FIRST_WINDOW,
    ) -> None:
        self._session = session
        self._recorded = session.trainer
        self._first_loss = self._first_epoch = 0
        self._order = order
        self._schedule = schedule
        self._total = total
        self._losses = losses
        self._validation = validation
        self._validated = validated
        self._patience = patience
        self._most = max(1, min(MOST_STEPS, MOST_ROWS // order.batch_size))
        self._window = min(window, self._most)
        self._settled = 0
        self._fed_time = 0.0

    @property
    def trainer(self) -> _native.Trainer:
        return self._session.trainer

    def feed(self) -> None:
        """Give the trainer its next window of steps, from where it was settled."""
        lasted = perf_counter() - self._fed_time
        if self._settled and lasted < torch_loop.TICK_SECONDS / 2:
            self._window = min(2 * self._window, self._most)
        wanted = min(self._window, self._total - self._settled)
        rates = self._schedule.sample(self._schedule.window(wanted))
        self.trainer.feed(self._order.take(len(rates)), rates)
        self._fed_time = perf_counter()

    def settle(self, diverged: bool = False) -> None:
        """Bring histories, schedule and generator to the step of the trainer.

        Steps that were fed but not done are taken back; call `feed` next.
        """
        trainer = self.trainer
        if trainer is not self._recorded:  # it records from its own first step on
            self._recorded = trainer
            self._first_loss, self._first_epoch = len(self._losses), len(self._validation)
        done = trainer.steps - self._settled
        self._losses.extend(trainer.losses(len(self._losses) - self._first_loss).tolist())
        scores: list[float] = []
        if self._validated:
            epochs = trainer.epochs_from(len(self._validation) - self._first_epoch)
            scores = [one.validation for one in epochs if one.validation is not None]
        self._validation.extend(scores)
        self._settled += done
        self._order.commit(done, done + diverged)
        self._schedule.commit(done, scores)

    def take_back(self) -> None:
        """Undo what was fed; only before the first `settle`."""
        self._order.commit(0, 0)
        self._schedule.commit(0, ())

    def ended(self, status: str) -> str:
        """Why training ended, from the trainer's status."""
        waited = self.trainer.epochs - self.trainer.best_epoch
        if status == "done" and self._patience and waited >= self._patience:
            return "patience"
        return status


def run(
    loop: NativeLoop,
    agrees: Callable[[float], bool],
    write_back: Callable[[str], None],
    tick: Callable[[int], bool] | None,
) -> str:
    """Run the loop to its end.

    agrees: called with the loss of the first step; if it returns False, nothing is written and
    everything drawn is put back.  write_back: called once at the end, with the reason.
    tick: called with the steps done about every TICK_SECONDS, when histories, schedule and
    generator are settled; False ends the run.

    Returns why it ended: "done", "patience", "interrupted" (Ctrl-C, or `tick` returned False),
    "diverged" (the last loss is not finite; its step was not taken) or "misread" (`agrees`
    returned False).  Ctrl-C ends the run between two steps, within TICK_SECONDS.
    """
    reason = ""
    with interrupts() as interrupted:
        try:
            reason = _run(loop, agrees, tick, interrupted)
        except KeyboardInterrupt:
            reason = "interrupted"
        finally:
            if reason == "misread":
                loop.take_back()
            else:
                loop.settle(reason == "diverged")
                write_back(reason)
    return reason


def _run(
    loop: NativeLoop,
    agrees: Callable[[float], bool],
    tick: Callable[[int], bool] | None,
    interrupted: Callable[[], bool],
) -> str:
    next_tick = perf_counter() + torch_loop.TICK_SECONDS
    loop.feed()
    status = loop.trainer.advance(SHORTEST_SECONDS)
    if not agrees(float(loop.trainer.losses(0)[0])):
        return "misread"
    while True:
        if status not in ("time", "hungry"):
            return loop.ended(status)
        if interrupted():
            return "interrupted"
        ticks = perf_counter() >= next_tick
        if status == "hungry" or (ticks and tick is not None):
            loop.settle()
            if ticks and tick is not None and not tick(loop.trainer.steps):
                return "interrupted"
            loop.feed()
        if ticks:
            next_tick = perf_counter() + torch_loop.TICK_SECONDS
        status = loop.trainer.advance(max(next_tick - perf_counter(), SHORTEST_SECONDS))
