"""PostgreSQL, against a real server that is started for these tests and stopped after them."""

from __future__ import annotations

import datetime as dt
import json
import os
import socket
import subprocess
import sys

import pytest
from tables.server import IN_ADDRESS, PASSWORD, USER

from vetro.addresses import shown_source
from vetro.tables.chunks import read_chunks
from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table
from vetro.tables.sources.postgres import open_postgres

pytestmark = pytest.mark.network_server


@pytest.fixture
def opened(address):
    return lambda query, where=address: open_postgres(where, ReadOptions(query=query))


def test_a_table(address):
    table = read_table(address, ReadOptions(query="SELECT * FROM pumps ORDER BY id"))
    assert table.rows == 5000
    assert {column.name: column.kind for column in table.schema} == {
        "id": "number",
        "flow": "number",
        "kind": "category",
        "day": "date",
        "ok": "flag",
    }
    assert table.values["flow"][:3].tolist() == [1.5, 3.0, 4.5]
    assert table.schema["kind"].levels == ("type 0", "type 1", "type 2")


def test_in_chunks(address):
    options = ReadOptions(query="SELECT id, flow FROM pumps ORDER BY id")
    schema = read_table(address, options).schema
    chunks = list(read_chunks(address, options, schema, 2000))
    assert [chunk.rows for chunk in chunks] == [2000, 2000, 1000]


@pytest.mark.parametrize(
    ("expression", "kind", "value"),
    [
        ("1::smallint", "SMALLINT", 1),
        ("9007199254740993::bigint", "BIGINT", 9007199254740993),
        ("0.1::float4", "FLOAT", pytest.approx(0.1)),
        ("0.1::float8", "DOUBLE", 0.1),
        ("2.50::numeric", "DOUBLE", 2.5),
        ("1.234::numeric", "DOUBLE", 1.234),
        ("123456789012345678::numeric", "BIGINT", 123456789012345678),
        ("1e20::numeric", "DOUBLE", 1e20),
        ("'città'::text", "VARCHAR", "città"),
        ("'007'::varchar", "VARCHAR", "007"),
        ("'a'::char(3)", "VARCHAR", "a"),
        ("'well'::mood", "VARCHAR", "well"),
        ("true", "BOOLEAN", True),
        ("date '2024-02-29'", "DATE", dt.date(2024, 2, 29)),
        ("timestamp '2024-01-02 03:04'", "TIMESTAMP", dt.datetime(2024, 1, 2, 3, 4)),
        (
            "timestamptz '2024-01-02 03:04+02'",
            "TIMESTAMP WITH TIME ZONE",
            dt.datetime(2024, 1, 2, 1, 4, tzinfo=dt.UTC),
        ),
        (
            "'6f1dbd9e-2a64-4b5f-8b5a-000000000001'::uuid",
            "VARCHAR",
            "6f1dbd9e-2a64-4b5f-8b5a-000000000001",
        ),
        ("'{1,2}'::int[]", "INTEGER[]", [1, 2]),
        ("'x'::bytea", "BLOB", b"x"),
        ("time '10:00'", "TIME", dt.time(10)),
        ("null::int", "INTEGER", None),
        ("null::numeric", "DOUBLE", None),
    ],
)
def test_types(opened, columns, expression, kind, value):
    found = opened(f"SELECT {expression} AS v")
    assert found.columns == {"v": kind}
    assert columns(found) == {"v": [value]}


def test_json_and_intervals(opened, columns):
    found = opened("SELECT '{\"a\": 1}'::jsonb AS v, interval '1 day' AS w")
    assert found.columns == {"v": "JSON", "w": "INTERVAL"}
    assert json.loads(columns(found)["v"][0]) == {"a": 1}


@pytest.mark.parametrize("kind", ["money", "point"])
def test_types_without_a_value(opened, refusal, kind):
    value = "1" if kind == "money" else "point(1, 2)"
    message = refusal(opened, f"SELECT {value}::{kind} AS v")
    assert message.startswith(f'E128 column "v" has the type {kind}')
    assert "CAST(v AS" in message


def test_mixed_exact_decimals_and_nan(opened, columns):
    found = opened("SELECT v::numeric AS v FROM (VALUES ('1'), ('2.25'), ('NaN'), (null)) t(v)")
    assert found.columns == {"v": "DOUBLE"}
    read = columns(found)["v"]
    assert read[:2] == [1.0, 2.25]
    assert read[2] != read[2]
    assert read[3] is None


@pytest.mark.parametrize("end", ["", ";", " ; ", " -- a note", "\n"])
def test_ends_of_queries(opened, columns, end):
    assert columns(opened("SELECT 1 AS v" + end)) == {"v": [1]}


def test_no_rows(opened, columns):
    assert columns(opened("SELECT 1 AS v WHERE false")) == {"v": []}


def test_names(opened, columns, refusal):
    assert refusal(opened, "SELECT 1 AS a, 2 AS a").startswith("E110")
    assert columns(opened('SELECT 1 AS a, 2 AS "A"')) == {"a": [1], "A": [2]}


