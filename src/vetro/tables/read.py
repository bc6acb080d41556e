"""Reading: a source becomes a Table, in one pass if all rows agree with the first ones.

read_table holds all rows; chunks.py streams them with a model's schema.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from vetro.addresses import short_name
from vetro.tables.chunks import joined, read_chunks
from vetro.tables.options import ReadOptions
from vetro.tables.schema import Schema
from vetro.tables.table import Table
from vetro.tables.whole import opened_with, read_whole, too_few

_PLAIN = ReadOptions()


def read_table(
    source: object,
    options: ReadOptions = _PLAIN,
    schema: Schema | None = None,
    check: Callable[[Sequence[str]], Collection[str]] | None = None,
) -> Table:
    """All rows of a source, typed and checked.

    check: called with the names of the columns before any cell is read; it may refuse the table.
    It returns the columns that may not be needed; their faults go to Table.faults and do not
    refuse the table yet.

    schema: a model's.  It gives the kinds; its input columns must exist (E401).  Other columns are
    not read, and texts that are not levels of a category become -2.
    TableError: E101 to E166 if the source cannot be read with certainty.
    """
    if schema is not None:
        chunks = list(read_chunks(source, options, schema))
        if not chunks:
            raise too_few(short_name(str(source)), 0, headed=False)
        return joined(chunks)
    opened = opened_with(source, options)
    spared = check(list(opened.columns)) if check is not None else ()
    return read_whole(opened, options, frozenset(spared))
