"""Targets: the map between a target column and the values that the loss reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.tables.blocks import Floats, known, moments
from vetro.tables.level_blocks import MISSING
from vetro.tables.schema import Column


@dataclass(frozen=True)
class NumberTarget:
    """A regression target: scaled = (y - mean) / deviation; a constant target has deviation 1."""

    name: str
    mean: float
    deviation: float

    @staticmethod
    def fit(column: Column, values: Floats, weights: Floats | None = None) -> NumberTarget:
        """The target from the training rows' values that are not missing."""
        mean, deviation = moments(*known(values, weights))
        return NumberTarget(column.name, mean, deviation if deviation > 0 else 1.0)

    def encode(self, values: Floats) -> Floats:
        """Scaled values; NaN stays NaN."""
        scaled: Floats = values - self.mean
        scaled /= self.deviation
        return scaled

    def decode(self, scaled: Floats) -> Floats:
        """The inverse of encode."""
        values: Floats = scaled * self.deviation
        values += self.mean
        return values


@dataclass(frozen=True)
class ClassTarget:
    """A classification target: the code of a row is the index of its label in classes."""

    name: str
    classes: tuple[str, ...]

    @staticmethod
    def fit(column: Column) -> ClassTarget:
        """The levels of a category; the words of a flag, or "0" and "1"."""
        return ClassTarget(column.name, class_labels(column))

    @staticmethod
    def encode(values: NDArray[Any]) -> NDArray[np.int64]:
        """Codes (n,): -1 where the label is missing, -2 where it is not among the classes."""
        if values.dtype.kind == "f":
            values = np.nan_to_num(values, nan=MISSING)
        return values.astype(np.int64)


def class_labels(column: Column) -> tuple[str, ...]:
    """The labels of a category or flag column, in the order of its codes."""
    if column.kind == "category":
        return column.levels
    return column.reading.flag_words if all(column.reading.flag_words) else ("0", "1")
