"""torch's smooth L1: Huber's loss divided by its bend."""

from __future__ import annotations

from vetro.networks.arithmetic import Numbers, Terms
from vetro.networks.losses.huber import Huber
from vetro.networks.losses.rule import LossRule


class SmoothL1(Huber):
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

    def term(self, e: Numbers, a: float, of: Terms) -> Numbers:
        return of.where(abs(e) < a, 0.5 * e * e / a, abs(e) - 0.5 * a)


LOSS = SmoothL1()
