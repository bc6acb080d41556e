"""How far rounding may move a loss and its gradients from those computed in float64.

The errors are those of verify (rounding.py), counted around float64 numbers instead of exact ones:
a running error analysis to first order (Higham 2002, "Accuracy and Stability of Numerical
Algorithms", chapter 3).  So this allowance is an estimate, while verify's bounds are proven.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb
from numpy.typing import NDArray

from vetro.glass.learning.loss_terms import LossTerms, OtherLoss
from vetro.glass.subject import Part
from vetro.glass.verify import exact_backward
from vetro.glass.verify.exact_loss import Slope, slope
from vetro.glass.verify.rounding import FORMATS, Format, Rounded, computed, made

Floats = NDArray[np.float64]

OWN = 8.0
"""Roundings of a loss beyond the sum of its terms."""


@dataclass(frozen=True, eq=False)
class Allowance:
    """The largest errors.  outputs: (outputs, rows).  gradient: (parameter_count,).  loss: of the
    loss."""

    outputs: Floats
    gradient: Floats
    loss: float


def allowance(part: Part, x: Floats, y: NDArray[Any], terms: LossTerms, *dtypes: str) -> Allowance:
    """The errors of a computation that rounds to all of these dtypes; terms: at its outputs."""
    units = [FORMATS[dtype] for dtype in dtypes]
    # no number counts as too large: where the results are finite, so are the allowances
    format = Format(sum(one.u for one in units), sum(one.tiny for one in units), np.inf)
    weights = exact_backward.Weights(part, computed)
    values = exact_backward.forward(part, x, format, weights)
    start = _slope(terms, values[-1], y, format)
    gradient = exact_backward.backward(part, values, start.delta, start.format, weights)
    divisor, errors = abs(float(start.divisor)), values[-1].error
    moved = np.abs(terms.slope.T) + start.delta.error / divisor
    loss = (moved * errors).sum() + format.lost(terms.terms.size + OWN, terms.size)
    return Allowance(errors, gradient.error / divisor, float(loss))


def _slope(terms: LossTerms, outputs: Rounded, y: NDArray[Any], format: Format) -> Slope:
    """The slope of the loss by the outputs, with its errors."""
    rule = terms.rule
    if not isinstance(rule, OtherLoss):
        return slope(rule, outputs, y, format)
    errors = outputs.error.T
    ends = [rule.slopes(outputs.near.T + sign * errors)[1] for sign in (1.0, -1.0)]
    moved = 2.0 * np.maximum(*(np.abs(end - terms.slope) for end in ends))
    own = format.lost(sum(terms.slope.shape) + OWN, np.abs(terms.slope))
    return Slope(made(terms.slope.T, (moved + own).T, format), arb(1), format)
