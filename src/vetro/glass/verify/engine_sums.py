"""The engine's outputs to the last bit, by its stated order of sums.

For piecewise linear networks.  Each sum is one chain of fused multiply-adds over the inputs in
order, starting from the bias (native/matrix.h).  NumPy has no fused multiply-add; it is emulated by
rounding to odd: for float32 in double, for float64 with error-free sums and products (Boldo and
Melquiond 2008, "Emulation of a FMA and correctly rounded sums: proved algorithms using rounding
to odd").
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.glass.subject import Part, piecewise_linear
from vetro.glass.verify.pairs import exact_product, exact_sum
from vetro.networks.lowered import Operation

Array = NDArray[Any]
Floats = NDArray[np.float64]

_FAR = 2.0**480
"""For float64 products above this, or below its inverse, the emulation may be inexact."""


def outputs(part: Part, x: Array) -> Array | None:
    """The outputs that the engine must return for x, (rows, outputs); None if not known."""
    if not piecewise_linear(part.network) or not part.network.operations:
        return None
    values = [np.ascontiguousarray(x, dtype=part.network.dtype)]
    for operation in part.network.operations:
        found = _apply(operation, part, [values[v] for v in operation.inputs])
        if found is None or not np.isfinite(found).all():
            return None
        values.append(found)
    return values[-1]


def _apply(operation: Operation, part: Part, inputs: list[Array]) -> Array | None:
    x = inputs[0]
    dtype = x.dtype
    found: Array | None
    match operation.kind:
        case "affine":
            assert operation.weight is not None
            weight = part.view(operation.weight)
            found = np.zeros((len(x), len(weight)), dtype=dtype)
            if operation.bias is not None:
                found = found + part.view(operation.bias)
            for k in range(x.shape[1]):
                assert found is not None
                found = fused(weight[:, k], x[:, k, None], found)
                if found is None:
                    return None
            return found
        case "add":
            return np.add(x, inputs[1])
        case "scale":
            factor, shift = (constant.astype(dtype) for constant in operation.constants)
            return fused(x, factor, np.broadcast_to(shift, x.shape))
        case "activation" if operation.function == "relu":
            found = np.maximum(x, dtype.type(0))
            return found
        case "activation" if operation.function == "leaky_relu":
            found = np.where(x > 0, x, x * dtype.type(operation.numbers[0]))
            return found
    return x


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
