"""Evaluating: a model's metrics on rows whose targets are known.

This is not the evidence of a fit: there, single members predict the held-out rows (held_out.py).
Here all members predict, so use rows that no member has seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.errors import Notice, counted, error, issue_warnings, listed, notice, shown
from vetro.model.bootstrap import measure
from vetro.model.evidence import Coverage, Interval
from vetro.model.held_by_intervals import HeldByIntervals
from vetro.model.model_html import evaluation_as_html
from vetro.model.odd_rows import OddRows, Unknown
from vetro.model.own_table import reading_of
from vetro.model.parts import ModelParts
from vetro.model.predict import CHUNK_ROWS, predict_outputs
from vetro.tables.checks import LARGEST_TARGET
from vetro.tables.chunks import columns_missing, read_chunks
from vetro.tables.options import ReadOptions
from vetro.tables.splits import groups_of
from vetro.tables.table import Table


@dataclass(frozen=True)
class Evaluation(Mapping[str, Interval]):
    """Metrics over all targets, as a mapping of name to Interval.

    per_target: target -> the same for each, if there are several.  rows: the number of measured
    rows.  groups: the number of groups that the intervals are drawn by; 0 where rows are drawn.
    notices: warnings about them.  coverage: target -> how often its prediction intervals held the
    truth.
    """

    metrics: dict[str, Interval]
    per_target: dict[str, dict[str, Interval]]
    rows: int
    notices: tuple[Notice, ...] = ()
    groups: int = 0
    coverage: dict[str, Coverage] = field(default_factory=dict)

    def _repr_html_(self) -> str:
        groups = f" in {self.groups} groups" if self.groups else ""
        size = f"{self.rows} rows{groups}"
        return evaluation_as_html(size, self.metrics, self.per_target, self.notices)

    def __getitem__(self, name: str) -> Interval:
        return self.metrics[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.metrics)

    def __len__(self) -> int:
        return len(self.metrics)


def evaluate(
    model: ModelParts,
    source: Any,
    *,
    options: ReadOptions,
    interval: float | None = None,
    unknown: Unknown = "ignore",
) -> Evaluation:
    """Like evaluate_source, with the notices issued as Python warnings."""
    result = evaluate_source(model, source, options=options, interval=interval, unknown=unknown)
    issue_warnings(result.notices, stacklevel=4)
    return result


def evaluate_source(
    model: ModelParts,
    source: Any,
    *,
    options: ReadOptions,
    interval: float | None = None,
    unknown: Unknown = "ignore",
    chunk_rows: int = CHUNK_ROWS,
) -> Evaluation:
    """Predict the source's rows and measure them against its targets.

    Rows without a target are left out (I213).  Row weights count if the model was fitted with
    a weight column and the source has it; rows of weight 0 are left out (I214).  If it was fitted
    with a group column that the source has, whole groups are drawn for the intervals, as in the
    fit.  interval: the level whose coverage is measured; None for 0.9, where the model can.
    E401 for a missing target, E405 for a class that the model does not know and when no row
    is left, E408 where an answer is not finite.
    """
    options = reading_of(model, source, options)
    odd, held = OddRows(model.encoder, unknown), HeldByIntervals(model, interval)
    actual: list[NDArray[Any]] = []
    predicted: list[NDArray[np.float64]] = []
    weights: list[NDArray[np.float64]] = []
    members: list[NDArray[Any]] = []
    left_out = idle = 0
    for table in read_chunks(source, options, model.schema, chunk_rows):
        _check_targets(model, table)
        odd.look(table)
        truth = model.encoder.actual(table)
        known = truth >= 0 if model.classes else ~np.isnan(truth).any(axis=1)
        left_out += int(np.count_nonzero(~known))
        idle += table.weightless
        actual.append(truth[known])
        outputs = predict_outputs(model, table)
        figures = outputs if model.classes else np.hstack([outputs, truth])
        odd.look_at_answers(table, np.where(known[:, None], figures, 0.0), LARGEST_TARGET)
        held.look(table, outputs, truth, known)
        predicted.append(outputs[known])
        weight = _weights(table)
        if weight is not None:
            weights.append(weight[known])
        members += [
            table.values[column.name][known]
            for column in table.schema.with_role("group")
            if column.name in table.values
        ]
    odd.refuse_answers()
    rows = sum(len(part) for part in actual)
    if rows == 0 or (weights and not any(part.any() for part in weights)):
        what = "there is no row with a target to measure"
        raise error("E405", what=what, fix="Provide rows whose targets are known.")
    truth, outputs = np.concatenate(actual), np.concatenate(predicted)
    weight = np.concatenate(weights) if weights else None
    groups = groups_of(np.concatenate(members)) if members else None
    per_target = {}
    if not model.classes and len(model.targets) > 1:
        per_target = {
            name: measure(model.task, truth[:, [i]], outputs[:, [i]], weight, groups)
            for i, name in enumerate(model.targets)
        }
    notices = odd.notices() + held.notices()
    for code, count in (("I214", idle), ("I213", left_out)):
        if count:
            notices.append(notice(code, rows=counted(count, "row")))
    metrics = measure(model.task, truth, outputs, weight, groups)
    # a single group cannot be drawn from: then rows are drawn
    drawn = 0 if groups is None or groups.max() == 0 else int(groups.max()) + 1
    coverage = held.coverage(truth, weight, groups)
    return Evaluation(metrics, per_target, rows, tuple(notices), drawn, coverage)


def _weights(table: Table) -> NDArray[np.float64] | None:
    """The weights of a chunk, unchanged; None if the source has none."""
    for column in table.schema.with_role("weight"):
        if column.name in table.values:
            weights: NDArray[np.float64] = table.values[column.name]
            wrong = ~(np.isfinite(weights) & (weights >= 0))
            if wrong.any():
                row = int(wrong.argmax())
                value, place = float(weights[row]), table.place_of(row)
                what = "missing" if np.isnan(value) else "negative"
                raise error("E212", column=column.name, place=place, value=value, what=what)
            return weights
    return None


def _check_targets(model: ModelParts, table: Table) -> None:
    missing = [name for name in model.targets if name not in table.values]
    if missing:
        raise columns_missing(missing, (*model.inputs, *model.targets), table.values)
    name = model.targets[0]
    unknown = table.unseen.get(name)
    if model.classes and unknown:
        text, row = min(unknown.items(), key=lambda item: item[1])
        what = (
            f'target "{name}", {table.place_of(row)}: "{shown(text)}" is not a class of the '
            f"model ({listed(model.classes)})"
        )
        raise error("E405", what=what, fix="Correct it, or leave the row out.")
