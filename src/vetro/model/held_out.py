"""Held-out evidence: predictions by members that never saw the row, with their metrics and those
of the baselines on the same rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.model.baselines import BaselineJob
from vetro.model.baselines_apart import Baselines
from vetro.model.bootstrap import compare
from vetro.model.evidence import Evidence
from vetro.model.importance import permutation_importance
from vetro.model.members import Ensemble
from vetro.model.metrics import figures
from vetro.model.model import Model
from vetro.model.parts import Member
from vetro.model.predict import raw_outputs
from vetro.tables.splits import group_codes

Floats = NDArray[np.float64]

KEPT_ROWS = 20_000


@dataclass(frozen=True, eq=False)
class HeldOut:
    """rows: their numbers; raw (n, inputs), actual, predicted and fold (from 0) of each.

    kept: the places among them that the evidence keeps.  predict: each row of a matrix by the
    members that never saw the held-out row `chosen`.
    """

    rows: NDArray[np.intp]
    raw: Floats
    actual: NDArray[Any]
    predicted: Floats
    fold: NDArray[np.int32]
    kept: NDArray[np.intp]
    predict: Callable[[Floats, NDArray[np.intp]], Floats]


def measure_held_out(
    model: Model, ensemble: Ensemble, found: HeldOut, first: int, baselines: Baselines
) -> Evidence:
    """The model's evidence, completed by its quality on the held-out rows.

    After an interrupted fit these rows are fewer.  first: the number of the task whose outcome is
    the model's first member.
    """
    split, task, kept = ensemble.split, model.task, found.kept
    actual, predicted = found.actual, found.predicted
    weights = None if ensemble.weights is None else ensemble.weights[found.rows]
    groups = group_codes(ensemble.table)
    groups = None if groups is None else groups[found.rows]
    training_metrics = _training_metrics(model, ensemble, first)
    importance = permutation_importance(
        found.predict,
        found.raw,
        model.inputs,
        actual,
        task,
        seed=model.recipe.seed,
        weights=weights,
    )
    # last: a separate process may still compute them
    rivals = baselines.predictions(_of_the_same_rows(ensemble, found))
    whole = compare(task, actual, predicted, rivals, weights, groups)
    each = {}
    if task == "regression" and len(model.targets) > 1:
        for number, name in enumerate(model.targets):
            one = slice(number, number + 1)
            theirs = {rival: values[:, one] for rival, values in rivals.items()}
            each[name] = compare(task, actual[:, one], predicted[:, one], theirs, weights, groups)
    return replace(
        model.evidence,
        metrics=whole.own,
        per_target={name: one.own for name, one in each.items()},
        baselines=whole.rivals,
        baselines_per_target={name: one.rivals for name, one in each.items()},
        comparisons=whole.differences,
        comparisons_per_target={name: one.differences for name, one in each.items()},
        training_metrics=training_metrics,
        importance=importance,
        actual=actual[kept],
        predicted=predicted[kept],
        fold=np.array([split.number(int(part)) for part in found.fold[kept]], dtype=np.int32),
    )


def baseline_job(ensemble: Ensemble) -> BaselineJob:
    """The data of the baselines: the rows, folds and weights of the members."""
    recipe = ensemble.recipe
    balanced = recipe.class_weight == "balanced"
    return BaselineJob(
        ensemble.table, ensemble.task, ensemble.split.fold, ensemble.weights, recipe.seed, balanced
    )


def _of_the_same_rows(ensemble: Ensemble, found: HeldOut) -> BaselineJob:
    """The job of the baselines on the same held-out rows: fewer after an interrupted fit."""
    fold = np.full_like(ensemble.split.fold, -1)
    fold[found.rows] = found.fold
    return replace(baseline_job(ensemble), fold=fold)


def held_out(model: Model, ensemble: Ensemble) -> HeldOut:
    """Every row that was held out, predicted by the members that never saw it."""
    table, split, task = ensemble.table, ensemble.split, model.task
    groups = _members_by_part(model)
    rows = np.flatnonzero(np.isin(split.fold, list(groups)))
    fold = split.fold[rows]
    raw, actual = model.encoder.raw(table, rows), model.encoder.actual(table, rows)
    classes = model.classes

    def predict(matrix: Floats, chosen: NDArray[np.intp]) -> Floats:
        out = np.empty((len(matrix), actual.shape[1] if task == "regression" else len(classes)))
        for part, members in groups.items():
            here = fold[chosen] == part
            if here.any():
                out[here] = raw_outputs(model, matrix[here], members)
        return out

    predicted = predict(raw, np.arange(len(rows)))
    return HeldOut(rows, raw, actual, predicted, fold, evenly(len(rows), KEPT_ROWS), predict)


def _members_by_part(model: Model) -> dict[int, tuple[Member, ...]]:
    groups: dict[int, tuple[Member, ...]] = {}
    for member in model.members:
        part = max(member.fold - 1, 0)
        groups[part] = (*groups.get(part, ()), member)
    return groups


def _training_metrics(model: Model, ensemble: Ensemble, first: int) -> dict[str, float]:
    """The first member on (at most 20,000 of) the rows it learnt from."""
    training, _ = ensemble.rows_of(*ensemble.part_of(first))
    rows = training[evenly(len(training), KEPT_ROWS)]
    table, encoder = ensemble.table, model.encoder
    weights = None if ensemble.weights is None else ensemble.weights[rows]
    predicted = raw_outputs(model, encoder.raw(table, rows), model.members[:1])
    return figures(model.task, encoder.actual(table, rows), predicted, weights)


def evenly(count: int, most: int) -> NDArray[np.intp]:
    """Positions 0 ... count - 1, thinned evenly to at most `most`."""
    if count <= most:
        return np.arange(count)
    return np.linspace(0, count - 1, most).astype(np.intp)
