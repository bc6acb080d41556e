"""Witness rows: the lowest and highest answers that a search finds in a box.

They show how much of a bound is really reached.  The search tries random rows, corners, steps along
slopes and changes of one column at a time; every figure is the engine's own answer to the row.  It
is not a proof: bounds.py has the proof.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vetro.glass.bounds.box import Boxes, Space, rows_at
from vetro.glass.bounds.knots import Knots
from vetro.glass.bounds.slope_steps import steepest
from vetro.glass.plain import Floats
from vetro.glass.rows import Rows, answers
from vetro.glass.subject import Subject

SAMPLES, BEST, ROUNDS = 1000, 8, 12
STARTS, SLOPE_ROUNDS = 24, 12
SHARES = (1.0, 0.5, 0.25, 0.1, 0.0)
"""Shares of the promising columns that are changed together, at least one column; all are tried."""


@dataclass
class Search:
    """The best rows so far for each objective: the answers, then their negatives.

    values: (objectives,), the engine's answers to `rows` (objectives, columns).
    """

    subject: Subject
    space: Space
    root: Boxes
    seed: int = 0
    values: Floats = field(init=False)
    rows: Floats = field(init=False)
    _random: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        objectives = 2 * len(self.subject.answers)
        self.values = np.full(objectives, np.inf)
        self.rows = np.full((objectives, len(self.space.axes)), np.nan)
        self._random = np.random.default_rng(self.seed)

    def look(self, raw: Floats) -> Floats:
        """The objectives at the rows, (rows, objectives); the best are kept."""
        found = answers(self.subject, Rows(raw))
        both = np.concatenate([found, -found], axis=1)
        best = np.where(np.isfinite(both), both, np.inf).argmin(axis=0)
        reached = both[best, np.arange(len(best))]
        better = reached < self.values
        self.values[better] = reached[better]
        self.rows[better] = raw[best[better]]
        return both

    def confirm(self) -> None:
        """Answer the best rows again, each alone: some engines round a row differently in a batch,
        and the report must show the answer that a user gets for the single row."""
        for number in range(len(self.rows)):
            found = answers(self.subject, Rows(self.rows[number : number + 1]))[0]
            self.values[number] = np.concatenate([found, -found])[number]

    def start(self, over: Callable[[], bool] = lambda: False) -> None:
        """Try random rows and corners, then improve the best of them, until `over` returns true."""
        raw = np.concatenate([self.random(SAMPLES), self.random(SAMPLES, corners=True)])
        both = self.look(raw)
        starts = np.argsort(both, axis=0)[:STARTS]
        objective = np.repeat(np.arange(both.shape[1]), len(starts))
        raw, reached = self.follow(raw[starts.T.reshape(-1)], objective, over)
        order = np.argsort(reached.reshape(-1, len(starts)), axis=1)[:, :BEST]
        best = (order + len(starts) * np.arange(len(order))[:, None]).reshape(-1)
        self.climb(raw[best], objective[best], over)

    def follow(
        self, raw: Floats, objective: NDArray[np.intp], over: Callable[[], bool] = lambda: False
    ) -> tuple[Floats, Floats]:
        """Improve each row for its objective along the slopes of its answers, many columns at a
        time; returns the improved objectives, (rows,)."""
        best = self.look(raw)[np.arange(len(raw)), objective]
        for _ in range(SLOPE_ROUNDS):
            values, gains = steepest(self.subject, self.space, self.root, raw, objective)
            order = np.argsort(np.argsort(-gains, axis=1), axis=1)
            promising = (gains > 0).sum(axis=1, keepdims=True)
            tried = np.stack(
                [
                    np.where((gains > 0) & (order < np.maximum(share * promising, 1)), values, raw)
                    for share in SHARES
                ],
                axis=1,
            )
            raw, best, improved = self._better(raw, best, tried, objective)
            if not improved or over():
                break
        return raw, best

    def _better(
        self, raw: Floats, best: Floats, tried: Floats, objective: NDArray[np.intp]
    ) -> tuple[Floats, Floats, bool]:
        """The rows and their objectives (rows,), each replaced by the best of those tried instead
        of it, (rows, ways, columns), if that is better; and whether any is."""
        rows = np.arange(len(raw))
        both = self.look(tried.reshape(-1, raw.shape[1])).reshape(*tried.shape[:2], -1)
        found = both[rows, :, objective]
        found = np.where(np.isnan(found), np.inf, found)
        way = found.argmin(axis=1)
        better = found[rows, way] < best
        raw = np.where(better[:, None], tried[rows, way], raw)
        return raw, np.where(better, found[rows, way], best), bool(better.any())

    def random(self, count: int, corners: bool = False) -> Floats:
        """Random rows of the root box, (count, columns)."""
        root, space = self.root, self.space
        share = self._random.random((count, root.low.shape[1]))
        share = np.round(share) if corners else share
        numbers = root.low + (root.high - root.low) * share
        numbers = np.clip(numbers, root.low, root.high)
        chosen = np.full((count, len(space.axes)), -1)
        knots, column = Knots.of(space, root).values, 0
        for place, axis in enumerate(space.axes):
            if axis.whole and axis.number >= 0:
                numbers[:, axis.number] = np.round(numbers[:, axis.number])
            if axis.borders and corners:  # corners of the network's pieces
                numbers[:, axis.number] = self._random.choice(knots[column][0], count)
                column += 1
            if axis.codes:
                places = np.flatnonzero(root.allowed[0, slice(*axis.alternatives)])
                chosen[:, place] = axis.alternatives[0] + self._random.choice(places, count)
        return rows_at(space, numbers, chosen)

    def climb(
        self, raw: Floats, objective: NDArray[np.intp], over: Callable[[], bool] = lambda: False
    ) -> None:
        """Improve each row for its objective, changing one column at a time, ROUNDS times."""
        best = self.look(raw)[np.arange(len(raw)), objective]
        reach = 0.5
        for _ in range(ROUNDS):
            if over():
                break
            changed = [self._changes(raw, place, reach) for place in range(raw.shape[1])]
            tried = np.concatenate(changed, axis=1)
            raw, best, improved = self._better(raw, best, tried, objective)
            if not improved:
                reach /= 4

    def _changes(self, raw: Floats, place: int, reach: float) -> Floats:
        """The rows with other values in one column, (rows, ways, columns)."""
        axis, root = self.space.axes[place], self.root
        values = [np.full(len(raw), code) for code in axis.codes if code is not None]
        if axis.number >= 0 and (not axis.codes or axis.optional):
            low, high = root.low[0, axis.number], root.high[0, axis.number]
            values += [np.full(len(raw), low), np.full(len(raw), high)]
            if not axis.whole:
                here = np.where(np.isnan(raw[:, place]), low / 2 + high / 2, raw[:, place])
                values += [np.clip(border, low, high) for border in axis.beside(here)]
                step = reach * (high - low)
                values += [np.clip(here + share * step, low, high) for share in (-1, -0.2, 0.2, 1)]
        tried = np.repeat(raw[:, None], len(values), axis=1)
        tried[:, :, place] = np.stack(values, axis=1)
        return tried


def centres(space: Space, boxes: Boxes) -> Floats:
    """The middle row of each box, with its first alternatives: (boxes, columns)."""
    numbers = boxes.low / 2 + boxes.high / 2
    chosen = np.full((len(boxes), len(space.axes)), -1)
    for place, axis in enumerate(space.axes):
        if axis.whole:
            numbers[:, axis.number] = boxes.low[:, axis.number]
        if axis.codes:
            first = boxes.allowed[:, slice(*axis.alternatives)].argmax(axis=1)
            chosen[:, place] = axis.alternatives[0] + first
    return rows_at(space, numbers, chosen)
