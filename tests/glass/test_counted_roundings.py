"""What verify allows for the rounding of a derivative, against roundings counted here.

The oracle computes the formula of each derivative step by step and adds up what every step may
lose: a sum or a product half a unit of its result, tanh, exp and erf ELEMENTARY, and what the
operands' losses become (a running error analysis: Higham 2002, section 3.3).  An allowance must
reach that count.  It must not be many times as large either: else it could grow unseen.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from flint import ctx

from vetro.glass.verify.exact_loss import slope
from vetro.glass.verify.rounded_activations import activation, derivative
from vetro.glass.verify.rounding import ELEMENTARY, Format, stored
from vetro.networks.losses.rule import LossRule
from vetro.networks.losses.table import loss_of
from vetro.networks.lowered import Operation
from vetro.networks.torch_updates import _unit

U = Format(2.0**-24, 0.0, np.inf)
"""Roundings alone: nothing underflows."""


@dataclass(frozen=True)
class Counted:
    """A number, and how far its computation may be off, in units of u."""

    value: float
    off: float = 0.0

    def __add__(self, other: Counted | float) -> Counted:
        b = other if isinstance(other, Counted) else Counted(other)
        total = self.value + b.value
        return Counted(total, self.off + b.off + abs(total))

    def __mul__(self, other: Counted | float) -> Counted:
        b = other if isinstance(other, Counted) else Counted(other)
        made = self.value * b.value
        return Counted(made, abs(self.value) * b.off + abs(b.value) * self.off + abs(made))

    def of(self, function: Callable[[float], float], slope: float) -> Counted:
        """An elementary function, whose slope here is given."""
        found = function(self.value)
        return Counted(found, abs(slope) * self.off + ELEMENTARY * abs(found))

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Counted:
        return Counted(-self.value, self.off)


def sigmoid(z: Counted) -> Counted:
    """1 / (1 + e^-z)."""
    e = math.exp(-z.value)
    below = 1.0 + (-z).of(math.exp, e)
    found = 1.0 / below.value
    return Counted(found, found * found * below.off + found)


def tanh(z: Counted) -> Counted:
    return z.of(math.tanh, 1.0 - math.tanh(z.value) ** 2)


def gelu(z: Counted) -> Counted:
    scaled = z * Counted(math.sqrt(0.5), math.sqrt(0.5))
    steep = 2.0 / math.sqrt(math.pi) * math.exp(-(scaled.value**2))
    share = (1.0 + scaled.of(math.erf, steep)) * 0.5
    power = z * z * -0.5
    density = power.of(math.exp, math.exp(power.value)) * Counted(0.3989422804014327, 0.4)
    return share + z * density


def gelu_tanh(z: Counted) -> Counted:
    """Torch's: its constants are rounded, too."""
    steep, cubic = Counted(math.sqrt(2 / math.pi), 0.8), Counted(0.044715, 0.044715)
    square = z * z
    t = tanh(steep * (z + cubic * square * z))
    inner = steep * (1.0 + cubic * 3.0 * square)
    return (1.0 + t) * 0.5 + z * 0.5 * (1.0 + -(t * t)) * inner


def silu(z: Counted) -> Counted:
    s = sigmoid(z)
    return s * (1.0 + z * (1.0 + -s))


def of_tanh(z: Counted) -> Counted:
    t = tanh(z)
    return 1.0 + -(t * t)


def of_sigmoid(z: Counted) -> Counted:
    s = sigmoid(z)
    return (1.0 + -s) * s


def elu(alpha: float) -> Callable[[Counted], Counted]:
    """alpha e^z below 0."""
    return lambda z: Counted(alpha) * z.of(math.exp, math.exp(z.value)) if z.value < 0 else one(z)


def one(z: Counted) -> Counted:
    return Counted(1.0)


DERIVATIVES = {
    "tanh": (of_tanh, ()),
    "sigmoid": (of_sigmoid, ()),
    "silu": (silu, ()),
    "gelu": (gelu, ()),
    "gelu_tanh": (gelu_tanh, ()),
    "elu": (elu(0.7), (0.7,)),
    "elu below": (elu(-1.3), (-1.3,)),
}
MOST = {"tanh": 2.2, "sigmoid": 8.0, "silu": 7.5, "gelu": 3.0, "gelu_tanh": 8.0, "elu": 1.6}
"""How many times the largest count the allowance may be: the counts differ by the place."""


