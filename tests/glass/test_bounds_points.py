"""Boxes that are points, and forms whose own rounding is the answer: only allowances decide here.

Over a wide box a missing allowance for rounding is hidden by the width.  At a point the engine's
own numbers, and sums in fractions, lie outside of the bounds as soon as one is missing.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from flint import arb
from glass.bounds_cases import ACTIVATIONS, boxes_of
from torch import nn

from vetro.glass.bounds import activation_lines
from vetro.glass.bounds.activation_lines import Lines, lines, slopes
from vetro.glass.bounds.answer_forms import _certain_shares, answers_over
from vetro.glass.bounds.box import Axis, Boxes, Range, Space
from vetro.glass.bounds.forms import Form, Region
from vetro.glass.bounds.input_map import InputMap
from vetro.glass.bounds.interval_bounds import Intervals, Span
from vetro.glass.bounds.rounding_bounds import OWN, gamma, smallest, unit
from vetro.glass.bounds.tangent_bounds import _product_lines
from vetro.glass.plain import activation, derivative
from vetro.glass.rows import Rows, part_inputs, part_outputs
from vetro.glass.subject import subject_of
from vetro.networks.lowered import Operation

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
EXACT = ("identity", "relu")
"""Without any rounding of their own."""
ROUNDED = [name for name in ACTIVATIONS if name not in EXACT]


def points(dtype: str) -> np.ndarray:
    """Numbers of the dtype, of all sizes at which an activation does something, (n, 1)."""
    random = np.random.default_rng(0)
    several = [
        random.normal(0, 3, 3000),
        -np.abs(random.normal(0, 8, 2000)),  # where 1 + erf and 1 + tanh cancel
        random.normal(0, 1, 500) * 10.0 ** random.uniform(-12, 2, 500),
        [0.0, 0.25, 0.5, -0.5, 10.0, 20.0, 20.000001, -20.0, 40.0, -90.0],
    ]
    return np.concatenate(several).astype(dtype).astype(np.float64)[:, None]


def one_unit(name: str, dtype: str) -> nn.Sequential:
    """The activation of its input, which a weight of 1 passes on exactly."""
    linear = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        linear.weight.fill_(1.0)
    return nn.Sequential(linear, ACTIVATIONS[name]()).to(getattr(torch, dtype))


def engines(module: nn.Module, z: np.ndarray) -> list[np.ndarray]:
    """What the native engine and torch make of these numbers, in float64."""
    part = subject_of(module).parts[0]
    dtype = next(module.parameters()).dtype
    with torch.no_grad():
        torchs = module(torch.from_numpy(z).to(dtype)).double().numpy()
    return [part_outputs(part, part_inputs(part, Rows(z))).astype(np.float64), torchs]


def lines_at(module: nn.Module, z: np.ndarray, dtype: str) -> Lines:
    operation = subject_of(module).parts[0].network.operations[-1]
    return lines(operation, z, z, dtype)


def outside(found: Lines, z: np.ndarray, value: np.ndarray, error: np.ndarray | float) -> Any:
    """Which values leave the range or the lines at z by more than the error."""
    below = np.maximum(found.least, found.lower_slope * z + found.lower)
    above = np.minimum(found.most, found.upper_slope * z + found.upper)
    return (value < below - error) | (value > above + error)


@DTYPES
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_engines_numbers_lie_within_an_activations_error(name: str, dtype: str) -> None:
    module, z = one_unit(name, dtype), points(dtype)
    found = lines_at(module, z, dtype)
    for value in engines(module, z):
        assert not outside(found, z, value, found.error).any()


@DTYPES
@pytest.mark.parametrize("name", ROUNDED)
def test_an_activations_error_is_needed_and_not_much_too_large(name: str, dtype: str) -> None:
    """Beyond the room for this computation's own rounding, 64 units of float64."""
    module, z = one_unit(name, dtype), points(dtype)
    found = lines_at(module, z, dtype)
    if dtype == "float32":
        assert any(outside(found, z, value, 0.0).any() for value in engines(module, z))
    value = np.abs(activation_of(module, z))
    counted = operation_of(module).activation.roundings(np.abs(z), value)
    largest = 33 * unit(dtype) * (value + np.maximum(1.5, np.abs(z))) + 9 * smallest(dtype)
    largest = largest + np.abs(z) * smallest(dtype)
    assert (found.error >= unit(dtype) * counted).all() and (found.error <= largest).all()
    # and no more than 16 roundings of the result and of the largest number inside
    inside = np.maximum(1.5, np.abs(z)) if "gelu" in name else 1.0
    underflow = (9 + np.abs(z)) * smallest(dtype)
    assert (found.error <= 16.001 * unit(dtype) * (value + inside) + underflow).all()


