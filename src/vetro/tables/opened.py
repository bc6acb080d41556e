"""An opened source: a DuckDB relation, with facts about it for messages.

Every kind of source becomes one of these (sources/opening.py chooses how); scan.py turns it
into a Table.  It reads nothing itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vetro.errors import Notice, VetroError, Words, error
from vetro.limits import memory_error
from vetro.tables.connection import unreadable
from vetro.tables.faults import Fault
from vetro.tables.table import row_place

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

MOST_COLUMNS = 16_384
"""As many columns as a spreadsheet has."""


@dataclass
class Opened:
    """A relation of typed or text columns, in the order of the source.

    relation: the SQL after FROM.  columns: name -> DuckDB type, in order; VARCHAR
    columns are text whose kind Vetro decides, the others keep their type's meaning.
    is_text: whether the source is delimited text (numbers arrive as text too).
    The relation is read as `numbered`: its columns are taken by position, so that names may differ
    in case only.
    headed: whether its first line or row may be the names of the columns.
    sep: the separator of a delimited text.  loose: whether some value may hold
    "_" or "+-", with which DuckDB reads numbers that are none.
    as_numbers: for a decimal mark, the same rows with every column read as DOUBLE at once, which
    fails at the first cell that is no number; None if the source cannot do so.
    start: the row of the relation that is row 0 for place_of.
    units: of columns, if the source holds them separately from the names.
    faults: columns that the source cannot provide; they are empty here.
    orders: the texts of columns that the source orders, rising.
    advice: for columns of a type that Vetro does not read, how they can be read.
    beneath: the columns of the text that a query has read, for which options may give kinds too.
    explain: turns a failure of reading into an error that says more than DuckDB's text, if it can.
    digest: the fingerprint, if it is computed during the reading.
    readers: the open readers on the connection, at most one.  A connection answers one query at a
    time, so every query goes through `ask` or `reader`.
    """

    connection: duckdb.DuckDBPyConnection
    relation: str
    columns: dict[str, str]
    name: str
    is_text: bool = False
    headed: bool = False
    sep: str = ""
    fingerprint: str = ""
    notices: list[Notice] = field(default_factory=list)
    place_of: Callable[[int], str] = row_place
    start: int = 0
    loose: bool = True
    as_numbers: Callable[[str], str] | None = None
    units: dict[str, str] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)
    orders: dict[str, tuple[str, ...]] = field(default_factory=dict)
    advice: dict[str, Words] = field(default_factory=dict)
    beneath: frozenset[str] = frozenset()
    explain: Callable[[Exception], Exception] = lambda failure: failure
    digest: Callable[[], str] = lambda: ""
    readers: list[pa.RecordBatchReader] = field(default_factory=list)

    @property
    def numbered(self) -> str:
        """The rows with the columns c0, c1, ..., as SQL after FROM."""
        names = ", ".join(f"c{position}" for position in range(len(self.columns)))
        return f"(SELECT * FROM {self.relation}) AS t({names})"

    def reader(self, query: str, rows: int) -> pa.RecordBatchReader:
        """The rows of a query as record batches of `rows`; later queries may close this reader."""
        self.interrupt()
        found = self.connection.sql(query).to_arrow_reader(rows)
        self.readers.append(found)
        return found

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """The result rows of a short query; an open reader is closed first."""
        self.interrupt()
        with self.explaining():
            return self.connection.sql(query).fetchall()

    def arrays(self, query: str) -> dict[str, Any]:
        """The result of a query as NumPy arrays; an open reader is closed first."""
        self.interrupt()
        with self.explaining():
            found: dict[str, Any] = self.connection.execute(query).fetchnumpy()
            return found

    def interrupt(self) -> None:
        """Close the open reader, if there is one; scan.stream continues with a new one."""
        while self.readers:
            self.readers.pop().close()

    def finish(self) -> None:
        """Complete the fingerprint, after all rows were read."""
        self.fingerprint = self.fingerprint or self.digest()

    @contextlib.contextmanager
    def explaining(self) -> Iterator[None]:
        """A context in which a failure of reading becomes the VetroError that explains it."""
        try:
            yield
        except VetroError:
            raise
        except Exception as failure:
            said = memory_error(failure) or self.explain(failure)
            if not isinstance(said, VetroError):
                said = unreadable(self.name, failure)
            raise said from failure


def check_column_count(count: int, name: str) -> None:
    """E125 for more columns than Vetro reads: each of them costs time, also if it holds nothing."""
    if count > MOST_COLUMNS:
        what = f"it has {count:,} columns, and Vetro reads at most {MOST_COLUMNS:,}"
        raise error("E125", source=name, what=what, fix="Keep only the columns that you need.")
