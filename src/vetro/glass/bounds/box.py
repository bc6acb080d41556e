"""Boxes: ranges of the columns, and how the networks' inputs follow from them, linearly.

A box allows every number between two ends in each column of numbers, flags and dates, and a set of
levels in each category; a column may also be allowed to be missing.  Its variables are
t, the numbers minus the middle of the whole range (and sine and cosine of a date's cycles), and
a, 0 or 1 for each alternative of a column, exactly one of which is 1.  Features = t G + a H + g
exactly, in each part with its own G, H and g.  A number that enters in bins has no variable in t:
its features follow from its knots (knots.py).  over.py reads a box as a user writes it, axes.py
gives a subject's columns their axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vetro.glass.bounds.input_map import InputMap
from vetro.glass.bounds.rounding_bounds import OWN
from vetro.glass.plain import Floats
from vetro.tables.blocks import PERIODS

_WAVE_ERROR = 2.0**-40
"""A bound of the error of a phase's sine and cosine, in the engine and here."""


class Several:
    """A record of arrays whose first axis is that of the boxes."""

    def take(self, rows: NDArray[np.intp] | slice) -> Self:
        return type(self)(*(array[rows] for array in vars(self).values()))

    @classmethod
    def joined(cls, several: Sequence[Self]) -> Self:
        """All boxes of several records."""
        columns = zip(*(vars(one).values() for one in several), strict=True)
        return cls(*map(np.concatenate, columns))


@dataclass(frozen=True, eq=False)
class Boxes(Several):
    """Several boxes at once.

    low, high: (boxes, numbers), the ends of each column with numbers.  allowed: (boxes,
    alternatives), which alternatives are allowed; a column without alternatives has only numbers.
    """

    low: Floats
    high: Floats
    allowed: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.low)