def operation_of(module: nn.Module) -> Operation:
    return subject_of(module).parts[0].network.operations[-1]


def activation_of(module: nn.Module, z: np.ndarray) -> np.ndarray:
    return activation(subject_of(module).parts[0].network.operations[-1], z)


@DTYPES
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_exact_activations_have_no_error_and_lines_touch_at_points(name: str, dtype: str) -> None:
    module, z = one_unit(name, dtype), points(dtype)
    found = lines_at(module, z, dtype)
    if name in EXACT:
        assert (found.error == 0).all()
    value = activation_of(module, z)
    room = 2.0**-43 * (1 + np.abs(z) + np.abs(value))
    if name.startswith("softplus"):  # what it drops beyond its threshold, twice
        beta, threshold = (2.0, 1.0) if name == "softplus_early" else (1.0, 20.0)
        dropped = 2.1 * np.log1p(np.exp(-threshold)) / beta
        room = room + np.where(beta * z >= threshold - 0.1, dropped, 0.0)
    for bound in (found.least, found.most, found.lower_slope * z + found.lower,
                  found.upper_slope * z + found.upper):  # fmt: skip
        assert (np.abs(bound - value) <= room).all()


def chain(name: str, dtype: str) -> nn.Sequential:
    """Three units after each other."""
    torch.manual_seed(1)
    layers = [layer for _ in range(3) for layer in (nn.Linear(1, 1), ACTIVATIONS[name]())]
    return nn.Sequential(*layers).to(getattr(torch, dtype))


def span(low: np.ndarray, high: np.ndarray) -> Span:
    """Inputs without room."""
    return Span(low, high, np.zeros_like(low))


def outside_of_answers(module: nn.Module, z: np.ndarray) -> int:
    """How many results of both engines leave the bounds of the boxes {z}, or the intervals."""
    subject = subject_of(module)
    ranges = [[Range(float(value), float(value))] for value in z[:, 0]]
    space, several = boxes_of(subject, ranges)
    found = answers_over(subject, space, several).least
    part, outputs = subject.parts[0], len(subject.answers)
    last = Intervals(part).through(span(z, z)).last
    count = 0
    for value in engines(module, z):
        below, above = found[:, :outputs], -found[:, outputs:]
        count += int((value < below).sum() + (value > above).sum())
        count += int((value < last.low).sum() + (value > last.high).sum())
    return count


