"""The course of training from the model's evidence: losses and learning rates of each network, and
weights and gradients of each layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.glass.as_json import as_json
from vetro.training.history import EpochRecord


@dataclass(frozen=True)
class Course:
    """One network's training; losses are means per row in scaled units.

    fold, member: from 1.  epochs: how many ran.  first, last: losses of the first and the last
    epoch; best: the lowest validation loss, in best_epoch, whose parameters were kept.  rate_most,
    rate_last: the largest and the last learning rate.
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
        """The rise of the validation loss after the best epoch, as a share of the best loss."""
        return self.validation_last / self.best - 1.0 if self.best > 0 else 0.0

    def to_json(self) -> dict[str, Any]:
        return as_json(self)


@dataclass(frozen=True, eq=False)
class LayerCourse:
    """One layer over training, by epoch: the median over the networks that were still training.

    weights: (epochs,) root mean squares of the layer's weights at each epoch's end; gradients:
    (epochs,) of the gradients of its last step.  kept: (networks,) the weights after the last
    epoch, as a share of those after the first.
    """

    layer: str
    weights: NDArray[np.float64]
    gradients: NDArray[np.float64]
    kept: NDArray[np.float64]

    def to_json(self) -> dict[str, Any]:
        return as_json(self)


def layer_courses(history: Sequence[EpochRecord]) -> tuple[LayerCourse, ...]:
    """The course of every layer; empty for a history that does not hold them."""
    if not history or not history[0].weights:
        return ()
    networks = [list(group) for _, group in groupby(history, lambda item: (item.fold, item.member))]
    epochs = max(len(records) for records in networks)
    # (weights and gradients, networks, epochs, layers), NaN where a network had stopped
    sizes = np.full((2, len(networks), epochs, len(history[0].weights)), np.nan)
    for number, records in enumerate(networks):
        sizes[0, number, : len(records)] = [item.weights for item in records]
        sizes[1, number, : len(records)] = [item.gradients for item in records]
    weights, gradients = np.nanmedian(sizes, axis=1)
    last = np.array([records[-1].weights for records in networks])
    kept = last / np.maximum(sizes[0, :, 0], np.finfo(np.float32).tiny)
    return tuple(
        LayerCourse(f"layer{k + 1}", weights[:, k], gradients[:, k], kept[:, k])
        for k in range(sizes.shape[3])
    )


def courses(history: Sequence[EpochRecord]) -> tuple[Course, ...]:
    """The course of every network in a fit's history."""
    found = []
    for (fold, member), group in groupby(history, lambda item: (item.fold, item.member)):
        records = list(group)
        kept = [item for item in records if item.best] or records
        first, last = records[0], records[-1]
        found.append(
            Course(
                fold=fold,
                member=member,
                epochs=last.epoch,
                training_first=first.training,
                training_last=last.training,
                validation_first=first.validation,
                validation_last=last.validation,
                best=kept[-1].validation,
                best_epoch=kept[-1].epoch,
                rate_most=max(item.learning_rate for item in records),
                rate_last=last.learning_rate,
            )
        )
    return tuple(found)
