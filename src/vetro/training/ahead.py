"""The schedule, sampled some steps ahead of the native engine and put back.

The native engine needs the learning rates of many steps at once.  They come from the scheduler
itself, which is stepped that often.  If training ends sooner, the scheduler is put back and
stepped as often as the plain loop would have stepped it.  A schedule that could see or change
more than learning rates is stepped together with training (pace.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from vetro.networks.torch_updates import rates
from vetro.training.stepping import Stepping

_ABSENT = object()


class Ahead:
    """Learning rates, and momentum or first beta, of every group for the next steps.

    learning_rate: a list that receives the learning rate of each finished epoch.  As in the torch
    loop, this is the rate after the epoch's steps, before the schedule is stepped for the epoch.
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
        # torch's schedulers warn if they are stepped before the optimizer.  This mark says
        # that the optimizer was stepped: the native engine's steps count, too.
        self._mark = getattr(optimizer, "_opt_called", _ABSENT)
        self._marks = hasattr(optimizer.step, "_wrapped_by_lr_sched")

    def window(self, first: int, wanted: int) -> int:
        """How many of the wanted steps can be sampled now."""
        if self._looks_ahead:
            return wanted
        if self._stepping.every_step is not None:
            return 1
        return min(wanted, self._left(first))

    def sample(self, first: int, steps: int) -> NDArray[np.float64]:
        """The rates (steps, groups, 2) of the next steps; call `commit` next.

        Fewer steps if the schedule raises an exception after one of them; `commit` then raises it.
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
            same = 1 if self._stepping.every_step is not None else self._left(first + done)
            same = min(same, steps - done)
            sampled += now * same
            done += same
            if done == steps:
                break
            try:
                self._after(first + done, None)
            except Exception:  # a user's own function may raise anything
                self._go_back()
                self._looks_ahead = False
                return self.sample(first, done)
            now = self._now()
        return np.reshape(sampled, (steps, -1, 2))

    def commit(self, steps: int, scores: Sequence[float]) -> None:
        """Keep the first `steps` of the sampled steps, which were done, and undo the others.

        scores: the validation losses of the epochs that ended in these steps, or empty."""
        first, taken = self._done, self._taken
        self._done += steps
        self._taken = 0  # also if the schedule raises: its changes up to then stay
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
        """Steps left to the end of the epoch."""
        return self._steps_an_epoch - step % self._steps_an_epoch

    def _now(self) -> list[float]:
        """Both numbers of each group, one group after another."""
        numbers: list[float] = rates(self._optimizer).reshape(-1).tolist()
        return numbers
