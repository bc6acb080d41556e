"""The mean squared error."""

from __future__ import annotations

from vetro.networks.arithmetic import Array, Numbers, Slopes, Terms
from vetro.networks.losses.loss import DifferenceLoss


class SquaredError(DifferenceLoss):
    """e^2."""

    kind = "mse"
    torch_class = "MSELoss"
    torch_function = "mse_loss"
    formula = "(output - target)^2"
    slope_formula = "2 (output - target)"
    term_text = "({difference})^2"

    def term(self, e: Numbers, a: float, of: Terms) -> Numbers:
        return e * e

    def slope_of(self, e: Numbers, a: float, of: Slopes) -> Numbers:
        return 2 * e

    def carried(self, e: Array, off: Array, a: float) -> Array:
        return 2.0 * off


LOSS = SquaredError()
