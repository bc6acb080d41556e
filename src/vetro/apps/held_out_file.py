"""`held-out.csv` of a run: every held-out row with its actual and predicted values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vetro.model.metrics import predicted_codes
from vetro.tables.write import TableWriter

if TYPE_CHECKING:
    from vetro.model.held_out import HeldOut
    from vetro.model.model import Model
    from vetro.tables.table import Table


def held_out_columns(model: Model, table: Table, found: HeldOut) -> dict[str, Any]:
    """The columns by name, with the rows in the table's order.

    row: its number in the source, counted from 1, including rows that were left out.  fold: the
    fold in which it was held out, from 1; 0 for a held-out part.  Then "actual y", "predicted y"
    and "residual y" (actual minus predicted) for each number, or "actual y", "predicted y" and
    "P(label)" for each class.
    """
    numbers = table.row_numbers[found.rows]
    folds = any(member.fold for member in model.members)
    columns: dict[str, Any] = {"row": numbers + 1, "fold": found.fold + 1 if folds else found.fold}
    if model.classes:
        name, labels = model.targets[0], np.array(model.classes, dtype=object)
        columns[f"actual {name}"] = labels[found.actual]
        columns[f"predicted {name}"] = labels[predicted_codes(found.predicted)]
        for code, label in enumerate(model.classes):
            columns[f"P({label})"] = found.predicted[:, code]
        return columns
    for place, name in enumerate(model.targets):
        actual, predicted = found.actual[:, place], found.predicted[:, place]
        columns[f"actual {name}"] = actual
        columns[f"predicted {name}"] = predicted
        columns[f"residual {name}"] = actual - predicted
    return columns


def write_held_out(path: Path, columns: dict[str, Any], *, safe: bool = False) -> None:
    """Write the columns as CSV, atomically; E503 if the file cannot be written."""
    with TableWriter(path, spreadsheet_safe=safe, what="the held-out rows") as writer:
        writer.write(columns)
