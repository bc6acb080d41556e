"""JSON: one object per line (.jsonl, .ndjson), or an array of objects (.json).

A file that is one object may hold a table too (json_object.py).

Each key is a column, in order of first appearance; if an object lacks a key, the value is
missing.  Numbers, flags and texts keep their kind, a column of several kinds becomes text,
and nested values stay JSON.  Dates are texts here, because JSON has no dates.
"""

from __future__ import annotations

import gzip
import io
import itertools
import json
import os
import re
from array import array
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vetro.errors import Notice, VetroError, Words, error, notice, shown, words
from vetro.tables.connection import files_fingerprint, literal, quoted
from vetro.tables.faults import Fault
from vetro.tables.opened import Opened
from vetro.tables.options import ReadOptions
from vetro.tables.sources.json_object import UndecidedError, only_object, rows_of_object
from vetro.tables.sources.packed import unpacked
from vetro.tables.table import row_place

if TYPE_CHECKING:
    import pyarrow as pa

_CHUNK, _MOST_PARTS = 20_000, 10
_ROW = 'Write each row as {"column": value, ...}.'
_MOST_DIGITS = 400
_MOST_SPARSE_CELLS = 1 << 24
_LEAST_SHARE = 0.02
"""Objects of a larger rectangle must fill at least this share of it."""
_BLANKS = re.compile(r"[ \t\n\r]*")


def open_json(source: str | os.PathLike[str], options: ReadOptions) -> Opened:
    """The objects as rows; E125 with the line of a value that is not an object, E101 for none."""
    from vetro.tables.sources.arrow import open_arrow
    from vetro.tables.sources.values import ValueColumn, finished

    path = Path(source)
    columns: dict[str, ValueColumn] = {}
    faults: dict[str, Fault] = {}
    places = array("q")
    rows = values_ = 0
    said: list[Notice] = []
    for chunk in _chunks(path, places, said):
        values_ += sum(map(len, chunk))
        _check_span(path, rows + len(chunk), {*columns, *itertools.chain(*chunk)}, values_)
        for key, values in _transposed(chunk):
            if key not in columns:
                columns[key] = ValueColumn()
                columns[key].append_missing(rows)
            try:
                columns[key].append(values)
            except UnicodeEncodeError as failure:
                what = f'column "{shown(key)}" holds half of a surrogate pair'
                refusal = _broken(path, what, "Write it again.")
                refusal.__cause__ = failure
                faults.setdefault(key, Fault(refusal))
                columns[key].append_missing(len(values))
        rows += len(chunk)
        for column in columns.values():
            column.append_missing(rows - len(column))
    if not columns:
        size = "0 bytes" if path.stat().st_size == 0 else "no object with a value"
        raise error("E101", source=path.name, size=size)
    table, casts = finished(columns)
    opened = open_arrow(
        table,
        path.name,
        fingerprint=files_fingerprint([path]),
        place_of=_place_of(places) if places else row_place,
        casts=casts,
        faults=faults,
    )
    opened.notices += said
    opened.advice = {name: _unnested(name, table.column(name)) for name in casts}
    return opened


def _unnested(name: str, column: pa.ChunkedArray) -> Words:
    """The query that makes columns of the first parts of a column of objects or lists."""
    values = map(json.loads, column.drop_null().to_pylist())
    first = next(value for value in values if isinstance(value, dict | list))
    keys = itertools.islice(first if isinstance(first, dict) else range(len(first)), _MOST_PARTS)
    of = quoted(name)
    parts = [
        f"{of}->>{literal(key) if isinstance(key, str) else key} AS {quoted(f'{name}.{key}')}"
        for key in keys
    ]
    query = f"SELECT {', '.join([f'* EXCLUDE ({of})', *parts])} FROM data"
    return words("Read its parts with {=query query}.", query=query)


def _check_span(path: Path, rows: int, keys: set[str], values: int) -> None:
    """E125 if the keys differ from object to object: then many columns hold few values."""
    area = rows * len(keys)
    if area > _MOST_SPARSE_CELLS and values < _LEAST_SHARE * area:
        what = f"its {values:,} values span {rows:,} rows and {len(keys):,} columns"
        raise _broken(path, what, "Give each object the same keys.")


def _transposed(chunk: list[dict[str, Any]]) -> Iterator[tuple[str, list[Any]]]:
    """The values of each key, None where an object lacks it."""
    keys = tuple(chunk[0])
    if all(tuple(record) == keys for record in chunk):
        yield from zip(keys, map(list, zip(*map(dict.values, chunk), strict=True)), strict=True)
        return
    for key in dict.fromkeys(key for record in chunk for key in record):
        yield key, [record.get(key) for record in chunk]


def _place_of(lines: array[int]) -> Callable[[int], str]:
    return lambda row: f"line {lines[row]}"


