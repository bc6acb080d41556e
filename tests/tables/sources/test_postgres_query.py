"""A query that is refused has not run: tried as a superuser, on a real server."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path

import pytest

from vetro.tables.connection import ONLY_SELECT
from vetro.tables.options import ReadOptions
from vetro.tables.sources.postgres import open_postgres
from vetro.tables.sources.postgres_query import Refused, tokens

network_server = pytest.mark.network_server

SETTING_UP = (
    "CREATE OR REPLACE FUNCTION acts() RETURNS int LANGUAGE plpgsql AS "
    "$f$ BEGIN EXECUTE $e$COPY (SELECT 1) TO PROGRAM 'touch {made}'$e$; RETURN 1; END $f$",
    "CREATE OR REPLACE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2 * $1'",
    "DROP TABLE IF EXISTS thing CASCADE",
    "CREATE TABLE thing AS SELECT 1 AS a",
    "CREATE OR REPLACE FUNCTION acts_on(thing) RETURNS int LANGUAGE sql AS 'SELECT acts()'",
    "CREATE OR REPLACE FUNCTION acts_with(int, int) RETURNS int LANGUAGE sql AS 'SELECT acts()'",
    "DROP OPERATOR IF EXISTS @@@@ (int, int)",
    "CREATE OPERATOR @@@@ (FUNCTION = acts_with, LEFTARG = int, RIGHTARG = int)",
    "DROP AGGREGATE IF EXISTS acting (int)",
    "CREATE AGGREGATE acting (int) (SFUNC = acts_with, STYPE = int, INITCOND = '0')",
    "CREATE OR REPLACE VIEW acting_view AS SELECT acts() AS a",
    "CREATE OR REPLACE VIEW acting_view_of_view AS SELECT * FROM acting_view",
    "CREATE OR REPLACE VIEW quiet_view AS SELECT a, random() AS r FROM thing",
    'CREATE TABLE IF NOT EXISTS "acts" AS SELECT 5 AS acts',
    "CREATE SEQUENCE IF NOT EXISTS numbers",
)


@pytest.fixture(scope="module")
def made():
    """A file that an attack would make on the server."""
    path = Path(tempfile.mkdtemp(prefix="vetro-made-")) / "made"
    path.parent.chmod(0o777)
    return path


@pytest.fixture(scope="module")
def asked(address, made):
    """Ask the server a query; its notices are gone, its rows counted."""
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(address) as connection, connection.cursor() as cursor:
        for statement in SETTING_UP:
            cursor.execute(statement.replace("{made}", str(made)))
        connection.commit()

    def ask(query):
        found = open_postgres(address, ReadOptions(query=query.replace("{made}", str(made))))
        return found.connection.sql(f"SELECT * FROM {found.relation}").fetchall()

    return ask


COPY = "COPY (SELECT 1) TO PROGRAM 'touch {made}'"
ACTING = [
    COPY,
    f"({COPY})",
    f"/* harmless */ {COPY} -- really",
    f"SELECT 1; {COPY}",
    f"SELECT 1 -- ;\n; {COPY}",
    f"COMMIT; {COPY}",
    f"; {COPY}",
    "SELECT 1) TO PROGRAM 'touch {made}' --",
    "SELECT 1) TO PROGRAM 'touch {made}' /*",
    "SELECT 1 ) AS t(v); COPY (SELECT 1) TO PROGRAM 'touch {made}'; SELECT (1",
    "SELECT 1) t) TO PROGRAM 'touch {made}' --",
    "SELECT '\\'; COPY (SELECT 1) TO PROGRAM ''touch {made}'' --'; SELECT 1",
    "SELECT $$x$$; COPY (SELECT $a$$$a$) TO PROGRAM 'touch {made}'",
    "SELECT 1\0; COPY (SELECT 1) TO PROGRAM 'touch {made}'",
    "COPY pumps TO '{made}'",
    "COPY pumps FROM PROGRAM 'touch {made}'",
    "DO $$ BEGIN PERFORM acts(); END $$",
    "CALL acts()",
    "EXPLAIN ANALYZE SELECT acts()",
    "PREPARE p AS SELECT acts()",
    "EXECUTE vetro_query",
    "CREATE TABLE other AS SELECT acts()",
    "SELECT acts() INTO other",
    "SELECT acts()",
    "SELECT ACTS()",
    'SELECT "acts"()',
    'SELECT U&"\\0061cts"()',
    "SELECT acts /* ( */ -- (\n ()",
    "SELECT public.acts()",
    "SELECT public . acts ( )",
    "SELECT * FROM acts()",
    "SELECT * FROM pumps, LATERAL acts() LIMIT 1",
    "WITH a AS (SELECT acts()) SELECT * FROM a",
    "SELECT 1 ORDER BY acts()",
    "SELECT 'x' || $$y$$ || acts()",
    "SELECT E'\\'' || acts() || E'\\''",
    "SELECT thing.acts_on FROM thing",
    "SELECT (t).acts_on FROM thing t",
    "SELECT 1 @@@@ 2",
    "SELECT 1 OPERATOR(public.@@@@) 2",
    "SELECT acting(a) FROM thing",
    "SELECT * FROM acting_view",
    "TABLE acting_view_of_view",
    "SELECT lo_export(lo_import('/etc/hostname'), '{made}')",
    "SELECT lo_from_bytea(0, 'x')",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT * FROM pg_read_file('/etc/passwd')",
    "SELECT pg_catalog.pg_read_binary_file('/etc/passwd')",
    "SELECT * FROM pg_ls_dir('/')",
    "SELECT pg_stat_file('/etc/passwd')",
    "SELECT * FROM pg_hba_file_rules",
    "SELECT * FROM pg_catalog.pg_file_settings",
    "SELECT pg_terminate_backend(pg_backend_pid())",
    "SELECT pg_reload_conf()",
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_sleep(0)",
    "SELECT nextval('numbers')",
    "SELECT setval('numbers', 7)",
    "SELECT set_config('transaction_read_only', 'off', false)",
    "SELECT query_to_xml('SELECT acts()', true, true, '')",
    "SELECT * FROM ts_stat('SELECT to_tsvector(acts()::text)')",
    "SELECT pg_notify('a', 'b')",
    "SELECT pg_switch_wal()",
    "SELECT * FROM pumps FOR UPDATE",
    "SELECT * FROM (SELECT * FROM pumps FOR SHARE) t",
    "LOCK TABLE pumps",
    "SET transaction_read_only = off",
    "WITH gone AS (DELETE FROM pumps RETURNING id) SELECT * FROM gone",
    "WITH new AS (INSERT INTO pumps (id) VALUES (0) RETURNING id) SELECT * FROM new",
    "MERGE INTO pumps USING thing ON id = a WHEN MATCHED THEN DELETE",
    "TRUNCATE pumps",
    "LISTEN a",
    "FETCH ALL FROM vetro_query",
    "SELECT $1",
]


@network_server
@pytest.mark.parametrize("query", ACTING)
def test_what_acts_is_refused_and_has_not_run(asked, made, refusal, query):
    message = refusal(asked, query)
    assert message.startswith("E127 postgresql://"), message
    assert "\n" not in message
    assert not made.exists()
    assert asked("SELECT count(*) FROM pumps") == [(5000,)]
    assert asked("SELECT coalesce(last_value, 0) FROM numbers WHERE is_called") == []


@network_server
def test_the_attacks_would_have_made_the_file(asked, address, made):
    """So that the test above can fail."""
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(address) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT acts()")
        cursor.fetchall()
    assert made.exists()
    made.unlink()


@network_server
@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT 1 AS v; -- done; really", [(1,)]),
        ("SELECT 1 AS v /* ; */ ;", [(1,)]),
        ("SELECT ';' AS v;", [(";",)]),
        ("SELECT 'acts()' AS v", [("acts()",)]),
        ("SELECT 'it''s acts()' AS v", [("it's acts()",)]),
        ("SELECT $a$acts() $$ $a$ AS v", [("acts() $$ ",)]),
        ("SELECT 'a\\' AS v", [("a\\",)]),
        ("SELECT /* /* acts( */ acts( */ 1 AS v", [(1,)]),
        ("SELECT 1 AS v -- acts()", [(1,)]),
        ('SELECT 1 AS "acts ("', [(1,)]),
        ('SELECT "acts" FROM "acts"', [(5,)]),
        ("SELECT acts AS v FROM acts", [(5,)]),
        ("SELECT twice(a) AS v FROM thing", [(2,)]),
        ("SELECT a AS v FROM quiet_view", [(1,)]),
        ("VALUES (1)", [(1,)]),
        ("TABLE thing", [(1,)]),
        ("(SELECT 1 AS v)", [(1,)]),
        ("WITH a AS (SELECT 1 AS v) SELECT * FROM a", [(1,)]),
        ("SELECT count(*) AS v FROM pumps TABLESAMPLE BERNOULLI (100)", [(5000,)]),
        ("SELECT 1 AS v WHERE random() < 2 AND now() IS NOT NULL", [(1,)]),
        ("SELECT row_number() OVER (ORDER BY a) AS v FROM thing", [(1,)]),
        ("SELECT id FROM pumps ORDER BY id DESC LIMIT 2", [(5000,), (4999,)]),
        ("SELECT extract(year FROM date '2024-01-02')::int AS v", [(2024,)]),
    ],
)
def test_what_only_reads_is_read(asked, query, rows):
    assert asked(query) == rows


@network_server
def test_the_words(asked, refusal):
    assert f": {ONLY_SELECT}. Correct --query." in refusal(asked, COPY)
    message = refusal(asked, "SELECT pg_read_file('/etc/passwd')")
    assert (
        'it calls "pg_read_file", which is declared VOLATILE: it may act, or reach beyond the '
        "tables. Correct --query." in message
    )
    assert 'by the view "acting_view"' in refusal(asked, "SELECT * FROM acting_view")


def test_a_query_that_is_no_text(refusal):
    """Refused before anything is sent: nobody answers here."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        where = f"postgresql://u@127.0.0.1:{probe.getsockname()[1]}/d"
        message = refusal(open_postgres, where, ReadOptions(query="SELECT '\ud800'"))
    assert message.startswith("E125")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("SELECT a.\"B\"\"c\"('x''y')", ["select", "a", ".", 'B"c', "(", "", ")"]),
        ("E'\\'' e''", ["", ""]),
        ("x'ff' 1 $1 $a1$ $ $a1$", ["", "1", "$", "1", ""]),
        ("a$b$c(", ["a$b$c", "("]),
        ("1/*a/*b*/c*/--d\n+", ["1", "+"]),
        ("/* open", []),
        ("città Ä\u00a0b", ["città", "Ä\u00a0b"]),
        ("n" * 70, ["n" * 63]),
    ],
)
def test_tokens(text, found):
    assert [token.text for token in tokens(text)] == found


def test_refusals_are_ordinary_errors():
    assert issubclass(Refused, ValueError)
