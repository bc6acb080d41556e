"""Columns of Python's date, datetime, time and timedelta objects, before Arrow takes them.

Arrow would drop the time of a datetime that follows a date.  It would also read a datetime without
an offset as UTC if another one has an offset.  Arrow converts columns of other objects itself.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from vetro.errors import Notice, error, notice
from vetro.tables.lookups import of_two
from vetro.tables.table import row_place


def dated_objects(given: Any, column: str) -> tuple[Any, list[Notice]]:
    """The values; if the column has dates and datetimes, dates become datetimes.  E128 and E135.

    I177 if the datetimes have several offsets from UTC.
    None, NaN and pandas' NaT are missing.
    """
    if not any(
        issubclass(item, (dt.date, dt.time, dt.timedelta)) for item in set(map(type, given))
    ):
        return given, []
    values: Sequence[Any] = list(given)
    kinds: dict[str, int] = {}
    offsets: dict[dt.timedelta, str] = {}
    for row, value in enumerate(values):
        if isinstance(value, (dt.date, dt.time, dt.timedelta)) and value == value:  # NaT differs
            kinds.setdefault(_kind(value), row)
            offset = value.utcoffset() if isinstance(value, dt.datetime) else None
            if offset is not None and offset not in offsets:
                offsets[offset] = str(value)
    if len(kinds) < 2 and "time with an offset" not in kinds:
        if len(offsets) < 2:
            return given, []
        ends = {"first": offsets[min(offsets)], "second": offsets[max(offsets)]}
        return given, [notice("I177", column=column, **ends)]
    if {"aware", "naive"} <= set(kinds) or {"aware", "date"} <= set(kinds):
        zoned = kinds["aware"]
        naive = min(row for kind, row in kinds.items() if kind != "aware")
        first, second = ((row_place(row), values[row]) for row in (zoned, naive))
        raise of_two("E135", column, first, second)
    if set(kinds) != {"naive", "date"}:
        names = sorted({type(values[row]).__name__ for row in kinds.values()})
        type_ = " and ".join(names) if len(names) > 1 else "time with an offset from UTC"
        fix = "Give the column one kind of value."
        raise error("E128", column=column, type=type_, fix=fix)
    dated = [
        dt.datetime.combine(value, dt.time.min)
        if isinstance(value, dt.date) and not isinstance(value, dt.datetime)
        else value
        for value in values
    ]
    return dated, []


def _kind(value: dt.date | dt.time | dt.timedelta) -> str:
    if isinstance(value, dt.datetime):
        return "naive" if value.utcoffset() is None else "aware"
    if isinstance(value, dt.time):
        return "time" if value.tzinfo is None else "time with an offset"
    return "date" if isinstance(value, dt.date) else "duration"
