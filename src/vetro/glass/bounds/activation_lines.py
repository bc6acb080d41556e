"""Straight lines below and above an activation, unit by unit: the relaxation of CROWN.

Zhang et al. 2018, "Efficient neural network robustness certification with general activation
functions"; for relu the choice of the lower line is DeepPoly's (Singh et al. 2019).  One rule
bounds all smooth activations: for a slope k, f(z) - k z stays between its smallest and largest
value on a grid of [low, high], widened by (cell width)^2 / 8 times the largest |f''|.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vetro.glass.bounds.rounding_bounds import SAFE, smallest, unit
from vetro.glass.plain import Floats
from vetro.networks.activations.activation import Activation
from vetro.networks.arithmetic import FLOATS
from vetro.networks.lowered import Operation

CELLS = 16
EVALUATION = 2.0**-47
"""The relative error allowed for a function value that is computed here: 64 units."""


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
    known = operation.activation
    found = _bend(known.below, low, high) if known.below is not None else _curve(known, low, high)
    size = np.maximum(np.abs(found.least), np.abs(found.most))
    return replace(found, error=_engine_error(known, low, high, size, dtype))


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


def _curve(known: Activation, low: Floats, high: Floats) -> Lines:
    width = high - low
    steps = np.linspace(0.0, 1.0, CELLS + 1)
    points = low[..., None] + width[..., None] * steps
    points[..., -1] = high
    for edge in _edges(known):  # where the slope jumps, which must not lie inside a cell
        points = np.concatenate([points, np.clip(edge, low, high)[..., None]], axis=-1)
    with np.errstate(over="ignore"):
        values = known.value(FLOATS, points)
        remainder = SAFE * known.bent * (width / CELLS) ** 2 / 8
        at_ends = known.slope(FLOATS, np.stack([low, low / 2 + high / 2, high]))
    size = np.maximum(np.abs(low), np.abs(high))
    jump = _jump(known, low, high)

    middle = low / 2 + high / 2
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
    spare = jump + (0.0 if known.rising else remainder) + EVALUATION * (np.abs(values).max(axis=-1))
    least, most = values.min(axis=-1) - spare, values.max(axis=-1) + spare
    return Lines(best[0], best[1], best[2], best[3], least, most, np.zeros_like(low))


def _edges(known: Activation) -> tuple[float, ...]:
    """The places where only the slope jumps."""
    return tuple(edge / known.steep for edge in known.edges) if known.gap == 0.0 else ()


def _jump(known: Activation, low: Floats, high: Floats) -> Floats:
    """Twice what the function jumps by, where an edge with a gap is reached: one error for the
    values on the grid, one for the engine's."""
    found = np.zeros_like(high)
    if known.gap > 0.0:
        for edge in known.edges:
            reached = np.maximum(known.steep * low, known.steep * high)
            near = reached >= edge - 1e-3 * (1 + abs(edge))
            found = np.where(near, 2 * SAFE * known.gap, found)
    return found


def _engine_error(known: Activation, low: Floats, high: Floats, size: Floats, dtype: str) -> Floats:
    """How far an engine's result may be from f(z): its roundings, counted as in verify, and what
    underflows inside, which a factor z may multiply."""
    if known.exact:
        return np.zeros_like(low)
    far = np.maximum(np.abs(low), np.abs(high))
    counted = unit(dtype) * known.roundings(far, size)
    found: Floats = SAFE * (counted + (8 + far) * smallest(dtype))
    return found


def slopes(operation: Operation, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """The range of f' over [low, high]; at a bend it holds every slope between the two sides'."""
    known = operation.activation
    if known.bent == 0.0 and known.gap == 0.0:
        return _straight_slopes(known, low, high)
    width = high - low
    points = low[..., None] + width[..., None] * np.linspace(0.0, 1.0, CELLS + 1)
    points[..., -1] = high
    with np.errstate(over="ignore"):
        values = known.slope(FLOATS, points)
    for number, edge in enumerate(_edges(known)):
        within = (low <= edge) & (edge <= high)
        for curve in known.curves[number : number + 2]:
            side = np.where(within, curve.slope(FLOATS, np.full_like(low, edge)), values[..., 0])
            values = np.concatenate([values, side[..., None]], axis=-1)
    # between two points f' moves by at most |f''| times half the cell, and jumps at a gap
    spare = SAFE * known.bent * width / CELLS / 2 + EVALUATION * (1 + np.abs(high) + np.abs(low))
    if known.gap > 0.0:
        spare = spare + SAFE * known.slope_gap
    least = values.min(axis=-1) - spare
    if known.rising:
        least = np.maximum(least, 0.0)
    return least, values.max(axis=-1) + spare


def _straight_slopes(known: Activation, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """The range of f' of a piecewise linear function: the slopes of the pieces that are met."""
    least, most = np.full_like(low, np.inf), np.full_like(low, -np.inf)
    ends = (-np.inf, *_edges(known), np.inf)
    for curve, start, end in zip(known.curves, ends, ends[1:], strict=False):
        met = (low < end) & (high > start) | (low >= start) & (high <= end)
        slope = float(curve.slope(FLOATS, np.zeros(())))
        least = np.where(met, np.minimum(least, slope), least)
        most = np.where(met, np.maximum(most, slope), most)
    return least, most
