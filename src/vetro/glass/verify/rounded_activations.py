"""Activations and their derivatives as Rounded values: exact, with a bound for a float computation.

An error e in z changes f(z) by at most e times the largest slope within e of z, which is at most
|f'(z)| + e max|f''|, and never more than max|f'|.  The rounding of f itself is counted in units of
u from the operations in the engine (native/activations.h) and in torch, with elementary functions
off by ELEMENTARY.  torch's erf in float32 is a polynomial (Abramowitz and Stegun 7.1.26) with an
absolute error of 1.5e-7, counted as 4 u.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from flint import arb, ctx
from numpy.typing import NDArray

from vetro.glass import exact, plain
from vetro.glass.verify.rounding import (
    ELEMENTARY,
    ONE,
    SLACK,
    TINY,
    ZERO,
    Floats,
    Format,
    Rounded,
    each,
    lifted,
)
from vetro.networks.lowered import Operation

_STEEPEST = {"tanh": 1.0, "sigmoid": 0.25, "silu": 1.1, "gelu": 1.13, "gelu_tanh": 1.13}
"""max |f'|."""
_BENT = {"tanh": 0.77, "sigmoid": 0.0963, "silu": 0.5, "gelu": 0.8, "gelu_tanh": 0.9}
"""max |f''|."""


def activation(operation: Operation, z: Rounded, format: Format) -> Rounded:
    """function(z)."""
    function, e = operation.function, z.error
    if function == "identity":
        return z
    above, below = _sides(z)
    if function == "relu":
        values = np.where(above, z.exact, ZERO)
        if not (above | below).all():
            values = each(lambda value: value.max(ZERO), z.exact)
        # an error that may lift z above 0 changes the result only by the part above 0
        return Rounded(values, np.where(above, e, lifted(np.maximum(z.near + e, 0.0))))
    values = each(lambda value: exact.activation(operation, value), z.exact)
    size = np.abs(values.astype(np.float64)) * SLACK + TINY
    carried = steepness(operation, z) * e
    own = format.u * _own(operation, z, size) + format.tiny * (1.0 + z.size)
    if function in ("leaky_relu", "elu"):
        own = np.where(z.near > e * SLACK, 0.0, own)
    if function == "softplus":
        # on the other side of the threshold the result is z itself
        beta, threshold = operation.numbers
        near = _near_threshold(operation, z, format)
        jump = math.log1p(math.exp(-threshold)) / abs(beta) if threshold < 700 else 0.0
        own = np.where(near, own + jump, np.where(beta * z.near > threshold, 0.0, own))
    nothing = z.nothing & np.equal(values, ZERO).astype(np.bool_)
    return Rounded(values, lifted(np.where(nothing, 0.0, carried + own)))


def derivative(operation: Operation, z: Rounded, format: Format) -> Rounded:
    """function'(z), at a bend as in torch: 0 for relu, the slope below for leaky_relu and elu.

    Where the sign of z is not certain, either side's slope may be returned.
    """
    function, e = operation.function, z.error
    ones = np.full(z.shape, ONE, dtype=object)
    if function == "identity":
        return Rounded(ones, np.zeros(z.shape))
    above, _ = _sides(z)
    uncertain = (np.abs(z.near) <= e * SLACK) & (e > 0)
    if function in ("relu", "leaky_relu"):
        slope: Any = arb(operation.numbers[0]) if function == "leaky_relu" else ZERO
        jump = abs(1.0 - float(slope)) + format.u * abs(float(slope))
        own = np.where(above, 0.0, format.u * abs(float(slope)))
        return Rounded(np.where(above, ones, slope), lifted(np.where(uncertain, jump, own)))
    with ctx.workprec(exact.PRECISION):
        values = each(lambda value: _slope(operation, value), z.exact)
    steepest, bent = _extremes(operation)
    carried = np.minimum(2.0 * steepest, bent * e)
    own = format.u * _own_slope(operation, z) + format.tiny * (1.0 + z.size)
    if function == "elu":
        own = np.where(above & ~uncertain, 0.0, own)
        carried = np.where(above & ~uncertain, 0.0, carried)
        # at 0 itself torch and the engine need not take the same side
        jump = abs(1.0 - operation.numbers[0])
        own = own + np.where(np.abs(z.near) <= e * SLACK, jump, 0.0)
    if function == "softplus":
        threshold = operation.numbers[1]
        jump = 1.0 / (1.0 + math.exp(min(threshold, 700.0)))
        own = own + np.where(_near_threshold(operation, z, format), jump, 0.0)
    return Rounded(values, lifted(carried + own))


