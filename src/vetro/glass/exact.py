"""Exact arithmetic for networks: fractions if the network is piecewise linear, else tight balls.

Numbers are python-flint's arb: a midpoint with a proven radius (Johansson 2017, "Arb: efficient
arbitrary-precision midpoint-radius interval arithmetic").  Stored numbers are binary fractions, so
sums and products of them have radius 0 as long as the working precision holds them:
`piecewise_linear` networks give exact fractions, others balls of about 2^-PRECISION.
The forward pass with its rounding bounds is verify/exact_backward.py's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

import numpy as np
from flint import arb, arb_mat, ctx
from numpy.typing import ArrayLike

from vetro.glass.subject import piecewise_linear
from vetro.networks.lowered import LoweredNetwork, Operation

PRECISION = 256
"""Bits for a network with smooth activations."""

EXACT_PRECISION = 1 << 16
"""Bits for a network whose numbers stay fractions; they use only as many as they need."""


@contextmanager
def precision(network: LoweredNetwork) -> Iterator[None]:
    """Set the working precision that suits a network."""
    bits = EXACT_PRECISION if piecewise_linear(network) else PRECISION
    with ctx.workprec(bits):
        yield


def matrix(values: ArrayLike) -> arb_mat:
    """The numbers (rows, columns) as they are, without rounding."""
    return arb_mat(np.asarray(values, dtype=np.float64).tolist())


def ball(value: Fraction) -> arb:
    """A fraction as a ball, as narrow as the working precision allows."""
    return arb(value.numerator) / arb(value.denominator)


def fraction(number: arb) -> Fraction:
    """An exact number as a fraction; ValueError if it has a radius."""
    if not number.is_exact():
        raise ValueError(f"{number} is not exact")
    mantissa, exponent = number.man_exp()
    whole, power = int(mantissa), int(exponent)
    return Fraction(whole << power) if power >= 0 else Fraction(whole, 1 << -power)


def activation(operation: Operation, z: arb) -> arb:
    """function(z) for every z in the ball."""
    numbers = operation.numbers
    match operation.function:
        case "identity":
            return z
        case "relu":
            return z.nonnegative_part() if _sure(z) else z.max(arb(0))
        case "leaky_relu":
            slope = arb(numbers[0])
            if z >= 0:
                return z
            if z <= 0:
                return z * slope
            return z.union(z * slope)
        case "elu":
            alpha = arb(numbers[0])
            if z >= 0:
                return z
            low = z.expm1() * alpha
            return low if z <= 0 else z.max(arb(0)).union(z.min(arb(0)).expm1() * alpha)
        case "tanh":
            return z.tanh()
        case "sigmoid":
            return sigmoid(z)
        case "silu":
            return z * sigmoid(z)
        case "gelu":
            return z * (1 + (z / arb(2).sqrt()).erf()) / 2
        case "gelu_tanh":
            inner = (2 / arb.pi()).sqrt() * (z + arb("0.044715") * z * z * z)
            return z * (1 + inner.tanh()) / 2
        case "softplus":
            beta, threshold = arb(numbers[0]), arb(numbers[1])
            if z * beta > threshold:
                return z
            soft = (z * beta).exp().log1p() / beta
            return soft if z * beta <= threshold else soft.union(z)
    raise ValueError(f"no rule for {operation.function}")


def sigmoid(z: arb) -> arb:
    """1 / (1 + exp(-z))."""
    return 1 / (1 + (-z).exp())


def _sure(z: arb) -> bool:
    return bool(z >= 0) or bool(z <= 0)
