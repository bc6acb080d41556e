"""`vetro formula`: its forms, its options and what is wrong with them."""

from __future__ import annotations

import signal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from recipes import TINY

import vetro as package
from vetro.apps.live_line import LiveLine
from vetro.glass.rows import rows_of
from vetro.glass.subject import subject_of


@pytest.fixture(scope="module")
def classes(vetro, pumps):
    """A tiny fit of a class, from numbers with a gap and a category."""
    table = pumps.parent / "formula_gaps.csv"
    lines = pumps.read_text(encoding="utf-8").splitlines()
    lines[3] = "," + lines[3].partition(",")[2]
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    run = pumps.parent / "formula_classes"
    ended = vetro("fit", table, "--target", "state", "--run", run, *TINY)
    assert ended.status == 0, ended.err
    return run


def test_text_tells_the_formula_where_it_holds_and_the_proof(vetro, fitted) -> None:
    ended = vetro("formula", fitted, "--row", "3")
    assert ended.status == 0, ended.err
    assert ended.out.startswith("Row 3 of ")
    assert "Exact formula of the mean of 2 members around the row." in ended.out
    assert "holds alone from" in ended.out
    assert "Nearest border" in ended.out
    assert "Proved: formula equals network, in fractions, at 500 points" in ended.out
    assert "Region:" not in ended.out


def test_region_digits_exact_and_points(vetro, fitted) -> None:
    ended = vetro("formula", fitted, "--row", "3", "--region", "--digits", "6", "--exact",
                  "--points", "7")  # fmt: skip
    assert ended.status == 0, ended.err
    assert " matter; the others follow from them." in ended.out
    assert "exactly:" in ended.out
    assert "at 7 points" in ended.out


def test_json_gives_the_models_own_answer(vetro, fitted) -> None:
    ended = vetro("formula", fitted, "--row", "3", "--json", "--exact", "--region")
    assert ended.status == 0, ended.err
    data = ended.json
    model = package.load(fitted / "model.safetensors")
    rows = rows_of(subject_of(model), data["row"])
    (output,) = data["outputs"]
    from vetro.glass.rows import answers

    wanted = answers(subject_of(model), rows)[0, 0]
    np.testing.assert_allclose(output["value"], wanted, rtol=1e-5)
    exact = output["exact"]
    value = Fraction(exact["intercept"]) + sum(
        Fraction(text) * Fraction(data["terms"][name])
        for name, text in exact["coefficients"].items()
    )
    np.testing.assert_allclose(float(value), output["value"], rtol=1e-14)
    assert [check["verdict"] for check in data["checks"]] == ["passed"]
    assert data["region"]["inequalities"]


def test_python_and_latex(vetro, fitted) -> None:
    ended = vetro("formula", fitted, "--row", "3", "--format", "python")
    program: dict = {}
    exec(ended.out, program)
    data = vetro("formula", fitted, "--row", "3", "--json").json
    (output,) = data["outputs"]
    np.testing.assert_allclose(
        program["formula"](data["row"])[output["name"]], output["value"], rtol=1e-12
    )
    assert program["holds"](data["row"])
    ended = vetro("formula", fitted, "--row", "3", "--format", "latex")
    assert ended.out.startswith("\\begin{align*}")
    assert "inequalities" not in ended.out


def test_latex_with_the_region(vetro, fitted, classes) -> None:
    data = vetro("formula", fitted, "--row", "3", "--json", "--region").json
    kept = data["region"]["inequalities"]
    assert kept and data["region"]["undecided"] == 0
    out = vetro("formula", fitted, "--row", "3", "--format", "latex", "--region").out
    assert f"% Region: {len(kept)} of " in out
    assert out.count(r"\le ") == len(kept)
    assert out.count(r"\begin{align*}") == out.count(r"\end{align*}") == 2
    tangent = vetro("formula", classes, "--row", "4", "--format", "latex", "--region").out
    assert r"\le \text{head} \le" in tangent and "% member2:" in tangent


