"""Straight lines below and above an activation, unit by unit: the relaxation of CROWN.

Zhang et al. 2018, "Efficient neural network robustness certification with general activation
functions"; for relu the choice of the lower line is DeepPoly's (Singh et al. 2019).  One rule
bounds all smooth activations: for a slope k, f(z) - k z stays between its smallest and largest
value on a grid of [low, high], widened by (cell width)^2 / 8 times the largest |f''|.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vetro.glass.bounds.rounding_bounds import SAFE, smallest, unit
from vetro.glass.plain import activation, derivative
from vetro.networks.lowered import Operation

Floats = NDArray[np.float64]

CELLS = 16
EVALUATION = 2.0**-47
"""The relative error allowed for a function value that is computed here: 64 units."""

CURVATURE = {"tanh": 0.7699, "sigmoid": 0.0963, "silu": 0.5001, "gelu": 0.798, "gelu_tanh": 0.81}
"""The largest |f''|, rounded up: 4 / (3 sqrt 3), 1 / (6 sqrt 3), 1 / 2 and sqrt(2 / pi).  The value
for gelu_tanh was computed on a grid."""

_RISING = ("identity", "relu", "tanh", "sigmoid", "softplus")


@dataclass(frozen=True, eq=False)
class Lines:
    """lower_slope z + lower <= f(z) <= upper_slope z + upper for z in [low, high], and
    f(z) in [least, most]; arrays of one shape.  error: a bound of the engine's error in f(z)."""

    lower_slope: Floats
    lower: Floats
    upper_slope: Floats
    upper: Floats
    least: Floats
    most: Floats
    error: Floats


def lines(operation: Operation, low: Floats, high: Floats, dtype: str) -> Lines:
    """The lines of an activation over [low, high], each (boxes, units)."""
    function, numbers = operation.function, operation.numbers
    if function in ("identity", "relu", "leaky_relu"):
        slope = {"identity": 1.0, "relu": 0.0}.get(function)
        found = _bend(numbers[0] if slope is None else slope, low, high)
    else:
        found = _curve(operation, low, high)
    size = np.maximum(np.abs(found.least), np.abs(found.most))
    return replace(found, error=_engine_error(operation, low, high, size, dtype))


def _bend(slope: float, low: Floats, high: Floats) -> Lines:
    """f(z) = z above 0, slope z below: one line is the chord, the other passes through 0."""
    at_low = np.where(low > 0, low, slope * low)
    at_high = np.where(high > 0, high, slope * high)
    with np.errstate(invalid="ignore", divide="ignore"):
        chord = (at_high - at_low) / (high - low)
    crossing = (low < 0) & (high > 0)
    straight = np.where(low >= 0, 1.0, slope)
    chord = np.where(crossing, chord, straight)
    # f(high) - chord * high, with an allowance for the chord's rounding
    rest = np.where(crossing, at_high - chord * high, 0.0)
    room = np.where(crossing, EVALUATION * (np.abs(at_high) + np.abs(at_low) + np.abs(low)), 0.0)
    through = np.where(crossing, np.where(high >= -low, 1.0, slope), straight)
    zero = np.zeros_like(low)
    if slope <= 1:  # convex: the chord is above
        parts = (through, zero, chord, rest + room)
    else:
        parts = (chord, rest - room, through, zero)
    ends = np.stack([at_low, at_high, np.where(crossing, 0.0, at_low)])
    return Lines(*parts, ends.min(axis=0), ends.max(axis=0), zero)


