"""Numbers that stand for a missing value are reported; numbers of that size that do not are not."""

from __future__ import annotations

from pathlib import Path

import pytest
from told import told

from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table

CELLS = [f"{n * 7 % 50 - 5}.5" for n in range(95)]


def said(folder: Path, cells: list[str], **options: object) -> list[str]:
    path = folder / "t.csv"
    path.write_text("\n".join(["x", *cells]) + "\n")
    table = read_table(path, ReadOptions(**options))  # type: ignore[arg-type]
    return [told(item) for item in table.notices]


@pytest.mark.parametrize("code", ["-999", "-9999", "-99", "9999", "-999.0"])
def test_a_code_in_several_rows(code: str, tmp_path: Path) -> None:
    assert said(tmp_path, [*CELLS, *[code] * 5]) == [
        f'W154 column "x": "{code}" in 5 rows (first line 97) lies far from all others and is read '
        f'as a number. Use --missing "{code}" if no value is meant.'
    ]
    assert said(tmp_path, [*CELLS, *[code] * 5], missing=(code,)) == []


@pytest.mark.parametrize(
    "cells",
    [
        [*CELLS, "-999"],
        [*CELLS[:40], *["-999"] * 60],
        [str(n) for n in range(-999, 0)] + ["-999"] * 20,
        [str(n * 10) for n in range(90)] + ["999"] * 5,
        [*["-999", "0"] * 20],
    ],
)
def test_what_is_none(cells: list[str], tmp_path: Path) -> None:
    assert said(tmp_path, cells) == []
