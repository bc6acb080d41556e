"""What each activation says of itself: derivatives, bounds over the whole line, torch's names."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from flint import arb, ctx
from torch import nn
from torch.nn import functional

from vetro.engines.native_core import why_not_native
from vetro.engines.native_program import program_of
from vetro.glass.exact import BALLS
from vetro.glass.formula.curves import RANGES
from vetro.networks.activations.activation import STRAIGHT, Activation, Curve
from vetro.networks.activations.names import ActivationName, AnyActivation
from vetro.networks.activations.table import BY_NAME, activation_of, defaults_of
from vetro.networks.arithmetic import FLOATS
from vetro.networks.lower_module import lower_module
from vetro.networks.lowered import lower_network
from vetro.networks.network import ACTIVATIONS, Network

SETTINGS: dict[str, list[tuple[float, ...]]] = {
    "leaky_relu": [(0.01,), (0.3,), (1.8,)],
    "elu": [(1.0,), (0.7,), (2.5,)],
    "softplus": [(1.0, 20.0), (2.0, 1.0), (0.3, 1.0)],
}
CASES = [(name, numbers) for name in BY_NAME for numbers in SETTINGS.get(name, [()])]
each_case = pytest.mark.parametrize(("name", "numbers"), CASES)
FAR = 1e9
ORACLES = {
    AnyActivation: (
        "glass/bounds_cases.py",
        "glass/test_backprop.py",
        "glass/test_bounds.py",
        "glass/test_carried_errors.py",
        "glass/test_formula_tangent.py",
        "glass/test_rounding.py",
        "native/nets.py",
        "native/test_parts.py",
        "networks/interpret.py",
    ),
    ActivationName: ("engines/test_torch_engine.py", "model/build.py", "model/test_format.py"),
}
"""The test files in which each activation stands with its oracle, or its case."""


@pytest.fixture(autouse=True)
def long_numbers():
    with ctx.workprec(256):
        yield


def stretches(known: Activation) -> list[tuple[Curve, float, float]]:
    """Each curve with the ends of its stretch of the line."""
    edges = [-FAR, *(edge / known.steep for edge in known.edges), FAR]
    return [(c, low, high) for c, (low, high) in zip(known.curves, pairwise(edges), strict=True)]


def cells(low: float, high: float) -> list[tuple[arb, arb]]:
    marks = [low, *(m for m in (-40.0, -1.0, 0.0, 1.0, 40.0) if low < m < high), high]
    return [(arb(a), arb(b)) for a, b in pairwise(marks)]


def proven(formula: Any, slope: Any, low: float, high: float, stated: float) -> bool:
    """Whether |formula| <= stated on all of [low, high], by ranges of ever smaller cells.

    A wide ball's ends have 30 bits: hence the seventh digit.
    """
    stated *= 1 + 1e-7
    stack = cells(low, high)
    while stack:
        a, b = stack.pop()
        cell = a.union(b)
        if formula(RANGES, cell).abs_upper() <= stated:
            continue
        if slope is not None:
            turn = slope(RANGES, cell)
            ends = formula(RANGES, a).abs_upper().max(formula(RANGES, b).abs_upper())
            if (turn >= 0 or turn <= 0) and ends <= stated:
                continue
            middle = ((a + b) / 2).mid()
            if (formula(RANGES, middle) + turn * (cell - middle)).abs_upper() <= stated:
                continue
        if b - a < 1e-9:
            return False
        middle = ((a + b) / 2).mid()
        stack += [(a, middle), (middle, b)]
    return True


@each_case
def test_the_stated_largest_slope_and_bend_hold_on_the_whole_line(name, numbers) -> None:
    known = activation_of(name, numbers)
    for curve, low, high in stretches(known):
        assert proven(curve.slope, curve.bend, low, high, known.steepest)
        assert proven(curve.bend, None, low, high, known.bent)


@each_case
def test_they_are_reached_within_one_percent(name, numbers) -> None:
    known = activation_of(name, numbers)
    z = np.linspace(-30, 90, 24_001)
    assert np.abs(known.slope(FLOATS, z)).max() >= known.steepest / 1.01
    bends = [0.0]
    for curve, low, high in stretches(known):
        inside = z[(z >= max(low, -30.0)) & (z <= min(high, 90.0))]
        bends += [float(abs(curve.bend(BALLS, arb(float(one))))) for one in inside[::8]]
    assert max(bends) >= known.bent / 1.01


def test_a_smaller_bound_is_not_proven() -> None:
    curve = activation_of("gelu").curves[0]
    assert not proven(curve.slope, curve.bend, 0.0, 3.0, 1.1289)


@each_case
def test_slope_and_bend_are_the_derivatives(name, numbers) -> None:
    step = arb(2) ** -60
    for curve, low, high in stretches(activation_of(name, numbers)):
        for z in np.linspace(max(low, -9.0), min(high, 9.0), 23)[1:-1]:
            here = arb(float(z))
            for formula, derivative in ((curve.value, curve.slope), (curve.slope, curve.bend)):
                for a in (BALLS, RANGES):
                    apart = formula(a, here + step) - formula(a, here - step)
                    assert abs(apart / (2 * step) - derivative(a, here)) < 1e-25


@each_case
def test_values_and_slopes_are_torchs(name, numbers) -> None:
    known = activation_of(name, numbers)
    named = known.torch
    settings = dict(zip(defaults_of(name), numbers, strict=False))
    layer = getattr(nn, named.layer)(**settings, **named.options)
    z = np.concatenate([np.linspace(-30, 30, 301), [-800.0, 800.0, 1e-300]])
    x = torch.from_numpy(z).requires_grad_()
    y = layer(x)
    y.sum().backward()
    assert np.allclose(known.value(FLOATS, z), y.detach(), rtol=1e-13, atol=1e-15)
    assert np.allclose(known.slope(FLOATS, z), x.grad, rtol=1e-12, atol=1e-14)
    for one, value in zip(z.tolist(), known.value(FLOATS, z), strict=True):
        assert float(known.value(BALLS, arb(one))) == pytest.approx(value, rel=1e-12, abs=1e-15)
    if named.function:
        again = getattr(functional, named.function)(x, *numbers, **named.options)
        assert torch.equal(again, y)
    assert len(defaults_of(name)) == len(numbers)


@each_case
def test_the_facts_are_those_of_the_function(name, numbers) -> None:
    known = activation_of(name, numbers)
    assert BY_NAME[name].__name__ == name
    z = np.linspace(-40, 40, 8001)
    value, slope = known.value(FLOATS, z), known.slope(FLOATS, z)
    assert known.rising == bool((slope >= 0).all())
    if known.grows:
        below = np.abs(known.curves[0].slope(FLOATS, np.linspace(-9, 0, 99)))
        assert (np.diff(below) >= 0).all()
    if known.below is not None:
        assert np.array_equal(value, np.where(z > 0, z, known.below * z))
    if known.limits is not None:
        assert np.allclose(value[[0, -1]], known.limits)
    if known.straight_above:
        assert np.array_equal(value[-5:], z[-5:])
    for number, edge in enumerate(known.edges):
        at = arb(edge) / arb(known.steep)
        low, high = known.curves[number], known.curves[number + 1]
        gap = abs(high.value(BALLS, at) - low.value(BALLS, at))
        bend = abs(high.slope(BALLS, at) - low.slope(BALLS, at))
        assert float(gap) == pytest.approx(known.gap, rel=1e-9, abs=1e-300)
        assert float(bend) == pytest.approx(known.slope_gap, rel=1e-7)
    if known.exact:
        assert np.array_equal(value.astype(np.float32), known.value(FLOATS, z.astype(np.float32)))


@each_case
def test_what_torch_keeps_for_the_derivative(name, numbers) -> None:
    named = activation_of(name, numbers).torch
    if not named.function:
        return
    x = torch.randn(3, requires_grad=True)
    made = getattr(functional, named.function)(x, *numbers, **named.options).grad_fn
    assert named.from_output == hasattr(made, "_saved_result")
    if named.in_place:
        own = getattr(functional, named.function)(x.clone(), *numbers, inplace=True).grad_fn
        kept = hasattr(own, "_saved_result") or getattr(own, "_saved_is_result", False)
        assert named.in_place_from_output == kept


@each_case
def test_a_layer_a_function_and_a_lift_are_read_as_their_activation(name, numbers) -> None:
    known = activation_of(name, numbers)
    settings = dict(zip(defaults_of(name), numbers, strict=False))
    if not known.torch.function:
        return
    layer = getattr(nn, known.torch.layer)(**settings, **known.torch.options)

    class Called(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(2, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            function = getattr(functional, known.torch.function)
            return function(self.linear(x), *numbers, **known.torch.options)

    for module in (nn.Sequential(nn.Linear(2, 3), layer), Called()):
        network = lower_module(module, inputs=2, training=False).network
        operation = network.operations[-1]
        assert (operation.function, operation.numbers) == (name, numbers or tuple(settings))
        assert operation.bends
        if not why_not_native():
            program_of(network)


def test_the_table_doors_activations_are_among_them() -> None:
    for name in ACTIVATIONS:
        operation = lower_network(Network((2, 3, 1), name)).operations[1]
        assert operation.activation is activation_of(name, operation.numbers)
        assert operation.numbers == tuple(defaults_of(name).values())


def test_straight_is_not_rounded() -> None:
    z = np.array([0.1, np.nan])
    assert STRAIGHT.value(FLOATS, z) is z


@pytest.mark.parametrize(
    ("file", "names"),
    [(file, get_args(names)) for names, files in ORACLES.items() for file in files],
)
def test_every_activation_has_its_oracles(file, names):
    text = (Path(__file__).parents[1] / file).read_text(encoding="utf-8")
    missing = {name for name in names if f'"{name}"' not in text} - {"identity"}
    assert not missing, f"add them to tests/{file}"
