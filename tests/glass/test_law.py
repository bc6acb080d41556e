"""The linear formula over a box: its proven error, against dense samples and known answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from model.build import model_of, rows_of, write_csv
from torch import nn

from vetro.errors import VetroError
from vetro.glass.formula.formula import formula
from vetro.glass.formula.law import best_line
from vetro.glass.rows import Rows, answers, row_of
from vetro.glass.rows import rows_of as read_rows
from vetro.glass.subject import subject_of


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_csv(tmp_path_factory.mktemp("law") / "mixed.csv", rows_of(240))


@pytest.mark.parametrize(
    ("curve", "slope", "level", "error"),
    [
        (np.square, 0.0, 0.5, 0.5),
        (np.abs, 0.0, 0.5, 0.5),
        (lambda x: np.maximum(x, 0), 0.5, 0.25, 0.25),
        (lambda x: x**3, 0.75, 0.0, 0.25),  # x^3 - 3/4 x is Chebyshev's polynomial over 4
    ],
)
def test_the_line_has_the_smallest_largest_error(curve, slope, level, error) -> None:
    x = np.linspace(-1, 1, 2001)
    line = best_line(x[:, None], curve(x))
    np.testing.assert_allclose(line, [slope, level], atol=1e-5)
    assert np.abs(curve(x) - line[0] * x - line[1]).max() == pytest.approx(error, abs=1e-5)


def dense(found: Any, seed: int = 0, count: int = 4000) -> np.ndarray:
    """answer - law at rows of the box, corners among them: (rows, answers)."""
    random = np.random.default_rng(seed)
    raw = np.repeat(found.rows.raw, count, axis=0)
    subject = found.subject
    flags = {subject.inputs[term.column] for term in found.terms if term.kind == "flag"}
    for name, (low, high) in found.box.items():
        place = subject.inputs.index(name)
        drawn = random.uniform(low, high, count)
        drawn[: count // 2] = np.where(random.random(count // 2) < 0.5, low, high)
        borders = getattr((subject.blocks or [None] * len(raw[0]))[place], "borders", ())
        inside = [border for border in borders if low <= border <= high]
        if inside:
            drawn[-count // 4 :] = random.choice(inside, count // 4)
        raw[:, place] = np.round(drawn) if name in flags else drawn
    terms = np.array([[term.value(row[term.column]) for term in found.terms] for row in raw])
    return answers(subject, Rows(raw)) - found.intercept - terms @ found.coefficients.T


def check(found: Any, factor: float) -> None:
    """No row of the box is farther off than proven, and the proof is not far above them."""
    left = dense(found)
    for output, (low, high) in enumerate(found.error):
        assert low <= left[:, output].min()
        assert left[:, output].max() <= high
        assert -low == pytest.approx(high)  # in the middle
        assert high <= factor * np.abs(left[:, output]).max() + 1e-4


BOXES = [
    {"flow": (35, 65)},
    {"flow": (49.0, 49.5), "age": (100, 101)},
    {"flow": (20, 80), "age": (1, 200)},
    {"flow": (45, 55), "wet": ("no", "yes"), "city": "Rome"},
    {"day": ("2021-03-01", "2021-04-15"), "age": None},
]


@pytest.mark.parametrize("bins", [0, 8])
@pytest.mark.parametrize("over", BOXES, ids=str)
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_no_row_of_the_box_is_farther_off(table, activation, over, bins) -> None:
    model = model_of(table, "pressure", "noise", activation=activation, bins=bins)
    row = read_rows(subject_of(model), table).raw[0]
    found = formula(model, row, over=over)
    assert found.kind == "law"
    check(found, 2.0)
    assert set(found.box) == {name for name, own in over.items() if isinstance(own, tuple)}


@pytest.mark.parametrize("target", ["sold", "grade"])
def test_probabilities_have_a_law_too(table, target) -> None:
    model = model_of(table, target, activation="relu", members=3, bins=8)
    found = formula(model, read_rows(subject_of(model), table).raw[4], over={"flow": (40, 60)})
    assert found.what == "probabilities"
    assert "Linear formula of the mean probability of 3 members" in str(found)
    check(found, 3.0)


def test_of_a_module_and_of_what_is_straight() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))
    found = formula(module, [0.1, 0.2, 0.3], over={"x0": (-1, 1), "x2": (0, 2)})
    check(found, 1.5)
    assert found.coefficients[0, 1] == 0
    straight = formula(nn.Linear(2, 1), [0.0, 0.0], over=[(-5, 5), (-5, 5)])
    assert straight.error[0][1] < 1e-5


def test_the_others_stay_as_in_the_row_or_as_the_box_says(table) -> None:
    model = model_of(table, "pressure", activation="relu", bins=8)
    rows = read_rows(subject_of(model), table)
    row = rows.raw[0]
    found = formula(model, row, over={"flow": (40, 60), "city": "Rome", "age": 12})
    names = found.subject.inputs
    wanted = row.copy()
    wanted[[names.index("flow"), names.index("city"), names.index("age")]] = 50, 1, 12
    np.testing.assert_array_equal(found.rows.raw[0], wanted)
    inside = wanted.copy()
    for flow, holds in ((40, True), (60, True), (60.01, False)):
        inside[0] = flow
        assert found.contains(inside) == holds
    inside[:2] = 50, 13
    assert not found.contains(inside)
    text = str(found)
    assert "Linear formula of the mean of 2 members that fits best over the box" in text
    assert "is off by at most" in text
    assert "held" in text
    assert r"&\approx" in found.latex(borders=True)
    assert r"40 &\le \text{flow} \le 60" in found.latex(borders=True)


def test_the_program_and_the_json_of_a_law(table) -> None:
    model = model_of(table, "pressure", activation="relu", bins=8)
    row = read_rows(subject_of(model), table).raw[0]
    over = {"flow": (40, 60), "wet": ("no", "yes"), "day": ("2021-05-01", "2021-06-01")}
    found = formula(model, row, over=over)
    program: dict[str, Any] = {}
    exec(found.python(), program)
    given = row_of(found.subject, found.rows.raw[0])
    for flow, wet, day in ((40, "yes", "2021-05-01"), (60, "no", "2021-05-20 12:00")):
        moved = {**given, "flow": flow, "wet": wet, "day": day}
        assert program["holds"](moved)
        values = read_rows(found.subject, moved).raw[0]
        terms = [term.value(values[term.column]) for term in found.terms]
        assert program["formula"](moved)["pressure"] == pytest.approx(
            found.coefficients[0] @ terms + found.intercept[0]
        )
    assert not program["holds"]({**given, "day": "2021-06-02"})
    data = found.to_json()
    assert data["kind"] == "law"
    assert data["box"] == {
        "flow": [40, 60],
        "day": ["2021-05-01", "2021-06-01"],
        "wet": ["no", "yes"],
    }
    assert data["outputs"][0]["error"] == list(found.error[0])
    assert len(data["varies"]) == 1


REFUSED = [
    ({"flow": (60, 40)}, "E731", "empty"),
    ({"flw": (40, 60)}, "E114", "flow"),
    ({"city": ["Rome", "Milano"]}, "E721", "several levels"),
    ({"flow": [40, 60, None]}, "E721", "may be missing"),
    ("flow", "E732", "not a box"),
]


@pytest.mark.parametrize(("over", "code", "word"), REFUSED)
def test_what_is_no_box_is_refused(table, over, code, word) -> None:
    model = model_of(table, "pressure", activation="relu", bins=4)
    row = read_rows(subject_of(model), table).raw[0]
    with pytest.raises(VetroError, match=word) as refusal:
        formula(model, row, over=over)
    assert refusal.value.code == code


def test_a_law_is_exact_nowhere(table) -> None:
    model = model_of(table, "pressure", activation="relu")
    found = formula(model, read_rows(subject_of(model), table).raw[0], over={"flow": (40, 60)})
    for ask in (found.exact, found.prove_equal, lambda: found.region):
        with pytest.raises(VetroError, match="exact nowhere"):
            ask()
