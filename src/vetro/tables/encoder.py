"""The encoder: the map between a table's typed values and the float matrix that a network reads.

The members of a model share its inputs, so that they read the same features: means, medians,
levels and borders of bins are statistics of inputs, and never of targets.  The statistics of the
targets come from each member's own training rows.  The formulas are in blocks.py and targets.py.
If the table has weights, means, deviations, medians and borders of bins are
weighted: a row of weight 2 counts as two rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.errors import error
from vetro.tables.blocks import Block, DateBlock, Floats, NumberBlock, median_of
from vetro.tables.blocks_json import Targets, blocks_from_json, targets_from_json, to_json
from vetro.tables.level_blocks import MISSING, CategoryBlock, LevelBlock, OrderedBlock
from vetro.tables.memory import empty_matrix
from vetro.tables.schema import Column
from vetro.tables.table import Table
from vetro.tables.targets import ClassTarget, NumberTarget

RowIndex = NDArray[Any] | None
"""Row numbers, or a bool per row; None for all rows."""


@dataclass(frozen=True)
class Encoder:
    """inputs: one block per input column, in the schema's order, with its formula.

    targets: one ClassTarget (task "classification"), or NumberTargets ("regression").
    Missing values where the training table had none: a number, flag or date counts as
    its median, a category as <other>.
    """

    inputs: tuple[Block, ...]
    targets: Targets

    @staticmethod
    def fit(table: Table, rows: RowIndex = None, bins: int = 0) -> Encoder:
        """The encoder of a table with at least one target.

        Statistics (means, deviations, medians, rare levels, borders of bins) come from the given
        rows.  bins: of each number, at most; 0 for none.
        """
        index = _indices(rows)
        weights = _weights(table, index)
        blocks = [_fit_block(column, table, index, weights, bins) for column in table.schema.inputs]
        return Encoder(tuple(blocks), _fit_targets(table, index, weights))

    def with_targets_of(self, table: Table, rows: RowIndex) -> Encoder:
        """The same inputs; the statistics of the targets come from these rows."""
        index = _indices(rows)
        return Encoder(self.inputs, _fit_targets(table, index, _weights(table, index)))

    @property
    def columns(self) -> tuple[str, ...]:
        """The input columns of the table."""
        return tuple(block.name for block in self.inputs)

    @property
    def input_names(self) -> tuple[str, ...]:
        """The columns of the encoded matrix."""
        return tuple(name for block in self.inputs for name in block.names)

    @property
    def width(self) -> int:
        return sum(block.width for block in self.inputs)

    @property
    def task(self) -> str:
        return "regression" if self.number_targets else "classification"

    @property
    def number_targets(self) -> tuple[NumberTarget, ...]:
        return tuple(target for target in self.targets if isinstance(target, NumberTarget))

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels of a classification target, () for regression."""
        target = self.targets[0]
        return target.classes if isinstance(target, ClassTarget) else ()

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names of the targets, or the labels of the classes."""
        return self.classes or tuple(target.name for target in self.targets)

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """The first matrix column of each input block, and the width at the end."""
        return tuple(accumulate((block.width for block in self.inputs), initial=0))

    @property
    def one_hot(self) -> tuple[tuple[int, int], ...]:
        """(first column, columns) of each category without an order in the matrix: at most one of
        them is 1."""
        return tuple(
            (first, block.width)
            for block, first in zip(self.inputs, self.offsets, strict=False)
            if isinstance(block, CategoryBlock)
        )

    @property
    def piecewise(self) -> tuple[tuple[int, int], ...]:
        """(first column, columns) of each number's bins and each order's steps in the matrix: the
        first are 1, one may be between 0 and 1, and the others are 0."""
        found = []
        for block, first in zip(self.inputs, self.offsets, strict=False):
            if isinstance(block, NumberBlock) and block.bins:
                found.append((first + 1, block.bins))
            elif isinstance(block, OrderedBlock):
                found.append((first + 1, block.steps))
        return tuple(found)

    @cached_property
    def plain_columns(self) -> NDArray[np.intp]:
        """The columns of the matrix but those of bins, which repeat a number."""
        kept = np.ones(self.width, dtype=bool)
        for first, columns in self.piecewise:
            kept[first : first + columns] = False
        return np.flatnonzero(kept)

    def encode(self, table: Table, rows: RowIndex = None, dtype: Any = np.float32) -> NDArray[Any]:
        """The matrix (n, width), C order: computed in float64, then cast."""
        for block in self.inputs:
            if isinstance(block, LevelBlock) and block.name in table.schema:
                _check_levels(block, table.schema[block.name])
        columns = [table.values[block.name] for block in self.inputs]
        return self._encode(columns, table.rows, _indices(rows), dtype)

    def raw(self, table: Table, rows: RowIndex = None) -> Floats:
        """The raw matrix (n, input columns): numbers, days, 0 or 1, category codes.

        NaN where missing; -2 for a category text that is not a level.
        """
        index = _indices(rows)
        matrix = np.empty((table.rows if index is None else len(index), len(self.inputs)))
        for number, block in enumerate(self.inputs):
            matrix[:, number] = _taken(table.values[block.name], index)
            if isinstance(block, LevelBlock):
                matrix[matrix[:, number] == MISSING, number] = np.nan
        return matrix

    def median_row(self, table: Table) -> tuple[float, ...]:
        """One row in the form of `raw`, by weight: for numbers and dates the median (a value that
        occurs), for flags and categories the most frequent value; NaN for an empty column."""
        weights = _weights(table, None)
        return tuple(_typical(block, table.values[block.name], weights) for block in self.inputs)

    def encode_raw(self, matrix: NDArray[Any], dtype: Any = np.float32) -> NDArray[Any]:
        """The matrix (n, width) of a raw matrix; raw(table) gives encode(table), bit for bit."""
        raw = np.asarray(matrix, dtype=np.float64)
        if raw.ndim != 2 or raw.shape[1] != len(self.inputs):
            raise ValueError(f"shape {raw.shape} where (rows, {len(self.inputs)}) is expected")
        return self._encode(list(raw.T), len(raw), None, dtype)

    def encode_targets(
        self, table: Table, rows: RowIndex = None, dtype: Any = np.float32
    ) -> NDArray[Any]:
        """Scaled targets (n, targets), NaN where missing; or class codes (n,) int64.

        Class codes are -1 where the label is missing, -2 where it is not among the classes.
        """
        index = _indices(rows)
        values = [_taken(table.values[target.name], index) for target in self.targets]
        if self.classes:
            return ClassTarget.encode(values[0])
        scaled = np.empty((len(values[0]), len(values)), dtype)
        with np.errstate(over="ignore"):
            for number, target in enumerate(self.number_targets):
                scaled[:, number] = target.encode(values[number])
        return scaled

    def actual(self, table: Table, rows: RowIndex = None) -> NDArray[Any]:
        """The targets as they were measured: (n, targets) float64 in their units, NaN where
        missing; or class codes (n,), as encode_targets gives them."""
        if self.classes:
            return self.encode_targets(table, rows)
        index = _indices(rows)
        columns = [_taken(table.values[target.name], index) for target in self.targets]
        return np.column_stack(columns).astype(np.float64)

    def decode_targets(self, outputs: NDArray[Any]) -> Floats:
        """Outputs (n, outputs) in the targets' own units, the inverse of encode_targets.

        The scores of classes have no units: they are returned unchanged, in float64.
        """
        decoded = np.array(outputs, dtype=np.float64)
        for number, target in enumerate(self.number_targets):
            decoded[:, number] = target.decode(decoded[:, number])
        return decoded

    def to_json(self) -> dict[str, Any]:
        """A plain dict; its floats survive JSON exactly."""
        return {
            "inputs": [to_json(block) for block in self.inputs],
            "targets": [to_json(target) for target in self.targets],
        }

    @staticmethod
    def from_json(data: dict[str, Any]) -> Encoder:
        """The inverse of to_json; KeyError, TypeError or ValueError if the data do not fit."""
        return Encoder(blocks_from_json(data["inputs"]), targets_from_json(data["targets"]))

    def _encode(
        self, columns: Sequence[NDArray[Any]], count: int, index: RowIndex, dtype: Any
    ) -> NDArray[Any]:
        """Encode blocks of rows one after the other, so that each stays in the cache."""
        count = count if index is None else len(index)
        out = empty_matrix((count, self.width), dtype)
        step = min(8192, max(256, 2**17 // max(1, self.width)))
        for start in range(0, count, step):
            part = slice(start, start + step)
            taken = part if index is None else index[part]
            for block, values, first in zip(self.inputs, columns, self.offsets, strict=False):
                block.write(out[part, first : first + block.width], values[taken])
        return out


def _indices(rows: RowIndex) -> RowIndex:
    return np.flatnonzero(rows) if rows is not None and rows.dtype == np.bool_ else rows


def _taken(values: NDArray[Any], index: RowIndex) -> NDArray[Any]:
    return values if index is None else values[index]


def _weights(table: Table, index: RowIndex) -> Floats | None:
    """The rows' weights, scaled by a power of two so that their sum is finite and whole numbers
    stay whole; None without a weight column."""
    weights = table.weights
    if weights is None:
        return None
    weights = _taken(weights, index)
    return np.ldexp(weights, -math.frexp(float(weights.max(initial=0.0)))[1])


def _typical(block: Block, values: NDArray[Any], weights: Floats | None) -> float:
    there = ~np.isnan(values) if values.dtype.kind == "f" else values >= 0
    present = values[there]
    if not len(present):
        return math.nan
    weights = None if weights is None else weights[there]
    if isinstance(block, LevelBlock):
        return float(np.bincount(present, weights=weights).argmax())
    # the lower of two middle values, so that it is a measured value
    return median_of(present, weights, lower=True)


def _fit_block(
    column: Column, table: Table, index: RowIndex, weights: Floats | None, bins: int
) -> Block:
    values = table.values[column.name]
    training = _taken(values, index)
    if column.kind == "category":
        if column.order:
            return OrderedBlock.fit(column, training, weights)
        return CategoryBlock.fit(column, training)
    if column.kind == "date":
        return DateBlock.fit(column, training, values, weights, _weights(table, None))
    return NumberBlock.fit(column, training, weights, bins)


def _fit_targets(table: Table, index: RowIndex, weights: Floats | None) -> Targets:
    columns = table.schema.targets
    if not columns:
        raise ValueError("the table has no target")
    if columns[0].kind in ("category", "flag"):
        return (ClassTarget.fit(columns[0]),)
    return tuple(
        NumberTarget.fit(column, _taken(table.values[column.name], index), weights)
        for column in columns
    )


def _check_levels(block: LevelBlock, column: Column) -> None:
    """E900 if the table was read with other levels: its codes would mean other texts."""
    if column.levels != block.levels:
        raise error("E900", reason=f"column {block.name!r} was read with other levels")
