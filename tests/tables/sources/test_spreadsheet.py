"""Spreadsheets that openpyxl wrote, and .ods files written as XML."""

from __future__ import annotations

import datetime as dt
import zipfile

import openpyxl
import pytest
from told import told

from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table
from vetro.tables.sources.sheets.sheetfaults import column_letters
from vetro.tables.sources.sheets.spreadsheet import open_spreadsheet

BASE = [
    ["a", "b", "c", "d"],
    [1, 1.5, dt.date(2024, 1, 2), "x"],
    [2, None, dt.date(2024, 1, 3), "y"],
]


@pytest.fixture
def written(tmp_path):
    """Writes a workbook from rows; `edit` and `more` change its sheet and the workbook."""

    def write(rows, *, edit=None, more=None):
        book = openpyxl.Workbook()
        sheet = book.active
        sheet.title = "Data"
        for row in rows:
            sheet.append(row)
        if edit:
            edit(sheet)
        if more:
            more(book)
        path = tmp_path / "w.xlsx"
        book.save(path)
        return path

    return write


def opened(path, **options):
    return open_spreadsheet(path, ReadOptions(**options))


def test_values_keep_their_kinds(written, columns):
    found = opened(written(BASE))
    assert found.columns == {"a": "BIGINT", "b": "DOUBLE", "c": "DATE", "d": "VARCHAR"}
    assert columns(found) == {
        "a": [1, 2],
        "b": [1.5, None],
        "c": [dt.date(2024, 1, 2), dt.date(2024, 1, 3)],
        "d": ["x", "y"],
    }
    assert found.place_of(0) == "row 2"


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, 2.5], "DOUBLE", [1.0, 2.5]),
        ([True, False], "BOOLEAN", [True, False]),
        (["7,5", 3, 2.5], "VARCHAR", ["7,5", "3", "2.5"]),
        (
            [dt.date(2024, 1, 2), dt.datetime(2024, 1, 2, 3, 4)],
            "TIMESTAMP",
            [dt.datetime(2024, 1, 2), dt.datetime(2024, 1, 2, 3, 4)],
        ),
        ([dt.date(2024, 1, 2), "unknown"], "VARCHAR", ["2024-01-02", "unknown"]),
        ([2**53 + 2, 1], "DOUBLE", [2.0**53 + 2, 1.0]),
        (["007", "008"], "VARCHAR", ["007", "008"]),
    ],
)
def test_columns_of_values(written, columns, values, kind, expected):
    found = opened(written([["a"], *([value] for value in values)]))
    assert found.columns == {"a": kind}
    assert columns(found)["a"] == expected


def test_times_and_durations_are_no_numbers(written):
    found = opened(written([["t", "d"], [dt.time(3, 4), dt.timedelta(hours=30)]]))
    assert found.columns == {"t": "TIME", "d": "INTERVAL"}


def test_a_table_that_starts_lower_and_further_right(written, columns):
    def move(sheet):
        sheet.insert_rows(1, 3)
        sheet.insert_cols(1, 2)

    found = opened(written(BASE, edit=move))
    assert columns(found)["a"] == [1, 2]
    assert found.place_of(0) == "row 5"


def test_blank_rows_inside_stay_and_those_at_the_end_do_not(written, columns):
    found = opened(written([["a", "b"], [1, 2], [None, None], [3, 4], ["", " "], ["", ""]]))
    assert columns(found) == {"a": [1, None, 3], "b": [2, None, 4]}


def test_without_header(written, columns):
    found = opened(written([[1, "x"], [2, "y"]]), header=False)
    assert columns(found) == {"c1": [1, 2], "c2": ["x", "y"]}
    assert found.place_of(0) == "row 1"


def test_headers_may_be_numbers(written, columns):
    assert columns(opened(written([[2020, 2021.5], [1, 2]]))) == {"2020": [1], "2021.5": [2]}


def test_sheets(written, columns, refusal):
    def more(book):
        book.create_sheet("Other").append(["q"])
        book["Other"].append([7])

    path = written(BASE, more=more)
    assert columns(opened(path, sheet="Other")) == {"q": [7]}
    assert refusal(opened, path) == (
        'E125 w.xlsx: several sheets hold data ("Data", "Other"). Use --sheet "Data".'
    )
    assert refusal(opened, path, sheet="data") == (
        'E125 w.xlsx: it has no sheet "data". Did you mean "Data"? Sheets: "Data", "Other".'
    )


def test_the_largest_sheet_is_proposed(written, refusal):
    def more(book):
        book.create_sheet("Large")
        for row in range(20):
            book["Large"].append([row, row, row, row])

    assert refusal(opened, written(BASE, more=more)).endswith('Use --sheet "Large".')


