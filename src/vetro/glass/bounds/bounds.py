"""Bounds: output ranges that are certain for every row of a box.

First plain intervals, then a linear relaxation, then boxes are cut in two until the range is as
tight as wanted or the time is over.  Certain means: for the numbers that the engine computes,
rounding included.  The witness rows show how much of a range is really reached.
"""

from __future__ import annotations

import math
import numbers
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.errors import Notice, Setting, error, issue_warnings
from vetro.glass.bounds.box import Range as Box
from vetro.glass.bounds.branching import one_thread
from vetro.glass.bounds.exploring import Explored, Tell, explore
from vetro.glass.bounds.narrowing import Narrowing, narrowings
from vetro.glass.bounds.over import data_of, ranges_of, text_of
from vetro.glass.bounds.rounding_bounds import unit
from vetro.glass.bounds.witness import Search
from vetro.glass.rows import cell
from vetro.glass.stopping import Limit, limited
from vetro.glass.subject import Subject, subject_of
from vetro.notebook import ShownAsText
from vetro.visible import visible_lines

Floats = NDArray[np.float64]

SECONDS = 8.0
TIGHTNESS = 0.05
_ROUNDINGS = 64
"""An end this many units in the last place from the best row is tight: cutting would not help."""


@dataclass(frozen=True, eq=False)
class Range:
    """The certain range of one answer over the box.

    low, high: no answer of the engine lies outside.  lowest, highest: its answers to the two rows
    that the search found, lowest_row and highest_row (column -> value as in the table).
    plain: the range by intervals alone.  relaxed: the range by the linear relaxation of the whole
    box, before any cut.
    """

    name: str
    unit: str
    low: float
    high: float
    lowest: float
    highest: float
    lowest_row: dict[str, Any]
    highest_row: dict[str, Any]
    plain: tuple[float, float]
    relaxed: tuple[float, float]

    @property
    def width(self) -> float:
        return self.high - self.low

    @property
    def loose(self) -> float:
        """The certain range's extra width, as a share of the range between the rows found."""
        found = self.highest - self.lowest
        return (self.width - found) / found if found > 0 else math.inf if self.width else 0.0


@dataclass(frozen=True, eq=False)
class Bounds(ShownAsText, Mapping[str, tuple[float, float]]):
    """answer -> (low, high), certain for every row of the box; `.ranges` has more about each.

    over, box: column -> its allowed values, as text and as data.  boxes: how many were bounded.
    tight: whether `tightness` was reached in time.  late: the largest share by which the second
    half of the boxes narrowed a range; NaN for too few boxes.
    units: column -> unit.
    narrowings: if not tight, the columns whose narrower ranges would help most.
    interrupted: whether Ctrl-C ended the search.
    """

    ranges: dict[str, Range]
    over: dict[str, str]
    box: dict[str, Any]
    tightness: float
    tight: bool
    boxes: int
    late: float
    narrowings: tuple[Narrowing, ...]
    seconds: float
    interrupted: bool
    notices: tuple[Notice, ...] = ()
    units: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> tuple[float, float]:
        found = self.ranges[name]
        return found.low, found.high

    def __iter__(self) -> Iterator[str]:
        return iter(self.ranges)

    def __len__(self) -> int:
        return len(self.ranges)

    def __str__(self) -> str:
        from vetro.glass.bounds.bounds_text import bounds_lines

        return visible_lines(bounds_lines(self))

    __repr__ = __str__

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        return {
            "ranges": {
                name: {
                    "low": found.low,
                    "high": found.high,
                    "unit": found.unit,
                    "lowest_found": found.lowest,
                    "highest_found": found.highest,
                    "lowest_row": found.lowest_row,
                    "highest_row": found.highest_row,
                    "plain_intervals": list(found.plain),
                    "linear_relaxation": list(found.relaxed),
                }
                for name, found in self.ranges.items()
            },
            "over": self.box,
            "tightness": self.tightness,
            "tight": self.tight,
            "boxes": self.boxes,
            "narrower_ranges_help": {item.column: item.gain for item in self.narrowings},
            "seconds": self.seconds,
            "interrupted": self.interrupted,
        }


def bounds(
    thing: Any,
    over: Any = None,
    *,
    tightness: float = TIGHTNESS,
    seconds: float = SECONDS,
    tell: Tell = lambda boxes, certain: None,
) -> Bounds:
    """The certain range of every answer of a model or module over a box.

    over: column -> (low, high), a number, one or several levels, None for missing.  Columns that
    are not named take all values seen in training: the whole range, every level, and missing if a
    training row lacked it.  For a module every input is named, or a list of (low, high) is given.
    tightness: cutting stops when the certain range is at most this share wider than the range
    between the rows found, or when rounding may explain the difference.  seconds: cutting also
    stops after this time, or at Ctrl-C; the result is the range that is certain by then.
    tell: called with the number of boxes bounded, and the bounds (2 answers,) of the answers and
    their negatives.

    Certain for the floats that predicting gives (for a module: its forward on the CPU with float32
    or float64 products), not only for real numbers.  For a classification, the ranges are of each
    class's probability.  E114, E731, E732: the box cannot be read; E733: numbers may overflow;
    W731, W732.
    """
    start = time.monotonic()
    check_seconds("tightness", tightness)
    check_seconds("seconds", seconds)
    subject = subject_of(thing, inputs=inputs_of(over))
    ranges, notices = ranges_of(subject, over)
    issue_warnings(notices)
    with one_thread(), limited(seconds - (time.monotonic() - start)) as limit:
        found = _bounded(subject, ranges, tightness, limit, tell)
    return replace(found, seconds=time.monotonic() - start, notices=notices)


