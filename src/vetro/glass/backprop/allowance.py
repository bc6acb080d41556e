"""How far rounding may move a gradient from the true one: a running error analysis.

To first order, it adds up the rounding of each operation and follows how later operations enlarge
it, forward and backward (Higham 2002, "Accuracy and Stability of Numerical Algorithms",
chapter 3).  This allowance is an estimate; verify/rounding.py has the proven bounds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vetro.glass import plain
from vetro.glass.learning.loss_terms import LossTerms, OtherLoss
from vetro.glass.learning.precision import Precision
from vetro.glass.plain import derivative
from vetro.glass.subject import Part
from vetro.networks import walk
from vetro.networks.activations.activation import Activation
from vetro.networks.losses.table import loss_of
from vetro.networks.lowered import Operation
from vetro.networks.walk import Learn

Floats = NDArray[np.float64]

OWN = 8.0
"""Roundings counted for an activation or its derivative."""


@dataclass(frozen=True, eq=False)
class Allowance:
    """The largest errors, to first order.  values: of each value of the network, (rows, features).
    gradient: of each gradient, (parameter_count,).  loss: of the loss."""

    values: list[Floats]
    gradient: Floats
    loss: float


def allowance(
    part: Part,
    values: list[Floats],
    deltas: list[Floats],
    terms: LossTerms,
    precision: Precision | None = None,
) -> Allowance:
    """The errors of a computation in this precision, compared with a float64 one.

    With precision None: the errors of the float64 computation itself.
    values, deltas: of plain.forward and plain.backward.
    """
    own = Precision.of(np.float64)
    unit = own
    if precision is not None:
        unit = Precision(precision.unit + own.unit, precision.tiny + own.tiny)
    network = part.network
    errors = walk.forward(network, np.zeros_like(values[0]), _Errors(part, values, unit))
    rows = len(values[0])
    of_slope = _of_slope(terms, values[-1], errors[-1])
    of_slope += unit.lost(rows + terms.slope.shape[1] + OWN, terms.size)
    arithmetic = _ErrorsBack(part, values, errors, deltas, unit)
    gradient = plain.flat(network, walk.backward(network, of_slope, arithmetic)[1])
    loss = (np.abs(terms.slope) * errors[-1]).sum() + terms.curvature.max(initial=0.0) * (
        errors[-1] ** 2
    ).sum()
    loss = loss + unit.lost(terms.terms.size + OWN, terms.term_size)
    return Allowance(errors, gradient, float(loss))


def _of_slope(terms: LossTerms, outputs: Floats, errors: Floats) -> Floats:
    """How far the slope of the loss moves when the outputs are off."""
    rule = terms.rule
    if not isinstance(rule, OtherLoss):
        own: Floats = terms.curvature * errors.max(axis=1, keepdims=True) * 2.0
        jump = loss_of(rule).jump
        if jump:
            own = own + np.where(terms.terms <= errors, jump / terms.divisor, 0.0)
        return own
    moved = [np.abs(rule.slopes(outputs + sign * errors)[1] - terms.slope) for sign in (1.0, -1.0)]
    found: Floats = 2.0 * np.maximum(*moved)
    return found


@dataclass(frozen=True, eq=False)
class _Errors:
    """The errors e of values."""

    part: Part
    values: list[Floats]
    unit: Precision

    def affine(self, operation: Operation, e: Floats) -> Floats:
        x, weight = self.values[operation.inputs[0]], _size(self.part, operation.weight)
        size = np.abs(x) @ weight.T
        if operation.bias is not None:
            size = size + _size(self.part, operation.bias)
        found: Floats = e @ weight.T + self.unit.lost(x.shape[1] + 2, size)
        return found

    def activation(self, operation: Operation, e: Floats) -> Floats:
        x, y = self.values[operation.inputs[0]], self.values[operation.output]
        own = self.unit.lost(OWN, np.maximum(np.abs(y), self.unit.unit))
        return _steepness(operation, x, e) * e + own

    def layer_norm(self, operation: Operation, e: Floats) -> Floats:
        x, y = self.values[operation.inputs[0]], self.values[operation.output]
        spread, standard, size = _standard_error(operation, x, e, self.unit)
        if operation.weight is not None:
            weight = _size(self.part, operation.weight)
            spread, size = spread * weight, size * weight
        return spread + self.unit.lost(4, size + np.abs(y) + np.abs(standard))

    def scale(self, operation: Operation, e: Floats) -> Floats:
        factor, shift = operation.constants
        x = self.values[operation.inputs[0]]
        return np.abs(factor) * e + self.unit.lost(2, np.abs(x * factor) + np.abs(shift))

    def add(self, operation: Operation, e: Floats, other: Floats) -> Floats:
        return e + other + self.unit.lost(1, np.abs(self.values[operation.output]))


@dataclass(frozen=True, eq=False)
class _ErrorsBack:
    """The errors b of dLoss/d(value)."""

    part: Part
    values: list[Floats]
    errors: list[Floats]
    deltas: list[Floats]
    unit: Precision

    def learned(self, operation: Operation, b: Floats, learn: Learn[Floats]) -> None:
        source, d = operation.inputs[0], np.abs(self.deltas[operation.output])
        x, e, rows = np.abs(self.values[source]), self.errors[source], len(b)
        learn(operation.weight, b.T @ x + d.T @ e + self.unit.lost(rows + 2, d.T @ x))
        learn(operation.bias, (b + self.unit.lost(rows + 2, d)).sum(axis=0))

    def affine_back(self, operation: Operation, b: Floats) -> Floats:
        d, weight = np.abs(self.deltas[operation.output]), _size(self.part, operation.weight)
        found: Floats = b @ weight + self.unit.lost(d.shape[1] + 2, d @ weight)
        return found

    def activation_back(self, operation: Operation, b: Floats) -> Floats:
        z, e = self.values[operation.inputs[0]], self.errors[operation.inputs[0]]
        d, slope = np.abs(self.deltas[operation.output]), np.abs(derivative(operation, z))
        turning = _turning(operation, z, e, self.unit)
        return b * (slope + turning) + d * turning + self.unit.lost(1, d * slope)

    def layer_norm_back(self, operation: Operation, b: Floats, learn: Learn[Floats]) -> Floats:
        source, unit = operation.inputs[0], self.unit
        x, e, d = self.values[source], self.errors[source], np.abs(self.deltas[operation.output])
        spread, _, s = _standard_error(operation, x, e, unit)
        rows, features = x.shape
        root = np.sqrt(x.var(axis=1, keepdims=True) + operation.numbers[0])
        found = b * s + d * spread + unit.lost(rows + 4, d * s)
        learn(operation.weight, found.sum(axis=0))
        learn(operation.bias, (b + unit.lost(rows + 2, d)).sum(axis=0))
        if operation.weight is not None:
            weight = _size(self.part, operation.weight)
            d, b = d * weight, b * weight
        of_root = (s * spread).mean(axis=1, keepdims=True) + (features + 8) * unit.unit

        def mean(values: Floats) -> Floats:
            return np.asarray(values.mean(axis=1, keepdims=True))

        size = d + mean(d) + s * mean(d * s)
        own = b + mean(b) + s * mean(b * s) + spread * mean(d * s) + s * mean(d * spread)
        result: Floats = (own + size * (of_root + (features + 8) * unit.unit)) / root
        return result

    def scale_back(self, operation: Operation, b: Floats) -> Floats:
        d = np.abs(self.deltas[operation.output])
        return (b + self.unit.lost(2, d)) * np.abs(operation.constants[0])

    def add_back(self, operation: Operation, b: Floats) -> Floats:
        return b + self.unit.lost(1, np.abs(self.deltas[operation.output]))

    def plus(self, held: Floats | None, found: Floats) -> Floats:
        return found if held is None else held + found


def _size(part: Part, slot: int | None) -> Floats:
    """The absolute values of a slot's numbers."""
    assert slot is not None
    return np.abs(part.view(slot).astype(np.float64))


