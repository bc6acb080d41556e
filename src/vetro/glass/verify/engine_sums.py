"""The engine's outputs to the last bit, by its stated order of sums.

For piecewise linear networks.  Each sum is one chain of fused multiply-adds over the inputs in
order, starting from the bias (native/matrix.h).  NumPy has no fused multiply-add; it is emulated by
rounding to odd: for float32 in double, for float64 with error-free sums and products (Boldo and
Melquiond 2008, "Emulation of a FMA and correctly rounded sums: proved algorithms using rounding
to odd").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.glass.subject import Part, piecewise_linear
from vetro.glass.verify.pairs import exact_product, exact_sum
from vetro.networks import walk
from vetro.networks.lowered import Operation

Array = NDArray[Any]
Floats = NDArray[np.float64]

_FAR = 2.0**480
"""For float64 products above this, or below its inverse, the emulation may be inexact."""


def outputs(part: Part, x: Array) -> Array | None:
    """The outputs that the engine must return for x, (rows, outputs); None if not known."""
    if not piecewise_linear(part.network) or not part.network.operations:
        return None
    given = np.ascontiguousarray(x, dtype=part.network.dtype)
    try:
        return walk.forward(part.network, given, _Sums(part))[-1]
    except _Unknown:
        return None


class _Unknown(Exception):
    """A number that is not finite, or one that the emulation may get wrong."""


@dataclass(frozen=True, eq=False)
class _Sums:
    part: Part

    def affine(self, operation: Operation, x: Array) -> Array:
        assert operation.weight is not None
        weight = self.part.view(operation.weight)
        found: Array = np.zeros((len(x), len(weight)), dtype=x.dtype)
        if operation.bias is not None:
            found = found + self.part.view(operation.bias)
        for k in range(x.shape[1]):
            found = _known(fused(weight[:, k], x[:, k, None], found))
        return _known(found)

    def activation(self, operation: Operation, x: Array) -> Array:
        below = x.dtype.type(operation.activation.below)
        return _known(np.where(x > 0, x, x * below) if below else np.maximum(x, below))

    def layer_norm(self, operation: Operation, x: Array) -> Array:
        raise _Unknown

    def scale(self, operation: Operation, x: Array) -> Array:
        factor, shift = (constant.astype(x.dtype) for constant in operation.constants)
        return _known(fused(x, factor, np.broadcast_to(shift, x.shape)))

    def add(self, operation: Operation, x: Array, y: Array) -> Array:
        return _known(np.add(x, y))


def _known(found: Array | None) -> Array:
    if found is None or not np.isfinite(found).all():
        raise _Unknown
    return found


def fused(a: Array, b: Array, c: Array) -> Array | None:
    """a b + c, rounded once; None if the emulation may be inexact."""
    if c.dtype == np.float32:
        product = a.astype(np.float64) * b
        return odd_sum(product, c.astype(np.float64)).astype(np.float32)
    sizes = np.abs(a * b)
    if ((sizes > _FAR) | ((sizes < 1 / _FAR) & (a != 0) & (b != 0))).any():
        return None
    high, low = exact_product(a, b)
    upper, rest = exact_sum(c, low)
    upper, other = exact_sum(high, upper)
    found: Array = upper + odd_sum(rest, other)
    return found


def odd_sum(a: Floats, b: Floats) -> Floats:
    """a + b; if it is not exact, the one of the two neighbours with an odd last bit."""
    found, lost = exact_sum(a, b)
    bits = found.view(np.int64)
    # one bit away from 0 if the lost part has the sign of the sum, else one bit towards 0
    aside = np.where(np.signbit(lost) == np.signbit(found), 1, -1)
    moved = (lost != 0) & ((bits & 1) == 0)
    return np.asarray((bits + np.where(moved, aside, 0)).view(np.float64))
