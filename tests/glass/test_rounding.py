"""Bounds of rounding against floats: whatever NumPy and torch return lies within them.

The oracle of the exact values is Python's Fraction.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from flint import arb, ctx
from hypothesis import given, strategies
from torch.nn import functional

from vetro.glass.exact import fraction
from vetro.glass.verify import engine_sums
from vetro.glass.verify.rounded_activations import activation, derivative
from vetro.glass.verify.rounding import (
    FORMATS,
    Rounded,
    cast,
    computed,
    exactly,
    last_place,
    like,
    made,
    mean,
    over,
    plus,
    product,
    root,
    stored,
    times,
    total,
)
from vetro.networks.lowered import Operation

DTYPES = ("float32", "float64")
FUNCTIONS = {
    "relu": (functional.relu, ()),
    "leaky_relu": (lambda z: functional.leaky_relu(z, 0.3), (0.3,)),
    "elu": (lambda z: functional.elu(z, 0.7), (0.7,)),
    "tanh": (torch.tanh, ()),
    "sigmoid": (torch.sigmoid, ()),
    "silu": (functional.silu, ()),
    "gelu": (functional.gelu, ()),
    "gelu_tanh": (lambda z: functional.gelu(z, approximate="tanh"), ()),
    "softplus": (lambda z: functional.softplus(z, 2.0, 15.0), (2.0, 15.0)),
}


@pytest.fixture(autouse=True)
def long_numbers():
    with ctx.workprec(4096), np.errstate(all="ignore"):
        yield


def numbers(seed, *shape, dtype="float64", spread=6):
    """Floats of many sizes."""
    draw = np.random.default_rng(seed)
    return (draw.normal(size=shape) * 2.0 ** draw.integers(-spread, spread, shape)).astype(dtype)


def within(returned, wanted):
    """Whether every float lies within its bound, by fractions."""
    for value, exact, error in zip(
        np.ravel(returned), wanted.exact.reshape(-1), wanted.error.reshape(-1), strict=True
    ):
        if error == np.inf:
            continue
        apart = abs(Fraction(float(value)) - _near(exact))
        if apart > Fraction(float(error)):
            return False
    return True


def _near(exact):
    return fraction(exact) if exact.is_exact() else fraction(exact.mid())


def moved(values, errors, seed, dtype):
    """Floats somewhere within the errors."""
    draw = np.random.default_rng(seed)
    return (values + errors * draw.uniform(-0.999, 0.999, values.shape)).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_numbers_are_taken_as_they_are(dtype):
    values = numbers(0, 50, dtype=dtype, spread=60)
    held = stored(values)
    assert [fraction(value) for value in held.exact] == [Fraction(float(v)) for v in values]
    assert not held.error.any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", range(5))
def test_single_operations_are_off_by_half_a_unit_at_most(dtype, seed):
    a, b = numbers(seed, 200, dtype=dtype), numbers(seed + 100, 200, dtype=dtype)
    b[:3] = a[:3] = 0
    one, two, format = stored(a), stored(b), FORMATS[dtype]
    for returned, wanted in (
        (a + b, plus(one, two, format)),
        (a * b, times(one, two, format)),
        (a[3:] / b[3:], over(one[3:], two[3:], format)),
        (np.sqrt(np.abs(a)), root(stored(np.abs(a)), format)),
    ):
        assert within(returned, wanted)
        # not wider than a unit in the last place, three of a root
        assert (wanted.error <= 4 * np.spacing(np.abs(returned)) + 1e-37).all()
    assert (times(one, two, format).error[:3] == 0).all()


@given(strategies.floats(1e-300, 1e300))
def test_half_a_unit_in_the_last_place(value):
    half = float(last_place(np.array(value), FORMATS["float64"]))
    assert half in (np.spacing(value) / 2, np.spacing(value))  # the next power of two may be near


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", range(20))
def test_errors_of_operands_are_carried_on(dtype, seed):
    """Operands somewhere within their errors still give results within the bound."""
    format = FORMATS[dtype]
    a, b = numbers(seed, 40), numbers(seed + 50, 40)
    errors = np.abs(numbers(seed + 70, 40)) * 1e-3, np.abs(numbers(seed + 80, 40)) * 1e-3
    one, two = (
        Rounded(exactly(v), np.abs(e) + np.abs(v) * 2**-20)
        for v, e in zip((a, b), errors, strict=True)
    )
    x, y = (moved(v, e, seed, dtype) for v, e in zip((a, b), errors, strict=True))
    assert within(x + y, plus(one, two, format))
    assert within(x * y, times(one, two, format))
    assert within(x / y, over(one, two, format))
    above = Rounded(exactly(np.abs(a)), one.error)
    assert within(
        np.sqrt(np.maximum(moved(np.abs(a), errors[0], seed, dtype), 0)), root(above, format)
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", ["forward", "backward", "pairs", "shuffled", "fused"])
def test_sums_of_products_in_any_order(dtype, order):
    format, kind = FORMATS[dtype], np.dtype(dtype).type
    for seed in range(10):
        weight, x = numbers(seed, 3, 30, dtype=dtype), numbers(seed + 9, 30, 4, dtype=dtype)
        bias = numbers(seed + 5, 3, 1, dtype=dtype)
        x[::4] = 0
        wanted = product(stored(weight), stored(x), format, stored(bias))
        places = {
            "backward": np.arange(30)[::-1],
            "shuffled": np.random.default_rng(seed).permutation(30),
        }.get(order, np.arange(30))
        if order == "pairs":
            terms = [weight[:, [k]] * x[[k]] for k in places] + [bias * kind(1)]
            while len(terms) > 1:
                terms = [sum(terms[i : i + 2], kind(0)) for i in range(0, len(terms), 2)]
            returned = terms[0]
        else:
            returned = np.broadcast_to(bias, (3, 4)).copy()
            for k in places:
                if order == "fused":
                    returned = engine_sums.fused(weight[:, [k]], x[[k]], returned)
                else:
                    returned = returned + weight[:, [k]] * x[[k]]
        assert within(returned, wanted)
        assert within(np.cumsum(x, axis=0)[-1], total(stored(x), 0, format))


def test_terms_of_zero_round_nothing():
    """A unit vector picks a weight: one product, one sum."""
    format = FORMATS["float32"]
    weight = numbers(1, 2, 50, dtype="float32")
    unit = np.zeros((50, 1), dtype=np.float32)
    unit[7] = 1
    wanted = product(stored(weight), stored(unit), format)
    assert (wanted.error <= 2**-23 * np.abs(weight[:, [7]])).all()
    nothing = product(stored(weight), stored(unit * 0), format)
    assert not nothing.error.any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_activations_and_their_slopes(dtype, name):
    """torch's own, of inputs somewhere within their errors."""
    function, settings = FUNCTIONS[name]
    operation = Operation("activation", (0,), 1, function=name, numbers=settings)
    z = np.concatenate([numbers(3, 150, spread=4), [0.0, 7.5, -20.0, 88.0, -88.0, -100.0]])
    for size in (0.0, 1e-6, 1e-2):
        errors = np.abs(z) * size
        given = moved(z, errors, 8, dtype)
        exact = exactly(given if size == 0 else z)
        held = Rounded(exact, errors + (np.abs(z) * 2**-20 if size else 0))
        with ctx.workprec(256):
            values = activation(operation, held, FORMATS[dtype])
            slopes = derivative(operation, held, FORMATS[dtype])
        tensor = torch.from_numpy(given).requires_grad_()
        out = function(tensor)
        out.sum().backward()
        assert within(out.detach().numpy(), values)
        assert within(tensor.grad.numpy(), slopes)
        if size == 0 and name not in ("leaky_relu", "relu"):
            assert values.error.max() < 1e-4 and slopes.error[: len(z) - 6].max() < 1e-2


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_bound_reaches_to_the_largest_number_and_no_further(dtype):
    format = FORMATS[dtype]
    large = np.array([0.9 * format.largest, -0.9 * format.largest])
    with np.errstate(all="ignore"):
        assert np.isinf(made(exactly(large), 0.2 * np.abs(large), format).error).all()
        assert np.isfinite(made(exactly(large), 0.05 * np.abs(large), format).error).all()


