"""How far a first layer's sums depart from straight lines because numbers with codes change bins.

Over a box, the sum that a unit receives from one column's codes is a piecewise linear function of
the column.  So is its distance from the line of the row's bin: its extremes are at the borders of
bins and at the ends of the box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb, arb_mat
from numpy.typing import NDArray

from vetro.glass import exact
from vetro.glass.formula.bins import Bin, Chart, bin_of
from vetro.glass.subject import Subject


@dataclass(frozen=True, eq=False)
class Codes:
    """chart: of the row.  departures: for each column whose box leaves the bin, (first feature,
    (bins, points)): share - line at the points where it may be extreme."""

    chart: Chart
    departures: tuple[tuple[int, arb_mat], ...]

    def of_features(self, count: int) -> list[arb]:
        """For each feature, the range of share - line over the box."""
        found = [arb(0)] * count
        for first, shares in self.departures:
            for place, values in enumerate(shares.table(), start=first):
                found[place] = _hull(values)
        return found

    def rests(self, weight: NDArray[Any]) -> list[arb]:
        """For each unit of a layer that reads the features, the range of its sum - line over the
        box.  weight: (units, features)."""
        found = [arb(0)] * len(weight)
        for first, shares in self.departures:
            own = exact.matrix(weight[:, first : first + shares.nrows()]) * shares
            for unit, values in enumerate(own.table()):
                found[unit] = found[unit] + _hull(values)
        return found


def _hull(values: Sequence[arb]) -> arb:
    """0 and all the values."""
    low, high = arb(0), arb(0)
    for value in values:
        low, high = low.min(value), high.max(value)
    return low.union(high)


def codes_over(
    subject: Subject, chart: Chart, ranges: Sequence[tuple[Fraction, Fraction] | None]
) -> Codes:
    """The codes over a box: for each column the range of its number, or None for a
    column that stays as in the row.  At the working precision."""
    found = []
    for place, ends in enumerate(ranges):
        bin_ = chart.bin_at(place)
        if bin_ is None or ends is None or (bin_.low <= ends[0] and ends[1] <= bin_.high):
            continue
        assert subject.encoder is not None
        found.append((subject.encoder.offsets[place] + 1, _departures(bin_, *ends)))
    return Codes(chart, tuple(found))


def _departures(bin_: Bin, low: Fraction, high: Fraction) -> arb_mat:
    """share - line, (bins, points), at the ends of the range and at the borders within it."""
    inside = [b for b in map(Fraction, bin_.block.borders) if low < b < high]
    one = Fraction(1)
    lines = bin_.codes(one)
    columns = []
    for point in (low, *inside, high):
        there = bin_of(bin_.block, point).codes(one)
        columns.append(
            [
                exact.ball((slope - flat) * point + level - start)
                for (slope, level), (flat, start) in zip(there, lines, strict=True)
            ]
        )
    return arb_mat(np.array(columns, dtype=object).T.tolist())
