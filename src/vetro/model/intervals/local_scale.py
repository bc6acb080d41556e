"""The local scale of the errors: how large the error of a row usually is.

    log s(x) = w_0 + w . v,    v = (shares of the answer's bins, the encoded row)

It minimises the mean of log s + |e| / s over held-out errors e (the likelihood of Laplace's
distribution), plus a ridge penalty on w.  A smaller penalty must be clearly better on rows that
the fit did not see; else s depends on the answer only, or is constant.  The problem is convex: each
step is damped, with one fixed matrix, the expected second derivative.  It gives the shape of the
errors only: margins.py holds their width.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vetro.model.intervals.sums import product
from vetro.tables.blocks import quantile_borders

Floats = NDArray[np.float64]

ANSWER_BINS = 8
_PENALTIES = (1e6, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003)
"""Of the encoded columns' weights, from hardly any effect to free."""
_ANSWER_PENALTY = 0.03
_CLEARLY = 2.0
"""A smaller penalty is taken if its gain is this many standard errors above 0."""
LARGEST_LOG = 20.0
"""Of a scale, up and down: errors that are 0 in some rows would else have no scale at all."""
_STEPS = 30
_ENOUGH = 1e-6
"""A step that lowers the objective by less is the last."""
_LARGEST_RATIO = 1e6


@dataclass(frozen=True, eq=False)
class LocalScale:
    """weights: w_0, then one for each bin of the answer, then one for each encoded column.

    borders: of the answer's bins, rising; () for none.  low, high: the range of log s among the
    rows of the fit, which bounds it elsewhere.
    """

    weights: Floats
    borders: tuple[float, ...]
    low: float
    high: float

    def of(self, answers: Floats, encoded: NDArray[np.float32]) -> Floats:
        """s (n,) of rows with these answers (n,) and this encoded matrix (n, width)."""
        bins = max(len(self.borders) - 1, 0)
        log = self.weights[0] + product(encoded, self.weights[1 + bins :, None])[:, 0]
        if bins:
            shares = answer_shares(answers, self.borders)
            log += product(shares, self.weights[1 : 1 + bins, None])[:, 0]
        # a value that is not finite, far outside the training range, has the largest scale
        log[np.isnan(log)] = self.high
        scale: Floats = np.exp(np.clip(log, self.low, self.high))
        return scale


def constant_scale(width: int) -> LocalScale:
    """s = 1 for every row of an encoded matrix of this width."""
    return LocalScale(np.zeros(1 + width), (), 0.0, 0.0)


def answer_shares(answers: Floats, borders: tuple[float, ...]) -> Floats:
    """(n, bins): how far each answer fills each bin, 0 to 1."""
    edges = np.array(borders)
    with np.errstate(invalid="ignore"):
        found: Floats = (answers[:, None] - edges[:-1]) / np.diff(edges)
    return np.clip(np.nan_to_num(found), 0.0, 1.0, out=found)


def fit_local_scale(
    errors: Floats,
    answers: Floats,
    encoded: NDArray[np.float32],
    part: NDArray[np.integer],
    weights: Floats | None = None,
) -> tuple[LocalScale, Floats]:
    """The scale, and s (n,) of each row by a scale that was fitted without the rows of its part.

    errors, answers (n,), encoded (n, width), part (n,): the penalty is chosen, and s is computed,
    by leaving out one part after the other.  weights (n,) of the rows; None means 1.
    """
    sizes = np.abs(errors)
    shares = np.ones(len(sizes)) if weights is None else weights / weights.mean()
    borders = quantile_borders(answers, ANSWER_BINS, weights)
    columns = [np.ones((len(sizes), 1)), encoded.astype(np.float64)]
    if borders:
        columns.insert(1, answer_shares(answers, borders))
    matrix = np.hstack(columns)
    typical = float(np.average(sizes, weights=shares))
    if typical == 0 or not np.isfinite(typical) or len(np.unique(part)) < 2:
        return constant_scale(encoded.shape[1]), np.ones(len(sizes))
    sizes = sizes / typical
    gram = (matrix * shares[:, None]).T @ matrix / len(matrix)
    # of a constant scale: log s is 0, and the mean of the sizes is 1
    best = (_Ridge(np.zeros(0), np.zeros(0)), sizes, np.zeros(len(sizes)))
    worse = 0
    for penalty in _PENALTIES:
        ridge = _ridge(gram, penalty, max(len(borders) - 1, 0))
        log = np.empty(len(sizes))
        for one in np.unique(part):
            seen = part != one
            found = _minimise(matrix[seen], sizes[seen], shares[seen], ridge)
            log[~seen] = np.clip(matrix[~seen] @ found, *_range(matrix[seen] @ found))
        losses = log + sizes * np.exp(-log)
        gains = shares * (best[1] - losses)
        if gains.mean() > _CLEARLY * gains.std() / np.sqrt(len(gains)):
            best, worse = (ridge, losses, log), 0
        elif (worse := worse + 1) == 2:
            break
    ridge, _, log = best
    if not len(ridge.penalties):
        return constant_scale(encoded.shape[1]), np.ones(len(sizes))
    found = _minimise(matrix, sizes, shares, ridge)
    scale = LocalScale(found, borders, *_range(matrix @ found))
    return scale, np.exp(log)


def _range(log: Floats) -> tuple[float, float]:
    return max(float(log.min()), -LARGEST_LOG), min(float(log.max()), LARGEST_LOG)


@dataclass(frozen=True, eq=False)
class _Ridge:
    """penalties (w,) of the weights; inverse: of the expected second derivative with them."""

    penalties: Floats
    inverse: Floats


def _ridge(gram: Floats, penalty: float, bins: int) -> _Ridge:
    penalties = np.full(len(gram), penalty)
    penalties[1 : 1 + bins] = _ANSWER_PENALTY
    penalties[0] = 0.0
    # rounding only: a column that is always 0 with no penalty would have no inverse
    inverse = np.linalg.inv(gram + np.diag(penalties + 1e-9)).astype(np.float64)
    return _Ridge(penalties, inverse)


def _minimise(matrix: Floats, sizes: Floats, shares: Floats, ridge: _Ridge) -> Floats:
    """w of the smallest mean of shares * (log s + sizes / s) + penalties / 2 * w^2."""
    total = shares.sum()

    def at(point: Floats) -> tuple[float, Floats]:
        log = matrix @ point
        with np.errstate(over="ignore"):
            ratios = np.minimum(sizes * np.exp(-log), _LARGEST_RATIO)
        value = (shares @ (log + ratios)) / total + 0.5 * (ridge.penalties * point) @ point
        return float(value), ratios

    point = np.zeros(matrix.shape[1])
    value, ratios = at(point)
    for _ in range(_STEPS):
        descent = (shares * (ratios - 1)) @ matrix / total - ridge.penalties * point
        step, length = ridge.inverse @ descent, 1.0
        there, theirs = at(point + step)
        while there > value and length > 1e-3:
            length /= 2
            there, theirs = at(point + length * step)
        if there > value:
            break
        gain, point, value, ratios = value - there, point + length * step, there, theirs
        if gain < _ENOUGH:
            break
    return point
