"""A first line of values that is read as names is reported."""

from __future__ import annotations

from pathlib import Path

import pytest
from told import told

from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table


@pytest.mark.parametrize(
    ("first", "row", "said"),
    [
        ("5.1,3.5,Iris-setosa", "4.9,3.{},Iris-setosa", "3 of 3 names in the first line could be"),
        ("M,0.455,0.365,15", "F,0.{0},0.3{0},7", "3 of 4 names in the first line could be"),
        ("2024-01-01,3.5,12", "2024-01-{0},3.{0},7{0}", "3 of 3 names in the first line could be"),
        ("1,2,3", "{0},{0},{0}", "3 of 3 names in the first line could be"),
        ("country,2019,2020", "c{0},{0},{0}", ""),
        ("0,1,2,label", "{0},{0},{0},a", ""),
        ("x,M,2024-01-01", "{0},M{0},2.{0}", ""),
    ],
)
def test_a_first_line_of_values(first: str, row: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("\n".join([first, *(row.format(n) for n in range(10, 31))]) + "\n")
    found = [told(item) for item in read_table(path).notices if item.code == "W134"]
    assert [text.startswith(f"W134 t.csv: {said}") for text in found] == [True] * bool(said)
    if said:
        assert read_table(path, ReadOptions(header=False)).rows == 22
