"""Branch and bound: boxes are cut in two until the bounds are as tight as wanted.

For several objectives at once, each bounded from below: a box that no objective needs is dropped.
This file knows boxes and bounds, but not the function that is bounded.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vetro.glass.bounds.box import Boxes, Several, Space, halves, widths
from vetro.glass.plain import Floats

BATCH = 128
"""Boxes cut at a time."""

CHUNK = 128
"""Boxes bounded at a time: few enough that their data stays in the cache."""


@dataclass(frozen=True, eq=False)
class Bounded(Several):
    """least: certain lower bounds (boxes, objectives).  pull: how much each axis of the box
    moves the bound, (boxes, objectives, axes); the axis with the largest pull is cut."""

    least: Floats
    pull: Floats


Bound = Callable[[Boxes], Bounded]
Wanted = Callable[[], Floats]
Watch = Callable[[Boxes], object]


@dataclass(frozen=True, eq=False)
class Branched:
    """certain: (objectives,), lower bounds.  boxes: how many were bounded.  left: the boxes that
    could still be cut.  done: whether the wanted bounds were reached.  first: the lower bounds of
    the initial, uncut boxes, (boxes, objectives)."""

    certain: Floats
    boxes: int
    left: Boxes
    done: bool
    first: Floats


def one_thread() -> AbstractContextManager[object]:
    """BLAS with a single thread: for products this small, several threads only wait for each other,
    which takes ten times as long when other work keeps the processors busy."""
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[object] = threadpool_limits(1, user_api="blas")
    return limits


def branch(
    space: Space,
    root: Boxes,
    bound: Bound,
    watch: Watch,
    wanted: Wanted,
    over: Callable[[], bool],
    tell: Callable[[int, Floats], object] = lambda boxes, certain: None,
    pause: float = np.inf,
) -> Branched:
    """Cut boxes until no box lies below the wanted values, or until `over` returns true.

    bound: called with at most CHUNK boxes.  watch: called with the next boxes before they are
    bounded; it may search for points in them.  wanted: returns the values (objectives,) below which
    a box must be cut further.  wanted and over are called before each cut.  tell: called with the
    number of boxes bounded and the bounds.  pause: the approximate number of seconds between two
    cuts, if a whole batch takes longer.
    """

    def measured(boxes: Boxes) -> Bounded:
        watch(boxes)
        starts = range(0, len(boxes), CHUNK)
        return Bounded.joined([bound(boxes.take(slice(at, at + CHUNK))) for at in starts])

    live, found, batch = root, measured(root), BATCH
    first = found.least
    dropped = np.full(found.least.shape[1], np.inf)
    count = len(root)
    while True:
        began = time.monotonic()
        certain = np.minimum(dropped, found.least.min(axis=0, initial=np.inf))
        tell(count, certain)
        goals = wanted()
        short = found.least < goals
        cuttable = widths(space, live).max(axis=1, initial=0.0) > 0
        needed = short.any(axis=1) & cuttable
        dropped = np.minimum(dropped, found.least[~needed].min(axis=0, initial=np.inf))
        kept = np.flatnonzero(needed)
        live, found, short = live.take(kept), found.take(kept), short[kept]
        if not len(live) or over():
            done = not bool((certain < goals).any())
            return Branched(certain, count, live, done, first)
        chosen, objective = _chosen(found.least - goals, short, batch)
        parents = found.take(chosen)
        pull = parents.pull[np.arange(len(chosen)), objective]
        cut = live.take(chosen)
        # the axis with the largest pull among those that can be cut
        cuts = halves(space, cut, np.where(widths(space, cut) > 0, pull, -1.0).argmax(axis=1))
        children = measured(cuts)
        least = np.maximum(children.least, np.concatenate([parents.least, parents.least]))
        rest = np.ones(len(live), dtype=bool)
        rest[chosen] = False
        kept = np.flatnonzero(rest)
        live = Boxes.joined([live.take(kept), cuts])
        found = Bounded.joined([found.take(kept), Bounded(least, children.pull)])
        count += len(cuts)
        took = (time.monotonic() - began) / len(chosen)
        batch = max(1, min(BATCH, int(pause / max(took, 1e-9)))) if pause < np.inf else BATCH


def _chosen(
    beyond: Floats, short: NDArray[np.bool_], batch: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The boxes to cut next, each with the objective it is cut for: those furthest below the wanted
    values, equally many for each objective that is not yet reached."""
    wants = np.flatnonzero(short.any(axis=0))
    share = max(1, batch // len(wants))
    taken: dict[int, int] = {}
    for objective in wants:
        order = np.where(short[:, objective], beyond[:, objective], np.inf)
        nearest = (
            np.argpartition(order, share - 1)[:share]
            if share < len(order)
            else np.arange(len(order))
        )
        for box in nearest[np.isfinite(order[nearest])]:
            taken.setdefault(int(box), int(objective))
    return np.array(list(taken)), np.array(list(taken.values()))
