"""`held-out.csv`, and what `vetro fit` says of several targets and of whole numbers."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from recipes import TINY

from vetro.model.files import load_model


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def floats(rows: list[dict[str, str]], name: str) -> np.ndarray:
    return np.array([float(row[name]) for row in rows])


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """60 rows in a folder of their own: the third has no target, the fifth has weight 0."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(2)
    lines = ["x,z,w,y,size"]
    for number in range(60):
        x, z = generator.normal(size=2).round(3)
        y = "" if number == 2 else f"{3 * x + z:.3f}"
        lines.append(f"{x},{z},{0 if number == 4 else 2},{y},{'big' if x > 0 else 'small'}")
    path = Path("t.csv")
    path.write_text("\n".join(lines) + "\n")
    return path


def test_numbers_with_their_rows_in_the_file(vetro, table: Path) -> None:
    ended = vetro(
        "fit", table, "--target", "y", "--weight", "w", "--drop-missing-target", "--json",
        "--drop", "size", *TINY,
    )  # fmt: skip
    assert ended.status == 0, ended.err
    found, source = rows_of(Path(ended.json["held_out"])), rows_of(table)
    assert list(found[0]) == ["row", "fold", "actual y", "predicted y", "residual y"]
    assert [int(row["row"]) for row in found] == [n for n in range(1, 61) if n not in (3, 5)]
    assert floats(found, "actual y").tolist() == [
        float(source[int(row["row"]) - 1]["y"]) for row in found
    ]
    evidence = load_model(Path(ended.json["model"])).evidence
    assert floats(found, "predicted y").tolist() == evidence.predicted[:, 0].tolist()
    assert floats(found, "fold").tolist() == evidence.fold.tolist()
    apart = floats(found, "actual y") - floats(found, "predicted y")
    assert floats(found, "residual y") == pytest.approx(apart)
    rmse = np.sqrt(np.mean(apart**2))
    assert rmse == pytest.approx(ended.json["metrics"]["rmse"]["value"])


def test_classes_with_their_probabilities(vetro, table: Path) -> None:
    ended = vetro(
        "fit", table, "--target", "size", "--drop", "y", "--json", "--holdout", "0.3",
        "--epochs", "3", "--hidden", "4", "--quiet",
    )  # fmt: skip
    assert ended.status == 0, ended.err
    found, source = rows_of(Path(ended.json["held_out"])), rows_of(table)
    assert list(found[0]) == [
        "row", "fold", "actual size", "predicted size", "P(big)", "P(small)",
    ]  # fmt: skip
    assert len(found) == 18 and {row["fold"] for row in found} == {"0"}
    for row in found:
        assert row["actual size"] == source[int(row["row"]) - 1]["size"]
        big = float(row["P(big)"])
        assert big + float(row["P(small)"]) == pytest.approx(1)
        assert row["predicted size"] == ("big" if big >= 0.5 else "small")


def test_each_of_several_targets_has_its_baselines_on_the_screen(vetro, table: Path) -> None:
    text = table.read_text().replace("size", "other").replace("big", "1.5").replace("small", "2.5")
    table.write_text(text)
    ended = vetro(
        "fit", table, "--target", "y,other", "--drop-missing-target", "--drop", "w", *TINY
    )
    assert ended.status == 0, ended.err
    after = ended.out[ended.out.index("target ") :]
    names = [line.split("  ")[0].strip() for line in after.splitlines()]
    assert "y" in names and "other" in names
    assert after.count("boosted trees") == 2 and after.count(" mean ") >= 2
    found = rows_of(next(Path("runs").iterdir()) / "held-out.csv")
    assert list(found[0])[2:] == [
        f"{kind} {name}" for name in ("y", "other") for kind in ("actual", "predicted", "residual")
    ]


def test_fit_says_that_few_whole_numbers_are_fitted_as_a_number(vetro, table: Path) -> None:
    table.write_text(table.read_text().replace("big", "3").replace("small", "5"))
    ended = vetro("fit", table, "--target", "size", "--drop", "y", *TINY)
    assert (
        'I211 target "size" is a number: regression (for classes, use --category size).'
        in ended.err
    )
    ended = vetro("fit", table, "--target", "size", "--category", "size", "--drop", "y", *TINY)
    assert "is a number" not in ended.err


@pytest.mark.parametrize("again", ["--recipe", "--resume"])
def test_a_spreadsheet_runs_no_cell_of_it_after_a_repetition_either(
    vetro, table: Path, again: str
) -> None:
    """--spreadsheet-safe is remembered in the recipe as what the table is read with is."""
    text = table.read_text().replace("size", "=SUM(A1)").replace("big", "@big")
    table.write_text(text.replace("small", "-small"))
    first = ("--target", "=SUM(A1)", "--drop", "y,w", "--spreadsheet-safe")
    ended = vetro("fit", table, *first, "--run", "a", *TINY)
    assert ended.status == 0, ended.err
    Path("b").mkdir()
    Path("b/recipe.toml").write_bytes(Path("a/recipe.toml").read_bytes())
    place = ("b/recipe.toml", "--run", "c") if again == "--recipe" else ("b",)
    ended = vetro("fit", again, *place, "--quiet")
    assert ended.status == 0, ended.err
    found = rows_of(Path(place[-1], "held-out.csv"))
    assert list(found[0])[2:4] == ["actual =SUM(A1)", "predicted =SUM(A1)"]
    assert {row["actual =SUM(A1)"] for row in found} == {"'@big", "'-small"}
    assert {row["predicted =SUM(A1)"] for row in found} <= {"'@big", "'-small"}


def test_fit_says_how_the_table_was_read(vetro, table: Path) -> None:
    lines = table.read_text().replace(",", ";").replace(".", ",").splitlines()
    table.write_text("\n".join(["Report of May", "", *lines]) + "\n")
    ended = vetro("fit", table, "--target", "y", "--drop-missing-target", *TINY)
    for code in ("I105 Read with", "I162 t.csv: the header is line 3", "I213 1 row without"):
        assert ended.err.count(code) == 1
