"""What a column ranges over in a few words, and a table's columns as a notebook shows them."""

from __future__ import annotations

from vetro.errors import counted
from vetro.notebook import paragraph, table_html
from vetro.tables.instants import date_text
from vetro.tables.schema import Column
from vetro.tables.table import Table
from vetro.visible import visible

LEVELS_SHOWN = 4
LEVEL_WIDTH = 16


def range_text(column: Column) -> str:
    """What the column's values range over, in a few words."""
    if column.kind == "category":
        shown = ", ".join(_cut(level) for level in column.levels[:LEVELS_SHOWN])
        more = ", ..." if len(column.levels) > LEVELS_SHOWN else ""
        count = len(column.levels) or column.distinct
        return f"{count}: {shown}{more}" if shown else f"{counted(count, 'text')}"
    if column.kind == "flag":
        return " / ".join(word for word in column.reading.flag_words if word)
    if column.minimum is None or column.maximum is None:
        return ""
    if column.kind == "date":
        form = column.reading.date_format
        return f"{date_text(column.minimum, form)} .. {date_text(column.maximum, form)}"
    return f"{column.minimum:.6g} .. {column.maximum:.6g}"


def _cut(level: str) -> str:
    level = visible(level)
    return level if len(level) <= LEVEL_WIDTH else level[: LEVEL_WIDTH - 1] + "…"


def table_as_html(table: Table) -> str:
    """The columns with kind, role, range, unit, missing values and an example; the notices."""
    size = f"{counted(table.rows, 'row')}, {counted(len(table.schema), 'column')}"
    rows = [
        (
            column.name,
            column.kind,
            column.role,
            range_text(column),
            column.unit,
            str(column.missing) if column.missing else "",
            column.example,
        )
        for column in table.schema
    ]
    heads = ("column", "kind", "role", "range or levels", "unit", "missing", "example")
    notices = "".join(paragraph(f"{item.code} {item.message}") for item in table.notices)
    return paragraph(f"{table.name}: {size}") + table_html(heads, rows, numbers=(5,)) + notices
