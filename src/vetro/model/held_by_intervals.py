"""How often a model's intervals hold the truth of a table with known targets, chunk by chunk."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.errors import Notice
from vetro.model.answers import FarRows, bounded, intervals_of
from vetro.model.evidence import Coverage
from vetro.model.intervals.coverage import LEVEL, coverage
from vetro.model.parts import ModelParts
from vetro.tables.table import Table

Floats = NDArray[np.float64]


@dataclass
class HeldByIntervals:
    """Looks at the answers of every chunk, in order.

    level: of the intervals; None for LEVEL, where the model can.
    """

    model: ModelParts
    level: float | None
    _held: list[NDArray[np.bool_]] = field(default_factory=list)
    _width: list[Floats] = field(default_factory=list)
    _order: list[Floats] = field(default_factory=list)

    _far: FarRows = field(init=False)

    def __post_init__(self) -> None:
        self._far = FarRows(bool(self.model.classes))
        if self.level is not None:
            intervals_of(self.model, self.level)
        elif self.model.intervals is not None:
            highest = min(one.highest(self.model.task) for one in self.model.intervals.margins)
            self.level = LEVEL if highest >= LEVEL else None

    def look(
        self, table: Table, outputs: Floats, truth: NDArray[Any], known: NDArray[np.bool_]
    ) -> None:
        """Take a chunk into account: outputs (n, outputs) and truths, and which of them count."""
        if self.level is None:
            return
        found = bounded(self.model, table, outputs, self.level)
        self._far.look(table, found.far)
        outputs, truth = outputs[known], truth[known]
        if self.model.classes:
            inside = found.inside[known]
            self._held.append(inside[np.arange(len(inside)), truth][:, None])
            self._width.append(inside.sum(axis=1, dtype=np.float64)[:, None])
            self._order.append(outputs.max(axis=1)[:, None])
        else:
            low, high = found.low[known], found.high[known]
            self._held.append((low <= truth) & (truth <= high))
            self._width.append(high - low)
            self._order.append(outputs)

    def coverage(
        self, truth: NDArray[Any], weights: Floats | None, groups: NDArray[Any] | None
    ) -> dict[str, Coverage]:
        """By target; empty where the model has no intervals.  truth: of all known rows."""
        if self.level is None:
            return {}
        held, width = np.concatenate(self._held), np.concatenate(self._width)
        order = np.concatenate(self._order)
        codes = truth if self.model.classes else None
        return {
            name: coverage(
                self.level,
                held[:, place],
                width[:, place],
                order[:, place],
                weights,
                groups,
                labels=self.model.classes,
                codes=codes,
            )
            for place, name in enumerate(self.model.targets)
        }

    def notices(self) -> list[Notice]:
        """W411, if a row was far."""
        return self._far.notices()
