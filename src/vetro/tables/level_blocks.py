"""Blocks of categories: a column for each level, or for levels with an order a rank and its steps.

Every block of levels is a look-up: a code has one row of fixed numbers.  The other blocks are in
blocks.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.errors import shown
from vetro.tables.schema import Column

Floats = NDArray[np.float64]

RARE = 3
"""Levels with fewer training rows than this share the column <other>.  Each row counts once:
weights have no unit, and a row of any weight is one observation."""

UNSEEN, MISSING = -2, -1
"""The codes of a category text that is not a level, and of a missing one."""


@dataclass(frozen=True)
class CategoryBlock:
    """A category: one column per level, then <other>, then <missing> if the table had such rows.

    Level i's column is 1 where the code is i and kept[i].  <other> is 1 for every
    other text (levels not kept, texts never seen) if other_trained; <missing> is 1 for
    missing texts if missing_trained.  Everything else is 0.  A level is kept if at
    least 3 training rows have it; a column that no training row sets stays 0 always,
    so that a weight that was never trained has no effect.  If the table had no missing
    texts at all, a later missing text counts as <other>.
    """

    name: str
    levels: tuple[str, ...]
    kept: tuple[bool, ...]
    other_trained: bool
    missing: bool = False
    missing_trained: bool = False

    @staticmethod
    def fit(column: Column, codes: NDArray[np.int32]) -> CategoryBlock:
        """The block for a column: kept levels from the codes of the training rows, the layout only
        from the schema's column."""
        counts = np.bincount(codes.astype(np.int64) - UNSEEN, minlength=len(column.levels) + 2)
        of_levels = counts[2:]
        others = counts[0] + of_levels[of_levels < RARE].sum()
        if column.missing == 0:
            others += counts[1]
        return CategoryBlock(
            name=column.name,
            levels=column.levels,
            kept=tuple(bool(kept) for kept in of_levels >= RARE),
            other_trained=bool(others > 0),
            missing=column.missing > 0,
            missing_trained=bool(column.missing > 0 and counts[1] > 0),
        )

    @property
    def names(self) -> tuple[str, ...]:
        labels = (*self.levels, "<other>", *(("<missing>",) if self.missing else ()))
        return tuple(f"{self.name}={label}" for label in labels)

    @property
    def width(self) -> int:
        return len(self.levels) + 1 + self.missing

    @cached_property
    def positions(self) -> NDArray[np.intp]:
        """At index c + 2, the column that is 1 for code c; -1 if there is none."""
        other = len(self.levels) if self.other_trained else -1
        missing = len(self.levels) + 1 if self.missing_trained else -1
        if not self.missing:
            missing = other
        levels = [i if kept else other for i, kept in enumerate(self.kept)]
        return np.array([other, missing, *levels], dtype=np.intp)

    @property
    def unseen(self) -> str:
        """In words: what an unseen text counts as."""
        return "<other>, as rare texts" if self.other_trained else "none of the levels"

    def row(self, code: int) -> Floats:
        """The columns' numbers for a code, (width,)."""
        row, position = np.zeros(self.width), self.positions[code - UNSEEN]
        if position >= 0:
            row[position] = 1.0
        return row

    def write(self, out: NDArray[Any], values: NDArray[Any]) -> None:
        """Fill out (n, width) from codes (n,): integers, or floats with NaN where missing."""
        position = self.positions[self.codes(values) - UNSEEN]
        rows = np.flatnonzero(position >= 0)
        out[...] = 0
        out[rows, position[rows]] = 1

    def codes(self, values: NDArray[Any]) -> NDArray[Any]:
        """Integer codes; see codes_of."""
        return codes_of(values, len(self.levels))