def test_empty_and_hidden_sheets_do_not_count(written, columns):
    def more(book):
        book.create_sheet("Empty")
        hidden = book.create_sheet("Hidden")
        hidden.append([1])
        hidden.sheet_state = "hidden"

    path = written(BASE, more=more)
    assert columns(opened(path))["a"] == [1, 2]
    assert opened(path, sheet="Hidden").columns == {"1": "VARCHAR"}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "E101 w.xlsx is empty (a sheet without values)."),
        ([["a", None, "c"], [1, 2, 3]], "E131 w.xlsx:1: the header has an empty name in column B."),
        ([["a", "b"], [1, 2, 3]], "E131 w.xlsx:1: the header has an empty name in column C."),
        ([["a", "a"], [1, 2]], 'E110 columns A and B are both named "a".'),
    ],
)
def test_headers_refused(written, refusal, rows, message):
    assert refusal(opened, written(rows)).startswith(message)


def test_a_merged_header(written, refusal):
    path = written(BASE, edit=lambda sheet: sheet.merge_cells("A1:B1"))
    assert refusal(opened, path).startswith("E131 w.xlsx:1")


@pytest.mark.parametrize("error", ["#DIV/0!", "#N/A", "#REF!", "#VALUE!"])
def test_an_error_is_named_with_its_cell(written, refusal, error):
    def edit(sheet):
        sheet["B3"] = error
        sheet["B3"].data_type = "e"

    assert refusal(opened, written(BASE, edit=edit)) == (
        f"E125 w.xlsx: cell B3 holds {error}. Correct the formula, or clear the cell."
    )


def test_an_error_in_another_sheet_does_not_matter(written, columns):
    def more(book):
        other = book.create_sheet("Other")
        other["A1"] = "#DIV/0!"
        other["A1"].data_type = "e"

    assert columns(opened(written(BASE, more=more), sheet="Data"))["a"] == [1, 2]


def test_a_formula_that_was_never_computed(written, refusal):
    path = written(BASE, edit=lambda sheet: sheet.__setitem__("B3", "=A2+1"))
    assert refusal(opened, path).startswith(
        "E125 w.xlsx: the formula in cell B3 was never computed"
    )


def with_sheet_xml(path, change):
    """Rewrites the first sheet's XML in place."""
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    name = "xl/worksheets/sheet1.xml"
    parts[name] = change(parts[name])
    with zipfile.ZipFile(path, "w") as book:
        for part, data in parts.items():
            book.writestr(part, data)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (b'<c r="B3"><f>A3+1</f><v>3</v></c>', [1.5, 3.0]),
        (b'<c r="B3"><f t="shared" si="0"/><v>3</v></c>', [1.5, 3.0]),
        (b'<c r="B3" t="str"><f>IF(A3,"","")</f><v></v></c>', [1.5, None]),
        (b'<c r="B3"><f t="shared" si="0"/></c>', "cell B3 was never computed"),
        (b'<c r="B3"><f>A3+1</f><v></v></c>', "cell B3 was never computed"),
        (b'<c r="B3"><f>A3+1</f></c>', "cell B3 was never computed"),
        (b'<c t="e" r="B3"><f>1/0</f><v>#DIV/0!</v></c>', "cell B3 holds #DIV/0!"),
    ],
)
def test_formulas_count_by_their_stored_value(written, columns, refusal, cell, expected):
    path = written(BASE, edit=lambda sheet: sheet.__setitem__("B3", 99))
    with_sheet_xml(path, lambda xml: xml.replace(b'<c r="B3" t="n"><v>99</v></c>', cell))
    if isinstance(expected, list):
        assert columns(opened(path))["b"] == expected
    else:
        assert expected in refusal(opened, path)


@pytest.mark.parametrize("content", [b"PK\x03\x04garbage", b"a,b\n1,2\n"])
def test_what_is_no_spreadsheet(tmp_path, refusal, content):
    path = tmp_path / "w.xlsx"
    path.write_bytes(content)
    assert refusal(opened, path).startswith("E125 w.xlsx: it is no whole spreadsheet (")


def test_a_truncated_file(written, refusal):
    path = written(BASE)
    path.write_bytes(path.read_bytes()[:-200])
    assert refusal(opened, path).startswith("E125 w.xlsx: it is no whole spreadsheet (")


def test_empty_and_old_files(tmp_path, refusal):
    path = tmp_path / "w.xlsx"
    path.write_bytes(b"")
    assert refusal(opened, path).startswith("E101 w.xlsx is empty (0 bytes)")
    old = tmp_path / "w.xls"
    old.write_bytes(b"x")
    assert refusal(opened, old) == (
        "E125 w.xls: .xls files do not distinguish errors from blank cells. Save it as .xlsx."
    )


