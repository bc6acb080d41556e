"""What a query over files can reach: the files of its source, and nothing else."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vetro.errors import VetroError
from vetro.tables.connection import connect
from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table

SECRET = "the-secret-word"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Sources of every kind, a file that none of them names, and the folder to watch."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("a,b\n1,2.5\n2,3.5\n")
    (tmp_path / "t.jsonl").write_text('{"a":1,"b":2.5}\n{"a":2,"b":3.5}\n')
    pq.write_table(pa.table({"a": [1, 2], "b": [2.5, 3.5]}), tmp_path / "t.parquet")
    with duckdb.connect("t.duckdb") as base:
        base.execute("CREATE TABLE data AS SELECT range + 1 AS a, range + 2.5 AS b FROM range(2)")
        base.execute(
            "CREATE VIEW reading AS SELECT content AS a, 1 AS b FROM read_text('other.txt')"
        )
        base.execute("CREATE VIEW profiling AS FROM enable_profiling(save_location = 'made.json')")
    with contextlib.closing(sqlite3.connect("t.sqlite")) as base:
        base.execute("CREATE TABLE data (a INTEGER, b REAL)")
        base.executemany("INSERT INTO data VALUES (?, ?)", [(1, 2.5), (2, 3.5)])
        base.commit()
    (tmp_path / "other.txt").write_text(f"x\n{SECRET}\n{SECRET}\n")
    pq.write_table(pa.table({"x": [SECRET] * 2}), tmp_path / "other.parquet")
    with duckdb.connect("other.duckdb") as base:
        base.execute(f"CREATE TABLE t AS SELECT '{SECRET}' AS x FROM range(2)")
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


BEYOND = [
    "SELECT content AS x, 1 AS y FROM read_text('other.txt')",
    "SELECT content AS x, 1 AS y FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('other.txt')",
    "SELECT * FROM 'other.txt'",
    "FROM 'other.parquet'",
    "FROM read_csv('other.txt')",
    "FROM read_csv(['t.csv', 'other.txt'], union_by_name = true)",
    "FROM parquet_metadata('other.parquet')",
    "FROM glob('*')",
    "FROM sniff_csv('other.txt')",
    "FROM read_duckdb('other.duckdb')",
    "FROM read_csv('http://127.0.0.1:9/x.csv')",
    "FROM read_parquet('s3://bucket/x.parquet')",
    "FROM query('FROM read_text(''other.txt'')')",
    "SELECT (SELECT content FROM read_text('other.txt')) AS x, a FROM data",
    "FROM json_execute_serialized_sql(json_serialize_sql('FROM read_text(''other.txt'')'))",
    "SELECT * FROM enable_profiling(save_location = 'made.json')",
    "SELECT * FROM enable_profiling('json', save_location = 't.csv')",
    "SELECT * FROM enable_logging(storage = 'file', storage_path = 'made')",
    "SELECT * FROM enable_logging('QueryLog', storage = 'file', storage_config = {'path': 'made'})",
    "SELECT writefile('made', 'x')",
    "SELECT readfile('other.txt')",
    "SELECT load_extension('x')",
    "SELECT getenv('HOME')",
    "SELECT fts3_tokenizer('simple')",
    "COPY data TO 'made.csv'",
    "COPY (SELECT 1) TO 't.csv'",
    "ATTACH 'other.duckdb'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "PRAGMA enable_profiling",
    "CALL enable_logging()",
    "EXPORT DATABASE 'made'",
    "EXPLAIN ANALYZE SELECT * FROM data",
    "CREATE SECRET s (TYPE s3)",
    "SELECT 1; COPY (SELECT 1) TO 'made.csv'",
    "SELECT 1) AS t(c0); COPY (SELECT 1) TO 'made.csv'; SELECT * FROM (SELECT 1",
    "SELECT 1 AS x) TO 'made.csv' --",
]


@pytest.mark.parametrize("source", ["t.csv", "t.jsonl", "t.parquet", "t.duckdb", "t.sqlite"])
def test_a_query_reaches_nothing_else(folder, source):
    before = contents(folder)
    for query in BEYOND:
        with pytest.raises(VetroError) as caught:
            read_table(source, ReadOptions(query=query))
        assert caught.value.code == "E127", (query, str(caught.value))
        assert SECRET not in str(caught.value)
        assert contents(folder) == before, query
    assert read_table(source, ReadOptions(query="SELECT * FROM data")).rows == 2


@pytest.mark.parametrize("view", ["reading", "profiling"])
def test_views_of_a_duckdb_file_reach_nothing_else(folder, view, refusal):
    shutil.copy("t.duckdb", "only.duckdb")
    with duckdb.connect("only.duckdb") as base:
        base.execute("DROP TABLE data")
        base.execute(f"DROP VIEW {'profiling' if view == 'reading' else 'reading'}")
    before = contents(folder)
    assert refusal(read_table, "t.duckdb", ReadOptions(query=f"FROM {view}")).startswith("E127")
    message = refusal(read_table, "only.duckdb")
    assert message.startswith("E125 only.duckdb: it cannot be read (")
    assert SECRET not in message and contents(folder) == before


def test_the_files_of_the_source_may_be_read_by_name(folder):
    query = f"SELECT a FROM read_parquet('{folder / 't.parquet'}')"
    assert read_table("t.parquet", ReadOptions(query=query)).rows == 2


def test_a_connection_stays_as_it_is():
    connection = connect()
    for statement in (
        "SET memory_limit = '1GB'",
        "SET lock_configuration = false",
        "SET allowed_configs = ['memory_limit']",
        "SET allowed_directories = ['/']",
        "SET enable_external_access = true",
        "SET python_enable_replacements = true",
        "RESET allowed_paths",
    ):
        with pytest.raises(duckdb.Error):
            connection.execute(statement)
    connection.execute("SET threads = 1")


@pytest.mark.parametrize(
    "name",
    [
        "a [1].csv",
        "it's.csv",
        "città*.csv",
        "~x.csv",
        "file:x.csv",
        "http:x.csv",
        "a{b}.csv",
        "d/../a",
    ],
)
def test_odd_names_are_still_read(folder, name):
    (folder / "d").mkdir()
    for path in (Path(f"{name.removesuffix('.csv')}.csv"), Path(f"{name}.parquet")):
        if path.suffix == ".csv":
            path.write_text("a,b\n1,2\n2,3\n")
        else:
            pq.write_table(pa.table({"a": [1, 2], "b": [2, 3]}), path.absolute())
        for query in ("", "SELECT * FROM data"):
            assert read_table(path, ReadOptions(query=query)).rows == 2


def test_a_link_to_a_file_is_read(folder):
    Path("link.csv").symlink_to("t.csv")
    Path("link.duckdb").symlink_to("t.duckdb")
    assert read_table("link.csv").rows == 2
    assert read_table("link.duckdb", ReadOptions(query="FROM data")).rows == 2


def test_a_table_larger_than_the_memory_is_moved_to_the_disk(monkeypatch):
    """What DuckDB itself writes and reads is not what a query reaches."""
    connect_plain = duckdb.connect
    monkeypatch.setattr(
        duckdb,
        "connect",
        lambda config: connect_plain(config={**config, "memory_limit": "50MB"}),
    )
    connection = connect()
    connection.execute(
        "CREATE TEMP TABLE t AS SELECT range AS a, md5(range::VARCHAR) AS b FROM range(2_000_000)"
    )
    assert connection.execute("SELECT count(*) FROM (FROM t ORDER BY b)").fetchall() == [
        (2_000_000,)
    ]
