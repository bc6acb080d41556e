"""Diagnose: unusual units, inputs, members and rows inside a network, and what to do about them.

It examines dead and duplicate units, weights and gradients layer by layer, inputs that hardly
matter, members that disagree, and rows with the largest pull on the fit.  Everything is computed
from the present parameters and the rows; the course of training comes from the model's evidence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.errors import Notice, counted, error, issue_warnings
from vetro.glass import plain
from vetro.glass.diagnose.activity import activities
from vetro.glass.diagnose.agreement import agreement
from vetro.glass.diagnose.course import courses, layer_courses
from vetro.glass.diagnose.diagnose_text import text, to_json
from vetro.glass.diagnose.diagnosis_record import LEAST_ROWS, DiagnosisRecord, LayerParameters
from vetro.glass.diagnose.findings import findings
from vetro.glass.diagnose.influence import Influence, influence
from vetro.glass.diagnose.relevance import relevance
from vetro.glass.drawn import drawn_rows
from vetro.glass.learning.loss_terms import OtherLoss
from vetro.glass.learning.model_learning import learnings
from vetro.glass.plain import Floats
from vetro.glass.rows import (
    Rows,
    kind_of,
    numbers_of,
    part_inputs,
    reading_asked,
    rows_of,
    width_of,
)
from vetro.glass.subject import Subject, subject_of
from vetro.model.model import Model
from vetro.model.odd_rows import Unknown
from vetro.notebook import ShownAsText
from vetro.tables.options import ReadOptions
from vetro.visible import visible_lines

MOST_ROWS = 5000
"""Rows of a table that are used."""

DRAWN = 2000
"""Rows that are drawn if none are given."""


class Diagnosis(DiagnosisRecord, ShownAsText):
    """The result of diagnose: str() gives the text, to_json() all figures."""

    @property
    def findings(self) -> tuple[Notice, ...]:
        """The findings, W740 to W750, each with what to do."""
        return findings(self)

    def __str__(self) -> str:
        return visible_lines(text(self))

    def to_json(self) -> dict[str, Any]:
        """All of it as plain data."""
        return to_json(self)


def diagnose(
    thing: Any,
    x: Any = None,
    y: Any = None,
    loss: Any = None,
    *,
    options: ReadOptions | None = None,
    unknown: Unknown = "ignore",
    **reading: Any,
) -> Diagnosis:
    """Examine a model or module over many rows (the first 5000) and report what is unusual.

    thing: a Model or a torch module.
    For a Model: x is anything that predict accepts; targets are read from it, or given as y.
    Without x, rows are drawn from the ranges of its columns; then rows are not judged.
    unknown, options and reading (decimal=",", missing=("?",)): as in Model.predict.
    For a module, which is examined in eval mode: x (rows, inputs), and optionally y and a loss
    (default: mse, or cross_entropy for classes).  The module or model is not changed.

    Returns a Diagnosis: `.findings` are messages with codes W740 to W750.  Raises E701, E702, E741
    and the errors of reading a table.
    """
    is_read = isinstance(thing, (Model, Subject))
    subject = subject_of(thing, None if is_read else width_of(x))
    how = reading_asked(subject, options, reading)
    if subject.model is not None:
        found = diagnose_model(subject, x, y, loss, how, unknown)
    else:
        found = _of_module(subject, x, y, loss)
    issue_warnings(found.notices)
    return found


def diagnose_rows(subject: Subject, rows: Rows, y: Any = None, loss: Any = None) -> Diagnosis:
    """A model over rows that are read already."""
    given = learnings(subject, rows, y, loss)
    notes = []
    values = [plain.forward(part, part_inputs(part, rows)) for part in subject.parts]
    pulled = None
    drawn = bool(rows.places) and rows.places[0].startswith("drawn row")
    if given is not None and not drawn:
        jobs = [given.of(number, own[0]) for number, own in enumerate(values)]
        chosen = [[value[given.rows] for value in own] for own in values]
        pulled = influence(
            subject.parts,
            chosen,
            [job.training.y for job in jobs],
            [job.loss for job in jobs],
        )
        pulled = _everywhere(pulled, given.rows, len(rows))
        if len(given.rows) < len(rows):
            without = counted(len(rows) - len(given.rows), "row")
            notes.append(f"{without} without a target: left out of the figures that need one.")
    elif not drawn:
        notes.append("The rows have no targets: rows that influence the fit are not reported.")
    if drawn:
        notes.append(
            "The rows are drawn: each column evenly from its range, independently of the others. "
            "Give a table to see what the units do on real rows."
        )
    return _diagnosis(subject, rows.places, drawn, values, pulled, notes, rows.notices)


def diagnose_model(
    subject: Subject,
    x: Any = None,
    y: Any = None,
    loss: Any = None,
    options: ReadOptions | None = None,
    unknown: Unknown = "ignore",
) -> Diagnosis:
    """diagnose for a model; the notices are in the Diagnosis and are not issued."""
    assert subject.model is not None
    if x is None:
        if y is not None:
            raise error("E741", what="targets are given without rows", fix="Give the rows too.")
        return diagnose_rows(subject, drawn_rows(subject.model, DRAWN))
    # targets given as y belong to every row, also to rows of weight 0
    rows = rows_of(subject, x, options, unknown, only=range(MOST_ROWS), weighted=y is None)
    # counted as in the other commands: --row N
    places = rows.places if rows.table is None else rows.table.numbered()
    return diagnose_rows(subject, replace(rows, places=places), _first(y, len(rows)), loss)


def _first(y: Any, rows: int) -> Any:
    """The targets of the rows that are used; y may hold more."""
    if rows < MOST_ROWS:
        return y
    if isinstance(y, Mapping):
        return {name: _first(values, rows) for name, values in y.items()}
    return y[:rows] if isinstance(y, (list, tuple)) or np.ndim(y) else y


def _of_module(subject: Subject, x: Any, y: Any, loss: Any) -> Diagnosis:
    part = subject.parts[0]
    if x is None:
        what = "no rows are given, and a module does not say which values its inputs take"
        raise error("E741", what=what, fix=f"Give rows of {part.network.inputs} numbers.")
    rows = rows_of(subject, x, only=range(MOST_ROWS) if y is None else None)
    if y is None:
        values = [plain.forward(part, part_inputs(part, rows))]
        notes = [
            "No targets are given: gradients and rows that influence the fit are not reported."
        ]
        return _diagnosis(subject, rows.places, False, values, None, notes, ())
    import torch

    from vetro.glass.backprop.differentiated import differentiated

    targets = numbers_of(y)
    if targets is None:
        what = f"the targets are {kind_of(y)}, not plain real numbers"
        raise error("E741", what=what, fix="Give numbers, or rows of them, one for each row of x.")
    if targets.dtype.kind == "f":
        targets = targets.astype(np.float64)
    inputs = torch.from_numpy(part_inputs(part, rows))
    if np.ndim(x) == 1:  # a single row and its outputs, as backprop takes them
        inputs = inputs[0]
    elif targets.shape[:1] == (len(rows),):
        inputs, targets = inputs[:MOST_ROWS], targets[:MOST_ROWS]
    given = differentiated(subject, inputs, targets, loss, None, 1)
    values = [plain.forward(given.part, given.x)]
    notes = [note for note in given.notes if "optimizer" not in note]
    pulled = None
    if isinstance(given.rule, OtherLoss):
        notes.append("The loss is not one of torch's, so the pull of single rows is not known.")
    else:
        pulled = influence((given.part,), values, (given.y,), (given.rule,))
    return _diagnosis(given.subject, given.places, False, values, pulled, notes, given.notices)


def _diagnosis(
    subject: Subject,
    places: tuple[str, ...],
    drawn: bool,
    values: Sequence[list[Floats]],
    pulled: Influence | None,
    notes: Sequence[str],
    notices: Sequence[Notice],
) -> Diagnosis:
    own = [activities(subject, part, v) for part, v in zip(subject.parts, values, strict=True)]
    model = subject.model
    history = model.evidence.history if model is not None else ()
    agreed = None
    if model is not None:
        agreed = agreement(subject, [value[-1] for value in values])
    if len(places) == MOST_ROWS:
        notes = [*notes, f"Only the first {MOST_ROWS} rows are used."]
    if len(places) < LEAST_ROWS:
        say = f"{counted(len(places), 'row')} {'says' if len(places) == 1 else 'say'}"
        few = f"{say} too little about units, inputs and members: give at least {LEAST_ROWS}."
        notes = [few, *notes]
    return Diagnosis(
        subject=subject,
        rows=len(values[0][0]),
        places=places,
        drawn=drawn,
        layers=tuple(zip(*own, strict=True)),
        parameters=_parameters(subject, pulled),
        courses=courses(history),
        layer_courses=layer_courses(history),
        relevance=relevance(subject, values),
        agreement=agreed,
        influence=pulled,
        importance=dict(model.evidence.importance) if model is not None else {},
        notes=tuple(notes),
        notices=tuple(notices),
    )


def _parameters(subject: Subject, pulled: Influence | None) -> tuple[LayerParameters, ...]:
    found = []
    for number, slot in enumerate(subject.network.slots):
        views = [part.view(number).astype(np.float64) for part in subject.parts]
        found.append(
            LayerParameters(
                slot.name,
                slot.shape,
                float(np.mean([np.sqrt((view**2).mean()) for view in views])),
                float(np.mean([np.abs(view).max() for view in views])),
                float("nan") if pulled is None else float(pulled.layers[number]),
            )
        )
    return tuple(found)


def _everywhere(found: Influence, rows: NDArray[np.intp], count: int) -> Influence:
    """The influence of all rows, with NaN for rows without a target."""
    if len(rows) == count:
        return found

    def spread(values: Floats) -> Floats:
        whole = np.full(count, np.nan)
        whole[rows] = values
        return whole

    return Influence(spread(found.pull), spread(found.loss), spread(found.leverage), found.layers)
