"""L-BFGS: steps along an estimate of the second derivatives from the last gradients.

Nocedal 1980; the step lengths satisfy the strong Wolfe conditions (Nocedal and Wright, algorithms
3.5 and 3.6).  Any smooth loss; it needs no matrix, so the number of parameters is not limited.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vetro.networks.solvers import SolverRule

Floats = NDArray[np.float64]

MEMORY = 20
_DECREASE, _CURVATURE = 1e-4, 0.9
_TRIALS = 25
_LEAST_CHANGE = 1e-14
_UNCHANGED = 5


class Gradients(Protocol):
    """A loss and its gradient at parameters (columns,), which learn."""

    def value(self, w: Floats) -> float: ...

    def gradient(self, w: Floats) -> tuple[float, Floats]: ...


class Lbfgs:
    """w: (columns,), the parameters now; value: their loss.  damping: of no meaning here, 0."""

    damping = 0.0

    def __init__(self, objective: Gradients, start: Floats, rule: SolverRule) -> None:
        self._objective, self._rule = objective, rule
        self.w = np.array(start, dtype=np.float64)
        self.value, self._gradient = objective.gradient(self.w)
        self._pairs: list[tuple[Floats, Floats]] = []
        self._unchanged = 0

    def step(self) -> str:
        """Take a step.  Why none is left to take, else "": "gradient" (no derivative is above
        rule.least_gradient), "change" (the last steps lowered the loss by less than its rounding,
        or no step along the direction lowers it)."""
        if float(np.abs(self._gradient).max()) <= self._rule.least_gradient:
            return "gradient"
        for attempt in range(2):
            direction = self._direction()
            slope = _dot(direction, self._gradient)
            found = None
            if slope < 0:
                first = 1.0 if self._pairs else min(1.0, 1.0 / math.sqrt(-slope))
                found = self._search(direction, slope, first)
            if found is not None or attempt or not self._pairs:
                break
            self._pairs.clear()  # the gradient alone
        if found is None:
            return "change"
        value, gradient, w = found
        change, turned = w - self.w, gradient - self._gradient
        if _dot(change, turned) > 1e-10 * _dot(turned, turned):
            self._pairs = [*self._pairs[1 - MEMORY :], (change, turned)]
        fallen = (self.value - value) / max(abs(self.value), 1e-300)
        self._unchanged = self._unchanged + 1 if fallen < _LEAST_CHANGE else 0
        self.w, self.value, self._gradient = w, value, gradient
        return "change" if self._unchanged >= _UNCHANGED else ""

    def state(self) -> dict[str, Any]:
        """What `restore` needs besides w."""
        changes = np.array([one for one, _ in self._pairs]).reshape(len(self._pairs), -1)
        turns = np.array([one for _, one in self._pairs]).reshape(len(self._pairs), -1)
        return {"changes": changes, "turns": turns, "unchanged": float(self._unchanged)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from this state, at the w that the solver was made with."""
        self._pairs = list(zip(state["changes"], state["turns"], strict=True))
        self._unchanged = int(state["unchanged"])

    def _direction(self) -> Floats:
        """-H gradient, H the estimate of the inverse second derivatives (two loops)."""
        q, weights = self._gradient.copy(), []
        for change, turned in reversed(self._pairs):
            weight = _dot(change, q) / _dot(turned, change)
            weights.append(weight)
            q -= weight * turned
        if self._pairs:
            change, turned = self._pairs[-1]
            q *= _dot(change, turned) / _dot(turned, turned)
        for (change, turned), weight in zip(self._pairs, reversed(weights), strict=True):
            q += (weight - _dot(turned, q) / _dot(turned, change)) * change
        return -q

    def _search(
        self, direction: Floats, slope: float, first: float
    ) -> tuple[float, Floats, Floats] | None:
        """Value, gradient and w of a length that satisfies the strong Wolfe conditions, or of the
        best that lowers the value; None if none does."""
        start = self.value
        low, low_value, low_slope = 0.0, start, slope
        high, high_value = math.inf, math.inf
        best: tuple[float, Floats, Floats] | None = None
        length = first
        for _ in range(_TRIALS):
            w = self.w + length * direction
            value, gradient = self._objective.gradient(w)
            here = _dot(gradient, direction) if math.isfinite(value) else math.inf
            if (
                not math.isfinite(here)
                or value > start + _DECREASE * length * slope
                or (best is not None and value >= low_value)
            ):
                high, high_value = length, value
            else:
                if best is None or value < best[0]:
                    best = value, gradient, w
                if abs(here) <= -_CURVATURE * slope:
                    return value, gradient, w
                if here * (high - low) >= 0:
                    high, high_value = low, low_value
                low, low_value, low_slope = length, value, here
            if math.isinf(high):
                length = 4 * low if low > 0 else 4 * length
                continue
            if abs(high - low) <= 1e-12 * max(abs(high), 1e-300):
                break
            length = _between(low, low_value, low_slope, high, high_value)
        return best


def _between(low: float, value: float, slope: float, high: float, other: float) -> float:
    """The minimum of the parabola through both ends, or the middle if it is near one of them."""
    width = high - low
    bend = other - value - slope * width
    share = -slope * width / (2 * bend) if math.isfinite(bend) and bend > 0 else 0.5
    return low + width * (share if 0.1 <= share <= 0.9 else 0.5)


def _dot(a: Floats, b: Floats) -> float:
    return float(np.sum(a * b))
