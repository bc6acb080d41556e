"""The values of a column as they are shown, and which of them are missing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.tables.instants import date_text
from vetro.tables.level_blocks import MISSING
from vetro.tables.schema import Column

LONG_TEXTS = "texts of up to "
"""The beginning of the reason of a column whose texts are too long to be levels."""


def label_of(column: Column, value: float) -> str:
    """A value of a column as text: a category's level, a flag's word, a plain number."""
    if column.kind == "category":
        return column.levels[int(value)]
    if column.kind == "flag" and all(column.reading.flag_words):
        return column.reading.flag_words[int(value)]
    if column.kind == "date":
        return date_text(value, column.reading.date_format)
    return repr(float(value)).removesuffix(".0")


def is_missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a column's values are missing."""
    missing: NDArray[np.bool_] = np.isnan(values) if values.dtype.kind == "f" else values == MISSING
    return missing


def unkept(column: Column) -> bool:
    """Whether none of a column's texts were kept, because they are too many or too long."""
    return column.kind == "category" and not column.levels and column.distinct > 0


def too_long(column: Column) -> bool:
    """Whether none of a column's texts were kept because some are too long to be levels."""
    return unkept(column) and column.reason.startswith(LONG_TEXTS)
