"""What columns become: facts of the schema, typed sources, many levels."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from told import told

from vetro.errors import TableError
from vetro.tables import kinds
from vetro.tables.cells import MOST_LEVELS
from vetro.tables.connection import connect, described
from vetro.tables.opened import Opened
from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table
from vetro.tables.table import Table


def read_arrow(
    monkeypatch: pytest.MonkeyPatch, columns: dict[str, Any], options: ReadOptions | None = None
) -> Table:
    """Read typed columns as any other source hands them over."""
    opened = open_relation("given", given=pa.table(columns))
    monkeypatch.setattr("vetro.tables.whole.open_source", lambda source, options: opened)
    return read_table("given", options or ReadOptions())


def open_relation(relation: str, **tables: Any) -> Opened:
    """A relation opened as any source is."""
    connection = connect()
    for name, table in tables.items():
        connection.register(name, table)
    return Opened(connection, relation, described(connection, relation), "given")


def read_text(folder: Path, text: str, **options: Any) -> Table:
    path = folder / "data.csv"
    path.write_text(text)
    return read_table(path, ReadOptions(**options))


def test_facts_of_a_number_column(tmp_path: Path) -> None:
    table = read_text(tmp_path, "flow [m3/h],y\n2.5,1\n,2\n7.5,3\n2.5,4\n")
    column = table.schema["flow [m3/h]"]
    assert (column.unit, column.missing, column.distinct) == ("m3/h", 1, 2)
    assert (column.minimum, column.maximum, column.example) == (2.5, 7.5, "2.5")
    assert column.role == "input"


def test_facts_of_a_category_column(tmp_path: Path) -> None:
    table = read_text(tmp_path, "c,y\nb,1\n,2\nA,3\nb,4\né,5\n")
    column = table.schema["c"]
    assert column.levels == ("A", "b", "é")
    assert (column.missing, column.distinct, column.example) == (1, 3, "b")
    assert table.values["c"].dtype == np.int32
    assert table.values["c"].tolist() == [1, -1, 0, 1, 2]


def test_facts_of_a_date_column(tmp_path: Path) -> None:
    column = read_text(tmp_path, "d,y\n1970-01-02,1\n1970-01-11,2\n").schema["d"]
    assert (column.minimum, column.maximum, column.example) == (1, 10, "1970-01-02")
    assert column.reading.date_format == "%Y-%m-%d"


def test_facts_of_a_flag_column(tmp_path: Path) -> None:
    column = read_text(tmp_path, "f,y\nYes,1\nNo,2\n,3\n").schema["f"]
    assert column.reading.flag_words == ("No", "Yes")
    assert (column.minimum, column.maximum, column.distinct, column.missing) == (0, 1, 2, 1)


def test_reading_says_how(tmp_path: Path) -> None:
    column = read_text(tmp_path, "x;y\n1.234,5;1\nNA;2\n3,5;3\n", missing=("-9",)).schema["x"]
    assert (column.reading.decimal, column.reading.thousands) == (",", ".")
    assert column.reading.missing == ("", "-9", "NA")


def test_numbers_as_categories_are_ordered_as_numbers(tmp_path: Path) -> None:
    table = read_text(tmp_path, "x,y\n10,1\n9,2\n-1,3\n100,4\n", category=("x",))
    assert table.schema["x"].levels == ("-1", "9", "10", "100")


@pytest.mark.parametrize(
    ("name", "unit"),
    [("a", ""), ("a [kg]", "kg"), ("a(bar)", "bar"), ("[kg]", ""), ("a [kg] b", ""), ("a ()", "")],
)
def test_unit(name: str, unit: str) -> None:
    assert kinds.unit_of(name) == unit


@given(
    st.lists(
        st.one_of(st.integers(-50, 50).map(float), st.floats(-1e6, 1e6), st.just(math.nan)),
        min_size=1,
        max_size=60,
    )
)
def test_distinct_of_few(values: list[float]) -> None:
    array = np.array(values)
    present = array[~np.isnan(array)]
    low, high = (present.min(), present.max()) if len(present) else (None, None)
    assert kinds.distinct_numbers(array, low, high) == (len(set(present.tolist())), True)


def test_distinct_of_many() -> None:
    ids = np.random.default_rng(0).permutation(300_000).astype(float)
    assert kinds.distinct_numbers(ids, ids.min(), ids.max()) == (300_000, True)
    sparse = ids * 1e6
    assert kinds.distinct_numbers(sparse, sparse.min(), sparse.max()) == (300_000, True)


def test_many_levels_stay_small(tmp_path: Path) -> None:
    rows = MOST_LEVELS + 5
    text = "id,y\n" + "".join(f"k{row},{row % 7}\n" for row in range(rows)) + "k0,1\n"
    table = read_text(tmp_path, text)
    column = table.schema["id"]
    assert column.kind == "category"
    assert column.distinct == rows
    assert column.levels == ()
    assert "100000 different texts" in column.reason
    assert len(table.values["id"]) == rows + 1
    assert table.values["id"].base is not None  # a view of one value


def test_fingerprint_is_of_the_bytes(tmp_path: Path) -> None:
    table = read_text(tmp_path, "a,b\n1,2\n3,4\n")
    assert table.fingerprint == hashlib.sha256(b"a,b\n1,2\n3,4\n").hexdigest()


def test_typed_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    table = read_arrow(
        monkeypatch,
        {
            "i": pa.array([1, None, 3], pa.int8()),
            "u": pa.array([1, 2, 3], pa.uint64()),
            "f": pa.array([0.5, math.nan, None], pa.float32()),
            "d": pa.array([1.25, 2.5, 3.75]).cast(pa.decimal128(6, 2)),
            "b": pa.array([True, False, None]),
            "z": pa.array([0, 1, 0], pa.int64()),
            "w": pa.array([0.0, 1.0, 0.0]),
        },
    )
    assert [column.kind for column in table.schema] == [
        "number",
        "number",
        "number",
        "number",
        "flag",
        "flag",
        "number",
    ]
    np.testing.assert_array_equal(table.values["i"], [1, math.nan, 3])
    np.testing.assert_array_equal(table.values["f"], [0.5, math.nan, math.nan])
    np.testing.assert_array_equal(table.values["d"], [1.25, 2.5, 3.75])
    np.testing.assert_array_equal(table.values["b"], [1, 0, math.nan])
    assert table.schema["b"].reading.flag_words == ("false", "true")
    assert table.schema["f"].missing == 2


def test_typed_dates(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = [0, 43_200_000_000, None]
    table = read_arrow(
        monkeypatch,
        {
            "day": pa.array([0, 1, None], pa.date32()),
            "us": pa.array(moments, pa.timestamp("us")),
            "ns": pa.array([0, 43_200_000_000_000, None], pa.timestamp("ns")),
            "zoned": pa.array(moments, pa.timestamp("us", "Europe/Rome")),
        },
    )
    assert {column.kind for column in table.schema} == {"date"}
    np.testing.assert_array_equal(table.values["day"], [0, 1, math.nan])
    for name in ("us", "ns", "zoned"):
        np.testing.assert_array_equal(table.values[name], [0, 0.5, math.nan])


def test_text_in_typed_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    table = read_arrow(
        monkeypatch,
        {
            "t": pa.array(["x", None, "y"]),
            "n": pa.array(["1.5", "2.5", None]),
        },
    )
    assert [column.kind for column in table.schema] == ["category", "number"]
    np.testing.assert_array_equal(table.values["n"], [1.5, 2.5, math.nan])


def test_an_enumeration_is_a_category(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = "unnest(['1', '2', '1'])::ENUM('2', '1') AS e, unnest([1, 2, 3]) AS y"
    opened = open_relation(f"(SELECT {columns})")
    monkeypatch.setattr("vetro.tables.whole.open_source", lambda source, options: opened)
    table = read_table("given")
    assert table.schema["e"].kind == "category"
    assert table.schema["e"].levels == ("1", "2")


def test_typed_numbers_as_categories(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = {"f": pa.array([10.0, 9.0, 9.5]), "i": pa.array([10, 9, 10])}
    table = read_arrow(monkeypatch, columns, ReadOptions(category=("f", "i")))
    assert table.schema["f"].levels == ("9", "9.5", "10")
    assert table.schema["i"].levels == ("9", "10")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"l": pa.array([[1], [2]])},
            'E128 column "l" has the type BIGINT[], which Vetro does not read. '
            "Convert it to numbers or text.",
        ),
        (
            {"s": pa.array([{"a": 1}, {"a": 2}])},
            'E128 column "s" has the type STRUCT(a BIGINT), which Vetro does not read. '
            "Convert it to numbers or text.",
        ),
        (
            {"b": pa.array([b"1", b"2"])},
            'E128 column "b" has the type BLOB, which Vetro does not read. '
            "Convert it to numbers or text.",
        ),
        (
            {"x": pa.array([1.0, math.inf])},
            'E112 column "x", row 2: "inf" is not finite. Correct it, or use --missing "inf".',
        ),
        (
            {"x": pa.array(["1", "2", "3", "x"])},
            'E113 column "x": 1 of 4 values are not numbers (first "x", row 4). '
            'Correct it, use --missing "x", or --category x.',
        ),
    ],
    ids=["list", "struct", "blob", "infinity", "text"],
)
def test_typed_refusals(
    monkeypatch: pytest.MonkeyPatch, columns: dict[str, Any], message: str
) -> None:
    with pytest.raises(TableError) as caught:
        read_arrow(monkeypatch, columns)
    assert told(caught.value) == message


def test_typed_infinity_told_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = {"x": pa.array([1.0, math.inf])}
    table = read_arrow(monkeypatch, columns, ReadOptions(missing=("inf",)))
    np.testing.assert_array_equal(table.values["x"], [1, math.nan])


def test_typed_digits_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    table = read_arrow(monkeypatch, {"n": pa.array([5, 2**53 + 1, 7])})
    assert [item.words.worded("command line") for item in table.notices] == [
        'column "n": 9007199254740993 exceeds 2^53 and would lose digits. Use --category n.'
    ]


def test_distinct_is_exact_or_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    rows = 20_000
    columns = {
        "measured": rng.normal(size=rows),
        "whole": rng.integers(0, 5000, rows).astype(float),
        "steps": rng.integers(0, 300, rows) / 4,
        "late": np.where(np.arange(rows) < 15_000, 1.0, rng.normal(size=rows)),
        "huge": rng.integers(0, 2**50, rows).astype(float),
    }
    table = read_arrow(monkeypatch, {name: pa.array(item) for name, item in columns.items()})
    for name, values in columns.items():
        column, truth = table.schema[name], len(np.unique(values))
        assert column.distinct_exact is (name != "measured")
        if column.distinct_exact:
            assert column.distinct == truth, name
        else:
            assert 9_000 < column.distinct < truth
