"""Tables built by hand for tests: from Python lists, without reading a source."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Any

import numpy as np

from vetro.tables.schema import Column, Reading, Role, Schema
from vetro.tables.table import Table

EPOCH = datetime.datetime(1970, 1, 1)


def days(value: datetime.date) -> float:
    """Days since 1970-01-01 with the time of day as a fraction."""
    if not isinstance(value, datetime.datetime):
        value = datetime.datetime(value.year, value.month, value.day)
    return (value - EPOCH) / datetime.timedelta(days=1)


def column(name: str, items: list[Any], role: Role = "input") -> tuple[Column, np.ndarray]:
    """A column and its values: texts make a category, bools a flag, dates a date; None: missing."""
    present = [item for item in items if item is not None]
    missing = len(items) - len(present)
    base = Column(
        name, "number", role, missing=missing, distinct=len(set(present)),
        example=str(present[0]) if present else "",
    )  # fmt: skip
    if present and all(isinstance(item, str) for item in present):
        levels = tuple(sorted(set(present)))
        index = {level: code for code, level in enumerate(levels)}
        codes = np.array([-1 if item is None else index[item] for item in items], dtype=np.int32)
        return replace(base, kind="category", levels=levels), codes
    if present and all(isinstance(item, (bool, np.bool_)) for item in present):
        reading = Reading(flag_words=("no", "yes"))
        values = np.array([np.nan if item is None else float(item) for item in items])
        return replace(base, kind="flag", reading=reading, minimum=0.0, maximum=1.0), values
    kind = "date" if present and isinstance(present[0], datetime.date) else "number"
    numbers = [days(item) if kind == "date" and item is not None else item for item in items]
    values = np.array([np.nan if item is None else float(item) for item in numbers])
    low = float(np.nanmin(values)) if present else None
    high = float(np.nanmax(values)) if present else None
    return replace(base, kind=kind, minimum=low, maximum=high), values


def table(columns: dict[str, list[Any]], *, target: str = "", group: str = "") -> Table:
    """A table of the columns; the named ones get the role target or group."""
    roles: dict[str, Role] = {target: "target", group: "group"}
    built = {name: column(name, items, roles.get(name, "input")) for name, items in columns.items()}
    rows = len(next(iter(columns.values())))
    schema = Schema(tuple(entry for entry, _ in built.values()))
    return Table(schema, {name: values for name, (_, values) in built.items()}, rows, "test.csv")
