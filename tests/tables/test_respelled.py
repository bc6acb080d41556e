"""Spellings with one meaning are read as that number, and said so; the oracle is what they mean."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from told import told

from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table
from vetro.tables.respelled import respelled
from vetro.tables.table import Table

ONE_MEANING = [
    (["1.0D+01", "2.5d-01", ".5D+0"], [10, 0.25, 0.5]),
    (["1.5×10^3", "2 x 10^-1", "3*10**2", "4·10⁻²"], [1500, 0.2, 300, 0.04]),
    (['="12"', '="7"', '="0"'], [12, 7, 0]),
    (["１２", "３．５", "－７"], [12, 3.5, -7]),
    (["١٢", "٣٫٥", "٧"], [12, 3.5, 7]),
    (["१२", "३", "७"], [12, 3, 7]),
    (["５％", "６％", "７％"], [5, 6, 7]),
]


def table_of(folder: Path, texts: list[str], **options: object) -> Table:
    path = folder / "t.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("x", "y"), *((text, at) for at, text in enumerate(texts))])
    return read_table(path, ReadOptions(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize(("texts", "values"), ONE_MEANING)
def test_it_is_read_and_said(tmp_path: Path, texts: list[str], values: list[float]) -> None:
    table = table_of(tmp_path, texts)
    assert table.values["x"].tolist() == values
    assert table.schema["x"].kind == "number"
    assert "I150" in [item.code for item in table.notices]
    model_sees = read_table(tmp_path / "t.csv", schema=table.schema)
    assert model_sees.values["x"].tolist() == values


def test_the_message(tmp_path: Path) -> None:
    (said,) = table_of(tmp_path, ["5", "1.0D+01", "2.5D+00"]).notices
    assert told(said) == (
        'I150 column "x": "1.0D+01" is read as 10 (line 3). Use --category x if it is a label.'
    )
    assert not table_of(tmp_path, ["5", "1.0D+01", "2.5D+00"], category=("x",)).notices


def test_codes_keep_their_zeros(tmp_path: Path) -> None:
    for texts in (['="001"', '="002"', '="010"'], ["００１", "００２", "０１０"]):
        table = table_of(tmp_path, texts)
        assert table.schema["x"].kind == "category"
        assert [item.code for item in table.notices] == ["W118"]


@pytest.mark.parametrize("text", ["3D", "2D+", "10²", "x10^3", '="a"', "12", "½", "−5 °C", "5E3"])
def test_other_texts_stay(text: str) -> None:
    assert respelled(text) == text.replace("−", "-")


def test_indian_groups_are_thousands(tmp_path: Path) -> None:
    table = table_of(tmp_path, ["1,11,101", "12,34,567.5", "99,999.25", "1,23,45,678"])
    assert table.values["x"].tolist() == [111101, 1234567.5, 99999.25, 12345678]
    assert [item.code for item in table.notices] == ["I105"]
    assert table_of(tmp_path, ["1.11.101", "2.34.567"]).schema["x"].kind == "category"
