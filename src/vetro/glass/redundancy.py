"""Which of many inequalities matter: the others follow from them, by linear programming.

Around an inner point an inequality normal . u <= margin is the point normal / margin of the polar
dual, and those that matter are the corners of the points' hull.  Rays find most corners with one
matrix product (argmax of point . direction); the rest is asked of small linear programs over the
corners found so far (Clarkson 1994, "More output-sensitive geometric algorithms"), many in one
call of HiGHS.  `follows` proves each removal in fractions, so that rounding can only leave an
inequality too many, never take one away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from flint import fmpq, fmpq_mat
from numpy.typing import NDArray

from vetro.glass.rows import Floats

RAYS = 4096
AT_ONCE = 128
"""Linear programs in one call."""

_BEYOND = 1e-9


@dataclass(frozen=True)
class Sorting:
    """kept: numbers of the inequalities that matter, ascending.  reasons: for each other one the
    kept ones that it seems to follow from."""

    kept: tuple[int, ...]
    reasons: dict[int, tuple[int, ...]]


def sort_out(normals: Floats, margins: Floats) -> Sorting:
    """Which of normals (m, d) . u <= margins (m,) matter; every margin > 0: u = 0 is inside."""
    points = normals / margins[:, None]
    kept = _first_corners(points)
    open_: NDArray[np.intp] = np.setdiff1d(np.arange(len(points)), sorted(kept))
    reasons: dict[int, tuple[int, ...]] = {}
    while len(open_):
        left: list[int] = []
        corners = np.array(sorted(kept))
        for start in range(0, len(open_), AT_ONCE):
            asked = open_[start : start + AT_ONCE]
            values, directions, supports = _gauges(points[corners], points[asked])
            for number, value, direction, support in zip(
                asked, values, directions, supports, strict=True
            ):
                if value <= 1 + _BEYOND:
                    reasons[int(number)] = tuple(int(corner) for corner in corners[support])
                    continue
                found = int(np.argmax(points @ direction))
                kept.add(int(number) if found in kept else found)
                left.append(int(number))
        open_ = np.array([number for number in left if number not in kept], dtype=np.intp)
    # a corner found later may itself have been settled before: corners have no reasons
    return Sorting(tuple(sorted(kept)), {n: s for n, s in reasons.items() if n not in kept})


def _first_corners(points: Floats) -> set[int]:
    """Corners that rays meet, spread as the points are and as the first corners found are."""
    generator = np.random.default_rng(0)
    directions = generator.standard_normal((points.shape[1], RAYS))
    found = set(np.argmax(points @ directions, axis=0).tolist())
    for spread in (points, points[sorted(found)]):
        moments = spread.T @ spread
        moments += np.eye(len(moments)) * (np.trace(moments) * 1e-12 + 1e-300)
        rays = np.linalg.cholesky(np.linalg.inv(moments)) @ directions
        found |= set(np.argmax(points @ rays, axis=0).tolist())
    return found


def _gauges(
    corners: Floats, points: Floats
) -> tuple[Floats, Floats, list[NDArray[np.intp]]]:
    """For each point the least sum of weights >= 0 that make it of the corners, the direction in
    which it stands out most, and the corners with a weight.  Twice the point itself is on offer at
    the price of 2, so that there always is an answer."""
    from scipy import sparse
    from scipy.optimize import linprog

    count, size = points.shape
    width = len(corners) + 1
    blocks = [np.column_stack([corners.T, point]) for point in points]
    costs = np.tile(np.append(np.ones(len(corners)), 2.0), count)
    answer = linprog(
        costs,
        A_eq=sparse.block_diag(blocks, format="csc"),
        b_eq=points.reshape(-1),
        bounds=(0, None),
        method="highs-ds",
    )
    if answer.status != 0:
        return np.full(count, np.inf), points, [np.zeros(0, dtype=np.intp)] * count
    weights = answer.x.reshape(count, width)
    directions = answer.eqlin.marginals.reshape(count, size)
    values = (weights * costs[:width]).sum(axis=1)
    supports = [np.flatnonzero(row[:-1] > _BEYOND) for row in weights]
    return values, directions, supports


def follows(
    normal: Sequence[fmpq], bound: fmpq, reasons: Sequence[tuple[Sequence[fmpq], fmpq]]
) -> bool:
    """Whether normal . u <= bound follows from the reasons, proved in fractions (Farkas 1902):
    weights >= 0 with sum of weight * reason = normal and sum of weight * bound <= bound."""
    if not reasons:
        return all(entry == 0 for entry in normal) and bound >= 0
    columns = fmpq_mat([list(reason) for reason, _ in reasons]).transpose()
    target = fmpq_mat([[entry] for entry in normal])
    try:
        if columns.nrows() == columns.ncols():
            weights = columns.solve(target)
        else:
            across = columns.transpose()
            weights = (across * columns).solve(across * target)
    except ZeroDivisionError:
        return False
    entries = weights.entries()
    if any(weight < 0 for weight in entries) or columns * weights != target:
        return False
    total = sum((w * b for w, (_, b) in zip(entries, reasons, strict=True)), fmpq(0))
    return bool(total <= bound)
