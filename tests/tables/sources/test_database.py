"""DuckDB and SQLite files, and SQL over files and frames."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import math
import sqlite3

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vetro.tables.chunks import read_chunks
from vetro.tables.connection import connect
from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table
from vetro.tables.sources import database, sqlite_bounds
from vetro.tables.sources.database import open_database, with_query
from vetro.tables.sources.frames import open_frame
from vetro.tables.sources.jsonlines import open_json
from vetro.tables.sources.parquet import open_parquet
from vetro.tables.sources.text.delimited import open_delimited


def opened(path, query=""):
    return open_database(path, ReadOptions(query=query))


@pytest.fixture
def duck(tmp_path):
    path = tmp_path / "a.duckdb"
    with duckdb.connect(str(path)) as base:
        base.execute(
            "CREATE TABLE pumps AS SELECT range i, range / 4 x, 'p' || range s FROM range(3)"
        )
    return path


@pytest.fixture
def lite(tmp_path):
    path = tmp_path / "a.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as base:
        base.execute("CREATE TABLE pumps (i INTEGER, x REAL, s TEXT, mixed, d DATE)")
        base.executemany(
            "INSERT INTO pumps VALUES (?, ?, ?, ?, ?)",
            [
                (0, 0.0, "p0", 1, "2024-01-01"),
                (1, 0.25, None, 2.5, None),
                (2, 0.5, "p2", "z", None),
            ],
        )
        base.commit()
    return path


@pytest.fixture(params=["duck", "lite"])
def base(request):
    return request.getfixturevalue(request.param)


def test_the_only_table(base, columns):
    found = opened(base)
    read = columns(found)
    assert (read["i"], read["x"]) == ([0, 1, 2], [0.0, 0.25, 0.5])
    assert (found.columns["i"], found.columns["s"]) == ("BIGINT", "VARCHAR")
    assert found.fingerprint == hashlib.sha256(base.read_bytes()).hexdigest()
    assert found.name == base.name


def test_a_query(base, columns):
    found = opened(base, "SELECT i * 10 AS ten, x FROM pumps WHERE i > 0 ORDER BY i DESC -- note")
    assert columns(found) == {"ten": [20, 10], "x": [0.5, 0.25]}
    again = opened(base, "SELECT i * 10 AS ten, x FROM pumps WHERE i > 0 ORDER BY i DESC;")
    other = opened(base, "SELECT i * 10 AS ten, x FROM pumps WHERE i > 0 ORDER BY i")
    assert found.fingerprint == again.fingerprint != other.fingerprint


def test_sqlite_values_of_several_kinds(lite, columns):
    found = opened(lite)
    assert found.columns["mixed"] == "VARCHAR"
    assert columns(found)["mixed"] == ["1", "2.5", "z"]
    assert columns(opened(lite, "SELECT mixed FROM pumps WHERE i < 2")) == {"mixed": [1.0, 2.5]}
    assert columns(found)["d"] == ["2024-01-01", None, None]


def test_sqlite_in_chunks(tmp_path, columns):
    path = tmp_path / "a.db"
    with contextlib.closing(sqlite3.connect(path)) as base:
        base.execute("CREATE TABLE t (v)")
        base.executemany("INSERT INTO t VALUES (?)", [(row,) for row in range(50_000)])
        base.execute("INSERT INTO t VALUES (0.5)")
        base.commit()
    found = opened(path)
    assert found.columns == {"v": "DOUBLE"}
    assert columns(found)["v"] == [*range(50_000), 0.5]


def test_whole_numbers_keep_their_digits(tmp_path, columns):
    path = tmp_path / "a.db"
    with contextlib.closing(sqlite3.connect(path)) as base:
        base.execute("CREATE TABLE t (v)")
        base.executemany("INSERT INTO t VALUES (?)", [(2**53 + 1,), (0.5,)])
        base.commit()
    assert columns(opened(path)) == {"v": ["9007199254740993", "0.5"]}


def test_a_query_is_the_same_in_every_pass(duck):
    found = opened(duck, "SELECT random() AS r FROM range(100)")
    passes = [found.connection.sql(f"FROM {found.relation}").fetchall() for _ in range(2)]
    assert passes[0] == passes[1]


def test_results_do_not_depend_on_threads(tmp_path):
    path = tmp_path / "a.duckdb"
    with duckdb.connect(str(path)) as base:
        base.execute("CREATE TABLE t AS SELECT range % 1000 k, random() v FROM range(500_000)")
    query = "SELECT k, sum(v) AS v FROM t GROUP BY k"
    prints = {opened(path, query).fingerprint for _ in range(3)}
    assert len(prints) == 1


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT * FROM nosuch", "nosuch"),
        ("SELEC 1", 'near "SELEC"'),
        ("SELECT nosuch FROM pumps", "nosuch"),
        ("SELECT 1; SELECT 2", "statement"),
    ],
)
def test_a_failing_query(base, refusal, query, reason):
    message = refusal(opened, base, query)
    assert message.startswith(f"E127 {base.name}: the query failed: ")
    assert reason in message
    assert message.endswith(". Correct --query.")
    assert "\n" not in message


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM pumps",
        "INSERT INTO pumps (i) VALUES (9)",
        "INSERT INTO pumps (i) VALUES (9) RETURNING i",
        "UPDATE pumps SET i = 7",
        "DROP TABLE pumps",
        "CREATE TABLE other (a INTEGER)",
        "ATTACH 'other.db' AS other",
        "PRAGMA user_version",
        "WITH gone AS (DELETE FROM pumps RETURNING i) SELECT * FROM gone",
        "COPY pumps TO 'other.csv'",
        "VACUUM INTO 'other.db'",
        " ",
    ],
)
def test_a_query_that_writes(base, refusal, query, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = base.read_bytes()
    assert refusal(opened, base, query).startswith("E127")
    assert base.read_bytes() == before
    assert not [item for item in tmp_path.iterdir() if item.name.startswith("other")]


def test_sqlite_loads_no_extension(lite, refusal):
    assert "it is not a SELECT" in refusal(opened, lite, "SELECT load_extension('x')")


def test_a_query_finds_no_python_variables():
    hidden = pa.table({"a": [1]})
    assert hidden.num_rows == 1
    assert duckdb.connect().execute("SELECT a FROM hidden").fetchall() == [(1,)]
    with pytest.raises(duckdb.CatalogException, match="hidden"):
        connect().execute("SELECT a FROM hidden")


def test_names(base, columns, refusal):
    assert refusal(opened, base, "SELECT 1 AS a, 2 AS a").startswith("E110")
    assert columns(opened(base, 'SELECT 1 AS a, 2 AS "A"')) == {"a": [1], "A": [2]}


def test_several_tables_ask_for_a_query(tmp_path, refusal):
    lite = tmp_path / "a.db"
    with contextlib.closing(sqlite3.connect(lite)) as base:
        base.execute("CREATE TABLE one (x)")
        base.execute("CREATE VIEW two AS SELECT * FROM one")
    assert refusal(opened, lite) == (
        'E604 a.db holds 2 tables ("one", "two"). Use --query \'SELECT * FROM "one"\' to name one.'
    )
    duck = tmp_path / "b.duckdb"
    with duckdb.connect(str(duck)) as base:
        base.execute("CREATE TABLE one (x INTEGER)")
        base.execute("CREATE TABLE two (x INTEGER)")
        base.execute("INSERT INTO two VALUES (1), (2)")
    message = refusal(opened, duck)
    assert 'holds 2 tables ("one", "two")' in message and 'FROM "two"' in message


def test_no_table(tmp_path, refusal):
    duck = tmp_path / "a.duckdb"
    duckdb.connect(str(duck)).close()
    assert refusal(opened, duck) == "E125 a.duckdb: it holds no table. Check the path."


def test_what_is_no_database(tmp_path, refusal, lite, duck):
    path = tmp_path / "w.db"
    path.write_bytes(b"")
    assert refusal(opened, path).startswith("E101 w.db is empty (0 bytes)")
    path.write_bytes(b"just text, long enough for a header")
    assert refusal(opened, path).startswith("E125 w.db: it is neither a DuckDB nor a SQLite file")
    path.write_bytes(duck.read_bytes()[:5000])
    assert refusal(opened, path).startswith("E125 w.db: it cannot be opened (")
    path.write_bytes(lite.read_bytes()[:3000])
    assert refusal(opened, path).startswith("E125 w.db: it cannot be read (")
    path.write_bytes(lite.read_bytes()[:4096] + b"\xff" * 4096)
    assert refusal(opened, path, "SELECT * FROM pumps").startswith("E125 w.db: it cannot be read (")


def test_sqlite_text_that_is_no_text(lite, refusal):
    message = refusal(opened, lite, "SELECT CAST(x'FF' AS TEXT) AS t")
    assert message.startswith("E125 a.sqlite: it cannot be read (Could not decode to UTF-8")


def test_sql_over_files_and_frames(tmp_path, columns):
    csv = tmp_path / "t.csv"
    csv.write_text("a,b\n1,2.5\n2,3.5\n")
    jsonl = tmp_path / "t.jsonl"
    jsonl.write_text('{"a":1,"b":2.5}\n{"a":2,"b":3.5}\n')
    parquet = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": [1, 2], "b": [2.5, 3.5]}), parquet)
    options = ReadOptions()
    query = "SELECT CAST(b AS DOUBLE) * 2 AS c FROM data WHERE CAST(a AS INTEGER) > 1"
    for found in [
        open_delimited(csv, options),
        open_json(jsonl, options),
        open_parquet(parquet, options),
        open_frame({"a": [1, 2], "b": [2.5, 3.5]}, options),
    ]:
        asked = with_query(found, query)
        assert asked.columns == {"c": "DOUBLE"}
        assert columns(asked) == {"c": [7.0]}


def test_text_stays_text_in_a_query(tmp_path, columns):
    csv = tmp_path / "t.csv"
    csv.write_text("code;v\n007;1,5\n008;2,5\n")
    found = with_query(open_delimited(csv, ReadOptions()), "SELECT * FROM data ORDER BY code DESC")
    assert columns(found) == {"code": ["008", "007"], "v": ["2,5", "1,5"]}
    table = read_table(csv, ReadOptions(query="SELECT * FROM data ORDER BY code DESC"))
    assert table.values["v"].tolist() == [2.5, 1.5]


def test_a_query_over_text_sees_typed_columns(tmp_path):
    """As texts, "9" would be more than "28", and "1,5" no number."""
    csv = tmp_path / "t.csv"
    csv.write_text(
        "age;x;day;on;city;none\n9;1,5;2024-01-31;yes;Rome;1\n28;2,5;2024-02-01;no;;\n"
        "100;;2024-02-02;yes;Bari;3\n"
    )
    asked = (
        "SELECT age, x + age AS total, day + 1 AS later, city, none FROM data "
        "WHERE age > 9 AND day >= DATE '2024-02-01' AND (on OR age < 50)"
    )
    table = read_table(csv, ReadOptions(query=asked.replace("on OR", '"on" OR')))
    assert table.values["age"].tolist() == [28, 100]
    assert table.values["total"][0] == 30.5 and math.isnan(table.values["total"][1])
    assert table.schema["later"].kind == "date"
    first = (datetime.date(2024, 2, 2) - datetime.date(1970, 1, 1)).days
    assert table.values["later"].tolist() == [first, first + 1]
    assert table.schema["city"].levels == ("Bari",)
    assert any(item.code == "I105" for item in table.notices)


def test_a_fault_of_the_file_is_not_the_querys(tmp_path, refusal):
    csv = tmp_path / "t.csv"
    csv.write_text("a,b\n1,2\n2,3,9\n3,4\n")
    options = ReadOptions(query="SELECT a FROM data LIMIT 1")
    assert refusal(read_table, csv, options).startswith("E108 t.csv:3: 3 fields")
    # Far behind what the query needs.
    csv.write_text("a,b\n" + "1,2\n" * 3_000_000 + "1,2,3\n")
    assert refusal(read_table, csv, options).startswith("E108 t.csv:3000002: 3 fields")


def test_a_failing_query_over_a_file(tmp_path, refusal):
    csv = tmp_path / "t.csv"
    csv.write_text("a,b\n1,2\n2,3\n")
    for query, reason in [
        ("SELECT nosuch FROM data", "nosuch"),
        ("SELECT CAST(b || 'x' AS INTEGER) AS c FROM data", "Could not convert string"),
        ("DROP VIEW data", "it is not a SELECT"),
    ]:
        message = refusal(read_table, csv, ReadOptions(query=query))
        assert message.startswith("E127 t.csv: the query failed: ")
        assert reason in message


def test_sql_needs_names_that_it_can_tell_apart(refusal):
    frame = open_frame({"a": [1, 2], "A": [3, 4]}, ReadOptions())
    assert 'not distinguish the columns "a" and "A"' in refusal(
        with_query, frame, "SELECT a FROM data"
    )


def test_as_tables_and_in_chunks(base):
    options = ReadOptions(query="SELECT i, x, s FROM pumps")
    table = read_table(base, options)
    assert [column.kind for column in table.schema] == ["number", "number", "category"]
    chunks = list(read_chunks(base, options, table.schema, 2))
    assert [chunk.rows for chunk in chunks] == [2, 1]


def written(path, *statements):
    with contextlib.closing(sqlite3.connect(path)) as base:
        for statement in statements:
            base.execute(statement)
        base.commit()
    return path


ENDLESS = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r)"


def test_a_sqlite_view_without_end_is_named(tmp_path, refusal, columns, monkeypatch):
    monkeypatch.setattr(sqlite_bounds, "LEAST_ROWS", 10_000)
    path = written(tmp_path / "a.db", f'CREATE VIEW "a v" AS {ENDLESS} SELECT n, 2 * n AS y FROM r')
    part = 'SELECT * FROM "a v" LIMIT 10000'
    assert refusal(opened, path) == (
        'E125 a.db: "a v" takes more than 10,000 rows, too many for a file of this size. '
        f"If its rows are right, read them with --query '{part}'."
    )
    assert len(columns(opened(path, part))["n"]) == 10_000
    assert len(columns(opened(path, part.replace("10000", "50000")))["n"]) == 50_000


def test_a_sqlite_view_that_gives_no_row_ends(tmp_path, refusal, monkeypatch):
    monkeypatch.setattr(sqlite_bounds, "_LEAST_STEPS", 2_000_000)
    path = written(tmp_path / "a.db", f"CREATE VIEW v AS {ENDLESS} SELECT count(*) AS n FROM r")
    assert '"v" takes more than 2,000,000 steps' in refusal(opened, path)


def test_a_sqlite_view_of_much_text_ends(tmp_path, refusal, monkeypatch):
    monkeypatch.setattr(sqlite_bounds, "MOST_BYTES", 10 << 20)
    path = written(
        tmp_path / "a.db",
        f"CREATE VIEW v AS {ENDLESS} SELECT hex(zeroblob(5000)) AS t, n FROM r LIMIT 5000",
    )
    assert '"v" takes more than 10 MiB of text' in refusal(opened, path)


def test_a_computed_value_that_is_too_long(tmp_path, refusal, columns):
    path = written(
        tmp_path / "a.db",
        "CREATE TABLE t (x, z GENERATED ALWAYS AS (hex(zeroblob(200000000))))",
        "INSERT INTO t (x) VALUES (1), (2)",
    )
    assert refusal(opened, path) == (
        "E125 a.db: a computed value is longer than 1 MiB and than the file. "
        "Name the other columns with --query."
    )
    assert columns(opened(path, "SELECT x FROM t")) == {"x": [1, 2]}
    stored = written(
        tmp_path / "b.db", "CREATE TABLE t (x)", "INSERT INTO t VALUES (zeroblob(3000000))"
    )
    assert columns(opened(stored)) == {"x": [b"\0" * 3_000_000]}


def test_an_interrupt_ends_a_query_without_rows(tmp_path, monkeypatch):
    """SQLite calls Python now and then, where Ctrl-C arrives; it stays what it is."""
    path = written(tmp_path / "a.db", "CREATE TABLE t (x)", "INSERT INTO t VALUES (1)")

    class Stopped(KeyboardInterrupt):
        pass

    def step(bounds):
        bounds.failure = Stopped()
        return True

    monkeypatch.setattr(sqlite_bounds.Bounds, "_step", step)
    with pytest.raises(Stopped):
        opened(path, f"{ENDLESS} SELECT count(*) FROM r")


def test_a_duckdb_view_without_end_is_named(tmp_path, refusal, monkeypatch):
    monkeypatch.setattr(database, "_VIEW_SECONDS", 0.2)
    path = tmp_path / "a.duckdb"
    with duckdb.connect(str(path)) as base:
        base.execute(f"CREATE VIEW v AS {ENDLESS} SELECT n, 2 * n AS y FROM r")
    assert refusal(opened, path) == (
        'E125 a.duckdb: source."main"."v" takes more than 0.2 s. If its rows are right, '
        'read them with --query \'SELECT * FROM source."main"."v" LIMIT 10000\'.'
    )


def test_a_duckdb_view_has_the_fingerprint_of_its_file(tmp_path, columns):
    path = tmp_path / "a.duckdb"
    with duckdb.connect(str(path)) as base:
        base.execute("CREATE VIEW v AS SELECT range AS n FROM range(3)")
    found = opened(path)
    assert columns(found) == {"n": [0, 1, 2]}
    assert found.fingerprint == hashlib.sha256(path.read_bytes()).hexdigest()
