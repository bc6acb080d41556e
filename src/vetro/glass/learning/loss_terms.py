"""A loss in plain float64: its terms at given outputs, and its slopes by each of them.

A loss of torch by its rule, or the user's own function as one term, with its slope by autograd.
Not the loss of an engine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vetro.networks.arithmetic import FLOATS
from vetro.networks.losses.rule import LossRule, Reduction
from vetro.networks.losses.table import loss_of

Floats = NDArray[np.float64]

Slopes = Callable[[Floats], tuple[float, Floats]]
"""Outputs (rows, outputs) to the loss and its slope by each of them."""


@dataclass(frozen=True, eq=False)
class OtherLoss:
    """A loss whose formula is not known.  name: the name to show."""

    name: str
    slopes: Slopes
    reduction: ClassVar[Reduction] = "mean"


@dataclass(frozen=True, eq=False)
class LossTerms:
    """A loss at given outputs: value = terms.sum() / divisor.

    terms: (rows, outputs), or (rows, 1) if a row has one term.  slope: (rows, outputs), by each
    output.  size: the sum of the absolute values inside the loss, to which rounding is relative.
    """

    rule: LossRule | OtherLoss
    value: float
    terms: Floats
    divisor: float
    slope: Floats
    size: float

    @property
    def shown(self) -> str:
        """The name of the loss, with the options that differ from torch's defaults."""
        rule = self.rule
        return rule.name if isinstance(rule, OtherLoss) else loss_of(rule).shown(rule)

    @property
    def formula(self) -> str:
        """The formula of one term, before weights."""
        rule = self.rule
        return "the function given" if isinstance(rule, OtherLoss) else loss_of(rule).formula


def loss_terms(rule: LossRule | OtherLoss, outputs: Floats, target: NDArray[Any]) -> LossTerms:
    """The loss at outputs (rows, outputs) with targets (rows, outputs), or classes (rows,)."""
    if isinstance(rule, OtherLoss):
        return _one_term(rule, outputs)
    loss = loss_of(rule)
    terms = loss.terms(rule, outputs, target, FLOATS)
    divisor = float(loss.divisors(rule, outputs.size, target).sum())
    value = float(terms.sum() / divisor) if divisor else float("nan")
    scale = 1.0 / divisor if divisor else float("nan")
    return LossTerms(
        rule=rule,
        value=value,
        terms=terms,
        divisor=divisor,
        slope=loss.slope(rule, outputs, target, FLOATS).value / loss.factor(rule) * scale,
        size=float(loss.term_sizes(rule, outputs, target).sum()) * scale,
    )


def _one_term(rule: OtherLoss, outputs: Floats) -> LossTerms:
    value, slope = rule.slopes(outputs)
    return LossTerms(
        rule=rule,
        value=value,
        terms=np.full((len(outputs), 1), value / len(outputs)),
        divisor=1.0,
        slope=slope,
        size=abs(value) + float(np.abs(slope * outputs).sum()),
    )


def loss_values(
    rule: LossRule | OtherLoss, outputs: Floats, target: NDArray[Any]
) -> tuple[Floats, Floats, Floats]:
    """The loss (copies,) at several outputs (copies, rows, outputs) of the same rows, its slope by
    each output, and the sum of the absolute values of its terms, (copies,)."""
    over = (-2, -1)
    if isinstance(rule, OtherLoss):
        pairs = [rule.slopes(copy) for copy in outputs]
        values, slopes = (
            np.array([pair[0] for pair in pairs]),
            np.stack([pair[1] for pair in pairs]),
        )
        return values, slopes, np.abs(values) + np.abs(slopes * outputs).sum(axis=over)
    loss = loss_of(rule)
    divisor = float(loss.divisors(rule, outputs[0].size, target).sum())
    values = loss.terms(rule, outputs, target, FLOATS).sum(axis=over) / divisor
    slopes = loss.slope(rule, outputs, target, FLOATS).value / loss.factor(rule) / divisor
    return values, slopes, loss.term_sizes(rule, outputs, target).sum(axis=over) / divisor
