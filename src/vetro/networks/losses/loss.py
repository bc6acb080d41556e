"""The facts that every loss states: torch's names, terms, slopes, and bounds of their errors.

Each loss has its own file.  Terms and slopes are written once, for every kind of number.  A slope
is divided by the number of terms, and multiplied by no weight of a row.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from vetro.networks.arithmetic import FLOATS, Array, Numbers, Slopes, Terms
from vetro.networks.losses.rule import LossKind, LossRule

OWN = 6.0
"""Roundings of a slope beyond those named: weights, and the division by the rows."""


@dataclass(frozen=True, eq=False)
class Slope:
    """d term / d output, (rows, outputs), but `Loss.factor` times as large; parts: the numbers
    inside, which the bounds need."""

    value: Numbers
    parts: tuple[Numbers, ...]


@dataclass(frozen=True, eq=False)
class Computed:
    """How floating point computes outputs and slopes, to bound the errors of the slopes.

    outputs, errors: (rows, outputs), and how far they may be off.  unit: the unit roundoff; tiny:
    the smallest normal number of the slopes; elementary: the error of exp in units of `unit`.
    """

    outputs: Array
    errors: Array
    unit: float
    tiny: float
    elementary: float


class Loss(ABC):
    """One loss.  kind: its name here and in the core.  torch_class, torch_function: its names in
    torch.nn and torch.nn.functional, "" if torch has none; options: torch's names of its options,
    apart from reduction.

    option: which of them is LossRule.a, with its default.  without: the loss that it is where the
    option is 0.  target: a number for each output, a share from 0 to 1 for each output, or the
    number of a class.  formula: of a term before weights; slope_formula: of its slope; term_text: a
    term with its numbers.
    """

    kind: ClassVar[LossKind]
    torch_class: ClassVar[str] = ""
    torch_function: ClassVar[str] = ""
    options: ClassVar[tuple[str, ...]] = ()
    option: ClassVar[str] = ""
    default: ClassVar[float] = 0.0
    without: ClassVar[LossKind | None] = None
    target: ClassVar[Literal["number", "share", "class"]] = "number"
    formula: ClassVar[str]
    slope_formula: ClassVar[str]
    term_text: ClassVar[str] = ""

    def shown(self, rule: LossRule) -> str:
        """The name with the options that differ from torch's defaults."""
        words = []
        if self.option and rule.a != self.default:
            words.append(f"{self.option.replace('_', ' ')} {rule.a:g}")
        if rule.class_weights is not None:
            words.append("weights of classes" if self.target == "class" else "weights")
        if rule.positive_weights is not None:
            words.append("weights of positives")
        return self.kind + (f" ({', '.join(words)})" if words else "")

    def factor(self, rule: LossRule) -> float:
        """The number by which slopes are too large."""
        return 1.0

    def divisors(self, rule: LossRule, outputs: int, y: NDArray[Any]) -> Array:
        """The numbers whose sum divides the sum of the terms: 1, their number, or their weights.
        outputs: of all rows."""
        return np.array([1.0 if rule.reduction == "sum" else outputs])

    @abstractmethod
    def terms(self, rule: LossRule, o: Numbers, y: NDArray[Any], of: Terms) -> Numbers:
        """Weighted terms (..., rows, outputs), or (..., rows, 1) if a row has one term."""

    @abstractmethod
    def term_sizes(self, rule: LossRule, o: Array, y: NDArray[Any]) -> Array:
        """The absolute values inside the terms, to whose sum rounding is relative."""

    @abstractmethod
    def slope(self, rule: LossRule, o: Numbers, y: NDArray[Any], of: Slopes) -> Slope:
        """The slope at outputs (..., rows, outputs)."""

    def pieces(self, rule: LossRule, o: Array, y: NDArray[Any]) -> Array | None:
        """The number of the piece on which each term is; None if the loss is smooth."""
        return None


class DifferenceLoss(Loss):
    """A loss of e = output - target alone, whose slope is in pieces linear in e."""

    @abstractmethod
    def term(self, e: Numbers, a: float, of: Terms) -> Numbers:
        """One term."""

    @abstractmethod
    def slope_of(self, e: Numbers, a: float, of: Slopes) -> Numbers:
        """The slope of a term."""

    @abstractmethod
    def carried(self, e: Array, off: Array, a: float) -> Array:
        """A bound of how far the slope moves if e is off by `off`."""

    def slope(self, rule: LossRule, o: Numbers, y: NDArray[Any], of: Slopes) -> Slope:
        e = o - of.number(y)
        return Slope(self.slope_of(e, rule.a, of), (e,))

    def terms(self, rule: LossRule, o: Numbers, y: NDArray[Any], of: Terms) -> Numbers:
        return self.term(o - of.number(y), rule.a, of)

    def term_sizes(self, rule: LossRule, o: Array, y: NDArray[Any]) -> Array:
        return self.terms(rule, o, y, FLOATS)


class ScoreLoss(Loss):
    """A loss of scores, of which an exponential function makes probabilities."""

    @abstractmethod
    def error(
        self, rule: LossRule, parts: tuple[Array, ...], y: NDArray[Any], computed: Computed
    ) -> Array:
        """A bound of a computed slope's error; parts: of the slope, to the nearest floats."""
