"""Rows that a fit leaves out: rows of weight 0 and, if asked, rows without a target.

This is the only place where rows are removed from a table, before anything is learnt from it.  The
facts about its columns are computed again for the remaining rows, so that removed rows count
nowhere.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.errors import Notice, VetroError, counted, error, notice, words
from vetro.tables.labels import is_missing, label_of, unkept
from vetro.tables.level_blocks import MISSING
from vetro.tables.schema import Column, Schema
from vetro.tables.table import Table

Bools = NDArray[np.bool_]


def with_rows_that_count(table: Table, drop_missing_target: bool) -> Table:
    """The table without rows of weight 0 (I214) and without rows that lack a target.

    E115: a row of weight above 0 has no target, and drop_missing_target is false (if true: I213).
    E212: the weight of a remaining row is missing or negative, or all weights are 0.  E210: fewer
    than two rows remain.
    """
    idle = _without_weight(table)
    lacking = _without_target(table, idle, drop_missing_target)
    stay = ~(idle | lacking)
    _check_weights(table, stay)
    if stay.all():
        return table
    left = table.take(np.flatnonzero(stay))
    if left.rows < 2:
        one = left.rows == 1
        why = " and a weight above 0" if idle.any() else ""
        have = f"{counted(left.rows, 'row')} {'has' if one else 'have'} a target{why}"
        raise error("E210", what=have, fix=words("At least 2 are needed: check {=targets}."))
    return _restated(left, _said(idle, lacking))


def weights_of(table: Table, rows: NDArray[Any] | None = None) -> NDArray[np.float64] | None:
    """The weights of the given rows with mean 1, (n,), or None without a weight column.

    rows: row numbers, or a bool per row of the table.  The table holds only rows that count.
    """
    values = table.weights
    if values is None:
        return None
    weights = np.array(values if rows is None else values[rows], dtype=np.float64)
    weights /= weights.max(initial=0.0)
    weights /= weights.mean()
    return weights


def _without_weight(table: Table) -> Bools:
    values = table.weights
    return np.zeros(table.rows, dtype=np.bool_) if values is None else values == 0


def _without_target(table: Table, idle: Bools, drop: bool) -> Bools:
    """Which rows have no target; E115 if one of them counts, unless `drop`."""
    missing = np.zeros(table.rows, dtype=np.bool_)
    for column in table.schema.targets:
        lacking = is_missing(table.values[column.name]) & ~idle
        if lacking.any() and not drop:
            rows = counted(int(lacking.sum()), "row")
            place = table.place_of(int(lacking.argmax()))
            raise error("E115", column=column.name, rows=rows, place=place)
        missing |= lacking
    return missing


def _check_weights(table: Table, stay: Bools) -> None:
    values = table.weights
    if values is None:
        return
    wrong = ~(np.isfinite(values) & (values >= 0)) & stay
    if wrong.any():
        row = int(wrong.argmax())
        raise _bad_weight(table, row, "missing" if np.isnan(values[row]) else "negative")
    if table.rows and not (values != 0).any():
        raise _bad_weight(table, 0, "0, as are all others")


def _bad_weight(table: Table, row: int, what: str) -> VetroError:
    column = table.schema.with_role("weight")[0]
    value = table.values[column.name][row]
    text = '""' if np.isnan(value) else column.with_unit(label_of(column, float(value)))
    return error("E212", column=column.name, place=table.place_of(row), value=text, what=what)


def _said(idle: Bools, lacking: Bools) -> list[Notice]:
    codes = (("I214", idle), ("I213", lacking))
    return [
        notice(code, rows=counted(int(rows.sum()), "row")) for code, rows in codes if rows.any()
    ]


def _restated(table: Table, notices: list[Notice]) -> Table:
    """The table with the facts about its columns for its own rows: levels, ranges, counts."""
    columns, values = [], {}
    for column in table.schema:
        entry, array = _seen(column, table.values[column.name])
        columns.append(entry)
        values[column.name] = array
    return replace(table, values=values).with_schema(Schema(tuple(columns)), *notices)


def _seen(column: Column, values: NDArray[Any]) -> tuple[Column, NDArray[Any]]:
    """The column with the facts of these rows, and its values; codes number the remaining levels in
    their old order."""
    if unkept(column):
        return column, values
    missing = is_missing(values)
    present = np.unique(values[~missing])
    column = replace(column, missing=int(missing.sum()), distinct=len(present))
    if len(present) == 0:
        return replace(column, minimum=None, maximum=None, example=""), values
    first = values[int((~missing).argmax())]
    column = replace(column, example=label_of(column, float(first)))
    if column.kind == "category":
        levels = tuple(column.levels[code] for code in present)
        codes = np.searchsorted(present, values).astype(values.dtype)
        codes[missing] = MISSING
        return replace(column, levels=levels), codes
    if column.minimum is None and column.maximum is None:
        return column, values
    return replace(column, minimum=float(present[0]), maximum=float(present[-1])), values
