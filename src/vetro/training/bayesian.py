"""Bayesian regularisation: Levenberg-Marquardt that finds the strength of the weight decay itself.

MacKay 1992; Foresee and Hagan 1997.  It minimises beta E_D + alpha E_W, where E_D is the sum of
the squared errors and E_W that of the squared parameters, and estimates alpha and beta again after
every step.  No rows are needed for validation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.engines.squares import Squares
from vetro.networks.solvers import Regularisation, SolverRule
from vetro.training.levenberg import Levenberg

Floats = NDArray[np.float64]

_WARM_STEPS = 60
_SLOW, _SLOW_STEPS = 0.02, 5
_STRONGEST = 1e8
"""alpha / beta at most: weights are then about 0."""
_CALM = 1e-4
_CALM_STEPS = 5


class Bayesian:
    """Steps of Levenberg-Marquardt on beta E_D + alpha E_W.

    value: the loss itself, which may rise when alpha grows.  The first steps, as long as they lower
    the loss fast, have alpha = 0: estimated where the errors are still large, alpha would hold all
    parameters near 0.  Then, with P parameters and n residuals,
    after each step gamma = P - alpha tr (beta J^T J + alpha I)^-1, alpha = gamma / (2 E_W) and
    beta = (n - gamma) / (2 E_D).
    """

    def __init__(self, squares: Squares, start: Floats, rule: SolverRule) -> None:
        self._rule = rule
        self._objective = _Regularised(squares)
        self._parameters = len(start)
        self._steps = Levenberg(self._objective, start, rule)
        self._effective = float(self._parameters)
        self._calm = 0
        self._warm = self._slow = 0

    @property
    def w(self) -> Floats:
        return self._steps.w

    @property
    def value(self) -> float:
        return self._objective.loss(self.w)

    @property
    def damping(self) -> float:
        return self._steps.damping

    @property
    def regularisation(self) -> Regularisation:
        """Its present estimates."""
        objective = self._objective
        return Regularisation(objective.alpha, objective.beta, self._effective, self._parameters)

    def step(self) -> str:
        """Take a step and estimate again.  Why none is left to take, else "": see Levenberg.step;
        "change" also if gamma has not moved in the last steps."""
        before = self._objective.loss(self.w)
        reason = self._steps.step()
        if self._warm < _WARM_STEPS:
            fallen = 1 - self._objective.loss(self.w) / before if before > 0 else 0.0
            self._slow = self._slow + 1 if fallen < _SLOW else 0
            self._warm = _WARM_STEPS if reason or self._slow >= _SLOW_STEPS else self._warm + 1
            if self._warm < _WARM_STEPS:
                return ""
        first, effective = not self._objective.alpha, self._gamma()
        self._objective.estimate(self.w, effective)
        self._steps.value = self._objective.value(self.w)
        moved = abs(effective - self._effective) / max(effective, 1e-300)
        fallen = abs(before - self._objective.loss(self.w)) / max(before, 1e-300)
        self._effective = effective
        calm = not first and max(moved, fallen) < _CALM
        self._calm = self._calm + 1 if calm else 0
        if self._calm >= _CALM_STEPS:
            return "change"
        if reason == "damping" and not calm:
            self._steps.damping = self._rule.damping.start
        return reason if calm else ""  # else: another alpha, another minimum

    def _gamma(self) -> float:
        """The effective number of parameters by the last matrix."""
        if not self._objective.alpha:  # the first estimate
            return min(self._effective, self._objective.residuals / 2)
        trace = self._steps.inverse_trace()
        if trace is None:
            return self._effective
        return self._parameters - self._objective.alpha * trace

    def state(self) -> dict[str, Any]:
        """What `restore` needs besides w."""
        objective = self._objective
        return {
            **self._steps.state(),
            "alpha": objective.alpha,
            "beta": objective.beta,
            "effective": self._effective,
            "calm": float(self._calm),
            "warm": float(self._warm),
            "slow": float(self._slow),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from this state, at the w that the solver was made with."""
        self._objective.alpha, self._objective.beta = state["alpha"], state["beta"]
        self._effective, self._calm = state["effective"], int(state["calm"])
        self._warm, self._slow = int(state["warm"]), int(state["slow"])
        self._steps.restore(state)
        self._steps.value = self._objective.value(self.w)


class _Regularised:
    """beta E_D + alpha E_W, as an objective of Levenberg."""

    def __init__(self, squares: Squares) -> None:
        self._squares = squares
        self.alpha, self.beta = 0.0, 1.0

    @property
    def residuals(self) -> int:
        return self._squares.residuals

    def loss(self, w: Floats) -> float:
        return self._squares.value(w)

    def value(self, w: Floats) -> float:
        return self.beta * self._errors(w) + self.alpha * _square(w)

    def normal(self, w: Floats, matrix: Floats, gradient: Floats) -> float:
        value = self._squares.normal(w, matrix, gradient)
        factor = self.beta * self._squares.divisor
        matrix *= factor
        matrix[np.diag_indices_from(matrix)] += self.alpha
        gradient *= factor
        gradient += self.alpha * w
        return factor * value + self.alpha * _square(w)

    def estimate(self, w: Floats, effective: float) -> None:
        errors, size = self._errors(w), _square(w)
        left = self._squares.residuals - effective
        self.beta = left / (2 * errors) if errors > 0 and left > 0 else 1.0
        self.alpha = effective / (2 * size) if size > 0 and effective > 0 else 1.0
        # of noise alpha would grow without end, while the weights go to 0
        self.alpha = min(self.alpha, _STRONGEST * self.beta)

    def _errors(self, w: Floats) -> float:
        return self._squares.value(w) * self._squares.divisor


def _square(w: Floats) -> float:
    return float(np.sum(w * w))
