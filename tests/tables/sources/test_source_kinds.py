"""Options that do nothing for a kind of source are refused by name."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from told import told

from vetro.errors import UsageError
from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table

FRAME = pd.DataFrame({"a": [1.5, 2.5, 4.0], "b": [3, 5, 4]})
LINES = (
    ReadOptions(header=False),
    ReadOptions(skip_rows=0),
    ReadOptions(skip_footer=1),
    ReadOptions(comment="#"),
    ReadOptions(units_row=False),
)
TEXT = (ReadOptions(sep=";"), ReadOptions(encoding="cp1252"), ReadOptions(bad_rows="skip"))
SHEET = ReadOptions(sheet="S")


def write(path: Path) -> None:
    kind = path.suffix
    if kind == ".csv":
        FRAME.to_csv(path, index=False)
    elif kind == ".jsonl":
        FRAME.to_json(path, orient="records", lines=True)
    elif kind == ".parquet":
        FRAME.to_parquet(path)
    else:
        book = openpyxl.Workbook()
        for row in (("a", "b"), (1.5, 3), (2.5, 5), (4, 4)):
            book.active.append(row)
        book.save(path)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("t.csv", SHEET),
        *(("t.xlsx", one) for one in TEXT),
        *(("t.jsonl", one) for one in (*TEXT, *LINES, SHEET)),
        *(("t.parquet", one) for one in (*TEXT, *LINES, SHEET)),
    ],
)
def test_refused_by_name(tmp_path: Path, name: str, options: ReadOptions) -> None:
    write(tmp_path / name)
    assert read_table(tmp_path / name).rows == 3
    with pytest.raises(UsageError) as refusal:
        read_table(tmp_path / name, options)
    assert refusal.value.code == "E604"
    (entry,) = {setting.name for setting in refusal.value.words.settings}
    assert getattr(options, entry) != getattr(ReadOptions(), entry)


def test_a_frame() -> None:
    with pytest.raises(UsageError) as refusal:
        read_table(FRAME, ReadOptions(sep=";"))
    assert told(refusal.value) == (
        "E604 the DataFrame is a table in memory, for which --sep does nothing. Leave out --sep."
    )


@pytest.mark.parametrize("options", LINES[1:])
def test_lines_are_of_a_sheet_as_well(tmp_path: Path, options: ReadOptions) -> None:
    write(tmp_path / "t.xlsx")
    assert read_table(tmp_path / "t.xlsx", options).rows >= 2
