"""Numbers in exact arithmetic, each with a proven bound of how far floating point may be from it.

A Rounded value stands for every result that an engine may return for it: the exact value, and
`error` at most away.  The bounds are the standard ones, not chosen tolerances: one operation is
off by at most u of its result (and by the smallest normal number, should that underflow); a sum
of n products by gamma_n = n u / (1 - n u) of the sum of their absolute values, in whatever order
they are added, fused or not (Higham 2002, "Accuracy and Stability of Numerical Algorithms",
sections 2.2, 3.1 and 4.2).  Errors of operands are carried on by the rules of interval
arithmetic.  Elementary functions are taken to be off by at most 4 units in the last place: the
engine's are at most 2, as measured over all floats (native/elementary.h), and torch's vector
functions are documented with 1, its composed ones hold within 4.

The bounds are computed in float64; SLACK and TINY pay for its own rounding and underflow.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from flint import arb, arb_mat, ctx
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Exact = NDArray[np.object_]

SLACK = 1.0 + 2.0**-32
"""Bounds are sums of at most 2^20 non-negative terms: relative error below 2^-32."""

TINY = 2.0**-1000
"""More than what float64 loses of such sums by underflow."""

ELEMENTARY = 8.0
"""Of tanh, exp and the like, in units of u: 4 units in the last place."""

ROOT = 3.0
"""Of a square root: torch's vector one is off from IEEE by one unit."""

DIVIDING = 256
"""Bits of what cannot stay a fraction of a power of two."""

ZERO, ONE = arb(0), arb(1)


@dataclass(frozen=True)
class Format:
    """A floating-point format: u, its unit roundoff, and `tiny`, its smallest normal number.

    tiny rather than the smallest denormal: it covers flushing to zero.  unit: the value of 1 in
    the units that a computation is recomputed in, so that a common divisor can wait to the end.
    """

    u: float
    tiny: float

    def scaled(self, unit: float) -> Format:
        """The format for results that are recomputed `unit` times as large."""
        return Format(self.u, self.tiny * unit * SLACK)

    def gamma(self, terms: Any) -> Any:
        """n u / (1 - n u), infinite from n u = 1/2 on."""
        product = np.asarray(terms, dtype=np.float64) * self.u
        return np.where(product < 0.5, product / (1.0 - np.minimum(product, 0.5)), np.inf)


FORMATS = {"float32": Format(2.0**-24, 2.0**-126), "float64": Format(2.0**-53, 2.0**-1022)}


@dataclass(frozen=True, eq=False)
class Rounded:
    """exact: arb numbers, of any shape; error: the proven bound, of the same shape."""

    exact: Exact
    error: Floats

    @property
    def shape(self) -> tuple[int, ...]:
        return self.exact.shape

    @property
    def size(self) -> Floats:
        """An upper bound of what floating point returns, in absolute value."""
        return (self.magnitude + self.error) * SLACK

    @cached_property
    def near(self) -> Floats:
        """The exact values to the nearest float64."""
        return self.exact.astype(np.float64)

    @cached_property
    def magnitude(self) -> Floats:
        """An upper bound of the exact values' absolute values."""
        return np.abs(self.near) * SLACK + np.where(self.zero, 0.0, TINY)

    @cached_property
    def zero(self) -> NDArray[np.bool_]:
        """Where the exact value is 0."""
        return np.equal(self.exact, ZERO).astype(np.bool_)

    @property
    def nothing(self) -> NDArray[np.bool_]:
        """Where every evaluation gives exactly 0."""
        return self.zero & (self.error == 0)

    def __getitem__(self, key: Any) -> Rounded:
        return Rounded(self.exact[key], self.error[key])

    @property
    def transposed(self) -> Rounded:
        return Rounded(self.exact.T, self.error.T)

    def spread(self, shape: tuple[int, ...]) -> Rounded:
        """Broadcast to a shape."""
        return Rounded(np.broadcast_to(self.exact, shape), np.broadcast_to(self.error, shape))


def exactly(values: ArrayLike) -> Exact:
    """Floats as they are, without rounding."""
    given = np.asarray(values, dtype=np.float64)
    found = np.empty(given.size, dtype=object)
    found[:] = [arb(value) for value in given.reshape(-1).tolist()]
    return found.reshape(given.shape)


def stored(values: ArrayLike) -> Rounded:
    """Floats that are what they are."""
    exact = exactly(values)
    return Rounded(exact, np.zeros(exact.shape))


def constant(value: arb, format: Format, roundings: float = 1.0) -> Rounded:
    """A coefficient () that is rounded on its way into the format."""
    exact = np.array(value, dtype=object)
    return Rounded(exact, lifted(roundings * format.u * np.abs(exact.astype(np.float64))))


