"""Functions of one number, their first two derivatives, and how far each departs from a tangent.

For tangent.py.  At a bend (a kink) the derivative is torch's: 0 for relu, the slope below for
leaky_relu and elu.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from flint import arb

from vetro.networks.lowered import Operation

Three = tuple[arb, arb, arb]

PIECES = 16
CORE = 10.0
"""Outside +-CORE the smooth activations are almost straight: one piece on each side."""

NARROW = arb("1e-9")


@dataclass(frozen=True, eq=False)
class Curve:
    """three: (f, f', f'' / 2) of a ball on one side of the kink; the second argument says whether
    the ball lies above it.  kink: where two sides meet, exact.  floor: no argument is below it.
    slack: how far f may differ from `three`, because the place of the kink was rounded."""

    three: Callable[[arb, bool], Three]
    kink: arb | None = None
    floor: arb | None = None
    slack: arb | None = None

    def at(self, z: arb) -> tuple[arb, arb]:
        """f and f' at a point."""
        above = self.kink is not None and bool(z > self.kink)
        level, slope, _ = self.three(z, above)
        return level, slope


def beyond_tangent(curve: Curve, centre: arb, change: arb, level: arb, slope: arb) -> arb:
    """An interval that holds f(z) - level - slope (z - centre) for every z in centre + change.

    Piece by piece, by the second-order Taylor formula around each piece's middle.
    """
    low, high = (centre + change).lower(), (centre + change).upper()
    if curve.floor is not None:
        low = low.max(curve.floor)
    found: arb | None = None
    cuts = _cuts(low, high, curve.kink)
    for a, b in pairwise(cuts):
        middle = ((a + b) / 2).mid()
        half = (b - middle).upper().max((middle - a).upper())
        above = curve.kink is not None and bool(middle > curve.kink)
        whole = a.union(b)
        f, first, _ = curve.three(middle, above)
        _, _, second = curve.three(whole, above)
        sides = (first - slope) * arb(0, half)
        piece = f - level - slope * (middle - centre) + sides + second * _upto(half)
        found = piece if found is None else found.union(piece)
    assert found is not None
    return found if curve.slack is None else found + curve.slack


def _upto(half: arb) -> arb:
    """[0, half^2]."""
    return arb(0).union((half * half).upper())


def _cuts(low: arb, high: arb, kink: arb | None) -> list[arb]:
    """low ... high, cut at the kink and into PIECES."""
    marks = [low, high]
    if kink is not None and low < kink and kink < high:
        marks.insert(1, kink)
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


def curve_of(operation: Operation) -> Curve:
    """The curve of an activation, not the identity."""
    numbers = operation.numbers
    zero = arb(0)
    match operation.function:
        case "relu":
            return Curve(lambda z, above: (z, arb(1), zero) if above else (zero, zero, zero), zero)
        case "leaky_relu":
            slope = arb(numbers[0])
            return Curve(
                lambda z, above: (z, arb(1), zero) if above else (z * slope, slope, zero), zero
            )
        case "elu":
            alpha = arb(numbers[0])
            return Curve(lambda z, above: _elu(z, above, alpha), zero)
        case "tanh":
            return Curve(_tanh)
        case "sigmoid":
            return Curve(_sigmoid)
        case "silu":
            return Curve(_silu)
        case "gelu":
            return Curve(_gelu)
        case "gelu_tanh":
            return Curve(_gelu_tanh)
        case "softplus":
            beta, threshold = arb(numbers[0]), arb(numbers[1])
            kink = threshold / beta
            slack = None
            if not kink.is_exact():
                jump = (-threshold).exp().log1p() / beta + kink.rad()
                slack = (-jump).union(jump)
            return Curve(lambda z, above: _softplus(z, above, beta), kink.mid(), slack=slack)
    raise ValueError(f"no curve for {operation.function}")


def _elu(z: arb, above: bool, alpha: arb) -> Three:
    if above:
        return z, arb(1), arb(0)
    power = alpha * _rising(arb.exp, z)
    return alpha * z.expm1(), power, power / 2


def _tanh(z: arb, above: bool) -> Three:
    t = _rising(arb.tanh, z)
    slope = 1 - _squared(t)
    return t, slope, -t * slope


def _rising(function: Callable[[arb], arb], z: arb) -> arb:
    """A rising function of a ball; for a wide ball from its ends, which is tight also far out."""
    if z.rad() < NARROW:
        return function(z)
    return function(z.lower()).union(function(z.upper()))


def _logistic(z: arb) -> arb:
    return (1 + _rising(arb.tanh, z / 2)) / 2


def _sigmoid(z: arb, above: bool) -> Three:
    s = _logistic(z)
    slope = _s_one_minus_s(z)
    return s, slope, slope * (1 - 2 * s) / 2


def _s_one_minus_s(z: arb) -> arb:
    return (1 - _squared(_rising(arb.tanh, z / 2))) / 4


def _silu(z: arb, above: bool) -> Three:
    s, slope = _logistic(z), _s_one_minus_s(z)
    return z * s, s + z * slope, slope * (2 + z * (1 - 2 * s)) / 2


def _gelu(z: arb, above: bool) -> Three:
    near, far = z.abs_lower(), z.abs_upper()
    density = (-near * near / 2).exp().union((-far * far / 2).exp()) / (2 * arb.pi()).sqrt()
    share = (1 + _rising(arb.erf, z / arb(2).sqrt())) / 2
    return z * share, share + z * density, density * (2 - _squared(z)) / 2


def _gelu_tanh(z: arb, above: bool) -> Three:
    root_, cubic = (2 / arb.pi()).sqrt(), arb("0.044715")
    t = _rising(lambda x: (root_ * (x + cubic * x * x * x)).tanh(), z)
    inner = root_ * (1 + 3 * cubic * _squared(z))
    bend = 1 - _squared(t)
    first = bend * inner
    second = bend * 6 * root_ * cubic * z - 2 * t * bend * _squared(inner)
    return z * (1 + t) / 2, (1 + t + z * first) / 2, (first + z * second / 2) / 2


def _softplus(z: arb, above: bool, beta: arb) -> Three:
    if above:
        return z, arb(1), arb(0)
    s = _logistic(beta * z)
    # log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)), which never overflows
    level = z.max(arb(0)) + (-abs(beta * z)).exp().log1p() / beta
    return level, s, beta * _s_one_minus_s(beta * z) / 2


def _squared(ball: arb) -> arb:
    """ball^2, never negative."""
    low, high = ball.abs_lower(), ball.abs_upper()
    return (low * low).union(high * high)


def _root(z: arb, above: bool) -> Three:
    inverse = z.rsqrt()
    return inverse, -inverse / z / 2, 3 * inverse / (z * z) / 8


logistic = Curve(_sigmoid)
softplus = Curve(lambda z, above: _softplus(z, False, arb(1)))
"""log(1 + exp(z)), without a threshold."""


def root(eps: arb) -> Curve:
    """1 / sqrt(z) of a variance + eps."""
    return Curve(_root, floor=eps)
