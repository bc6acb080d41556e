"""The slope of a loss by the network's outputs as Rounded values, with its divisor kept separate.

The formulas and their bounds are networks/losses's.  Slopes of mse, l1 and huber are fractions,
since the division waits until the comparison.  Not the loss itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb, ctx
from numpy.typing import NDArray

from vetro.glass.exact import PRECISION, sigmoid
from vetro.glass.verify.rounding import (
    ELEMENTARY,
    ZERO,
    Exact,
    Format,
    Rounded,
    each,
    exactly,
    made,
    minus,
    stored,
)
from vetro.networks.losses.loss import OWN, Computed, DifferenceLoss, ScoreLoss
from vetro.networks.losses.rule import LossRule
from vetro.networks.losses.table import loss_of


@dataclass(frozen=True, eq=False)
class Slope:
    """dLoss/d(output) = delta / divisor.  delta: (outputs, rows); format: for what follows."""

    delta: Rounded
    divisor: arb
    format: Format


class _Exact:
    """The arithmetic of arb numbers."""

    number = staticmethod(exactly)

    def sign(self, x: Exact) -> Exact:
        return each(lambda value: value.sgn(), x)

    def limited(self, x: Exact, limit: float) -> Exact:
        most = arb(limit)
        return each(lambda value: value.min(most).max(-most), x)

    def sigmoid(self, x: Exact) -> Exact:
        return each(sigmoid, x)

    def softmax(self, x: Exact) -> Exact:
        most = np.array([_most(row) for row in x])[:, None]
        powers = each(lambda value: value.exp(), x - most)
        found: Exact = powers / powers.sum(axis=1, keepdims=True)
        return found


_EXACT = _Exact()


def slope(rule: LossRule, outputs: Rounded, target: NDArray[Any], format: Format) -> Slope:
    """The slope at outputs (outputs, rows), with targets (rows, outputs) or classes (rows,)."""
    loss = loss_of(rule)
    divisor = divisor_of(rule, outputs, target) * arb(loss.factor(rule))
    scaled = format.scaled(abs(float(divisor)))
    if isinstance(loss, ScoreLoss):
        delta = _of_scores(loss, rule, outputs, target, format, scaled)
    else:
        assert isinstance(loss, DifferenceLoss)
        delta = _of_differences(loss, rule, outputs, target, format, scaled)
    return Slope(delta, divisor, scaled)


def divisor_of(rule: LossRule, outputs: Rounded, target: NDArray[Any]) -> arb:
    """The divisor of the sum: 1, the number of terms, or the sum of the rows' class weights."""
    if rule.reduction == "sum":
        return arb(1)
    loss = loss_of(rule)
    weights = loss.weights(rule, target)
    if weights is None:
        return arb(loss.count(rule, outputs.exact.size, target))
    return sum(map(arb, weights.astype(np.float64).tolist()), ZERO)


def _of_differences(
    loss: DifferenceLoss,
    rule: LossRule,
    outputs: Rounded,
    target: NDArray[Any],
    format: Format,
    scaled: Format,
) -> Rounded:
    e = minus(outputs, stored(np.asarray(target, dtype=np.float64).T), format)
    exact = loss.slope_of(e.exact, rule.a, _EXACT)
    carried = np.where(np.isinf(e.error), np.inf, loss.carried(e.near, e.error, rule.a))
    size = np.abs(exact.astype(np.float64)) + carried
    own = OWN * format.u * size + scaled.tiny
    sure = np.equal(exact, ZERO).astype(np.bool_) & (carried == 0)
    return made(exact, np.where(sure, 0.0, carried + own), format)


def _of_scores(
    loss: ScoreLoss,
    rule: LossRule,
    outputs: Rounded,
    target: NDArray[Any],
    format: Format,
    scaled: Format,
) -> Rounded:
    with ctx.workprec(PRECISION):
        found = loss.slope(rule, outputs.exact.T, target, _EXACT)
    parts = tuple(part.astype(np.float64) for part in found.parts)
    computed = Computed(outputs.near.T, outputs.error.T, scaled.u, scaled.tiny, ELEMENTARY)
    return made(found.value.T, loss.error(rule, parts, target, computed).T, format)


def _most(values: Exact) -> arb:
    """The largest value, as its nearest float: any number near it prevents overflow of powers."""
    found: arb = values[int(values.astype(np.float64).argmax())].mid()
    return found
