"""Reading with a model's schema, in chunks; real tables against pandas."""

from __future__ import annotations

import contextlib
import gzip
import math
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from told import told

from vetro.errors import PredictionError, TableError, VetroError
from vetro.tables.chunks import read_chunks
from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table
from vetro.tables.schema import Schema, with_role
from vetro.tables.sources.opening import open_source
from vetro.tables.table import Table
from vetro.tables.whole import read_whole

EXAMPLES = Path(__file__).parents[2] / "examples"
PLAIN = ReadOptions()
TRAINING = "x;city;day;ok;y\n1,5;Rome;13/02/1970;yes;1\n2,5;Oslo;14/02/1970;no;2\n3,5;Rome;;yes;3\n"


@pytest.fixture
def schema(tmp_path: Path) -> Schema:
    """The schema of a model trained on TRAINING with target y."""
    found = read_table(write(tmp_path, TRAINING)).schema
    return found.replaced(with_role(found["y"], "target"))


def write(folder: Path, text: str, name: str = "data.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def chunks(path: Path, schema: Schema, rows: int = 2, **options: Any) -> list[Table]:
    return list(read_chunks(path, ReadOptions(**options), schema, rows))


def test_kinds_and_levels_are_the_models(tmp_path: Path, schema: Schema) -> None:
    path = write(tmp_path, "city;x;ok;day\nOslo;1;no;13/03/1970\nParis;2;YES;NA\n;NA;;\n")
    (table,) = chunks(path, schema, 10)
    assert table.schema.names == ("x", "city", "day", "ok")
    assert table.values["city"].tolist() == [0, -2, -1]
    assert table.unseen == {"city": {"Paris": 1}}
    np.testing.assert_array_equal(table.values["x"], [1, 2, math.nan])
    np.testing.assert_array_equal(table.values["ok"], [0, 1, math.nan])
    np.testing.assert_array_equal(table.values["day"], [71, math.nan, math.nan])


def test_chunks_are_the_whole(tmp_path: Path, schema: Schema) -> None:
    lines = [f"{row},5;{'Rome' if row % 3 else 'Nice'};{row % 2}" for row in range(1, 5001)]
    path = write(tmp_path, "x;city;ok\n" + "\n".join(lines) + "\n")
    inputs = Schema(tuple(c for c in schema if c.name in ("x", "city", "ok")))
    parts = chunks(path, inputs, 2048)
    whole = read_table(path, PLAIN, inputs)
    assert [part.rows for part in parts] == [2048, 2048, 904]
    for name in inputs.names:
        joined = np.concatenate([part.values[name] for part in parts])
        np.testing.assert_array_equal(joined, whole.values[name])
    assert whole.values["x"].tolist() == [row + 0.5 for row in range(1, 5001)]
    assert whole.unseen == {"city": {"Nice": 2}}
    assert parts[1].place_of(0) == "line 2050"
    assert whole.fingerprint == parts[-1].fingerprint != ""


def test_only_some_rows_are_read_as_among_all(tmp_path: Path, schema: Schema) -> None:
    """What is wrong in other rows is not told, and how they are read is settled by all."""
    inputs = Schema((schema["x"], schema["city"]))
    rows = ["7.000,Rome", "abc,Nice", "8.5,Rome", "1e999,Bari", "9.5,Nice", ",", "2.5,Oslo"]
    path = write(tmp_path, "x,city\n" + "\n".join(rows) + "\n")
    with pytest.raises(TableError):
        chunks(path, inputs)
    (alone,) = read_chunks(path, PLAIN, inputs, only=range(1))
    assert (alone.values["x"].tolist(), alone.unseen, alone.fingerprint) == ([7], {}, "")
    (two,) = read_chunks(path, PLAIN, inputs, only=range(4, 6))
    np.testing.assert_array_equal(two.values["x"], [9.5, np.nan])
    assert two.values["city"].tolist() == [-2, -1]
    assert two.unseen == {"city": {"Nice": 0}} and two.place_of(1) == "line 7"
    for first in range(7):
        if first not in (1, 3):
            (one,) = read_chunks(path, PLAIN, inputs, only=range(first, first + 1))
            assert one.rows == 1 and one.place_of(0) == f"line {first + 2}"
    with pytest.raises(TableError, match="line 3"):
        list(read_chunks(path, PLAIN, inputs, only=range(1, 2)))


def test_only_some_rows_across_chunks(tmp_path: Path, schema: Schema) -> None:
    inputs = Schema((schema["x"],))
    path = write(tmp_path, "x\n" + "".join(f"{row}.5\n" for row in range(5000)))
    parts = list(read_chunks(path, PLAIN, inputs, 2048, only=range(2040, 4100)))
    assert [part.rows for part in parts] == [8, 2048, 4]
    joined = np.concatenate([part.values["x"] for part in parts])
    np.testing.assert_array_equal(joined, np.arange(2040, 4100) + 0.5)
    assert parts[2].place_of(3) == "line 4101"
    (end,) = read_chunks(path, PLAIN, inputs, 2048, only=range(4999, 9999))
    assert end.values["x"].tolist() == [4999.5]
    with pytest.raises(VetroError, match=r"row 5001 not found: .* has 5000 rows"):
        list(read_chunks(path, PLAIN, inputs, 2048, only=range(5000, 5001)))


def test_dates_are_read_by_their_own_texts(tmp_path: Path, schema: Schema) -> None:
    """A model's form decides nothing: it is named where the texts leave two."""
    inputs = Schema((schema["day"],))
    (table,) = chunks(write(tmp_path, "day\n1970-02-01\n1970-01-02\n"), inputs)
    assert table.values["day"].tolist() == [31, 1]
    (table,) = chunks(write(tmp_path, "day\n01/02/1970\n01/13/1970\n"), inputs)
    assert table.values["day"].tolist() == [1, 12]
    with pytest.raises(TableError) as caught:
        chunks(write(tmp_path, "day\n01/02/1970\n02/02/1970\n"), inputs)
    assert told(caught.value) == (
        'E120 column "day": "01/02/1970" may be 1 February 1970 or 2 January 1970. '
        'Use --date-format "%d/%m/%Y" or --date-format "%m/%d/%Y". '
        'The model was trained with "%d/%m/%Y".'
    )
    rows = "".join(f"0{1 + row % 9}/02/1970\n" for row in range(3000))
    parts = chunks(write(tmp_path, "day\n" + rows + "02/28/1970\n"), inputs, 1000)
    assert parts[0].values["day"][:2].tolist() == [1, 32]
    assert parts[-1].values["day"][-1] == 58


def test_one_row_is_enough(tmp_path: Path, schema: Schema) -> None:
    (table,) = chunks(write(tmp_path, "x\n7\n"), Schema((schema["x"],)))
    assert table.values["x"].tolist() == [7]


def test_target_is_read_if_there(tmp_path: Path, schema: Schema) -> None:
    (table,) = chunks(write(tmp_path, TRAINING), schema, 10)
    assert table.schema.names == ("x", "city", "day", "ok", "y")
    assert table.values["y"].tolist() == [1, 2, 3]


def test_other_columns_are_not_read_but_kept(tmp_path: Path, schema: Schema) -> None:
    path = write(tmp_path, "id,x,junk\n007,1,[\n008,2,]\n009,3,\n")
    parts = chunks(path, Schema((schema["x"],)), 2, keep=("id", "x"))
    assert [part.schema.names for part in parts] == [("x",), ("x",)]
    assert [part.kept["id"].to_pylist() for part in parts] == [["007", "008"], ["009"]]
    whole = read_table(path, ReadOptions(keep=("junk",)), Schema((schema["x"],)))
    assert whole.kept["junk"].to_pylist() == ["[", "]", None]


def test_many_unseen_texts(tmp_path: Path, schema: Schema) -> None:
    text = "city\n" + "".join(f"c{row}\n" for row in range(150_000))
    table = read_table(write(tmp_path, text), PLAIN, Schema((schema["city"],)))
    assert len(table.unseen["city"]) == 150_000
    assert table.unseen["city"]["c149999"] == 149_999


def test_missing_input(tmp_path: Path, schema: Schema) -> None:
    with pytest.raises(PredictionError) as caught:
        chunks(write(tmp_path, "x,city,ok\n1,Rome,yes\n"), schema)
    assert told(caught.value) == (
        'E401 column "day" is missing (the model needs: x, city, day, ok). Add it.'
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "x\n1\n2\n3\nabc\n5\n",
            'E113 column "x": 1 of 2 values are not numbers (first "abc", line 5). '
            'Correct it, or use --missing "abc".',
        ),
        (
            "x\n1,5\n2\n3\n4.5\n5\n",
            'E107 column "x": line 2 "1,5" and line 5 "4.5" use different decimal marks. '
            "Make them the same.",
        ),
        (
            "x\n1\n2\n1e999\n",
            'E112 column "x", line 4: "1e999" is not finite. Correct it, or use --missing "1e999".',
        ),
    ],
    ids=["text", "marks", "infinite"],
)
def test_bad_values_in_a_later_chunk(
    tmp_path: Path, schema: Schema, text: str, message: str
) -> None:
    with pytest.raises(TableError) as caught:
        chunks(write(tmp_path, text), Schema((schema["x"],)), 2)
    assert told(caught.value) == message