def test_ctrl_c_and_seconds_end_with_what_is_known(
    vetro, fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = vetro("formula", fitted, "--row", "3", "--region", "--seconds", "0")
    assert ended.status == 0, ended.err
    assert "of those shown may follow as well; this was not decided." in ended.out
    press = [signal.SIGINT]

    def told(self: LiveLine, text: str) -> None:
        assert "inequalities matter" in text
        while press:
            signal.raise_signal(press.pop())

    monkeypatch.setattr(LiveLine, "__call__", told)
    ended = vetro("formula", fitted, "--row", "3", "--region")
    assert ended.status == 130
    assert "was not decided" in ended.out and "Proved: " in ended.out


@pytest.mark.parametrize("command", ["formula", "trace", "backprop"])
def test_a_level_that_training_did_not_see(vetro, fitted, command: str) -> None:
    row = ("--row", "3", "--set", "città=Napoli")
    ended = vetro(command, fitted, *row)
    assert ended.status == 2 and ended.err.startswith('E402 column "città"')
    assert "--unknown ignore" in ended.err
    ended = vetro(command, fitted, *row, "--unknown", "ignore")
    assert ended.status == 0, ended.err
    assert 'W404 column "città": "Napoli" was not seen in training' in ended.err
    ended = vetro(command, fitted, *row, "--unknown", "perhaps")
    assert ended.status == 2 and ended.err.startswith("E601 --unknown")


@pytest.mark.parametrize("command", ["diagnose", "verify"])
def test_a_table_with_a_level_that_training_did_not_see(
    vetro, fitted, pumps: Path, tmp_path: Path, command: str
) -> None:
    strange = tmp_path / "strange.csv"
    strange.write_text(pumps.read_text("utf-8").replace("Roma", "Napoli", 1), "utf-8")
    ended = vetro(command, fitted, strange, "--unknown", "refuse")
    assert ended.status == 2 and ended.err.splitlines()[-1].startswith('E402 column "città"')
    ended = vetro(command, fitted, strange)
    assert "E402" not in ended.err and ended.out
    if command == "diagnose":
        assert ended.status == 0 and "W404" in ended.err


def test_a_row_of_settings(vetro, fitted) -> None:
    model = package.load(fitted / "model.safetensors")
    data = vetro("formula", fitted, "--row", "3", "--json").json
    number = next(c.name for c in model.schema.inputs if c.kind == "number")
    ended = vetro("formula", fitted, "--row", "3", "--set", f"{number}=1")
    assert ended.status == 0, ended.err
    assert f"with {number} = 1" in ended.out
    settings = [
        text for name, value in data["row"].items() for text in ("--set", f"{name}={value}")
    ]
    ended = vetro("formula", fitted, *settings)
    assert ended.status == 0, ended.err
    assert ended.out.startswith("The row given")


def test_several_classifiers_say_tangent(vetro, classes) -> None:
    ended = vetro("formula", classes, "--row", "4", "--within", "0.05")
    assert ended.status == 0, ended.err
    assert "Tangent of the mean probability of 2 members at the row" in ended.out
    assert "(proven; the largest error" in ended.out
    ended = vetro("formula", classes, "--row", "4", "--all")
    assert "member2: the exact formula of its scores" in ended.out
    assert ended.out.count("Proved:") == 2
    ended = vetro("formula", classes, "--row", "3")
    assert "missing" in ended.out


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        ((), "E604", "--row"),
        (("--row", "0"), "E702", "counted from 1"),
        (("--row", "99999"), "E702", "not found"),
        (("--row", "x"), "E601", "--row"),
        (("--row", "1", "--set", "nothing=3"), "E114", "nothing"),
        (("--row", "1", "--set", "head=1e308"), "E721", "the answer at this row is not finite"),
        (("--row", "1", "--set", "nothing"), "E604", "="),
        (("--row", "1", "--format", "word"), "E601", "--format"),
        (("--row", "1", "--digits", "0"), "E601", "--digits"),
        (("--row", "1", "--digits", "many"), "E601", "--digits"),
        (("--row", "1", "--points", "0"), "E601", "--points"),
        (("--row", "1", "--within", "-1"), "E601", "Use for example --within 0.05."),
        (("--row", "1", "--seconds", "soon"), "E601", "--seconds"),
        (("--row", "1", "--source", "nowhere.csv"), "E", "nowhere"),
    ],
)
def test_what_is_wrong_is_told(vetro, fitted, arguments, code, word) -> None:
    ended = vetro("formula", fitted, *arguments)
    assert ended.status == 2
    assert ended.err.startswith(code)
    assert word in ended.err
    assert not ended.out


def test_the_fractions_of_a_tangent_are_its_members(vetro, classes) -> None:
    ended = vetro("formula", classes, "--row", "4", "--exact", "--format", "python")
    assert ended.status == 2
    assert ended.err.startswith("E722")
    ended = vetro("formula", classes, "--row", "4", "--exact")
    assert ended.status == 0, ended.err
    assert ended.out.count("exactly:") >= 2
    data = vetro("formula", classes, "--row", "4", "--exact", "--json").json
    assert "exact" not in data["outputs"][0]
    assert all("exact" in member["outputs"][0] for member in data["members"])


def test_a_law_over_a_box(vetro, fitted) -> None:
    ended = vetro("formula", fitted, "--row", "3", "--over", "speed=15..25")
    assert ended.status == 0, ended.err
    assert "that fits best over the box: not exact." in ended.out
    assert "is off by at most" in ended.out
    assert "Proved" not in ended.out
    data = vetro("formula", fitted, "--row", "3", "--over", "speed=15..25", "--json").json
    assert data["box"] == {"speed": [15, 25]}
    assert data["checks"] == []
    ended = vetro("formula", fitted, "--row", "3", "--over", "speed=15..25", "--exact")
    assert ended.status == 2
    assert "Leave out --over." in ended.err