def test_the_fingerprint_is_of_the_rows(opened):
    prints = [
        opened(f"SELECT * FROM pumps WHERE id < {limit} ORDER BY id").fingerprint
        for limit in (4000, 4000, 4001)
    ]
    assert prints[0] == prints[1] != prints[2]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELEC 1", 'syntax error at or near "SELEC"'),
        ("SELECT * FROM nosuch", 'relation "nosuch" does not exist'),
        ("SELECT 1/0", "division by zero"),
        ("SELECT 10 / (4000 - id) AS v FROM pumps", "division by zero"),
        ("SELECT 1; SELECT 2", "cannot insert multiple commands"),
        ("DELETE FROM pumps", "it is not a SELECT"),
        ("DELETE FROM pumps RETURNING id", "it is not a SELECT"),
        ("WITH gone AS (DELETE FROM pumps RETURNING id) SELECT * FROM gone", "it is not a SELECT"),
        ("CREATE TABLE other (a int)", "it is not a SELECT"),
        ("SET TRANSACTION READ WRITE", "it is not a SELECT"),
        ("COMMIT", "it is not a SELECT"),
    ],
)
def test_queries_refused(opened, refusal, columns, address, query, reason):
    message = refusal(opened, query)
    name = shown_source(address)
    assert message.startswith(f"E127 {name}: the query failed: {reason}")
    assert message.endswith(". Correct --query.")
    assert "\n" not in message
    assert columns(opened("SELECT count(*) AS n FROM pumps")) == {"n": [5000]}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ((IN_ADDRESS, "wrong"), f'password authentication failed for user "{USER}"'),
        (("/postgres", "/nodb"), 'database "nodb" does not exist'),
        (("127.0.0.1", "no.such.host.invalid"), "could not translate host name"),
    ],
)
def test_no_connection(opened, refusal, address, change, reason):
    where = address.replace(*change) if change[0] != "/postgres" else address[:-8] + "nodb"
    message = refusal(opened, "SELECT 1", where)
    assert message.startswith(f"E125 {shown_source(where)}: no connection ({reason}")


def test_no_server(opened, refusal, address):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        where = f"postgresql://u:{IN_ADDRESS}@127.0.0.1:{probe.getsockname()[1]}/d"
        assert "no connection (Connection refused)" in refusal(opened, "SELECT 1", where)


def test_a_password_is_never_shown(opened, refusal, address, server):
    found = opened("SELECT 1 AS v")
    assert found.name == f"postgresql://{USER}@{server}/postgres"
    in_options = f"postgresql://{server}/postgres?user={USER}&password=secretword"
    messages = [
        refusal(opened, "SELEC", address),
        refusal(opened, "", address),
        refusal(opened, "SELECT 1", address.replace(server, "127.0.0.1:54x")),
        refusal(opened, "SELECT 1", in_options),
        refusal(opened, "SELECT 1", f"postgresql://u:{IN_ADDRESS}@[::1/d"),
    ]
    for message in messages:
        for secret in (PASSWORD, IN_ADDRESS, "secretword"):
            assert secret not in message


@pytest.mark.parametrize("secret", [PASSWORD, IN_ADDRESS])
def test_a_password_in_a_drivers_message_is_hidden(monkeypatch, refusal, secret):
    from adbc_driver_manager import AdbcStatusCode
    from adbc_driver_postgresql import dbapi

    def failing(_):
        text = f'Failed to connect: bad "{secret}" in it'
        raise dbapi.OperationalError(text, status_code=AdbcStatusCode.IO)

    monkeypatch.setattr(dbapi, "connect", failing)
    source = f"postgresql://u:{IN_ADDRESS}@h/d"
    message = refusal(open_postgres, source, ReadOptions(query="SELECT 1"))
    assert 'no connection (bad "***" in it)' in message


def test_a_query_is_needed(opened, refusal, address):
    name = shown_source(address)
    assert refusal(opened, " ") == f'E604 {name} needs a query. Use --query "SELECT ...".'


def test_without_the_driver(monkeypatch, refusal):
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql", None)
    message = refusal(open_postgres, "postgresql://u:p@h/d", ReadOptions(query="SELECT 1"))
    assert message == (
        'E126 postgresql://u@h/d needs the extra "postgres". Install it: '
        "pip install 'vetro[postgres]'."
    )


def test_a_fit_keeps_no_password_and_goes_on_with_pgpassword(address, tmp_path):
    """All files and all output of a fit; the commands that it proposes work with PGPASSWORD."""

    def vetro(*arguments, **environment):
        ended = subprocess.run(
            [sys.executable, "-m", "vetro", *arguments],
            cwd=tmp_path, capture_output=True, text=True, check=False,
            env={**os.environ, **environment},
        )  # fmt: skip
        return ended.returncode, ended.stdout + ended.stderr

    query = "SELECT id, flow, kind FROM pumps WHERE id <= 80"
    where = address + "?connect_timeout=20"
    status, said = vetro(
        "fit", where, "--query", query, "--target", "flow", "--run", "run", "--epochs", "2",
        "--folds", "2", "--hidden", "4", "--debug",
    )  # fmt: skip
    assert status == 0, said
    assert "Password not kept: set PGPASSWORD" in said
    written = [said, *(path.read_text(errors="replace") for path in (tmp_path / "run").iterdir())]
    for text in written:
        assert PASSWORD not in text and IN_ADDRESS not in text
    kept = where.replace(f":{IN_ADDRESS}", "")
    assert f'source = "{kept}"' in (tmp_path / "run" / "recipe.toml").read_text()
    again = ("predict", "run", kept, "--query", query)
    status, said = vetro(*again)
    assert status == 2 and "the password (in PGPASSWORD or ~/.pgpass)" in said
    assert vetro(*again, PGPASSWORD=PASSWORD)[0] == 0
    status, said = vetro("fit", "--recipe", "run/recipe.toml", "--run", "two", PGPASSWORD=PASSWORD)
    assert status == 0, said
