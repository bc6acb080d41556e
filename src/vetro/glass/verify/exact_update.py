"""One step of an optimizer as Rounded values, from given floats.

Starts from the gradient and state that an engine returned, so that the bound covers only the
update's own operations: about half a unit in the last place of each parameter.  The formulas are
networks/updates's (native/optimizers.h has the same).  Each operation counts as rounded, which
covers fused ones; coefficients are computed in double (UpdateRule.rate_unit) and rounded into the
format.  The values are Pairs, of all parameters at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from flint import arb, ctx
from numpy.typing import ArrayLike, NDArray

from vetro.glass.learning.steps import State
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
from vetro.networks.updates.rule import UpdateRule
from vetro.networks.updates.table import update_of
from vetro.networks.updates.update import After

Array = NDArray[np.floating]
DOUBLE = FORMATS["float64"].u


@dataclass(frozen=True, eq=False)
class ExactStep:
    """The numbers after the step, with bounds.

    nan: where rounding may give a value that is not a number, the root of a difference below 0.
    """

    after: After[Rounded]
    nan: NDArray[np.bool_] | bool

    @property
    def parameters(self) -> Rounded:
        """Without a bound where rounding may give no number."""
        found = self.after.parameters
        return Rounded(found.exact, np.where(self.nan, np.inf, found.error))


def update(rule: UpdateRule, before: State, gradient: Array, format: Format) -> ExactStep:
    """The rule's step from `before` and a gradient (n,), as many steps after the first for all."""
    of = _Pairwise(rule, before, format)
    with ctx.workprec(DIVIDING), np.errstate(all="ignore"):  # what is not finite has no bound
        after = update_of(rule).step(rule, of, _stored(before.parameters), _stored(gradient))
    return ExactStep(after, of.below_zero)


@dataclass(frozen=True, eq=False)
class _Apart(Rounded):
    """A number whose divisor (1,) the engine puts into the next coefficient instead."""

    below: Rounded


class _Pairwise:
    """The steps of optimizers on Rounded Pairs.  below_zero: where less_square may be below 0."""

    def __init__(self, rule: UpdateRule, before: State, format: Format) -> None:
        self._rule, self._before, self._format = rule, before, format
        self._steps = int(before.step.max(initial=0))
        self.below_zero: NDArray[np.bool_] | bool = False

    def held(self, vector: int, name: str) -> Rounded:
        before = self._before
        return _stored((before.first, before.second, before.third)[vector])

    def named(self, name: str, value: Rounded) -> Rounded:
        return value

    def negative(self, x: Rounded) -> Rounded:
        return minus_of(x)

    def plus(self, a: Rounded, b: Rounded) -> Rounded:
        return plus(a, b, self._format)

    def minus(self, a: Rounded, b: Rounded) -> Rounded:
        return minus(a, b, self._format)

    def scaled(self, factor: float, x: Rounded) -> Rounded:
        return self._times(arb(factor), x)

    def rest(self, share: float, x: Rounded) -> Rounded:
        return self._times(ONE - arb(share), x)

    def later(self, first: Rounded, later: Callable[[], Rounded]) -> Rounded:
        return later() if self._steps else first

    def shrunk(self, x: Rounded, rate: float, decay: float) -> Rounded:
        away = arb(rate) * arb(decay)
        lost = self._rule.rate_unit * (2.0 * abs(float(away)) + abs(float(ONE - away)))
        return times(x, self._coefficient(ONE - away, lost).spread(x.shape), self._format)

    def average(self, share: float, held: Rounded, x: Rounded) -> Rounded:
        """held + (1 - share) (x - held), with the rounding of torch's lerp from either end."""
        unit, rest = self._rule.beta_unit, ONE - arb(share)
        from_here = self.plus(held, self._times(rest, self.minus(x, held), unit))
        if rest < 0.5:
            return from_here
        other = self.plus(x, self._times(-arb(share), self.minus(x, held), unit))
        return Rounded(from_here.exact, np.maximum(from_here.error, other.error))

    def squares(self, share: float, held: Rounded, x: Rounded) -> Rounded:
        unit = self._rule.beta_unit
        squares = times(self._times(ONE - arb(share), x, unit), x, self._format)
        return self.plus(self._times(arb(share), held, unit), squares)

    def larger(self, a: Rounded, b: Rounded) -> Rounded:
        return Rounded(a.exact.larger(b.exact), np.maximum(a.error, b.error))

    def corrected(self, x: Rounded, beta: float) -> Rounded:
        """Double rounds the power, which counts where beta^t is near 1."""
        unit, t = self._rule.beta_unit, self._steps + 1
        lost = 4.0 * DOUBLE if unit == DOUBLE else (ELEMENTARY + 2.0) * unit
        power = Pairs.near(ONE - arb(beta) ** t)
        return _Apart(x.exact, x.error, Rounded(power, lifted(np.array([lost]))))

    def less_square(self, x: Rounded, mean: Rounded) -> Rounded:
        found = minus(x, times(mean, mean, self._format), self._format)
        self.below_zero = (found.near - off(found.exact) < found.error) & ~found.nothing
        return Rounded(found.exact.not_below_zero(), found.error)

    def root(self, x: Rounded, eps: float) -> Rounded:
        found = root(x, self._format)
        if isinstance(x, _Apart):
            below = _looser(root(x.below, self._format), self._rule.beta_unit)
            found = over(found, below.spread(x.shape), self._format)
        return plus(found, self._coefficient(arb(eps)).spread(x.shape), self._format)

    def over(self, above: Rounded, below: Rounded) -> Rounded:
        return over(above, below, self._format)

    def step(self, rate: float, above: Rounded, below: Rounded) -> Rounded:
        if not isinstance(above, _Apart):
            return self.over(self.scaled(rate, above), below)
        unit = max(self._rule.rate_unit, self._rule.beta_unit)
        step = _looser(over(self._coefficient(arb(rate)), above.below, self._format), unit)
        return self.over(times(above, step.spread(above.shape), self._format), below)

    def _coefficient(self, value: arb, lost: float = 0.0) -> Rounded:
        """A number, (1,), off by `lost` before it is rounded into the format."""
        exact = Pairs.near(value)
        own = self._format.u * (np.abs(exact.high) + exact.radius + lost)
        return Rounded(exact, lifted(np.where(exact.zero, lost, own + lost)))

    def _times(self, factor: arb, x: Rounded, unit: float = DOUBLE) -> Rounded:
        """factor x, where the factor is computed with up to two roundings of this unit."""
        lost = 2.0 * unit * abs(float(factor))
        return times(x, self._coefficient(factor, lost).spread(x.shape), self._format)


def _stored(values: ArrayLike) -> Rounded:
    """Floats taken as exact."""
    exact = Pairs.of(values)
    return known(exact, np.zeros(exact.shape), exact.high)


def _looser(values: Rounded, unit: float) -> Rounded:
    """Coefficients computed in an arithmetic coarser than double, by an elementary function or two
    operations."""
    if unit == DOUBLE:
        return values
    more = ELEMENTARY * unit * (values.magnitude + values.error)
    return Rounded(values.exact, lifted(values.error + more))
