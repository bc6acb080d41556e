"""Names that may be values: without a word, a file without a header would lose its first row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from vetro.errors import Notice, notice
from vetro.tables import dates, dress, numbers
from vetro.tables.plan import Plan
from vetro.tables.schema import Column


def header_notices(
    source: str, plans: Sequence[Plan], columns: Mapping[str, Column]
) -> list[Notice]:
    """W134 if every name is a number, or at least half of them are values of their own columns.

    Names that count, such as 0, 1, 2, ..., are names: programs write them.
    """
    names = [plan.name for plan in plans]
    if all(map(_is_number, names)):
        values = names
    else:
        values = [
            plan.name
            for plan in plans
            if plan.name in columns and _is_value(plan, columns[plan.name])
        ]
        if 2 * len(values) < len(names) or _count(values):
            return []
    if not values:
        return []
    count, of = f"{len(values):,}", f"{len(names):,}"
    return [notice("W134", source=source, count=count, of=of, name=values[0])]


def _is_value(plan: Plan, column: Column) -> bool:
    """Whether the column's name is a value of the column's kind, or one of its texts."""
    if column.kind == "number":
        return dress.dressed_value(plan.name, plan.decimal, plan.thousands, plan.dress) is not None
    if column.kind == "date":
        return dates.days_of(plan.name, plan.date_format) is not None
    return plan.name in (column.levels or column.reading.flag_words or ())


def _count(names: Sequence[str]) -> bool:
    """Whether the names are whole numbers, each one more than the last."""
    if not all(map(numbers.WHOLE.fullmatch, names)):
        return False
    return len(names) > 1 and bool((np.diff([float(name) for name in names]) == 1).all())


def _is_number(name: str) -> bool:
    return numbers.value_of(name, ".", "") is not None
