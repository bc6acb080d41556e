"""Blocks: how an input column becomes columns of the encoded matrix, with the formula.

A block holds plain, frozen numbers, so that a trace, an export or a torch module can repeat the
computation of `write`.  A block does not know the other columns; encoder.py joins the blocks.
Those of categories are in level_blocks.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.tables.instants import is_time
from vetro.tables.level_blocks import CategoryBlock, OrderedBlock
from vetro.tables.schema import Column

Floats = NDArray[np.float64]

PERIODS = {"year": 365.2425, "weekday": 7.0, "time of day": 1.0}
"""The cycles of a date, in days; with the mean Gregorian year a phase is at most 2 days off."""

_CLOCK: tuple[str, ...] = ("time of day",)
"""The cycles of a column of times of day."""

_SHORTEST_RANGE = {"year": 180.0, "weekday": 14.0, "time of day": 1.0}


def moments(values: Floats, weights: Floats | None = None) -> tuple[float, float]:
    """Mean and standard deviation (divided by the sum of weights); (0, 0) if there are no values.

    weights: one for each value; None means 1.  The second pass corrects the first: d = x - m,
    mean = m + mean(d), variance = mean(d^2) - mean(d)^2 (Chan, Golub, LeVeque 1983).  If their
    squares would leave the range of float64, the values are first scaled by a power of two.
    """
    if len(values) == 0:
        return 0.0, 0.0
    low, high = float(values.min()), float(values.max())
    if low == high:
        return low, 0.0
    exponent = math.frexp(max(abs(low), abs(high)))[1]
    if abs(exponent) < 400:
        exponent = 0
    scaled = np.ldexp(values, -exponent) if exponent else values
    first = _mean(scaled, weights)
    differences = scaled - first
    shift = _mean(differences, weights)
    variance = _mean(np.square(differences, out=differences), weights) - shift * shift
    mean, deviation = first + shift, math.sqrt(max(variance, 0.0))
    return math.ldexp(mean, exponent), math.ldexp(deviation, exponent)


def _mean(values: Floats, weights: Floats | None) -> float:
    if weights is None:
        return float(values.mean())
    return float((values * weights).sum()) / float(weights.sum())


def median_of(values: Floats, weights: Floats | None = None, *, lower: bool = False) -> float:
    """The median; 0 if there are no values.  Of two middle values: their mean, or the lower one.

    weights: a value of weight 2 counts as two equal values; None means 1.
    """
    if len(values) == 0:
        return 0.0
    if weights is None:
        high = len(values) // 2
        low = (len(values) - 1) // 2
        middle = np.partition(values, (low, high))[[low, high]]
    else:
        order = np.argsort(values, kind="stable")
        below = np.cumsum(weights[order])
        half = below[-1] / 2
        # the sums are rounded: a share that is half within rounding counts as half
        slack = 1e-12 * below[-1]
        places = np.searchsorted(below, (half - slack, half + slack))
        middle = values[order[np.minimum(places, len(values) - 1)]]
    if lower or middle[0] == middle[1]:
        return float(middle[0])
    with np.errstate(over="ignore"):
        mean = float(middle.sum()) / 2
    # The middle of two huge numbers overflows: halve them first.
    return mean if math.isfinite(mean) else float((middle / 2).sum())


def reciprocal(deviation: float) -> float:
    """1 / deviation, or 0 if that is not a finite number."""
    inverse = 1.0 / deviation if deviation > 0 else 0.0
    return inverse if math.isfinite(inverse) else 0.0


def standardise(out: NDArray[Any], values: Floats, mean: float, scale: float) -> None:
    """out = (values - mean) * scale, in float64 and then cast; 0 where the scale is 0."""
    if scale == 0.0:
        out[...] = 0.0
        return
    # A value far outside the training range may overflow: then its float32 is infinity.
    with np.errstate(over="ignore"):
        difference = values - mean
        difference *= scale
        out[...] = difference


def _filled(values: Floats, median: float) -> tuple[Floats, NDArray[np.bool_] | None]:
    """The values with the median for missing ones, and where values are missing (None: nowhere)."""
    with np.errstate(
        over="ignore", invalid="ignore"
    ):  # huge values: a sum that is NaN says no more
        total = float(values.sum())
    if not math.isnan(total):
        return values, None
    missing = np.isnan(values)
    return np.where(missing, median, values), missing


def _scaling(column: Column, values: Floats, weights: Floats | None) -> dict[str, Any]:
    """What numbers and dates have in common: their statistics and the indicator of missing ones."""
    present, weights = known(values, weights)
    mean, deviation = moments(present, weights)
    return {
        "name": column.name,
        "mean": mean,
        "scale": reciprocal(deviation),
        "median": median_of(present, weights),
        "indicator": column.missing > 0,
        "indicator_trained": column.missing > 0 and len(present) < len(values),
    }


def quantile_borders(values: Floats, bins: int, weights: Floats | None = None) -> tuple[float, ...]:
    """The borders of `bins` bins with equal numbers of values, rising; the first and the last are
    the smallest and the largest value.

    Each border is one of the values.  Fewer bins where values repeat; () where fewer than two
    bins would be left.  weights: a value of weight 2 counts as two equal values; None means 1.
    """
    if bins < 2 or len(values) < 3:
        return ()
    if weights is None:
        ordered, below = np.sort(values), np.arange(1.0, len(values) + 1)
    else:
        order = np.argsort(values, kind="stable")
        ordered, below = values[order], np.cumsum(weights[order])
    # the sums of weights are rounded: the slack makes equal shares equal
    shares = np.arange(1, bins) / bins - 1e-12
    places = np.searchsorted(below, shares * below[-1])
    inner = ordered[np.minimum(places, len(values) - 1)]
    borders = np.unique(np.concatenate([ordered[:1], inner, ordered[-1:]]))
    with np.errstate(over="ignore"):
        widths = np.diff(borders)
    if len(borders) < 3 or not np.isfinite(widths).all() or widths.min() < _NARROWEST:
        return ()
    return tuple(borders.tolist())


_NARROWEST = 1e-290
"""Bins of such a width are not made: a share in them would lose its digits."""


@dataclass(frozen=True)
class NumberBlock:
    """A number or a flag: (x - mean) * scale; scale is 1 / standard deviation, or 0.

    borders: of the bins, rising; () for none.  Bin j is the column
    min(max((x - borders[j]) / (borders[j + 1] - borders[j]), 0), 1): the share of it that x fills
    (Gorishniy et al. 2022, piecewise linear encoding by quantiles).  One bin at most has a share
    between 0 and 1; those below are 1, those above are 0.
    A missing x counts as the median.  indicator: whether a last column is 1 where x
    is missing and 0 elsewhere; it stays 0 unless indicator_trained, that is, unless a
    training row lacked x.
    """

    name: str
    mean: float
    scale: float
    median: float
    indicator: bool = False
    indicator_trained: bool = False
    borders: tuple[float, ...] = ()

    @staticmethod
    def fit(
        column: Column, values: Floats, weights: Floats | None = None, bins: int = 0
    ) -> NumberBlock:
        """The block for a column, from the values of the training rows.  bins: at most; of a flag
        none."""
        borders: tuple[float, ...] = ()
        if bins and column.kind == "number":
            present, counted = known(values, weights)
            borders = quantile_borders(present, bins, counted)
        return NumberBlock(**_scaling(column, values, weights), borders=borders)

    @property
    def names(self) -> tuple[str, ...]:
        bins = (f"{self.name} bin {number}" for number in range(1, self.bins + 1))
        missing = (f"{self.name} is missing",) if self.indicator else ()
        return (self.name, *bins, *missing)

    @property
    def bins(self) -> int:
        return max(len(self.borders) - 1, 0)

    @property
    def width(self) -> int:
        return 1 + self.bins + self.indicator

    def shares(self, values: Floats) -> Floats:
        """(n, bins): how far each value (n,) fills each bin, 0 to 1."""
        borders = np.array(self.borders)
        with np.errstate(over="ignore"):  # a difference beyond float64 is a full or empty bin
            found: Floats = (values[:, None] - borders[:-1]) / np.diff(borders)
        return np.clip(found, 0.0, 1.0, out=found)

    def write(self, out: NDArray[Any], values: Floats) -> None:
        """Fill out (n, width) from values (n,), NaN where missing."""
        filled, missing = _filled(values, self.median)
        standardise(out[:, 0], filled, self.mean, self.scale)
        if self.borders:
            out[:, 1 : 1 + self.bins] = self.shares(filled)
        if self.indicator:
            out[:, -1] = 0 if missing is None or not self.indicator_trained else missing


@dataclass(frozen=True)
class DateBlock:
    """A date d, in days since 1970-01-01 with the time of day as a fraction; or only that fraction.

    The columns: (d - mean) * scale if `days`; then for each cycle of period p (PERIODS)
    sin(a) and cos(a) with a = 2 pi (d mod p) / p; then the indicator, as for numbers.  A missing d
    counts as the median.  A time of day has no `days` and the cycle of a day only.
    """

    name: str
    mean: float
    scale: float
    median: float
    days: bool
    cycles: tuple[str, ...]
    indicator: bool = False
    indicator_trained: bool = False

    @staticmethod
    def fit(
        column: Column,
        values: Floats,
        everywhere: Floats,
        weights: Floats | None = None,
        weights_everywhere: Floats | None = None,
    ) -> DateBlock:
        """From the training rows' values; the layout from the values of all rows."""
        whole, weights_everywhere = known(everywhere, weights_everywhere)
        if is_time(column.reading.date_format):
            days, cycles = False, _CLOCK
        else:
            days = len(whole) > 0 and float(whole.min()) < float(whole.max())
            cycles = tuple(
                cycle for cycle in PERIODS if _has_cycle(whole, weights_everywhere, cycle)
            )
        return DateBlock(**_scaling(column, values, weights), days=days, cycles=cycles)

    @property
    def names(self) -> tuple[str, ...]:
        parts = ["days"] if self.days else []
        parts += [f"{wave} {cycle}" for cycle in self.cycles for wave in ("sin", "cos")]
        names = [f"{self.name} ({part})" for part in parts]
        return (*names, f"{self.name} is missing") if self.indicator else tuple(names)

    @property
    def width(self) -> int:
        return self.days + 2 * len(self.cycles) + self.indicator

    def write(self, out: NDArray[Any], values: Floats) -> None:
        """Fill out (n, width) from days (n,), NaN where missing."""
        filled, missing = _filled(values, self.median)
        if self.days:
            standardise(out[:, 0], filled, self.mean, self.scale)
        for number, cycle in enumerate(self.cycles):
            angle = phase(filled, PERIODS[cycle])
            out[:, self.days + 2 * number] = np.sin(angle)
            out[:, self.days + 2 * number + 1] = np.cos(angle)
        if self.indicator:
            out[:, -1] = 0 if missing is None or not self.indicator_trained else missing


Block = NumberBlock | CategoryBlock | OrderedBlock | DateBlock


def phase(days: Floats, period: float) -> Floats:
    """2 pi (d mod p) / p."""
    angle: Floats = np.remainder(days, period)
    angle /= period
    angle *= 2 * math.pi
    return angle


def known(values: Floats, weights: Floats | None) -> tuple[Floats, Floats | None]:
    """The values that are not missing, with their weights."""
    present = ~np.isnan(values)
    return values[present], None if weights is None else weights[present]


def _has_cycle(days: Floats, weights: Floats | None, cycle: str) -> bool:
    """Whether the range is long enough for the cycle and the phases differ enough.

    They differ enough if the length of their mean unit vector is below 0.999, that is, if their
    spread is above about 2.6 degrees.
    """
    if len(days) == 0 or float(days.max()) - float(days.min()) <= _SHORTEST_RANGE[cycle]:
        return False
    angle = phase(days, PERIODS[cycle])
    return math.hypot(_mean(np.sin(angle), weights), _mean(np.cos(angle), weights)) < 0.999
