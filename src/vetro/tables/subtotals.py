"""Subtotals among the rows: a row called "Total" or "Total North" whose numbers sum up other rows.

They count the same things twice.  A name alone is no proof, since "total" may be a value; so a row
is a subtotal only if one of its numbers is the sum of rows above it.  footer.py knows those at the
end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.errors import Notice, counted, notice, words
from vetro.tables.connection import literal, quoted
from vetro.tables.opened import Opened
from vetro.tables.schema import Column
from vetro.tables.sources.footer import TOTALS

_CLOSE = 1e-6


def subtotal_notices(
    opened: Opened, columns: Sequence[Column], values: Mapping[str, NDArray[Any]]
) -> list[Notice]:
    """W174 for the first column whose texts name subtotals."""
    numeric = [values[column.name] for column in columns if column.kind == "number"]
    for column in columns:
        if column.kind != "category" or not numeric:
            continue
        named = [code for code, level in enumerate(column.levels) if _names_a_total(level)]
        rows = np.flatnonzero(np.isin(values[column.name], named)) if named else np.empty(0, int)
        if not 0 < len(rows) <= len(values[column.name]) // 3:
            continue
        if 2 * max(_sums(rows, array) for array in numeric) >= len(rows):
            codes = dict.fromkeys(values[column.name][rows].tolist())
            return [_said(opened, column, [column.levels[code] for code in codes], rows)]
    return []


def _names_a_total(level: str) -> bool:
    """Whether a text is a word for a total, or begins or ends with one."""
    words_ = level.casefold().strip(" :=.").split()
    return bool(words_) and (
        " ".join(words_) in TOTALS or bool({words_[0].rstrip(":"), words_[-1]} & TOTALS)
    )


def _sums(rows: NDArray[Any], values: NDArray[np.float64]) -> int:
    """How many of these rows hold the sum of the rows since the one before, or of all above."""
    numbers = np.nan_to_num(values, posinf=0.0, neginf=0.0)
    others = numbers.copy()
    others[rows] = 0.0
    above = np.cumsum(others)
    since = np.diff(above[rows], prepend=0.0)
    totals = numbers[rows]
    close = _CLOSE * np.abs(totals)
    fits = (np.abs(since - totals) <= close) | (np.abs(above[rows] - totals) <= close)
    return int(np.count_nonzero(fits & (totals != 0)))


def _said(opened: Opened, column: Column, levels: list[str], rows: NDArray[Any]) -> Notice:
    fix: Any = "Remove them."
    if opened.is_text:
        listing = ", ".join(map(literal, levels))
        name = column.name if _is_plain(opened, column.name) else quoted(column.name)
        query = f"SELECT * FROM data WHERE coalesce({name}, '') NOT IN ({listing})"
        fix = words("Use {=query query} to leave them out, or remove them.", query=query)
    return notice(
        "W174",
        column=column.name,
        value=levels[0],
        rows=counted(len(rows), "row"),
        place=opened.place_of(int(rows[0])),
        fix=fix,
    )


def _is_plain(opened: Opened, name: str) -> bool:
    """Whether a name needs no quotes in SQL, so that the query is easier to paste."""
    keyword = f"SELECT 1 FROM duckdb_keywords() WHERE keyword_name = {literal(name.lower())}"
    return name.isascii() and name.isidentifier() and not opened.ask(keyword)
