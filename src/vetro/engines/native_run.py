"""One job on the compiled trainer: it feeds steps and brings order and rates to where it stands.

The compiled trainer takes the steps; native_engine.py lets many of them advance together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from vetro.engines import ticks
from vetro.engines.job import Divergence, Epoch, Job, Outcome, Rows, TrainingState
from vetro.engines.native_core import core
from vetro.engines.native_program import program_of
from vetro.engines.native_records import (
    core_loss,
    core_optimizer,
    state_arrays,
    state_counters,
    state_of,
)

if TYPE_CHECKING:
    from vetro.engines.native_core import _native

FIRST_WINDOW = 256
"""Steps of the first window."""

MOST_STEPS = 1 << 16
MOST_ROWS = 1 << 22
"""Limits of a window: of its learning rates and its row numbers."""


class NativeRun:
    """A job and its trainer.

    A window of steps is fed; when it is used up, or the caller wants to look, `settle` brings
    order and rates to the step of the trainer, and the next window is fed.
    fed: whether a window is open; hungry: whether it is used up.  begun: whether the watch knows of
    it.  most_rows: in a window.  It begins short, so that reports come soon and little must be
    drawn again if training ends within it.  It is doubled if a trainer uses it up between two
    looks and filling it takes less than half a tick.
    """

    def __init__(self, number: int, job: Job, threads: int, most_rows: int = MOST_ROWS) -> None:
        self.number = number
        self._threads = threads
        most = min(most_rows, MOST_ROWS) // job.course.order.batch_size
        self._window = min(FIRST_WINDOW, max(1, MOST_ROWS // job.course.order.batch_size))
        self._most = max(self._window, min(MOST_STEPS, most))
        self._looks = 0  # since the window was fed
        self._filled = 0.0  # the seconds that it took to fill it
        self._epochs = 0  # those told
        self.begin(job)
        self._epochs = self.trainer.epochs
        self._settled = self.trainer.steps
        self.fed = self.hungry = self.begun = False

    def begin(self, job: Job) -> None:
        """Make the trainer; another one if the job's network or rules changed on the way."""
        self.job = job
        self.trainer = trainer_of(job, self._threads)
        self._losses_seen = self._epochs_seen = 0  # of this trainer

    @property
    def steps(self) -> int:
        """Steps done."""
        return self.trainer.steps

    @property
    def share(self) -> float:
        """The share of its steps that are done."""
        return self.trainer.steps / self.job.course.stopping.steps

    def feed(self) -> None:
        """Give the trainer its next window of steps, from where it was settled."""
        if self.hungry and self._looks == 1 and self._filled < ticks.TICK_SECONDS / 2:
            self._window = min(2 * self._window, self._most)
        began = perf_counter()
        course, first = self.job.course, self._settled
        wanted = min(self._window, course.stopping.steps - first)
        rates = course.rates.sample(first, course.rates.window(first, wanted))
        self.trainer.feed(course.order.take(first, len(rates)), rates)
        self._filled = perf_counter() - began
        self._looks = 0
        self.fed = True

    def looked_at(self, *, hungry: bool) -> None:
        """The caller looks at it between two steps; hungry: its window is used up."""
        self._looks += 1
        self.hungry = hungry

    def settle(self, scores: Sequence[float] = (), diverged: bool = False) -> None:
        """Bring order and rates to the step of the trainer; steps that were fed but not done are
        taken back.  scores: the validation losses of the epochs since the last call."""
        done = self.trainer.steps - self._settled
        self._settled += done
        self.fed = False
        self.job.course.order.commit(done, done + diverged)
        self.job.course.rates.commit(done, scores)

    def take_back(self) -> None:
        """Undo what was fed; only before the first `settle`."""
        self.job.course.order.commit(0, 0)
        self.job.course.rates.commit(0, ())

    def new_losses(self) -> list[float]:
        """The loss of each step since the last call."""
        found: list[float] = self.trainer.losses(self._losses_seen).tolist()
        self._losses_seen += len(found)
        return found

    def new_epochs(self) -> list[Epoch]:
        """The epochs that have ended since the last call."""
        ended = self.trainer.epochs_from(self._epochs_seen)
        self._epochs_seen += len(ended)
        first = self._epochs + 1
        self._epochs += len(ended)
        return [_epoch(number, one) for number, one in enumerate(ended, first)]

    def state(self) -> TrainingState:
        """The state from which a later run continues with the same bits."""
        state = self.trainer.state()
        return TrainingState(state_arrays(state), state_counters(state))

    def outcome(self, stopped: str) -> Outcome:
        """The parameters of the best epoch, and why training ended."""
        trainer = self.trainer
        divergence = self._divergence(stopped) if stopped in _ENDS else None
        best, epoch = trainer.best(), trainer.best_epoch
        if not np.isfinite(best).all():  # the last update of the best epoch overflowed
            epoch = 0
        return Outcome(
            best,
            epoch,
            trainer.best_score,
            trainer.epochs,
            "diverged" if divergence else stopped,
            divergence,
        )

    def _divergence(self, stopped: str) -> Divergence | None:
        """Where the loss or the last update stopped being finite; None if both are finite."""
        parameters = self.trainer.parameters()
        bad = next(
            (
                slot.name
                for slot in self.job.network.slots
                if not np.isfinite(parameters[slot.offset : slot.offset + slot.size]).all()
            ),
            "",
        )
        if stopped != "diverged" and not bad:
            return None
        losses = self.trainer.losses(0)
        done = self.trainer.steps
        place = done if stopped == "diverged" else done - 1
        epoch, batch = divmod(place, self.job.course.order.steps_an_epoch)
        loss = float(losses[-1]) if len(losses) else math.nan
        return Divergence(epoch + 1, batch + 1, loss, bad or "the loss itself")


