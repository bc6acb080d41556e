"""Columns that cannot be read: they refuse the table only where they are needed."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from told import told

from vetro.errors import VetroError
from vetro.model.asked_table import read_for, with_roles
from vetro.model.request import FitRequest
from vetro.tables.chunks import read_chunks
from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table
from vetro.tables.table import Table

N = 24
X, Y = [float(i * i % 7) + 0.5 for i in range(N)], [i % 5 + 0.25 for i in range(N)]

# What no type of Vetro holds, and what is wrong with single values of a column.
TYPES: dict[str, Any] = {
    "tuples": [(1, 2)] * N,
    "lists": [[1]] * N,
    "dicts": [{"a": 1}] * N,
    "bytes": [b"x"] * N,
    "complex": np.ones(N) * 1j,
    "objects": [object()] * N,
    "months": pa.array([pa.scalar((1, 2, 3), pa.month_day_nano_interval())] * N),
}
VALUES: dict[str, tuple[Any, str]] = {
    "mixed": ([1, "a"] * (N // 2), "E128"),
    "matrix": (np.ones((N, 2)), "E125"),
    "infinite": (np.where(np.arange(N) == 3, np.inf, np.arange(N)), "E112"),
    "marks": (["7.000", "8.000"] * (N // 2), "E106"),
    "two marks": (["7,5", "8.5"] * (N // 2), "E107"),
    "words": ([*map(str, range(N - 1)), "foo"], "E113"),
    "dates": (["01/02/2024", "03/02/2024"] * (N // 2), "E120"),
    "no dates": (["2024-01-02"] * (N - 1) + ["2024-02-31"], "E129"),
    "offsets": (
        [dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 1, tzinfo=dt.UTC)] * (N // 2),
        "E135",
    ),
}
ALL = {**{name: (values, "E128") for name, values in TYPES.items()}, **VALUES}


def asked(source: Any, **request: Any) -> Table:
    wish = FitRequest(targets=("y",), **request)
    return with_roles(read_for(source, wish), wish)


def code(source: Any, **request: Any) -> str:
    with pytest.raises(VetroError) as caught:
        asked(source, **request)
    return caught.value.code


@pytest.mark.parametrize("name", ALL)
def test_a_column_left_out_refuses_nothing(name: str) -> None:
    values, refused = ALL[name]
    source = {name: values, "x": X, "y": Y}
    for request in ({"drop": (name,)}, {"inputs": ("x",)}):
        table = asked(source, **request)
        assert [column.name for column in table.schema.inputs] == ["x"]
        assert table.schema[name].role == "ignored"
        assert table.notices == ()
        np.testing.assert_array_equal(table.values["x"], X)
    assert code(source, inputs=("x", name)) == refused
    assert code({**source, "y": values, name: Y}) == refused


@pytest.mark.parametrize("name", TYPES)
def test_a_type_without_values_is_left_out_with_a_warning(name: str) -> None:
    table = asked({name: TYPES[name], "x": X, "y": Y})
    assert [(item.code, item.column) for item in table.notices] == [("W170", name)]
    assert "which Vetro does not read; ignored." in told(table.notices[0])
    # Where all named inputs are useless, the others stay: the warning comes then, too.
    table = asked({name: TYPES[name], "id": range(N), "x": X, "y": Y}, inputs=("id",))
    assert [column.name for column in table.schema.inputs] == ["id", "x"]
    assert [(item.code, item.column) for item in table.notices] == [("W170", name)]


@pytest.mark.parametrize("name", VALUES)
def test_a_value_that_can_be_corrected_is_refused(name: str) -> None:
    assert code({name: VALUES[name][0], "x": X, "y": Y}) == VALUES[name][1]
    source = {name: VALUES[name][0], "id": range(N), "x": X, "y": Y}
    assert code(source, inputs=("id",)) == VALUES[name][1]


def test_a_dropped_column_of_a_text_file_still_tells_the_mark(tmp_path) -> None:
    path = tmp_path / "a.csv"
    rows = "".join(f"7,{row:03};1,25;{row}\n" for row in range(N))
    path.write_text("a;b;y\n" + rows)
    np.testing.assert_allclose(
        asked(path, drop=("b",)).values["a"], [7 + row / 1000 for row in range(N)]
    )


def _sheet(tmp_path, edit) -> Any:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["x", "ratio", "y"])
    for x, y in zip(X, Y, strict=True):
        sheet.append([x, 2 * x, y])
    edit(sheet)
    book.save(tmp_path / "w.xlsx")
    return tmp_path / "w.xlsx"


@pytest.mark.parametrize("value", ["#DIV/0!", "=A2*2"], ids=["error", "formula"])
@pytest.mark.parametrize("rows", [(3,), tuple(range(2, N + 2))], ids=["one", "all"])
def test_cells_of_a_sheet(tmp_path, value: str, rows: tuple[int, ...]) -> None:
    def edit(sheet: Any) -> None:
        for row in rows:
            sheet.cell(row, 2).value = value

    path = _sheet(tmp_path, edit)
    assert code(path) == "E125"
    table = asked(path, drop=("ratio",))
    assert [column.name for column in table.schema.inputs] == ["x"]
    np.testing.assert_array_equal(table.values["y"], Y)
    assert code(path, drop=("x",)) == "E125"
    with pytest.raises(VetroError, match="B3" if rows == (3,) else "B2"):
        read_table(path)
    # Under a model only its columns count, and those that are kept.
    list(read_chunks(path, ReadOptions(), table.schema))
    with pytest.raises(VetroError, match="cell B"):
        list(read_chunks(path, ReadOptions(keep=("ratio",)), table.schema))


def test_an_error_in_a_row_of_errors_alone_or_beside_the_table(tmp_path) -> None:
    def below(sheet: Any) -> None:
        sheet.cell(N + 2, 2).value = "#DIV/0!"

    path = _sheet(tmp_path, below)
    assert code(path) == "E125"
    assert asked(path, drop=("ratio",)).rows == N

    def beside(sheet: Any) -> None:
        sheet.cell(3, 5).value = "#DIV/0!"

    assert code(_sheet(tmp_path, beside), drop=("ratio",)) == "E125"

    def header(sheet: Any) -> None:
        sheet.cell(1, 2).value = "#DIV/0!"

    assert code(_sheet(tmp_path, header), drop=("x",)) == "E125"


def test_nested_columns_of_files(tmp_path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"x": X, "l": [[1]] * N, "s": [{"a": 1}] * N, "y": Y}), path)
    assert [item.column for item in asked(path).notices] == ["l", "s"]
    assert asked(path, drop=("l", "s")).notices == ()
    lines = tmp_path / "a.jsonl"
    lines.write_text(
        "".join(
            f'{{"x": {x}, "bad": "\\ud800", "n": [1], "y": {y}}}\n'
            for x, y in zip(X, Y, strict=True)
        )
    )
    assert code(lines) == "E125"
    assert [item.column for item in asked(lines, drop=("bad",)).notices] == ["n"]
