"""Writing columns as they come: CSV, TSV, Parquet or JSON lines, in constant memory.

A file appears under its name only when all rows are written.  Floats are written with
the fewest digits that read back to the same number.  In CSV and TSV, " | " joins a list of texts.
It reads nothing.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from vetro.atomic import atomic_file, cannot_save
from vetro.errors import Setting, error, words
from vetro.tables.csv_lines import csv_writer

Columns = Mapping[str, Any]
_Add = Callable[[Columns], None]


class TableWriter:
    """A context whose `write` adds rows to a file; "-" or None is CSV on standard output.

    write(columns): equally long NumPy or Arrow arrays by name, the same names each time;
    NaN and None are missing.  E601 for a suffix that Vetro does not write; E503 if the system
    refuses.  After an exception in the context, the file is unchanged.
    spreadsheet_safe: texts that a spreadsheet would run as a formula get an apostrophe in front;
    for CSV and TSV only, E604 for other files.  what: what E503 calls the file.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        *,
        spreadsheet_safe: bool = False,
        what: str = "",
    ) -> None:
        self._path = None if path is None or os.fspath(path) == "-" else Path(path)
        self._what = what
        self._sink = _sink_for(self._path, spreadsheet_safe)
        self._stack = contextlib.ExitStack()
        self._add: _Add | None = None
        self._names: list[str] = []
        self.rows = 0

    def __enter__(self) -> TableWriter:
        with contextlib.ExitStack() as stack:
            place = (
                _standard_output() if self._path is None else atomic_file(self._path, self._what)
            )
            file = stack.enter_context(place)
            self._add = stack.enter_context(self._sink(file))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._add = None
        self._stack.__exit__(kind, failure, trace)

    def write(self, columns: Columns) -> None:
        """Add rows; ValueError if names or lengths do not fit, or outside the context."""
        lengths = {len(values) for values in columns.values()}
        names = list(columns)
        if self._add is None or len(lengths) != 1 or (self._names and names != self._names):
            raise ValueError(f"columns {names} of lengths {sorted(lengths)} cannot be written")
        self._names = names
        self._add(columns)
        self.rows += lengths.pop()


def _sink_for(path: Path | None, safe: bool) -> Callable[[BinaryIO], Any]:
    """The writer for a kind of file; E601 for an unknown suffix."""
    sinks: dict[str, Callable[[BinaryIO], Any]] = {
        ".csv": partial(_delimited, sep=",", safe=safe),
        ".tsv": partial(_delimited, sep="\t", safe=safe),
        ".parquet": _parquet,
        ".jsonl": _json_lines,
        ".ndjson": _json_lines,
    }
    suffix = ".csv" if path is None else path.suffix.lower()
    if suffix not in sinks:
        reason = f"{suffix} files are not written" if suffix else "the name has no suffix"
        fix = f"Use one of {', '.join(sinks)}."
        raise error("E601", argument=Setting("out"), value=path, reason=reason, fix=fix)
    if safe and suffix not in (".csv", ".tsv"):
        safe_only = Setting("spreadsheet_safe")
        what = words(
            "{setting} is for CSV and TSV files, and {path} is neither",
            setting=safe_only,
            path=path,
        )
        raise error("E604", what=what, fix="Leave it out: no cell of such a file is a formula.")
    return sinks[suffix]


@contextlib.contextmanager
def _standard_output() -> Iterator[BinaryIO]:
    sys.stdout.flush()
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # The reader closed the pipe (| head): this is not a failure of writing.
        raise
    except OSError as failure:
        raise cannot_save("", failure, "to standard output") from failure


@contextlib.contextmanager
def _delimited(file: BinaryIO, sep: str, safe: bool = False) -> Iterator[_Add]:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer = csv_writer(text, sep)
    first = True

    def add(columns: Columns) -> None:
        nonlocal first
        if first:
            writer.writerow(map(_harmless, columns) if safe else columns)
            first = False
        cells = [_texts(values, safe) for values in columns.values()]
        writer.writerows(zip(*cells, strict=True))

    try:
        yield add
    finally:
        # The caller closes the file.
        text.detach()


