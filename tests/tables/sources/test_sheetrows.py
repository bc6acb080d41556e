"""Sheets with titles, units, totals and merged cells, written by openpyxl."""

from __future__ import annotations

import openpyxl
import pytest
from told import told

from vetro.errors import VetroError
from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table

HEADER = ["id", "flow", "temp"]
ROWS = [[i, i * 1.5, 20 + i % 7] for i in range(1, 21)]


@pytest.fixture
def written(tmp_path):
    def write(rows, merge=(), name="w.xlsx"):
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)
        for area in merge:
            book.active.merge_cells(area)
        book.save(tmp_path / name)
        return tmp_path / name

    return write


LEFT = "I162 w.xlsx: the header is row {}. Left out above it: "
FOUND = {
    "title": (
        [["Report of pumps"], [], HEADER, *ROWS],
        LEFT.format(3) + 'row 1 "Report of pumps".',
    ),
    "units": (
        [HEADER, [None, "m3/h", "[K]"], *ROWS],
        "I165 w.xlsx:2: read as units: flow in m3/h, temp in K. "
        "Remove the line if it holds something else.",
    ),
    "total": (
        [HEADER, *ROWS, [], ["Total", 315, None], ["Source: me"]],
        'I167 w.xlsx: left out below the table: row 23 "Total 315", row 24 "Source: me".',
    ),
}


@pytest.mark.parametrize("case", FOUND)
def test_what_stands_around_is_left_out(written, case) -> None:
    rows, message = FOUND[case]
    found = read_table(written(rows))
    assert found.schema.names == ("id", "flow", "temp")
    assert found.values["id"].tolist() == list(range(1, 21))
    assert [told(item) for item in found.notices] == [message]
    assert found.place_of(0) == f"row {rows.index(ROWS[0]) + 1}"
    if case == "units":
        assert [column.unit for column in found.schema] == ["", "m3/h", "K"]


def test_options_count_the_sheets_rows(written) -> None:
    path = written([["a"], ["b"], HEADER, ["# x"], *ROWS, ["end"]])
    found = read_table(path, ReadOptions(skip_rows=2, comment="#", skip_footer=1))
    assert found.rows == 20 and found.place_of(0) == "row 5"


def test_two_lines_of_header_are_refused(written) -> None:
    with pytest.raises(VetroError) as caught:
        read_table(written([HEADER, ["number", "mean", "mean"], *ROWS]))
    assert told(caught.value).startswith('E161 w.xlsx:2: "number mean mean" holds words')


def test_merged_cells_fill_their_rows(written) -> None:
    rows = [["plant", "x"], ["A", 1], [None, 2], [None, 3], ["B", 4], [None, 5], ["C", 6]]
    found = read_table(written(rows, ["A2:A4", "A5:A6"]))
    levels = found.schema["plant"].levels
    assert [levels[code] for code in found.values["plant"]] == list("AAABBC")
    assert [told(item) for item in found.notices] == [
        "I168 w.xlsx: 2 merged cells (first A2:A4) read with their value "
        "in every row that they span."
    ]


def test_a_header_merged_over_two_rows(written) -> None:
    rows = [["id", "Flow", None], [None, "in", "out"], [1, 2, 3], [2, 3, 4], [3, 4, 6]]
    found = read_table(written(rows, ["A1:A2", "B1:C1"]))
    assert found.schema.names == ("id", "in", "out") and found.rows == 3


def test_an_index_without_a_name(written) -> None:
    found = read_table(written([[None, "a", "b"], [0, 1.5, 2], [1, 2.5, 3], [2, 3.5, 5]]))
    assert found.schema.names == ("index", "a", "b")
