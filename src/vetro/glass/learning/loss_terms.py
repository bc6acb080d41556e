"""Losses by name in plain float64: their terms, and their slopes by each output.

mse, l1, smooth_l1, huber, bce and cross_entropy with their options, as torch defines them; also a
user's own function as one term, with its slope by autograd.  Not the loss of an engine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LossKind = Literal["mse", "l1", "smooth_l1", "huber", "bce", "cross_entropy", "other"]

Slopes = Callable[[Floats], tuple[float, Floats]]
"""Outputs (rows, outputs) to the loss and its slope by each of them."""

_FORMULAS: dict[LossKind, str] = {
    "mse": "(output - target)^2",
    "l1": "|output - target|",
    "smooth_l1": "e^2 / (2 beta) where |e| < beta, else |e| - beta / 2; e = output - target",
    "huber": "e^2 / 2 where |e| <= delta, else delta (|e| - delta / 2); e = output - target",
    "bce": "log(1 + exp(s)) - target s, s = output (a score)",
    "cross_entropy": "-log p(target), p = softmax(outputs)",
    "other": "the function given",
}


@dataclass(frozen=True, eq=False)
class LossRule:
    """A loss: its kind and options, by torch's names.

    a: beta of smooth_l1, delta of huber, label smoothing of cross_entropy.  ignored: the class
    that does not count.  class_weights: (outputs,), for cross_entropy's classes or bce's outputs.
    positive_weights: for bce.  slopes: for the kind "other", the function that computes loss and
    slope.  name: the name to show.
    """

    kind: LossKind
    reduction: str = "mean"
    a: float = 0.0
    ignored: int = -100
    class_weights: Floats | None = None
    positive_weights: Floats | None = None
    slopes: Slopes | None = None
    name: str = ""

    @property
    def shown(self) -> str:
        """The name with the options that differ from torch's defaults."""
        if self.kind == "other":
            return self.name or "the function given"
        option = {"smooth_l1": "beta", "huber": "delta", "cross_entropy": "label smoothing"}
        words = []
        if self.kind in option and self.a != (0.0 if self.kind == "cross_entropy" else 1.0):
            words.append(f"{option[self.kind]} {self.a:g}")
        if self.class_weights is not None:
            words.append("weights of classes" if self.kind == "cross_entropy" else "weights")
        if self.positive_weights is not None:
            words.append("weights of positives")
        return self.kind + (f" ({', '.join(words)})" if words else "")

    @property
    def formula(self) -> str:
        """The formula of one term, before weights."""
        return _FORMULAS[self.kind]


@dataclass(frozen=True, eq=False)
class LossTerms:
    """A loss at given outputs: value = terms.sum() / divisor.

    terms: (rows, outputs), or (rows, 1) if a row has one term.  slope: (rows, outputs), by each
    output.  curvature: (rows, outputs), a bound of how fast any slope of the row changes with the
    errors of its outputs; size: (rows, outputs), the sum of the absolute values of a slope's terms;
    term_size: the same for the loss itself.
    """

    rule: LossRule
    value: float
    terms: Floats
    divisor: float
    slope: Floats
    curvature: Floats
    size: Floats
    term_size: float


def loss_terms(rule: LossRule, outputs: Floats, target: NDArray[Any]) -> LossTerms:
    """The loss at outputs (rows, outputs) with targets (rows, outputs), or classes (rows,)."""
    if rule.kind == "other":
        assert rule.slopes is not None
        value, slope = rule.slopes(outputs)
        rows = len(outputs)
        terms = np.full((rows, 1), value / rows)
        own = abs(value) + float(np.abs(slope * outputs).sum())
        return LossTerms(
            rule=rule,
            value=value,
            terms=terms,
            divisor=1.0,
            slope=slope,
            curvature=np.zeros_like(slope),
            size=np.abs(slope),
            term_size=own,
        )
    terms = _terms(rule, outputs, target)
    divisor = _divisor(rule, outputs, target)
    slope, curvature, size = _slopes(rule, outputs, target)
    value = float(terms.sum() / divisor) if divisor else float("nan")
    scale = 1.0 / divisor if divisor else float("nan")
    own = float(_term_size(rule, outputs, target)) * scale
    return LossTerms(
        rule=rule,
        value=value,
        terms=terms,
        divisor=divisor,
        slope=slope * scale,
        curvature=curvature * scale,
        size=size * scale,
        term_size=own,
    )


def loss_values(
    rule: LossRule, outputs: Floats, target: NDArray[Any]
) -> tuple[Floats, Floats, Floats]:
    """The loss (copies,) at several outputs (copies, rows, outputs) of the same rows, its slope by
    each output, and the sum of the absolute values of its terms, (copies,)."""
    if rule.kind == "other":
        assert rule.slopes is not None
        pairs = [rule.slopes(copy) for copy in outputs]
        values, slopes = (
            np.array([pair[0] for pair in pairs]),
            np.stack([pair[1] for pair in pairs]),
        )
        return values, slopes, np.abs(values) + np.abs(slopes * outputs).sum(axis=(-2, -1))
    divisor = _divisor(rule, outputs[0], target)
    values = _terms(rule, outputs, target).sum(axis=(-2, -1)) / divisor
    slopes = _slopes(rule, outputs, target)[0] / divisor
    return values, slopes, _term_size(rule, outputs, target) / divisor