ODS = """<?xml version="1.0" encoding="UTF-8"?>
<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"
 xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"
 office:version="1.3"><office:body><office:spreadsheet><table:table table:name="S">
<table:table-row><table:table-cell office:value-type="string"><text:p>a</text:p></table:table-cell>
<table:table-cell office:value-type="string"><text:p>b</text:p></table:table-cell></table:table-row>
<table:table-row><table:table-cell office:value-type="float" office:value="1.5"/>CELL
</table:table-row></table:table></office:spreadsheet></office:body></office:document-content>"""


def ods(path, cell):
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    with zipfile.ZipFile(path, "w") as book:
        book.writestr("mimetype", kind)
        # calamine takes a line break between cells for a cell.
        book.writestr("content.xml", ODS.replace("CELL", cell).replace(">\n<", "><"))
        book.writestr(
            "META-INF/manifest.xml",
            "<manifest:manifest "
            'xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
            f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/>'
            "</manifest:manifest>",
        )
    return path


def test_ods(tmp_path, columns, refusal):
    path = ods(tmp_path / "w.ods", '<table:table-cell office:value-type="float" office:value="2"/>')
    assert columns(opened(path)) == {"a": [1.5], "b": [2]}
    path = ods(
        tmp_path / "w.ods",
        '<table:table-cell table:formula="of:=1/0" office:value-type="string" '
        'office:string-value="" calcext:value-type="error"><text:p>#DIV/0!</text:p>'
        "</table:table-cell>",
    )
    assert refusal(opened, path).startswith("E125 w.ods: cell B2 holds #DIV/0!.")


def test_letters():
    assert [column_letters(n) for n in (0, 25, 26, 51, 52, 701, 702, 16383)] == [
        *("A", "Z", "AA", "AZ", "BA", "ZZ", "AAA", "XFD")
    ]


def test_as_a_table(written):
    table = read_table(written(BASE))
    assert [(column.name, column.kind) for column in table.schema] == [
        ("a", "number"),
        ("b", "number"),
        ("c", "date"),
        ("d", "category"),
    ]
    assert table.place_of(1) == "row 3"


def test_merged_cells_of_an_ods_file(tmp_path):
    def text(value, spanned=""):
        cell = f'<table:table-cell office:value-type="string"{spanned}>'
        return f"{cell}<text:p>{value}</text:p></table:table-cell>"

    def row(value, cell):
        number = f'<table:table-cell office:value-type="float" office:value="{value}"/>'
        return f"</table:table-row><table:table-row>{number}{cell}"

    covered = "<table:covered-table-cell/>"
    three = ' table:number-columns-spanned="1" table:number-rows-spanned="3"'
    cells = text("x", three) + row(2, covered) + row(3, covered) + row(4, text("y"))
    cells += row(5, text("x")) + row(6, text("y"))
    table = read_table(ods(tmp_path / "w.ods", cells))
    levels = table.schema["b"].levels
    assert [levels[code] for code in table.values["b"]] == list("xxxyxy")
    assert [told(item) for item in table.notices] == [
        "I168 w.ods: 1 merged cell (first B2:B4) read with their value in every row that they span."
    ]


def test_numbers_shown_with_leading_zeros_are_texts(written, columns):
    def edit(sheet):
        for row in (2, 3, 4):
            sheet.cell(row, 1).number_format = sheet.cell(row, 2).number_format = "00000"
            sheet.cell(row, 3).number_format = "0.00"

    path = written(
        [["zip", "full", "x"], [501, 90210, 1], [10001, 10001, 2], [2134, 94110, 3]], edit=edit
    )
    assert columns(opened(path)) == {
        "zip": ["00501", "10001", "02134"],
        "full": [90210, 10001, 94110],
        "x": [1, 2, 3],
    }
    table = read_table(path)
    assert table.schema["zip"].kind == "category"
    assert [item.code for item in table.notices if item.column == "zip"] == ["W118"]


def test_a_column_without_name_and_values_is_left_out(written, columns):
    found = opened(written([["a", None, "b"], [1, None, 2], [3, None, 5], [4, None, 1]]))
    assert columns(found) == {"a": [1, 3, 4], "b": [2, 5, 1]}
    assert list(map(told, found.notices)) == [
        "I174 w.xlsx: column B without a name and without a value left out."
    ]


def test_a_late_value_in_a_column_without_a_name(written, refusal):
    path = written([["a", None, "b"], *([i, None, i * i] for i in range(300)), [1, 7, 2]])
    assert refusal(opened, path).startswith(
        "E131 w.xlsx:1: the header has an empty name in column B."
    )


def test_two_headers_are_named(written, refusal):
    rows = [
        ["size", None, "out", None],
        ["w", "h", None, "v"],
        *([i, 2, i * i, 4] for i in range(9)),
    ]
    assert refusal(opened, written(rows)).startswith(
        'E161 w.xlsx:1: "size out" is a header above another one (row 2).'
    )
