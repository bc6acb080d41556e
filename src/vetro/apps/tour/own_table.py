"""The reader's own table in step 19: the cell that names it, in place of the tour's cell.

tour_command.py asks for it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import vetro
from vetro.addresses import is_address, kept
from vetro.glass.rows import cell, measured
from vetro.tables.schema import Column
from vetro.tables.table import Table


def place_of(typed: str) -> str:
    """The source that the reader typed; a path is made absolute, as the tour has its own folder."""
    text = typed.strip().strip("'\"")
    if not text or is_address(text):
        return kept(text)
    return str(Path(text).expanduser().absolute())


def columns_of(source: str) -> list[str]:
    """The columns of a table, to choose a target from; TableError as in vetro.inspect."""
    return [column.name for column in vetro.inspect(source).schema]


def own_cell(source: str, target: str) -> str:
    """Lines that name a table, its target, a row and a claim; TableError as in vetro.inspect."""
    table = vetro.inspect(source, target)
    inputs = table.schema.inputs
    cause = next((column for column in inputs if column.kind == "number"), inputs[0])
    claim = f"{_effect(table.schema[target])} rises with {cause.name}"
    row = ", ".join(f"{name!r}: {value!r}" for name, value in _row(table).items())
    return f"table = {source!r}\ntarget = {target!r}\nrow = {{{row}}}\nclaim = {claim!r}"


def _effect(target: Column) -> str:
    """The answer's name in a claim."""
    if target.kind == "category":
        return f"P({target.levels[0]})"
    if target.kind == "flag":
        return f"P({cell(target, 1.0)})"
    return target.name


def _row(table: Table) -> dict[str, float | str]:
    """The inputs of the first complete row, else of the first row, as a person would type them."""
    columns = table.schema.inputs
    present = [
        values >= 0 if column.kind == "category" else ~np.isnan(values)
        for column in columns
        for values in (table.values[column.name],)
    ]
    place = int(np.argmax(np.all(present, axis=0)))
    row: dict[str, float | str] = {}
    for column, known in zip(columns, present, strict=True):
        value = float(table.values[column.name][place])
        if not known[place]:
            row[column.name] = ""
        else:
            bare = column.kind == "number" and not column.reading.unit
            row[column.name] = value if bare else measured(column, value)
    return row