def _bounded(
    subject: Subject, ranges: list[Box], tightness: float, limit: Limit, tell: Tell
) -> Bounds:
    ends = len(subject.answers)
    rounding = _ROUNDINGS * unit(subject.network.dtype)

    def wanted(search: Search) -> Floats:
        """Each end may exceed the best row found by half of the allowed extra width, or by the
        effect of rounding if that is larger."""
        spread = -search.values[:ends] - search.values[ends:]
        spare = np.tile(tightness * np.maximum(spread, 0.0) / 2, 2)
        return search.values - np.maximum(spare, rounding * np.abs(search.values))

    found = explore(subject, ranges, wanted, limit, tell)
    interrupted = limit.interrupted() and not found.done
    return Bounds(
        {name: _range(subject, found, number) for number, name in enumerate(subject.answers)},
        over_text(subject, ranges),
        over_data(subject, ranges),
        tightness,
        found.done,
        found.boxes,
        _late(found, ends),
        () if found.done or interrupted else narrowings(found),
        0.0,
        interrupted,
        units=units_of(subject),
    )


def _late(found: Explored, ends: int) -> float:
    """The largest share by which the second half of the boxes narrowed a range; NaN if too few were
    bounded."""
    if not found.settled:
        return math.nan
    widths = [-(bounds[:ends] + bounds[ends:]) for bounds in (found.halfway, found.certain)]
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.where(widths[0] > 0, 1 - widths[1] / widths[0], 0.0)
    return float(shares.max())


def inputs_of(over: Any) -> int | None:
    """How many inputs a module has, if the box shows it."""
    if over is None or isinstance(over, (str, Mapping)) or not hasattr(over, "__len__"):
        return None
    return len(over)


def over_text(subject: Subject, ranges: list[Any]) -> dict[str, str]:
    """column -> its allowed values, as text."""
    columns = subject.model.schema.inputs if subject.model else (None,) * len(ranges)
    return {
        name: text_of(column, found)
        for name, column, found in zip(subject.inputs, columns, ranges, strict=True)
    }


def units_of(subject: Subject) -> dict[str, str]:
    """column -> its unit, for the columns that have one."""
    pairs = zip(subject.inputs, subject.units, strict=True)
    return {name: unit for name, unit in pairs if unit}


def over_data(subject: Subject, ranges: list[Any]) -> dict[str, Any]:
    """column -> its allowed values, as JSON: see over.data_of."""
    columns = subject.model.schema.inputs if subject.model else (None,) * len(ranges)
    return {
        name: data_of(column, found)
        for name, column, found in zip(subject.inputs, columns, ranges, strict=True)
    }


def row_of(subject: Subject, raw: Floats) -> dict[str, Any]:
    """A raw row, column -> value: numbers, else texts as in the table; None if missing."""
    if subject.model is None:
        return {name: float(value) for name, value in zip(subject.inputs, raw, strict=True)}
    row: dict[str, Any] = {}
    for column, value in zip(subject.model.schema.inputs, raw, strict=True):
        text = cell(column, float(value))
        if np.isnan(value):
            row[column.name] = None
        else:
            row[column.name] = float(value) if column.kind == "number" else text
    return row


def _range(subject: Subject, found: Explored, number: int) -> Range:
    ends = len(subject.answers)
    high = number + ends
    search, plain = found.search, found.plain
    relaxed = np.maximum(plain, found.relaxed)
    certain = found.certain
    if subject.kind == "classification":  # outward rounding must not leave [0, 1]
        certain = np.maximum(certain, np.repeat([0.0, -1.0], ends))
    return Range(
        subject.answers[number],
        subject.answer_units[number],
        float(certain[number]),
        -float(certain[high]),
        float(search.values[number]),
        -float(search.values[high]),
        row_of(subject, search.rows[number]),
        row_of(subject, search.rows[high]),
        (float(plain[number]), -float(plain[high])),
        (float(relaxed[number]), -float(relaxed[high])),
    )


def check_seconds(name: str, value: float) -> None:
    """E601 for a value that is not a number of at least 0."""
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not (number and math.isfinite(value) and value >= 0):
        reason, fix = "it must be a number of at least 0", "Correct it."
        raise error("E601", argument=Setting(name), value=value, reason=reason, fix=fix)
