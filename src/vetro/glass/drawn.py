"""Rows made up within the ranges of a model's schema, for use when no table is given."""

from __future__ import annotations

import numpy as np

from vetro.glass.rows import Rows
from vetro.model.model import Model
from vetro.tables.instants import is_time
from vetro.tables.schema import Column

SEED = 0
MISSING = 0.1


def drawn_rows(model: Model, count: int) -> Rows:
    """`count` rows, each column drawn independently; the same rows at every call.

    Numbers and dates are drawn evenly between the smallest and the largest value seen, categories
    and flags evenly among their values.  A tenth is missing where training had missing values.
    """
    draw = np.random.default_rng(SEED)
    raw = np.stack([_column(column, count, draw) for column in model.schema.inputs], axis=1)
    for number, column in enumerate(model.schema.inputs):
        if column.missing:
            raw[draw.random(count) < MISSING, number] = np.nan
    return Rows(raw, tuple(f"drawn row {number}" for number in range(1, count + 1)))


def _column(column: Column, count: int, draw: np.random.Generator) -> np.ndarray:
    if column.kind == "category":
        return draw.integers(max(1, len(column.levels)), size=count).astype(np.float64)
    if column.kind == "flag":
        return draw.integers(2, size=count).astype(np.float64)
    low = column.minimum if column.minimum is not None else 0.0
    high = column.maximum if column.maximum is not None else low
    values = draw.uniform(low, high, size=count)
    whole = column.kind == "date" and not is_time(column.reading.date_format)
    return np.floor(values) if whole else values
