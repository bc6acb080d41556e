"""Numbers in exact arithmetic, each with a proven bound of how far floating point may be from it.

A Rounded value covers every result that an engine may return: the exact value, and results at most
`error` away from it.  The bounds are the standard ones, not chosen tolerances.  One operation is
off by at most u of its result (and by the smallest normal number if the result underflows); a sum
of n products by gamma_n = n u / (1 - n u) of the sum of their absolute values, in any order of
addition, fused or not (Higham 2002, "Accuracy and Stability of Numerical Algorithms", sections 2.2,
3.1 and 4.2).  Errors of operands are propagated by interval arithmetic.  Elementary functions are
assumed to be off by at most 4 units in the last place: the engine's are off by at most 2, as
measured over all floats (native/elementary.h); torch documents 1 for its vector functions, and its
composed ones stay within 4.

The bounds are computed in float64; SLACK and TINY cover its own rounding and underflow.

With float64 numbers in place of the exact ones (`computed`), the bounds are estimates to first
order: backprop uses them for long vectors, in a format whose unit includes float64's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from flint import arb, arb_mat, ctx
from numpy.typing import ArrayLike, NDArray

from vetro.glass.verify.pairs import Pairs
from vetro.networks.activations.activation import ELEMENTARY as ELEMENTARY

Floats = NDArray[np.float64]
Exact = NDArray[Any]
"""arb numbers, or computed floats."""

SLACK = 1.0 + 2.0**-32
"""Bounds are sums of at most 2^20 non-negative terms: relative error below 2^-32."""

TINY = 2.0**-1000
"""More than float64's loss by underflow in such sums."""

ROOT = 3.0
"""The error of a square root: torch's vector one differs from IEEE by one unit."""

DIVIDING = 256
"""Bits for numbers that are not fractions of a power of two."""

ZERO: Any = arb(0)
ONE: Any = arb(1)


@dataclass(frozen=True)
class Format:
    """A floating-point format: u, its unit roundoff; its smallest normal and its largest number.

    The smallest normal number, not the smallest denormal: this covers flushing to zero.
    """

    u: float
    tiny: float
    largest: float

    def scaled(self, unit: float) -> Format:
        """The format for values that are recomputed `unit` times as large, and divided later."""
        return Format(self.u, self.tiny * unit * SLACK, self.largest * unit / SLACK)

    def gamma(self, terms: Any) -> Any:
        """n u / (1 - n u); infinite if n u is at least 1/2."""
        product = np.asarray(terms, dtype=np.float64) * self.u
        return np.where(product < 0.5, product / (1.0 - np.minimum(product, 0.5)), np.inf)

    def lost(self, count: float, size: Floats | float) -> Floats:
        """The error, to first order, of `count` operations with results up to `size`; results of 0
        have none."""
        sizes = np.asarray(size)
        return np.asarray(count * (self.u * sizes + self.tiny * (sizes != 0)))


FORMATS = {
    "float32": Format(2.0**-24, 2.0**-126, float(np.finfo(np.float32).max)),
    "float64": Format(2.0**-53, 2.0**-1022, float(np.finfo(np.float64).max)),
}


