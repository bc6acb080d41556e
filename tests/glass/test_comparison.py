"""The judgement of single numbers against their bounds, and of models against their evidence."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx

from vetro.glass.exact import matrix
from vetro.glass.formula.formula_proof import AtPoints
from vetro.glass.subject import Part
from vetro.glass.verify.comparison import UNBOUNDED, UNCLEAR, Worst, compare
from vetro.glass.verify.evidence_checks import refit_check
from vetro.glass.verify.rounding import Rounded, exactly
from vetro.glass.verify.verify_model import as_trained
from vetro.networks.lowered import LoweredNetwork, Operation


def place(index: tuple[int, ...]) -> str:
    return f"entry {index[0]}"


@pytest.fixture(autouse=True)
def long_numbers():
    with ctx.workprec(256):
        yield


@pytest.mark.parametrize(
    ("deviation", "bound", "share"),
    [(1.0, 4.0, 0.25), (6.0, 4.0, 1.5), (0.0, 0.0, 0.0), (1.0, 0.0, math.inf)],
)
def test_the_share_of_a_bound(deviation: float, bound: float, share: float) -> None:
    assert Worst("passed", deviation, bound, "", 1).share == share


@pytest.mark.parametrize(
    ("returned", "verdict", "deviation", "bound", "worst"),
    [
        ([1.0, 2.25, 3.0], "passed", 0.25, 0.5, 1),
        ([1.5, 2.25, 3.0], "passed", 0.5, 1.0, 0),  # of equal shares the first
        ([1.0, 2.75, 3.0], "failed", 0.75, 0.5, 1),
        ([9.0, 2.75, 3.0], "failed", 8.0, 1.0, 0),  # the share counts, not the distance alone
        ([1.0, 2.0, 3.0], "passed", 0.0, 1.0, 0),
        ([1.0, math.nan, 3.0], "failed", math.nan, math.nan, 1),
        ([5.0, math.inf, 3.0], "failed", math.nan, math.nan, 1),
    ],
)
def test_the_worst_entry(
    returned: list[float], verdict: str, deviation: float, bound: float, worst: int
) -> None:
    wanted = Rounded(exactly([1.0, 2.0, 3.0]), np.array([1.0, 0.5, 0.25]))
    found = compare(np.array(returned), wanted, place)
    assert (found.verdict, found.place, found.count) == (verdict, f"entry {worst}", 3)
    assert [found.deviation, found.bound] == pytest.approx([deviation, bound], nan_ok=True)
    assert bool(found.why) == (verdict != "passed")


def test_a_bound_that_is_infinite_is_undecided_and_the_reason_is_its_own() -> None:
    wanted = Rounded(exactly([1.0, 2.0]), np.array([0.5, np.inf]))
    found = compare(np.array([1.0, 2.0]), wanted, place)
    assert (found.verdict, found.place) == ("undecided", "entry 1")
    assert found.why == f"entry 1: {UNBOUNDED}."
    own = compare(np.array([1.0, 2.0]), wanted, place, unbounded=lambda index: f"at {index[0]}")
    assert own.why == "entry 1: at 1."
    # what is beyond its bound decides all the same
    assert compare(np.array([2.0, 2.0]), wanted, place).verdict == "failed"
    assert UNCLEAR != UNBOUNDED


def test_nothing_to_compare_passes() -> None:
    found = compare(np.zeros(0), Rounded(exactly(np.zeros(0)), np.zeros(0)), place)
    assert (found.verdict, found.count) == ("passed", 0)


def of_members(*pairs: tuple[str, str]) -> Any:
    """A subject whose members have these fingerprints now, and had these after training."""
    members = tuple(SimpleNamespace(fingerprint=now) for now, _ in pairs)
    evidence = SimpleNamespace(fingerprints=tuple(then for _, then in pairs))
    return SimpleNamespace(model=SimpleNamespace(members=members, evidence=evidence))


def test_members_that_were_changed_are_named() -> None:
    (same,) = as_trained(of_members(("a", "a"), ("b", "b")))
    assert same and same.verdict == "passed"
    (other,) = as_trained(of_members(("a", "a"), ("b", "x"), ("c", "y")))
    assert not other and "member 2, 3" in other.detail
    (alone,) = as_trained(of_members(("a", "x")))
    assert not alone and "the network" in alone.detail
    assert as_trained(SimpleNamespace(model=of_members().model)) == []


def test_a_fit_that_ended_by_the_clock_need_not_come_out_the_same() -> None:
    model: Any = SimpleNamespace(recipe=SimpleNamespace(time=5.0))
    assert refit_check(model, "not read").verdict == "undecided"


@pytest.mark.parametrize("side", [True, False])
def test_exactly_nothing_is_on_both_sides_of_a_bend(side: bool) -> None:
    operation = Operation("activation", (0,), 1, function="relu")
    part, inside = Part(LoweredNetwork((operation,), (1, 1), ()), np.zeros(0)), np.ones(4, bool)
    values = AtPoints(part, arb(1), {1: (side,)}, inside).activation(
        operation, matrix([[0.0, -1.0, 2.0, -0.0]])
    )
    assert inside.tolist() == [True, not side, side, True]
    assert [float(value) for value in values.entries()] == [0.0, 0.0, 2.0, 0.0]