def test_a_whole_number_is_not_rounded_on_its_way():
    format = FORMATS["float32"]
    five = stored([[5.0], [15.0]])
    assert not (five.error.any() or like(five, [5.0]).error.any())
    assert cast(five, format).error[:, 0] == pytest.approx([5 * format.u, 15 * format.u])
    # of a mean the sum and the quotient are rounded, the count is not
    assert mean(five, 0, format).error == pytest.approx(20 * format.u / 2 + 8 * format.u)


def test_computed_floats_have_the_bounds_of_exact_numbers():
    """Up to the rounding of float64 itself."""
    format = FORMATS["float32"]
    weight, x = numbers(3, 3, 20, dtype="float32"), numbers(4, 20, 5, dtype="float32")
    x[::4] = 0
    for function, settings in (("relu", ()), ("gelu", ()), ("softplus", (2.0, 15.0))):
        operation = Operation("activation", (0,), 1, function=function, numbers=settings)
        found = []
        for kind in (stored, computed):
            with ctx.workprec(256):
                z = mean(
                    times(product(kind(weight), kind(x), format), kind(x[:3]), format), 1, format
                )
                found += [activation(operation, z, format), derivative(operation, z, format)]
        for exact, held in zip(found[:2], found[2:], strict=True):
            assert held.computed and not exact.computed
            assert np.allclose(held.near, exact.near, rtol=1e-12)
            assert np.allclose(held.error, exact.error, rtol=1e-9)


def test_products_beyond_the_emulations_reach_are_left_alone():
    one = np.array([1.5])
    for size in (1e300, 1e-300):
        assert engine_sums.fused(one * size, one, one) is None
    assert engine_sums.fused(np.array([0.0]), one, one) == 1.5


def test_a_bound_that_may_overflow_is_infinite():
    format = FORMATS["float32"]
    large = stored(np.array([3e38, 1.0]))
    assert times(large, large, format).error[0] == np.inf
    assert plus(large, large, format).error[0] == np.inf
    assert times(large, large, format).error[1] < 1e-6


@given(
    *(strategies.floats(-(2.0**100), 2.0**100, width=32) for _ in range(3)),
    strategies.integers(-30, 30),
)
def test_a_fused_multiply_add_rounds_once(a, b, c, shift):
    """Both emulations, beside fractions rounded by Python's own division."""
    c = float(np.float32(c * 2.0**shift)) if abs(c) < 1e20 else c
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    double = engine_sums.fused(*(np.array([value]) for value in (a, b, c)))
    if double is not None:
        assert double[0] == exact.numerator / exact.denominator
    single = engine_sums.fused(*(np.array([value], dtype=np.float32) for value in (a, b, c)))
    if np.isfinite(single[0]):
        near = [np.nextafter(single[0], np.float32(side)) for side in (-np.inf, np.inf)]
        apart = abs(Fraction(float(single[0])) - exact)
        assert all(apart <= abs(Fraction(float(n)) - exact) for n in near if np.isfinite(n))


def test_exactness_is_kept():
    assert fraction(arb(1) / arb(4)) == Fraction(1, 4)
