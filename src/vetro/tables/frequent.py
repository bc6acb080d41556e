"""Columns of many texts: the frequent ones are kept as levels, the others together are <other>.

Only how often texts occur counts, never the target.  roles.py decides about all other columns.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from vetro.errors import Notice, notice
from vetro.tables.labels import unkept
from vetro.tables.level_blocks import RARE, UNSEEN
from vetro.tables.orders import order_of
from vetro.tables.schema import Column
from vetro.tables.table import Table

COVERED = 0.5
"""The share of the rows whose texts must be frequent; below it a column says little of most rows
(measured: docs/log.md)."""


def level_limit(rows: int) -> int:
    """The largest number of levels of a category: 20; up to 100 if each level has 5 rows on
    average; up to 300 if each has 1000 rows on average."""
    return max(20, min(rows // 5, 100), min(rows // 1000, 300))


def has_too_many(column: Column, rows: int) -> bool:
    """Whether a category has more texts than its rows can teach; ordered ones teach each other."""
    several = column.kind == "category" and len(column.levels) > level_limit(rows)
    return several and not order_of(column.levels)


def with_frequent_levels(table: Table, keep: Collection[str]) -> Table:
    """The table; an input of too many texts has the most frequent ones as its levels (I180).

    So many as level_limit allows, each in at least 3 rows, and together in at least half of the
    rows; otherwise the column stays as it is.  Codes of the other texts become -2, as those of
    unseen texts; `distinct` stays the number of all texts.  keep: columns with all their texts;
    columns that may hold numbers or dates keep theirs, too.
    """
    schema, values, notices = table.schema, dict(table.values), list[Notice]()
    for column in schema.inputs:
        spared = column.name in keep or column.name in table.doubts or unkept(column)
        if spared or not has_too_many(column, table.rows):
            continue
        codes = table.values[column.name]
        counts = np.bincount(codes[codes >= 0], minlength=len(column.levels))
        frequent = np.argsort(-counts, kind="stable")[: level_limit(table.rows)]
        chosen = np.sort(frequent[counts[frequent] >= RARE])
        covered = counts[chosen].sum() / table.rows
        if covered < COVERED:
            continue
        lookup = np.full(len(column.levels) + 1, UNSEEN, dtype=codes.dtype)
        lookup[chosen] = np.arange(len(chosen))
        lookup[-1] = -1
        values[column.name] = lookup[codes]
        levels = tuple(column.levels[code] for code in chosen)
        schema = schema.replaced(replace(column, levels=levels))
        notices.append(
            notice(
                "I180",
                column=column.name,
                levels=column.distinct,
                kept=len(levels),
                share=float(covered),
            )
        )
    return replace(table, values=values).with_schema(schema, *notices)
