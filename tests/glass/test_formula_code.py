"""The formula's texts: plain, LaTeX, Python, JSON; read back and run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from model.build import model_of, rows_of, write_csv
from torch import nn

from vetro.glass.formula.formula import formula
from vetro.glass.formula.formula_latex import tex
from vetro.glass.formula.formula_sums import Sum, rounded
from vetro.glass.formula.formula_text import inequality_text, inward, sum_text
from vetro.glass.formula.terms import Term
from vetro.glass.rows import row_of
from vetro.glass.rows import rows_of as read_rows
from vetro.glass.subject import subject_of


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_csv(tmp_path_factory.mktemp("code") / "mixed.csv", rows_of(240))


def written_row(found: Any, number: int, rows: Any) -> dict[str, Any]:
    return row_of(found.subject, rows.raw[number])


@pytest.mark.parametrize(
    ("activation", "exact"), [("relu", False), ("relu", True), ("tanh", False)]
)
def test_the_python_program_gives_the_same_numbers(table, activation, exact) -> None:
    model = model_of(table, "pressure", "noise", activation=activation)
    rows = read_rows(subject_of(model), table)
    gap = int(np.flatnonzero(np.isnan(rows.raw).any(axis=1))[0])
    for number in (0, 1, gap):
        found = formula(model, rows.raw[number])
        program: dict[str, Any] = {}
        exec(found.python(exact=exact), program)
        row = written_row(found, number, rows)
        got = program["formula"](row)
        np.testing.assert_allclose(
            [float(got["pressure"]), float(got["noise"])], found.value, rtol=1e-12, atol=1e-9
        )
        assert program["holds"](row)
        assert not program["holds"]({**row, "flow": row["flow"] + 1e4})


def test_the_program_holds_where_the_formula_does(table) -> None:
    model = model_of(table, "pressure", activation="relu", hidden=(4,), members=1)
    rows = read_rows(subject_of(model), table)
    found = formula(model, rows.raw[2])
    program: dict[str, Any] = {}
    exec(found.python(), program)
    seen = []
    for flow in np.linspace(0, 100, 101):
        raw = rows.raw[2].copy()
        raw[0] = flow
        row = {**written_row(found, 2, rows), "flow": float(flow)}
        assert program["holds"](row) == found.contains(raw)
        seen.append(found.contains(raw))
    assert any(seen)
    assert not all(seen)


def test_names_that_no_program_could_have(tmp_path) -> None:
    generator = np.random.default_rng(0)
    names = ["it's 100%", "a_b\\c", "x{1}", "é^2 & #", "$<y>~|"]
    header = ",".join(f'"{name}"' for name in [*names, "t_1 %"])
    data = generator.normal(size=(60, 6)).round(3)
    lines = [header, *(",".join(map(str, row)) for row in data)]
    (tmp_path / "names.csv").write_text("\n".join(lines), encoding="utf-8")
    model = model_of(tmp_path / "names.csv", "t_1 %", activation="relu")
    found = formula(model, dict(zip(names, data[0].tolist(), strict=False)))
    program: dict[str, Any] = {}
    exec(found.python(), program)
    got = program["formula"](dict(zip(names, data[0].tolist(), strict=False)))
    np.testing.assert_allclose(got["t_1 %"], found.value[0], rtol=1e-9)
    text = found.latex()
    stripped = re.sub(r"\\[{}]", "", text)
    depth = 0
    for character in stripped:
        depth += (character == "{") - (character == "}")
        assert depth >= 0
    assert depth == 0
    assert not re.search(r"(?<!\\)[$#%_~^]", re.sub(r"10\^\{", "", text))
    assert '"it\'s 100%"' in str(found)
    compiled(text, tmp_path)


def compiled(text: str, folder: Path) -> None:
    """Compiled by pdflatex, where there is one."""
    if shutil.which("pdflatex") is None:
        return
    document = (
        "\\documentclass{article}\\usepackage[utf8]{inputenc}"
        "\\usepackage{amsmath}\\begin{document}\n" + text + "\n\\end{document}\n"
    )
    (folder / "formula.tex").write_text(document, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "formula.tex"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-2000:]


def test_latex_of_a_formula_and_of_a_tangent(table, tmp_path) -> None:
    for activation, sign in (("relu", "&="), ("tanh", r"&\approx")):
        model = model_of(table, "pressure", activation=activation)
        text = formula(model, read_rows(subject_of(model), table).raw[0]).latex(4)
        assert text.startswith(r"\begin{align*}")
        assert rf"\text{{pressure}} {sign} " in text
        compiled(text, tmp_path)


def test_latex_of_a_region(table, tmp_path) -> None:
    """Its inequalities say what the text says, in LaTeX."""
    model = model_of(table, "pressure", activation="relu")
    found = formula(model, read_rows(subject_of(model), table).raw[0])
    text = found.latex(4, borders=True)
    compiled(text, tmp_path)
    kept = found.region.inequalities
    region = text.partition("\\begingroup")[2]
    assert region.count(r"\le ") == len(kept) and "align*" in region
    for item in kept:
        bound = inequality_text(found.region, item, 5).partition(" <= ")[2].split()[0]
        assert rf"\le {bound.partition('e')[0]}" in region
    assert text.startswith(found.latex(4))
    straight = formula(nn.Linear(2, 1), [0.1, 0.2]).latex(borders=True)
    assert straight.endswith("% No unit bends: the formula holds everywhere.")
    tangent = formula(nn.Sequential(nn.Linear(2, 2), nn.Tanh()), [0.1, 0.2])
    box = tangent.latex(borders=True)
    assert box.count(r"\le ") == 4 and r"\le \text{x0} \le" in box
    compiled(box, tmp_path)


def test_escapes() -> None:
    assert tex("a_b%") == r"a\_b\%"
    assert tex('5"') == "5''"  # \\textquotedbl is not in every encoding
    assert tex("x\ny\\") == r"x\textbackslash{}ny\textbackslash{}"


def test_json_is_strict_and_exact(table) -> None:
    model = model_of(table, "pressure", "noise", activation="relu")
    found = formula(model, read_rows(subject_of(model), table).raw[0])
    data = json.loads(json.dumps(found.to_json(exact=True, borders=True), allow_nan=False))
    assert data["kind"] == "exact"
    assert [output["name"] for output in data["outputs"]] == ["pressure", "noise"]
    exact = found.exact()
    for number, output in enumerate(data["outputs"]):
        assert Fraction(output["exact"]["intercept"]) == exact.intercept[number]
        coefficients = [Fraction(text) for text in output["exact"]["coefficients"].values()]
        assert tuple(coefficients) == exact.coefficients[number]
        assert list(output["coefficients"]) == [term.name for term in found.terms]
    assert len(data["region"]["inequalities"]) == len(found.region.inequalities)
    assert data["region"]["distance"]["columns"]["flow"][0] >= 0
    tangent = model_of(table, "sold", activation="relu", members=2)
    other = formula(tangent, read_rows(subject_of(tangent), table).raw[0])
    data = json.loads(json.dumps(other.to_json(), allow_nan=False))
    assert data["kind"] == "tangent"
    assert len(data["members"]) == 2
    assert len(data["outputs"][0]["error"]) == 2


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (1.0, 3, "1.00"),
        (0.99996, 3, "1.00"),
        (105.4, 3, "105"),
        (99.96, 3, "100"),
        (12345.6, 3, "12346"),
        (0.03124, 2, "0.031"),
        (-0.5, 3, "-0.500"),
        (1.23456e-7, 3, "1.23e-07"),
        (2.5e12, 3, "2.50e+12"),
        (0.0, 3, "0"),
    ],
)
def test_rounded(value: float, digits: int, text: str) -> None:
    assert rounded(value, digits) == text


def test_sums() -> None:
    x0, x1 = Term("x0", 0, "number"), Term("x1", 1, "number")
    assert sum_text(Sum((x0, x1), (1.0, -2.5), 3.0), 3) == "1.00 x0 - 2.50 x1 + 3.00"
    assert sum_text(Sum((x0,), (-1.0,)), 3) == "-1.00 x0"
    assert sum_text(Sum((), ()), 3) == "0"
    assert sum_text(Sum((), (), -2.0), 3) == "-2.00"


def test_ends_are_rounded_inward() -> None:
    assert inward(1.000004, 2.000006, 1.5) == ("1.0001", "2")
    low, high = inward(1.0000000004, 1.0000000006, 1.0000000005)
    assert 1.0000000004 <= float(low) <= 1.0000000005 <= float(high) <= 1.0000000006
    assert inward(-np.inf, np.inf, 0.0) == ("", "")
    assert inward(3.0, 3.0, 3.0) == ("3", "3")
    low, high = inward(0.1 + 0.2, 0.1 + 0.2, 0.1 + 0.2)
    assert float(low) == float(high) == 0.1 + 0.2


def test_small_terms_are_gathered_and_told() -> None:
    module = nn.Sequential(nn.Linear(3, 1))
    with torch.no_grad():
        module[0].weight[:] = torch.tensor([[1.0, 1e-4, -1e-5]])
        module[0].bias[:] = 2.0
    found = formula(module, [10.0, 5.0, 0.0])
    assert "y0 = 1.00 x0 + 2.00" in str(found)
    assert "and 2 smaller terms, at most 0.0011 together while no |x| exceeds 10" in str(found)
    assert "1.00e-04 x1" in found.text(every=True) or "0.000100 x1" in found.text(every=True)


def test_digits_and_borders(table) -> None:
    model = model_of(table, "pressure", activation="relu")
    found = formula(model, read_rows(subject_of(model), table).raw[0])
    text = found.text(6, borders=True)
    assert f"Region: {len(found.region.inequalities)} of {len(found.region.bends)}" in text
    assert text.count(" stays o") == len(found.region.inequalities)
    assert "Nearest border" in text
    assert f"{found.value[0]:.6g}" in text
