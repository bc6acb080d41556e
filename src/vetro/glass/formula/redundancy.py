"""Which of many inequalities matter: the others follow from them, by linear programming.

Around an inner point an inequality normal . u <= margin is the point normal / margin of the polar
dual, and those that matter are the corners of the points' hull.  Rays find most corners with one
matrix product (argmax of point . direction); the rest is asked of small linear programs over the
corners found so far (Clarkson 1994, "More output-sensitive geometric algorithms").  They share
their constraints, so that one simplex walks for all of them in step, which spares the half second
that a general solver takes to load.  `follows` proves each removal in fractions: rounding can only
leave an inequality too many, never take one away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from flint import fmpq, fmpq_mat
from numpy.typing import NDArray

from vetro.glass.rows import Floats

Whole = NDArray[np.intp]

RAYS = 4096
STEPS = 500
"""Most steps of a simplex; what is not settled then is kept."""

_BEYOND = 1e-9


@dataclass(frozen=True)
class Sorting:
    """kept: numbers of the inequalities that matter, ascending.  reasons: for each other one the
    kept ones that it seems to follow from."""

    kept: tuple[int, ...]
    reasons: dict[int, tuple[int, ...]]


def sort_out(normals: Floats, margins: Floats) -> Sorting:
    """Which of normals (m, d) . u <= margins (m,) matter; every margin > 0: u = 0 is inside."""
    points = _spanned(normals / margins[:, None])
    kept = _first_corners(points)
    open_: Whole = np.setdiff1d(np.arange(len(points)), sorted(kept))
    reasons: dict[int, tuple[int, ...]] = {}
    while len(open_):
        corners = np.array(sorted(kept))
        walk = walk_out(points[corners], points[open_])
        left: list[int] = []
        for place, number in enumerate(open_.tolist()):
            if walk.reach[place] <= 1 + _BEYOND:
                used = walk.bases[place][walk.weights[place] > _BEYOND]
                reasons[number] = tuple(corners[used].tolist())
                continue
            found = int(np.argmax(points @ walk.directions[place]))
            # a corner of this round stands out no more: then rounding hides what does
            kept.add(number if found in corners else found)
            left.append(number)
        open_ = np.array([number for number in left if number not in kept], dtype=np.intp)
    return Sorting(tuple(sorted(kept)), {n: s for n, s in reasons.items() if n not in kept})


def _spanned(points: Floats) -> Floats:
    """The points in as few dimensions as they span."""
    _, sizes, ways = np.linalg.svd(points, full_matrices=False)
    spanned = ways[sizes > sizes[0] * 1e-12]
    found: Floats = points @ spanned.T
    return found


def _first_corners(points: Floats) -> set[int]:
    """Corners that rays meet, spread as the points are and as the first corners found are; at
    least so many that they span the space."""
    generator = np.random.default_rng(0)
    size = points.shape[1]
    directions = generator.standard_normal((size, RAYS))
    found = set(np.argmax(points @ directions, axis=0).tolist())
    for spread in (points, points[sorted(found)]):
        sizes, ways = np.linalg.eigh(spread.T @ spread)
        # columns that say nearly the same leave directions with next to no spread
        rays = (ways / np.sqrt(np.maximum(sizes, sizes.max() * 1e-12))) @ directions
        found |= set(np.argmax(points @ rays, axis=0).tolist())
    for number in np.argsort(-np.linalg.norm(points, axis=1)).tolist():
        if np.linalg.matrix_rank(points[sorted(found)]) == size:
            break
        found.add(number)
    return found


@dataclass(frozen=True)
class Walk:
    """For each objective the largest objective . r with corners . r <= 1 (infinite where there is
    none) and the r, or the way, that it is reached by; the corners it is held by and the weights
    >= 0 with sum of weight * corner = objective."""

    reach: Floats
    directions: Floats
    bases: Whole
    weights: Floats


def walk_out(corners: Floats, objectives: Floats) -> Walk:
    """The simplex method for all objectives (m, d) at once over corners (n, d) of rank d."""
    count, size = objectives.shape
    # bounds a little apart from 1, so that no step has length 0
    bounds = 1 + 1e-11 * np.random.default_rng(1).random(len(corners))
    bases = np.tile(_vertex(corners, bounds), (count, 1))
    reach = np.full(count, np.inf)
    directions = objectives.copy()
    weights = np.zeros((count, size))
    walking = np.arange(count)
    for _ in range(STEPS):
        held = corners[bases[walking]]
        inverse = np.linalg.inv(held)
        pull = np.einsum("mji,mj->mi", inverse, objectives[walking])
        places = np.einsum("mij,mj->mi", inverse, bounds[bases[walking]])
        settled = pull.min(axis=1) >= -1e-12 * np.abs(pull).max(axis=1)
        done = walking[settled]
        weights[done] = pull[settled]
        directions[done] = places[settled]
        reach[done] = weights[done].sum(axis=1)
        walking, inverse, pull, places = (x[~settled] for x in (walking, inverse, pull, places))
        if not len(walking):
            break
        leaving = np.argmin(pull, axis=1)
        ways = -inverse[np.arange(len(walking)), :, leaving]
        speed = ways @ corners.T
        left = bounds - places @ corners.T
        np.put_along_axis(speed, bases[walking], 0.0, axis=1)
        fast = speed > 1e-12 * np.abs(speed).max(axis=1, keepdims=True)
        lengths = np.divide(left, speed, out=np.full(speed.shape, np.inf), where=fast)
        entering = np.argmin(lengths, axis=1)
        bases[walking, leaving] = entering
        endless = ~fast.any(axis=1)
        directions[walking[endless]] = ways[endless]
        walking = walking[~endless]
        if not len(walking):
            break
    return Walk(reach, directions, bases, weights)


def _vertex(corners: Floats, bounds: Floats) -> Whole:
    """Corners that hold a vertex of corners . r <= bounds: from 0 to a border, then along it."""
    size = corners.shape[1]
    generator = np.random.default_rng(2)
    place, held = np.zeros(size), list[int]()
    while len(held) < size:
        way: Floats = generator.standard_normal((size,))
        if held:
            basis = np.linalg.qr(corners[held].T)[0]
            way -= basis @ (basis.T @ way)
            way -= basis @ (basis.T @ way)
        way /= np.linalg.norm(way)
        speed = corners @ way
        speed[held] = 0.0
        if speed.max() <= 1e-12 * np.abs(speed).max():
            way, speed = -way, -speed
        fast = speed > 1e-12 * np.abs(speed).max()
        left = bounds - corners @ place
        lengths = np.divide(left, speed, out=np.full(len(corners), np.inf), where=fast)
        meets = int(np.argmin(lengths))
        place = place + max(float(lengths[meets]), 0.0) * way
        held.append(meets)
    return np.array(held, dtype=np.intp)


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
