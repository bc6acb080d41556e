"""One step of SGD, Adam, AdamW or RMSprop as Rounded values, from given floats.

Starts from the gradient and state that an engine returned, so that the bound covers only the
update's own operations: about half a unit in the last place of each parameter.  The formulas are
torch's (native/optimizers.h has the same).  Each operation counts as rounded, which covers fused
ones; coefficients are computed in double (UpdateRule.rate_unit) and rounded into the format.
The values are Pairs, of all parameters at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from flint import arb, ctx
from numpy.typing import ArrayLike, NDArray

from vetro.engines.native_records import VECTORS
from vetro.glass.learning.update_terms import UpdateRule
from vetro.glass.verify.pairs import Pairs
from vetro.glass.verify.rounding import (
    DIVIDING,
    ELEMENTARY,
    FORMATS,
    ONE,
    Format,
    Rounded,
    known,
    lifted,
    minus,
    minus_of,
    off,
    over,
    plus,
    root,
    times,
)

Array = NDArray[np.floating]
DOUBLE = FORMATS["float64"].u


@dataclass(frozen=True, eq=False)
class State:
    """The numbers before or after a step, each (n,): the parameters, and the optimizer's state.
    first: momentum buffer, or Adam's m; second: Adam's v, RMSprop's s; third: amsgrad's largest v,
    or RMSprop's mean gradient.  step: steps taken before; for SGD 1 if there is a buffer."""

    parameters: Array
    first: Array
    second: Array
    third: Array
    step: float

    @staticmethod
    def at(held: dict[str, Array], places: NDArray[np.intp], steps: float) -> State:
        """The state from a step's vectors (parameter_count,), at some of their places."""
        first, second, third = (held[name][places] for name in VECTORS)
        return State(held["parameters"][places], first, second, third, steps)


@dataclass(frozen=True, eq=False)
class Stepped:
    """The numbers after the step, with bounds; None for vectors that the rule does not keep.

    nan: where rounding may give a value that is not a number, the root of a difference below 0.
    """

    parameters: Rounded
    first: Rounded | None = None
    second: Rounded | None = None
    third: Rounded | None = None
    nan: NDArray[np.bool_] | bool = False


def update(rule: UpdateRule, before: State, gradient: Array, format: Format) -> Stepped:
    """The rule's step from `before` and a gradient (n,)."""
    with ctx.workprec(DIVIDING):
        p, g = _stored(before.parameters), _stored(gradient)
        if rule.maximize:
            g = minus_of(g)
        if rule.weight_decay and rule.kind != "adamw":
            g = plus(g, _scaled(p, arb(rule.weight_decay), format), format)
        if rule.kind == "sgd":
            return _sgd(rule, before, p, g, format)
        if rule.kind == "rmsprop":
            return _rmsprop(rule, before, p, g, format)
        return _adam(rule, before, p, g, format)


def _sgd(rule: UpdateRule, before: State, p: Rounded, g: Rounded, format: Format) -> Stepped:
    buffer = None
    if rule.momentum:
        momentum, buffer = arb(rule.momentum), g
        if before.step:
            held = _scaled(_stored(before.first), momentum, format)
            buffer = plus(_scaled(g, ONE - arb(rule.dampening), format), held, format)
        g = plus(g, _scaled(buffer, momentum, format), format) if rule.nesterov else buffer
    return Stepped(minus(p, _scaled(g, arb(rule.rate), format), format), buffer)


def _adam(rule: UpdateRule, before: State, p: Rounded, g: Rounded, format: Format) -> Stepped:
    rate, t, unit = arb(rule.rate), int(before.step) + 1, rule.beta_unit
    if rule.kind == "adamw" and rule.weight_decay:
        decay = rate * arb(rule.weight_decay)
        lost = rule.rate_unit * (2.0 * abs(float(decay)) + abs(float(ONE - decay)))
        p = times(p, _coefficient(ONE - decay, format, lost).spread(p.shape), format)
    m = _average(_stored(before.first), g, arb(rule.beta1), format, unit)
    v = _squares(_stored(before.second), g, arb(rule.beta2), format, unit)
    most = None
    if rule.amsgrad:
        most = _larger(_stored(before.third), v)
    one = _correction(rule.beta1, t, unit)
    two = _correction(rule.beta2, t, unit)
    below = _looser(root(two, format), unit)
    spread = over(root(v if most is None else most, format), below.spread(v.shape), format)
    spread = plus(spread, _coefficient(arb(rule.eps), format).spread(v.shape), format)
    step = _looser(over(_coefficient(rate, format), one, format), max(rule.rate_unit, unit))
    moved = over(times(m, step.spread(m.shape), format), spread, format)
    return Stepped(minus(p, moved, format), m, v, most)


