"""How an answer changes with one column: over the middle of its values, and at the row.

Bins make the slope at a point the slope of one short piece.  The average slope between two ordinary
values of the column, while the other columns stay as in the row, says more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vetro.glass.as_json import plain
from vetro.glass.plain import Floats, backward
from vetro.glass.rows import Rows, answers
from vetro.glass.subject import Part, Subject
from vetro.glass.trace.trace_cells import Cell
from vetro.model.predict import probabilities_of
from vetro.tables.blocks import Block, NumberBlock
from vetro.tables.schema import Column

QUARTER = 0.6745
"""Half of the values of a normal distribution lie within so many deviations of the mean."""


@dataclass(frozen=True)
class Change:
    """One answer's change with a column.

    at_low, at_high: the engine's answers at both ends.  average: their difference per unit of the
    column.  here: the derivative at the row; NaN if the column is missing there, or a flag.
    """

    answer: str
    at_low: float
    at_high: float
    average: float
    here: float


@dataclass(frozen=True)
class Slope:
    """The middle of a number's values from low to high, or a flag's two values, and the change of
    each answer between them; of a classification only that of the most probable class."""

    column: Column
    low: float
    high: float
    changes: tuple[Change, ...]

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        return {
            "column": self.column.name,
            "low": self.low,
            "high": self.high,
            "answers": {
                change.answer: {
                    "at_low": plain(change.at_low),
                    "at_high": plain(change.at_high),
                    "average": plain(change.average),
                    "at_row": plain(change.here),
                }
                for change in self.changes
            },
        }


def slopes_of(
    subject: Subject,
    row: Floats,
    named: Sequence[tuple[int, str]],
    values: Sequence[list[Floats]],
    cells: Sequence[Cell],
) -> tuple[Slope, ...]:
    """The slopes at a raw row (inputs,); () for a module, whose inputs have no known range.

    named: the number and name of each answer to look at.  values: of each part at the row, of
    plain.forward.  cells: the row's, alike in all parts.
    """
    if subject.model is None:
        return ()
    ranges = {
        place: ends
        for place, column in enumerate(subject.model.schema.inputs)
        if (ends := middle_of(column, subject.blocks[place])) is not None
    }
    if not ranges:
        return ()
    moved = np.repeat(row[None], 2 * len(ranges), axis=0)
    for number, (place, ends) in enumerate(ranges.items()):
        moved[2 * number : 2 * number + 2, place] = ends
    found = answers(subject, Rows(moved))
    rates = [np.mean([_gradient(part, own, answer) for part, own in zip(
        subject.parts, values, strict=True)], axis=0) for answer, _ in named]  # fmt: skip
    slopes = []
    for number, (place, (low, high)) in enumerate(ranges.items()):
        at_low, at_high = found[2 * number], found[2 * number + 1]
        column = subject.model.schema.inputs[place]
        block = subject.blocks[place]
        assert isinstance(block, NumberBlock)
        rise = _rise(column, block, cells[place], float(row[place]))
        changes = tuple(
            Change(
                name,
                float(at_low[answer]),
                float(at_high[answer]),
                float((at_high[answer] - at_low[answer]) / (high - low)),
                sum((float(rate[feature]) * slope for feature, slope in rise), 0.0)
                if rise
                else float("nan"),
            )
            for (answer, name), rate in zip(named, rates, strict=True)
        )
        slopes.append(Slope(column, low, high, changes))
    return tuple(slopes)


def middle_of(column: Column, block: Block) -> tuple[float, float] | None:
    """The range of a number within QUARTER standard deviations of its mean in training, as far as
    values go; a flag's two values; None for another column."""
    if not isinstance(block, NumberBlock) or block.scale == 0:
        return None
    if column.kind == "flag":
        return 0.0, 1.0
    half = QUARTER / block.scale
    low = max(block.mean - half, -np.inf if column.minimum is None else column.minimum)
    high = min(block.mean + half, np.inf if column.maximum is None else column.maximum)
    return (low, high) if low < high else None


def _gradient(part: Part, values: list[Floats], answer: int) -> Floats:
    """The derivative of a part's answer by its features, (features,)."""
    outputs = values[-1]
    assert part.encoder is not None
    targets = part.encoder.number_targets
    delta = np.zeros_like(outputs)
    if targets:
        delta[0, answer] = targets[answer].deviation
    else:
        shares = probabilities_of(outputs)[0]
        own = shares[answer] * ((np.arange(len(shares)) == answer) - shares)
        delta[0] = own if outputs.shape[1] > 1 else own[-1]
    _, by_value = backward(part, values, delta)
    found: Floats = by_value[0][0]
    return found


def _rise(column: Column, block: NumberBlock, cell: Cell, value: float) -> list[tuple[int, float]]:
    """The features that move with a number at the row, and their slopes; [] for a missing one, and
    for a flag."""
    if np.isnan(value) or column.kind == "flag":
        return []
    found = [(cell.first, block.scale)]
    if cell.bin is not None and cell.bin.low <= value <= cell.bin.high:
        found.append((cell.first + cell.bin.number, 1 / (cell.bin.high - cell.bin.low)))
    return found
