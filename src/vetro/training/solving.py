"""A training by a solver, step after step: validation, patience, and the best parameters.

Whoever runs it (solver_door.py) asks for one step at a time.  The steps: levenberg.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vetro.engines.job import Stopping

Floats = NDArray[np.float64]


class Steps(Protocol):
    """A solver: w (columns,), its value, and a step that says why it is the last, "" if not."""

    w: Floats
    value: float

    def step(self) -> str: ...


class Solving:
    """The steps of a solver, each an epoch, because it takes all rows.

    held_out: the loss of the validation rows, None without them.  best: (columns,), the parameters
    with the lowest score; the score is the validation loss, or else the loss.
    """

    def __init__(
        self, solver: Steps, stopping: Stopping, held_out: Callable[[Floats], float] | None
    ) -> None:
        self.solver, self._stopping, self._held_out = solver, stopping, held_out
        self.steps = self.best_epoch = 0
        self.waited = 0
        self.best_score = math.inf
        self.best = solver.w
        self.validation: list[float] = []

    def advance(self) -> str:
        """Take one step.  Why training ends with it, "" if it goes on: "done" (all steps are
        taken), "patience", or the solver's reason."""
        reason = self.solver.step()
        self.steps += 1
        score = self.solver.value
        if self._held_out is not None:
            score = self._held_out(self.solver.w)
            self.validation.append(score)
        if score < self.best_score:
            self.best_score, self.best_epoch, self.waited = score, self.steps, 0
            self.best = self.solver.w
        else:
            self.waited += 1
        if reason:
            return reason
        if self._stopping.patience and self.waited >= self._stopping.patience:
            return "patience"
        return "done" if self.steps >= self._stopping.steps else ""
