"""SQL over delimited text: the query sees the values that Vetro has read, not the texts.

As texts, "9" > "28" would be true.  database.py runs queries over typed sources.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vetro.tables.doubts import CATEGORY
from vetro.tables.instants import is_duration, is_time
from vetro.tables.opened import Opened
from vetro.tables.options import ReadOptions
from vetro.tables.schema import KINDS, Column
from vetro.tables.sources.arrow import open_arrow
from vetro.tables.sources.database import with_query
from vetro.tables.table import Table

_ASKED_AGAIN = ("W174", "I176")
_MICROSECONDS = 86_400_000_000


def query_table(table: Table, query: str) -> Opened:
    """The rows of a query over a table that was read from text; the query calls it `data`.

    Numbers are BIGINT if all are whole, else DOUBLE.  Durations are INTERVAL, dates DATE or
    TIMESTAMP (TIMESTAMPTZ if they have an offset), times of day TIME, flags BOOLEAN, categories
    VARCHAR; missing values are NULL.
    """
    columns = {column.name: _arrow(column, table.values[column.name]) for column in table.schema}
    opened = open_arrow(pa.table(columns), table.name)
    # The texts and rows of the answer are looked at again, where it is read.
    again = {doubt.said(CATEGORY) for doubt in table.doubts.values()}
    notices = [
        item for item in table.notices if item not in again and item.code not in _ASKED_AGAIN
    ]
    return with_query(replace(opened, notices=notices), query)


def without_query(opened: Opened, options: ReadOptions) -> ReadOptions:
    """The options for reading the text itself, without columns that only the query's result has."""
    present = set(opened.columns)

    def known(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in names if name in present)

    kinds: dict[str, Any] = {kind: known(getattr(options, kind)) for kind in KINDS}
    return replace(options, query="", keep=(), **kinds)


def _arrow(column: Column, values: NDArray[Any]) -> pa.Array:
    if column.kind == "category":
        codes = pa.array(values, mask=values < 0, type=pa.int32())
        return pa.DictionaryArray.from_arrays(codes, pa.array(column.levels, pa.string())).cast(
            pa.string()
        )
    missing = np.isnan(values)
    filled = np.where(missing, 0.0, values)
    if column.kind == "flag":
        return pa.array(filled != 0, mask=missing)
    whole = bool((filled == np.floor(filled)).all())
    if column.kind == "date":
        reading = column.reading
        if is_time(reading.date_format):
            clocks = np.round(filled * _MICROSECONDS).astype(np.int64)
            return pa.array(clocks, mask=missing).cast(pa.time64("us"))
        if whole and not reading.zoned:
            return pa.array(filled.astype(np.int32), mask=missing).cast(pa.date32())
        moments = np.round(filled * _MICROSECONDS).astype(np.int64)
        zone = "UTC" if reading.zoned else None
        return pa.array(moments, mask=missing).cast(pa.timestamp("us", zone))
    if is_duration(column.reading.date_format):
        spans = np.round(filled * 1e6).astype(np.int64)
        return pa.array(spans, mask=missing).cast(pa.duration("us"))
    if whole and bool((np.abs(filled) < 2**53).all()):
        return pa.array(filled.astype(np.int64), mask=missing)
    return pa.array(values, mask=missing)
