"""DuckDB and SQLite files, and SQL over any opened source, all read-only.

A query must be one SELECT.  Its rows are held in memory (if they do not fit, DuckDB moves them to
the disk), so that every pass over them sees the same rows in the same order.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vetro.errors import VetroError, counted, error, shown, words
from vetro.tables.connection import (
    ONLY_SELECT,
    check_case,
    check_names,
    connect,
    described,
    files_fingerprint,
    quoted,
    reason,
    unreadable,
)
from vetro.tables.opened import Opened
from vetro.tables.options import ReadOptions
from vetro.tables.sources.sqlite_bounds import Bounds

if TYPE_CHECKING:
    import duckdb

_SQLITE_MAGIC = b"SQLite format 3\0"
_DUCKDB_MAGIC = b"DUCK"
_RESULT = "query_result"
_RENAME = "Rename one in the query, with AS."
_VIEW_SECONDS = 20
_SQLITE_ACTS = ("load_extension", "fts3_tokenizer")
_SQLITE_READS = (
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
)


def open_database(source: str | os.PathLike[str], options: ReadOptions) -> Opened:
    """The rows of options.query, or of the file's only table.

    E125 if it is neither kind of file or cannot be opened; E604 if there are several tables
    and no query; E127 if the query fails or would write.
    """
    path = Path(source)
    with path.open("rb") as file:
        start = file.read(16)
    if start == _SQLITE_MAGIC:
        return _open_sqlite(path, options.query)
    if start[8:12] == _DUCKDB_MAGIC:
        return _open_duckdb(path, options.query)
    if not start:
        raise error("E101", source=path.name, size="0 bytes")
    what = "it is neither a DuckDB nor a SQLite file"
    raise error("E125", source=path.name, what=what, fix="Check the path, or its suffix.")


def with_query(opened: Opened, query: str) -> Opened:
    """The rows of a query over an opened source, which the query calls `data`."""
    connection = opened.connection
    check_case(opened.columns, opened.name)
    names = ", ".join(quoted(name) for name in opened.columns)
    if opened.is_text:
        _check_whole(opened)
    connection.execute(
        f"CREATE TEMP VIEW data AS SELECT * FROM (SELECT * FROM {opened.relation}) AS t({names})"
    )
    return _queried(connection, query, opened.name, opened)


def _open_duckdb(path: Path, query: str) -> Opened:
    import duckdb

    try:
        connection = connect(database=path)
    except duckdb.Error as failure:
        what = f"it cannot be opened ({shown(reason(failure))})"
        fix = "Close other programs that use it, or restore it."
        raise error("E125", source=path.name, what=what, fix=fix) from failure
    if query:
        return _queried(connection, query, path.name)
    found = connection.execute(
        "SELECT table_schema, table_name, table_type FROM information_schema.tables "
        "WHERE table_catalog = 'source' ORDER BY ALL"
    ).fetchall()
    try:
        relation = _only_table(
            {f"source.{quoted(a)}.{quoted(b)}": (b, kind) for a, b, kind in found}, connection, path
        )
        columns = described(connection, relation)
        if [kind for _, _, kind in found] == ["VIEW"]:
            return _view(connection, relation, path)
    except duckdb.Error as failure:  # it is a view of a table that is missing or out of reach
        raise unreadable(path.name, failure) from failure
    fingerprint = files_fingerprint([path])
    return Opened(connection, relation, columns, path.name, fingerprint=fingerprint)


def _view(connection: duckdb.DuckDBPyConnection, relation: str, path: Path) -> Opened:
    """The rows of a file's only view, which is a program and may never end: E125 after a while."""
    import duckdb

    timer = threading.Timer(_VIEW_SECONDS, connection.interrupt)
    timer.start()
    try:
        opened = _queried(connection, f"SELECT * FROM {relation}", path.name)
    except VetroError as failure:
        if not isinstance(failure.__cause__, duckdb.Error):
            raise
        if not isinstance(failure.__cause__, duckdb.InterruptException):
            raise failure.__cause__ from None
        what = f"{shown(relation)} takes more than {_VIEW_SECONDS} s"
        fix = words(
            "If its rows are right, read them with {=query query}.",
            query=f"SELECT * FROM {relation} LIMIT 10000",
        )
        raise error("E125", source=path.name, what=what, fix=fix) from None
    finally:
        timer.cancel()
    return replace(opened, fingerprint=files_fingerprint([path]))


def _only_table(
    tables: Mapping[str, tuple[str, str]],
    base: duckdb.DuckDBPyConnection | sqlite3.Connection,
    path: Path,
) -> str:
    """The file's table, as SQL; E604 if there are several, E125 if there is none.

    tables: each one's name and whether it is a table or a view.  E604 proposes the one with the
    most rows; those of a view are not counted, since it may be a long computation.
    """
    if not tables:
        fix = "Check the path."
        raise error("E125", source=path.name, what="it holds no table", fix=fix)
    if len(tables) > 1:
        rows = {
            name: base.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]
            for table, (name, kind) in tables.items()
            if kind.upper() != "VIEW"
        }
        listed = [name for name, _ in tables.values()]
        names = ", ".join(f'"{shown(name)}"' for name in listed[:8])
        names += ", …" if len(tables) > 8 else ""
        what = f"{path.name} holds {counted(len(tables), 'table')} ({names})"
        largest = quoted(max(rows or listed, key=lambda name: rows.get(name, 0)))
        raise error(
            "E604",
            what=what,
            fix=words("Use {=query query} to name one.", query=f"SELECT * FROM {largest}"),
        )
    return next(iter(tables))


