"""Exact arithmetic for networks: fractions if the network is piecewise linear, else tight balls.

Numbers are python-flint's arb: a midpoint with a proven radius (Johansson 2017, "Arb: efficient
arbitrary-precision midpoint-radius interval arithmetic").  Stored numbers are binary fractions, so
sums and products of them have radius 0 as long as the working precision holds them:
`piecewise_linear` networks give exact fractions, others balls of about 2^-PRECISION.
The forward pass with its rounding bounds is verify/exact_backward.py's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb, arb_mat, ctx
from numpy.typing import ArrayLike

from vetro.glass.subject import piecewise_linear
from vetro.networks.arithmetic import Piece
from vetro.networks.lowered import LoweredNetwork

PRECISION = 256
"""Bits for a network with smooth activations."""

EXACT_PRECISION = 1 << 20
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


def sigmoid(z: arb) -> arb:
    """1 / (1 + exp(-z))."""
    return 1 / (1 + (-z).exp())


class Balls:
    """arb balls.  Where a ball reaches over an edge, the result holds both sides'."""

    @property
    def pi(self) -> arb:
        return arb.pi()

    def decimal(self, text: str) -> arb:
        return arb(text)

    def root(self, number: Any) -> arb:
        return arb(number).sqrt()

    def exp(self, z: arb) -> arb:
        return z.exp()

    def expm1(self, z: arb) -> arb:
        return z.expm1()

    def bell(self, z: arb) -> arb:
        return (-z * z / 2).exp()

    def log1p_exp(self, z: arb) -> arb:
        """max(z, 0) + log(1 + e^-|z|), which never overflows."""
        return z.max(arb(0)) + (-abs(z)).exp().log1p()

    def tanh(self, z: arb) -> arb:
        return z.tanh()

    def sech2(self, z: arb) -> arb:
        return 1 / z.cosh() ** 2

    def sigmoid(self, z: arb) -> arb:
        return sigmoid(z)

    def rest(self, share: arb, z: arb) -> arb:
        return sigmoid(-z)

    def erf(self, z: arb) -> arb:
        return z.erf()

    def power(self, z: arb, exponent: int) -> arb:
        return z**exponent

    def rising(self, function: Callable[[arb], arb], z: arb) -> arb:
        return function(z)

    def constant(self, z: arb, value: float) -> arb:
        return arb(value)

    def piece(self, z: arb, scaled: arb, edges: Sequence[float], pieces: Sequence[Piece]) -> arb:
        found: arb | None = None
        for edge, own in zip(edges, pieces, strict=False):
            if scaled > edge:
                continue
            here = own(self, z)
            found = here if found is None else found.union(here)
            if scaled <= edge:
                return found
        last: arb = pieces[-1](self, z)
        return last if found is None else found.union(last)


BALLS = Balls()
