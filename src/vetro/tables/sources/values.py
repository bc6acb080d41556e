"""Columns of Python values, gathered in chunks, as Arrow columns of one type each.

It serves sources that return one value at a time: JSON, spreadsheets, SQLite.  A column with values
of different kinds becomes text, so that Vetro's own rules for text decide, and no value is rounded
or cut.  This module decides no kind.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa

# Integers up to here are exact as float64.
EXACT = 2**53

_ARROW = {
    "bool": pa.bool_(),
    "int": pa.int64(),
    "float": pa.float64(),
    "text": pa.string(),
    "date": pa.date32(),
    "datetime": pa.timestamp("us"),
    "time": pa.time64("us"),
    "timedelta": pa.duration("us"),
    "bytes": pa.binary(),
    "nested": pa.string(),
}
_KINDS = {
    str: "text",
    float: "float",
    int: "int",
    bool: "bool",
    dt.date: "date",
    dt.datetime: "datetime",
    dt.time: "time",
    dt.timedelta: "timedelta",
    bytes: "bytes",
    dict: "nested",
    list: "nested",
}


class ValueColumn:
    """One column while it is gathered: chunks of values, each an Arrow array of one kind."""

    def __init__(self) -> None:
        self._chunks: list[tuple[str, pa.Array]] = []
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, values: list[Any]) -> None:
        """Add the values of the next rows."""
        kinds = {_KINDS.get(item, "text") for item in set(map(type, values)) - {type(None)}}
        kind = _joined(kinds, lambda: max(abs(v) for v in values if type(v) is int))
        try:
            array = _array(values, kind)
        except OverflowError:  # a whole number beyond 64 bits
            kind = "text"
            array = _array(values, kind)
        self._length += len(values)
        self._chunks.append((kind, array))

    def append_missing(self, count: int) -> None:
        """Add rows that have no value."""
        if count > 0:
            self._length += count
            self._chunks.append(("", pa.nulls(count)))

    def finish(self) -> tuple[pa.ChunkedArray, bool]:
        """The whole column, and whether it holds nested values (as JSON text)."""
        kind = _joined({kind for kind, _ in self._chunks} - {""}, self._largest)
        arrays = []
        for chunk_kind, chunk in self._chunks:
            if chunk_kind == "":
                arrays.append(pa.nulls(len(chunk), _ARROW[kind or "text"]))
            elif chunk_kind == kind:
                arrays.append(chunk)
            elif (chunk_kind, kind) in {("int", "float"), ("date", "datetime")}:
                arrays.append(chunk.cast(_ARROW[kind]))
            else:
                arrays.append(_array(chunk.to_pylist(), kind))
        return pa.chunked_array(arrays, _ARROW[kind or "text"]), kind == "nested"

    def _largest(self) -> int:
        values = [v for kind, chunk in self._chunks if kind == "int" for v in chunk.to_pylist()]
        return max(abs(int(v)) for v in values if v is not None)


def finished(columns: dict[str, ValueColumn]) -> tuple[pa.Table, dict[str, str]]:
    """The table of the columns, and the casts of the nested ones for open_arrow."""
    arrays = []
    casts = {}
    for name, column in columns.items():
        array, nested = column.finish()
        arrays.append(array)
        if nested:
            casts[name] = "JSON"
    return pa.table(arrays, names=list(columns)), casts


def _joined(kinds: set[str], largest: Callable[[], int]) -> str:
    """The kind that can hold values of all these kinds unchanged."""
    if len(kinds) < 2:
        return next(iter(kinds), "")
    if kinds == {"int", "float"} and largest() <= EXACT:
        return "float"
    if kinds == {"date", "datetime"}:
        return "datetime"
    for strongest in ("nested", "bytes"):
        if strongest in kinds:
            return strongest
    return "text"


def _array(values: Iterable[Any], kind: str) -> pa.Array:
    """The values as an array of the kind."""
    if kind == "nested":
        values = [None if v is None else json.dumps(v, default=str) for v in values]
    elif kind == "bytes":
        values = [None if v is None else v if type(v) is bytes else b"" for v in values]
    elif kind == "text":
        values = [v if v is None or type(v) is str else as_text(v) for v in values]
    elif kind == "datetime":
        values = [
            v if v is None or type(v) is dt.datetime else dt.datetime.combine(v, dt.time.min)
            for v in values
        ]
    elif kind == "":
        values = list(values)
        return pa.nulls(len(values))
    return pa.array(values, _ARROW[kind])


def as_text(value: Any) -> str:
    """A value as it would be written in a text file: whole numbers without a point."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) <= EXACT else repr(value)
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    return str(value)
