"""An Arrow table as an opened source; values that DuckDB would change silently are converted first.

Frames, spreadsheets, JSON, SQLite and PostgreSQL all use it.  It reads no source.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vetro.errors import VetroError
from vetro.tables.connection import check_names, connect, described, literal
from vetro.tables.faults import Fault, refused_type
from vetro.tables.opened import Opened
from vetro.tables.table import row_place


def open_arrow(
    table: pa.Table,
    name: str,
    *,
    fingerprint: str = "",
    place_of: Callable[[int], str] = row_place,
    casts: Mapping[str, str] | None = None,
    faults: Mapping[str, Fault] | None = None,
) -> Opened:
    """The table as a relation, without a copy of its numbers.

    Dictionary columns become ENUMs, so that a category of digits stays a category;
    `casts` gives other columns another DuckDB type.  If DuckDB cannot scan a column's type, the
    column is empty and its fault is added to the given faults.  Ordered dictionaries give their
    columns an order.  E110 and E125 for names.  The
    fingerprint is computed from the values if it is not given.
    """
    check_names(table.column_names, name)
    fields = [field.name for field in table.schema]
    # Numbered names: DuckDB would silently rename "A" next to "a", and an empty name.
    numbered = [f"c{position}" for position in range(len(fields))]
    fingerprint = fingerprint or values_fingerprint(table.schema, table.to_batches())
    found = dict(faults or {})
    columns, orders = [], {}
    for field, column in zip(table.schema, table.columns, strict=True):
        item = field.name
        if pa.types.is_dictionary(field.type) and field.type.ordered:
            orders[item] = tuple(map(str, _levels(column)))
        try:
            if extension := period_extension(field):
                raise refused_type(item, extension)
            columns.append(_scannable(item, column))
        except VetroError as refusal:
            found[item] = Fault(refusal, of_type=True)
            columns.append(pa.chunked_array([pa.nulls(len(column), pa.string())]))
    table = pa.table(columns, names=numbered)
    connection = connect()
    connection.register("arrow_data", table)
    selected = []
    for field, column, item in zip(fields, table.columns, numbered, strict=True):
        kind = (casts or {}).get(field, "")
        levels = _levels(column)
        if levels:
            kind = f"levels_{item}"
            listing = ", ".join(literal(level) for level in levels)
            connection.execute(f"CREATE TYPE {kind} AS ENUM ({listing})")
        selected.append(f"CAST({item} AS {kind}) AS {item}" if kind else item)
    relation = "arrow_columns"
    connection.execute(f"CREATE VIEW {relation} AS SELECT {', '.join(selected)} FROM arrow_data")
    types = described(connection, relation).values()
    return Opened(
        connection=connection,
        relation=relation,
        columns=dict(zip(fields, types, strict=True)),
        name=name,
        fingerprint=fingerprint,
        place_of=place_of,
        faults=found,
        orders=orders,
    )


def _scannable(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column in a type that DuckDB scans with the same meaning; E128 if there is none."""
    kind = column.type
    types = pa.types
    try:
        if types.is_null(kind):
            return column.cast(pa.string())
        if types.is_float16(kind):
            return column.cast(pa.float32())
        if types.is_timestamp(kind) and kind.tz is not None:
            # DuckDB has times with a zone only in microseconds; the instant stays the same.
            return column.cast(pa.timestamp("us", kind.tz), safe=False)
        if types.is_run_end_encoded(kind):
            return pa.chunked_array(
                [pc.run_end_decode(chunk) for chunk in column.chunks], kind.value_type
            )
        if types.is_decimal256(kind):
            return column.cast(pa.decimal128(38, kind.scale))
        if types.is_decimal32(kind) or types.is_decimal64(kind):
            return column.cast(pa.decimal128(kind.precision, kind.scale))
        if types.is_dictionary(kind):
            # DuckDB would read a dictionary of numbers as numbers.
            labels = pa.dictionary(pa.int32(), pa.string())
            texts = column.cast(kind.value_type).cast(pa.string())
            return column.cast(labels) if kind == labels else texts.dictionary_encode()
        if types.is_union(kind) or isinstance(kind, pa.BaseExtensionType):
            raise pa.ArrowNotImplementedError
    except pa.ArrowException as failure:
        raise refused_type(name, str(kind)) from failure
    return column


def period_extension(field: pa.Field) -> str:
    """The name of the type of pandas' periods, "" for any other field.

    They are stored as whole numbers that mean nothing without the type: 600 is January 2020.  If
    pandas has not been imported, only the metadata say so.
    """
    told = (field.metadata or {}).get(b"ARROW:extension:name", b"").decode("utf-8", "replace")
    name = getattr(field.type, "extension_name", told)
    return name if name == "pandas.period" else ""


def _levels(column: pa.ChunkedArray) -> list[str]:
    """The different labels of a dictionary column, in its own order; none for others."""
    if not pa.types.is_dictionary(column.type):
        return []
    labels: dict[str, None] = {}
    for chunk in column.chunks:
        labels.update(dict.fromkeys(chunk.dictionary.drop_null().to_pylist()))
    return list(labels)


def values_fingerprint(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> str:
    """SHA-256 over names, types and values, column by column; the batches' sizes do not count."""
    hashes = [[hashlib.sha256() for _ in range(3)] for _ in schema]
    for batch in batches:
        for (masks, lengths, values), array in zip(hashes, batch.columns, strict=True):
            masks.update(array.is_valid().to_numpy(zero_copy_only=False))
            sizes, data = _plain(array)
            lengths.update(sizes)
            values.update(data)
    total = hashlib.sha256()
    for field, parts in zip(schema, hashes, strict=True):
        total.update(f"{field.name!r} {_plain_type(field.type)}\n".encode())
        total.update(b"".join(part.digest() for part in parts))
    return total.hexdigest()


def _plain_type(kind: pa.DataType) -> str:
    """The type's name; all forms of text have one name."""
    if pa.types.is_dictionary(kind):
        return "label"
    return "text" if _is_text(kind) else str(kind)


def _is_text(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _plain(array: pa.Array) -> tuple[bytes | memoryview, bytes | memoryview]:
    """The values as bytes, nulls as zeros, and their lengths if these vary."""
    kind = array.type
    types = pa.types
    if types.is_dictionary(kind):
        array = array.cast(kind.value_type)
        kind = array.type
    if types.is_boolean(kind):
        return b"", array.fill_null(False).to_numpy(zero_copy_only=False).data
    if types.is_temporal(kind) and not types.is_interval(kind):
        array = array.view(pa.int64() if kind.bit_width == 64 else pa.int32())
        kind = array.type
    if types.is_integer(kind) or types.is_floating(kind):
        return b"", np.ascontiguousarray(array.fill_null(0).to_numpy()).data
    if not _is_text(kind):
        array = pa.array([None if value is None else str(value) for value in array.to_pylist()])
    text = array.cast(pa.large_binary()).fill_null(b"")
    lengths = np.ascontiguousarray(pc.binary_length(text).to_numpy())
    offsets = np.frombuffer(text.buffers()[1], np.int64)[text.offset :][: len(text) + 1]
    data = text.buffers()[2]
    if data is None or len(text) == 0:
        return lengths.data, b""
    return lengths.data, memoryview(data)[int(offsets[0]) : int(offsets[-1])]
