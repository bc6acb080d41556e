"""Margins: how far the truth may lie from an answer, at any level, from held-out errors.

    low = y - q_high s(x) f(x)        high = y - q_low s(x) f(x)          numbers
    the set of all classes with P >= 1 - q, and the most likely one          classes

Here e = answer - truth, q are quantiles of the scores e / s(x) of the held-out rows (of 1 - P(true
class) for classes), s is local_scale.py, and f >= 1 widens rows far from the data (distance.py).
One more row, of which nothing is known, counts in each quantile, so that a new row is covered with
at least the level's probability (split conformal; Vovk, Gammerman, Shafer 2005).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vetro.errors import error, words
from vetro.model.intervals.distance import Distance
from vetro.model.intervals.local_scale import LocalScale

Floats = NDArray[np.float64]

MOST_SCORES = 10_000
"""Scores that a model keeps of a target; of more, quantiles of all of them, rounded outwards."""

_SLACK = 1e-12
"""Sums of weights are rounded: a share that is the level within rounding is the level."""


@dataclass(frozen=True, eq=False)
class Scores:
    """values (m,), rising.  below, above (m,): the share of the rows' weight at most, and at least,
    as large as each value; the weight of one more row counts in the whole."""

    values: Floats
    below: Floats
    above: Floats

    @staticmethod
    def of(scores: Floats, weights: Floats | None = None) -> Scores:
        """From the scores (n,) of the rows, n >= 1, and their weights (n,); None means 1."""
        order = np.argsort(scores, kind="stable")
        shares = np.ones(len(scores)) if weights is None else weights[order]
        total = shares.sum() * (1 + 1 / len(scores))
        below, above = np.cumsum(shares) / total, np.cumsum(shares[::-1])[::-1] / total
        kept = np.arange(len(order))
        if len(order) > MOST_SCORES:
            kept = np.unique(np.linspace(0, len(order) - 1, MOST_SCORES).round().astype(np.intp))
        return Scores(scores[order][kept], below[kept], above[kept])

    @property
    def most(self) -> float:
        """The largest share that is known to lie below some value."""
        return float(self.below[-1])

    def upper(self, share: float) -> float:
        """The smallest value with at least this share at or below it; share <= most."""
        return float(self.values[np.argmax(self.below >= share - _SLACK)])

    def lower(self, share: float) -> float:
        """The largest value with at least this share at or above it; share <= most."""
        return float(self.values[np.flatnonzero(self.above >= share - _SLACK)[-1]])


@dataclass(frozen=True, eq=False)
class Margins:
    """Of one target: the scores of its held-out rows and its local scale.

    shrink: by how much the error of the mean of all members is smaller than that of the members
    that never saw a row (ensemble.py); 1 for classes and where the scores are of all members.
    """

    scores: Scores
    scale: LocalScale
    shrink: float = 1.0

    def highest(self, task: str) -> float:
        """The highest level that the rows allow."""
        return self.scores.most if task == "classification" else 2 * self.scores.most - 1

    def bounds(
        self, level: float, answers: Floats, scale: Floats, shrink: float | None = None
    ) -> tuple[Floats, Floats]:
        """(low, high), (n,) each, of these answers (n,) with these scales (n,); E418 if too few
        rows were held out for the level."""
        share = (1 + level) / 2
        check_level(level, self.highest("regression"))
        width = scale * (self.shrink if shrink is None else shrink)
        with np.errstate(over="ignore", invalid="ignore"):
            return (
                answers - self.scores.upper(share) * width,
                answers - self.scores.lower(share) * width,
            )

    def sets(self, level: float, probabilities: Floats) -> NDArray[np.bool_]:
        """(n, classes): whether each class belongs to the set of its row; E418 as in bounds."""
        check_level(level, self.highest("classification"))
        # the difference is rounded: a probability equal to that of the quantile belongs
        inside: NDArray[np.bool_] = 1 - probabilities <= self.scores.upper(level)
        inside[np.arange(len(inside)), np.argmax(probabilities, axis=1)] = True
        return inside


@dataclass(frozen=True, eq=False)
class Intervals:
    """What a model keeps for its intervals: the margins of each target (for classes one), and the
    distance of rows from the data of the fit."""

    margins: tuple[Margins, ...]
    distance: Distance


def check_level(level: float, most: float) -> None:
    """E418 if the level is beyond the highest one that the held-out rows allow."""
    if level > most + _SLACK:
        largest = np.floor(most * 1000) / 1000
        fix = words("Use {=interval level}, or fit to more rows.", level=f"{largest:g}")
        if largest <= 0:
            fix = words("Fit to more rows.")
        raise error("E418", level=f"{level:g}", fix=fix)
