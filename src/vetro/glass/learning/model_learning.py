"""A model's loss and optimizer from its recipe, with the targets of rows, as jobs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.engines.job import Job
from vetro.glass.learning.engine_run import job_of
from vetro.glass.learning.model_targets import known_targets, model_loss, targets_of
from vetro.glass.rows import Rows
from vetro.glass.subject import Subject
from vetro.networks.losses.rule import LossKind
from vetro.networks.losses.table import loss_of, usual_loss
from vetro.networks.updates.rule import Updates
from vetro.training.plan import balanced_weights


@dataclass(frozen=True, eq=False)
class Lessons:
    """rows: the numbers of the rows whose targets are known."""

    rows: NDArray[np.intp]
    _subject: Subject
    _given: Rows
    _y: Any
    _loss: LossKind

    def of(self, member: int, x: NDArray[Any]) -> Job:
        """Training steps of one member, counted from 0; x: what its network reads of all rows."""
        subject = self._subject
        model, part = subject.model, subject.parts[member]
        assert model is not None and part.encoder is not None
        target, _ = targets_of(subject, part, self._given, self._y, self._loss)
        loss = usual_loss(self._loss)
        if model.recipe.class_weight == "balanced" and loss_of(loss).target == "class":
            weights = balanced_weights(target, len(model.classes)).astype(np.float64)
            loss = replace(loss, class_weights=weights)
        whole = ((0, part.network.parameter_count, 0),)
        return job_of(part, x[self.rows], target, loss, Updates((model.recipe.update,), whole))


def learnings(subject: Subject, rows: Rows, y: Any, loss: Any) -> Lessons | None:
    """The lessons of the rows that have targets; None if no row has."""
    model = subject.model
    assert model is not None
    name = model_loss(model, loss)
    if y is not None:
        return Lessons(np.arange(len(rows)), subject, rows, y, name)
    table = rows.table
    if table is None or any(column.name not in table.values for column in model.schema.targets):
        return None
    known = np.all([known_targets(table, column) for column in model.schema.targets], axis=0)
    if not known.any():
        return None
    chosen = np.flatnonzero(known)
    places = tuple(rows.places[row] for row in chosen)
    return Lessons(chosen, subject, Rows(rows.raw[chosen], places, table.take(chosen)), None, name)