@dataclass(frozen=True)
class OrderedBlock:
    """A category whose levels have an order: a rank, a step for each level but the lowest, and
    <missing> if the table had such rows.

    The rank's column is scores[i] for level i: its place in the order, counted from 0, centred
    and scaled by the training rows' mean and standard deviation, and rounded to float32.  So the
    order is that of the scores.  A level's step is 1 for this level and all higher ones, 0 for
    lower ones: the steps are the piecewise linear codes of the rank.
    In the steps a level below `low` counts as it, and one above `high`: beyond them are fewer than
    3 training rows, and a step needs rows on both sides.  Rare levels in between stay as they are,
    because their neighbours' steps say most of what there is to know of them.
    A missing or unseen text counts as `median`, the training rows' middle level; <missing> is 1
    for missing texts if missing_trained.
    """

    name: str
    levels: tuple[str, ...]
    scores: tuple[float, ...]
    low: str
    high: str
    median: str
    missing: bool = False
    missing_trained: bool = False

    @staticmethod
    def fit(column: Column, codes: NDArray[np.int32], weights: Floats | None) -> OrderedBlock:
        """The block for a column with an order, from the codes of the training rows.

        weights: one for each row; None means 1.
        """
        ranks = np.array([column.order.index(level) for level in column.levels], dtype=np.float64)
        there = codes >= 0
        rising = np.argsort(ranks)
        rows = np.bincount(codes[there], minlength=len(ranks))[rising]
        enough = np.flatnonzero((np.cumsum(rows) >= RARE) & (np.cumsum(rows[::-1])[::-1] >= RARE))
        chosen = None if weights is None else weights[there]
        counts = np.bincount(codes[there], chosen, len(ranks))[rising]
        total = float(counts.sum())
        shares = counts / total if total > 0 else np.full(len(ranks), 1 / len(ranks))
        places = np.arange(len(ranks))
        mean = float((shares * places).sum())
        deviation = math.sqrt(float((shares * (places - mean) ** 2).sum())) or 1.0
        middle = int(np.searchsorted(np.cumsum(shares), 0.5 - 1e-12))
        return OrderedBlock(
            name=column.name,
            levels=column.levels,
            scores=tuple(((ranks - mean) / deviation).astype(np.float32).tolist()),
            low=column.order[enough[0] if len(enough) else middle],
            high=column.order[enough[-1] if len(enough) else middle],
            median=column.order[middle],
            missing=column.missing > 0,
            missing_trained=bool(column.missing > 0 and (codes == MISSING).any()),
        )

    @property
    def order(self) -> tuple[str, ...]:
        """The levels, rising."""
        return tuple(level for _, level in sorted(zip(self.scores, self.levels, strict=True)))

    @property
    def steps(self) -> int:
        """The number of steps, whose columns follow the rank's."""
        return len(self.levels) - 1

    @property
    def names(self) -> tuple[str, ...]:
        steps = (f"{self.name} >= {level}" for level in self.order[1:])
        missing = (f"{self.name}=<missing>",) if self.missing else ()
        return (f"{self.name} (rank)", *steps, *missing)

    @property
    def width(self) -> int:
        return len(self.levels) + self.missing

    @property
    def unseen(self) -> str:
        """In words: what an unseen text counts as."""
        return f'the middle level, "{shown(self.median)}"'

    @cached_property
    def table(self) -> Floats:
        """(levels + 2, width): at index c + 2, the columns' numbers for code c."""
        table = np.zeros((len(self.levels) + 2, self.width))
        scores = np.array(self.scores)
        low, high = (self.scores[self.levels.index(end)] for end in (self.low, self.high))
        table[2:, 0] = scores
        table[2:, 1 : 1 + self.steps] = np.clip(scores, low, high)[:, None] >= np.sort(scores)[1:]
        table[:2] = table[2 + self.levels.index(self.median)]
        if self.missing and self.missing_trained:
            table[MISSING - UNSEEN, -1] = 1.0
        return table

    def row(self, code: int) -> Floats:
        """The columns' numbers for a code, (width,)."""
        row: Floats = self.table[code - UNSEEN]
        return row

    def write(self, out: NDArray[Any], values: NDArray[Any]) -> None:
        """Fill out (n, width) from codes (n,): integers, or floats with NaN where missing."""
        out[...] = self.table[self.codes(values) - UNSEEN]

    def codes(self, values: NDArray[Any]) -> NDArray[Any]:
        """Integer codes; see codes_of."""
        return codes_of(values, len(self.levels))


LevelBlock = CategoryBlock | OrderedBlock


def codes_of(values: NDArray[Any], levels: int) -> NDArray[Any]:
    """Integer codes of a raw column: NaN and -1 are missing; a code of no level is unseen."""
    if values.dtype.kind != "f":
        return values
    known = np.isnan(values) | (
        (values >= MISSING) & (values < levels) & (values == np.floor(values))
    )
    return np.where(known, np.nan_to_num(values, nan=MISSING), UNSEEN).astype(np.int64)