def nothing(shape: tuple[int, ...]) -> Rounded:
    """Zeros."""
    return Rounded(np.full(shape, ZERO, dtype=object), np.zeros(shape))


def lifted(bound: Floats | float) -> Floats:
    """A bound as float64 computed it, made certain; 0 stays 0."""
    found: Floats = np.where(np.equal(bound, 0), 0.0, np.multiply(bound, SLACK) + TINY)
    return np.nan_to_num(found, nan=np.inf, posinf=np.inf)


def plus(a: Rounded, b: Rounded, format: Format) -> Rounded:
    """a + b."""
    exact = a.exact + b.exact
    carried = a.error + b.error
    own = format.u * (np.abs(exact.astype(np.float64)) + carried)
    # what one side adds to nothing is not rounded
    own = np.where(a.nothing | b.nothing, 0.0, own)
    return Rounded(exact, lifted(carried + own))


def minus(a: Rounded, b: Rounded, format: Format) -> Rounded:
    """a - b."""
    return plus(a, Rounded(-b.exact, b.error), format)


def times(a: Rounded, b: Rounded, format: Format) -> Rounded:
    """a b; exactly 0 where one of them is."""
    exact = a.exact * b.exact
    carried = a.magnitude * b.error + b.magnitude * a.error + a.error * b.error
    own = format.u * (a.magnitude * b.magnitude + carried) + format.tiny
    return Rounded(exact, lifted(np.where(a.nothing | b.nothing, 0.0, carried + own)))


def over(a: Rounded, b: Rounded, format: Format) -> Rounded:
    """a / b; the bound is infinite where b may be 0."""
    with ctx.workprec(DIVIDING):
        exact = a.exact / b.exact
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        quotient = np.abs(exact.astype(np.float64)) * SLACK
        least = np.abs(b.near) / SLACK - b.error
        carried = np.where(least > 0, (a.error + quotient * b.error) / least, np.inf)
        own = format.u * (quotient + carried) + format.tiny
    return Rounded(exact, lifted(np.where(a.nothing & (least > 0), 0.0, carried + own)))


def root(a: Rounded, format: Format) -> Rounded:
    """sqrt(a), a not negative: |sqrt(x) - sqrt(y)| is at most sqrt|x - y| and |x - y| / sqrt(y)."""
    with ctx.workprec(DIVIDING):
        exact = each(lambda value: value.sqrt(), a.exact)
    value = np.abs(exact.astype(np.float64))
    with np.errstate(divide="ignore", invalid="ignore"):
        steep = np.where(value > 0, a.error / (value / SLACK), np.inf)
    carried = np.minimum(np.sqrt(a.error), steep)
    own = ROOT * format.u * (value + carried)
    return Rounded(exact, lifted(np.where(a.nothing, 0.0, carried + own)))


def total(a: Rounded, axis: int, format: Format) -> Rounded:
    """The sum over an axis, in any order: n numbers take n - 1 additions."""
    exact = np.sum(a.exact, axis=axis)
    summed = a.size.sum(axis=axis)
    terms = (~a.nothing).sum(axis=axis)
    own = format.gamma(np.maximum(terms - 1, 0)) * summed
    return Rounded(np.asarray(exact, dtype=object), lifted(a.error.sum(axis=axis) + own))


def product(a: Rounded, b: Rounded, format: Format, start: Rounded | None = None) -> Rounded:
    """The matrix product (m, k) (k, n) + start (m, 1), each entry a sum in any order.

    Of t terms that are not 0 the bound is gamma_t; terms of exact zeros round nothing.
    """
    made = _matrix(a.exact) * _matrix(b.exact)
    exact = np.empty(made.nrows() * made.ncols(), dtype=object)
    exact[:] = made.entries()
    exact = exact.reshape(made.nrows(), made.ncols())
    terms = (~a.nothing).astype(np.float64) @ (~b.nothing).astype(np.float64)
    carried = a.magnitude @ b.error + a.error @ b.size
    sizes = a.size @ b.size
    own = terms * format.tiny
    if start is not None:
        exact = exact + start.exact
        carried, sizes = carried + start.error, sizes + start.size
        terms = terms + ~start.nothing
    own = own + format.gamma(terms) * sizes
    return Rounded(exact, lifted(carried + own))


def each(function: Any, values: Exact) -> Exact:
    """function of every entry."""
    found = np.empty(values.size, dtype=object)
    found[:] = [function(value) for value in values.reshape(-1)]
    return found.reshape(values.shape)


def _matrix(values: Exact) -> arb_mat:
    rows, columns = values.shape
    return arb_mat(rows, columns, values.reshape(-1).tolist())
