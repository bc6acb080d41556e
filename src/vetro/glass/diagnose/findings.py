"""The findings of a diagnosis, as messages that say what to do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vetro.errors import Notice, counted, notice
from vetro.figures import figure
from vetro.glass.diagnose.activity import LayerActivity
from vetro.glass.diagnose.diagnosis_record import DiagnosisRecord

HARDLY = 0.03
"""An input hardly matters if its effect is below this share of the largest."""

PULLS = 5.0
"""A row is reported if its gradient is this many times the mean gradient."""

APART = 5.0
"""Members disagree at a row if its spread is this many times the median spread, and at least
NOTICED times the answers' standard deviation."""

NOTICED = 0.1

ALONE = 3.0
"""A member differs from the others if its distance is this many times the median member's."""

RISEN = 0.1
"""A rise of the validation loss after its best epoch is reported if it reaches this share."""

FADED = 1e-4
"""Gradients fade if a layer's are below this share of the largest layer's."""

SHRUNK = 0.01
"""A layer has shrunk if its weights are below this share of those after the first epoch."""

MOST_NAMED = 4

_ODD = (("W741", "dead", 0.0), ("W744", "saturated", 0.0), ("W742", "always_on", 0.5))
"""Code, kind of unit, and the share of a layer's units from which on they are reported; at least
one unit."""


def findings(found: DiagnosisRecord) -> tuple[Notice, ...]:
    """Every finding, the most important first."""
    if found.few:
        return (*_training(found), *_shrunk(found))
    return (
        *_units(found),
        *_gradients(found),
        *_inputs(found),
        *_members(found),
        *_rows(found),
        *_training(found),
        *_shrunk(found),
    )


def none(found: DiagnosisRecord) -> str:
    """The text if there are no findings."""
    return "too few rows to say" if found.few else "nothing stands out"


def named(names: Sequence[str]) -> str:
    """ "h3, h17, h20 and 5 more"."""
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def span(counts: Sequence[int]) -> str:
    """ "3", or "3 to 7"."""
    low, high = min(counts), max(counts)
    return str(low) if low == high else f"{low} to {high}"


def _units(found: DiagnosisRecord) -> list[Notice]:
    notices: list[Notice] = []
    for layer in found.layers:
        rows = counted(layer[0].rows, "row")
        for code, kind, share in _ODD:
            masks = [getattr(item, kind) for item in layer]
            if any(mask.sum() >= max(1, share * len(mask)) for mask in masks):
                notices.append(_told(code, layer, masks, rows))
        notices += _duplicates(layer)
    return notices


def _told(
    code: str, layer: Sequence[LayerActivity], masks: Sequence[NDArray[np.bool_]], rows: str
) -> Notice:
    """How many units, "3 of 64" or "3 to 7 of 64", and their names in the member with the most."""
    counts = [int(mask.sum()) for mask in masks]
    worst = int(np.argmax(counts))
    units = named(layer[worst].names(masks[worst]))
    present = [count for count in counts if count]
    if len(layer) > 1:
        members = f"{len(present)} of {len(layer)} members"
        units = f"in {members}; in {layer[worst].part} {units}"
    return notice(
        code,
        layer=layer[0].layer,
        count=f"{span(present)} of {counted(len(masks[worst]), layer[0].function + ' unit')}",
        rows=rows,
        units=units,
    )


def _duplicates(layer: Sequence[LayerActivity]) -> list[Notice]:
    worst = max(layer, key=lambda item: item.spare)
    if not worst.spare:
        return []
    groups = [" = ".join(group) for group in worst.alike]
    where = f"in {worst.part} " if worst.part else ""
    return [
        notice(
            "W743",
            layer=worst.layer,
            what=f"{where}{named(groups)}",
            spare=counted(worst.spare, "unit"),
        )
    ]


def _gradients(found: DiagnosisRecord) -> list[Notice]:
    if found.influence is None:
        return []
    weights = [(item.name, item.gradient) for item in found.parameters if len(item.shape) == 2]
    largest = max((size for _, size in weights), default=0.0)
    return [
        notice("W749", layer=name, share=figure(size / largest, 2))
        for name, size in weights
        if largest > 0 and size < FADED * largest
    ]


def _inputs(found: DiagnosisRecord) -> list[Notice]:
    relevance = found.relevance
    weak = np.flatnonzero(relevance.effect < HARDLY)
    if not len(weak) or len(weak) == len(relevance.columns):
        return []
    most = relevance.columns[int(np.argmax(relevance.effect))]
    words = [
        f"{relevance.columns[place]} ({figure(100 * float(relevance.effect[place]), 2)}%)"
        for place in weak
    ]
    return [notice("W745", columns=named(words), most=most)]


def _members(found: DiagnosisRecord) -> list[Notice]:
    agreement = found.agreement
    if agreement is None:
        return []
    notices = []
    spread = agreement.of_rows
    middle = float(np.median(spread))
    order = np.argsort(-spread, kind="stable")
    wide = [row for row in order if spread[row] >= max(APART * middle, NOTICED)]
    if wide:
        notices.append(
            notice(
                "W746",
                rows=counted(len(wide), "row"),
                places=named([found.places[row] for row in wide]),
                times=_times(spread[wide[0]] / middle) if middle else "many",
            )
        )
    typical = float(np.median(agreement.distance))
    far = int(np.argmax(agreement.distance))
    if len(agreement.distance) > 2 and agreement.distance[far] > ALONE * typical:
        times = _times(agreement.distance[far] / typical) if typical else "many"
        notices.append(notice("W740", member=found.subject.parts[far].name, times=times))
    return notices


def _times(ratio: float) -> str:
    """A factor as text: 12, or 3.4."""
    return f"{ratio:.0f}" if ratio >= 9.5 else f"{ratio:.2g}"


def _rows(found: DiagnosisRecord) -> list[Notice]:
    influence = found.influence
    if influence is None:
        return []
    ratio = influence.ratio
    hard = [row for row in np.argsort(-ratio, kind="stable") if ratio[row] >= PULLS]
    if not hard:
        return []
    return [
        notice(
            "W747",
            rows=counted(len(hard), "row"),
            pull="influences" if len(hard) == 1 else "influence",
            places=named([f"{found.places[row]} ({_times(ratio[row])} times)" for row in hard]),
        )
    ]


def _training(found: DiagnosisRecord) -> list[Notice]:
    risen = [
        course
        for course in found.courses
        if course.risen > RISEN and course.best_epoch < 0.9 * course.epochs
    ]
    if not risen or 2 * len(risen) < len(found.courses):
        return []
    best = int(np.median([course.best_epoch for course in risen]))
    return [
        notice(
            "W748",
            networks=f"{len(risen)} of {counted(len(found.courses), 'network')}",
            epoch=best,
            share=figure(100 * float(np.median([course.risen for course in risen])), 2),
        )
    ]


def _shrunk(found: DiagnosisRecord) -> list[Notice]:
    notices = []
    for course in found.layer_courses:
        few = course.kept < SHRUNK
        if few.any():
            networks = f"{few.sum()} of {counted(len(few), 'network')}"
            share = figure(100 * float(course.kept[few].max()), 2)
            notices.append(notice("W750", layer=course.layer, networks=networks, share=share))
    return notices
