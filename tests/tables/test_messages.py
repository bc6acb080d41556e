"""Small wrong or tricky tables: each is refused with its message, or read exactly.

The tables and what is expected of them are in messages.toml.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from cases import cases, content_of, spread
from told import told

from vetro.errors import TableError, UsageError, VetroError
from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table
from vetro.tables.table import Table

CASES = Path(__file__).with_name("messages.toml")
KINDS = ("number", "category", "date", "flag")


def given(folder: Path, case: dict[str, Any]) -> tuple[Path, ReadOptions]:
    """The file of a case, written where it has contents, and the options of reading it."""
    path = folder / case.get("file", "data.csv")
    content = content_of(case)
    if content is not None:
        path.write_bytes(content)
    options = case.get("options", {})
    return path, ReadOptions(
        **{
            name: tuple(value) if isinstance(value, list) else value
            for name, value in options.items()
        }
    )


def shown_values(table: Table, name: str) -> list[Any]:
    """A column's values, categories as their texts; NaN is a missing value."""
    values = table.values[name].tolist()
    if table.schema[name].kind != "category":
        return values
    levels = table.schema[name].levels
    return [math.nan if code < 0 else levels[code] for code in values]


def same(value: Any, wanted: Any) -> bool:
    """Whether they are equal, or both are NaN."""
    return value == wanted or (value != value and wanted != wanted)


@pytest.mark.parametrize("case", cases(CASES, "refused"))
def test_refused(tmp_path: Path, case: dict[str, Any]) -> None:
    path, options = given(tmp_path, case)
    with pytest.raises(VetroError) as caught:
        read_table(path, options)
    assert isinstance(caught.value, TableError | UsageError)
    assert told(caught.value) == case["message"].replace("{path}", str(path))


@pytest.mark.parametrize("case", cases(CASES, "read"))
def test_read(tmp_path: Path, case: dict[str, Any]) -> None:
    table = read_table(*given(tmp_path, case))
    kinds = {column: kind for kind in KINDS for column in case.get(kind, ())}
    assert {column.name: column.kind for column in table.schema} == kinds
    assert [told(item) for item in table.notices] == case.get("notices", [])
    for column, kind in kinds.items():
        values, wanted = shown_values(table, column), list(spread(case[kind][column]))
        differs = [n for n, (a, b) in enumerate(zip(values, wanted, strict=True)) if not same(a, b)]
        assert not differs, (column, values[differs[0]], wanted[differs[0]])


def test_there_are_enough_cases() -> None:
    ids = [case.id for section in ("refused", "read") for case in cases(CASES, section)]
    assert len(set(ids)) == len(ids)
    assert len(ids) >= 120


def test_nearest_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "pumps.csv").write_text("a,b\n1,2\n3,4\n")
    with pytest.raises(TableError) as caught:
        read_table(tmp_path / "pump.csv")
    assert str(caught.value) == (
        f'{tmp_path}/pump.csv not found. Did you mean "{tmp_path}/pumps.csv"?'
    )


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(TableError, match='There is no folder "'):
        read_table(tmp_path / "no" / "pump.csv")


def test_an_object_that_is_no_table() -> None:
    with pytest.raises(TableError) as caught:
        read_table(object())
    assert told(caught.value) == (
        "E125 a object: not a kind of table that Vetro reads. Pass a path, a pandas, polars or "
        "pyarrow table, a dict of columns, or a 2-d array."
    )


def test_a_link_that_leads_to_no_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    (tmp_path / "gone.csv").symlink_to("other.csv")
    for name in ("loop.csv", "gone.csv"):
        with pytest.raises(VetroError) as caught:
            read_table(tmp_path / name)
        said = "It is a link to a file that does not exist, or to itself."
        assert str(caught.value) == f"{tmp_path / name} not found. {said}"


def test_a_name_as_long_as_a_file_is_no_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"{'x' * 2_000_000},y\n1,2\n3,4\n")
    for source in (tmp_path / "a.csv", {"a" * 1001: [1, 2], "y": [3, 4]}):
        with pytest.raises(VetroError, match=r"the name of column 1 has .* characters"):
            read_table(source)
    assert read_table({"a" * 1000: [1, 2], "y": [3, 4]}).rows == 2