def _steepness(operation: Operation, z: Floats, e: Floats) -> Floats:
    """A bound of |function'| within e of z."""
    known = operation.activation
    found = np.minimum(known.steepest, np.abs(derivative(operation, z)) + known.bent * e)
    return np.where(_crossing(known, z, e), known.steepest, found)


def _turning(operation: Operation, z: Floats, e: Floats, unit: Precision) -> Floats:
    """A bound of how far function' within e of z, as computed, lies from function'(z)."""
    known = operation.activation
    own = 0.0 if known.below is not None else unit.lost(OWN, known.steepest)
    # at an edge the slope jumps, and z may be on either side
    return np.where(_crossing(known, z, e), known.slope_gap, 0.0) + known.bent * e + own


def _crossing(known: Activation, z: Floats, e: Floats) -> NDArray[np.bool_]:
    """Where an edge lies within e of z."""
    found = np.zeros(z.shape, dtype=np.bool_)
    for edge in known.edges:
        found |= np.abs(known.steep * z - edge) <= abs(known.steep) * e
    return found


def _standard_error(
    operation: Operation, x: Floats, e: Floats, unit: Precision
) -> tuple[Floats, Floats, Floats]:
    """Errors of (x - mean) / root, the standardised values, and the sizes of their terms."""
    root = np.sqrt(x.var(axis=1, keepdims=True) + operation.numbers[0])
    standard = (x - x.mean(axis=1, keepdims=True)) / root
    e = e + unit.lost(x.shape[1] + 4, np.abs(x) + np.abs(x).mean(axis=1, keepdims=True))
    mean = e.mean(axis=1, keepdims=True)
    turned = np.abs(standard) * (np.abs(standard) * e).mean(axis=1, keepdims=True)
    return (e + mean + turned) / root, standard, np.abs(standard)
