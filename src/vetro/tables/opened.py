"""An opened source: a DuckDB relation, and what messages need to know about it.

Every kind of source becomes one of these (sources.py chooses how); scan.py turns it
into a Table.  It reads nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vetro.errors import Notice
from vetro.tables.table import row_place

if TYPE_CHECKING:
    import duckdb


@dataclass
class Opened:
    """A relation of typed or text columns, in the order of the source.

    relation: what stands after FROM.  columns: name -> DuckDB type, in order; VARCHAR
    columns are text whose kind Vetro decides, the others keep their type's meaning.
    is_text: whether the source is delimited text (numbers arrive as text too).
    The relation is read as `(SELECT * FROM relation) AS t(c0, c1, ...)`: its columns are
    taken by position, so that names may differ in case only.
    sep: the separator of a delimited text.  underscores: whether some value may hold
    "_", which DuckDB takes for a digit separator.
    start: what place_of calls row 0 is this row of the relation.
    units: of columns, where the source states them apart from the names.
    explain: turns a failure while reading into the error to raise.  finish: to be called
    once all rows were read; it completes the fingerprint.
    """

    connection: duckdb.DuckDBPyConnection
    relation: str
    columns: dict[str, str]
    name: str
    is_text: bool = False
    sep: str = ""
    fingerprint: str = ""
    notices: list[Notice] = field(default_factory=list)
    place_of: Callable[[int], str] = row_place
    start: int = 0
    underscores: bool = True
    units: dict[str, str] = field(default_factory=dict)
    explain: Callable[[Exception], Exception] = lambda failure: failure
    finish: Callable[[], None] = lambda: None