def test_unknown_flag_is_unseen(tmp_path: Path, schema: Schema) -> None:
    path = write(tmp_path, "ok\nyes\nperhaps\n1\nfalse\n")
    (table,) = chunks(path, Schema((schema["ok"],)), 10)
    np.testing.assert_array_equal(table.values["ok"], [1, math.nan, 1, 0])
    assert table.unseen == {"ok": {"perhaps": 1}}


def test_ignored_columns_are_not_needed(tmp_path: Path, schema: Schema) -> None:
    known = Schema((schema["x"], replace(schema["city"], role="ignored")))
    (table,) = chunks(write(tmp_path, "x\n1\n2\n"), known)
    assert table.schema.names == ("x",)


def test_concrete_equals_pandas() -> None:
    table = read_table(EXAMPLES / "concrete.csv")
    frame = pd.read_csv(EXAMPLES / "concrete.csv")
    assert table.rows == 1030
    assert table.schema.names == tuple(frame.columns)
    for name in frame.columns:
        assert table.schema[name].kind == "number"
        np.testing.assert_array_equal(table.values[name], frame[name].to_numpy())


def test_place_of_a_row_after_quoted_breaks(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, 'a,b\n1,"x\ny"\n\n2,z\n3,w\n'))
    assert [table.place_of(row) for row in range(3)] == ["line 2", "line 5", "line 6"]
    assert table.take(np.array([2, 0])).place_of(0) == "line 6"