@dataclass(frozen=True)
class Axis:
    """A column of the box.  number: its place among those with numbers, -1 for a category.
    waves: the cycles of a date.  variables: its places in t.  alternatives: its places in a,
    empty for a column that is only a number.  codes: the raw value of each alternative, None for
    "it has a number".  whole: whether only whole numbers are allowed (flags).  borders: those of
    its bins, rising; empty for a column without bins or one that is certainly missing."""

    name: str
    number: int
    waves: tuple[str, ...]
    variables: tuple[int, int]
    alternatives: tuple[int, int]
    codes: tuple[float | None, ...]
    whole: bool = False
    borders: tuple[float, ...] = ()

    @property
    def optional(self) -> bool:
        """Whether it may have a number or, in other alternatives, none."""
        return self.number >= 0 and self.codes[:1] == (None,)

    @cached_property
    def raw_codes(self) -> Floats:
        """The raw value of each alternative, infinite for "it has a number"."""
        return np.array([np.inf if code is None else code for code in self.codes])

    def alternative_of(self, raw: Floats) -> NDArray[np.intp]:
        """The alternative of raw values (rows,), counted from the axis' first."""
        codes, here = self.raw_codes, raw[:, None]
        same = (codes == here) | (np.isnan(codes) & np.isnan(here))
        same |= np.isposinf(codes) & ~np.isnan(here)
        found: NDArray[np.intp] = same.argmax(axis=1)
        return found

    @cached_property
    def sorted_borders(self) -> Floats:
        """The borders as an array."""
        return np.array(self.borders)

    def within(self, low: Floats, high: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The borders between low and high, without both: the first one's number and the number
        after the last one's, (boxes,) each."""
        first = np.searchsorted(self.sorted_borders, low, side="right")
        end = np.searchsorted(self.sorted_borders, high, side="left")
        return first, np.maximum(first, end)

    def beside(self, values: Floats) -> list[Floats]:
        """The next borders below and above each value, (values,) each; [] without borders."""
        if not self.borders:
            return []
        borders = self.sorted_borders
        below = np.searchsorted(borders, values, side="left") - 1
        above = np.searchsorted(borders, values, side="right")
        return [borders[np.clip(place, 0, len(borders) - 1)] for place in (below, above)]

    def cut(self, low: Floats, high: Floats) -> Floats:
        """Where ranges are cut in two, (boxes,): at the middle one of the borders within, as the
        column is linear between borders; without one, in the middle."""
        middle: Floats = low / 2 + high / 2
        if not self.borders:
            return middle
        first, end = self.within(low, high)
        border = self.sorted_borders[np.minimum((first + end) // 2, len(self.borders) - 1)]
        return np.where(end > first, border, middle)


@dataclass(frozen=True, eq=False)
class Choices:
    """axes: the places of the axes with alternatives.  starts: where the alternatives of each axis
    begin in a; they end where the next axis begins.  numbers: (columns, 2), for each alternative
    "it has a number" its place in a and the number's place in t; dates with cycles and columns with
    bins are left out."""

    axes: NDArray[np.intp]
    starts: NDArray[np.intp]
    numbers: NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Space:
    """The axes of a subject's boxes, the middles (numbers,) where t is 0, and the parts' maps."""

    axes: tuple[Axis, ...]
    middle: Floats
    maps: tuple[InputMap, ...]
    variables: int
    alternatives: int

    @cached_property
    def choices(self) -> Choices:
        """The axes that have alternatives."""
        coded = [place for place, axis in enumerate(self.axes) if axis.codes]
        starts = [self.axes[place].alternatives[0] for place in coded]
        numbers = [
            (axis.alternatives[0], axis.variables[0])
            for axis in self.axes
            if axis.optional and not axis.waves and not axis.borders
        ]
        return Choices(
            np.array(coded, dtype=np.intp),
            np.array(starts, dtype=np.intp),
            np.array(numbers, dtype=np.intp).reshape(-1, 2),
        )

    @cached_property
    def single(self) -> NDArray[np.intp]:
        """The axes with one variable in t, and that variable, (axes, 2)."""
        found = [
            (place, axis.variables[0])
            for place, axis in enumerate(self.axes)
            if axis.number >= 0 and not axis.waves and not axis.borders
        ]
        return np.array(found, dtype=np.intp).reshape(-1, 2)

    @cached_property
    def binned(self) -> tuple[int, ...]:
        """The places of the axes with bins."""
        return tuple(place for place, axis in enumerate(self.axes) if axis.borders)

    def ranges(self, boxes: Boxes) -> tuple[Floats, Floats]:
        """The ends of t, (boxes, variables) each, outward."""
        low, high = np.zeros((2, len(boxes), self.variables))
        for axis in self.axes:
            if axis.number < 0 or axis.borders:
                continue
            first, middle = axis.variables[0], self.middle[axis.number]
            below, above = boxes.low[:, axis.number], boxes.high[:, axis.number]
            low[:, first] = np.nextafter(below - middle, -np.inf)
            high[:, first] = np.nextafter(above - middle, np.inf)
            for number, cycle in enumerate(axis.waves):
                place = first + 1 + 2 * number
                for offset in (0, 1):
                    ends = _wave(below, above, PERIODS[cycle], cosine=bool(offset))
                    low[:, place + offset], high[:, place + offset] = ends
        return low, high


@dataclass(frozen=True)
class Range:
    """The allowed values of a column: numbers from low to high if None is among `codes`; `codes`
    also holds the codes of levels, and NaN for missing."""

    low: float
    high: float
    codes: tuple[float | None, ...] = (None,)


def _wave(low: Floats, high: Floats, period: float, cosine: bool) -> tuple[Floats, Floats]:
    """The range of sin or cos of 2 pi d / period for d within [low, high], outward."""
    turns = low / period + (0.25 if cosine else 0.0)
    start = turns - np.floor(turns)
    end = start + (high - low) / period
    slack = _WAVE_ERROR + 8 * OWN * np.maximum(np.abs(low), np.abs(high)) / period
    values = np.sin(2 * np.pi * np.stack([start, end]))

    def passes(peak: float) -> NDArray[np.bool_]:
        """Whether the turn `peak` lies within, or a turn that differs from it by whole turns."""
        found: NDArray[np.bool_] = np.ceil(start - slack - peak) <= np.floor(end + slack - peak)
        return found

    margin = 2 * np.pi * slack
    least = np.where(passes(0.75), -1.0, values.min(axis=0) - margin)
    most = np.where(passes(0.25), 1.0, values.max(axis=0) + margin)
    return least - _WAVE_ERROR, most + _WAVE_ERROR


def rows_at(space: Space, numbers: Floats, chosen: NDArray[np.intp]) -> Floats:
    """Raw rows (rows, columns) for numbers (rows, numbers) and, for each axis with
    alternatives, the place of the chosen one in a, (rows, axes); -1 elsewhere."""
    raw = np.empty((len(numbers), len(space.axes)))
    for place, axis in enumerate(space.axes):
        values = numbers[:, axis.number] if axis.number >= 0 else np.full(len(numbers), np.nan)
        if axis.codes:
            code = axis.raw_codes[chosen[:, place] - axis.alternatives[0]]
            values = np.where(np.isposinf(code), values, code)
        raw[:, place] = values
    return raw


def points_at(space: Space, raw: Floats) -> Boxes:
    """The boxes that contain only one row each; raw: (rows, columns)."""
    places = [place for place, axis in enumerate(space.axes) if axis.number >= 0]
    numbers = np.nan_to_num(raw[:, places], nan=0.0)
    allowed = np.zeros((len(raw), space.alternatives), dtype=bool)
    for place, axis in enumerate(space.axes):
        if axis.codes:
            found = axis.alternatives[0] + axis.alternative_of(raw[:, place])
            allowed[np.arange(len(raw)), found] = True
    return Boxes(numbers, numbers, allowed)


def halves(space: Space, boxes: Boxes, axis: NDArray[np.intp]) -> Boxes:
    """Each box cut into two along its axis: [first halves, second halves].

    A column that may have a number or be missing is first cut into these two cases; levels are cut
    into two sets, and a number with bins at their borders.
    """
    first, second = (
        Boxes(boxes.low.copy(), boxes.high.copy(), boxes.allowed.copy()) for _ in range(2)
    )
    for place in np.unique(axis):
        cut = space.axes[place]
        rows = np.flatnonzero(axis == place)
        start, end = cut.alternatives
        if start < end:
            allowed = boxes.allowed[rows, start:end]
            several = allowed.sum(axis=1) > 1
            among = rows[several]
            half = (
                np.cumsum(allowed[several], axis=1)
                <= allowed[several].sum(axis=1, keepdims=True) // 2
            )
            first.allowed[among, start:end] &= half
            second.allowed[among, start:end] &= ~half
            rows = rows[~several]
        if cut.number < 0 or not len(rows):
            continue
        low, high = boxes.low[rows, cut.number], boxes.high[rows, cut.number]
        middle = cut.cut(low, high)
        below, above = (np.floor(middle), np.ceil(middle)) if cut.whole else (middle, middle)
        if cut.whole:
            above = np.where(below == above, above + 1, above)
        first.high[rows, cut.number] = np.clip(below, low, high)
        second.low[rows, cut.number] = np.clip(above, low, high)
    return Boxes.joined([first, second])


def widths(space: Space, boxes: Boxes) -> Floats:
    """How much of each axis is left to cut, (boxes, axes): the width of its numbers, or for a
    choice among alternatives the number of cuts left; 0 if nothing is left."""
    found = np.zeros((len(boxes), len(space.axes)))
    for place, axis in enumerate(space.axes):
        start, end = axis.alternatives
        count = boxes.allowed[:, start:end].sum(axis=1) if start < end else None
        if axis.number >= 0:
            wide = boxes.high[:, axis.number] - boxes.low[:, axis.number]
            found[:, place] = wide if count is None else np.where(count > 1, 1.0, wide)
            if count is not None:  # if it is certainly missing, the number does not matter
                there = boxes.allowed[:, start] if axis.codes[0] is None else False
                found[:, place] = np.where(there, found[:, place], 0.0)
        elif count is not None:
            found[:, place] = count - 1
    return found
