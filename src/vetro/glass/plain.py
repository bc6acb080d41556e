"""The network in plain float64 NumPy, operation by operation, forward and backward.

It is for display and for counts: every intermediate value is kept, rounded to float64.  It is
neither an engine nor a proof: exact.py has the fractions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.glass.subject import Part
from vetro.networks.activations.arithmetic import FLOATS
from vetro.networks.lowered import Operation

Floats = NDArray[np.float64]


def forward(part: Part, x: NDArray[Any]) -> list[Floats]:
    """Every value of the network, by number, (rows, features): values[0] is x.

    x: (rows, features) as the network reads it; dropout is the identity.
    """
    values = [np.asarray(x, dtype=np.float64)]
    for operation in part.network.operations:
        values.append(apply(operation, part, [values[number] for number in operation.inputs]))
    return values


def apply(operation: Operation, part: Part, inputs: list[Floats]) -> Floats:
    """The result of an operation on its inputs, each (rows, features)."""
    x = inputs[0]
    match operation.kind:
        case "affine":
            assert operation.weight is not None
            product: Floats = x @ part.view(operation.weight).astype(np.float64).T
            return product if operation.bias is None else product + part.view(operation.bias)
        case "add":
            return x + inputs[1]
        case "scale":
            scaled: Floats = x * operation.constants[0] + operation.constants[1]
            return scaled
        case "dropout":
            return x
        case "layer_norm":
            standard, _ = _standard(operation, x)
            if operation.weight is not None:
                standard = standard * part.view(operation.weight)
            return standard if operation.bias is None else standard + part.view(operation.bias)
        case "activation":
            return activation(operation, x)


def backward(part: Part, values: list[Floats], delta: Floats) -> tuple[Floats, list[Floats]]:
    """The gradient of a loss by the parameters, (parameter_count,), and by every value.

    values: of `forward`.  delta: dLoss/d(last value), (rows, outputs).  The second result holds
    dLoss/d(value), (rows, features), for each value by number.
    """
    network = part.network
    gradient = np.zeros(network.parameter_count)
    deltas = [np.zeros_like(value) for value in values]
    deltas[network.operations[-1].output if network.operations else 0] += delta
    for operation in reversed(network.operations):
        d, x = deltas[operation.output], values[operation.inputs[0]]
        into = deltas[operation.inputs[0]]
        match operation.kind:
            case "affine":
                assert operation.weight is not None
                _add(part, gradient, operation.weight, d.T @ x)
                _add(part, gradient, operation.bias, d.sum(axis=0))
                into += d @ part.view(operation.weight)
            case "add":
                into += d
                deltas[operation.inputs[1]] += d
            case "scale":
                into += d * operation.constants[0]
            case "dropout":
                into += d
            case "layer_norm":
                into += _layer_norm_backward(operation, part, x, d, gradient)
            case "activation":
                into += d * derivative(operation, x)
    return gradient, deltas


def _add(part: Part, gradient: Floats, slot: int | None, values: Floats) -> None:
    if slot is not None:
        found = part.network.slots[slot]
        gradient[found.offset : found.offset + found.size] += values.reshape(-1)


def activation(operation: Operation, z: Floats) -> Floats:
    """function(z), element by element."""
    with np.errstate(over="ignore"):
        found: Floats = operation.activation.value(FLOATS, z)
    return found


def derivative(operation: Operation, z: Floats) -> Floats:
    """function'(z); at a bend as in torch: 0 for relu, the slope below for leaky_relu and elu."""
    with np.errstate(over="ignore"):
        found: Floats = operation.activation.slope(FLOATS, z)
    return found


def _standard(operation: Operation, x: Floats) -> tuple[Floats, Floats]:
    """(x - mean) / root and root = sqrt(variance + eps), over the features of each row."""
    mean = x.mean(axis=1, keepdims=True)
    root = np.sqrt(((x - mean) ** 2).mean(axis=1, keepdims=True) + operation.numbers[0])
    return (x - mean) / root, root


def _layer_norm_backward(
    operation: Operation, part: Part, x: Floats, d: Floats, gradient: Floats
) -> Floats:
    standard, root = _standard(operation, x)
    _add(part, gradient, operation.weight, (d * standard).sum(axis=0))
    _add(part, gradient, operation.bias, d.sum(axis=0))
    if operation.weight is not None:
        d = d * part.view(operation.weight)
    inner = d - d.mean(axis=1, keepdims=True)
    inner -= standard * (d * standard).mean(axis=1, keepdims=True)
    found: Floats = inner / root
    return found