_ENDS = ("epochs", "patience", "diverged")


def trainer_of(job: Job, threads: int) -> _native.Trainer:
    """The compiled trainer of a job, in the state from which the job starts."""
    network, update, course = job.network, job.updates, job.course
    begins = {begin for begin, _, _ in update.ranges}  # one of each slot, or one for all
    frozen = [
        number
        for number, slot in enumerate(network.slots)
        if slot.offset not in begins
        and not any(begin < slot.offset < end for begin, end, _ in update.ranges)
    ]
    measured = [slot for slot in network.slots if course.measured and len(slot.shape) == 2]
    trainer = core().Trainer(
        program_of(network, frozen, job.codes),
        np.ascontiguousarray(job.parameters, dtype=network.dtype),
        _rows(job.training, network.dtype),
        core_loss(job.loss, network.dtype, row_mean=job.row_mean),
        core_optimizer(update),
        core().Settings(
            batch_size=course.order.batch_size,
            epoch_rows=course.order.epoch_rows,
            total_steps=course.stopping.steps,
            patience=course.stopping.patience,
            plateau=course.stopping.plateau,
            from_epoch=course.stopping.from_epoch,
            keep_best=course.stopping.keep_best,
            clip_norm=course.clipping.norm,
            clip_value=course.clipping.value,
            threads=threads,
            seed=course.seed,
            finite=False,
            measured=[(slot.offset, slot.offset + slot.size) for slot in measured],
        ),
        None if job.validation is None else _rows(job.validation, network.dtype),
    )
    if job.resume is not None:
        trainer.set_state(state_of(job.resume.arrays, job.resume.numbers or None))
    return trainer


def _rows(rows: Rows, dtype: DTypeLike) -> _native.Rows:
    def as_read(values: NDArray[Any]) -> NDArray[Any]:
        whole = values.dtype.kind in "iu"
        return np.ascontiguousarray(values, dtype=np.int64 if whole else dtype)

    weights = None if rows.weights is None else as_read(rows.weights)
    return core().Rows(as_read(rows.matrix), as_read(rows.y), weights, rows.numbers)


def _epoch(number: int, ended: _native.Epoch) -> Epoch:
    validation = ended.training if ended.validation is None else ended.validation
    return Epoch(
        number=number,
        training=ended.training,
        validation=validation,
        learning_rate=ended.learning_rate,
        best=ended.best,
        weights=ended.weights,
        gradients=ended.gradients,
    )