def operation(name: str, numbers: tuple[float, ...]) -> Operation:
    return Operation("activation", (0,), 1, function=name.split()[0], numbers=numbers)


@pytest.mark.parametrize("name", DERIVATIVES)
def test_the_allowance_for_a_slope_is_at_least_the_roundings_counted(name):
    formula, numbers = DERIVATIVES[name]
    z = np.concatenate([np.linspace(-36, 36, 961), -np.geomspace(1e-6, 1, 20)])
    with ctx.workprec(256):
        allowed = derivative(operation(name, numbers), stored(z), U).error / U.u
    counted = np.array([formula(Counted(float(value))).off for value in z])
    assert (allowed >= counted).all(), z[np.argmin(allowed - counted)]
    ratio = (allowed / np.maximum(counted, 1e-300))[counted > 0]
    assert ratio.min() <= MOST[name.split()[0]]


def test_at_its_bend_an_elu_may_take_either_slope():
    with ctx.workprec(256):
        error = derivative(operation("elu", (0.7,)), stored(np.array([0.0, -0.1])), U).error
    assert error[0] >= 0.3 > error[1]


@pytest.mark.parametrize("name", ["silu", "gelu_tanh", "tanh"])
def test_what_underflows_is_allowed_for_as_often_as_it_is_multiplied(name):
    """1 + |z| times the smallest normal number: a factor z takes on what underflowed before it."""
    z = np.array([-40.0, -3.0, 0.5, 25.0])
    flushing = Format(0.0, 2.0**-40, np.inf)
    with ctx.workprec(256):
        for function in (activation, derivative):
            allowed = function(operation(name, ()), stored(z), flushing).error
            assert (allowed >= flushing.tiny * (1.0 + np.abs(z))).all()


@pytest.mark.parametrize("classes", [2, 100, 2000])
def test_the_slope_of_cross_entropy_allows_for_each_class(classes):
    """p_0 sum(share) - share_0: K powers are added for p, and K shares for their sum."""
    logits = np.zeros((classes, 1))
    logits[0] = 40.0
    rule = LossRule("cross_entropy", reduction="sum", a=0.1)
    target = np.array([classes - 1])
    with ctx.workprec(256):
        allowed = slope(rule, stored(logits), target, U).delta.error[0, 0] / U.u
    powers, shares = Counted(0.0), Counted(0.0)
    for number in range(classes):
        moved = Counted(float(logits[number, 0])) + -40.0
        powers = powers + moved.of(math.exp, math.exp(moved.value))
        share = Counted(0.1, 0.1) * (1.0 / classes)
        shares = shares + (share + 0.9 if number == classes - 1 else share)
    inverse = Counted(1.0 / powers.value, powers.off / powers.value**2 + 1.0 / powers.value)
    assert allowed >= (inverse * shares + -(Counted(0.1, 0.1) * (1.0 / classes))).off
    assert allowed <= 10.0 * (classes + 10.0)


@pytest.mark.parametrize("kind", ["smooth_l1", "huber"])
@pytest.mark.parametrize("bend", [0.25, 4.0])
def test_the_terms_of_a_bent_loss_are_as_large_as_the_numbers_inside(kind, bend):
    """a (|e| - a / 2) subtracts two numbers, and each of them is rounded."""
    outputs, target = np.array([[3.0], [-9.0]]), np.array([[1.0], [2.5]])
    rule = LossRule(kind, a=bend)
    apart = np.abs(outputs - target)
    inside = (apart + bend / 2) * (bend if kind == "huber" else 1.0)
    assert loss_of(rule).term_sizes(rule, outputs, target).sum() >= inside.sum()


def test_the_unit_of_a_number_and_of_a_tensor():
    assert _unit(0.1) == 2.0**-53
    assert _unit(torch.tensor(0.1, dtype=torch.float64)) == 2.0**-53
    assert _unit(torch.tensor(0.1)) == 2.0**-24
    assert _unit(torch.tensor(1)) == 2.0**-24
