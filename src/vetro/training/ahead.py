"""The schedule, sampled some steps ahead of the native loop and brought back.

The native loop wants the rates of many steps at once.  They are what the scheduler itself
says when it is stepped that often; where training ends sooner, it is put back and stepped
as often as the plain loop would have stepped it.  A schedule that could see or change more than
rates is stepped in its time (pace.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from vetro.engines.native_optimizer import rates
from vetro.training.stepping import Stepping

_ABSENT = object()


class Ahead:
    """Learning rates, and momentum or first beta, of every group for the next steps.

    learning_rate: where the rate of every epoch that is done is appended, as the torch loop
    does: as it is after the epoch's steps, before the schedule is stepped for the epoch.
    watched: calls a function that may read and change the module and the optimizer.
    """

    def __init__(
        self,
        stepping: Stepping,
        optimizer: torch.optim.Optimizer,
        learning_rate: list[float],
        *,
        steps_an_epoch: int,
        total: int,
        watched: Callable[[Callable[[], object]], object],
    ) -> None:
        self._stepping = stepping
        self._optimizer = optimizer
        self._learning_rate = learning_rate
        self._steps_an_epoch = steps_an_epoch
        self._total = total
        self._looks_ahead = stepping.pace.looks_ahead
        self._watched = watched if stepping.pace.watched else None
        self._done = self._taken = 0
        self._known: tuple[tuple[object, ...], int] | None = None
        # torch's schedulers warn of a step before the optimizer's: steps done elsewhere
        # count, of which they are told by this mark.
        self._mark = getattr(optimizer, "_opt_called", _ABSENT)
        self._marks = hasattr(optimizer.step, "_wrapped_by_lr_sched")

    def window(self, wanted: int) -> int:
        """How many of the wanted steps can be sampled now."""
        if self._looks_ahead:
            return wanted
        if self._stepping.every_step is not None:
            return 1
        return min(wanted, self._left(self._done))

    def sample(self, steps: int) -> NDArray[np.float64]:
        """(steps, groups, 2) of the next steps; to be followed by `commit`.

        Fewer steps where the schedule raises after one of them: it will raise in `commit`.
        """
        self._taken = steps
        if self._marks:
            vars(self._optimizer)["_opt_called"] = True
        if self._stepping.constant:
            return np.tile(rates(self._optimizer), (steps, 1, 1))
        now = self._now()
        self._known = self._stepping.snapshot(), len(self._learning_rate)
        sampled: list[float] = []
        done = 0
        while done < steps:
            same = 1 if self._stepping.every_step is not None else self._left(self._done + done)
            same = min(same, steps - done)
            sampled += now * same
            done += same
            if done == steps:
                break
            try:
                self._after(self._done + done, None)
            except Exception:  # a user's own function may raise anything
                self._go_back()
                self._looks_ahead = False
                return self.sample(done)
            now = self._now()
        return np.reshape(sampled, (steps, -1, 2))

    def commit(self, steps: int, scores: Sequence[float]) -> None:
        """Only `steps` of those sampled were done; scores: the validation losses of the
        epochs that ended in them, or nothing."""
        first, taken = self._done, self._taken
        self._done += steps
        self._taken = 0  # also where the schedule raises: what it did then stays
        if self._marks and self._done == 0:
            if self._mark is _ABSENT:
                del vars(self._optimizer)["_opt_called"]
            else:
                vars(self._optimizer)["_opt_called"] = self._mark
        score = scores[-1] if len(scores) else None
        if self._stepping.constant:
            ended = self._epochs(self._done) - self._epochs(first)
            rate = float(self._optimizer.param_groups[0]["lr"])
            self._learning_rate.extend([rate] * ended)
        elif steps < taken:
            self._go_back()
            for step in range(first + 1, self._done + 1):
                self._after(step, None)
        elif steps:
            self._after(self._done, score)

    def _after(self, step: int, score: float | None) -> None:
        every_step = self._stepping.every_step
        if every_step is not None:
            self._call(every_step)
        if step % self._steps_an_epoch == 0 or step == self._total:
            self._learning_rate.append(float(self._optimizer.param_groups[0]["lr"]))
            if self._stepping.every_epoch:
                self._call(lambda: self._stepping.end_epoch(score))

    def _call(self, step: Callable[[], object]) -> None:
        if self._watched is None:
            step()
        else:
            self._watched(step)

    def _epochs(self, step: int) -> int:
        partial = step == self._total and step % self._steps_an_epoch > 0
        return step // self._steps_an_epoch + partial

    def _go_back(self) -> None:
        assert self._known is not None
        state, epochs = self._known
        self._stepping.restore(state)
        del self._learning_rate[epochs:]

    def _left(self, step: int) -> int:
        """Steps to the end of the epoch."""
        return self._steps_an_epoch - step % self._steps_an_epoch

    def _now(self) -> list[float]:
        """Both numbers of every group, one after the other."""
        numbers: list[float] = rates(self._optimizer).reshape(-1).tolist()
        return numbers
