"""Files that are not what their names say: each is named for what it is."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import pickle
import socket
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from told import told

from vetro.errors import TableError
from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table

TEXT = b"a,b\n1,2\n3,4\n"


def workbook(path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["a", "b"])
    book.save(path)


def database(path: Path) -> None:
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE t (a)")


def archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("t.csv", TEXT)


def parquet(path: Path) -> None:
    pq.write_table(pa.table({"a": [1, 2]}), path)


def of(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "write", "message"),
    [
        ("t.csv", workbook, "it is an Excel workbook, not delimited text. Rename it to t.xlsx."),
        ("t.xls", workbook, "it is an Excel workbook, not .xls. Rename it to t.xlsx."),
        ("t.csv", parquet, "it is Parquet, not delimited text. Rename it to t.parquet."),
        ("t", parquet, "it is Parquet. Rename it to t.parquet."),
        ("t.csv", database, "it is a SQLite database, not delimited text. Rename it to t.sqlite."),
        (
            "t.csv",
            archive,
            "it is a zip archive (it holds t.csv), not delimited text. Unpack it first, and name "
            "the table in it.",
        ),
        (
            "t.zip",
            archive,
            "it is a zip archive (it holds t.csv). Unpack it first, and name the table in it.",
        ),
        (
            "t.csv",
            of(gzip.compress(TEXT)),
            "it is a gzip file, not delimited text. Rename it to t.csv.gz.",
        ),
        (
            "t.csv.gz",
            of(gzip.compress(gzip.compress(TEXT))),
            "it holds a gzip file, not delimited text. Unpack it first.",
        ),
        (
            "t.csv.gz",
            of(TEXT),
            "it is not packed with gzip. Rename it to t.csv if it was never packed.",
        ),
        (
            "t.csv",
            of(bz2.compress(TEXT)),
            "it is a bzip2 file, not delimited text. Unpack it first.",
        ),
        ("t.csv.xz", of(lzma.compress(TEXT)), "it is an xz file. Unpack it first."),
        (
            "t.csv",
            of(b"\n<!DOCTYPE html>\n<html><body>Sign in</body></html>\n"),
            "it is a web page (HTML), not delimited text. Download the table itself; such a page "
            "is often a sign-in or an error page.",
        ),
        (
            "t.csv",
            of(b'\xef\xbb\xbf<?xml version="1.0"?>\n<r/>\n'),
            "it is XML, not delimited text. Export the table as CSV or Parquet.",
        ),
        (
            "t.csv",
            of(b'[{"a": 1}, {"a": 2}]'),
            "it is JSON, not delimited text. Rename it to t.json.",
        ),
        (
            "t.csv",
            of(b'{"a": 1}\n{"a": 2}\n'),
            "it is JSON, not delimited text. Rename it to t.jsonl.",
        ),
        (
            "t.csv",
            of(pickle.dumps([1])),
            "it is a pickle, not delimited text. Export the table as CSV or Parquet.",
        ),
        ("t.xlsx", of(TEXT), "it is text, not a spreadsheet. Rename it to t.csv."),
        ("t.parquet", of(TEXT), "it is text, not Parquet. Rename it to t.csv."),
        ("t.db", of(TEXT), "it is text, not a database. Rename it to t.csv."),
        ("t.csv", Path.mkdir, "it is a folder without a .parquet file. Check the path."),
        ("t.csv", os.mkfifo, "it is a pipe, not a file. Write its content to a file first."),
    ],
)
def test_what_a_file_is(
    tmp_path: Path, name: str, write: Callable[[Path], object], message: str
) -> None:
    path = tmp_path / name
    write(path)
    with pytest.raises(TableError) as refusal:
        read_table(path)
    assert told(refusal.value).replace(str(path), name) == f"E125 {name}: {message}"


def test_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as open_socket:
        open_socket.bind("t.csv")
        with pytest.raises(TableError) as refusal:
            read_table("t.csv")
    assert "it is a socket, not a file" in told(refusal.value)


@pytest.mark.parametrize(
    "content",
    [
        "<DATE>,<CLOSE>\n1,2\n3,4\n",
        "#a,b\n1,2\n3,4\n",
        "PAR,ORC\n1,2\n3,4\n",
        "  a;b\n1;2\n3;4\n",
        "{x},y\n1,2\n3,4\n",
        "version,b\n1,2\n3,4\n",
    ],
)
def test_a_text_that_only_begins_alike_is_read(tmp_path: Path, content: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(content)
    assert read_table(path, ReadOptions()).rows == 2


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="there is no /proc")
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """It exists, and reading its first bytes fails."""
    link = tmp_path / "a.csv"
    link.symlink_to("/proc/self/mem")
    for place in (link, Path("/proc/self/mem")):
        with pytest.raises(TableError) as caught:
            read_table(place)
        assert told(caught.value).startswith(
            f"E125 {place}: it cannot be read (Input/output error)"
        )


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_more_columns_than_are_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    names = [f"c{number}" for number in range(16_385)]
    if kind == "csv":
        path.write_text("\n".join(",".join(row) for row in (names, ["1"] * len(names))) + "\n")
    else:
        pq.write_table(pa.table({name: [1] for name in names}), path)
    with pytest.raises(TableError) as caught:
        read_table(path)
    assert told(caught.value).startswith(f"E125 a.{kind}: it has 16,385 columns")
