"""Binary cross entropy of scores: each output is the logarithm of the odds that its target is 1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.networks.arithmetic import Array, Numbers, Slopes, Terms
from vetro.networks.losses.loss import OWN, Computed, ScoreLoss, Slope
from vetro.networks.losses.rule import LossRule


class BinaryCrossEntropy(ScoreLoss):
    """w ((1 - y) s + (1 + (p - 1) y) log(1 + exp(-s))), p the weight of positives."""

    kind = "bce"
    torch_class = "BCEWithLogitsLoss"
    torch_function = "binary_cross_entropy_with_logits"
    options = ("weight", "pos_weight")
    target = "share"
    formula = "log(1 + exp(s)) - target s, s = output (a score)"
    slope_formula = "sigmoid(s) - target"
    term_text = "s = {output}, target {target}; the term"

    def terms(self, rule: LossRule, o: Numbers, y: NDArray[Any], of: Terms) -> Numbers:
        weight, positive = map(of.number, _weights(rule, o.shape[-1]))
        label = of.number(y)
        factor = 1.0 + (positive - 1.0) * label
        return weight * ((1.0 - label) * o + factor * of.log1p_exp(-o))

    def term_sizes(self, rule: LossRule, o: Array, y: NDArray[Any]) -> Array:
        weight, positive = _weights(rule, o.shape[-1])
        soft = np.abs(1.0 + (positive - 1.0) * y) * np.logaddexp(0.0, -o)
        return np.asarray(np.abs(weight) * (np.abs((1.0 - y) * o) + soft))

    def slope(self, rule: LossRule, o: Numbers, y: NDArray[Any], of: Slopes) -> Slope:
        """w ((1 - y) - (1 + (p - 1) y) sigmoid(-s)); torch and the engine group it differently."""
        weight, positive = map(of.number, _weights(rule, o.shape[-1]))
        label = of.number(y)
        falls = of.sigmoid(-o)
        factor = 1 + (positive - 1) * label
        return Slope(weight * ((1 - label) - factor * falls), (weight, label, factor, falls))

    def error(
        self, rule: LossRule, parts: tuple[Array, ...], y: NDArray[Any], computed: Computed
    ) -> Array:
        weight, label, factor, _ = parts
        _, positive = _weights(rule, computed.outputs.shape[-1])
        size = np.abs(weight) * (1.0 + np.abs(label) + 2.0 * np.abs(positive * label))
        steep = 0.25 * np.abs(weight) * (np.abs(factor) + 2.0**-40)
        own = (computed.elementary + 4.0 + OWN) * computed.unit * size + computed.tiny
        return np.asarray(steep * computed.errors + own)


LOSS = BinaryCrossEntropy()


def _weights(rule: LossRule, outputs: int) -> tuple[Array, Array]:
    """The weights of the outputs and of their positives, (outputs,) each; 1 if there are none."""
    found = (rule.class_weights, rule.positive_weights)
    weight, positive = (
        np.ones(outputs) if one is None else one.astype(np.float64) for one in found
    )
    return weight, positive
