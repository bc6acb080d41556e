"""A training by a solver, step after step: validation, patience, and the best parameters.

Whoever runs it (solver_door.py) asks for one step at a time.  The steps: levenberg.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vetro.engines.job import Stopping, TrainingState

Floats = NDArray[np.float64]


class Steps(Protocol):
    """A solver: w (columns,), its value and damping, and a step that says why it is the last, "" if
    it is not."""

    @property
    def w(self) -> Floats: ...

    @property
    def value(self) -> float: ...

    @property
    def damping(self) -> float: ...

    def step(self) -> str: ...

    def state(self) -> dict[str, Any]: ...

    def restore(self, state: dict[str, Any]) -> None: ...


class Solving:
    """The steps of a solver, each an epoch, because it takes all rows.

    held_out: the loss of the validation rows, None without them.  score: of the last step, the
    validation loss, or else the loss.  best: (columns,), the parameters with the lowest score, or
    the last ones without stopping.keep_best.
    """

    def __init__(
        self, solver: Steps, stopping: Stopping, held_out: Callable[[Floats], float] | None
    ) -> None:
        self.solver, self._stopping, self._held_out = solver, stopping, held_out
        self.steps = self.best_epoch = 0
        self.waited = 0
        self.best_score = math.inf
        self.best = solver.w
        self.score = math.inf

    def advance(self) -> str:
        """Take one step.  Why training ends with it, "" if it goes on: "done" (all steps are
        taken), "patience", or the solver's reason."""
        reason = self.solver.step()
        self.steps += 1
        held_out = self._held_out
        self.score = score = self.solver.value if held_out is None else held_out(self.solver.w)
        if score < self.best_score or not self._stopping.keep_best:
            self.best_score, self.best_epoch, self.waited = score, self.steps, 0
            self.best = self.solver.w
        else:
            self.waited += 1
        if reason:
            return reason
        if self._stopping.patience and self.waited >= self._stopping.patience:
            return "patience"
        return "done" if self.steps >= self._stopping.steps else ""

    def state(self) -> TrainingState:
        """The state from which `restore` goes on with the same bits."""
        arrays: dict[str, NDArray[Any]] = {"parameters": self.solver.w, "best": self.best}
        numbers: dict[str, float] = {
            "steps": self.steps,
            "epochs": self.steps,
            "best_epoch": self.best_epoch,
            "best_score": self.best_score,
            "waited": self.waited,
        }
        for name, value in self.solver.state().items():
            if isinstance(value, np.ndarray):
                arrays[f"solver_{name}"] = value
            else:
                numbers[f"solver_{name}"] = value
        return TrainingState(arrays, numbers)

    def restore(self, state: TrainingState) -> None:
        """Go on from this state; the solver was made at its parameters."""
        held: dict[str, Any] = {**state.arrays, **state.numbers}
        self.steps, self.best_epoch = int(held["steps"]), int(held["best_epoch"])
        self.best_score, self.waited = float(held["best_score"]), int(held["waited"])
        self.best = state.arrays["best"]
        own = {n.removeprefix("solver_"): v for n, v in held.items() if n.startswith("solver_")}
        self.solver.restore(own)
