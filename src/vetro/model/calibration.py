"""A model's intervals and their measured coverage, from the held-out rows of its fit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vetro.model.evidence import Coverage
from vetro.model.held_out import HeldOut, evenly
from vetro.model.intervals.calibrate import Calibrated, HeldOutErrors, calibrate
from vetro.model.intervals.coverage import LEVEL, coverage, held_by_others, sets_by_others
from vetro.model.intervals.distance import Distance, fit_distance
from vetro.model.intervals.local_scale import constant_scale
from vetro.model.intervals.margins import Intervals, Margins, Scores
from vetro.model.members import Ensemble
from vetro.model.parts import ModelParts
from vetro.model.predict import raw_outputs
from vetro.tables.encoder import Encoder
from vetro.tables.splits import group_codes

Floats = NDArray[np.float64]

_OTHERS = 5_000
"""Rows that the members which saw them predict as well, at most."""
_DISTANT = 20_000
"""Rows that the distance is fitted to, at most, and as many that say what is usual."""
_PARTS = 5


def calibrated(
    model: ModelParts, ensemble: Ensemble, found: HeldOut
) -> tuple[Intervals | None, dict[str, Coverage]]:
    """The intervals of the model, and their coverage at LEVEL by target.

    None where no held-out row has a finite answer; no coverage where too few rows were held out.
    """
    weights = None if ensemble.weights is None else ensemble.weights[found.rows]
    groups = group_codes(ensemble.table)
    groups = None if groups is None else groups[found.rows]
    if model.classes:
        return _of_classes(model, ensemble, found, weights, groups)
    encoder = model.encoder
    errors = HeldOutErrors(
        answers=found.predicted,
        truths=found.actual,
        part=found.fold,
        weights=weights,
        encode=lambda rows: encoder.encode_raw(found.raw[rows]),
        others=_others(model, found),
    )
    each = [calibrate(errors, number) for number in range(len(model.targets))]
    known = [one for one in each if one is not None]
    if len(known) < len(each):
        return None, {}
    measured = {}
    for number, (name, one) in enumerate(zip(model.targets, known, strict=True)):
        shown = _coverage_of(one, number, found, weights, groups)
        if shown is not None:
            measured[name] = shown
    distance = _distance(ensemble, found, encoder)
    return Intervals(tuple(one.margins for one in known), distance), measured


def _coverage_of(
    one: Calibrated,
    number: int,
    found: HeldOut,
    weights: Floats | None,
    groups: NDArray[np.int64] | None,
) -> Coverage | None:
    rows = one.rows
    weights = None if weights is None else weights[rows]
    answers, truths = found.predicted[rows, number], found.actual[rows, number]
    held = held_by_others(one.margins, LEVEL, answers, truths, one.scale, one.part, weights)
    if held is None:
        return None
    return coverage(LEVEL, *held, answers, weights, None if groups is None else groups[rows])


def _of_classes(
    model: ModelParts,
    ensemble: Ensemble,
    found: HeldOut,
    weights: Floats | None,
    groups: NDArray[np.int64] | None,
) -> tuple[Intervals | None, dict[str, Coverage]]:
    usable = np.flatnonzero(np.isfinite(found.predicted).all(axis=1))
    if not len(usable):
        return None, {}
    likely, codes = found.predicted[usable], found.actual[usable]
    weights = None if weights is None else weights[usable]
    scores = Scores.of(1 - likely[np.arange(len(codes)), codes], weights)
    margins = Margins(scores, constant_scale(0))
    in_folds = len(np.unique(found.fold)) > 1
    part = found.fold[usable] if in_folds else np.arange(len(usable)) % _PARTS
    distance = _distance(ensemble, found, model.encoder)
    intervals = Intervals((margins,), distance)
    held = sets_by_others(LEVEL, likely, codes, part, margins, weights)
    if held is None:
        return intervals, {}
    groups = None if groups is None else groups[usable]
    shown = coverage(
        LEVEL, *held, likely.max(axis=1), weights, groups, labels=model.classes, codes=codes
    )
    return intervals, {model.targets[0]: shown}


def _others(model: ModelParts, found: HeldOut) -> tuple[NDArray[np.intp], Floats] | None:
    """Some held-out rows, predicted by the members that saw them; each fold counts once."""
    folds = {member.fold for member in model.members}
    if len(folds) < 2:
        return None
    rows = evenly(len(found.rows), _OTHERS)
    total = np.zeros((len(rows), len(model.targets)))
    for fold in folds:
        members = [member for member in model.members if member.fold == fold]
        seen = np.flatnonzero(found.fold[rows] != fold - 1)
        total[seen] += raw_outputs(model, found.raw[rows[seen]], members)
    return rows, total / (len(folds) - 1)


def _distance(ensemble: Ensemble, found: HeldOut, encoder: Encoder) -> Distance:
    """From the rows of all parts but the first; the rows of the first say what is usual."""
    first = found.fold.min()
    strange = found.rows[found.fold == first]
    rows = np.flatnonzero(ensemble.split.fold != first)
    if not len(rows):
        rows = strange

    def columns(chosen: NDArray[np.intp]) -> NDArray[np.float32]:
        some = chosen[evenly(len(chosen), _DISTANT)]
        matrix: NDArray[np.float32] = encoder.encode(ensemble.table, some)[:, encoder.plain_columns]
        return matrix

    return fit_distance(columns(rows), columns(strange))