def _rmsprop(rule: UpdateRule, before: State, p: Rounded, g: Rounded, format: Format) -> Stepped:
    s = _squares(_stored(before.second), g, arb(rule.alpha), format)
    under, mean = s, None
    below_zero: NDArray[np.bool_] | bool = False
    if rule.centered:
        mean = _average(_stored(before.third), g, arb(rule.alpha), format)
        under = minus(s, times(mean, mean, format), format)
        below_zero = (under.near - off(under.exact) < under.error) & ~under.nothing
        under = Rounded(under.exact.not_below_zero(), under.error)
    below = plus(root(under, format), _coefficient(arb(rule.eps), format).spread(s.shape), format)
    if not rule.momentum:
        moved = over(_scaled(g, arb(rule.rate), format), below, format)
        return Stepped(minus(p, moved, format), None, s, mean, below_zero)
    held = _scaled(_stored(before.first), arb(rule.momentum), format)
    buffer = plus(held, over(g, below, format), format)
    moved = _scaled(buffer, arb(rule.rate), format)
    return Stepped(minus(p, moved, format), buffer, s, mean, below_zero)


def _stored(values: ArrayLike) -> Rounded:
    """Floats taken as exact."""
    exact = Pairs.of(values)
    return known(exact, np.zeros(exact.shape), exact.high)


def _coefficient(value: arb, format: Format, lost: float = 0.0) -> Rounded:
    """A number, (1,), off by `lost` before it is rounded into the format."""
    exact = Pairs.near(value)
    own = format.u * (np.abs(exact.high) + exact.radius + lost)
    return Rounded(exact, lifted(np.where(exact.zero, lost, own + lost)))


def _scaled(values: Rounded, factor: arb, format: Format, unit: float = DOUBLE) -> Rounded:
    """factor * values, where the factor is computed with up to two roundings of this unit."""
    lost = 2.0 * unit * abs(float(factor))
    return times(values, _coefficient(factor, format, lost).spread(values.shape), format)


def _looser(values: Rounded, unit: float) -> Rounded:
    """Coefficients computed in an arithmetic coarser than double, by an elementary function or two
    operations."""
    if unit == DOUBLE:
        return values
    more = ELEMENTARY * unit * (values.magnitude + values.error)
    return Rounded(values.exact, lifted(values.error + more))


def _average(
    held: Rounded, g: Rounded, share: arb, format: Format, unit: float = DOUBLE
) -> Rounded:
    """held + (1 - share) (g - held), with the rounding of torch's lerp from either end."""
    rest = ONE - share
    apart = _scaled(minus(g, held, format), rest, format, unit)
    from_here = plus(held, apart, format)
    if rest < 0.5:
        return from_here
    other = plus(g, _scaled(minus(g, held, format), -share, format, unit), format)
    return Rounded(from_here.exact, np.maximum(from_here.error, other.error))


def _squares(
    held: Rounded, g: Rounded, share: arb, format: Format, unit: float = DOUBLE
) -> Rounded:
    """share held + (1 - share) g g."""
    squares = times(_scaled(g, ONE - share, format, unit), g, format)
    return plus(_scaled(held, share, format, unit), squares, format)


def _larger(a: Rounded, b: Rounded) -> Rounded:
    return Rounded(a.exact.larger(b.exact), np.maximum(a.error, b.error))


def _correction(beta: float, t: int, unit: float) -> Rounded:
    """1 - beta^t, (1,): double rounds the power, which counts where beta^t is near 1."""
    lost = 4.0 * DOUBLE if unit == DOUBLE else (ELEMENTARY + 2.0) * unit
    return Rounded(Pairs.near(ONE - arb(beta) ** t), lifted(np.array([lost])))
