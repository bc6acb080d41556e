"""What reading a SQLite file may cost, in proportion to its size.

A view and a computed column are programs: a file of 8 KB may give rows without end, or values of
gigabytes.  A stored table never reaches these bounds.  The steps and rows of a user's own query are
not bounded, but Ctrl-C ends it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vetro.errors import VetroError, Words, error, shown, words
from vetro.tables.sources.packed import MOST_BYTES, MOST_TIMES
from vetro.tables.sources.text.textfaults import LONGEST_FIELD

LEAST_ROWS = 2_000_000
"""Rows are bounded by this, or by the bytes of the file if these are more."""

_CHUNK = 2000
_EVERY = 1_000_000
_LEAST_STEPS, _STEPS_PER_BYTE = 150_000_000, 500
_LONGEST = 1_000_000_000  # as SQLite itself


class Bounds:
    """The bounds of one reading.  table: what is read, as SQL; "" for a user's query."""

    def __init__(self, base: sqlite3.Connection, path: Path) -> None:
        size = path.stat().st_size
        log = path.with_name(path.name + "-wal")
        size += log.stat().st_size if log.is_file() else 0
        self.failure: BaseException | None = None
        self._name, self.table = path.name, ""
        self._rows = max(LEAST_ROWS, size)
        self._bytes = max(MOST_BYTES, MOST_TIMES * size)
        self._steps = max(_LEAST_STEPS, _STEPS_PER_BYTE * size)
        # A value of the file is no longer than the file.
        base.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, min(max(LONGEST_FIELD, size), _LONGEST))
        base.set_progress_handler(self._step, _EVERY)

    def chunks(self, cursor: sqlite3.Cursor) -> Iterator[list[tuple[Any, ...]]]:
        """The rows in chunks; E125 if there are too many of them, or of their bytes."""
        while rows := cursor.fetchmany(_CHUNK):
            self._rows -= len(rows)
            if self._rows < 0 and self.table:
                raise self._stopped(f"more than {LEAST_ROWS:,} rows")
            self._bytes -= sum(len(v) for row in rows for v in row if isinstance(v, str | bytes))
            if self._bytes < 0 and self.table:
                raise self._stopped(f"more than {MOST_BYTES >> 20} MiB of text")
            yield rows

    def explained(self, failure: Exception) -> BaseException | None:
        """The error of a bound that ended the reading; None if it failed for another reason."""
        if self.failure is None and "string or blob too big" in str(failure):
            what = "a computed value is longer than 1 MiB and than the file"
            fix = words("Name the other columns with {=query}.")
            return error("E125", source=self._name, what=what, fix=fix)
        return self.failure

    def _step(self) -> int:
        """Called by SQLite after some steps; not 0 ends the reading."""
        try:
            self._steps -= _EVERY
            if self._steps < 0 and self.table:
                self.failure = self._stopped(f"more than {_LEAST_STEPS:,} steps")
        except BaseException as failure:  # Ctrl-C, which SQLite would not pass on
            self.failure = failure
        return self.failure is not None

    def _stopped(self, bound: str) -> VetroError:
        fix: Words = words(
            "If its rows are right, read them with {=query query}.",
            query=f"SELECT * FROM {self.table} LIMIT 10000",
        )
        what = f"{shown(self.table)} takes {bound}, too many for a file of this size"
        return error("E125", source=self._name, what=what, fix=fix)
