"""Pairs of rows that differ in one column, and between which an answer rises or falls.

The search tries random rows and corners, then changes the best ones.  A pair counts if the engine's
own answers to it differ by more than rounding explains.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vetro.glass.bounds.answer_forms import answers_over
from vetro.glass.bounds.axes import is_flag
from vetro.glass.bounds.box import Boxes, Space, points_at
from vetro.glass.bounds.records import Pair
from vetro.glass.bounds.witness import Search, centres
from vetro.glass.plain import Floats
from vetro.glass.rows import Rows, answers, row_of
from vetro.glass.subject import Subject

_PAIRS, _STEPS, _BORDERS = 400, 9, 32
_REFINED_STEPS, _ROUNDS = 16, 24


class Pairs:
    """The steepest rising and falling pairs of rows, for each answer."""

    def __init__(self, subject: Subject, space: Space, root: Boxes, column: int) -> None:
        self._subject, self._space, self._column = subject, space, column
        axis = space.axes[column]
        self._low = float(root.low[0, axis.number])
        self._high = float(root.high[0, axis.number])
        self._steps = 2 if is_flag(subject, column) else _STEPS
        self._search = Search(subject, space, root)
        self._random = np.random.default_rng(0)
        count = len(subject.answers)
        # steepest so far: [rising, falling] of each answer, and its two rows
        self._moved = np.zeros((2, count))
        self._rows = np.full((2, count, 2, len(space.axes)), np.nan)
        self._sure = np.zeros((2, count), dtype=bool)

    def start(self) -> None:
        """Try random rows and corners, and move the column from end to end in steps."""
        for corners in (False, True):
            raw = self._search.random(_PAIRS, corners=corners)
            self._look(raw, np.tile(self._values(), (len(raw), 1)))

        self._refine()

    def _values(self) -> Floats:
        """The values that the column is moved through: steps of one length, and those of its
        borders that lie within, where slopes jump."""
        values = np.linspace(self._low, self._high, self._steps)
        values[-1] = self._high
        borders = self._space.axes[self._column].sorted_borders
        within = borders[(borders > self._low) & (borders < self._high)]
        return np.unique(np.concatenate([values, within[:: 1 + len(within) // _BORDERS]]))

    def _refine(self) -> None:
        """Try the steepest rows with one column changed: this finds rises and falls that random
        rows miss."""
        places = [place for place in range(len(self._space.axes)) if place != self._column]
        if not places or self._steps == 2:
            return
        step = (self._high - self._low) / _REFINED_STEPS
        objectives = 2 * len(self._subject.answers)
        raw = self._search.random(_PAIRS)
        for _ in range(_ROUNDS):
            start = self._low + (self._high - self._low - step) * self._random.random(len(raw))
            kept = np.isnan(raw[:, self._column]) | (raw[:, self._column] > self._high - step)
            first = np.where(kept, start, raw[:, self._column])
            moved = self._look(raw, np.stack([first, np.minimum(first + step, self._high)], axis=1))
            change = moved[:, 1] - moved[:, 0]
            steep = np.concatenate([change, -change], axis=1)
            best = np.argsort(steep, axis=0)[: max(1, _PAIRS // (4 * objectives))].reshape(-1)
            raw = np.repeat(raw[best], 4, axis=0)
            raw[:, self._column] = np.repeat(first[best], 4)
            other = self._search.random(len(raw), corners=bool(self._random.random() < 0.5))
            place = self._random.choice(places, len(raw))
            rows = np.arange(len(raw))
            changed = rows % 4 > 0  # every fourth keeps the best row itself
            raw[rows[changed], place[changed]] = other[rows[changed], place[changed]]

    def across(self, boxes: Boxes) -> None:
        """Try the middle row of each box, with the column at both of its ends."""
        if self._sure.all() or self._steps == 2:
            return
        number = self._space.axes[self._column].number
        ends = np.stack([boxes.low[:, number], boxes.high[:, number]], axis=1)
        self._look(centres(self._space, boxes), ends)

    def shown(self, falling: bool) -> NDArray[np.bool_]:
        """For which answers a pair was found."""
        found: NDArray[np.bool_] = self._sure[int(falling)]
        return found

    def pair(self, answer: int, falling: bool) -> Pair | None:
        if not self._sure[int(falling), answer]:
            return None
        rows = self._rows[int(falling), answer]
        found = [answers(self._subject, Rows(row[None]))[0, answer] for row in rows]
        first, second = (row_of(self._subject, row) for row in rows)
        return Pair(first, second, float(found[0]), float(found[1]))

    def _look(self, raw: Floats, values: Floats) -> Floats:
        """The answers (rows, steps, answers) to rows (rows, columns), each with several increasing
        values (rows, steps) of the column."""
        count, steps = values.shape
        tried = np.repeat(raw[:, None], steps, axis=1)
        tried[:, :, self._column] = values
        found = answers(self._subject, Rows(tried.reshape(count * steps, -1)))
        found = found.reshape(count, steps, -1)
        for falling in (0, 1):
            signed = -found if falling else found
            lowest = np.minimum.accumulate(signed, axis=1)
            gain = signed - lowest
            for answer in range(found.shape[2]):
                row, step = divmod(int(gain[:, :, answer].argmax()), steps)
                if gain[row, step, answer] <= self._moved[falling, answer]:
                    continue
                start = int(signed[row, : step + 1, answer].argmin())
                ends = tried[row, np.array([start, step])]
                if self._certain(ends, falling, answer):
                    self._moved[falling, answer] = gain[row, step, answer]
                    self._rows[falling, answer] = ends
                    self._sure[falling, answer] = True
        return found

    def _certain(self, ends: Floats, falling: int, answer: int) -> bool:
        """Whether the pair differs by more than rounding explains: the certain ranges of both rows,
        each as a box of its own, do not overlap."""
        boxes = points_at(self._space, ends)
        least = answers_over(self._subject, self._space, boxes).least
        count = len(self._subject.answers)
        low, high = least[:, answer], -least[:, count + answer]
        return bool(high[1] < low[0]) if falling else bool(high[0] < low[1])
