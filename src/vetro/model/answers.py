"""Answers with their intervals: the columns of a prediction beyond the answer itself.

Numbers have "low(y)" and "high(y)"; classes have "set(y)", the labels that the truth is among.
Both have "far", the distance from the rows of the fit (intervals/distance.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.errors import Notice, Setting, counted, error, notice
from vetro.model.intervals.margins import Intervals
from vetro.model.parts import ModelParts
from vetro.tables.table import Table

Floats = NDArray[np.float64]

FAR = 2.0
"""Rows beyond this many times the usual distance are reported."""

_BLOCK_VALUES = 8_000_000
_MOST_PLACES = 5


@dataclass(frozen=True, eq=False)
class Bounded:
    """low, high (n, targets) for numbers, inside (n, classes) for classes; far (n,)."""

    far: Floats
    low: Floats
    high: Floats
    inside: NDArray[np.bool_]


def intervals_of(model: ModelParts, level: Any) -> Intervals:
    """The model's intervals for a level; E601 for a level that is none, E405 if it has none."""
    number = isinstance(level, (int, float, np.floating)) and not isinstance(level, bool)
    if not number or not 0 < level < 1:
        reason, fix = "a number between 0 and 1 is needed", "Use for example 0.9."
        raise error("E601", argument=Setting("interval"), value=level, reason=reason, fix=fix)
    if model.intervals is None:
        what = "the model holds no held-out errors, which intervals are made of"
        raise error("E405", what=what, fix="Fit it again with this version of Vetro.")
    return model.intervals


def bounded(model: ModelParts, table: Table, outputs: Floats, level: float) -> Bounded:
    """The bounds of outputs (n, outputs) that predict_outputs gave for the table."""
    intervals, encoder = intervals_of(model, level), model.encoder
    count = len(outputs)
    far = np.empty(count)
    low, high = np.empty((2, count, 0 if model.classes else len(model.targets)))
    inside = np.zeros((count, len(model.classes)), dtype=bool)
    if model.classes:
        inside[:] = intervals.margins[0].sets(level, outputs)
    step = min(65_536, max(256, _BLOCK_VALUES // max(1, encoder.width)))
    for start in range(0, count, step):
        part = slice(start, start + step)
        encoded = encoder.encode(table, np.arange(*part.indices(count)))
        far[part] = intervals.distance.of(encoded[:, encoder.plain_columns])
        wider = np.maximum(far[part], 1.0)
        for number in range(low.shape[1]):
            margins, answers = intervals.margins[number], outputs[part, number]
            scale = margins.scale.of(answers, encoded) * wider
            low[part, number], high[part, number] = margins.bounds(level, answers, scale)
    known = np.isfinite(outputs)
    inside[~known.all(axis=1)] = False
    for bound in (low, high):
        bound[~np.isfinite(bound)] = np.nan
        bound[~known[:, : bound.shape[1]]] = np.nan
    return Bounded(far, low, high, inside)


def no_bounds(model: ModelParts) -> Bounded:
    """Those of a source without rows."""
    none = np.zeros((0, len(model.targets)))
    return Bounded(np.zeros(0), none, none, np.zeros((0, len(model.classes)), dtype=bool))


@dataclass
class FarRows:
    """Looks at the distances of every chunk, in order, and reports them once (W411)."""

    classes: bool
    rows: int = 0
    farthest: float = 0.0
    places: list[str] = field(default_factory=list)

    def look(self, table: Table, far: Floats) -> None:
        """Take a chunk into account."""
        rows = np.flatnonzero(far > FAR)
        self.rows += len(rows)
        if len(rows):
            self.farthest = max(self.farthest, float(far[rows].max()))
        for row in rows[: _MOST_PLACES - len(self.places)].tolist():
            self.places.append(table.place_of(row))

    def notices(self) -> list[Notice]:
        """W411, if a row was far."""
        if not self.rows:
            return []
        more = ", ..." if self.rows > len(self.places) else ""
        wider = "their sets may be wrong" if self.classes else "their intervals are wider"
        return [
            notice(
                "W411",
                rows=f"{counted(self.rows, 'row')} {'is' if self.rows == 1 else 'are'}",
                times=f"{self.farthest:.3g}",
                places=", ".join(self.places) + more,
                wider=wider,
            )
        ]


def names_of(model: ModelParts, target: str) -> tuple[str, ...]:
    """The names of a target's columns beyond its answer."""
    return (f"set({target})",) if model.classes else (f"low({target})", f"high({target})")


def sets_of(classes: tuple[str, ...], found: Bounded, outputs: Floats) -> NDArray[np.object_]:
    """(n,) lists of labels, the most likely first; None where there is no answer."""
    lists = np.empty(len(outputs), dtype=object)
    order = np.argsort(-outputs, axis=1, kind="stable")
    for row, (codes, inside) in enumerate(zip(order, found.inside, strict=True)):
        lists[row] = [classes[code] for code in codes if inside[code]] or None
    return lists
