"""How far answers depart from straight lines over a box: certain bounds of answer - line.

The lines are subtracted from the forms of relaxation.py.  Common parts cancel, so this is far
tighter than subtracting bounds of the lines from bounds of the answers.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vetro.glass.bounds.answer_forms import answers_over
from vetro.glass.bounds.axes import space_of
from vetro.glass.bounds.box import Boxes, Range
from vetro.glass.bounds.branching import branch, one_thread
from vetro.glass.bounds.forms import Line
from vetro.glass.bounds.witness import Search, centres
from vetro.glass.plain import Floats
from vetro.glass.rows import Rows, answers
from vetro.glass.subject import Subject

BOXES = 255
"""The largest number of boxes: a number, not a time, so that every run gives the same bounds."""

SECONDS = 4.0
"""Seconds after which no more boxes are cut."""

ENOUGH = 0.1
"""Cutting also stops when both bounds exceed the range of the rows by at most this share of it."""


def middles(ranges: Sequence[Range]) -> Floats:
    """The point where a line has its level, (columns,): the middle of each column's range."""
    return np.array([found.low / 2 + found.high / 2 for found in ranges], dtype=np.float64)


def departures(
    subject: Subject,
    ranges: Sequence[Range],
    slopes: Floats,
    levels: Floats,
    *,
    rounded: bool = True,
    boxes: int = BOXES,
    seconds: float = SECONDS,
) -> tuple[Floats, Floats]:
    """The smallest and largest answer - line over the box, (answers,) each, certain for real
    numbers and, if `rounded`, for the engine's answers; infinite or NaN if it cannot be bounded.

    Each answer has a line: slopes (answers, columns) by the columns' numbers, 0 for columns without
    numbers, and levels (answers,), its value at `middles`.
    boxes, seconds: no more boxes are cut after so many, or so long.
    """
    space, root = space_of(subject, ranges)
    line, middle = Line(slopes, levels), middles(ranges)
    reals = tuple(part.in_reals for part in subject.parts)
    bounded = subject if rounded else replace(subject, parts=reals)
    search, ends = Search(subject, space, root), len(levels)
    seen = np.full(2 * ends, np.inf)
    boxes_seen, until = 0, time.monotonic() + seconds

    def look(raw: Floats) -> None:
        moved = np.nan_to_num(raw - middle)
        left = answers(subject, Rows(raw)) - levels - moved @ slopes.T
        both = np.concatenate([left, -left], axis=1)
        np.fmin(seen, np.fmin.reduce(both, axis=0), out=seen)

    def watch(found: Boxes) -> None:
        nonlocal boxes_seen
        boxes_seen += len(found)
        look(centres(space, found))

    def wanted() -> Floats:
        spread = -seen[:ends] - seen[ends:]
        goals: Floats = seen - np.tile(ENOUGH * spread, 2)
        return goals

    look(np.concatenate([search.random(500), search.random(500, corners=True)]))
    with one_thread(), np.errstate(all="ignore"):
        least = branch(
            space,
            root,
            lambda found: answers_over(bounded, space, found, line),
            watch,
            wanted,
            lambda: boxes_seen >= boxes or time.monotonic() >= until,
        ).certain
    return least[:ends], -least[ends:]


def held(raw: float, category: bool) -> Range:
    """The range of a column that keeps the row's value; raw: a number, a level's code, or NaN."""
    if category or math.isnan(raw):
        return Range(0.0, 0.0, (raw,))
    return Range(raw, raw)
