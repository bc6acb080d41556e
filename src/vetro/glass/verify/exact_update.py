"""One step of SGD, Adam, AdamW or RMSprop as Rounded values, from given floats.

From the very gradient and state that an engine returned, so that the bound is that of the
update's own operations: about half a unit in the last place of each parameter.  The formulas are
torch's (native/optimizers.h has the same), each operation counted as rounded, which covers fused
ones; coefficients are computed in double and rounded into the format.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from flint import arb, ctx
from numpy.typing import NDArray

from vetro.glass.learning.engine_run import VECTORS
from vetro.glass.learning.update_terms import UpdateRule
from vetro.glass.verify.rounding import (
    DIVIDING,
    FORMATS,
    ONE,
    Format,
    Rounded,
    constant,
    each,
    lifted,
    minus,
    minus_of,
    over,
    plus,
    root,
    stored,
    times,
)

Array = NDArray[np.floating]
DOUBLE = FORMATS["float64"].u


@dataclass(frozen=True, eq=False)
class State:
    """What a step starts from and leaves, each (n,): the parameters, and what the optimizer
    remembers.  first: momentum buffer, or Adam's m; second: Adam's v, RMSprop's s; third:
    amsgrad's largest v, or RMSprop's mean gradient.  step: steps taken before; of SGD 1 where
    there is a buffer."""

    parameters: Array
    first: Array
    second: Array
    third: Array
    step: float

    @staticmethod
    def at(held: dict[str, Array], places: NDArray[np.intp], steps: float) -> State:
        """Of a step's vectors (parameter_count,), at some of their places."""
        first, second, third = (held[name][places] for name in VECTORS)
        return State(held["parameters"][places], first, second, third, steps)


@dataclass(frozen=True, eq=False)
class Stepped:
    """What the step must leave, within bounds; None for what the rule does not keep."""

    parameters: Rounded
    first: Rounded | None = None
    second: Rounded | None = None
    third: Rounded | None = None


def update(rule: UpdateRule, before: State, gradient: Array, format: Format) -> Stepped:
    """The step that the rule makes of `before` and a gradient (n,)."""
    with ctx.workprec(DIVIDING):
        p, g = stored(before.parameters), stored(gradient)
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
            held = _scaled(stored(before.first), momentum, format)
            buffer = plus(_scaled(g, ONE - arb(rule.dampening), format), held, format)
        g = plus(g, _scaled(buffer, momentum, format), format) if rule.nesterov else buffer
    return Stepped(minus(p, _scaled(g, arb(rule.rate), format), format), buffer)


def _adam(rule: UpdateRule, before: State, p: Rounded, g: Rounded, format: Format) -> Stepped:
    rate, t = arb(rule.rate), int(before.step) + 1
    if rule.kind == "adamw" and rule.weight_decay:
        p = _scaled(p, ONE - rate * arb(rule.weight_decay), format)
    m = _average(stored(before.first), g, arb(rule.beta1), format)
    v = _squares(stored(before.second), g, arb(rule.beta2), format)
    most = None
    if rule.amsgrad:
        most = _larger(stored(before.third), v)
    one = _correction(rule.beta1, t)
    two = _correction(rule.beta2, t)
    below = root(two, format)
    spread = over(root(v if most is None else most, format), below.spread(v.shape), format)
    spread = plus(spread, constant(arb(rule.eps), format).spread(v.shape), format)
    step = over(constant(rate, format), one, format)
    moved = over(times(m, step.spread(m.shape), format), spread, format)
    return Stepped(minus(p, moved, format), m, v, most)


def _rmsprop(rule: UpdateRule, before: State, p: Rounded, g: Rounded, format: Format) -> Stepped:
    s = _squares(stored(before.second), g, arb(rule.alpha), format)
    under, mean = s, None
    if rule.centered:
        mean = _average(stored(before.third), g, arb(rule.alpha), format)
        under = minus(s, times(mean, mean, format), format)
        # a root of what should be 0 or more, where rounding makes it less, is torch's NaN
        under = Rounded(each(lambda value: value.nonnegative_part(), under.exact), under.error)
    below = plus(root(under, format), constant(arb(rule.eps), format).spread(s.shape), format)
    if not rule.momentum:
        moved = over(_scaled(g, arb(rule.rate), format), below, format)
        return Stepped(minus(p, moved, format), None, s, mean)
    held = _scaled(stored(before.first), arb(rule.momentum), format)
    buffer = plus(held, over(g, below, format), format)
    moved = _scaled(buffer, arb(rule.rate), format)
    return Stepped(minus(p, moved, format), buffer, s, mean)


def _scaled(values: Rounded, factor: arb, format: Format) -> Rounded:
    """factor * values, the factor rounded into the format, after up to two roundings in double."""
    rounded = constant(factor, format, 1.0 + 2.0 * DOUBLE / format.u)
    return times(values, rounded.spread(values.shape), format)


def _average(held: Rounded, g: Rounded, share: arb, format: Format) -> Rounded:
    """held + (1 - share) (g - held), as torch's lerp rounds it, from either end."""
    rest = ONE - share
    apart = _scaled(minus(g, held, format), rest, format)
    from_here = plus(held, apart, format)
    if rest < 0.5:
        return from_here
    other = plus(g, _scaled(minus(g, held, format), -share, format), format)
    return Rounded(from_here.exact, np.maximum(from_here.error, other.error))


def _squares(held: Rounded, g: Rounded, share: arb, format: Format) -> Rounded:
    """share held + (1 - share) g g."""
    squares = times(_scaled(g, ONE - share, format), g, format)
    return plus(_scaled(held, share, format), squares, format)


def _larger(a: Rounded, b: Rounded) -> Rounded:
    exact = np.where(np.greater(a.exact, b.exact).astype(np.bool_), a.exact, b.exact)
    return Rounded(exact, np.maximum(a.error, b.error))


def _correction(beta: float, t: int) -> Rounded:
    """1 - beta^t, (1,): double rounds the power, which counts where beta^t is near 1."""
    exact = ONE - arb(beta) ** t
    return Rounded(np.array([exact], dtype=object), lifted(np.array([4.0 * DOUBLE])))