@dataclass(frozen=True, eq=False)
class Rounded:
    """exact: arb numbers, Pairs, or computed floats, of any shape; error: the bound, of the same
    shape."""

    exact: Any
    error: Floats

    @property
    def computed(self) -> bool:
        """Whether floats stand for the exact values."""
        return isinstance(self.exact, np.ndarray) and self.exact.dtype == np.float64

    @property
    def shape(self) -> tuple[int, ...]:
        return self.error.shape

    @cached_property
    def size(self) -> Floats:
        """An upper bound of the absolute value that floating point returns."""
        return (self.magnitude + self.error) * SLACK

    @cached_property
    def near(self) -> Floats:
        """The exact values to the nearest float64."""
        found: Floats = self.exact.astype(np.float64)
        return found

    @cached_property
    def magnitude(self) -> Floats:
        """An upper bound of the exact values' absolute values."""
        return np.abs(self.near) * SLACK + np.where(self.zero, 0.0, TINY) + off(self.exact)

    @cached_property
    def zero(self) -> NDArray[np.bool_]:
        """Where the exact value is 0."""
        if isinstance(self.exact, Pairs):
            return self.exact.zero
        found: NDArray[np.bool_] = np.equal(self.near, 0.0)
        if found.any():  # or smaller than float64 can hold
            found[found] = np.equal(self.exact[found], 0)
        return found

    @cached_property
    def nothing(self) -> NDArray[np.bool_]:
        """Where every evaluation gives exactly 0."""
        found: NDArray[np.bool_] = self.zero & (self.error == 0)
        return found

    def __getitem__(self, key: Any) -> Rounded:
        return known(self.exact[key], self.error[key], self.near[key])

    @property
    def transposed(self) -> Rounded:
        found = known(self.exact.T, self.error.T, self.near.T)
        if "matrix" in self.__dict__:
            found.__dict__["matrix"] = self.matrix.transpose()
        return found

    @cached_property
    def matrix(self) -> arb_mat:
        """The exact values, (rows, columns), as flint's matrix."""
        rows, columns = self.exact.shape
        return arb_mat(rows, columns, self.exact.reshape(-1).tolist())

    def spread(self, shape: tuple[int, ...]) -> Rounded:
        """Broadcast to a shape."""
        exact = self.exact
        return known(
            exact.spread(shape) if isinstance(exact, Pairs) else np.broadcast_to(exact, shape),
            np.broadcast_to(self.error, shape),
            np.broadcast_to(self.near, shape),
        )


def exactly(values: ArrayLike) -> Exact:
    """Stored floats as exact values, without rounding."""
    given = np.asarray(values, dtype=np.float64)
    found = np.empty(given.size, dtype=object)
    found[:] = [arb(value) for value in given.reshape(-1).tolist()]
    return found.reshape(given.shape)


def stored(values: ArrayLike) -> Rounded:
    """Floats taken as exact."""
    exact = exactly(values)
    return known(exact, np.zeros(exact.shape), np.array(values, dtype=np.float64))


def computed(values: ArrayLike) -> Rounded:
    """Floats from which everything is computed in float64."""
    exact = np.array(values, dtype=np.float64)
    return known(exact, np.zeros(exact.shape), exact)


def like(held: Rounded, values: ArrayLike) -> Rounded:
    """Floats taken as exact, in numbers of the same kind as others."""
    return computed(values) if held.computed else stored(values)


def known(exact: Exact | Pairs, error: Floats, near: Floats) -> Rounded:
    """A Rounded value whose nearest floats are known already."""
    found = Rounded(exact, error)
    found.__dict__["near"] = near
    return found


def off(exact: Exact | Pairs) -> Floats | float:
    """How far numbers may lie from their nearest floats beyond the part that SLACK covers."""
    return exact.radius if isinstance(exact, Pairs) else 0.0


def cast(held: Rounded, format: Format) -> Rounded:
    """Coefficients that are rounded when they are stored in the format."""
    return known(held.exact, lifted(format.u * np.abs(held.near)), held.near)


def lifted(bound: Floats | float) -> Floats:
    """A bound as computed in float64, rounded up to be certain; 0 stays 0."""
    found: Floats = np.where(np.equal(bound, 0), 0.0, np.multiply(bound, SLACK) + TINY)
    return np.where(found < np.inf, found, np.inf)  # NaN means no bound


def made(
    exact: Exact | Pairs, bound: Floats, format: Format, near: Floats | None = None
) -> Rounded:
    """A result with its bound, which is infinite if the result may overflow."""
    near = exact.astype(np.float64) if near is None else near
    error = lifted(bound)
    return known(exact, np.where(np.abs(near) + error < format.largest, error, np.inf), near)


def last_place(size: Floats, format: Format) -> Floats:
    """Half a unit in the last place of numbers up to `size`: u 2^floor(log2 size)."""
    return np.where(size > 0, format.u * np.exp2(np.frexp(size * SLACK)[1] - 1.0), 0.0)


def plus(a: Rounded, b: Rounded, format: Format) -> Rounded:
    """a + b."""
    exact = a.exact + b.exact
    near = exact.astype(np.float64)
    carried = a.error + b.error
    own = last_place(np.abs(near) + off(exact) + carried, format)
    # adding exactly 0 is not rounded
    own = np.where(a.nothing | b.nothing, 0.0, own)
    return made(exact, carried + own, format, near)


def minus(a: Rounded, b: Rounded, format: Format) -> Rounded:
    """a - b."""
    return plus(a, minus_of(b), format)


