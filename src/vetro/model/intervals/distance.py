"""The distance of a row from the data of the fit, in the encoded space.

    d(z)^2 = sum_j (a_j . (z - m))^2 / v_j  +  |rest|^2 / v_rest

z holds the encoded columns but those of bins, m is their mean, a_j the first principal axes and v_j
the variances along them (Mahalanobis' distance; with many columns, that of probabilistic principal
components, Tipping and Bishop 1999).  A row is far if some column is far out, and also if columns
go together as they never did.  No row of the table can be read from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vetro.model.intervals.sums import product

Floats = NDArray[np.float64]

MOST_AXES = 32
_MOST_COLUMNS = 1000
"""With more columns than these, the axes come from as many rows."""
_FLOOR = 0.01
"""No variance is taken as less than this share of the mean variance."""
_USUAL = 0.99


@dataclass(frozen=True, eq=False)
class Distance:
    """mean (c,), axes (a, c), variances (a + 1,) (the last: along every other axis), of the c
    columns.  usual: the distance within which 99% of rows lie that were not used for the axes."""

    mean: NDArray[np.float32]
    axes: NDArray[np.float32]
    variances: Floats
    usual: float

    def of(self, columns: NDArray[np.float32]) -> Floats:
        """(n,) distances of rows (n, c), divided by `usual`: below 1 for 99% of usual rows."""
        found: Floats = _distances(self.mean, self.axes, self.variances, columns) / self.usual
        return found


def fit_distance(columns: NDArray[np.float32], others: NDArray[np.float32]) -> Distance:
    """From the columns (n, c) of rows; `usual` from those of other rows (m, c), n and m >= 1."""
    if columns.shape[1] > _MOST_COLUMNS and len(columns) > _MOST_COLUMNS:
        columns = columns[np.linspace(0, len(columns) - 1, _MOST_COLUMNS).astype(np.intp)]
    rows = columns.astype(np.float64)
    mean = rows.mean(axis=0)
    rows -= mean
    count, width = rows.shape
    if width <= count:
        values, vectors = np.linalg.eigh(rows.T @ rows / count)
    else:
        values, vectors = np.linalg.eigh(rows @ rows.T / count)
        vectors = rows.T @ vectors / np.sqrt(np.maximum(values, 1e-300) * count)
    total = float(np.square(rows).sum() / count)
    floor = max(_FLOOR * total / max(width, 1), 1e-12)
    order = np.argsort(values)[::-1][:MOST_AXES]
    order = order[values[order] > floor]
    rest = max(total - float(values[order].sum()), 0.0) / max(width - len(order), 1)
    variances = np.append(values[order], max(rest, floor))
    # an axis that turns its sign changes no distance: one sign, the same everywhere
    axes = vectors[:, order].T
    axes *= np.where(axes.sum(axis=1, keepdims=True) < 0, -1.0, 1.0)
    axes, mean = axes.astype(np.float32), mean.astype(np.float32)
    usual = float(np.quantile(_distances(mean, axes, variances, others), _USUAL))
    return Distance(mean, axes, variances, max(usual, 1e-6))


def _distances(
    mean: NDArray[np.float32],
    axes: NDArray[np.float32],
    variances: Floats,
    columns: NDArray[np.float32],
) -> Floats:
    """(n,): see above; infinite where a column is not finite."""
    apart = columns.astype(np.float64) - mean
    with np.errstate(over="ignore", invalid="ignore"):
        along = np.square(product(apart, axes.T.astype(np.float64)))
        whole = product(np.square(apart), np.ones((apart.shape[1], 1)))[:, 0]
        # along the axes, by 1 / v_j and by 1
        parts = product(along, np.column_stack([1 / variances[:-1], np.ones(len(axes))]))
        rest = np.maximum(whole - parts[:, 1], 0.0)
        found: Floats = np.sqrt(parts[:, 0] + rest / variances[-1])
    found[~np.isfinite(found)] = np.inf
    return found
