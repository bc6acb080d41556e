"""How far rounding may move a gradient from the true one: a running error analysis.

To first order, it adds up the rounding of each operation and follows how later operations enlarge
it, forward and backward (Higham 2002, "Accuracy and Stability of Numerical Algorithms",
chapter 3).  This allowance is an estimate; verify/rounding.py has the proven bounds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vetro.glass.learning.loss_terms import LossTerms, OtherLoss
from vetro.glass.learning.precision import Precision
from vetro.glass.plain import derivative
from vetro.glass.subject import Part
from vetro.networks.activations.activation import Activation
from vetro.networks.losses.table import loss_of
from vetro.networks.lowered import Operation

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
    errors = [np.zeros_like(values[0])]
    for operation in part.network.operations:
        errors.append(_forward(operation, part, values, errors, unit))
    rows = len(values[0])
    of_slope = _of_slope(terms, values[-1], errors[-1])
    of_slope += unit.lost(rows + terms.slope.shape[1] + OWN, terms.size)
    behind = [np.zeros_like(value) for value in values]
    behind[-1] += of_slope
    gradient = np.zeros(part.network.parameter_count)
    for operation in reversed(part.network.operations):
        _backward(operation, part, (values, errors), (deltas, behind), gradient, unit)
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


def _forward(
    operation: Operation, part: Part, values: list[Floats], errors: list[Floats], unit: Precision
) -> Floats:
    x, e = values[operation.inputs[0]], errors[operation.inputs[0]]
    y = values[operation.output]
    match operation.kind:
        case "affine":
            assert operation.weight is not None
            weight = np.abs(part.view(operation.weight).astype(np.float64))
            size = np.abs(x) @ weight.T
            if operation.bias is not None:
                size = size + np.abs(part.view(operation.bias))
            found: Floats = e @ weight.T + unit.lost(x.shape[1] + 2, size)
            return found
        case "add":
            other: Floats = e + errors[operation.inputs[1]] + unit.lost(1, np.abs(y))
            return other
        case "scale":
            factor, shift = operation.constants
            return np.abs(factor) * e + unit.lost(2, np.abs(x * factor) + np.abs(shift))
        case "dropout":
            return e
        case "layer_norm":
            spread, standard, size = _standard_error(operation, x, e, unit)
            if operation.weight is not None:
                weight = np.abs(part.view(operation.weight).astype(np.float64))
                spread, size = spread * weight, size * weight
            return spread + unit.lost(4, size + np.abs(y) + np.abs(standard))
        case "activation":
            return _steepness(operation, x, e) * e + unit.lost(
                OWN, np.maximum(np.abs(y), unit.unit)
            )


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


def _backward(
    operation: Operation,
    part: Part,
    forward: tuple[list[Floats], list[Floats]],
    backward: tuple[list[Floats], list[Floats]],
    gradient: Floats,
    unit: Precision,
) -> None:
    """Add to the errors of the deltas at the inputs and of the operation's own parameters."""
    (values, errors), (deltas, behind) = forward, backward
    source = operation.inputs[0]
    x, e = np.abs(values[source]), errors[source]
    d, b = np.abs(deltas[operation.output]), behind[operation.output]
    rows = len(x)
    match operation.kind:
        case "affine":
            assert operation.weight is not None
            weight = np.abs(part.view(operation.weight).astype(np.float64))
            _add(part, gradient, operation.weight, b.T @ x + d.T @ e + unit.lost(rows + 2, d.T @ x))
            _add(part, gradient, operation.bias, (b + unit.lost(rows + 2, d)).sum(axis=0))
            behind[source] += b @ weight + unit.lost(d.shape[1] + 2, d @ weight)
        case "add":
            behind[source] += b + unit.lost(1, d)
            behind[operation.inputs[1]] += b + unit.lost(1, d)
        case "scale":
            factor = np.abs(operation.constants[0])
            behind[source] += (b + unit.lost(2, d)) * factor
        case "dropout":
            behind[source] += b
        case "activation":
            z = values[source]
            slope = np.abs(derivative(operation, z))
            turning = _turning(operation, z, e, unit)
            behind[source] += b * (slope + turning) + d * turning + unit.lost(1, d * slope)
        case "layer_norm":
            behind[source] += _layer_norm(
                operation, part, (values[source], e), (d, b), gradient, unit
            )


def _add(part: Part, gradient: Floats, slot: int | None, found: Floats) -> None:
    if slot is not None:
        place = part.network.slots[slot]
        gradient[place.offset : place.offset + place.size] += found.reshape(-1)


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


def _layer_norm(
    operation: Operation,
    part: Part,
    forward: tuple[Floats, Floats],
    backward: tuple[Floats, Floats],
    gradient: Floats,
    unit: Precision,
) -> Floats:
    (x, e), (d, b) = forward, backward
    spread, _, s = _standard_error(operation, x, e, unit)
    rows, features = x.shape
    root = np.sqrt(x.var(axis=1, keepdims=True) + operation.numbers[0])
    found = b * s + d * spread + unit.lost(rows + 4, d * s)
    _add(part, gradient, operation.weight, found.sum(axis=0))
    _add(part, gradient, operation.bias, (b + unit.lost(rows + 2, d)).sum(axis=0))
    if operation.weight is not None:
        weight = np.abs(part.view(operation.weight).astype(np.float64))
        d, b = d * weight, b * weight
    of_root = (s * spread).mean(axis=1, keepdims=True) + (features + 8) * unit.unit

    def mean(values: Floats) -> Floats:
        return np.asarray(values.mean(axis=1, keepdims=True))

    size = d + mean(d) + s * mean(d * s)
    own = b + mean(b) + s * mean(b * s) + spread * mean(d * s) + s * mean(d * spread)
    result: Floats = (own + size * (of_root + (features + 8) * unit.unit)) / root
    return result