def minus_of(a: Rounded) -> Rounded:
    """-a, which rounds nothing."""
    return known(-a.exact, a.error, -a.near)


def times(a: Rounded, b: Rounded, format: Format) -> Rounded:
    """a b; exactly 0 if one of them is."""
    exact = a.exact * b.exact
    carried = a.magnitude * b.error + b.magnitude * a.error + a.error * b.error
    own = last_place(a.magnitude * b.magnitude + carried, format) + format.tiny
    return made(exact, np.where(a.nothing | b.nothing, 0.0, carried + own), format)


def over(a: Rounded, b: Rounded, format: Format) -> Rounded:
    """a / b; the bound is infinite if b may be 0."""
    with ctx.workprec(DIVIDING):
        exact = a.exact / b.exact
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        near = exact.astype(np.float64)
        quotient = np.abs(near) * SLACK + off(exact)
        least = np.abs(b.near) / SLACK - off(b.exact) - b.error
        carried = np.where(least > 0, (a.error + quotient * b.error) / least, np.inf)
        own = last_place(quotient + carried, format) + format.tiny
    return made(exact, np.where(a.nothing & (least > 0), 0.0, carried + own), format, near)


def root(a: Rounded, format: Format) -> Rounded:
    """sqrt(a), a >= 0: |sqrt(x) - sqrt(y)| is at most sqrt|x - y| and |x - y| / sqrt(y)."""
    with ctx.workprec(DIVIDING):
        pairs = isinstance(a.exact, Pairs)
        exact = a.exact.root() if pairs else mapped(arb.sqrt, np.sqrt, a.exact)
    near = exact.astype(np.float64)
    value = np.abs(near)
    with np.errstate(divide="ignore", invalid="ignore"):
        least = value / SLACK - off(exact)
        steep = np.where(least > 0, a.error / least, np.inf)
    carried = np.minimum(np.sqrt(a.error), steep)
    own = ROOT * format.u * (value + off(exact) + carried)
    return made(exact, np.where(a.nothing, 0.0, carried + own), format, near)


def total(a: Rounded, axis: int, format: Format) -> Rounded:
    """The sum over an axis, in any order: n numbers take n - 1 additions."""
    exact = np.sum(a.exact, axis=axis)
    summed = a.size.sum(axis=axis)
    terms = (~a.nothing).sum(axis=axis)
    own = format.gamma(np.maximum(terms - 1, 0)) * summed
    return made(exact, a.error.sum(axis=axis) + own, format)


def mean(a: Rounded, axis: int, format: Format) -> Rounded:
    """The sum over an axis, divided by the count, which is not rounded."""
    summed = total(a, axis, format)
    return over(summed, like(a, np.full(summed.shape, a.shape[axis])), format)


def product(a: Rounded, b: Rounded, format: Format, start: Rounded | None = None) -> Rounded:
    """The matrix product (m, k) (k, n) + start (m, 1), each entry a sum in any order.

    Of t terms that are not 0 the bound is gamma_t; terms of exact zeros round nothing.
    """
    exact = a.exact @ b.exact if a.computed else _entries(a.matrix * b.matrix)
    terms = (~a.nothing).astype(np.float64) @ (~b.nothing).astype(np.float64)
    carried = a.magnitude @ b.error + a.error @ b.size
    sizes = a.size @ b.size
    own = terms * format.tiny
    if start is not None:
        exact = exact + start.exact
        carried, sizes = carried + start.error, sizes + start.size
        terms = terms + ~start.nothing
    own = own + format.gamma(terms) * sizes
    return made(exact, carried + own, format)


def _entries(matrix: arb_mat) -> Exact:
    found = np.empty(matrix.nrows() * matrix.ncols(), dtype=object)
    found[:] = matrix.entries()
    return found.reshape(matrix.nrows(), matrix.ncols())


def each(function: Any, values: Exact) -> Exact:
    """function of every entry."""
    found = np.empty(values.size, dtype=object)
    found[:] = [function(value) for value in values.reshape(-1)]
    return found.reshape(values.shape)


def mapped(of_ball: Any, of_floats: Any, values: Exact) -> Exact:
    """A function of arb numbers one by one, or of all computed floats together."""
    return of_floats(values) if values.dtype == np.float64 else each(of_ball, values)
