"""Whether answers rise or fall with a column, over a box: proved, refuted, or undecided.

"Rises" means: while the column grows and all others stay, the answer never falls.  It is proved
for the network in real numbers (a rounded function has steps up and down in its last digits), by
bounding its derivative over boxes (tangent_bounds.py).  It is refuted by two rows that differ only
in the column, and whose answers by the engine move the other way by more than rounding explains.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from vetro.glass.bounds.answer_forms import plain_intervals
from vetro.glass.bounds.axes import space_of
from vetro.glass.bounds.bounds_text import trend_lines
from vetro.glass.bounds.box import Boxes, Range
from vetro.glass.bounds.branching import Bounded, branch
from vetro.glass.bounds.claims import answer_label
from vetro.glass.bounds.exploring import PAUSE, Tell
from vetro.glass.bounds.pairs import Pairs
from vetro.glass.bounds.question import SECONDS, asked
from vetro.glass.bounds.records import Direction, MonotonicityRecord, Pair, Trend
from vetro.glass.bounds.tangent_bounds import slopes_over
from vetro.glass.plain import Floats
from vetro.glass.stopping import Limit
from vetro.glass.subject import Subject
from vetro.notebook import ShownAsText
from vetro.visible import visible_lines


class Monotonicity(MonotonicityRecord, ShownAsText):
    """(answer, column) -> Trend for every column of numbers, dates or flags."""

    def __str__(self) -> str:
        return visible_lines(trend_lines(self))

    __repr__ = __str__


def monotonicity(
    thing: Any,
    over: Any = None,
    *,
    seconds: float = SECONDS,
    tell: Callable[[str], object] = lambda column: None,
) -> Monotonicity:
    """How each answer moves with each column over the box.

    The direction is "rises", "falls", "constant", "neither" (two pairs of rows show it), or
    "undecided" if the time was too short.
    over: as in vetro.bounds.  seconds: for all columns together.  A column that may be missing is
    examined only where it has a value.  Proved in real numbers; see the module's docstring.
    tell: called repeatedly with the column that is being examined.  Ctrl-C ends the search and
    keeps the columns done so far.
    """
    question = asked(thing, over, seconds)
    subject, ranges = question.subject, question.ranges
    columns = [place for place in range(len(ranges)) if why_not_moving(ranges[place]) is None]
    by_column: list[list[Trend]] = []
    with question.searching() as limit:
        for number, column in enumerate(columns):
            part = limit.part(1 / (len(columns) - number))

            def looking(boxes: int, certain: Floats, name: str = subject.inputs[column]) -> None:
                tell(name)

            by_column.append(trends_along(subject, ranges, column, part, looking))
            if limit.interrupted():
                break
        interrupted = limit.interrupted()
    trends = {
        (trend.answer, trend.column): trend
        for of_answer in zip(*by_column, strict=True)
        for trend in of_answer
    }
    return Monotonicity(trends=trends, **question.facts(interrupted=interrupted))


def why_not_moving(found: Range) -> str | None:
    """Why nothing rises or falls with a column in this box; None where it may."""
    if None not in found.codes:
        return "it is not a number in this box, so nothing rises or falls with it"
    if found.low == found.high:
        return "the box gives it a single value, so nothing rises or falls with it"
    return None


def trends_along(
    subject: Subject,
    ranges: list[Range],
    column: int,
    limit: Limit,
    tell: Tell,
    only: tuple[int, Direction] | None = None,
) -> list[Trend]:
    """A Trend of every answer along one column, as far as the limit allows.

    only: an answer and "rises" or "falls", if nothing else is to be decided.
    """
    # The column takes every number between its ends: a flag's slope is proved between 0 and 1.
    ranges = [
        replace(found, codes=(None,)) if place == column else found
        for place, found in enumerate(ranges)
    ]
    space, root = space_of(subject, ranges)
    axes = [
        replace(axis, whole=axis.whole and place != column) for place, axis in enumerate(space.axes)
    ]
    space = replace(space, axes=tuple(axes))
    plain_intervals(subject, space, root)
    pairs = Pairs(subject, space, root, column)
    pairs.start()
    count = len(subject.answers)

    def bound(boxes: Boxes) -> Bounded:
        found = slopes_over(subject, space, boxes, column)
        least = np.concatenate([found.low, -found.high], axis=1)
        return Bounded(least, np.repeat(found.pull[:, None], 2 * count, axis=1))

    def wanted() -> Floats:
        goals = np.zeros(2 * count)
        goals[:count][pairs.shown(falling=True)] = -np.inf
        goals[count:][pairs.shown(falling=False)] = -np.inf
        if only is not None:
            end = only[0] + (0 if only[1] == "rises" else count)
            goals[np.arange(2 * count) != end] = -np.inf
        return goals

    found = branch(
        space,
        root,
        bound,
        pairs.across,
        wanted,
        limit.over,
        tell=tell,
        pause=PAUSE,
    )
    trends = []
    for number in range(count):
        low, high = float(found.certain[number]), -float(found.certain[count + number])
        up, down = pairs.pair(number, falling=False), pairs.pair(number, falling=True)
        label = answer_label(subject, number)
        direction = _direction(low, high, up, down)
        trends.append(Trend(label, subject.inputs[column], direction, (low, high), up, down))
    return trends


def _direction(low: float, high: float, up: Pair | None, down: Pair | None) -> Direction:
    if low >= 0 and high <= 0:
        return "constant"
    if low >= 0:
        return "rises"
    if high <= 0:
        return "falls"
    return "neither" if up is not None and down is not None else "undecided"