@DTYPES
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_engines_answers_lie_within_the_bounds_at_points(name: str, dtype: str) -> None:
    assert outside_of_answers(one_unit(name, dtype), points(dtype)[::4]) == 0
    assert outside_of_answers(chain(name, dtype), points(dtype)[::4]) == 0


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "gelu", "gelu_tanh", "silu", "softplus"])
def test_without_the_engines_error_they_do_not(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests can fail: where the slope is small, the layer's own room hides nothing."""
    none = lambda operation, low, high, size, dtype: np.zeros_like(low)  # noqa: E731
    monkeypatch.setattr(activation_lines, "_engine_error", none)
    assert outside_of_answers(one_unit(name, "float32"), points("float32")) > 0


class Scaled(nn.Module):
    """x a + b, where the sum nearly cancels: what is left is rounding."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(x * 0.3 - 1.7)

    def __init__(self, last: nn.Module) -> None:
        super().__init__()
        self.last = last


class Added(nn.Module):
    """The sum of two layers that nearly cancel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(1, width), nn.Linear(1, width)
        with torch.no_grad():
            self.second.weight.copy_(-self.first.weight * (1 + 1e-6))
            self.second.bias.copy_(-self.first.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.first(x) + self.second(x)


def picked(width: int) -> nn.Linear:
    """A layer that passes its inputs on."""
    linear = nn.Linear(width, width, bias=False)
    with torch.no_grad():
        linear.weight.copy_(torch.eye(width))
    return linear


def operations() -> dict[str, nn.Module]:
    torch.manual_seed(4)
    normed = nn.Sequential(nn.Linear(1, 6), nn.LayerNorm(6))
    with torch.no_grad():
        normed[1].weight.copy_(torch.randn(6))
        normed[1].bias.copy_(torch.randn(6))
    far = nn.Sequential(nn.Linear(1, 6), nn.LayerNorm(6, elementwise_affine=False))
    with torch.no_grad():
        far[0].bias.add_(1000.0)  # the mean is far off, and the numbers less the mean round
    return {
        "layer": nn.Sequential(nn.Linear(1, 5)),
        "wide layer": nn.Sequential(nn.Linear(1, 60), nn.ReLU(), nn.Linear(60, 3)),
        "scaled": Scaled(picked(1)),
        "added": Added(4),
        "norm": normed,
        "norm far off": far,
        "norm, read on": nn.Sequential(*normed, picked(6)),
    }


@DTYPES
@pytest.mark.parametrize("name", operations())
def test_the_engines_results_of_each_operation_lie_within_the_bounds_at_points(
    name: str, dtype: str
) -> None:
    module = operations()[name].to(getattr(torch, dtype))
    z = points(dtype)[::9]
    if name == "scaled":
        near = np.random.default_rng(1).normal(1.7 / 0.3, 1e-6, (300, 1))
        z = np.concatenate([z, near.astype(dtype).astype(np.float64)])
    assert outside_of_answers(module, z) == 0
    # and at most some thousand roundings of the largest number inside are allowed for
    part = subject_of(module).parts[0]
    last = Intervals(part).through(span(z, z)).last
    reach = 1.0 + np.abs(z) + (1000.0 if name == "norm far off" else 0.0)
    if "norm" not in name:
        assert (last.high - last.low <= 600 * unit(dtype) * reach * 10).all()


@DTYPES
@pytest.mark.parametrize("name", ["scaled", "added", "layer", "wide layer"])
def test_a_box_allows_what_each_of_its_points_needs(name: str, dtype: str) -> None:
    """Ranges and room of a box hold those of every point in it."""
    part = subject_of(operations()[name].to(getattr(torch, dtype))).parts[0]
    random = np.random.default_rng(9)
    low, high = np.sort(random.normal(0, 10, (2, 40, 1)), axis=0)
    inside = low + (high - low) * random.random((40, 12))
    points_in = inside.reshape(-1, 1)
    over_box = Intervals(part).through(span(low, high)).values
    at_points = Intervals(part).through(span(points_in, points_in)).values
    for operation in part.network.operations:
        if operation.kind not in ("affine", "scale", "add"):
            break
        box, point = over_box[operation.output], at_points[operation.output]
        count = box.low.shape[1]
        room = point.room.reshape(40, 12, count)
        assert (room <= box.room[:, None] * (1 + 1e-9)).all()
        assert (box.low[:, None] <= point.low.reshape(40, 12, count) + 1e-12).all()
        assert (point.high.reshape(40, 12, count) <= box.high[:, None] + 1e-12).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_slopes_at_points_are_the_derivatives(name: str) -> None:
    operation = subject_of(one_unit(name, "float64")).parts[0].network.operations[-1]
    z = points("float64")
    z = z[np.abs(z) > 1e-9][:, None]  # at a bend either side's
    least, most = slopes(operation, z, z)
    slope = derivative(operation, z)
    room = 2.0**-44 * (1 + np.abs(z))
    if name == "softplus":
        room = room + 2.1 * np.exp(-20.0)
    if name == "softplus_early":
        room = room + 2.1 * np.exp(-1.0)
    assert (least <= slope).all() and (slope <= most).all()
    assert (most - least <= room).all()


def crossing(random: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Ends below and above 0, of all sizes."""
    low, high = np.abs(random.normal(size=(2, count, 1))) * 10.0 ** random.uniform(
        -6, 6, (2, count, 1)
    )
    return -low, high


def holds(found: Lines, number: int, z: float, value: Fraction) -> bool:
    """Whether both lines hold at z, in fractions."""
    numbers = (found.lower_slope, found.lower, found.upper_slope, found.upper)
    k, below, q, above = (Fraction(float(each[number, 0])) for each in numbers)
    return k * Fraction(z) + below <= value <= q * Fraction(z) + above


@pytest.mark.parametrize("slope", [0.0, 0.1, 0.3, -0.7, 1.0, 1.7])
def test_the_chords_of_a_bend_hold_in_fractions(slope: float) -> None:
    """At both ends and at the bend itself; nothing is wider than a few units."""
    low, high = crossing(np.random.default_rng(2), 300)
    operation = Operation("activation", (0,), 1, function="leaky_relu", numbers=(slope,))
    found = lines(operation, low, high, "float64")
    for number, (a, b) in enumerate(zip(low[:, 0].tolist(), high[:, 0].tolist(), strict=True)):
        for z, value in ((a, Fraction(slope) * Fraction(a)), (0.0, Fraction(0)), (b, Fraction(b))):
            assert holds(found, number, z, value)
    room = 2.0**-44 * (high - low)
    assert (np.abs(found.upper_slope * high + found.upper - high) <= room).all() or slope > 1
    assert (np.abs(found.lower_slope * high + found.lower - high) <= room).all() or slope < 1


def test_the_lines_of_a_product_hold_in_fractions() -> None:
    """Of a slope anywhere between two numbers, times a change."""
    random = np.random.default_rng(6)
    low, high = crossing(random, 400)
    least, most = np.sort(random.normal(size=(2, 400, 1)), axis=0)
    found = _product_lines(low, high, least, most)
    for number in range(400):
        for z in (float(low[number, 0]), 0.0, float(high[number, 0])):
            for factor in (float(least[number, 0]), float(most[number, 0])):
                assert holds(found, number, z, Fraction(factor) * Fraction(z))


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_probabilities_at_points_are_within_their_bounds(classes: int) -> None:
    random = np.random.default_rng(classes)
    scores = random.normal(0, 6, (500, classes))
    margins = np.concatenate(
        [scores[:, [j for j in range(classes) if j != i]] - scores[:, [i]] for i in range(classes)],
        axis=1,
    )
    found = _certain_shares(margins, margins, classes)
    for row in range(0, 500, 7):
        for own in range(classes):
            part = margins[row, own * (classes - 1) : (own + 1) * (classes - 1)]
            exact = 1 / (1 + sum((arb(float(m)).exp() for m in part), arb(0)))
            least, most = float(found[row, own]), -float(found[row, classes + own])
            assert arb(least) <= exact and exact <= arb(most)
            assert most - least <= 2.0**-40


# ---- forms -----------------------------------------------------------------------------------


def plain_space(variables: int) -> Space:
    """Columns of numbers alone, counted from 0."""
    axes = tuple(
        Axis(f"x{k}", k, (), (k, k + 1), (0, 0), ()) for k in range(variables)
    )  # fmt: skip
    nothing = InputMap(np.eye(variables), np.zeros((0, variables)), np.zeros(variables))
    return Space(axes, np.zeros(variables), (nothing,), variables, 0)


def mixed_space() -> Space:
    """Two numbers; a category of three; a number that may be missing."""
    axes = (
        Axis("a", 0, (), (0, 1), (0, 0), ()),
        Axis("b", 1, (), (1, 2), (0, 0), ()),
        Axis("kind", -1, (), (2, 2), (0, 3), (0.0, 1.0, 2.0)),
        Axis("gap", 2, (), (2, 3), (3, 5), (None, np.nan)),
    )
    nothing = InputMap(np.zeros((3, 1)), np.zeros((5, 1)), np.zeros(1))
    return Space(axes, np.zeros(3), (nothing,), 3, 5)


NO_KNOTS = np.zeros((1, 2, 0))


def form_of(random: np.random.Generator, space: Space, scale: float) -> Form:
    """Two rows of numbers that no sum keeps."""
    sizes = 10.0 ** random.uniform(-scale, scale, (1, 2, space.variables + space.alternatives))
    numbers = random.normal(size=sizes.shape) * sizes
    across = numbers[..., space.variables :]
    return Form(numbers[..., : space.variables], across, NO_KNOTS, random.normal(size=(1, 2)))


def exact_least(form: Form, region: Region) -> list[Fraction]:
    """The least value of each row over one box, in fractions: at its corners."""
    space = region.space
    low = [Fraction(value) for value in region.low[0]]
    high = [Fraction(value) for value in region.high[0]]
    found = []
    for row in range(form.constant.shape[1]):
        total = Fraction(form.constant[0, row])
        t = [Fraction(value) for value in form.of_variables[0, row]]
        a = [Fraction(value) for value in form.of_alternatives[0, row]]
        ends = [min(k * x, k * y) for k, x, y in zip(t, low, high, strict=True)]
        for axis in space.axes:
            first, own = axis.alternatives[0], ends[axis.variables[0] : axis.variables[1]]
            if not axis.codes:
                total += sum(own)
                continue
            choices = []
            for place, code in enumerate(axis.codes):
                if region.boxes.allowed[0, first + place]:
                    choices.append(a[first + place] + (sum(own) if code is None else 0))
            total += min(choices)
        found.append(total)
    return found


def cancelled(form: Form, region: Region) -> Form:
    """The same form with the constant that makes its least nearly 0: what is left is rounding."""
    constant = form.constant.copy()
    for row, least in enumerate(exact_least(form, region)):
        constant[0, row] -= float(least)
    return replace(form, constant=constant)


def regions(random: np.random.Generator, space: Space) -> Region:
    low = random.normal(0, 3, (1, space.variables))
    half = np.abs(random.normal(0, 1, low.shape)) * random.choice([0.0, 1e-9, 1.0])
    allowed = random.random((1, space.alternatives)) < 0.6
    for axis in space.axes:
        if axis.codes and not allowed[0, slice(*axis.alternatives)].any():
            allowed[0, axis.alternatives[0]] = True
    return Region.of(space, Boxes(low - half, low + half, allowed))


@pytest.mark.parametrize("space", [plain_space(1), plain_space(7), plain_space(40), mixed_space()])
def test_the_least_of_a_form_is_below_the_exact_one_by_its_rounding_alone(space: Space) -> None:
    random = np.random.default_rng(3)
    nearer = 0
    for _ in range(150):
        region = regions(random, space)
        form = cancelled(form_of(random, space, 2.0), region)
        found = form.least(region)[0]
        share = gamma(space.variables + 4 * len(space.axes) + 64, OWN)
        for row, exact in enumerate(exact_least(form, region)):
            assert Fraction(found[row]) <= exact
            size = form.size(region)[0, row]
            assert exact - Fraction(found[row]) <= Fraction(2.2 * share * size)
            nearer += exact < Fraction(found[row] + share * size)
    assert nearer > 20  # without the allowance it would often be above


def value_at(form: Form, row: int, t: list[Fraction], a: list[int]) -> Fraction:
    total = Fraction(form.constant[0, row])
    total += sum(Fraction(k) * x for k, x in zip(form.of_variables[0, row], t, strict=True))
    return total + sum(
        Fraction(k) * x for k, x in zip(form.of_alternatives[0, row], a, strict=True)
    )


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_the_mean_of_forms_is_below_the_mean_of_what_they_say(count: int) -> None:
    """Exactly, at every corner, where the mean nearly cancels."""
    random = np.random.default_rng(count)
    space, above, tried = mixed_space(), 0, 0
    for _ in range(60):
        region = regions(random, space)
        forms = [form_of(random, space, 2.0) for _ in range(count)]
        mean = Form.mean(forms, region)
        bare = np.mean([form.constant for form in forms], axis=0)
        without = replace(mean, constant=bare)
        ends = [
            (Fraction(x), Fraction(y)) for x, y in zip(region.low[0], region.high[0], strict=True)
        ]
        for t in product(*ends):
            for row in (0, 1):
                a = [1, 0, 0, 1, 0]
                exact = sum(value_at(form, row, list(t), a) for form in forms) / count
                assert value_at(mean, row, list(t), a) <= exact
                above += value_at(without, row, list(t), a) > exact
                tried += 1
                size = sum(form.size(region)[0, row] for form in forms) / count
                room = Fraction(4 * gamma(count + 2, OWN) * float(size))
                assert exact - value_at(mean, row, list(t), a) <= room
    if count > 1:
        assert above > tried / 10
