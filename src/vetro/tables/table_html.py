"""A table's columns and its notices as HTML, for notebooks."""

from __future__ import annotations

from collections.abc import Iterable

from vetro.errors import Notice, counted
from vetro.notebook import paragraph, paragraphs, table_html
from vetro.tables.column_words import range_text
from vetro.tables.schema import Schema


def table_as_html(name: str, count: int, schema: Schema, notices: Iterable[Notice]) -> str:
    """The columns with kind, role, range, unit, missing values and an example; the notices."""
    size = f"{counted(count, 'row')}, {counted(len(schema), 'column')}"
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
        for column in schema
    ]
    heads = ("column", "kind", "role", "range or levels", "unit", "missing", "example")
    return (
        paragraph(f"{name}: {size}")
        + table_html(heads, rows, numbers=(5,))
        + paragraphs(map(str, notices))
    )
