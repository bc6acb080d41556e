"""A table's columns and its notices as HTML, for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vetro.errors import counted
from vetro.notebook import paragraph, table_html
from vetro.tables.column_words import range_text

if TYPE_CHECKING:
    from vetro.tables.table import Table


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
