"""The straight line that fits the answers best over a box, with its proven largest error.

The line has the smallest largest error at many rows of the box (Chebyshev's criterion, a linear
program), to which the rows where it is worst are added and the program is solved again.  Then
branch and bound (bounds/departures.py) proves how far the answers may be from it on any row of the
box, and its level is moved to the middle of that range.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from vetro.errors import error
from vetro.glass.bounds.axes import space_of
from vetro.glass.bounds.box import Boxes, Range, Space
from vetro.glass.bounds.departures import departures, middles
from vetro.glass.bounds.witness import Search
from vetro.glass.plain import Floats
from vetro.glass.rows import Rows, answers
from vetro.glass.subject import Subject

POINTS, ROUNDS, WORST = 400, 4, 40
"""Rows of each kind that are drawn, how often the program is solved, and how many rows where the
line is worst are added each time."""

BOXES = 2000
"""The largest number of boxes of the proof."""

SECONDS = 8.0
"""Seconds after which no more boxes are cut, unless the user says so."""


@dataclass(frozen=True, eq=False)
class Law:
    """answer = intercept + slopes . numbers, with a certain error over the box.

    slopes: (answers, columns), 0 for a column that stays.  intercept: (answers,).  error: for each
    answer (low, high), the range of the engine's answer - line for exactly these float64 numbers.
    varies: (answers,), how far apart the answers at the rows drawn are.
    """

    slopes: Floats
    intercept: Floats
    error: tuple[tuple[float, float], ...]
    varies: Floats


def law_over(subject: Subject, ranges: Sequence[Range], seconds: float = SECONDS) -> Law:
    """The law over a box of columns, each with one range of numbers or one fixed value."""
    space, root = space_of(subject, ranges)
    middle = middles(ranges)
    moving = [place for place, own in enumerate(ranges) if own.low < own.high]
    half = np.array([ranges[place].high - middle[place] for place in moving])
    search = Search(subject, space, root)

    def drawn() -> Floats:
        rows = [search.random(POINTS), search.random(POINTS, corners=True)]
        return np.concatenate([*rows, at_borders(space, root, search.random(POINTS))])

    def scaled(raw: Floats) -> Floats:
        steps: Floats = (raw[:, moving] - middle[moving]) / half
        return steps

    raw = drawn()
    found = answers(subject, Rows(raw))
    varies = found.max(axis=0) - found.min(axis=0)
    slopes, levels = np.zeros((found.shape[1], len(ranges))), found.mean(axis=0)
    for output in range(found.shape[1]):
        rows, wanted = raw, found[:, output]
        for _ in range(ROUNDS):
            line = best_line(scaled(rows), wanted)
            fresh = drawn()
            there = answers(subject, Rows(fresh))[:, output]
            left = np.abs(there - scaled(fresh) @ line[:-1] - line[-1])
            worst = np.argsort(-left)[:WORST]
            rows = np.concatenate([rows, fresh[worst]])
            wanted = np.concatenate([wanted, there[worst]])
        slopes[output, moving], levels[output] = line[:-1] / half, line[-1]
    least, most = departures(subject, ranges, slopes, levels, boxes=BOXES, seconds=seconds)
    if not np.isfinite([least, most]).all():
        what = "the error of a straight line cannot be bounded on so large a box"
        raise error("E721", what=what, fix="Use narrower ranges.")
    lines = [_centred(*own, middle) for own in zip(slopes, levels, least, most, strict=True)]
    return Law(slopes, np.array([i for i, _ in lines]), tuple(e for _, e in lines), varies)


def _centred(
    slopes: Floats, level: float, least: float, most: float, middle: Floats
) -> tuple[float, tuple[float, float]]:
    """The intercept of a line whose errors are alike to both sides, and these errors, outward.

    level: of the line at the middle, from which answers are between least and most off.
    """
    pairs = zip(slopes.tolist(), middle.tolist(), strict=True)
    start = Fraction(level) - sum((Fraction(s) * Fraction(m) for s, m in pairs if s), Fraction(0))
    intercept = float(start + (Fraction(least) + Fraction(most)) / 2)
    change = start - Fraction(intercept)
    low, high = (float(Fraction(end) + change) for end in (least, most))
    return intercept, (math.nextafter(low, -math.inf), math.nextafter(high, math.inf))


def at_borders(space: Space, root: Boxes, raw: Floats) -> Floats:
    """The rows with about half of their numbers moved to borders of bins within the box."""
    random = np.random.default_rng(0)
    moved = raw.copy()
    for place in space.binned:
        axis = space.axes[place]
        inside = [
            b for b in axis.borders if root.low[0, axis.number] < b < root.high[0, axis.number]
        ]
        if inside:
            rows = random.random(len(raw)) < 0.5
            moved[rows, place] = random.choice(inside, size=int(rows.sum()))
    return moved


def best_line(x: Floats, y: Floats) -> Floats:
    """Slopes and level of the line through points x (rows, columns), y (rows,) whose largest error
    is smallest: minimise t with |x . slopes + level - y| <= t."""
    from scipy.optimize import linprog

    count, size = x.shape
    one = np.ones((count, 1))
    answer = linprog(
        [*[0.0] * (size + 1), 1.0],
        A_ub=np.block([[x, one, -one], [-x, -one, -one]]),
        b_ub=np.concatenate([y, -y]),
        bounds=[*[(None, None)] * (size + 1), (0.0, None)],
        method="highs",
    )
    if answer.x is None:
        return np.asarray(np.linalg.lstsq(np.hstack([x, one]), y, rcond=None)[0], np.float64)
    best: Floats = np.asarray(answer.x[:-1])
    return best
