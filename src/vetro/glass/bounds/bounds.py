"""Bounds: output ranges that are certain for every row of a box.

First plain intervals, then a linear relaxation, then boxes are cut in two until the range is as
tight as wanted or the time is over.  Certain means: for the numbers that the engine computes,
rounding included.  The witness rows show how much of a range is really reached.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from vetro.glass.bounds.bounds_text import bounds_lines
from vetro.glass.bounds.exploring import Explored, Tell, explore
from vetro.glass.bounds.narrowing import narrowings
from vetro.glass.bounds.question import SECONDS, asked
from vetro.glass.bounds.records import AnswerRange, BoundsRecord
from vetro.glass.bounds.rounding_bounds import unit
from vetro.glass.bounds.witness import Search
from vetro.glass.plain import Floats
from vetro.glass.rows import row_of
from vetro.glass.stopping import check_seconds
from vetro.glass.subject import Subject
from vetro.notebook import ShownAsText
from vetro.visible import visible_lines

TIGHTNESS = 0.05
_ROUNDINGS = 64
"""An end this many units in the last place from the best row is tight: cutting would not help."""


class Bounds(BoundsRecord, ShownAsText):
    """answer -> (low, high), certain for every row of the box; `.ranges` has more about each."""

    def __str__(self) -> str:
        return visible_lines(bounds_lines(self))

    __repr__ = __str__


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
    check_seconds("tightness", tightness)
    question = asked(thing, over, seconds)
    subject = question.subject
    ends = len(subject.answers)
    rounding = _ROUNDINGS * unit(subject.network.dtype)

    def wanted(search: Search) -> Floats:
        """Each end may exceed the best row found by half of the allowed extra width, or by the
        effect of rounding if that is larger."""
        spread = -search.values[:ends] - search.values[ends:]
        spare = np.tile(tightness * np.maximum(spread, 0.0) / 2, 2)
        return search.values - np.maximum(spare, rounding * np.abs(search.values))

    with question.searching() as limit:
        found = explore(subject, question.ranges, wanted, limit, tell)
        interrupted = limit.interrupted() and not found.done
        helpful = () if found.done or interrupted else narrowings(found)
    return Bounds(
        ranges={
            name: _range(subject, found, number) for number, name in enumerate(subject.answers)
        },
        tightness=tightness,
        tight=found.done,
        boxes=found.boxes,
        late=_late(found, ends),
        narrowings=helpful,
        **question.facts(interrupted=interrupted),
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


def _range(subject: Subject, found: Explored, number: int) -> AnswerRange:
    ends = len(subject.answers)
    high = number + ends
    search, plain = found.search, found.plain
    relaxed = np.maximum(plain, found.relaxed)
    certain = found.certain
    if subject.kind == "classification":  # outward rounding must not leave [0, 1]
        certain = np.maximum(certain, np.repeat([0.0, -1.0], ends))
    return AnswerRange(
        name=subject.answers[number],
        unit=subject.answer_units[number],
        low=float(certain[number]),
        high=-float(certain[high]),
        lowest=float(search.values[number]),
        highest=-float(search.values[high]),
        lowest_row=row_of(subject, search.rows[number]),
        highest_row=row_of(subject, search.rows[high]),
        plain=(float(plain[number]), -float(plain[high])),
        relaxed=(float(relaxed[number]), -float(relaxed[high])),
    )