def _curve(operation: Operation, low: Floats, high: Floats) -> Lines:
    function, numbers = operation.function, operation.numbers
    width = high - low
    steps = np.linspace(0.0, 1.0, CELLS + 1)
    points = low[..., None] + width[..., None] * steps
    points[..., -1] = high
    if function == "elu":  # its slope may jump at 0: 0 must not lie inside a cell
        points = np.concatenate([points, np.clip(0.0, low, high)[..., None]], axis=-1)
    values = activation(operation, points)
    with np.errstate(over="ignore"):
        remainder = SAFE * _curvature(operation) * (width / CELLS) ** 2 / 8
    size = np.maximum(np.abs(low), np.abs(high))
    jump = _jump(operation, low, high)

    middle = low / 2 + high / 2
    at_ends = derivative(operation, np.stack([low, middle, high]))
    with np.errstate(invalid="ignore", divide="ignore"):
        chord = (values[..., CELLS] - values[..., 0]) / width
    chord = np.where(np.isfinite(chord), chord, at_ends[1])
    flat = np.minimum(at_ends[0], at_ends[2])
    best: list[Floats] = []
    for slope in (chord, at_ends[1], flat):
        rest = values - slope[..., None] * points
        spare = remainder + jump + EVALUATION * (np.abs(values).max(axis=-1) + size + 1)
        spare = spare + EVALUATION * np.abs(slope) * size
        lower, upper = rest.min(axis=-1) - spare, rest.max(axis=-1) + spare
        if not best:
            best = [slope, lower, slope, upper]
            continue
        nearer = slope * middle + lower > best[0] * middle + best[1]
        best[0], best[1] = np.where(nearer, slope, best[0]), np.where(nearer, lower, best[1])
        nearer = slope * middle + upper < best[2] * middle + best[3]
        best[2], best[3] = np.where(nearer, slope, best[2]), np.where(nearer, upper, best[3])
    rising = function in _RISING or (function == "elu" and numbers[0] >= 0)
    spare = jump + (0.0 if rising else remainder) + EVALUATION * (np.abs(values).max(axis=-1))
    least, most = values.min(axis=-1) - spare, values.max(axis=-1) + spare
    return Lines(best[0], best[1], best[2], best[3], least, most, np.zeros_like(low))


def _curvature(operation: Operation) -> float:
    """The largest |f''|; for elu, that of its piece below 0."""
    if operation.function == "softplus":
        return abs(operation.numbers[0]) / 4
    if operation.function == "elu":
        return abs(operation.numbers[0])
    return CURVATURE[operation.function]


def _jump(operation: Operation, low: Floats, high: Floats) -> Floats:
    """Twice the error of softplus above its threshold, where the result is z itself: one error for
    the values on the grid, one for the engine's."""
    if operation.function != "softplus":
        return np.zeros_like(high)
    beta, threshold = operation.numbers
    reached = np.maximum(beta * low, beta * high) >= threshold - 1e-3 * (1 + abs(threshold))
    dropped = float(np.logaddexp(0.0, -threshold)) / abs(beta)
    return np.where(reached, 2 * SAFE * dropped, 0.0)


def _engine_error(
    operation: Operation, low: Floats, high: Floats, size: Floats, dtype: str
) -> Floats:
    """How far an engine's result may be from f(z): elementary functions within 2 units in the
    last place and a few operations around them, counted as 16 roundings of the sizes inside."""
    function, numbers = operation.function, operation.numbers
    if function in ("identity", "relu"):
        return np.zeros_like(low)
    inside = np.zeros_like(low)
    if function in ("gelu", "gelu_tanh"):  # z (1 + erf) / 2, where 1 + erf may cancel
        inside = np.maximum(np.abs(low), np.abs(high))
    elif function == "elu":
        inside = np.full_like(low, abs(numbers[0]))
    elif function == "softplus":
        inside = np.full_like(low, 1 / abs(numbers[0]))
    found: Floats = SAFE * 16 * unit(dtype) * (size + inside) + 8 * smallest(dtype)
    return found


def slopes(operation: Operation, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """The range of f' over [low, high]; at a bend it holds every slope between the two sides'."""
    function, numbers = operation.function, operation.numbers
    if function in ("identity", "relu", "leaky_relu"):
        below = {"identity": 1.0, "relu": 0.0}.get(function, numbers[0] if numbers else 0.0)
        left = np.where(low < 0, below, 1.0)
        right = np.where(high > 0, 1.0, below)
        return np.minimum(left, right), np.maximum(left, right)
    width = high - low
    points = low[..., None] + width[..., None] * np.linspace(0.0, 1.0, CELLS + 1)
    points[..., -1] = high
    values = derivative(operation, points)
    if function == "elu":
        sides = [
            np.where((low <= 0) & (high >= 0), side, values[..., 0]) for side in (1.0, numbers[0])
        ]
        values = np.concatenate([values, np.stack(sides, axis=-1)], axis=-1)
    # between two points f' moves by at most |f''| times half the cell
    spare = SAFE * _curvature(operation) * width / CELLS / 2 + EVALUATION * (
        1 + np.abs(high) + np.abs(low)
    )
    if function == "softplus":  # its derivative is 1 beyond the threshold
        spare = spare + np.exp(-numbers[1])
    least = values.min(axis=-1) - spare
    if function in _RISING or (function == "elu" and numbers[0] >= 0):
        least = np.maximum(least, 0.0)
    return least, values.max(axis=-1) + spare
