"""Huber's loss: a parabola near 0, straight lines beyond."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vetro.networks.arithmetic import Array, Numbers, Slopes, Terms
from vetro.networks.losses.loss import DifferenceLoss
from vetro.networks.losses.rule import LossKind, LossRule


class Huber(DifferenceLoss):
    """e^2 / 2 up to delta, then delta |e| - delta^2 / 2."""

    kind: ClassVar[LossKind] = "huber"
    torch_class = "HuberLoss"
    torch_function = "huber_loss"
    options = ("delta",)
    option = "delta"
    default = 1.0
    formula = "e^2 / 2 where |e| <= delta, else delta (|e| - delta / 2); e = output - target"
    slope_formula = "e where |e| <= delta, else delta x its sign"
    term_text = "e = {difference}; the term"

    def term(self, e: Numbers, a: float, of: Terms) -> Numbers:
        return of.where(abs(e) <= a, 0.5 * e * e, a * (abs(e) - 0.5 * a))

    def term_sizes(self, rule: LossRule, o: Array, y: NDArray[Any]) -> Array:
        return np.asarray(max(rule.a, 1.0) * (np.abs(o - y) + 0.5 * rule.a))

    def slope_of(self, e: Numbers, a: float, of: Slopes) -> Numbers:
        return of.limited(e, a)

    def carried(self, e: Array, off: Array, a: float) -> Array:
        return np.minimum(off, 2.0 * a)

    def pieces(self, rule: LossRule, o: Array, y: NDArray[Any]) -> Array:
        e = o - y
        return np.asarray(np.sign(e) * (np.abs(e) >= rule.a))


LOSS = Huber()
