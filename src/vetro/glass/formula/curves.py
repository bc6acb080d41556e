"""How far a function of one number departs from a tangent, over a range: for tangent.py.

The functions are the activations (networks/activations) and what layer norm and softmax need.  They
are evaluated over wide ranges: what rises is taken at both ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from flint import arb

from vetro.glass.exact import Balls
from vetro.networks.activations import sigmoid
from vetro.networks.activations import softplus as soft
from vetro.networks.activations.activation import Curve
from vetro.networks.lowered import Operation

PIECES = 16
CORE = 10.0
"""Outside +-CORE the smooth activations are almost straight: one piece on each side."""

NARROW = arb("1e-9")


class Ranges(Balls):
    """Balls that may be wide, tightly also far out."""

    def rising(self, function: Callable[[arb], arb], z: arb) -> arb:
        """For a wide ball from its ends."""
        if z.rad() < NARROW:
            return function(z)
        return function(z.lower()).union(function(z.upper()))

    def exp(self, z: arb) -> arb:
        return self.rising(arb.exp, z)

    def bell(self, z: arb) -> arb:
        near, far = z.abs_lower(), z.abs_upper()
        return (-near * near / 2).exp().union((-far * far / 2).exp())

    def log1p_exp(self, z: arb) -> arb:
        return self.rising(super().log1p_exp, z)

    def tanh(self, z: arb) -> arb:
        return self.rising(arb.tanh, z)

    def erf(self, z: arb) -> arb:
        return self.rising(arb.erf, z)

    def sigmoid(self, z: arb) -> arb:
        return (1 + self.tanh(z / 2)) / 2

    def rest(self, share: arb, z: arb) -> arb:
        return self.sigmoid(-z)

    def sech2(self, z: arb) -> arb:
        return 1 - squared(self.tanh(z))

    def power(self, z: arb, exponent: int) -> arb:
        if exponent % 2:
            return self.rising(lambda x: x**exponent, z)
        return squared(z) ** (exponent // 2)


RANGES = Ranges()


@dataclass(frozen=True, eq=False)
class Shape:
    """Curves from left to right, which meet at the kinks.

    floor: no argument is below it.  slack: how far f may differ from the curves, because the place
    of a kink was rounded.
    """

    curves: tuple[Curve, ...]
    kinks: tuple[arb, ...] = ()
    floor: arb | None = None
    slack: arb | None = None

    def curve(self, z: arb) -> Curve:
        """The curve that holds at a point; at a kink the one below, as in torch."""
        return self.curves[sum(bool(z > kink) for kink in self.kinks)]

    def at(self, z: arb) -> tuple[arb, arb]:
        """f and f' at a point."""
        curve = self.curve(z)
        return curve.value(RANGES, z), curve.slope(RANGES, z)


def beyond_tangent(shape: Shape, centre: arb, change: arb, level: arb, slope: arb) -> arb:
    """An interval that holds f(z) - level - slope (z - centre) for every z in centre + change.

    Piece by piece, by the second-order Taylor formula around each piece's middle.
    """
    low, high = (centre + change).lower(), (centre + change).upper()
    if shape.floor is not None:
        low = low.max(shape.floor)
    found: arb | None = None
    for a, b in pairwise(_cuts(low, high, shape.kinks)):
        middle = ((a + b) / 2).mid()
        half = (b - middle).upper().max((middle - a).upper())
        curve = shape.curve(middle)
        sides = (curve.slope(RANGES, middle) - slope) * arb(0, half)
        bend = curve.bend(RANGES, a.union(b)) / 2
        piece = curve.value(RANGES, middle) - level - slope * (middle - centre)
        piece = piece + sides + bend * _upto(half)
        found = piece if found is None else found.union(piece)
    assert found is not None
    return found if shape.slack is None else found + shape.slack


def _upto(half: arb) -> arb:
    """[0, half^2]."""
    return arb(0).union((half * half).upper())


def _cuts(low: arb, high: arb, kinks: tuple[arb, ...]) -> list[arb]:
    """low ... high, cut at the kinks and into PIECES."""
    marks = [low, *(kink for kink in kinks if low < kink and kink < high), high]
    found = [low]
    for a, b in pairwise(marks):
        core_low, core_high = a.max(arb(-CORE)).min(b), b.min(arb(CORE)).max(a)
        if core_low > a:
            found.append(core_low.mid())
        start, step = found[-1], (core_high - found[-1]) / PIECES
        found += [(start + step * k).mid() for k in range(1, PIECES)]
        found.append(core_high.mid())
        if b > core_high:
            found.append(b)
        else:
            found[-1] = b
    return found


def curve_of(operation: Operation) -> Shape:
    """The shape of an activation, not the identity."""
    known = operation.activation
    kinks = [arb(edge) / arb(known.steep) for edge in known.edges]
    slack = None
    if not all(kink.is_exact() for kink in kinks):
        jump = arb(known.gap) * (1 + arb(2) ** -40) + max(kink.rad() for kink in kinks)
        slack = (-jump).union(jump)
    return Shape(known.curves, tuple(kink.mid() for kink in kinks), slack=slack)


def squared(ball: arb) -> arb:
    """ball^2, never negative."""
    low, high = ball.abs_lower(), ball.abs_upper()
    return (low * low).union(high * high)


logistic = Shape(sigmoid.sigmoid().curves)
softplus = Shape(soft.softplus().curves[:1])
"""log(1 + exp(z)), without a threshold."""


def root(eps: arb) -> Shape:
    """1 / sqrt(z) of a variance + eps."""
    inverse = Curve(
        value=lambda a, z: z.rsqrt(),
        slope=lambda a, z: -z.rsqrt() / z / 2,
        bend=lambda a, z: 3 * z.rsqrt() / (z * z) / 4,
    )
    return Shape((inverse,), floor=eps)
