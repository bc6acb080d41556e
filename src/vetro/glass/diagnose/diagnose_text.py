"""A diagnosis as lines of plain text, and as plain data."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from vetro.errors import Door, counted
from vetro.figures import aligned, ends, figure
from vetro.glass.as_json import as_json, plain
from vetro.glass.diagnose.diagnosis_record import DiagnosisRecord
from vetro.glass.diagnose.findings import findings, none, span

MOST = 8
"""Rows, and inputs, of a list; networks of a fit."""


def text(found: DiagnosisRecord, door: Door = "python") -> list[str]:
    """The findings, and the figures behind them."""
    parts = len(found.subject.parts)
    of = f", {parts} members" if parts > 1 else ""
    rows = counted(found.rows, "drawn row" if found.drawn else "row")
    lines = [f"Based on {rows}{of}", "", "Findings"]
    notices = findings(found)
    lines += [f"  {item.code} {item.words.worded(door)}" for item in notices]
    if not notices:
        lines.append(f"  {none(found)}")
    for section in (_units, _parameters, _inputs, _members, _rows, _training, _layers):
        own = section(found)
        lines += ["", *own] if own else []
    return [*lines, *([""] if found.notes else []), *found.notes]


def _units(found: DiagnosisRecord) -> list[str]:
    if not found.layers:
        return ["Units: no layer has an activation, so the whole network is one linear function"]
    odd = () if found.few else ("dead", "always on", "saturated", "duplicate")
    rows = [("layer", "units", *odd, "on in rows")]
    for layer in found.layers:
        first = layer[0]
        counts = [span(each) for each in zip(*(item.counts for item in layer), strict=True)]
        share = f"{100 * float(np.mean([item.on.mean() for item in layer])):.0f}%"
        name, units = f"{first.layer}, {first.function}", str(len(first.units))
        rows.append((name, units, *counts[: len(odd)], share))
    several = ", lowest to highest count over the members" if len(found.subject.parts) > 1 else ""
    return [f"Units{several}", *aligned(rows)]


def _parameters(found: DiagnosisRecord) -> list[str]:
    gradients = any(not math.isnan(item.gradient) for item in found.parameters)
    rows = [("layer", "numbers", "size", "largest", *(("gradient",) if gradients else ()))]
    for item in found.parameters:
        own = (figure(item.gradient, 3),) if gradients else ()
        numbers = "x".join(map(str, item.shape))
        rows.append((item.name, numbers, figure(item.size, 3), figure(item.largest, 3), *own))
    means = ", mean over the members" if len(found.subject.parts) > 1 else ""
    return [f"Weights and gradients as they are now (root mean squares{means})", *aligned(rows)]


def _inputs(found: DiagnosisRecord) -> list[str]:
    relevance = found.relevance
    measured = bool(found.importance)
    moved = () if found.few else ("effect",)
    rows = [("input", *moved, "weights", *(("error if permuted",) if measured else ()))]
    size = relevance.weight if found.few else relevance.effect
    order = np.argsort(-size, kind="stable")
    shown = order if len(order) <= 2 * MOST else [*order[:MOST], *order[-MOST:]]
    for place in shown:
        name = relevance.columns[place]
        own = (figure(found.importance.get(name, math.nan), 3),) if measured else ()
        effect = (_percent(relevance.effect[place]),) if moved else ()
        rows.append((name, *effect, _percent(relevance.weight[place]), *own))
    what = "weights" if found.few else "effect: slope x range"
    lines = [f"Inputs ({what}, as a share of the largest)", *aligned(rows)]
    if len(order) > len(shown):
        lines.append(f"  and {len(order) - len(shown)} more, in between")
    return lines


def _members(found: DiagnosisRecord) -> list[str]:
    agreement = found.agreement
    if agreement is None:
        return []
    subject = found.subject
    middle = np.median(agreement.spread, axis=0)
    words = [
        f"{name} {figure(float(middle[k]), 3)}{f' {unit}' if unit else ''}"
        for k, (name, unit) in enumerate(zip(subject.answers, subject.answer_units, strict=True))
    ][:MOST]
    lines = [f"Members: the usual spread of their answers is {', '.join(words)}"]
    order = np.argsort(-agreement.of_rows, kind="stable")[:MOST]
    rows = [("most apart at", "answer", "lowest", "highest", "spread")]
    for row in order:
        k = int(np.argmax(agreement.spread[row] / agreement.scale))
        answers = agreement.answers[:, row, k]
        low, high = ends(float(answers.min()), float(answers.max()), 4)
        spread = figure(float(agreement.spread[row, k]), 3)
        rows.append((found.places[row], subject.answers[k], low, high, spread))
    lines += aligned(rows)
    if found.few:
        return lines
    distances = ", ".join(
        f"{part.name} {figure(float(distance), 3)}"
        for part, distance in list(zip(subject.parts, agreement.distance, strict=True))[:MOST]
    )
    return [
        *lines,
        f"  distance from the members' median, in standard deviations of the answers: {distances}",
    ]


def _rows(found: DiagnosisRecord) -> list[str]:
    influence = found.influence
    if influence is None:
        return []
    known = ~np.isnan(influence.pull)
    order = np.argsort(np.where(known, -influence.pull, np.inf), kind="stable")
    rows = [("row", "pull", "loss", "leverage")]
    for row in order[: min(MOST, int(known.sum()))]:
        leverage = influence.leverage[row]
        rows.append(
            (
                found.places[row],
                figure(float(influence.ratio[row]), 3),
                figure(float(influence.loss[row]), 3),
                "-" if math.isnan(leverage) else figure(float(leverage), 2),
            )
        )
    head = "Rows with the largest pull (length of the row's gradient, as a multiple of the mean)"
    return [head, *aligned(rows)]


def _training(found: DiagnosisRecord) -> list[str]:
    if not found.courses:
        return []
    rows = [("network", "epochs", "training loss", "validation", "best at", "rate")]
    rows += [
        (
            f"fold {course.fold}, member {course.member}",
            str(course.epochs),
            f"{figure(course.training_first, 3)} to {figure(course.training_last, 3)}",
            f"{figure(course.validation_first, 3)} to {figure(course.best, 3)}",
            str(course.best_epoch),
            f"{figure(course.rate_most, 3)} to {figure(course.rate_last, 3)}",
        )
        for course in found.courses[:MOST]
    ]
    more = len(found.courses) - MOST
    lines = ["Training, from the first epoch to the last", *aligned(rows)]
    return [*lines, f"  and {counted(more, 'network')} more"] if more > 0 else lines


def _layers(found: DiagnosisRecord) -> list[str]:
    if not found.layer_courses:
        return []
    epochs = len(found.layer_courses[0].weights)
    shown = sorted({max(1, round(share * epochs)) for share in (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)})
    rows = [("epoch", *map(str, shown))]
    for course in found.layer_courses:
        for name, values in (("weights", course.weights), ("gradient", course.gradients)):
            kept = (figure(float(values[epoch - 1]), 3) for epoch in shown)
            rows.append((f"{course.layer}, {name}", *kept))
    several = len(found.layer_courses[0].kept) > 1
    over = ", median over the networks still training" if several else ""
    return [f"Weights and gradients over training (root mean squares{over})", *aligned(rows)]


def _percent(share: float) -> str:
    return f"{100 * float(share):.3g}%"


def to_json(found: DiagnosisRecord, door: Door = "python") -> dict[str, Any]:
    """Strict JSON: a value that is not finite, or not known, is None."""
    relevance, agreement, influence = found.relevance, found.agreement, found.influence
    answers = list(found.subject.answers)
    return {
        **as_json(found, "rows drawn"),
        "findings": [
            {"code": item.code, "message": item.words.worded(door)} for item in findings(found)
        ],
        **as_json(found, "layers parameters"),
        "inputs": _records(
            name=relevance.columns,
            effect=relevance.effect,
            weights=relevance.weight,
            importance=[found.importance.get(name, math.nan) for name in relevance.columns],
        ),
        "members": agreement and {**as_json(agreement, "distance spread"), "answers": answers},
        "pulls": influence
        and _records(
            row=found.places,
            pull=influence.pull,
            times_the_mean=influence.ratio,
            loss=influence.loss,
            leverage=influence.leverage,
        ),
        **as_json(found, "training=courses layers_over_training=layer_courses notes"),
    }


def _records(**columns: Iterable[Any]) -> list[dict[str, Any]]:
    """Columns of one length as one dict for each row."""
    rows = zip(*columns.values(), strict=True)
    return [dict(zip(columns, plain(row), strict=True)) for row in rows]
