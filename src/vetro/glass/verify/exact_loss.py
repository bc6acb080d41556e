"""The slope of a loss by the network's outputs as Rounded values, with its divisor kept separate.

mse, l1, smooth_l1, huber, bce and cross_entropy as torch defines them.  Slopes of mse, l1 and huber
are fractions, since the division waits until the comparison.  Not the loss itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb, ctx
from numpy.typing import NDArray

from vetro.glass.exact import PRECISION, sigmoid
from vetro.glass.learning.loss_terms import LossRule
from vetro.glass.verify.rounding import (
    ELEMENTARY,
    ZERO,
    Exact,
    Floats,
    Format,
    Rounded,
    each,
    exactly,
    made,
    minus,
    stored,
)

OWN = 6.0
"""Roundings of a slope beyond those named: weights, and the division by the rows."""


@dataclass(frozen=True, eq=False)
class Slope:
    """dLoss/d(output) = delta / divisor.  delta: (outputs, rows); format: for what follows."""

    delta: Rounded
    divisor: arb
    format: Format


def slope(rule: LossRule, outputs: Rounded, target: NDArray[Any], format: Format) -> Slope:
    """The slope at outputs (outputs, rows), with targets (rows, outputs) or classes (rows,)."""
    divisor = divisor_of(rule, outputs, target)
    if rule.kind == "smooth_l1":
        divisor = divisor * arb(rule.a)
    scaled = format.scaled(abs(float(divisor)))
    if rule.kind == "cross_entropy":
        delta = _cross_entropy(rule, outputs, target, format, scaled)
    elif rule.kind == "bce":
        delta = _bce(rule, outputs, target, format, scaled)
    else:
        delta = _of_differences(rule, outputs, target, format, scaled)
    return Slope(delta, divisor, scaled)


def divisor_of(rule: LossRule, outputs: Rounded, target: NDArray[Any]) -> arb:
    """The divisor of the sum: 1, the number of terms, or the sum of the rows' class weights."""
    if rule.reduction == "sum":
        return arb(1)
    if rule.kind != "cross_entropy":
        return arb(outputs.exact.size)
    counted = target[target != rule.ignored]
    if rule.class_weights is None:
        return arb(len(counted))
    return sum((arb(float(rule.class_weights[label])) for label in counted), ZERO)


def _of_differences(
    rule: LossRule, outputs: Rounded, target: NDArray[Any], format: Format, scaled: Format
) -> Rounded:
    """2 e, sign(e), or e bounded by beta or delta; for smooth_l1 times beta."""
    e = minus(outputs, stored(np.asarray(target, dtype=np.float64).T), format)
    if rule.kind == "mse":
        exact, carried = 2 * e.exact, 2.0 * e.error
    elif rule.kind == "l1":
        exact = each(lambda value: value.sgn(), e.exact)
        carried = np.where((np.abs(e.near) <= e.error) & (e.error > 0), 2.0, 0.0)
    else:
        limit = arb(rule.a)
        exact = each(lambda value: value.min(limit).max(-limit), e.exact)
        carried = np.minimum(e.error, 2.0 * rule.a)
    carried = np.where(np.isinf(e.error), np.inf, carried)
    size = np.abs(exact.astype(np.float64)) + carried
    own = OWN * format.u * size + scaled.tiny
    sure = np.equal(exact, ZERO).astype(np.bool_) & (carried == 0)
    return made(exact, np.where(sure, 0.0, carried + own), format)


def _bce(
    rule: LossRule, outputs: Rounded, target: NDArray[Any], format: Format, scaled: Format
) -> Rounded:
    """w ((1 - y) - (1 + (p - 1) y) sigmoid(-x)), which torch and the engine group differently."""
    shape = outputs.shape
    y = np.asarray(target, dtype=np.float64).T
    weight = _column(rule.class_weights, shape)
    positive = _column(rule.positive_weights, shape)
    w, p, label = exactly(weight), exactly(positive), exactly(y)
    with ctx.workprec(PRECISION):
        falls = each(lambda x: sigmoid(-x), outputs.exact)
        factor = 1 + (p - 1) * label
        exact = w * (1 - label - factor * falls)
    size = np.abs(weight) * (1.0 + np.abs(y) + 2.0 * np.abs(positive * y))
    steep = 0.25 * np.abs(weight) * (np.abs(factor.astype(np.float64)) + 2.0**-40)
    own = (ELEMENTARY + 4.0 + OWN) * scaled.u * size + scaled.tiny
    return made(exact, steep * outputs.error + own, format)


def _cross_entropy(
    rule: LossRule, outputs: Rounded, target: NDArray[Any], format: Format, scaled: Format
) -> Rounded:
    """p_k sum(share) - share_k, p = softmax; share_k = ((1 - s) [k = y] + s / K) weight_k."""
    classes, rows = outputs.shape
    counts = target != rule.ignored
    label = np.where(counts, target, 0)
    weight = np.ones(classes) if rule.class_weights is None else rule.class_weights
    with ctx.workprec(PRECISION):
        smooth = arb(rule.a)
        share = np.empty((classes, rows), dtype=object)
        of_all = [smooth * arb(float(w)) / classes for w in weight]
        for row in range(rows):
            share[:, row] = of_all if counts[row] else [ZERO] * classes
            if counts[row]:
                own_label = int(label[row])
                share[own_label, row] += (1 - smooth) * arb(float(weight[own_label]))
        p = _softmax(outputs.exact)
        whole = share.sum(axis=0)
        exact = p * whole - share
    near = p.astype(np.float64)
    top = outputs.near.max(axis=0)
    reach = np.abs(outputs.near - top) + np.log(classes) + 2.0 * outputs.error.max(axis=0)
    # x - top and the logarithm of the sum round on their own scale, by which p is off relatively
    rounds = (4.0 * reach + classes + 3.0 * ELEMENTARY + OWN) * scaled.u
    off = near * np.expm1(np.minimum(2.0 * outputs.error.max(axis=0) + rounds, 700.0))
    size = np.abs(whole.astype(np.float64))
    sizes = np.abs(share.astype(np.float64))
    own = (classes + 2.0 * OWN) * scaled.u * (size * (near + off) + sizes) + scaled.tiny
    bound = size * np.minimum(off, 2.0) + own
    bound = np.where(np.isinf(outputs.error).any(axis=0), np.inf, bound)
    if classes == 1:  # the only class has p = 1: nothing to learn
        exact = np.full(exact.shape, ZERO, dtype=object)
    return made(exact, np.where(counts, bound, 0.0), format)


def _softmax(x: Exact) -> Exact:
    powers = each(lambda value: value.exp(), x - np.array([_most(column) for column in x.T]))
    found: Exact = powers / powers.sum(axis=0)
    return found


def _most(values: Exact) -> arb:
    """The largest value, as its nearest float: any number near it prevents overflow of powers."""
    found: arb = values[int(values.astype(np.float64).argmax())].mid()
    return found


def _column(weights: Floats | None, shape: tuple[int, ...]) -> Floats:
    """Weights of the outputs, over all rows; 1 if there are none."""
    if weights is None:
        return np.ones(shape)
    return np.broadcast_to(np.asarray(weights, dtype=np.float64).reshape(-1, 1), shape)
