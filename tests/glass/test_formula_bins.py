"""Formulas of models whose numbers have piecewise linear codes, against fractions by definition."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from glass.binned_cases import behind, block_of, encoder_of
from hypothesis import given, settings
from hypothesis import strategies as st
from model.build import model_of, reference, rows_of, write_csv
from torch import nn

from vetro.glass.formula.bins import chart_at
from vetro.glass.formula.formula import formula
from vetro.glass.rows import Rows, answers, row_of
from vetro.glass.rows import rows_of as read_rows
from vetro.glass.subject import subject_of
from vetro.tables.blocks import CategoryBlock, DateBlock, NumberBlock


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_csv(tmp_path_factory.mktemp("bins") / "mixed.csv", rows_of(240))


def features_of(block: Any, value: float) -> list[Fraction]:
    """What a block makes of a raw value, by the formulas of its docstring."""
    if isinstance(block, CategoryBlock):
        out = np.zeros((1, block.width))
        block.write(out, np.array([value]))
        return [Fraction(x) for x in out[0].tolist()]
    missing = np.isnan(value)
    x = Fraction(block.median if missing else value)
    indicator = [Fraction(int(missing and block.indicator_trained))] * block.indicator
    if isinstance(block, DateBlock):
        out = np.zeros((1, block.width))
        block.write(out, np.array([value]))
        waves = [Fraction(v) for v in out[0, block.days : block.days + 2 * len(block.cycles)]]
        days = [(x - Fraction(block.mean)) * Fraction(block.scale)] * block.days
        return [*days, *waves, *indicator]
    shares = [
        min(max((x - Fraction(a)) / (Fraction(b) - Fraction(a)), Fraction(0)), Fraction(1))
        for a, b in pairwise(block.borders)
    ]
    return [(x - Fraction(block.mean)) * Fraction(block.scale), *shares, *indicator]


def outputs_at(model: Any, raw: np.ndarray) -> list[Fraction]:
    """The answers of a regression with relu or no activation at a raw row, in fractions."""
    total: list[Fraction] = []
    for member in model.members:
        x = [
            feature
            for block, value in zip(model.blocks, raw.tolist(), strict=True)
            for feature in features_of(block, value)
        ]
        views = model.network.slots
        for layer in range(len(model.network.sizes) - 1):
            w, b = (
                member.parameters[s.offset : s.offset + s.size].reshape(s.shape)
                for s in views[2 * layer : 2 * layer + 2]
            )
            x = [
                sum((Fraction(float(c)) * v for c, v in zip(row, x, strict=True)), Fraction(bias))
                for row, bias in zip(w, b.astype(float).tolist(), strict=True)
            ]
            if layer < len(model.network.sizes) - 2 and model.network.activation == "relu":
                x = [max(v, Fraction(0)) for v in x]
        own = [
            v * Fraction(target.deviation) + Fraction(target.mean)
            for v, target in zip(x, member.targets, strict=True)
        ]
        total = [a + b for a, b in zip(total, own, strict=True)] if total else own
    return [value / len(model.members) for value in total]


def at(found: Any) -> list[Fraction]:
    coefficients, intercept = found.exact()
    return [
        b + sum((a * x for a, x in zip(row, found.at, strict=True)), Fraction(0))
        for row, b in zip(coefficients, intercept, strict=True)
    ]


def places(model: Any, rows: np.ndarray) -> list[np.ndarray]:
    """Rows in bins, with gaps, at borders, and outside the training range."""
    gaps = np.flatnonzero(np.isnan(rows[:, 1]))[:2]
    found = [rows[0], rows[5], *rows[gaps]]
    flow, age = (model.blocks[n].borders for n in (0, 1))
    for values in (
        (flow[0], age[-1]), (flow[3], age[2]), (flow[-1], age[0]), (flow[0] - 5, age[1] + 0.5),
        (flow[-1] + 7, age[-1] + 1e5), (np.nextafter(flow[2], 0), np.nan),
    ):  # fmt: skip
        row = rows[0].copy()
        row[:2] = values
        found.append(row)
    return found


@settings(max_examples=25, deadline=None)
@given(
    borders=st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=9, unique=True).map(sorted),
    value=st.floats(-2e6, 2e6),
    median=st.floats(-1e6, 1e6),
)
def test_the_codes_of_a_bin_are_the_shares(borders, value, median) -> None:
    """Also where a float64 difference of borders would be rounded."""
    block = NumberBlock("x", 0.0, 1.0, median, borders=tuple(borders))
    for x in (value, *borders):
        chart = chart_at([block], [x], {0})
        bin_ = chart.bins[0]
        shares = [slope * Fraction(x) + level for slope, level in bin_.codes(chart.one)]
        assert [share / chart.one for share in shares] == features_of(block, x)[1:]
        wanted = features_of(block, np.nan)[1:]
        assert [share / chart.one for share in bin_.at_median(chart.one)] == wanted
        assert 1 <= chart.one < 2
        for share in (*shares, *bin_.at_median(chart.one), *(s for s, _ in bin_.codes(chart.one))):
            assert share.denominator & (share.denominator - 1) == 0  # a binary fraction


@pytest.mark.parametrize("members", [1, 2])
def test_the_formula_is_the_network_in_fractions(table, members) -> None:
    model = model_of(table, "pressure", "noise", activation="relu", members=members, bins=8)
    rows = read_rows(subject_of(model), table).raw
    for row in places(model, rows):
        found = formula(model, row)
        assert at(found) == outputs_at(model, row)
        assert found.contains(row)
        assert found.prove_equal(10)


def test_it_holds_up_to_the_borders_of_the_bins(table) -> None:
    model = model_of(table, "pressure", activation="identity", bins=8)
    rows = read_rows(subject_of(model), table).raw
    block = model.blocks[0]
    assert isinstance(block, NumberBlock)
    low, high = block.borders[4:6]
    row = rows[0].copy()
    row[0] = (low + high) / 2
    found = formula(model, row)
    assert [(end.end, end.upper) for end in found.region.ends][:2] == [(low, False), (high, True)]
    assert found.distance.columns["flow"] == pytest.approx((row[0] - low, high - row[0]))
    coefficients, intercept = found.exact()
    tested = [low, np.nextafter(low, 0), high, np.nextafter(high, 99), row[0], np.nan]
    moved = np.repeat(row[None], len(tested), axis=0)
    moved[:, 0] = tested
    assert found.holds(moved).tolist() == [True, False, True, False, True, True]
    for value in (low, high):
        row[0] = value
        values = [*map(Fraction, [value]), *found.at[1:]]
        written = sum((c * v for c, v in zip(coefficients[0], values, strict=True)), intercept[0])
        assert [written] == outputs_at(model, row)


def test_exactly_at_a_border_it_is_the_bin_above(table) -> None:
    model = model_of(table, "pressure", activation="identity", bins=8)
    row = read_rows(subject_of(model), table).raw[0].copy()
    borders = model.blocks[0].borders
    for value, number in ((borders[0], 1), (borders[3], 4), (borders[-1], len(borders) - 1)):
        row[0] = value
        found = formula(model, row)
        assert found.chart.bins[0].number == number
        bin_ = f"bin {number} of {len(borders) - 1} of flow"
        assert found.region.on_bin_border == (bin_,)
        assert f"exactly at an end of {bin_}: counted as inside" in str(found)
        assert found.to_json()["region"]["on_bin_border"] == [bin_]
    row[0] = borders[-1] + 1
    outside = formula(model, row)
    assert f"above bin {len(borders) - 1} of {len(borders) - 1}" in str(outside)
    assert outside.to_json()["bins"]["flow"] == {
        "bin": len(borders), "bins": len(borders) - 1, "low": borders[-1], "high": None,
    }  # fmt: skip
    # only the scaled number is left of a slope there
    mean = np.mean([
        m.targets[0].deviation * model.blocks[0].scale * direct(m, model)
        for m in model.members
    ])  # fmt: skip
    assert outside.coefficients[0, 0] == pytest.approx(mean, rel=1e-12)


def direct(member: Any, model: Any) -> float:
    """The product of the weights that the scaled first column passes."""
    x = np.zeros(model.network.inputs)
    x[0] = 1
    for slot in model.network.slots[::2]:
        weight = member.parameters[slot.offset : slot.offset + slot.size].reshape(slot.shape)
        x = weight.astype(np.float64) @ x
    return float(x[0])


def test_points_on_both_sides_of_every_inequality(table) -> None:
    """The inequalities that are kept hold exactly where the units keep their sides and the numbers
    their bins."""
    model = model_of(table, "pressure", activation="relu", hidden=(4,), members=1, bins=6)
    rows = read_rows(subject_of(model), table).raw
    found = formula(model, rows[3])
    kinds = {type(item.side).__name__ for item in found.region.inequalities}
    assert kinds == {"Bend", "BinEnd"}
    places = [n for n, term in enumerate(found.terms) if term.kind == "number"]
    moved, seen = [], []
    for flow in np.linspace(found.rows.raw[0, 0] - 6, found.rows.raw[0, 0] + 6, 21):
        for age in np.linspace(1, 300, 21):
            row = rows[3].copy()
            row[:2] = flow, age
            moved.append(row)
            values = [*found.at]
            values[places[0]], values[places[1]] = Fraction(flow), Fraction(age)
            inside = all(
                sum((c * v for c, v in zip(item.coefficients, values, strict=True)), Fraction(0))
                <= item.bound
                for item in found.region.inequalities
            )
            seen.append(inside)
    assert found.holds(np.array(moved)).tolist() == seen
    assert any(seen)
    assert not all(seen)
    text = found.text(borders=True)
    assert "flow stays in bin" in text
    assert ">=" in text
    assert r"\ge" in found.latex(borders=True)
    entry = found.to_json(borders=True)["region"]["inequalities"][-1]
    assert {"column", "bin", "bins", "low", "high"} < set(entry)


@pytest.mark.parametrize("exact", [False, True])
def test_the_program_gives_the_same_numbers_and_the_same_region(table, exact) -> None:
    model = model_of(table, "pressure", activation="relu", hidden=(3,), members=2, bins=8)
    rows = read_rows(subject_of(model), table)
    for number in (0, int(np.flatnonzero(np.isnan(rows.raw[:, 1]))[0])):
        found = formula(model, rows.raw[number])
        program: dict[str, Any] = {}
        exec(found.python(exact=exact), program)
        row = row_of(found.subject, rows.raw[number])
        assert float(program["formula"](row)["pressure"]) == pytest.approx(
            found.value[0], rel=1e-12
        )
        assert program["holds"](row)
        for flow in np.linspace(30, 70, 81):
            raw = rows.raw[number].copy()
            raw[0] = flow
            assert program["holds"]({**row, "flow": float(flow)}) == found.contains(raw)


@pytest.mark.parametrize("target", ["pressure", "sold", "grade"])
@pytest.mark.parametrize("activation", ["tanh", "silu", "relu"])
def test_the_error_of_a_tangent_covers_the_bins_of_its_box(table, activation, target) -> None:
    if activation == "relu" and target == "pressure":
        pytest.skip("has an exact formula")
    model = model_of(table, target, activation=activation, bins=12)
    subject = subject_of(model)
    rows = read_rows(subject, table).raw
    random = np.random.default_rng(0)
    for number in (0, 5):
        here = rows[number]
        for reach in (0.3, 8.0):
            found = formula(model, here, {"flow": (here[0] - reach, here[0] + reach)})
            raw = np.repeat(here[None], 400, axis=0)
            borders = model.blocks[0].borders
            inside = [b for b in borders if abs(b - here[0]) <= reach]
            raw[:, 0] = random.uniform(here[0] - reach, here[0] + reach, 400)
            raw[: len(inside) + 2, 0] = [*inside, here[0] - reach, here[0] + reach]
            place = next(n for n, term in enumerate(found.terms) if term.name == "flow")
            line = found.value + np.outer(raw[:, 0] - here[0], found.coefficients[:, place])
            left = answers(subject, Rows(raw)) - line
            for output, (low, high) in enumerate(found.error):
                room = 1e-5 * max(1.0, float(np.abs(line).max()))
                assert low - room <= left[:, output].min()
                assert left[:, output].max() <= high + room
                if reach < 1:  # and it is not far above what is seen
                    seen = left[:, output].max() - left[:, output].min()
                    assert high - low <= 12 * seen + 1e-3


class Scaled(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = nn.Linear(width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.layer(x * 0.25))


def test_a_tangent_whose_features_no_layer_reads_first() -> None:
    """They are scaled: each code then counts by itself."""
    random = np.random.default_rng(1)
    blocks = tuple(block_of(random, name, 6, indicator=False) for name in ("a", "b"))
    torch.manual_seed(0)
    encoder = encoder_of(blocks, 1)
    subject = behind(encoder, Scaled(encoder.width).double())
    low, high = blocks[0].borders[1], blocks[0].borders[5]
    here = np.array([blocks[0].borders[3] + 0.001, 0.1])
    found = formula(subject, here, {"a": (low, high)})
    raw = np.repeat(here[None], 500, axis=0)
    raw[:, 0] = np.linspace(low, high, 500)
    left = answers(subject, Rows(raw))[:, 0] - raw @ found.coefficients[0] - found.intercept[0]
    ((least, most),) = found.error
    assert least - 1e-9 <= left.min()
    assert left.max() <= most + 1e-9


def test_models_of_classes_have_exact_scores(table) -> None:
    model = model_of(table, "sold", activation="relu", members=1, loss="bce", bins=8)
    rows = read_rows(subject_of(model), table)
    found = formula(model, rows.raw[3])
    assert found.what == "scores"
    assert found.prove_equal(20)
    wanted = reference(model, rows.raw[3:4])[0]
    np.testing.assert_allclose(1 / (1 + np.exp(-found.value)), wanted[-1:], rtol=1e-9)
