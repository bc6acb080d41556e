"""The simplex method for many small linear programs that share their constraints.

All programs advance together, with one matrix product for all of them; this saves the half second
that a general solver takes to load.  Not exact: redundancy.py proves what it concludes from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vetro.glass.rows import Floats

Whole = NDArray[np.intp]

STEPS = 40
"""The most simplex steps per dimension, at least 500; a program not solved then stays open."""

FRESH = 40
"""Steps after which the inverses are computed anew: each change of a basis adds its rounding."""


@dataclass(frozen=True)
class Walk:
    """For each objective: the largest objective . r with corners . r <= 1 (infinite if it is
    unbounded or the walk did not end); the r, or the direction, that reaches it; the corners whose
    constraints are tight there; and weights >= 0 with sum of weight * corner = objective."""

    reach: Floats
    directions: Floats
    bases: Whole
    weights: Floats


def walk_out(corners: Floats, objectives: Floats, stop: Callable[[], bool] = lambda: False) -> Walk:
    """The walks of all objectives (m, d) over corners (n, d) of rank d, from one vertex.

    stop: called before each step; if it returns true, all walks end where they are.
    """
    count, size = objectives.shape
    # bounds slightly different from 1, so that no step has length 0
    bounds = 1 + 1e-11 * np.random.default_rng(1).random(len(corners))
    found = Walk(
        np.full(count, np.inf),
        objectives.copy(),
        np.tile(_vertex(corners, bounds), (count, 1)),
        np.zeros((count, size)),
    )
    walkers = _Walkers(corners, bounds, objectives, found.bases)
    for step in range(max(500, STEPS * size)):
        if not len(walkers.numbers) or stop():
            break
        if step and step % FRESH == 0:
            walkers.refresh()
        settled = walkers.pull.min(axis=1) >= -1e-12 * np.abs(walkers.pull).max(axis=1)
        _settle(found, walkers.numbers[settled], corners, bounds, objectives)
        walkers.take(~settled)
        if len(walkers.numbers):
            walkers.step(found)
    return found


def _settle(found: Walk, done: Whole, corners: Floats, bounds: Floats, objectives: Floats) -> None:
    """Write the results at the vertices that were reached, computed from their corners."""
    if not len(done):
        return
    held = corners[found.bases[done]]
    try:
        found.weights[done] = _solved(held.transpose(0, 2, 1), objectives[done])
        found.directions[done] = _solved(held, bounds[found.bases[done]])
    except np.linalg.LinAlgError:
        return  # programs spoilt by rounding stay open
    found.reach[done] = found.weights[done].sum(axis=1)


def _solved(matrices: Floats, right: Floats) -> Floats:
    return np.asarray(np.linalg.solve(matrices, right[..., None])[..., 0], dtype=np.float64)


class _Walkers:
    """The walks that have not ended, their numbers, and the vertex of each.

    inverse: of the corners that define the vertex, (walks, d, d).  pull: their weights, one of
    which is below 0.  place: the vertex.  left: the distance of each corner's border, (walks, n).
    """

    def __init__(self, corners: Floats, bounds: Floats, objectives: Floats, bases: Whole) -> None:
        self._corners, self._bounds, self._objectives = corners, bounds, objectives
        self._bases = bases
        self.numbers = np.arange(len(objectives))
        self.refresh()

    def refresh(self) -> None:
        """Compute everything anew from the corners that define each vertex."""
        held = self._bases[self.numbers]
        try:
            self._inverse = np.linalg.inv(self._corners[held])
        except np.linalg.LinAlgError:
            self._inverse = np.linalg.pinv(self._corners[held])
        aims = self._objectives[self.numbers]
        self.pull: Floats = (aims[:, None] @ self._inverse)[:, 0]
        self._place = (self._inverse @ self._bounds[held][..., None])[..., 0]
        self._left = np.maximum(self._bounds - self._place @ self._corners.T, 0.0)
        np.put_along_axis(self._left, held, 1.0, axis=1)

    def take(self, kept: NDArray[np.bool_]) -> None:
        """Go on with some of them."""
        if kept.all():
            return
        self.numbers, self._inverse = self.numbers[kept], self._inverse[kept]
        self.pull, self._place = self.pull[kept], self._place[kept]
        self._left = self._left[kept]

    def step(self, found: Walk) -> None:
        """Each walk leaves the corner with the most negative weight and goes to the next border."""
        rows = np.arange(len(self.numbers))
        leaving = np.argmin(self.pull, axis=1)
        ways: Floats = np.negative(self._inverse[rows, :, leaving])
        speed = ways @ self._corners.T
        np.put_along_axis(speed, self._bases[self.numbers], 0.0, axis=1)
        # the border that is met first: the largest speed per remaining distance
        rate = speed / np.maximum(self._left, 1e-300)
        rate[speed <= 1e-12 * np.abs(speed).max(axis=1, keepdims=True)] = 0.0
        entering = np.argmax(rate, axis=1)
        going = rate[rows, entering] > 0
        found.directions[self.numbers[~going]] = ways[~going]
        if not going.all():
            self.take(going)
            rows = np.arange(len(self.numbers))
            leaving, ways, speed, entering, rate = (
                x[going] for x in (leaving, ways, speed, entering, rate)
            )
        if len(rows):
            lengths: Floats = np.reciprocal(rate[rows, entering])
            self._move(rows, leaving, entering, ways, speed, lengths)

    def _move(
        self, rows: Whole, leaving: Whole, entering: Whole, ways: Floats, speed: Floats,
        lengths: Floats,
    ) -> None:  # fmt: skip
        """Exchange a corner of each basis: a change of rank one (Sherman and Morrison 1950)."""
        across = (self._corners[entering][:, None] @ self._inverse)[:, 0]
        pivot = across[rows, leaving].copy()
        across[rows, leaving] -= 1.0
        across /= pivot[:, None]
        self._inverse += ways[:, :, None] * across[:, None, :]
        self.pull = self.pull - self.pull[rows, leaving][:, None] * across
        self._place = self._place + lengths[:, None] * ways
        self._left = np.maximum(self._left - lengths[:, None] * speed, 0.0)
        self._left[rows, self._bases[self.numbers, leaving]] = lengths
        self._left[rows, entering] = 1.0
        self._bases[self.numbers, leaving] = entering


def _vertex(corners: Floats, bounds: Floats) -> Whole:
    """Corners that define a vertex of corners . r <= bounds: from 0 to a border, then along it."""
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