@contextlib.contextmanager
def _json_lines(file: BinaryIO) -> Iterator[_Add]:
    def add(columns: Columns) -> None:
        keys = [json.dumps(name, ensure_ascii=False) for name in columns]
        rows = zip(*map(_json_texts, columns.values()), strict=True)
        lines = (
            "{" + ", ".join(f"{key}: {text}" for key, text in zip(keys, row, strict=True)) + "}\n"
            for row in rows
        )
        file.write("".join(lines).encode("utf-8"))

    yield add


@contextlib.contextmanager
def _parquet(file: BinaryIO) -> Iterator[_Add]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with contextlib.ExitStack() as stack:
        writers: list[Any] = []

        def add(columns: Columns) -> None:
            table = pa.table({name: _arrow(values) for name, values in columns.items()})
            if not writers:
                writers.append(stack.enter_context(pq.ParquetWriter(file, table.schema)))
            writers[0].write_table(table.cast(writers[0].schema))

        yield add
        if not writers:
            pq.write_table(pa.table({}), file)


def _arrow(values: Any) -> Any:
    """The values as Arrow; a column of missing values only is text."""
    import pyarrow as pa

    if isinstance(values, np.ndarray):
        values = pa.array(values.tolist() if values.dtype.kind in "OU" else values)
    if pa.types.is_null(values.type):
        return values.cast(pa.string())
    if pa.types.is_dictionary(values.type):
        return values.cast(values.type.value_type)
    return values


def _texts(values: Any, safe: bool = False) -> Sequence[str]:
    """The values as texts for a delimited file; missing values are empty."""
    numbers = _floats(values)
    if numbers is None:
        texts = [_text(value) for value in _listed(values)]
        return [_harmless(text) for text in texts] if safe else texts
    return ["" if value != value else text for value, text in _exact(numbers)]


# Spreadsheets run texts that begin with these, also in their wide forms and after blanks.
_FORMULA = re.compile(r"[\s\x00]*[=+\-@|\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?([eE][+-]?\d+)?", re.ASCII)


def _harmless(text: str) -> str:
    """A text that no spreadsheet runs as a formula; numbers such as -5 are not changed."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def _json_texts(values: Any) -> Sequence[str]:
    """The values as JSON; missing ones are null, infinities 1e999, which reads back."""
    numbers = _floats(values)
    if numbers is None:
        return [_json_text(value) for value in _listed(values)]
    return [
        "null" if value != value else text.replace("inf", "1e999")
        for value, text in _exact(numbers)
    ]


def _exact(numbers: NDArray[Any]) -> Iterator[tuple[float, str]]:
    """Each number with its shortest text; numbers of 32 bits need fewer digits than of 64."""
    if numbers.dtype == np.float64:
        return ((value, repr(value)) for value in numbers.tolist())
    return ((float(value), str(value)) for value in numbers)


def _floats(values: Any) -> NDArray[Any] | None:
    """The values as an array if they are floats (NaN where missing), else None."""
    if not isinstance(values, np.ndarray):
        import pyarrow as pa

        if not pa.types.is_floating(values.type):
            return None
        array: NDArray[Any] = values.to_numpy(zero_copy_only=False)
        return array
    return values if values.dtype.kind == "f" else None


def _listed(values: Any) -> Sequence[Any]:
    listed: list[Any] = values.tolist() if isinstance(values, np.ndarray) else values.to_pylist()
    return listed


def _text(value: Any) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return " | ".join(value)
    return repr(value) if isinstance(value, float) else str(value)


def _json_text(value: Any) -> str:
    if value is None or value != value:
        return "null"
    if isinstance(value, float):
        return repr(value).replace("inf", "1e999")
    if isinstance(value, bool | int | dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return json.dumps(_text(value), ensure_ascii=False)
