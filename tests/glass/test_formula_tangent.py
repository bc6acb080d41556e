"""Tangents: torch's gradient, and an error that nothing in the box exceeds."""

from __future__ import annotations

import math
from itertools import product as corners_of
from pathlib import Path

import numpy as np
import pytest
import torch
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st
from model.build import model_of, rows_of, write_csv
from torch import nn

from vetro.glass.exact import BALLS
from vetro.glass.formula.curves import beyond_tangent, curve_of
from vetro.glass.formula.formula import formula
from vetro.glass.formula.tangent import Box, Model, bent, probabilities, product, square
from vetro.glass.rows import Rows, answers
from vetro.glass.rows import rows_of as read_rows
from vetro.glass.subject import subject_of
from vetro.networks.lowered import Operation

CURVES = {
    "relu": (),
    "leaky_relu": (0.2,),
    "elu": (1.4,),
    "tanh": (),
    "sigmoid": (),
    "silu": (),
    "gelu": (),
    "gelu_tanh": (),
    "softplus": (2.0, 1.0),
}


@pytest.mark.parametrize("name", CURVES)
@settings(max_examples=25)
@given(
    centre=st.floats(-30, 30),
    down=st.floats(0, 1) | st.floats(0, 60),
    up=st.floats(0, 1) | st.floats(0, 60),
)
def test_no_function_leaves_its_tangent_by_more(name, centre, down, up) -> None:
    operation = Operation("activation", (0,), 1, function=name, numbers=CURVES[name])
    curve = curve_of(operation)
    level, slope = curve.at(arb(centre))
    change = arb(-down).union(arb(up))
    beyond = beyond_tangent(curve, arb(centre), change, level, slope)
    assert beyond.is_finite()
    least, most = float(beyond.lower()), float(beyond.upper())
    steps = np.linspace(-down, up, 41)
    gone = []
    for step in steps.tolist():
        z = arb(centre) + arb(step)
        left = operation.activation.value(BALLS, z) - level - slope * arb(step)
        gone.append(float(left))
        assert least - 1e-12 <= float(left.upper())
        assert float(left.lower()) <= most + 1e-12
    # and not much wider than that: 41 points see almost all of a wide range
    seen = max(gone) - min(gone)
    assert most - least <= 1.6 * seen + 0.1 * (down + up) ** 2 / (1 + down + up) + 1e-9


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(3, 6), nn.Linear(6, 6), nn.Linear(6, 2)
        self.norm, self.bend = nn.LayerNorm(6), nn.ELU(1.3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.bend(self.first(x * 0.5 + 0.25))
        return self.last(self.norm(x + self.bend(self.second(x))))


def smooth(kind: str) -> nn.Module:
    torch.manual_seed(len(kind))
    if kind == "residual":
        return Residual().double()
    if kind == "plain norms":
        whole, part = nn.LayerNorm(6, elementwise_affine=False), nn.LayerNorm(6, bias=False)
        with torch.no_grad():
            part.weight.copy_(torch.randn(6))
        first = nn.Linear(3, 6), nn.Tanh(), nn.Identity(), whole
        return nn.Sequential(*first, nn.Linear(6, 6), part, nn.Linear(6, 2)).double()
    bends: dict[str, nn.Module] = {
        "tanh": nn.Tanh(), "sigmoid": nn.Sigmoid(), "silu": nn.SiLU(), "gelu": nn.GELU(),
        "gelu_tanh": nn.GELU(approximate="tanh"), "elu": nn.ELU(), "softplus": nn.Softplus(),
    }  # fmt: skip
    layers = nn.Linear(3, 8), bends[kind], nn.Linear(8, 6), bends[kind], nn.Linear(6, 2)
    module = nn.Sequential(*layers).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter *= 1.5
    return module


KINDS = (
    "tanh",
    "sigmoid",
    "silu",
    "gelu",
    "gelu_tanh",
    "elu",
    "softplus",
    "residual",
    "plain norms",
)


@pytest.mark.parametrize("kind", KINDS)
def test_the_tangent_is_torchs_and_its_error_holds(kind: str) -> None:
    module = smooth(kind)
    random = np.random.default_rng(1)
    for share in (0.5, 0.1, 0.01):
        x = torch.tensor(random.normal(size=3))
        found = formula(module, x, share)
        assert found.kind == "tangent"
        jacobian = torch.autograd.functional.jacobian(lambda v: module(v[None])[0], x).numpy()
        np.testing.assert_allclose(found.coefficients, jacobian, rtol=1e-10, atol=1e-13)
        with torch.no_grad():
            np.testing.assert_allclose(found.value, module(x[None])[0].numpy(), rtol=1e-12)
        ends = np.array([found.box[name] for name in ("x0", "x1", "x2")])
        points = np.vstack([
            random.uniform(ends[:, 0], ends[:, 1], size=(1500, 3)),
            np.array(list(corners_of(*ends))),
            x.numpy()[None],
        ])  # fmt: skip
        assert found.holds(points).all()
        with torch.no_grad():
            got = module(torch.tensor(points)).numpy()
        left = got - (points @ found.coefficients.T + found.intercept)
        low, high = np.array(found.error).T
        assert (left >= low - 1e-12).all()
        assert (left <= high + 1e-12).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_error_shrinks_with_the_square_of_the_box(kind: str) -> None:
    module = smooth(kind)
    row = [0.4, -0.7, 0.9]
    sizes = [
        max(abs(end) for ends in formula(module, row, share).error for end in ends)
        for share in (1e-2, 1e-3)
    ]
    assert sizes[1] < sizes[0] / 80


def test_a_box_of_ones_own_need_not_be_even() -> None:
    module = smooth("tanh")
    found = formula(module, [0.5, 0.5, 0.5], {"x1": (0.5, 0.9)})
    assert found.box == {"x1": (0.5, 0.9)}
    assert found.contains([0.5, 0.9, 0.5])
    assert not found.contains([0.5, 0.4, 0.5])
    assert not found.contains([0.6, 0.6, 0.5])
    whole = formula(module, [0.5, 0.5, 0.5], {"x1": (0.1, 0.9)})
    # each is cut until both ends lie within a tenth of the range that rows are seen to have
    for own, wide in zip(found.error, whole.error, strict=True):
        room = 0.11 * (wide[1] - wide[0])
        assert wide[0] - room <= own[0] and own[1] <= wide[1] + room


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_csv(tmp_path_factory.mktemp("tangent") / "mixed.csv", rows_of(240))


@pytest.mark.parametrize(
    ("target", "activation", "members", "loss"),
    [
        ("pressure", "tanh", 2, "auto"),
        ("sold", "gelu", 2, "bce"),
        ("sold", "relu", 3, "auto"),
        ("grade", "relu", 2, "auto"),
        ("grade", "silu", 1, "auto"),
    ],
)
def test_models(table, target, activation, members, loss) -> None:
    model = model_of(table, target, activation=activation, members=members, loss=loss)
    subject = subject_of(model)
    rows = read_rows(subject, table)
    random = np.random.default_rng(0)
    for number in (0, 3):
        found = formula(model, rows.raw[number], 0.05)
        assert found.kind == "tangent"
        assert found.outputs == subject.answers
        raw = np.repeat(rows.raw[number : number + 1], 400, axis=0)
        for name, ends in found.box.items():
            place = subject.inputs.index(name)
            raw[:, place] = random.choice([*ends, *random.uniform(*ends, size=20)], 400)
        assert set(found.box) <= {"flow", "age"}
        assert found.holds(raw).all()
        values = np.array([[t.value(row[t.column]) for t in found.terms] for row in raw])
        left = answers(subject, Rows(raw)) - (values @ found.coefficients.T + found.intercept)
        low, high = np.array(found.error).T
        # the engine rounds to float32
        slack = 1e-4 * (1 + np.abs(found.value))
        assert (left >= low - slack).all()
        assert (left <= high + slack).all()
        assert (found.error_seen() <= np.abs(found.error).max(axis=1) + slack).all()
        assert "Tangent" in str(found)
        assert "at most" in str(found)


@pytest.mark.parametrize("name", CURVES)
def test_a_huge_range_still_has_a_bound(name) -> None:
    operation = Operation("activation", (0,), 1, function=name, numbers=CURVES[name])
    curve = curve_of(operation)
    level, slope = curve.at(arb(0.3))
    beyond = beyond_tangent(curve, arb(0.3), arb(-1e6).union(arb(1e6)), level, slope)
    assert float(beyond.abs_upper()) < 1e30


def test_products_and_squares_keep_their_second_order() -> None:
    box = Box((arb(-1).union(arb(1)),))
    a, b = Model((arb(2),), arb(1), arb(0)), Model((arb(-1),), arb(3), arb(0))
    made = product(a, b, box)  # (1 + 2u)(3 - u) = 3 + 5u - 2u^2
    assert (float(made.centre), float(made.slopes[0])) == (3, 5)
    assert float(made.rest.lower()) <= -2
    made = square(a, box)  # 1 + 4u + 4u^2
    assert (float(made.centre), float(made.slopes[0])) == (1, 4)
    assert float(made.rest.upper()) >= 4
    assert float(made.rest.lower()) >= -1e-6


def rested(random: np.random.Generator) -> Model:
    """A value of two terms, known up to a rest."""
    slopes = tuple(arb(float(slope)) for slope in random.normal(size=2))
    low, high = np.sort(random.normal(0, 0.3, 2)).tolist()
    return Model(slopes, arb(float(random.normal(0, 2))), arb(low).union(arb(high)))


def samples_of(model: Model, ways: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Values that a model may stand for at these places of the box, (places,); both ends of the
    rest are among them."""
    slopes = np.array([float(slope) for slope in model.slopes])
    rest = random.uniform(float(model.rest.lower()), float(model.rest.upper()), len(ways))
    rest[::3], rest[1::3] = float(model.rest.lower()), float(model.rest.upper())
    return float(model.centre) + ways @ slopes + rest


def left_of(values: np.ndarray, made: Model, ways: np.ndarray) -> np.ndarray:
    """What values differ from the straight part of a model."""
    slopes = np.array([float(slope) for slope in made.slopes])
    return values - float(made.centre) - ways @ slopes


@pytest.mark.parametrize("reach", [0.0, 0.05, 1.0])
@pytest.mark.parametrize("name", [*CURVES, "product", "square"])
def test_rests_are_carried_through_bends_and_products(name: str, reach: float) -> None:
    random = np.random.default_rng(11)
    box = Box((arb(-reach).union(arb(reach)),) * 2)
    for _ in range(25):
        a, b = rested(random), rested(random)
        ways = random.uniform(-reach, reach, (600, 2))
        ways[:40] = random.choice([-reach, reach], (40, 2))
        first, second = samples_of(a, ways, random), samples_of(b, ways, random)
        if name == "product":
            made, values = product(a, b, box), first * second
        elif name == "square":
            made, values = square(a, box), first**2
        else:
            operation = Operation("activation", (0,), 1, function=name, numbers=CURVES[name])
            made = bent(curve_of(operation), a, box)
            values = np.array(
                [float(operation.activation.value(BALLS, arb(float(v)))) for v in first]
            )
        left = left_of(values, made, ways)
        least, most = float(made.rest.lower()), float(made.rest.upper())
        assert (least - 1e-9 <= left).all() and (left <= most + 1e-9).all()
        wide = max(float(a.rest.upper() - a.rest.lower()), float(b.rest.upper() - b.rest.lower()))
        size = 1.0 + max(float(abs(a.centre).upper()), float(abs(b.centre).upper()))
        assert most - least <= 12.0 * size * (wide + reach) * (1.0 + reach + wide) + 1e-6


def test_a_probability_is_anything_from_0_to_1_and_no_more() -> None:
    box = Box((arb(0),))
    logit = Model((arb(0),), arb(0), arb(-100).union(arb(100)))
    for made in probabilities([logit], box):
        ends = float((made.centre + made.rest).lower()), float((made.centre + made.rest).upper())
        np.testing.assert_allclose(ends, (0, 1), atol=1e-6)
        assert ends[0] <= 1e-40
        assert ends[1] >= 1 - 1e-15


def test_a_threshold_that_no_float_meets_is_allowed_for() -> None:
    operation = Operation("activation", (0,), 1, function="softplus", numbers=(0.3, 1.0))
    curve = curve_of(operation)
    assert curve.slack is not None
    assert float(curve.slack.upper()) > math.log1p(math.exp(-1)) / 0.3
