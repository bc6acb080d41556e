"""Cross entropy of classes: minus the logarithm of the softmax's share of the target's class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.networks.arithmetic import FLOATS, Array, Numbers, Slopes, Terms
from vetro.networks.losses.loss import OWN, Computed, ScoreLoss, Slope
from vetro.networks.losses.rule import LossRule


class CrossEntropy(ScoreLoss):
    """- sum of share_k log p_k, p = softmax; share_k = ((1 - a) [k = y] + a / K) w_k, with label
    smoothing a and K classes."""

    kind = "cross_entropy"
    torch_class = "CrossEntropyLoss"
    torch_function = "cross_entropy"
    options = ("weight", "ignore_index", "label_smoothing")
    option = "label_smoothing"
    target = "class"
    formula = "-log p(target), p = softmax(outputs)"
    slope_formula = "p - 1 at the target's class, p elsewhere"

    def divisors(self, rule: LossRule, outputs: int, y: NDArray[Any]) -> Array:
        counted = y[y != rule.ignored]
        if rule.reduction == "sum" or rule.class_weights is None:
            return super().divisors(rule, counted.size, y)
        return np.asarray(rule.class_weights[counted], dtype=np.float64)

    def terms(self, rule: LossRule, o: Numbers, y: NDArray[Any], of: Terms) -> Numbers:
        share = _share(rule, o.shape[-1], y, of)
        terms: Numbers = -(share * of.log_softmax(o)).sum(axis=-1, keepdims=True)
        return terms

    def term_sizes(self, rule: LossRule, o: Array, y: NDArray[Any]) -> Array:
        moved = o - o.max(axis=-1, keepdims=True)
        # exp(0) = 1 is a term of the sum under the logarithm, so its rounding is absolute
        logarithm = np.log(np.exp(moved).sum(axis=-1, keepdims=True))
        return np.asarray(_share(rule, o.shape[-1], y, FLOATS) * (np.abs(moved) + logarithm + 1.0))

    def slope(self, rule: LossRule, o: Numbers, y: NDArray[Any], of: Slopes) -> Slope:
        """p_k sum(share) - share_k."""
        share = _share(rule, o.shape[-1], y, of)
        whole = share.sum(axis=-1, keepdims=True)
        p = of.softmax(o)
        # the only class has p = 1: nothing to learn
        value = whole * p - share if o.shape[-1] > 1 else of.number(np.zeros(o.shape))
        return Slope(value, (whole, share, p))

    def error(
        self, rule: LossRule, parts: tuple[Array, ...], y: NDArray[Any], computed: Computed
    ) -> Array:
        whole, share, near = parts
        outputs, unit, classes = computed.outputs, computed.unit, computed.outputs.shape[-1]
        carried = 2.0 * computed.errors.max(axis=-1, keepdims=True)
        reach = np.abs(outputs - outputs.max(axis=-1, keepdims=True)) + np.log(classes) + carried
        # x - top and the logarithm of the sum round on their own scale, by which p is off
        # relatively
        rounds = (4.0 * reach + classes + 3.0 * computed.elementary + OWN) * unit
        off = near * np.expm1(np.minimum(carried + rounds, 700.0))
        size = np.abs(whole)
        own = (classes + 2.0 * OWN) * unit * (size * (near + off) + np.abs(share)) + computed.tiny
        bound = size * np.minimum(off, 2.0) + own
        bound = np.where(np.isinf(computed.errors).any(axis=-1, keepdims=True), np.inf, bound)
        return np.where((y != rule.ignored)[:, None], bound, 0.0)


LOSS = CrossEntropy()


def _share(rule: LossRule, classes: int, y: NDArray[Any], of: Slopes | Terms) -> Numbers:
    """(rows, classes): the factor of each class's -log p, from label smoothing and weights."""
    counts = y != rule.ignored
    own = np.zeros((len(y), classes))
    own[np.arange(len(y)), np.where(counts, y, 0)] = 1.0
    weights = np.ones(classes) if rule.class_weights is None else rule.class_weights
    smoothing = of.number([rule.a])
    shares: Numbers = (1 - smoothing) * of.number(own) + smoothing / classes
    return shares * of.number(weights) * of.number(counts[:, None])