def _chunks(path: Path, places: array[int], said: list[Notice]) -> Iterator[list[dict[str, Any]]]:
    """The objects in chunks; `places` receives each one's line where there is one a line."""
    packed = path.suffix.lower() == ".gz"
    try:
        with _text(path, packed) as file:
            start = file.read(4096).lstrip()[:1]
        if start == "{":
            with _text(path, packed) as file:
                document = only_object(file, _decoder().decode)
            if document is not None:
                yield from _of_object(path, document, said)
                return
        with _text(path, packed) as file:
            records = _array(path, file.read()) if start == "[" else _lines(path, file, places)
            yield from _batched(records)
    except UnicodeDecodeError as failure:
        what = f"byte 0x{failure.object[failure.start]:02X} is not UTF-8"
        raise _broken(path, what, "Write it again as UTF-8.") from failure
    except (EOFError, gzip.BadGzipFile) as failure:
        raise _broken(path, "it is not whole gzip", "Pack it again.") from failure


def _of_object(
    path: Path, document: dict[str, Any], said: list[Notice]
) -> Iterator[list[dict[str, Any]]]:
    try:
        rows, how = rows_of_object(document)
    except UndecidedError as failure:
        raise _broken(path, failure.what, failure.fix) from None
    if how:
        said.append(notice("I169", source=path.name, how=how))
    yield from _batched(rows)


def _batched(records: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    waiting = iter(records)
    while chunk := list(itertools.islice(waiting, _CHUNK)):
        yield chunk


def _text(path: Path, packed: bool) -> io.TextIOWrapper:
    return io.TextIOWrapper(unpacked(path) if packed else path.open("rb"), encoding="utf-8-sig")


def _array(path: Path, text: str) -> Iterator[dict[str, Any]]:
    """The objects of an array, without all of them in memory at once."""
    try:
        for position, record in enumerate(_elements(text), start=1):
            if not isinstance(record, dict):
                raise _broken(path, f"element {position} of the array is not an object", _ROW)
            yield record
    except json.JSONDecodeError as failure:
        raise _not_json(path, failure.lineno, failure) from failure
    except (_RepeatedKeyError, RecursionError) as failure:
        raise _broken(path, _why(failure), "Correct it.") from failure


def _elements(text: str) -> Iterator[Any]:
    """The elements of a text that begins with "["; it fails like json.loads."""
    decode = _decoder().raw_decode

    def skipped(at: int) -> int:
        found = _BLANKS.match(text, at)
        return found.end() if found else at

    at = skipped(skipped(0) + 1)
    ended = text[at : at + 1] == "]"
    while not ended:
        record, at = decode(text, at)
        yield record
        at = skipped(at)
        mark = text[at : at + 1]
        if mark not in (",", "]"):
            raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
        ended = mark == "]"
        at = at if ended else skipped(at + 1)
    if (end := skipped(at + 1)) < len(text):
        raise json.JSONDecodeError("Extra data", text, end)


def _lines(path: Path, file: Any, places: array[int]) -> Iterator[dict[str, Any]]:
    decode = _decoder().decode
    for line, text in enumerate(file, start=1):
        if not text.strip():
            continue
        try:
            record = decode(text.rstrip("\n"))
        except json.JSONDecodeError as failure:
            raise _not_json(path, line, failure) from failure
        except (_RepeatedKeyError, RecursionError) as failure:
            raise _broken(path, _why(failure), "Correct it.", line) from failure
        if not isinstance(record, dict):
            raise _broken(path, "it is not an object", _ROW, line)
        places.append(line)
        yield record


class _RepeatedKeyError(ValueError):
    """An object has a key twice."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _RepeatedKeyError(next(key for key in keys if keys.count(key) > 1))
    return record


def _whole_number(text: str) -> int | str:
    """A whole number; a text if it has more digits than Python reads, such as 400 nines."""
    return int(text) if len(text) <= _MOST_DIGITS else text


def _decoder() -> json.JSONDecoder:
    return json.JSONDecoder(object_pairs_hook=_object, parse_int=_whole_number)


def _why(failure: Exception) -> str:
    if isinstance(failure, _RepeatedKeyError):
        return f'an object has the key "{shown(failure)}" twice'
    return "its values are nested too deeply"


def _not_json(path: Path, line: int, failure: json.JSONDecodeError) -> VetroError:
    what = f"not valid JSON at column {failure.colno} ({failure.msg})"
    if failure.msg == "Extra data":
        what = f"more than one value in the line (the second at column {failure.colno})"
    elif line == 1 and failure.doc.strip() in ("{", "["):
        what = "each object must be on one line"
    return _broken(path, what, "Correct it, or write one object per line.", line)


def _broken(path: Path, what: str, fix: str | Words, line: int = 0) -> VetroError:
    source = f"{path.name}:{line}" if line else path.name
    return error("E125", source=source, what=what, fix=fix)
