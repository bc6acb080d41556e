"""Comparing the numbers that an engine returned with exact values and bounds: arrays to a Check."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb
from numpy.typing import NDArray

from vetro.errors import counted
from vetro.figures import figure
from vetro.glass.check import Check, Verdict
from vetro.glass.verify.pairs import Pairs
from vetro.glass.verify.rounding import Rounded, exactly

Place = Callable[[tuple[int, ...]], str]
"""Index of an entry -> its name."""


UNBOUNDED = "rounding has no bound there, since a number may overflow or a divisor may be 0"
UNCLEAR = "the exact value is not known closely enough to decide"


@dataclass(frozen=True)
class Worst:
    """The entry nearest to its bound, or furthest beyond it; place: its name.

    verdict: passed if every entry lies within its bound; undecided if none lies beyond, but some
    cannot be judged.  deviation, bound: NaN for a value that is not finite.  count: entries
    compared.  why: a sentence, if it did not pass.
    """

    verdict: Verdict
    deviation: float
    bound: float
    place: str
    count: int
    why: str = ""

    @property
    def share(self) -> float:
        """The deviation as a share of its bound; NaN if nothing was compared."""
        if self.deviation == 0:
            return 0.0
        return self.deviation / self.bound if self.bound != 0 else math.inf


def undecided(why: str) -> Worst:
    """The result if there is nothing to compare with."""
    return Worst("undecided", math.nan, math.nan, "", 0, why)


def compare(
    returned: NDArray[Any],
    wanted: Rounded,
    place: Place,
    divisor: arb | None = None,
    unbounded: Callable[[tuple[int, ...]], str] = lambda index: UNBOUNDED,
) -> Worst:
    """The worst entry of the returned numbers.

    divisor: the number by which `wanted` must still be divided.  unbounded: why an entry has no
    bound.
    """
    values = np.asarray(returned, dtype=np.float64)
    if not values.size:
        return Worst("passed", 0.0, 0.0, "", 0)
    finite = np.isfinite(values)
    bound = np.where(np.isfinite(wanted.near), wanted.error, np.inf)
    # the bound's SLACK covers the rounding to the nearest float64
    apart, doubt = _apart(np.where(finite, values, 0.0), wanted, divisor)
    beyond = np.isfinite(bound) & (~finite | (apart - doubt > bound))
    unsure = ~beyond & (np.isinf(bound) | (apart + doubt > bound))
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(apart > 0, apart / bound, 0.0)
    # infinite bounds rank before narrow ones, and values that are not finite before all
    shares = np.where(np.isinf(bound), np.finfo(np.float64).max, shares)
    shares = np.where(finite, shares, np.inf)
    verdict: Verdict = "failed" if beyond.any() else "undecided" if unsure.any() else "passed"
    among = {"failed": beyond, "undecided": unsure, "passed": finite}[verdict]
    index = _index(np.where(among, shares, -1.0), values.shape)
    scale = 1.0 if divisor is None else abs(float(divisor))
    here, count, why = place(index), values.size, ""
    if verdict == "undecided":
        why = unbounded(index) if np.isinf(bound[index]) else UNCLEAR
    if not finite[index]:
        text = f"{here} is {figure(float(values[index]))}."
        why = f"{text} {why[:1].upper()}{why[1:]}." if why else text
        return Worst(verdict, math.nan, math.nan, here, count, why)
    if verdict == "failed":
        why = f"{here} is further off than rounding can explain."
    elif why:
        why = f"{here}: {why}."
    deviation, allowed = float(apart[index]) / scale, float(bound[index]) / scale
    return Worst(verdict, deviation, allowed, here, count, why)


def _apart(
    values: NDArray[Any], wanted: Rounded, divisor: arb | None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """The distance of finite values from the exact ones, and the error of that distance."""
    if isinstance(wanted.exact, Pairs):
        between = Pairs.of(values) - wanted.exact
        return np.abs(between.high), between.radius
    exact = exactly(values)
    apart = Rounded((exact if divisor is None else exact * divisor) - wanted.exact, wanted.error)
    found = np.where(apart.zero, 0.0, np.abs(apart.near))
    if float(apart.exact.sum().rad()) == 0:  # the sum's radius is at least each entry's
        return found, np.zeros(apart.shape)
    radii = [float(number.rad()) for number in apart.exact.reshape(-1)]
    return found, np.array(radii).reshape(apart.shape)


def _index(scores: NDArray[Any], shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(place) for place in np.unravel_index(int(scores.argmax()), shape))


def check_of(name: str, found: Iterable[Worst], noun: str) -> Check:
    """The check that all entries are within bounds; noun: what an entry is, such as "output"."""
    all_found = list(found)
    for verdict in ("failed", "undecided"):
        bad = [one for one in all_found if one.verdict == verdict]
        if bad:
            worst = max(bad, key=lambda one: (math.isnan(one.share), one.share))
            return Check(name, verdict, worst.deviation, worst.bound, worst.why)
    worst = max(all_found, key=lambda one: one.share)
    count = sum(one.count for one in all_found)
    where = f"; nearest to its bound is {worst.place}" if worst.deviation > 0 else ""
    return Check(name, "passed", worst.deviation, worst.bound, f"{counted(count, noun)}{where}.")


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
