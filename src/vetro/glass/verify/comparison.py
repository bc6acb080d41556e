"""Comparing what an engine returned with what must be within bounds: from arrays to a Check."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb
from numpy.typing import NDArray

from vetro.glass.check import Check
from vetro.glass.figures import figure
from vetro.glass.verify.rounding import Rounded, exactly

Place = Callable[[tuple[int, ...]], str]
"""How an entry is named, by its index."""


@dataclass(frozen=True)
class Worst:
    """The entry that comes nearest to its bound, or passes it most; place says which it is.

    strange: a value that is not finite, "" if none is.  count: entries compared.
    """

    deviation: float
    bound: float
    place: str
    count: int
    strange: str = ""

    @property
    def share(self) -> float:
        if self.deviation == 0:
            return 0.0
        return self.deviation / self.bound if self.bound > 0 else math.inf


def compare(
    returned: NDArray[Any], wanted: Rounded, place: Place, divisor: arb | None = None
) -> Worst:
    """The worst entry of what was returned.  divisor: what `wanted` must still be divided by."""
    values = np.asarray(returned, dtype=np.float64)
    if not values.size:
        return Worst(0.0, 0.0, "", 0)
    strange = ~np.isfinite(values)
    if strange.any():
        index = _index(strange, values.shape)
        text = f"{place(index)} is {figure(float(values[index]))}"
        return Worst(math.inf, 0.0, place(index), values.size, text)
    exact = exactly(values)
    apart = (exact if divisor is None else exact * divisor) - wanted.exact
    # the radius of their sum is at least that of each
    radius = float(apart.sum().rad())
    of_each = Rounded(apart, np.full(apart.shape, radius))
    # what its nearest float64 loses, the bound's SLACK pays for
    deviations = np.where(of_each.zero, 0.0, np.abs(of_each.near) + radius)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(deviations > 0, deviations / wanted.error, 0.0)
    # an infinite bound proves nothing: such an entry goes before all that passed
    shares = np.where(np.isinf(wanted.error), 1.0, np.nan_to_num(shares, nan=np.inf, posinf=np.inf))
    index = _index(shares, values.shape)
    scale = 1.0 if divisor is None else float(divisor)
    return Worst(
        float(deviations[index]) / scale,
        float(wanted.error[index]) / scale,
        place(index),
        values.size,
    )


def _index(scores: NDArray[Any], shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(place) for place in np.unravel_index(int(scores.argmax()), shape))


def check_of(name: str, found: Iterable[Worst], noun: str) -> Check:
    """The check that all of it is within bounds; noun: what was compared, "outputs"."""
    all_found = list(found)
    count = sum(one.count for one in all_found)
    for one in all_found:
        if one.strange:
            return Check(name, "failed", math.nan, math.nan, f"{one.strange}.")
    worst = max(all_found, key=lambda one: (not math.isinf(one.bound), one.share))
    beyond = [one for one in all_found if one.share > 1]
    if beyond:
        worst = max(beyond, key=lambda one: one.share)
        detail = f"{worst.place} is further off than rounding can explain."
        return Check(name, "failed", worst.deviation, worst.bound, detail)
    unbounded = [one for one in all_found if math.isinf(one.bound)]
    if unbounded:
        detail = f"{unbounded[0].place}: rounding has no bound there, since it may overflow."
        return Check(name, "undecided", unbounded[0].deviation, math.inf, detail)
    where = f"; nearest to its bound is {worst.place}" if worst.deviation > 0 else ""
    return Check(name, "passed", worst.deviation, worst.bound, f"{count} {noun}{where}.")


def same_bits(
    name: str, returned: NDArray[Any], wanted: NDArray[Any], place: Place, detail: str
) -> Check:
    """The check that two arrays hold the same bytes, -0 and NaN included."""
    a, b = np.ascontiguousarray(returned), np.ascontiguousarray(wanted)
    kind = np.uint32 if a.dtype.itemsize == 4 else np.uint64
    differ = a.view(kind) != b.view(kind)
    if not differ.any():
        return Check(name, "passed", 0.0, 0.0, f"{detail}.")
    index = _index(differ, a.shape)
    with np.errstate(invalid="ignore"):
        apart = float(abs(np.float64(a[index]) - np.float64(b[index])))
    ours, theirs = repr(float(a[index])), repr(float(b[index]))
    text = f"{place(index)} is {ours} where {theirs} is right"
    more = int(differ.sum()) - 1
    return Check(name, "failed", apart, 0.0, text + (f", and {more} more." if more else "."))
