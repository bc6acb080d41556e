"""Sums of two doubles against Python's fractions, and against arb where there is none."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import assume, given, strategies

from vetro.glass.learning.steps import State
from vetro.glass.verify.exact_update import update
from vetro.glass.verify.pairs import Pairs
from vetro.glass.verify.rounding import FORMATS
from vetro.networks.updates.rule import UpdateRule

doubles = strategies.floats(allow_nan=False, allow_infinity=False)
usual = strategies.floats(1e-30, 1e30) | strategies.floats(-1e30, -1e-30)
shares = strategies.floats(-1.0, 1.0)


@pytest.fixture(autouse=True)
def without_warnings():
    with np.errstate(all="ignore"), ctx.workprec(2048):
        yield


def pair(high: float, low: float = 0.0, radius: float = 0.0) -> Pairs:
    """With a low part of at most half a last place of the high one."""
    small = low * 2.0**-54 * high
    total = high + small
    return Pairs(*(np.array([part]) for part in (total, small - (total - high), radius)))


def held(value: Pairs) -> Fraction:
    return Fraction(float(value.high[0])) + Fraction(float(value.low[0]))


def close(found: Pairs, true: Fraction) -> bool:
    """Whether the true number lies within the radius."""
    radius = float(found.radius[0])
    return radius == np.inf or abs(held(found) - true) <= Fraction(radius)


OPERATIONS = {
    "sum": (lambda a, b: a + b, lambda a, b: a + b),
    "difference": (lambda a, b: a - b, lambda a, b: a - b),
    "product": (lambda a, b: a * b, lambda a, b: a * b),
    "quotient": (lambda a, b: a / b, lambda a, b: a / b),
    "larger": (lambda a, b: a.larger(b), max),
}


@pytest.mark.parametrize("name", OPERATIONS)
@given(a=doubles, b=doubles, low=shares, other=shares)
def test_the_true_result_lies_within_the_radius(name, a, b, low, other):
    """Of all doubles: the smallest, the largest, and 0."""
    own, true = OPERATIONS[name]
    one, two = pair(a, low), pair(b, other)
    assume(name != "quotient" or held(two))
    assert close(own(one, two), true(held(one), held(two)))


@pytest.mark.parametrize("name", OPERATIONS)
@given(a=usual, b=usual, low=shares, other=shares, off=shares, away=shares)
def test_what_the_operands_are_off_by_is_carried_on(name, a, b, low, other, off, away):
    own, true = OPERATIONS[name]
    one, two = pair(a, low, abs(a) * 1e-20), pair(b, other, abs(b) * 1e-3)
    moved = held(one) + Fraction(off) * Fraction(float(one.radius[0]))
    aside = held(two) + Fraction(away) * Fraction(float(two.radius[0]))
    assert close(own(one, two), true(moved, aside))


@pytest.mark.parametrize("name", ["sum", "product", "quotient"])
@given(a=usual, b=usual, low=shares, other=shares)
def test_radii_are_some_hundred_bits_down(name, a, b, low, other):
    found = OPERATIONS[name][0](pair(a, low), pair(b, other))
    assert found.radius[0] <= 2.0**-101 * abs(found.high[0]) + 2.0**-1050


@pytest.mark.parametrize("share", [0.0, 1e-9])
@given(a=strategies.floats(0.0, allow_infinity=False), low=shares, off=shares)
def test_roots(share, a, low, off):
    one = pair(a, low, a * share)
    true = max(held(one) + Fraction(off) * Fraction(float(one.radius[0])), Fraction(0))
    root = (arb(true.numerator) / arb(true.denominator)).sqrt()
    found = one.root()
    between = (root - arb(float(found.high[0])) - arb(float(found.low[0]))).abs_lower()
    assert float(found.radius[0]) == np.inf or between <= arb(float(found.radius[0]))
    assert share or a > 1e300 or found.radius[0] <= 2.0**-100 * found.high[0] + 2.0**-500


@given(a=usual, b=usual)
def test_single_doubles_add_up_exactly(a, b):
    found = pair(a) + pair(b)
    assert not found.radius[0] and held(found) == Fraction(a) + Fraction(b)


def test_zero_stays_nothing():
    zero, other = pair(0.0), pair(0.1, 0.5, 1e-9)
    assert (zero * other).zero and (zero / other).zero and zero.root().zero
    assert 1e-9 <= (zero + other).radius[0] < 1.0001e-9
    assert not pair(0.0, 0.0, 1e-9).zero


@pytest.mark.parametrize(
    "make",
    [
        lambda: pair(1e200) * pair(1e200),
        lambda: pair(1.0) / pair(0.0),
        lambda: pair(1.0) / pair(1.0, 0.0, 2.0),
        lambda: pair(-1.0).root(),
        lambda: Pairs.of([np.nan]) + pair(1.0),
        lambda: Pairs.of([np.nan]).larger(pair(1.0)),
        lambda: Pairs.of([np.inf]) - Pairs.of([np.inf]),
    ],
)
def test_of_what_is_no_finite_number_the_radius_is_infinite(make):
    assert make().radius[0] == np.inf


def test_a_ball_as_a_pair():
    for value in (arb(1) / 3, arb("1e-8"), arb(2.0) ** 0.5, arb(0.25), arb(0)):
        found = Pairs.near(value)
        between = (value - arb(float(found.high[0])) - arb(float(found.low[0]))).abs_upper()
        assert between <= arb(float(found.radius[0])) and found.radius[0] < 1e-31
    assert not Pairs.near(arb(0.25)).radius[0]


def test_an_update_is_that_of_long_arithmetic():
    """AdamW's third step, by arb's own numbers."""
    draw = np.random.default_rng(0)
    p, g, m = (draw.normal(size=50) for _ in range(3))
    v = m * m * draw.uniform(1, 3, 50)
    rule = UpdateRule("adamw", 1e-3, weight_decay=0.1)
    found = update(
        rule, State(p, m, v, v, np.full(50, 2.0)), g, FORMATS["float64"]
    ).after.parameters
    rate, one, two, eps = arb(rule.rate), arb(rule.beta1), arb(rule.beta2), arb(rule.eps)
    for index in range(50):
        w, gradient = arb(float(p[index])), arb(float(g[index]))
        first = one * arb(float(m[index])) + (1 - one) * gradient
        second = two * arb(float(v[index])) + (1 - two) * gradient**2
        wanted = w * (1 - rate * arb(rule.weight_decay))
        wanted -= rate * (first / (1 - one**3)) / ((second / (1 - two**3)).sqrt() + eps)
        mine = found.exact[index : index + 1]
        assert abs(float(wanted - arb(float(mine.high[0])) - arb(float(mine.low[0])))) < 1e-30
        assert mine.radius[0] < 1e-29 and 0 < found.error[index] < 1e-15
