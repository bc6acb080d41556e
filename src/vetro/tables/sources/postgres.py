"""PostgreSQL: a query's rows, streamed as Arrow into DuckDB, in a read-only transaction.

postgres_query.py checks what a query may do.

A password is never shown or stored: messages and models hold the address without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from vetro.addresses import FORM, PASSWORD_HINT, Address, shown_source, taken_apart
from vetro.errors import VetroError, error, words
from vetro.tables.connection import ONLY_SELECT, check_names, connect
from vetro.tables.faults import Fault
from vetro.tables.opened import Opened
from vetro.tables.options import ReadOptions
from vetro.tables.sources.postgres_query import READ_ONLY, Refused, checked

_TIMEOUT_SECONDS = 15
_WRITES = "25006"  # SQLSTATE: cannot execute ... in a read-only transaction


def open_postgres(source: str, options: ReadOptions) -> Opened:
    """The rows of options.query on the server at an address postgresql://user@host/database.

    E604 without a query; E126 without the driver; E125 if the server cannot be reached or
    refuses the user; E127 if the query fails or would write; E128 for types without a value
    that Vetro reads.
    """
    address = checked_address(source)
    name = address.shown
    if not options.query.strip():
        raise error("E604", what=f"{name} needs a query", fix=words('Use {=query "SELECT ..."}.'))
    try:
        from adbc_driver_postgresql import dbapi
    except ModuleNotFoundError as failure:
        raise error("E126", source=name, extra="postgres") from failure
    server, why = None, ""
    try:
        server = dbapi.connect(_with_timeout(address).for_driver)
    except dbapi.Error as failure:
        why = _reason(failure, address)
    if server is None:
        # Raised here, so that the error does not hold the driver's text even as its context.
        what = f"no connection ({why})"
        fix = "Check the address, the user and the password (in PGPASSWORD or ~/.pgpass)."
        raise error("E125", source=name, what=what, fix=fix)
    with server, server.cursor() as cursor:
        try:
            for statement in READ_ONLY:
                cursor.execute(statement)
            # The driver puts the query in brackets: a comment at its end must end first.
            cursor.execute(checked(cursor, options.query, dbapi.Error))
            reader = cursor.fetch_record_batch()
        except Refused as refusal:
            raise error("E127", source=name, reason=str(refusal)) from None
        except dbapi.Error as failure:
            raise _failed(address, failure) from None
        return _loaded(reader, address, dbapi.Error)


_HOW_TO_WRITE = (
    f"Use {FORM}. {PASSWORD_HINT}. Within an address / @ # ? : % are written as "
    "%2F %40 %23 %3F %3A %25."
)


def checked_address(source: str) -> Address:
    """The parts of a PostgreSQL address; for anything else E125, which repeats no part of it."""
    try:
        return taken_apart(source.strip())
    except ValueError as failure:
        what = f"not a valid address: {failure}"
        fix = words(_HOW_TO_WRITE)  # not a text, in which addresses lose what may be a secret
        raise error("E125", source=shown_source(source), what=what, fix=fix) from None


def _with_timeout(address: Address) -> Address:
    if any(name == "connect_timeout" for name, _ in address.options):
        return address
    timeout = ("connect_timeout", str(_TIMEOUT_SECONDS))
    return replace(address, options=(*address.options, timeout))


def _loaded(reader: Any, address: Address, driver_error: type[Exception]) -> Opened:
    """The rows in a temporary table of DuckDB, exact decimals as numbers."""
    import duckdb
    import pyarrow as pa

    from vetro.tables.sources.arrow import values_fingerprint

    name = address.shown
    check_names(reader.schema.names, name)
    kinds = [
        (field.metadata or {}).get(b"POSTGRESQL:type", b"").decode() for field in reader.schema
    ]
    types, faults = _plain_types(reader.schema, kinds)
    schema = pa.schema([pa.field(f"c{at}", type_) for at, type_ in enumerate(types)])
    failures: list[Exception] = []

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            for batch in reader:
                arrays = [
                    pa.nulls(len(array), field.type)
                    if name in faults
                    else _plain_values(array, field.type)
                    for array, field, name in zip(
                        batch.columns, schema, reader.schema.names, strict=True
                    )
                ]
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)
        except (driver_error, pa.ArrowException, OSError) as failure:
            failures.append(failure)
            raise

    connection = connect()
    connection.register("server_rows", pa.RecordBatchReader.from_batches(schema, batches()))
    try:
        connection.execute("CREATE TEMP TABLE server_texts AS FROM server_rows")
    except (duckdb.Error, pa.ArrowException) as failure:
        raise _failed(address, failures[0] if failures else failure) from None
    connection.unregister("server_rows")
    items = [_item(connection, field.name, kind) for field, kind in zip(schema, kinds, strict=True)]
    connection.execute(
        f"CREATE TEMP VIEW server_table AS SELECT {', '.join(items)} FROM server_texts"
    )
    rows = connection.execute("DESCRIBE server_table").fetchall()
    values = connection.sql("FROM server_table").to_arrow_reader(100_000)
    return Opened(
        connection,
        "server_table",
        dict(zip(reader.schema.names, (str(row[1]) for row in rows), strict=True)),
        name,
        fingerprint=values_fingerprint(values.schema, values),
        faults=faults,
    )


def _plain_types(schema: Any, kinds: Sequence[str]) -> tuple[list[Any], dict[str, Fault]]:
    """The Arrow types that the columns are loaded as; a column with a fault is empty text."""
    import pyarrow as pa

    types, faults = [], {}
    for field, kind in zip(schema, kinds, strict=True):
        try:
            types.append(_plain_type(field, kind))
        except VetroError as refusal:
            types.append(pa.string())
            faults[field.name] = Fault(refusal, of_type=kind != "money")
    return types, faults


def _plain_type(field: Any, kind: str) -> Any:
    """The Arrow type as which a column is loaded; E128 for a type without a plain form."""
    import pyarrow as pa

    if kind == "money":
        fix = words("Use CAST({name} AS numeric) in {=query}.", name=field.name)
        raise error("E128", column=field.name, type=kind, fix=fix)
    if kind in ("numeric", "uuid", "json", "jsonb"):
        return pa.string()
    if isinstance(field.type, pa.BaseExtensionType):
        fix = words("Use CAST({name} AS text) in {=query}, or leave it out.", name=field.name)
        raise error("E128", column=field.name, type=kind or str(field.type), fix=fix)
    return field.type


def _plain_values(array: Any, kind: Any) -> Any:
    import pyarrow as pa

    if array.type == pa.uuid():
        return pa.array([None if item is None else str(item) for item in array.to_pylist()], kind)
    storage = array.storage if isinstance(array, pa.ExtensionArray) else array
    return storage.cast(kind)


def _item(connection: Any, column: str, kind: str) -> str:
    """The column as the view shows it."""
    if kind == "numeric":
        # Exact decimals arrive as text.  Whole ones stay integers, so that no digit is lost.
        found = connection.execute(
            f"SELECT bool_and(regexp_full_match({column}, '-?[0-9]{{1,18}}')) FROM server_texts"
        ).fetchall()
        return f"CAST({column} AS {'BIGINT' if found[0][0] else 'DOUBLE'}) AS {column}"
    if kind == "bpchar":
        # char(n) is padded with blanks, which are not part of the value.
        return f"rtrim({column}) AS {column}"
    return f"CAST({column} AS JSON) AS {column}" if kind in ("json", "jsonb") else column


def _failed(address: Address, failure: Exception) -> VetroError:
    why = _reason(failure, address)
    if getattr(failure, "sqlstate", None) == _WRITES:
        why = ONLY_SELECT
    return error("E127", source=address.shown, reason=why)


def _reason(failure: Exception, address: Address) -> str:
    """The server's own message in one line, without the password."""
    text = str(failure)
    for secret in (_with_timeout(address).for_driver, address.for_driver, *address.secrets):
        text = text.replace(secret, "***")
    patterns = (
        r"(?:ERROR|FATAL):\s+(.*)",
        r"port \d+ failed: (.*)",
        r"Failed to connect: (.*)",
        r"(.*)",
    )
    found = next(filter(None, (re.search(pattern, text) for pattern in patterns)))
    return found.group(1).strip().rstrip(".") or type(failure).__name__
