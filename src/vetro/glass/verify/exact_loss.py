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
    like,
    made,
    minus,
)
from vetro.networks.arithmetic import FLOATS
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
        return each(arb.sgn, x)

    def limited(self, x: Exact, limit: float) -> Exact:
        most = arb(limit)
        return each(lambda value: value.min(most).max(-most), x)

    def sigmoid(self, x: Exact) -> Exact:
        return each(sigmoid, x)

    def softmax(self, x: Exact) -> Exact:
        most = np.array([_most(row) for row in x])[:, None]
        powers = each(arb.exp, x - most)
        found: Exact = powers / powers.sum(axis=1, keepdims=True)
        return found


_EXACT = _Exact()


def slope(rule: LossRule, outputs: Rounded, target: NDArray[Any], format: Format) -> Slope:
    """The slope at outputs (outputs, rows), with targets (rows, outputs) or classes (rows,)."""
    loss, of = loss_of(rule), FLOATS if outputs.computed else _EXACT
    divisor = divisor_of(rule, outputs, target) * arb(loss.factor(rule))
    scaled = format.scaled(abs(float(divisor)))
    if isinstance(loss, ScoreLoss):
        with ctx.workprec(PRECISION):
            found = loss.slope(rule, outputs.exact.T, target, of)
        parts = tuple(part.astype(np.float64) for part in found.parts)
        computed = Computed(outputs.near.T, outputs.error.T, scaled.u, scaled.tiny, ELEMENTARY)
        exact, bound = found.value.T, loss.error(rule, parts, target, computed).T
    else:
        assert isinstance(loss, DifferenceLoss)
        e = minus(outputs, like(outputs, np.asarray(target).T), format)
        exact = loss.slope_of(e.exact, rule.a, of)
        carried = np.where(np.isinf(e.error), np.inf, loss.carried(e.near, e.error, rule.a))
        size = np.abs(exact.astype(np.float64)) + carried
        sure = np.equal(exact, 0).astype(np.bool_) & (carried == 0)
        bound = np.where(sure, 0.0, carried + OWN * format.u * size + scaled.tiny)
    return Slope(made(exact, bound, format), divisor, scaled)


def divisor_of(rule: LossRule, outputs: Rounded, target: NDArray[Any]) -> arb:
    """The divisor of the sum: 1, the number of terms, or the sum of the rows' class weights."""
    numbers = loss_of(rule).divisors(rule, outputs.error.size, target)
    return sum(map(arb, numbers.tolist()), ZERO)


def _most(values: Exact) -> arb:
    """The largest value, as its nearest float: any number near it prevents overflow of powers."""
    found: arb = values[int(values.astype(np.float64).argmax())].mid()
    return found