def test_temporary_files_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    table = read_table(write(tmp_path, "a b\n1 2\n3 4\n", "data.dat"))
    assert table.place_of(1) == "line 3"
    assert [item for item in folder.iterdir() if item.name.startswith("vetro-")]
    del table
    import gc

    gc.collect()
    left = [item for item in folder.iterdir() if not item.name.startswith("vetro-duckdb")]
    assert left == []


def test_a_name_is_no_pattern(tmp_path):
    (tmp_path / "a1.csv").write_text("x,y\n7,8\n9,9\n")
    (tmp_path / "a[1].csv").write_text("x,y\n1,2\n3,4\n")
    assert read_table(tmp_path / "a[1].csv").values["x"].tolist() == [1, 3]


def test_a_refused_file_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    path = tmp_path / "bad.csv.gz"
    path.write_bytes(gzip.compress(b"x,y\n1,2\n2,3,4\n"))
    with pytest.raises(TableError, match="3 fields"):
        read_table(path)
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize("rows", [2, 10_001, 300_001])
def test_matrix_is_the_columns_side_by_side(rows):
    generator = np.random.default_rng(0)
    columns = {f"c{i}": generator.normal(size=rows) for i in range(3)}
    table = read_table(columns)
    np.testing.assert_array_equal(table.matrix(), np.column_stack(list(columns.values())))
    assert table.matrix().flags.c_contiguous and table.matrix().flags.writeable
    chosen = table.matrix(["c2", "c0"], np.float32)
    np.testing.assert_array_equal(
        chosen, np.column_stack([columns["c2"], columns["c0"]]).astype(np.float32)
    )


ODD_CELLS = (
    *("", '""', " 2.5", "2.5 ", "+2.5", "2_500", "+-2.5", "1e999", "1e-400", "nan", "inf", "0x1F"),
    *(
        "007",
        "1,5",
        "2.5x",
        "NA",
        ".5",
        "5.",
        "2.5\u00a0",
        "\u22122.5",
        '"2.5"',
        "9007199254740993",
    ),
)


@pytest.mark.parametrize("rest", ["", ",7.5", ",7.5,", ";7,5"])
@pytest.mark.parametrize("odd", ["2.5", *ODD_CELLS])
def test_numbers_cast_without_texts_are_those_of_the_texts(
    tmp_path: Path, odd: str, rest: str
) -> None:
    cells = [*["1.5", "-2.25"] * 2000, odd, "3.5"]
    rows = "".join(f"{cell}{rest}\n" for cell in cells)
    if rest == ";7,5":
        rows = rows.replace(".", ",")
    path = write(tmp_path, f"x{rest.replace('7.5', 'y').replace('7,5', 'y')}\n{rows}")

    def read(quick: bool) -> object:
        try:
            opened = open_source(path, PLAIN)
            if not quick:
                opened.as_numbers = None
            table = read_whole(opened, PLAIN)
        except VetroError as failure:
            return str(failure)
        values = {name: column.tobytes() for name, column in table.values.items()}
        return values, table.rows, table.notices, table.schema

    assert read(quick=True) == read(quick=False)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("x,y\n1.5,2.5\n3.5,-4e3\n", True),
        ("x;y\n1,5;2,5\n3,5;-4,0\n", True),
        ("x;y\n1,5;2.5\n3,5;-4.0\n", False),
        ("x,y\n1.5,2\n3.5,4\n", False),
        ("x,y\n1.5,\n3.5,2.5\n", False),
        ("x,y\n1.5,a\n3.5,b\n", False),
        ("x,y,\n1.5,2.5,\n3.5,2.5,\n", False),
    ],
)
def test_only_plain_numbers_are_cast_without_texts(tmp_path: Path, text: str, plain: bool) -> None:
    opened = open_source(write(tmp_path, text), PLAIN)
    asked: list[str] = []
    as_numbers = opened.as_numbers
    if as_numbers is not None:
        opened.as_numbers = lambda decimal: asked.append(decimal) or as_numbers(decimal)
    with contextlib.suppress(TableError):  # two marks in one file
        read_whole(opened, PLAIN)
    assert bool(asked) == plain
