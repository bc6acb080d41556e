"""The mean squared error."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from vetro.networks.losses.loss import Arithmetic, DifferenceLoss, Floats, Numbers
from vetro.networks.losses.rule import LossRule


class SquaredError(DifferenceLoss):
    """e^2."""

    kind = "mse"
    torch_class = "MSELoss"
    torch_function = "mse_loss"
    formula = "(output - target)^2"
    slope_formula = "2 (output - target)"
    term_text = "({difference})^2"

    def term(self, e: Floats, a: float) -> Floats:
        return e * e

    def term_sizes(self, rule: LossRule, o: Floats, y: NDArray[Any]) -> Floats:
        return self.terms(rule, o, y)

    def slope_of(self, e: Numbers, a: float, of: Arithmetic) -> Numbers:
        return 2 * e

    def carried(self, e: Floats, off: Floats, a: float) -> Floats:
        return 2.0 * off

    def pieces(self, rule: LossRule, o: Floats, y: NDArray[Any]) -> None:
        return None
