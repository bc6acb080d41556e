"""From held-out rows to margins: the scale is fitted, and the scores are taken.

Rows held out by folds: the scale that scores a row was fitted without the rows of its fold.  A
held-out part: one half of it fits the scale, the other gives the scores, so that both the network
and the scale are strange to the scored rows.  If these rows did not choose the recipe either, the
level is guaranteed (split conformal).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vetro.model.intervals.ensemble import shrink_of_mean
from vetro.model.intervals.local_scale import LocalScale, constant_scale, fit_local_scale
from vetro.model.intervals.margins import Margins, Scores

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

MOST_FITTED = 5_000
"""Rows that a scale is fitted to, at most: its form is simple."""
_FEWEST_HALVED = 200
"""Of fewer rows of a held-out part no half is spent on a scale: it is constant."""
_HALVES = 5
_BLOCK = 8_192


@dataclass(frozen=True, eq=False)
class HeldOutErrors:
    """answers, truths (n, targets) of the held-out rows, their part (n,) and weights (n,).

    encode: the encoded matrix of rows, by their places 0 ... n - 1.  others: a few places, and the
    answers there by the mean of the parts that saw the row; None if there is a single part.
    """

    answers: Floats
    truths: Floats
    part: NDArray[np.int32]
    weights: Floats | None
    encode: Callable[[Rows], NDArray[np.float32]]
    others: tuple[Rows, Floats] | None = None


@dataclass(frozen=True, eq=False)
class Calibrated:
    """The margins of one target, and what its coverage is measured by: the places of the scored
    rows, their scale (m,), and their part (m,), by which scores are left out."""

    margins: Margins
    rows: Rows
    scale: Floats
    part: NDArray[np.integer]


def calibrate(found: HeldOutErrors, target: int) -> Calibrated | None:
    """Of one target of a regression; None where no held-out row has a finite error."""
    answers, errors = found.answers[:, target], found.answers[:, target] - found.truths[:, target]
    usable = np.flatnonzero(np.isfinite(errors))
    if not len(usable):
        return None
    in_folds = len(np.unique(found.part)) > 1
    fitted, scored, part = _roles(usable, found.part if in_folds else None)
    width = found.encode(usable[:1]).shape[1]
    scale, known = constant_scale(width), np.ones(len(fitted))
    if len(fitted):
        weights = None if found.weights is None else found.weights[fitted]
        scale, known = fit_local_scale(
            errors[fitted], answers[fitted], found.encode(fitted), part[fitted], weights
        )
    size = np.full(len(errors), np.nan)
    size[scored] = scales_of(scale, answers[scored], lambda rows: found.encode(scored[rows]))
    if in_folds:
        size[fitted] = known
    weights = None if found.weights is None else found.weights[scored]
    scores = Scores.of(errors[scored] / size[scored], weights)
    margins = Margins(scores, scale, _shrink(found, target, size))
    return Calibrated(margins, scored, size[scored], part[scored])


def scales_of(
    scale: LocalScale, answers: Floats, encode: Callable[[Rows], NDArray[np.float32]]
) -> Floats:
    """s (n,) of rows, block by block, so that the whole encoded matrix is never held."""
    size = np.empty(len(answers))
    for start in range(0, len(answers), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(answers)))
        size[rows] = scale.of(answers[rows], encode(rows))
    return size


def _roles(usable: Rows, folds: NDArray[np.int32] | None) -> tuple[Rows, Rows, NDArray[np.integer]]:
    """The rows that fit the scale, those that are scored, and the part of each of all rows."""
    if folds is not None:
        return _evenly(usable, MOST_FITTED), usable, folds
    part = np.zeros(int(usable[-1]) + 1, dtype=np.int32)
    if len(usable) < _FEWEST_HALVED:
        part[usable] = np.arange(len(usable)) % _HALVES
        return usable[:0], usable, part
    fitted = _evenly(usable, min(MOST_FITTED, len(usable) // 2))
    scored = np.setdiff1d(usable, fitted)
    for rows in (fitted, scored):
        part[rows] = np.arange(len(rows)) % _HALVES
    return fitted, scored, part


def _shrink(found: HeldOutErrors, target: int, size: Floats) -> float:
    if found.others is None:
        return 1.0
    rows, others = found.others
    own = (found.answers[rows, target] - found.truths[rows, target]) / size[rows]
    theirs = (others[:, target] - found.truths[rows, target]) / size[rows]
    known = np.isfinite(own) & np.isfinite(theirs)
    weights = None if found.weights is None else found.weights[rows][known]
    parts = len(np.unique(found.part))
    return shrink_of_mean(own[known], theirs[known], parts, weights)


def _evenly(rows: Rows, most: int) -> Rows:
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.intp)]
