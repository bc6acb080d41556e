"""Numbers as the unevaluated sum of two doubles, each within a proven radius: for long vectors.

About 106 bits, computed by NumPy on whole arrays, while arb handles one number at a time.  The
algorithms and their errors are from Joldes, Muller and Popescu 2017, "Tight and rigorous error
bounds for basic building blocks of double-word arithmetic" (their 6, 10 and 17); the root's are
from Lefevre, Louvet, Muller, Picot and Rideau 2023, "Accurate calculation of Euclidean norms using
double-word arithmetic".  The loss by underflow, which the articles leave out, is added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_SPLIT = 2.0**27 + 1.0
_SQUARE = 2.0**-106
"""u^2 of doubles."""
_LOST = 2.0**-1060
"""More than the loss by underflow of the few products in an algorithm, each at most 2^-1075."""
_SLACK = 1.0 + 2.0**-40
"""Covers the rounding of a radius, a sum of a few non-negative terms in double."""


def exact_sum(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """a + b as its nearest double and the rounding error (Knuth's TwoSum)."""
    found = np.asarray(a + b)
    back = found - a
    return found, (a - (found - back)) + (b - back)


def exact_product(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """a b as its nearest double and the rounding error (Dekker 1971); up to 2^996, without
    underflow."""
    found = a * b
    high_a, low_a = _halves(a)
    high_b, low_b = _halves(b)
    lost = ((high_a * high_b - found) + high_a * low_b + low_a * high_b) + low_a * low_b
    return found, lost


def _halves(a: Floats) -> tuple[Floats, Floats]:
    scaled = _SPLIT * a
    high = scaled - (scaled - a)
    return high, a - high


def _sorted_sum(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """a + b and the rounding error, if |a| >= |b| or a = 0 (Dekker's Fast2Sum)."""
    found = a + b
    return found, b - (found - a)


@dataclass(frozen=True, eq=False)
class Pairs:
    """high + low; the true numbers are at most `radius` away; all of one shape.

    high is the nearest double of high + low.  If a number, or a step to it, is not a finite double,
    the radius is infinite.
    """

    high: Floats
    low: Floats
    radius: Floats

    @staticmethod
    def of(values: ArrayLike) -> Pairs:
        """Floats as exact numbers."""
        high = np.array(values, dtype=np.float64)
        return _within(high, np.zeros_like(high), np.zeros_like(high))

    @staticmethod
    def near(value: arb) -> Pairs:
        """A ball, (1,)."""
        high = arb(float(value))
        low = arb(float(value - high))
        rest = float((value - high - low).abs_upper())
        # the nearest double of the upper end
        radius = 0.0 if rest == 0 and value - high == low else rest * _SLACK + _LOST
        return _within(np.array([float(high)]), np.array([float(low)]), np.array([radius]))

    @property
    def shape(self) -> tuple[int, ...]:
        return self.high.shape

    @property
    def zero(self) -> NDArray[np.bool_]:
        """Where the number is certainly 0."""
        found: NDArray[np.bool_] = (self.high == 0) & (self.low == 0) & (self.radius == 0)
        return found

    def astype(self, dtype: type[np.float64]) -> Floats:
        """The nearest doubles, by the same name as in arrays of other numbers; no copy."""
        return self.high.astype(dtype, copy=False)

    def spread(self, shape: tuple[int, ...]) -> Pairs:
        """Broadcast to a shape."""
        return Pairs(*(np.broadcast_to(part, shape) for part in self._parts))

    def larger(self, other: Pairs) -> Pairs:
        """The larger of both; its error is at most the larger of theirs."""
        own = (self.high > other.high) | ((self.high == other.high) & (self.low > other.low))
        high, low = np.where(own, self.high, other.high), np.where(own, self.low, other.low)
        return _within(high, low, np.maximum(self.radius, other.radius))

    def not_below_zero(self) -> Pairs:
        """The larger of them and 0."""
        return self.larger(Pairs.of(np.zeros(self.shape)))

    def __getitem__(self, key: Any) -> Pairs:
        return Pairs(*(part[key] for part in self._parts))

    def __neg__(self) -> Pairs:
        return Pairs(-self.high, -self.low, self.radius)

    def __add__(self, other: Pairs) -> Pairs:
        """Algorithm 6, off by 3 u^2 / (1 - 4 u) of the sum; exact where both are single doubles."""
        high, rest = exact_sum(self.high, other.high)
        low, least = exact_sum(self.low, other.low)
        high, rest = _sorted_sum(high, rest + low)
        high, low = _sorted_sum(high, least + rest)
        single = (self.low == 0) & (other.low == 0)
        own = np.where(single | self.zero | other.zero, 0.0, 4.0 * _SQUARE * np.abs(high))
        return _within(high, low, self.radius + other.radius + own)

    def __sub__(self, other: Pairs) -> Pairs:
        return self + -other

    def __mul__(self, other: Pairs) -> Pairs:
        """Algorithm 10, off by 7 u^2 of the product."""
        high, low = exact_product(self.high, other.high)
        low = low + (self.high * other.low + self.low * other.high)
        high, low = _sorted_sum(high, low)
        carried = self._size * other.radius + self.radius * (other._size + other.radius)
        own = np.where(self.zero | other.zero, 0.0, 8.0 * _SQUARE * np.abs(high) + _LOST)
        return _within(high, low, carried + own)

    def __truediv__(self, other: Pairs) -> Pairs:
        """Algorithm 17, off by 15 u^2 + 56 u^3 of the quotient."""
        high = self.high / other.high
        back, rest = exact_product(other.high, high)
        back, lost = _sorted_sum(back, other.low * high)
        back, rest = _sorted_sum(back, lost + rest)
        low = ((self.high - back) + (self.low - rest)) / other.high
        high, low = _sorted_sum(high, low)
        least = np.abs(other.high) / _SLACK - other.radius
        size = np.abs(high) * _SLACK
        carried = (self.radius + size * other.radius) / least
        own = 16.0 * _SQUARE * size + _LOST + _LOST / least
        found = np.where(self.zero, 0.0, carried + own)
        return _within(high, low, np.where(least > 0, found, np.inf))

    def root(self) -> Pairs:
        """The square root of numbers that are not negative, off by 25/8 u^2 of it.

        |sqrt(x) - sqrt(y)| is at most sqrt |x - y|, and |x - y| / sqrt(x).
        """
        high, zero = np.sqrt(self.high), self.high == 0
        back, rest = exact_product(high, high)
        low = (self.low + ((self.high - back) - rest)) / (2.0 * high)
        high, low = _sorted_sum(high, np.where(zero, 0.0, low))
        carried = np.minimum(np.sqrt(self.radius), self.radius / (high / _SLACK))
        radius = carried + 4.0 * _SQUARE * high + _LOST / high
        return _within(high, low, np.where(zero, np.sqrt(self.radius), radius))

    @property
    def _size(self) -> Floats:
        return np.abs(self.high) * _SLACK

    @property
    def _parts(self) -> tuple[Floats, Floats, Floats]:
        return self.high, self.low, self.radius


def _within(high: Floats, low: Floats, radius: Floats) -> Pairs:
    """A radius as computed in double, rounded up to be certain; 0 stays 0."""
    finite = np.isfinite(high) & np.isfinite(low) & np.isfinite(radius)
    return Pairs(high, np.where(finite, low, 0.0), np.where(finite, radius * _SLACK, np.inf))
