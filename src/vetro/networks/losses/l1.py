"""The mean absolute error."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.networks.arithmetic import Array, Numbers, Slopes, Terms
from vetro.networks.losses.loss import DifferenceLoss
from vetro.networks.losses.rule import LossRule


class AbsoluteError(DifferenceLoss):
    """|e|."""

    kind = "l1"
    torch_class = "L1Loss"
    torch_function = "l1_loss"
    formula = "|output - target|"
    slope_formula = "the sign of output - target"
    term_text = "|{difference}|"

    def term(self, e: Numbers, a: float, of: Terms) -> Numbers:
        return abs(e)

    def slope_of(self, e: Numbers, a: float, of: Slopes) -> Numbers:
        return of.sign(e)

    def carried(self, e: Array, off: Array, a: float) -> Array:
        return np.where((np.abs(e) <= off) & (off > 0), 2.0, 0.0)

    def pieces(self, rule: LossRule, o: Array, y: NDArray[Any]) -> Array:
        return np.asarray(np.sign(o - y))


LOSS = AbsoluteError()
