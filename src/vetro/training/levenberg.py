"""Levenberg-Marquardt: damped least squares for small networks.

Not a general optimiser: it needs a sum of squares, and J^T J in memory.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vetro.engines.cholesky import cholesky
from vetro.networks.solvers import SolverRule

Floats = NDArray[np.float64]

LEAST_DAMPING = 1e-20
_LEAST_CHANGE = 1e-14
_UNCHANGED = 5


class Objective(Protocol):
    """The function to minimise, with a positive semidefinite matrix in place of half its second
    derivatives (Squares are one)."""

    def value(self, w: Floats) -> float: ...

    def normal(self, w: Floats, matrix: Floats, gradient: Floats) -> float:
        """The value; the matrix, and half the gradient, are written."""
        ...


class Levenberg:
    """Steps that solve (J^T J + mu I) step = -J^T r, each taken only if it lowers the loss.

    w: (columns,), the parameters now; value: their loss.  damping: mu.  A failed attempt uses J^T J
    again.
    """

    def __init__(self, objective: Objective, start: Floats, rule: SolverRule) -> None:
        self._objective, self._rule = objective, rule
        self.w = np.array(start, dtype=np.float64)
        self.value = objective.value(self.w)
        self.damping = rule.damping.start
        size = len(self.w)
        self._matrix, self._gradient = np.zeros((size, size)), np.zeros(size)
        self._factor, self._added = cholesky(size), np.zeros(size)
        self._unchanged = 0

    def state(self) -> dict[str, Any]:
        """What `restore` needs besides w."""
        return {"damping": self.damping, "unchanged": float(self._unchanged)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from this state, at the w that the solver was made with."""
        self.damping, self._unchanged = state["damping"], int(state["unchanged"])

    def inverse_trace(self) -> float | None:
        """The trace of the inverse of the last matrix, without damping; None if it is singular."""
        whole = self._factor.factor(self._matrix, np.zeros(len(self.w)))
        return self._factor.inverse_trace() if whole else None

    def step(self) -> str:
        """Take a step.  Why none is left to take, else "": "gradient" (no derivative is above
        rule.least_gradient), "damping" (no step lowers the loss), or "change" (the last steps
        lowered it by less than its rounding)."""
        self._objective.normal(self.w, self._matrix, self._gradient)
        if 2 * float(np.abs(self._gradient).max()) <= self._rule.least_gradient:
            return "gradient"
        return self.attempt()

    def attempt(self) -> str:
        """Try steps from the present matrix and gradient until one lowers the value."""
        damping = self._rule.damping
        unit = None
        if damping.by_diagonal:
            diagonal = self._matrix.diagonal()
            unit = np.where(diagonal > 0, diagonal, 1.0)
        while self.damping <= damping.limit:
            self._added.fill(self.damping)
            if unit is not None:
                self._added *= unit
            step = self._solution()
            if step is not None:
                candidate = self.w - step
                value = self._objective.value(candidate)
                if value < self.value:
                    change = (self.value - value) / self.value
                    self._unchanged = self._unchanged + 1 if change < _LEAST_CHANGE else 0
                    self.w, self.value = candidate, value
                    self.damping = max(self.damping * damping.down, LEAST_DAMPING)
                    return "change" if self._unchanged >= _UNCHANGED else ""
            self.damping *= damping.up
        self.damping = damping.limit
        return "damping"

    def _solution(self) -> Floats | None:
        """The step against the gradient; None if the matrix is not positive definite.  (Of a step
        that is not finite the value is not lower.)"""
        if not self._factor.factor(self._matrix, self._added):
            return None
        step = self._gradient.copy()
        self._factor.solve(step)
        return step