def _terms(rule: LossRule, o: Floats, y: NDArray[Any]) -> Floats:
    """Terms (..., rows, outputs), for cross_entropy (..., rows, 1), weighted, before reduction."""
    if rule.kind == "cross_entropy":
        logarithms = _log_softmax(o)
        found: Floats = -(_share(rule, o.shape[-1], y) * logarithms).sum(axis=-1, keepdims=True)
        return found
    e = o - y
    match rule.kind:
        case "mse":
            found = e * e
        case "l1":
            found = np.abs(e)
        case "smooth_l1":
            found = np.where(np.abs(e) < rule.a, 0.5 * e * e / rule.a, np.abs(e) - 0.5 * rule.a)
        case "huber":
            bent = rule.a * (np.abs(e) - 0.5 * rule.a)
            found = np.where(np.abs(e) <= rule.a, 0.5 * e * e, bent)
        case _:
            weight, positive = _bce_weights(rule)
            # log(1 + exp(-s)) without overflow
            soft = np.logaddexp(0.0, -o)
            found = weight * ((1.0 - y) * o + (1.0 + (positive - 1.0) * y) * soft)
    return found


def _slopes(rule: LossRule, o: Floats, y: NDArray[Any]) -> tuple[Floats, Floats, Floats]:
    """d term / d output, a bound of its change, and the sizes of its terms: (rows, outputs)."""
    ones = np.ones_like(o)
    if rule.kind == "cross_entropy":
        share = _share(rule, o.shape[-1], y)
        total = share.sum(axis=-1, keepdims=True)
        p = np.exp(_log_softmax(o))
        # a softmax changes by at most p (1 - p) of its own score and p p' of the others'
        return total * p - share, total * p * ones, total * p + share
    e = o - y
    match rule.kind:
        case "mse":
            return 2.0 * e, 2.0 * ones, 2.0 * np.abs(e)
        case "l1":
            return np.sign(e), 0.0 * ones, ones
        case "smooth_l1":
            inside = np.abs(e) < rule.a
            slope = np.where(inside, e / rule.a, np.sign(e))
            return slope, ones / rule.a, np.abs(slope)
        case "huber":
            slope = np.clip(e, -rule.a, rule.a)
            return slope, ones, np.abs(slope)
        case _:
            weight, positive = _bce_weights(rule)
            factor = 1.0 + (positive - 1.0) * y
            falls = np.exp(-np.logaddexp(0.0, o))  # sigmoid(-s)
            size = np.abs(weight) * (np.abs(1.0 - y) + np.abs(factor) * falls)
            slope = weight * ((1.0 - y) - factor * falls)
            return slope, np.abs(weight * factor) * 0.25 * ones, size


def _term_size(rule: LossRule, o: Floats, y: NDArray[Any]) -> Floats:
    """The absolute values inside the terms, summed over rows and outputs.  Rounding is relative to
    this sum."""
    if rule.kind == "cross_entropy":
        share = _share(rule, o.shape[-1], y)
        moved = o - o.max(axis=-1, keepdims=True)
        # exp(0) = 1 is a term of the sum under the logarithm, so its rounding is absolute
        logarithm = np.log(np.exp(moved).sum(axis=-1, keepdims=True))
        sizes = share * (np.abs(moved) + logarithm + 1.0)
    elif rule.kind in ("smooth_l1", "huber"):
        sizes = max(rule.a, 1.0) * (np.abs(o - y) + 0.5 * rule.a)
    elif rule.kind == "bce":
        weight, positive = _bce_weights(rule)
        soft = np.abs(1.0 + (positive - 1.0) * y) * np.logaddexp(0.0, -o)
        sizes = np.abs(weight) * (np.abs((1.0 - y) * o) + soft)
    else:
        sizes = np.abs(_terms(rule, o, y))
    found: Floats = np.asarray(sizes.sum(axis=(-2, -1)))
    return found


def _divisor(rule: LossRule, outputs: Floats, y: NDArray[Any]) -> float:
    if rule.reduction == "sum":
        return 1.0
    if rule.kind != "cross_entropy":
        return float(outputs.size)
    counts = y != rule.ignored
    if rule.class_weights is None:
        return float(counts.sum())
    return float(rule.class_weights[y[counts]].sum())


def _share(rule: LossRule, classes: int, y: NDArray[Any]) -> Floats:
    """(rows, classes): the factor of each class's -log p, from label smoothing and weights."""
    counts = (y != rule.ignored).astype(np.float64)[:, None]
    weights = np.ones(classes) if rule.class_weights is None else rule.class_weights
    own = np.zeros((len(y), classes))
    own[np.arange(len(y)), np.where(y == rule.ignored, 0, y)] = 1.0
    found: Floats = ((1.0 - rule.a) * own + rule.a / classes) * weights * counts
    return found


def _bce_weights(rule: LossRule) -> tuple[Floats | float, Floats | float]:
    weight = 1.0 if rule.class_weights is None else rule.class_weights
    return weight, 1.0 if rule.positive_weights is None else rule.positive_weights


def _log_softmax(o: Floats) -> Floats:
    moved = o - o.max(axis=-1, keepdims=True)
    found: Floats = moved - np.log(np.exp(moved).sum(axis=-1, keepdims=True))
    return found
