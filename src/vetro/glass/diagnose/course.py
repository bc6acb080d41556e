"""How training went, member by member, as the model's evidence keeps it: losses and rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from vetro.training.history import EpochRecord


@dataclass(frozen=True)
class Course:
    """One network's training; losses are means per row in scaled units.

    fold, member: from 1.  epochs: how many ran.  first, last: losses of the first and the last
    epoch; best: the lowest validation loss, in best_epoch, whose parameters were kept.  rate_most,
    rate_last: of the learning rate.
    """

    fold: int
    member: int
    epochs: int
    training_first: float
    training_last: float
    validation_first: float
    validation_last: float
    best: float
    best_epoch: int
    rate_most: float
    rate_last: float

    @property
    def risen(self) -> float:
        """How far the validation loss rose after the best epoch, as a share of the best."""
        return self.validation_last / self.best - 1.0 if self.best > 0 else 0.0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def courses(history: Sequence[EpochRecord]) -> tuple[Course, ...]:
    """Of every network in a fit's history."""
    found = []
    for (fold, member), group in groupby(history, lambda item: (item.fold, item.member)):
        records = list(group)
        kept = [item for item in records if item.best] or records
        first, last = records[0], records[-1]
        found.append(
            Course(
                fold,
                member,
                last.epoch,
                first.training,
                last.training,
                first.validation,
                last.validation,
                kept[-1].validation,
                kept[-1].epoch,
                max(item.learning_rate for item in records),
                last.learning_rate,
            )
        )
    return tuple(found)
