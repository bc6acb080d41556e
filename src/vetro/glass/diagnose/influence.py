"""Rows that influence the fit most: the gradient of a row's own loss, and its leverage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vetro.glass import plain
from vetro.glass.learning.loss_terms import loss_terms
from vetro.glass.plain import Floats
from vetro.glass.subject import Part
from vetro.networks.losses.rule import LossRule

WIDEST = 512
"""The most units that the last layer may read for leverages: their cost is rows x units^2."""


@dataclass(frozen=True, eq=False)
class Influence:
    """Figures of each row, (rows,), mean over the parts.

    pull: the length of the gradient of the row's own loss by all parameters; loss: that loss.
    leverage: the share of its own answer that a row decides, 0 to 1, if the last layer is taken as
    a linear model of its inputs (h of the hat matrix; Hoaglin and Welsch 1978); NaN if there are
    too few rows or too many units.  layers: for each slot of the parameters the root mean square
    of its gradient.
    """

    pull: Floats
    loss: Floats
    leverage: Floats
    layers: Floats

    @property
    def ratio(self) -> Floats:
        """Each row's pull as a multiple of the mean one."""
        mean = float(np.nanmean(self.pull))
        return self.pull / mean if mean > 0 else np.zeros_like(self.pull)


def influence(
    parts: Sequence[Part],
    values: Sequence[list[Floats]],
    targets: Sequence[NDArray[np.generic]],
    rules: Sequence[LossRule],
) -> Influence:
    """The influence of the same rows in every part; targets and rules as loss_terms takes them."""
    found = [_of(*each) for each in zip(parts, values, targets, rules, strict=True)]
    with np.errstate(invalid="ignore"):
        return Influence(*(np.mean(column, axis=0) for column in zip(*found, strict=True)))


def _of(
    part: Part, values: list[Floats], target: NDArray[np.generic], rule: LossRule
) -> tuple[Floats, Floats, Floats, Floats]:
    terms = loss_terms(rule, values[-1], target)
    rows = len(values[0])
    gradient, deltas = plain.backward(part, values, terms.slope)
    # the mean divides by the number of rows, so a row's own loss is its share times that number
    whole = 1.0 if rule.reduction == "sum" else float(rows)
    pull = whole * np.sqrt(_squares(part, values, deltas))
    loss = terms.terms.sum(axis=1) * (whole / (terms.divisor or np.nan))
    layers = [
        float(np.sqrt((gradient[slot.offset : slot.offset + slot.size] ** 2).mean()))
        for slot in part.network.slots
    ]
    return pull, loss, _leverage(part, values), np.array(layers)


def _squares(part: Part, values: list[Floats], deltas: list[Floats]) -> Floats:
    """The squared length of every row's gradient: sums of outer products, by inner products."""
    uses: dict[int, list[tuple[Floats, Floats]]] = {}
    total = np.zeros(len(values[0]))
    for operation in part.network.operations:
        d, x = deltas[operation.output], values[operation.inputs[0]]
        for slot in (operation.weight, operation.bias):
            if slot is not None:
                uses.setdefault(slot, []).append((d, plain.came_in(operation, slot, x)))
    for slot, pairs in uses.items():
        outer = len(part.network.slots[slot].shape) == 2
        for d, x in pairs:
            for e, y in pairs:
                if outer or x.shape[1] == 1:
                    total += (d * e).sum(axis=1) * (x * y).sum(axis=1)
                else:
                    total += (d * x * e * y).sum(axis=1)
    return np.maximum(total, 0.0)


def _leverage(part: Part, values: list[Floats]) -> Floats:
    last = next((o for o in reversed(part.network.operations) if o.kind == "affine"), None)
    rows = len(values[0])
    if last is None:
        return np.full(rows, np.nan)
    x = values[last.inputs[0]]
    if rows <= x.shape[1] + 1 or x.shape[1] > WIDEST:
        return np.full(rows, np.nan)
    x = x - x.mean(axis=0)
    # from the small X^T X: an svd of X takes ten times as long, and its threads compete for cores
    squares, directions = np.linalg.eigh(x.T @ x)
    kept = squares > squares.max(initial=0.0) * rows * np.finfo(np.float64).eps
    along = x @ (directions[:, kept] / np.sqrt(squares[kept]))
    found: Floats = np.minimum(1.0 / rows + (along**2).sum(axis=1), 1.0)
    return found
