"""Parquet files, folders and globs, read against what pyarrow wrote."""

from __future__ import annotations

import datetime as dt
import decimal
import hashlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vetro.errors import TableError
from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table
from vetro.tables.roles import assign_roles
from vetro.tables.sources.parquet import open_parquet

OPTIONS = ReadOptions()


def write(path, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path


def test_every_type_keeps_its_value(tmp_path, columns):
    data = {
        "int": pa.array([1, None], pa.int64()),
        "tiny": pa.array([1, 2], pa.uint8()),
        "float": pa.array([0.1, 1e300]),
        "text": ["città", None],
        "flag": [True, False],
        "day": [dt.date(2024, 2, 29), None],
        "time": pa.array([dt.datetime(2024, 1, 2, 3, 4, 5)] * 2, pa.timestamp("us")),
        "money": pa.array([decimal.Decimal("1.25"), None], pa.decimal128(10, 2)),
    }
    path = write(tmp_path / "a.parquet", **data)
    opened = open_parquet(path, OPTIONS)
    assert columns(opened) == {name: pa.array(value).to_pylist() for name, value in data.items()}
    assert opened.columns["text"] == "VARCHAR"
    assert opened.columns["day"] == "DATE"
    assert opened.name == "a.parquet"
    assert opened.fingerprint == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_folder_is_one_table_in_the_order_of_names(tmp_path, columns):
    write(tmp_path / "b.parquet", x=[3], y=["z"])
    write(tmp_path / "a.parquet", x=[1, 2], y=["x", "y"])
    write(tmp_path / "sub" / "c.parquet", y=["w"], x=[4])
    (tmp_path / "_SUCCESS").write_text("")
    (tmp_path / ".hidden.parquet").write_text("")
    opened = open_parquet(tmp_path, OPTIONS)
    assert columns(opened) == {"x": [1, 2, 3, 4], "y": ["x", "y", "z", "w"]}


def test_a_glob(tmp_path, columns):
    write(tmp_path / "a1.parquet", x=[1])
    write(tmp_path / "a2.parquet", x=[2])
    write(tmp_path / "b.parquet", x=[3])
    assert columns(open_parquet(f"{tmp_path}/a*.parquet", OPTIONS)) == {"x": [1, 2]}


def test_a_name_with_glob_signs_is_that_file(tmp_path, columns):
    path = write(tmp_path / "a[1].parquet", x=[1])
    write(tmp_path / "a1.parquet", x=[2])
    assert columns(open_parquet(path, OPTIONS)) == {"x": [1]}


def test_partitions_are_columns_of_text(tmp_path, columns):
    write(tmp_path / "site=01" / "a.parquet", x=[1])
    write(tmp_path / "site=02" / "a.parquet", x=[2])
    assert columns(open_parquet(tmp_path, OPTIONS)) == {"x": [1, 2], "site": ["01", "02"]}


def test_the_fingerprint_tells_files_apart(tmp_path):
    write(tmp_path / "a.parquet", x=[1])
    write(tmp_path / "b.parquet", x=[2])
    before = open_parquet(tmp_path, OPTIONS).fingerprint
    assert before == open_parquet(tmp_path, OPTIONS).fingerprint
    write(tmp_path / "b.parquet", x=[3])
    assert before != open_parquet(tmp_path, OPTIONS).fingerprint


def test_nothing_found(tmp_path, refusal):
    folder = tmp_path / "empty"
    folder.mkdir()
    for source, hint in [
        (tmp_path / "no.parquet", "Check the path."),
        (tmp_path / "no*.parquet", "No file fits the pattern."),
    ]:
        assert refusal(open_parquet, source, OPTIONS) == f"E124 {source} not found. {hint}"
    what = f"E125 {folder}: it is a folder without a .parquet file."
    assert refusal(open_parquet, folder, OPTIONS) == f"{what} Check the path."
    (folder / "t.csv").write_text("a\n1\n2\n")
    fix = f"Name a file in it, for example {folder / 't.csv'}."
    assert refusal(open_parquet, folder, OPTIONS) == f"{what} {fix}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "E101 a.parquet is empty (0 bytes). Provide a header and at least 2 rows."),
        (
            b"a,b\n1,2\n",
            "E125 a.parquet: it is not a Parquet file. Check its contents, or rename it.",
        ),
        (b"PAR1", "E125 a.parquet: it is cut short (the end is missing). Copy or write it again."),
        (b"PAR1" + b"x" * 50 + b"PARE", "E125 a.parquet: it is encrypted. Decrypt it first."),
    ],
)
def test_what_is_no_parquet(tmp_path, refusal, content, message):
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    assert refusal(open_parquet, path, OPTIONS) == message


