"""Which rows hold out which members: the folds, or the held-out part, of one fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.tables.splits import folds_of_rows, held_out_rows
from vetro.tables.table import Table
from vetro.training.recipe import Recipe

FOLDS = 5
HOLDOUT = 0.1
MOST_ROWS_FOR_FOLDS = 100_000


@dataclass(frozen=True)
class Split:
    """fold (rows,): the fold in which each row is held out, from 0; -1 for rows that never
    are.  folds: 0 for a held-out part, whose rows have fold 0."""

    fold: NDArray[np.int32]
    folds: int
    holdout: float
    grouped_by: str

    @property
    def parts(self) -> int:
        """The number of different training sets."""
        return max(self.folds, 1)

    def training_rows(self, part: int) -> NDArray[np.intp]:
        """The rows that the members of a part may see."""
        return np.flatnonzero(self.fold != part)

    @property
    def learnt(self) -> NDArray[np.intp]:
        """The rows that some member may see: all with folds, else those that are not held out."""
        return np.flatnonzero(self.fold < 0) if not self.folds else np.arange(len(self.fold))

    def held_out(self, part: int) -> NDArray[np.intp]:
        """The rows that the members of a part never see."""
        return np.flatnonzero(self.fold == part)

    def number(self, part: int) -> int:
        """The fold as it is shown: from 1; 0 for the held-out part."""
        return part + 1 if self.folds else 0

    def to_json(self) -> dict[str, Any]:
        held_out = int((self.fold >= 0).sum())
        return {
            "kind": "folds" if self.folds else "holdout",
            "folds": self.folds,
            "holdout": self.holdout,
            "held_out_rows": held_out,
            "training_rows": len(self.fold) - (held_out if not self.folds else 0),
            "grouped_by": self.grouped_by,
        }


def split_rows(table: Table, recipe: Recipe) -> Split:
    """The recipe's split; by default 5 folds up to 100,000 rows, a held-out tenth above."""
    group = table.schema.with_role("group")
    grouped_by = group[0].name if group else ""
    folds, holdout = recipe.folds, recipe.holdout
    if folds < 0 and holdout <= 0:
        many = table.rows > MOST_ROWS_FOR_FOLDS
        folds, holdout = (0, HOLDOUT) if many else (min(FOLDS, table.rows), 0.0)
    elif folds <= 0 and holdout <= 0:
        holdout = HOLDOUT
    if folds > 1:
        return Split(folds_of_rows(table, folds, recipe.seed), folds, 0.0, grouped_by)
    chosen = held_out_rows(table, holdout, recipe.seed)
    return Split(np.where(chosen, 0, -1).astype(np.int32), 0, holdout, grouped_by)
