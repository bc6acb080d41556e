"""Single rules of the glass at their edges, where whole results hide them."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx

from vetro.glass.bounds.box import _WAVE_ERROR, Axis, Boxes, Space, halves, points_at
from vetro.glass.diagnose.activity import FEW_ROWS, _activity, _duplicates
from vetro.glass.formula import redundancy
from vetro.glass.formula.redundancy import follows, sort_out
from vetro.glass.formula.terms import Term, terms_of, training_range
from vetro.networks.lowered import Operation
from vetro.tables.blocks import PERIODS, phase


def space(*axes: Axis) -> Space:
    alternatives = max((axis.alternatives[1] for axis in axes), default=0)
    return Space(axes, np.zeros(len(axes)), (), 0, alternatives)


CITY = Axis("city", -1, (), (0, 0), (0, 3), (0.0, 1.0, 2.0))
AGE = Axis("age", 0, (), (0, 1), (0, 2), (None, np.nan))


def test_the_levels_of_a_category_are_cut_into_two_sets():
    whole = Boxes(np.zeros((1, 0)), np.zeros((1, 0)), np.ones((1, 3), dtype=bool))
    cut = halves(space(CITY), whole, np.array([0]))
    assert (cut.allowed.sum(axis=0) == 1).all()
    assert sorted(cut.allowed.sum(axis=1).tolist()) == [1, 2]


def test_a_row_as_a_box_has_its_number_or_is_missing():
    both = points_at(space(AGE), np.array([[3.5], [np.nan]]))
    there, absent = both.take(slice(0, 1)), both.take(slice(1, 2))
    assert there.allowed.tolist() == [[True, False]]
    assert there.low.tolist() == there.high.tolist() == [[3.5]]
    assert absent.allowed.tolist() == [[False, True]]


@pytest.mark.parametrize(
    ("function", "value", "saturated"),
    [
        ("sigmoid", 0.9, False), ("sigmoid", 0.1, False), ("sigmoid", 0.996, True),
        ("sigmoid", 0.004, True), ("tanh", 0.98, False), ("tanh", -0.991, True),
    ],
)  # fmt: skip
def test_a_saturated_unit_is_within_a_hundredth_of_its_limit(function, value, saturated):
    network: Any = SimpleNamespace(operations=())
    part: Any = SimpleNamespace(name="")
    values = [np.full((8, 1), 2.0), np.full((8, 1), value)]
    operation = Operation("activation", (0,), 1, function=function)
    found = _activity(part, network, operation, ("h0",), values)
    assert found.saturated.tolist() == [saturated]


def test_units_that_only_rounding_moves_are_no_duplicates():
    noise = 1e-10 * np.arange(2 * FEW_ROWS)[:, None]
    assert _duplicates(1000.0 + noise * [1.0, 2.0], noise, relu=False) == ()
    assert _duplicates(noise * 1e10 * [1.0, 2.0], noise, relu=False) == ((0, 1),)


def test_fewer_reasons_than_columns_prove_as_well():
    def exact(*numbers: float) -> list[arb]:
        return [arb(number) for number in numbers]

    reasons = [(exact(1, 0, 1), arb(2)), (exact(0, 1, 1), arb(3))]
    assert follows(exact(1, 2, 3), arb(8), reasons)
    assert not follows(exact(1, 2, 3), arb(7.5), reasons)
    assert not follows(exact(1, 2, 4), arb(8), reasons)
    assert not follows(exact(1, -1, 0), arb(8), reasons)


def test_what_was_kept_for_the_rank_alone_is_dropped_when_it_follows(monkeypatch):
    """Rays that meet one corner; the next longest point lies inside the hull of the others."""
    points = np.array([[4.0, 0.0], [2.2, 0.5], [0.0, 2.0], [-1.0, -1.0]])
    assert redundancy._spare(points, {0, 1, 2, 3}, {0, 2, 3}) == 1
    assert redundancy._spare(points[[0, 1]], {0, 1}, {0}) is None
    square = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0 + 1e-9, 0.0]])
    assert redundancy._spare(square, {0, 1, 2, 3, 4}, {0, 1, 2, 3}) == 4  # as far as rounding goes
    monkeypatch.setattr(redundancy, "_met_by_rays", lambda points: {0})
    monkeypatch.setattr(redundancy, "_met_by_turning", lambda points, seen, stop: set())
    turns = iter(range(20))
    found = sort_out(points, np.ones(4), stop=lambda: next(turns) > 15)
    assert found.kept == (0, 2, 3)
    assert set(found.reasons) == {1}


def test_missing_is_a_term_if_training_has_met_it():
    column = SimpleNamespace(name="age", kind="number")
    model = SimpleNamespace(schema=SimpleNamespace(inputs=[column]))
    subject: Any = SimpleNamespace(model=model, blocks=[SimpleNamespace(indicator=True)])
    assert [term.kind for term in terms_of(subject, np.array([[1.0]]))] == ["number", "missing"]
    subject.blocks = [SimpleNamespace(indicator=False)]
    assert [term.kind for term in terms_of(subject, np.array([[1.0]]))] == ["number"]
    assert [term.kind for term in terms_of(subject, np.array([[np.nan]]))] == ["number", "missing"]


def test_the_range_of_what_does_not_move_in_a_straight_line():
    subject: Any = SimpleNamespace(model=object())
    assert training_range(subject, Term("sin(year of d)", 0, "wave", detail="sin year")) == (-1, 1)
    assert training_range(subject, Term("[city = Rome]", 0, "level")) == (0, 1)
    assert training_range(SimpleNamespace(model=None), Term("x", 0, "number")) is None


@pytest.mark.parametrize("cycle", PERIODS)
def test_the_error_of_a_wave_has_its_allowance(cycle):
    """Against arb, which reduces the days exactly."""
    days = np.random.default_rng(0).uniform(-1e5, 1e5, 200)
    period = Fraction(PERIODS[cycle])
    apart = []
    with ctx.workprec(256):
        for day, found in zip(days, np.sin(phase(days, PERIODS[cycle])), strict=True):
            share = Fraction(float(day)) % period / period
            exact = (2 * arb.pi() * arb(share.numerator) / arb(share.denominator)).sin()
            apart.append(float(abs(arb(float(found)) - exact)))
    assert 0 < max(apart) <= _WAVE_ERROR