def test_a_truncated_file(tmp_path, refusal):
    path = write(tmp_path / "a.parquet", x=list(range(1000)))
    path.write_bytes(path.read_bytes()[:-100])
    assert "cut short" in refusal(open_parquet, path, OPTIONS)


def test_a_damaged_footer(tmp_path, refusal):
    path = write(tmp_path / "a.parquet", x=[1, 2])
    data = bytearray(path.read_bytes())
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    data[footer : footer + 30] = b"\xff" * 30
    path.write_bytes(data)
    assert refusal(open_parquet, path, OPTIONS).startswith("E125 a.parquet: it is damaged")


def test_damage_in_the_middle_is_found_while_reading(tmp_path, refusal):
    path = write(tmp_path / "a.parquet", x=[0.5, 1.5, 2.5], y=["a", "b", "c"])
    data = path.read_bytes()
    path.write_bytes(data[:4] + b"\xff" * 40 + data[44:])
    assert refusal(read_table, path).startswith("E125 a.parquet: it cannot be read (")


@pytest.mark.parametrize(
    ("other", "what"),
    [
        ({"x": [1]}, 'b.parquet lacks the column "y" of a.parquet'),
        ({"x": [1], "y": ["a"], "z": [1]}, 'a.parquet lacks the column "z" of b.parquet'),
        ({"x": [1.5], "y": ["a"]}, 'column "x" is BIGINT in a.parquet and DOUBLE in b.parquet'),
    ],
)
def test_files_that_differ(tmp_path, refusal, other, what):
    write(tmp_path / "a.parquet", x=[1], y=["a"])
    write(tmp_path / "b.parquet", **other)
    message = refusal(open_parquet, tmp_path, OPTIONS)
    assert message == f"E125 {tmp_path}: {what}. Write the files with the same columns."


def test_names(tmp_path, refusal):
    path = tmp_path / "a.parquet"
    one = pa.array([1])
    pq.write_table(pa.Table.from_arrays([one, one], ["a", "a"]), path)
    assert refusal(open_parquet, path, OPTIONS).startswith("E110 columns 1 and 2")
    pq.write_table(pa.Table.from_arrays([one, one], ["a", "A"]), path)
    assert 'does not distinguish the columns "a" and "A"' in refusal(open_parquet, path, OPTIONS)


def test_nested_columns_are_named(tmp_path):
    path = write(tmp_path / "a.parquet", x=[1, 2], y=[[1], [2]])
    table = read_table(path)
    assert [(item.code, item.column) for item in table.notices] == [("W170", "y")]
    with pytest.raises(TableError, match='column "y" has the type BIGINT') as caught:
        assign_roles(table, targets=("y",))
    assert caught.value.code == "E128"


def test_a_pattern_of_other_files_says_so(tmp_path, refusal):
    for name in ("1.csv", "2.csv"):
        (tmp_path / name).write_text("a,b\n1,2\n2,3\n")
    source = f"{tmp_path}/*.csv"
    assert refusal(read_table, source) == (
        f"E125 {source}: it names several files, which must be Parquet, and 1.csv is not. "
        "Join the files into one, or write them as Parquet."
    )
