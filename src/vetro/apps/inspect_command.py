"""`vetro inspect`: the content of a table and how Vetro reads it, before any training."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vetro.addresses import kept
from vetro.apps.options import READING, ROLES, Given, JsonOption, taking
from vetro.apps.present import (
    console,
    print_json,
    say,
    show_notices,
    table,
)
from vetro.errors import counted
from vetro.tables.column_words import range_text
from vetro.tables.instants import date_text

if TYPE_CHECKING:
    from vetro.tables.schema import Column
    from vetro.tables.table import Table

NARROW = 72  # on a terminal with fewer characters per line, the examples are left out


@taking(roles=ROLES, reading=READING)
def inspect(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="File, folder, glob or database to look at.")
    ],
    *,
    json: JsonOption = False,
    roles: Given,
    reading: Given,
) -> None:
    """Show what a table holds and how it is read."""
    from vetro.model.asked_table import looked_at
    from vetro.model.request import FitRequest

    request = FitRequest(()).with_settings({**roles, **reading})
    found, task = looked_at(source, request)
    if json:
        print_json(_json(source, found, task), found.notices)
    else:
        _show(found, task)


def _show(found: Table, task: str) -> None:
    size = f"{counted(found.rows, 'row')}, {counted(len(found.schema), 'column')}"
    say(f"{found.name}: {size}{f', {task}' if task else ''}")
    say()
    column_rows(list(found.schema), found.rows, with_targets=bool(task))
    if found.notices:
        say()
        ordered = sorted(found.notices, key=lambda item: item.is_warning)
        show_notices(ordered, sys.stdout)


def column_rows(columns: list[Column], rows: int, *, with_targets: bool) -> None:
    """A table of columns; fields that are empty for all of them are left out."""
    parts: list[tuple[str, list[str]]] = [
        ("column", [column.name for column in columns]),
        ("kind", [column.kind for column in columns]),
        ("role", [_role(column, with_targets) for column in columns]),
        ("range or levels", [range_text(column) for column in columns]),
        ("unit", [column.unit for column in columns]),
        ("missing", [_missing(column, rows) for column in columns]),
        ("example", [column.example for column in columns]),
    ]
    if console().width < NARROW:
        parts.pop()
    shown = [(head, cells) for head, cells in parts if head == "column" or any(cells)]
    heads = [head for head, _ in shown]
    right = [index for index, head in enumerate(heads) if head == "missing"]
    table(heads, zip(*(cells for _, cells in shown), strict=True), numbers=right)


def _role(column: Column, with_targets: bool) -> str:
    return column.role if with_targets or column.role != "input" else ""


def _missing(column: Column, rows: int) -> str:
    return f"{column.missing} ({column.missing / max(rows, 1):.1%})" if column.missing else ""


def column_json(column: Column) -> dict[str, Any]:
    """A column as JSON; the range of a date is ISO text."""
    data = asdict(column)
    if column.kind == "date":
        for end in ("minimum", "maximum"):
            form = column.reading.date_format
            data[end] = None if data[end] is None else date_text(data[end], form)
    return data


def _json(source: str, found: Table, task: str) -> dict[str, Any]:
    return {
        "source": kept(source),
        "name": found.name,
        "sha256": found.fingerprint or None,
        "rows": found.rows,
        "task": task or None,
        "columns": [column_json(column) for column in found.schema],
    }
