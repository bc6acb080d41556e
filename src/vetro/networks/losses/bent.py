"""Huber's loss and torch's smooth L1: a parabola near 0, straight lines beyond.

smooth L1 is Huber's loss divided by its bend.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.networks.losses.loss import Arithmetic, DifferenceLoss, Floats, Numbers
from vetro.networks.losses.rule import LossRule


class _Bent(DifferenceLoss):
    default = 1.0
    term_text = "e = {difference}; the term"

    def term_sizes(self, rule: LossRule, o: Floats, y: NDArray[Any]) -> Floats:
        return np.asarray(max(rule.a, 1.0) * (np.abs(o - y) + 0.5 * rule.a))

    def slope_of(self, e: Numbers, a: float, of: Arithmetic) -> Numbers:
        return of.limited(e, a)

    def carried(self, e: Floats, off: Floats, a: float) -> Floats:
        return np.minimum(off, 2.0 * a)

    def pieces(self, rule: LossRule, o: Floats, y: NDArray[Any]) -> Floats:
        e = o - y
        return np.asarray(np.sign(e) * (np.abs(e) >= rule.a))


class Huber(_Bent):
    """e^2 / 2 up to delta, then delta |e| - delta^2 / 2."""

    kind = "huber"
    torch_class = "HuberLoss"
    torch_function = "huber_loss"
    options = ("delta",)
    option = "delta"
    formula = "e^2 / 2 where |e| <= delta, else delta (|e| - delta / 2); e = output - target"
    slope_formula = "e where |e| <= delta, else delta x its sign"

    def term(self, e: Floats, a: float) -> Floats:
        return np.where(np.abs(e) <= a, 0.5 * e * e, a * (np.abs(e) - 0.5 * a))


class SmoothL1(_Bent):
    """e^2 / (2 beta) up to beta, then |e| - beta / 2.  torch takes beta 0 as L1."""

    kind = "smooth_l1"
    torch_class = "SmoothL1Loss"
    torch_function = "smooth_l1_loss"
    options = ("beta",)
    option = "beta"
    without = "l1"
    formula = "e^2 / (2 beta) where |e| < beta, else |e| - beta / 2; e = output - target"
    slope_formula = "e / beta where |e| < beta, else its sign"

    def factor(self, rule: LossRule) -> float:
        return rule.a

    def term(self, e: Floats, a: float) -> Floats:
        return np.where(np.abs(e) < a, 0.5 * e * e / a, np.abs(e) - 0.5 * a)
