"""The mean absolute error."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.networks.losses.loss import Arithmetic, DifferenceLoss, Floats, Numbers
from vetro.networks.losses.rule import LossRule


class AbsoluteError(DifferenceLoss):
    """|e|."""

    kind = "l1"
    torch_class = "L1Loss"
    torch_function = "l1_loss"
    formula = "|output - target|"
    slope_formula = "the sign of output - target"
    term_text = "|{difference}|"

    def term(self, e: Floats, a: float) -> Floats:
        return np.abs(e)

    def term_sizes(self, rule: LossRule, o: Floats, y: NDArray[Any]) -> Floats:
        return self.terms(rule, o, y)

    def slope_of(self, e: Numbers, a: float, of: Arithmetic) -> Numbers:
        return of.sign(e)

    def carried(self, e: Floats, off: Floats, a: float) -> Floats:
        return np.where((np.abs(e) <= off) & (off > 0), 2.0, 0.0)

    def pieces(self, rule: LossRule, o: Floats, y: NDArray[Any]) -> Floats:
        return np.asarray(np.sign(o - y))
