"""A lowered network evaluated in NumPy, operation by operation: the oracle's counterpart."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, expit

from vetro.networks.lower_module import Lowering
from vetro.networks.lowered import Operation

Array = NDArray[Any]


def interpret(lowering: Lowering, x: Array) -> Array:
    """Outputs (rows, outputs), (rows,) if squeezed; dropout is the identity."""
    network = lowering.network
    parameters = [parameter.detach().numpy() for parameter in lowering.parameters]
    for slot, parameter in zip(network.slots, parameters, strict=True):
        assert slot.shape == parameter.shape
    values = [x]
    for number, operation in enumerate(network.operations, start=1):
        assert operation.output == number
        assert all(value < number for value in operation.inputs)
        values.append(_evaluate(operation, [values[i] for i in operation.inputs], parameters))
        assert values[-1].shape == (len(x), network.widths[number])
    return values[-1][:, 0] if lowering.squeezed else values[-1]


def _evaluate(operation: Operation, inputs: list[Array], parameters: list[Array]) -> Array:
    x = inputs[0]
    weight = None if operation.weight is None else parameters[operation.weight]
    bias = 0.0 if operation.bias is None else parameters[operation.bias]
    if operation.kind == "affine":
        assert weight is not None
        return np.asarray(x @ weight.T + bias)
    if operation.kind == "activation":
        return _activate(operation, x)
    if operation.kind == "layer_norm":
        centred = x - x.mean(1, keepdims=True)
        variance = (centred**2).mean(1, keepdims=True)
        scaled = centred / np.sqrt(variance + operation.numbers[0])
        return np.asarray(scaled * (1.0 if weight is None else weight) + bias)
    if operation.kind == "scale":
        factor, shift = operation.constants
        assert factor.shape == shift.shape == x.shape[1:]
        return np.asarray(x * factor + shift)
    if operation.kind == "add":
        return np.asarray(inputs[0] + inputs[1])
    assert operation.kind == "dropout"
    return x


def _activate(operation: Operation, x: Array) -> Array:
    numbers = operation.numbers
    if operation.function == "leaky_relu":
        return np.where(x > 0, x, numbers[0] * x)
    if operation.function == "elu":
        return np.where(x > 0, x, numbers[0] * np.expm1(np.minimum(x, 0)))
    if operation.function == "softplus":
        beta, threshold = numbers
        small = np.log1p(np.exp(np.minimum(beta * x, threshold))) / beta
        return np.where(beta * x > threshold, x, small)
    assert numbers == ()
    functions = {
        "relu": lambda: np.maximum(x, 0),
        "tanh": lambda: np.tanh(x),
        "sigmoid": lambda: expit(x),
        "silu": lambda: x * expit(x),
        "gelu": lambda: x * 0.5 * (1 + erf(x / np.sqrt(2))),
        "gelu_tanh": lambda: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    }
    return np.asarray(functions[operation.function]())
