"""Coverage: how often intervals and sets hold the truth, and how wide they are.

It is measured on rows that an interval was not made from: on held-out rows with the scores of the
other parts, or on a table with known targets.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vetro.model.evidence import Coverage, Interval
from vetro.model.intervals.margins import Margins, Scores

Floats = NDArray[np.float64]

LEVEL = 0.9
"""The level that reports show."""


def coverage(
    level: float,
    held: NDArray[np.bool_],
    width: Floats,
    order: Floats,
    weights: Floats | None = None,
    groups: NDArray[np.integer] | None = None,
    labels: Sequence[str] = (),
    codes: NDArray[np.integer] | None = None,
) -> Coverage:
    """Of rows (n,): whether the interval held the truth, its width, and the number to sort by.

    weights (n,): None means 1.  groups (n,): of rows that belong together, for the interval of the
    share.  labels, codes (n,): the classes, and the true one of each row.
    """
    shares = np.ones(len(held)) if weights is None else weights
    share = float(np.average(held, weights=shares))
    rank = np.argsort(order, kind="stable")
    cuts = np.searchsorted(np.cumsum(shares[rank]), shares.sum() * np.array([1, 2]) / 3)
    thirds = [rows for rows in np.split(rank, cuts) if shares[rows].sum() > 0]
    classes = {}
    for code, label in enumerate(labels if codes is not None else ()):
        of_class = codes == code
        if shares[of_class].sum() > 0:
            classes[label] = float(np.average(held[of_class], weights=shares[of_class]))
    return Coverage(
        level=level,
        rows=len(held),
        covered=_with_interval(share, held, shares, groups),
        thirds=tuple(float(np.average(held[rows], weights=shares[rows])) for rows in thirds),
        borders=tuple(float(order[rows].max()) for rows in thirds[:-1]),
        width=float(np.average(width, weights=shares)),
        classes=classes,
    )


def _with_interval(
    share: float, held: NDArray[np.bool_], shares: Floats, groups: NDArray[np.integer] | None
) -> Interval:
    """The share with its 95% interval: 1.96 standard errors of a weighted mean, by groups."""
    apart = shares * (held - share)
    if groups is not None and groups.max() > 0:
        apart = np.bincount(groups, weights=apart)
    error = 1.96 * float(np.sqrt(np.square(apart).sum())) / float(shares.sum())
    return Interval(share, max(share - error, 0.0), min(share + error, 1.0))


def held_by_others(
    margins: Margins,
    level: float,
    answers: Floats,
    truths: Floats,
    scale: Floats,
    part: NDArray[np.integer],
    weights: Floats | None = None,
) -> tuple[NDArray[np.bool_], Floats] | None:
    """Whether each held-out row's interval holds its truth, (n,), and its width in the model.

    The interval of a row is made from the scores of the other parts.  None if they are too few.
    """
    held, width = np.zeros(len(answers), dtype=bool), np.zeros(len(answers))
    scores = (answers - truths) / scale
    for one in np.unique(part):
        here, others = part == one, part != one
        if not others.any():
            return None
        known = Scores.of(scores[others], None if weights is None else weights[others])
        if 2 * known.most - 1 < level:
            return None
        theirs = Margins(known, margins.scale)
        low, high = theirs.bounds(level, answers[here], scale[here])
        held[here] = (low <= truths[here]) & (truths[here] <= high)
        width[here] = (high - low) * margins.shrink
    return held, width


def sets_by_others(
    level: float,
    probabilities: Floats,
    codes: NDArray[np.integer],
    part: NDArray[np.integer],
    margins: Margins,
    weights: Floats | None = None,
) -> tuple[NDArray[np.bool_], Floats] | None:
    """The same for classes: whether each row's set holds its class, and the size of the set."""
    held, size = np.zeros(len(codes), dtype=bool), np.zeros(len(codes))
    scores = 1 - probabilities[np.arange(len(codes)), codes]
    for one in np.unique(part):
        here, others = part == one, part != one
        if not others.any():
            return None
        known = Scores.of(scores[others], None if weights is None else weights[others])
        if known.most < level:
            return None
        inside = Margins(known, margins.scale).sets(level, probabilities[here])
        held[here] = inside[np.arange(len(inside)), codes[here]]
        size[here] = inside.sum(axis=1)
    return held, size
