"""Finding the inequalities that matter by linear programming: the others follow from them.

Around an inner point an inequality normal . u <= margin is the point normal / margin of the polar
dual, and those that matter are the corners of the hull of 0 and the points.  Rays find most
corners with one matrix product (argmax of point . direction).  Rays that turn towards each point
find most of the rest (Gilbert 1966, "An iterative procedure for computing the minimum of a
quadratic form on a convex set").  Small linear programs over the corners found so far decide the
remaining points (Clarkson 1994, "More output-sensitive geometric algorithms"; simplex.py).
`follows` proves each removal: rounding can only keep an inequality too many, never remove one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from flint import arb, arb_mat, ctx, fmpq, fmpq_mat

from vetro.glass.exact import fraction
from vetro.glass.formula.simplex import Whole, walk_out
from vetro.glass.rows import Floats

RAYS = 4096
TURNS, VAIN_TURNS = 400, 25
"""The most turns of the rays, and how many turns in a row may find no new corner."""
TOGETHER = 2_000_000
"""Numbers in memory for the linear programs that are solved together."""
PROOF_BITS = 192

_BEYOND = 1e-9

Stop = Callable[[], bool]
Tell = Callable[[int, int], object]


@dataclass(frozen=True)
class Sorting:
    """kept: the numbers of the inequalities that matter, ascending.  reasons: for each inequality
    that seems to follow from others, the numbers of those others, kept or open.  open: the
    inequalities that were not decided when the time was over."""

    kept: tuple[int, ...]
    reasons: dict[int, tuple[int, ...]]
    open: tuple[int, ...] = ()


def never() -> bool:
    """A stop function that never ends the search."""
    return False


def unheard(kept: int, left: int) -> None:
    """A tell function that says nothing."""


def sort_out(normals: Floats, margins: Floats, stop: Stop = never, tell: Tell = unheard) -> Sorting:
    """Which of normals (m, d) . u <= margins (m,) matter; every margin > 0: u = 0 is inside.

    tell: called with the number known to matter and the number still open.
    """
    points = _spanned(normals / margins[:, None])
    seen = _met_by_rays(points)
    tell(len(seen), len(points) - len(seen))
    seen |= _met_by_turning(points, seen, stop)
    kept = seen | _spanning(points, seen)
    reasons: dict[int, tuple[int, ...]] = {}
    open_ = sorted(set(range(len(points))) - kept)
    while True:
        open_ = _ask(points, kept, seen, open_, reasons, stop, tell)
        # inequalities kept only to complete the rank may follow from the others found since
        spare = None if open_ else _spare(points, kept, seen)
        if spare is None:
            break
        kept.discard(spare)
        open_ = [spare, *(n for n, of in reasons.items() if spare in of)]
        for number in open_:
            reasons.pop(number, None)
    unsure = kept - seen if open_ else set()
    return Sorting(tuple(sorted(kept - unsure)), reasons, tuple(sorted({*open_, *unsure})))


def _ask(
    points: Floats,
    kept: set[int],
    seen: set[int],
    open_: list[int],
    reasons: dict[int, tuple[int, ...]],
    stop: Stop,
    tell: Tell,
) -> list[int]:
    """Decide the open inequalities by linear programs; returns those left when `stop` ended it."""
    share = max(1, TOGETHER // (points.shape[1] ** 2 + len(points)))
    while open_:
        tell(len(kept), len(open_))
        asked, later = open_[:share], open_[share:]
        corners = np.array(sorted(kept))
        walk = walk_out(points[corners], points[asked], stop)
        ended = stop()
        values = points @ walk.directions.T
        left: list[int] = []
        for place, number in enumerate(asked):
            if walk.reach[place] <= 1 + _BEYOND:
                reasons[number] = tuple(corners[walk.bases[place]].tolist())
                continue
            left.append(number)
            if ended:
                continue
            found = int(np.argmax(values[:, place]))
            if found in corners:  # rounding hides the corner, or the walk did not end
                found = number
            kept.add(found)
            seen.add(found)
        open_ = [number for number in (*left, *later) if number not in kept]
        if ended:
            break
    return open_


def _spanned(points: Floats) -> Floats:
    """The points in coordinates of the space that they span."""
    _, sizes, ways = np.linalg.svd(points, full_matrices=False)
    spanned = ways[sizes > sizes[0] * 1e-12]
    found: Floats = points @ spanned.T
    return found


def _corners(values: Floats) -> set[int]:
    """The points with the largest positive value for some ray; values: (points, rays)."""
    farthest = np.argmax(values, axis=0)
    beyond = values[farthest, np.arange(values.shape[1])] > 0
    return set(farthest[beyond].tolist())


def _met_by_rays(points: Floats) -> set[int]:
    """Corners that rays meet; the rays are spread like the points and like the first corners."""
    directions = np.random.default_rng(0).standard_normal((points.shape[1], RAYS))
    found = _corners(points @ directions)
    for spread in (points, points[sorted(found)]):
        found |= _corners(points @ (_rounding(spread) @ directions))
    return found


def _rounding(points: Floats) -> Floats:
    """The map that gives points equal spread in all directions.  Without it, columns with nearly
    the same content leave almost no spread in some directions."""
    sizes, ways = np.linalg.eigh(points.T @ points)
    found: Floats = ways / np.sqrt(np.maximum(sizes, sizes.max() * 1e-12))
    return found


def _met_by_turning(points: Floats, seen: set[int], stop: Stop) -> set[int]:
    """Corners that turning rays meet.  Each point has a ray, which turns towards the direction in
    which the point is farthest from the hull of the corners met so far."""
    round_ = points @ _rounding(points)
    open_ = np.setdiff1d(np.arange(len(points)), sorted(seen))
    nearest = np.zeros((len(open_), points.shape[1]))
    found: set[int] = set()
    vain = 0
    for _ in range(TURNS):
        if not len(open_) or vain == VAIN_TURNS or stop():
            break
        away = round_[open_] - nearest
        values = away @ round_.T
        new = _corners(values.T) - found
        vain = 0 if new else vain + 1
        found |= new
        met = np.argmax(values, axis=1)
        beyond = values[np.arange(len(open_)), met] > 0
        step = np.where(beyond[:, None], round_[met], 0.0) - nearest
        size = np.maximum((step**2).sum(axis=1), 1e-300)
        share = np.clip((away * step).sum(axis=1) / size, 0.0, 1.0)
        nearest = nearest + share[:, None] * step
        left = ~np.isin(open_, sorted(found))
        open_, nearest = open_[left], nearest[left]
    return found


def _spanning(points: Floats, seen: set[int]) -> set[int]:
    """More points, so that all together span the space."""
    found: set[int] = set()
    for number in np.argsort(-np.linalg.norm(points, axis=1)).tolist():
        known = sorted(seen | found)
        if known and np.linalg.matrix_rank(points[known]) == points.shape[1]:
            break
        found.add(number)
    return found - seen


def _spare(points: Floats, kept: set[int], seen: set[int]) -> int | None:
    """An inequality that was kept only for the rank and follows from the others; None if there is
    none."""
    for number in sorted(kept - seen):
        others: Whole = np.array(sorted(kept - {number}), dtype=np.intp)
        full = len(others) and np.linalg.matrix_rank(points[others]) == points.shape[1]
        if full and walk_out(points[others], points[[number]]).reach[0] <= 1 + _BEYOND:
            return number
        seen.add(number)
    return None


def follows(
    normal: Sequence[arb], bound: arb, reasons: Sequence[tuple[Sequence[arb], arb]]
) -> bool:
    """Whether normal . u <= bound follows from the reasons, proved (Farkas 1902): weights >= 0
    with sum of weight * reason = normal and sum of weight * bound <= bound.

    All numbers are exact.  The weights are enclosed in balls (Johansson 2017); if that does not
    decide, for example because a weight is 0, they are computed in fractions.
    """
    if not reasons:
        return all(entry == 0 for entry in normal) and bool(bound >= 0)
    if len(reasons) == len(normal):
        with ctx.workprec(PROOF_BITS):
            columns = arb_mat([list(reason) for reason, _ in reasons]).transpose()
            target = arb_mat([[entry] for entry in normal])
            try:
                weights = columns.solve(target, algorithm="lu").entries()
            except ZeroDivisionError:
                weights = []
            total = sum((w * b for w, (_, b) in zip(weights, reasons, strict=False)), arb(0))
            if weights and all(weight >= 0 for weight in weights) and total <= bound:
                return True
    return _follows_in_fractions(normal, bound, reasons)


def _follows_in_fractions(
    normal: Sequence[arb], bound: arb, reasons: Sequence[tuple[Sequence[arb], arb]]
) -> bool:
    across = fmpq_mat([[_rational(entry) for entry in reason] for reason, _ in reasons])
    columns, target = across.transpose(), fmpq_mat([[_rational(entry)] for entry in normal])
    try:
        if columns.nrows() == columns.ncols():
            weights = columns.solve(target)
        else:
            weights = (across * columns).solve(across * target)
    except ZeroDivisionError:
        return False
    entries = weights.entries()
    if any(weight < 0 for weight in entries) or columns * weights != target:
        return False
    total = sum((w * _rational(b) for w, (_, b) in zip(entries, reasons, strict=True)), fmpq(0))
    return bool(total <= _rational(bound))


def _rational(number: arb) -> fmpq:
    return fmpq(*fraction(number).as_integer_ratio())