def steepness(operation: Operation, z: Rounded) -> Floats:
    """A bound of |function'| within the error of z."""
    near, e = z.near, z.error * SLACK
    if operation.function == "leaky_relu":
        slope = abs(operation.numbers[0])
        return np.where(near > e, 1.0, np.where(near < -e, slope, max(1.0, slope)))
    if operation.function == "elu":
        # alpha e^z below 0
        alpha = abs(operation.numbers[0])
        low = alpha * np.exp(np.minimum(near + e, 0.0)) * SLACK
        return np.where(near > e, 1.0, np.where(near < -e, low, max(1.0, alpha)))
    steepest, bent = _extremes(operation)
    here = np.abs(plain.derivative(operation, near)) * SLACK + 2.0**-40
    return np.minimum(steepest, here + bent * e)


def _extremes(operation: Operation) -> tuple[float, float]:
    """max |f'| and max |f''|, apart from jumps."""
    if operation.function == "softplus":
        return 1.0, abs(operation.numbers[0]) / 4.0
    if operation.function == "elu":
        alpha = abs(operation.numbers[0])
        return max(1.0, alpha), alpha
    return _STEEPEST[operation.function], _BENT[operation.function]


def _own(operation: Operation, z: Rounded, size: Floats) -> Floats:
    """The rounding of function(z) itself, in units of u; size: of the exact result."""
    x = z.size
    match operation.function:
        case "leaky_relu":
            return 2.0 * size
        case "elu":
            return (ELEMENTARY + 3.0) * size
        case "gelu":  # z Phi(z), Phi off by half of erf's error and its argument's rounding
            return (ELEMENTARY + 4.0) * x
        case "gelu_tanh":  # tanh's argument, of 5 roundings, counts by at most x sech^2 x < 0.5
            return (ELEMENTARY + 8.0) * x
        case "softplus":  # the rounding of beta z is a relative error of e^(beta z) and the result
            beta = abs(operation.numbers[0])
            scaled = np.minimum(beta * x, max(operation.numbers[1], 0.0) + 750.0)
            return (2.0 * ELEMENTARY + 6.0 + 2.0 * scaled) * size
    return (ELEMENTARY + 4.0) * size


def _own_slope(operation: Operation, z: Rounded) -> Floats:
    """The rounding of function'(z) itself, in units of u."""
    x = z.size
    match operation.function:
        case "tanh" | "sigmoid":  # 1 - y^2, (1 - y) y
            return np.full(x.shape, 3.0 * ELEMENTARY + 4.0)
        case "silu":  # s (1 + z (1 - s))
            return (3.0 * ELEMENTARY + 6.0) * (1.0 + x)
        case "gelu":  # Phi(z) + z phi(z); z^3 phi(z) < 0.5
            return np.full(x.shape, 2.0 * ELEMENTARY + 12.0)
        case "gelu_tanh":  # (1 + t) / 2 + z (1 - t^2) inner' / 2
            inner = 0.8 * (1.0 + 0.14 * x * x)
            return (2.0 * ELEMENTARY + 16.0) * (1.0 + 0.5 * x * inner)
        case "elu":  # alpha e^z, or y + alpha
            return np.full(x.shape, (ELEMENTARY + 6.0) * abs(operation.numbers[0]))
    # softplus: sigmoid(beta z)
    return np.full(x.shape, 2.0 * ELEMENTARY + 4.0)


def _slope(operation: Operation, z: arb) -> arb:
    """The exact derivative."""
    numbers = operation.numbers
    match operation.function:
        case "elu":
            return ONE if z > 0 else z.min(ZERO).exp() * numbers[0]
        case "tanh":
            return 1 / z.cosh() ** 2
        case "sigmoid":
            s = exact.sigmoid(z)
            return s * exact.sigmoid(-z)
        case "silu":
            s = exact.sigmoid(z)
            return s * (1 + z * exact.sigmoid(-z))
        case "gelu":
            density = (-z * z / 2).exp() / (2 * arb.pi()).sqrt()
            return (1 + (z / arb(2).sqrt()).erf()) / 2 + z * density
        case "gelu_tanh":
            steep, cubic = (2 / arb.pi()).sqrt(), arb("0.044715")
            t = (steep * (z + cubic * z**3)).tanh()
            return (1 + t) / 2 + z * (1 - t * t) * steep * (1 + 3 * cubic * z * z) / 2
        case "softplus":
            beta, threshold = numbers
            return ONE if z * beta > threshold else exact.sigmoid(z * beta)
    raise ValueError(f"no rule for {operation.function}")


def _near_threshold(operation: Operation, z: Rounded, format: Format) -> NDArray[np.bool_]:
    """Where rounding may put beta z on the other side of softplus's threshold."""
    beta, threshold = operation.numbers
    scaled = beta * z.near
    room = (abs(beta) * z.error + 4.0 * format.u * np.abs(scaled)) * SLACK + TINY
    found: NDArray[np.bool_] = np.abs(scaled - threshold) <= room
    return found


def _sides(z: Rounded) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where the exact value is certainly above 0, and where it is certainly not above 0."""
    above = np.greater(z.exact, ZERO).astype(np.bool_)
    return above, np.less_equal(z.exact, ZERO).astype(np.bool_)
