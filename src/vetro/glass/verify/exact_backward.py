"""The network forward and backward as Rounded values: exact, with bounds for float computations.

The same operations as in the engine and torch (native/step.h, torch's autograd), each with its own
rounding and the errors that it passes on.  Works within exact.precision(network).  The rounding
counted for each operation is in rounding.py and rounded_activations.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.glass.subject import Part
from vetro.glass.verify import rounded_norm
from vetro.glass.verify.rounded_activations import activation, derivative
from vetro.glass.verify.rounding import (
    Format,
    Rounded,
    constant,
    nothing,
    plus,
    product,
    stored,
    times,
    total,
)
from vetro.networks.lowered import Operation


def forward(
    part: Part, x: NDArray[Any], format: Format, weights: Weights | None = None
) -> list[Rounded]:
    """Every value of the network, by number, as (features, rows); values[0] is x, exactly.

    x: (rows, features) as the network reads it; dropout is the identity.  weights: if they exist
    already.
    """
    weights = weights or Weights(part)
    values = [stored(np.asarray(x).T)]
    for operation in part.network.operations:
        values.append(_apply(operation, weights, [values[v] for v in operation.inputs], format))
    return values


def backward(
    part: Part,
    values: list[Rounded],
    delta: Rounded,
    format: Format,
    weights: Weights | None = None,
) -> tuple[Rounded, list[Rounded]]:
    """The gradient by the parameters, (parameter_count,), and by every value, (features, rows).

    values: the result of `forward`.  delta: dLoss/d(last value), (outputs, rows).  A divisor that
    was left out of delta is also left out of the results; format is then Format.scaled by it.
    """
    network, weights = part.network, weights or Weights(part)
    gradients: dict[int, Rounded] = {}
    deltas: dict[int, Rounded] = {network.operations[-1].output: delta}

    def add(held: dict[int, Rounded], number: int | None, found: Rounded) -> None:
        if number is not None:
            held[number] = plus(held[number], found, format) if number in held else found

    for operation in reversed(network.operations):
        d, source = deltas[operation.output], operation.inputs[0]
        x = values[source]
        match operation.kind:
            case "affine":
                assert operation.weight is not None
                add(gradients, operation.weight, product(d, x.transposed, format))
                add(gradients, operation.bias, total(d, 1, format))
                if source:
                    back = weights[operation.weight].transposed
                    add(deltas, source, product(back, d, format))
                continue
            case "add":
                add(deltas, source, d)
                add(deltas, operation.inputs[1], d)
                continue
            case "scale":
                back = times(d, _coefficients(operation, 0, format).spread(d.shape), format)
            case "dropout":
                back = d
            case "layer_norm":
                gamma = None if operation.weight is None else weights[operation.weight]
                back, of_gamma = rounded_norm.backward(operation, gamma, x, d, format)
                add(gradients, operation.weight, of_gamma)
                add(gradients, operation.bias, total(d, 1, format))
            case "activation":
                back = times(d, derivative(operation, x, format), format)
        add(deltas, source, back)
    found = nothing((network.parameter_count,))
    for number, gradient in gradients.items():
        slot = network.slots[number]
        place = slice(slot.offset, slot.offset + slot.size)
        found.exact[place] = gradient.exact.reshape(-1)
        found.error[place] = gradient.error.reshape(-1)
    none = [nothing(value.shape) for value in values]
    return found, [deltas.get(number, none[number]) for number in range(len(values))]


class Weights:
    """The slots' numbers as Rounded values, made when needed: (out, in), or (out, 1)."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._made: dict[int, Rounded] = {}

    def __getitem__(self, slot: int) -> Rounded:
        if slot not in self._made:
            view = self._part.view(slot)
            self._made[slot] = stored(view if view.ndim == 2 else view.reshape(-1, 1))
        return self._made[slot]


def _apply(
    operation: Operation, weights: Weights, inputs: list[Rounded], format: Format
) -> Rounded:
    x = inputs[0]
    match operation.kind:
        case "affine":
            assert operation.weight is not None
            bias = None if operation.bias is None else weights[operation.bias]
            return product(weights[operation.weight], x, format, bias)
        case "add":
            return plus(x, inputs[1], format)
        case "scale":
            scaled = times(x, _coefficients(operation, 0, format).spread(x.shape), format)
            return plus(scaled, _coefficients(operation, 1, format).spread(x.shape), format)
        case "dropout":
            return x
        case "layer_norm":
            gamma = None if operation.weight is None else weights[operation.weight]
            beta = None if operation.bias is None else weights[operation.bias]
            return rounded_norm.forward(operation, gamma, beta, x, format)
        case "activation":
            return activation(operation, x, format)


def _coefficients(operation: Operation, which: int, format: Format) -> Rounded:
    """The factor or the shift of a scaling, (features, 1): float64, cast to the format."""
    held = stored(operation.constants[which].reshape(-1, 1))
    return constant_like(held, format)


def constant_like(held: Rounded, format: Format) -> Rounded:
    """Numbers that are rounded when they are stored in the format."""
    made = [constant(value, format) for value in held.exact.reshape(-1)]
    errors = np.array([float(one.error[0]) for one in made]).reshape(held.shape)
    return Rounded(held.exact, errors)
