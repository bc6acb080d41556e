"""A column in words: the words of its name, and its range or levels."""

from __future__ import annotations

import re

from vetro.errors import counted
from vetro.figures import ends
from vetro.tables.instants import date_text
from vetro.tables.schema import Column
from vetro.visible import visible

LEVELS_SHOWN = 4
LEVEL_WIDTH = 16
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def words_of(name: str) -> list[str]:
    """The words of a column's name in lower case: "customer" and "id" of customerID."""
    return [word.casefold() for word in _WORD.findall(name)]


def range_text(column: Column) -> str:
    """The range of the column's values, or its levels, in a few words."""
    if column.kind == "category":
        mark, levels = (" < ", column.order) if column.order else (", ", column.levels)
        shown = mark.join(_cut(level) for level in levels[:LEVELS_SHOWN])
        more = f"{mark}..." if len(levels) > LEVELS_SHOWN else ""
        count = len(column.levels) or column.distinct
        return f"{count}: {shown}{more}" if shown else f"{counted(count, 'text')}"
    if column.kind == "flag":
        return " / ".join(word for word in column.reading.flag_words if word)
    if column.minimum is None or column.maximum is None:
        return ""
    if column.kind == "date":
        form = column.reading.date_format
        return f"{date_text(column.minimum, form)} .. {date_text(column.maximum, form)}"
    return " .. ".join(ends(column.minimum, column.maximum))


def _cut(level: str) -> str:
    level = visible(level)
    return level if len(level) <= LEVEL_WIDTH else level[: LEVEL_WIDTH - 1] + "…"
