"""Numbers that are probably points in time: seconds or milliseconds since 1970, or days of Excel.

Only the name of a column and its values together say so: prices, populations and telephone numbers
lie in the same ranges.  The column stays one of numbers; the note gives the query that reads it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.errors import Notice, Words, notice, words
from vetro.tables.column_words import words_of
from vetro.tables.connection import quoted
from vetro.tables.numbers import number_text
from vetro.tables.opened import Opened
from vetro.tables.options import ReadOptions
from vetro.tables.schema import Column

_DATED = frozenset(("date", "datetime", "datum", "fecha", "dato"))
_TIMED = _DATED | {
    *("time", "timestamp", "ts", "epoch", "unix", "unixtime", "stamp", "created", "updated"),
    *("modified", "zeit", "zeitstempel", "horodatage", "utc"),
}
_FORMS = (
    # Of September 2001, where seconds have ten digits, to 2039.
    (_TIMED, 10**9, 2_208_988_800, "seconds since 1970", "to_timestamp({name})"),
    (_TIMED, 10**12, 2_208_988_800_000, "milliseconds since 1970", "epoch_ms({name})"),
    # Of 1982 to 2064.
    (
        _DATED,
        30_000,
        60_000,
        "dates as Excel counts them",
        "DATE '1899-12-30' + CAST({name} AS INTEGER)",
    ),
)


def time_code_notices(
    opened: Opened,
    columns: Sequence[Column],
    values: Mapping[str, NDArray[Any]],
    options: ReadOptions,
) -> list[Notice]:
    """I176 for each column of whole numbers whose name and values are those of points in time."""
    found = []
    for column in columns:
        low, high = column.minimum, column.maximum
        if column.kind != "number" or column.name in options.number or low is None or high is None:
            continue
        named = {*words_of(column.name)}
        for names, first, end, what, read in _FORMS:
            if named & names and first <= low < high < end and _all_whole(values[column.name]):
                number = number_text(low)
                fix = _fix(opened, column.name, read.format(name=quoted(column.name)))
                found.append(notice("I176", column=column.name, value=number, what=what, fix=fix))
    return found


def _all_whole(array: NDArray[np.float64]) -> bool:
    present = array[~np.isnan(array)]
    return bool((present == np.floor(present)).all())


def _fix(opened: Opened, name: str, read: str) -> Words:
    """The query that reads the column as dates; only over text is it known what it may name."""
    if not opened.is_text:
        return words("Convert them in the source, or with {=query}, if they are.")
    query = f"SELECT * REPLACE ({read} AS {quoted(name)}) FROM data"
    return words("Use {=query query} if they are.", query=query)