def _queried(
    connection: duckdb.DuckDBPyConnection, query: str, name: str, opened: Opened | None = None
) -> Opened:
    """The rows of a query, held in a temporary table with numbered columns."""
    import duckdb

    from vetro.tables.sources.arrow import values_fingerprint

    # One thread: with several, the order of a result without ORDER BY, and the last
    # digits of its sums, may differ from run to run.
    threads = connection.execute("SELECT current_setting('threads')").fetchall()[0][0]
    connection.execute("SET threads = 1")
    try:
        text = _one_select(connection, query, name)
        columns = [
            (str(row[0]), str(row[1])) for row in connection.execute(f"DESCRIBE {text}").fetchall()
        ]
        check_names([column for column, _ in columns], name, _RENAME)
        numbered = ", ".join(f"c{position}" for position in range(len(columns)))
        connection.execute(
            f"CREATE TEMP TABLE {_RESULT} AS SELECT * FROM (\n{text}\n) AS t({numbered})"
        )
    except duckdb.Error as failure:
        if opened is not None and not opened.is_text:
            _check_whole(opened)
        raise error("E127", source=name, reason=reason(failure)) from failure
    finally:
        connection.execute(f"SET threads = {threads}")
    reader = connection.sql(f"FROM temp.{_RESULT}").to_arrow_reader(100_000)
    return Opened(
        connection,
        f"temp.{_RESULT}",
        dict(columns),
        name,
        fingerprint=values_fingerprint(reader.schema, reader),
        notices=opened.notices if opened is not None else [],
    )


def _one_select(connection: duckdb.DuckDBPyConnection, query: str, name: str) -> str:
    """The text of the query's only statement, which must be a SELECT; E127 otherwise."""
    import duckdb

    statements = connection.extract_statements(query)
    if len(statements) != 1:
        why = f"it holds {counted(len(statements), 'statement')} where one SELECT is expected"
        raise error("E127", source=name, reason=why)
    if statements[0].type != duckdb.StatementType.SELECT:
        raise error("E127", source=name, reason=ONLY_SELECT)
    return str(statements[0].query).strip().rstrip(";")


def _check_whole(opened: Opened) -> None:
    """Read everything once, so that a fault of the file is not reported as a fault of the query."""
    counts = ", ".join(f"count(c{position})" for position in range(len(opened.columns)))
    opened.ask(f"SELECT {counts} FROM {opened.numbered}")
    opened.finish()


def _open_sqlite(path: Path, query: str) -> Opened:
    """The rows through Python's sqlite3, chunk by chunk: DuckDB's own reader is an extension."""
    from vetro.tables.sources.arrow import open_arrow
    from vetro.tables.sources.values import ValueColumn, finished

    refused: list[int] = []

    def authorize(action: int, first: str | None, second: str | None, *_: Any) -> int:
        if action in _SQLITE_READS and second not in _SQLITE_ACTS:
            return sqlite3.SQLITE_OK
        refused.append(action)
        return sqlite3.SQLITE_DENY

    with contextlib.closing(
        sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    ) as base:
        # Views of the file may only call functions without side effects.
        base.execute("PRAGMA trusted_schema = OFF")
        base.set_authorizer(authorize)
        bounds = Bounds(base, path)
        try:
            if not query:
                bounds.table = _only_sqlite_table(base, path)
            cursor = base.execute(query or f"SELECT * FROM {bounds.table}")
            if cursor.description is None:
                raise error("E127", source=path.name, reason=ONLY_SELECT)
            names = [str(item[0]) for item in cursor.description]
            check_names(names, path.name, _RENAME if query else "Rename one.")
            columns = {name: ValueColumn() for name in names}
            for rows in bounds.chunks(cursor):
                for column, values in zip(columns.values(), zip(*rows, strict=True), strict=True):
                    column.append(list(values))
        except (sqlite3.Error, sqlite3.Warning) as failure:
            bound = bounds.explained(failure)
            raise bound or _sqlite_error(path, query, failure, bool(refused)) from failure
    table, casts = finished(columns)
    fingerprint = "" if query else files_fingerprint([path])
    return open_arrow(table, path.name, fingerprint=fingerprint, casts=casts)


def _only_sqlite_table(base: sqlite3.Connection, path: Path) -> str:
    found = base.execute(
        "SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view') "
        "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
    ).fetchall()
    return _only_table({quoted(a): (a, kind) for a, kind in found}, base, path)


def _sqlite_error(path: Path, query: str, failure: Exception, refused: bool) -> VetroError:
    """E125 if the fault is in the file, E127 if it is in the query."""
    why = ONLY_SELECT if refused else reason(failure)
    damaged = isinstance(failure, sqlite3.DatabaseError) and (
        type(failure) is sqlite3.DatabaseError
        or "decode to UTF-8" in why
        or "unable to open" in why
    )
    if query and (refused or not damaged):
        return error("E127", source=path.name, reason=why)
    return unreadable(path.name, failure)
