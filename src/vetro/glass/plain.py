"""The network in plain float64 NumPy, operation by operation, forward and backward.

It is for display and for counts: every intermediate value is kept, rounded to float64.  It is
neither an engine nor a proof: exact.py has the fractions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.glass.subject import Part
from vetro.networks import walk
from vetro.networks.arithmetic import FLOATS
from vetro.networks.lowered import LoweredNetwork, Operation
from vetro.networks.walk import Learn

Floats = NDArray[np.float64]


def forward(part: Part, x: NDArray[Any]) -> list[Floats]:
    """Every value of the network, by number, (rows, features): values[0] is x.

    x: (rows, features) as the network reads it; dropout is the identity.
    """
    return walk.forward(part.network, np.asarray(x, dtype=np.float64), Forward(part))


def apply(operation: Operation, part: Part, inputs: list[Floats]) -> Floats:
    """The result of an operation on its inputs, each (rows, features)."""
    return walk.apply(operation, inputs, Forward(part))


def backward(part: Part, values: list[Floats], delta: Floats) -> tuple[Floats, list[Floats]]:
    """The gradient of a loss by the parameters, (parameter_count,), and by every value.

    values: of `forward`.  delta: dLoss/d(last value), (rows, outputs).  The second result holds
    dLoss/d(value), (rows, features), for each value by number.
    """
    network = part.network
    by_value, by_slot = walk.backward(network, delta, _Backward(part, values))
    deltas = [by_value.get(k, np.zeros_like(value)) for k, value in enumerate(values)]
    return flat(network, by_slot), deltas


def flat(network: LoweredNetwork, by_slot: dict[int, Floats]) -> Floats:
    """Numbers by slot as one vector, (parameter_count,), 0 where there are none."""
    found = np.zeros(network.parameter_count)
    for number, values in by_slot.items():
        slot = network.slots[number]
        found[slot.offset : slot.offset + slot.size] = values.reshape(-1)
    return found


@dataclass(frozen=True, eq=False)
class Forward:
    """The arithmetic."""

    part: Part

    def affine(self, operation: Operation, x: Floats) -> Floats:
        assert operation.weight is not None
        product: Floats = x @ self.part.view(operation.weight).astype(np.float64).T
        return product if operation.bias is None else product + self.part.view(operation.bias)

    def activation(self, operation: Operation, x: Floats) -> Floats:
        return activation(operation, x)

    def layer_norm(self, operation: Operation, x: Floats) -> Floats:
        found = self.standard(operation, x)
        if operation.weight is not None:
            found = found * self.part.view(operation.weight)
        return found if operation.bias is None else found + self.part.view(operation.bias)

    def standard(self, operation: Operation, x: Floats) -> Floats:
        """x with mean 0 and variance 1."""
        return standard(operation, x)[0]

    def scale(self, operation: Operation, x: Floats) -> Floats:
        scaled: Floats = x * operation.constants[0] + operation.constants[1]
        return scaled

    def add(self, operation: Operation, x: Floats, y: Floats) -> Floats:
        return x + y


@dataclass(frozen=True, eq=False)
class _Backward:
    part: Part
    values: list[Floats]

    def learned(self, operation: Operation, d: Floats, learn: Learn[Floats]) -> None:
        learn(operation.weight, d.T @ self.values[operation.inputs[0]])
        learn(operation.bias, d.sum(axis=0))

    def affine_back(self, operation: Operation, d: Floats) -> Floats:
        assert operation.weight is not None
        found: Floats = d @ self.part.view(operation.weight)
        return found

    def activation_back(self, operation: Operation, d: Floats) -> Floats:
        return d * derivative(operation, self.values[operation.inputs[0]])

    def layer_norm_back(self, operation: Operation, d: Floats, learn: Learn[Floats]) -> Floats:
        scaled, root = standard(operation, self.values[operation.inputs[0]])
        learn(operation.weight, (d * scaled).sum(axis=0))
        learn(operation.bias, d.sum(axis=0))
        if operation.weight is not None:
            d = d * self.part.view(operation.weight)
        inner = d - d.mean(axis=-1, keepdims=True)
        inner -= scaled * (d * scaled).mean(axis=-1, keepdims=True)
        found: Floats = inner / root
        return found

    def scale_back(self, operation: Operation, d: Floats) -> Floats:
        found: Floats = d * operation.constants[0]
        return found

    def add_back(self, operation: Operation, d: Floats) -> Floats:
        return d

    def plus(self, held: Floats | None, found: Floats) -> Floats:
        return found + 0.0 if held is None else held + found


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


def came_in(operation: Operation, slot: int, x: Floats) -> Floats:
    """What the numbers of a slot multiply in an operation on x (..., rows, features): x itself, its
    standardised values, or for a bias 1, (..., rows, 1)."""
    if slot != operation.weight:
        return np.ones((*x.shape[:-1], 1))
    return x if operation.kind == "affine" else standard(operation, x)[0]


def standard(operation: Operation, x: Floats) -> tuple[Floats, Floats]:
    """(x - mean) / root and root = sqrt(variance + eps), over the features of each row."""
    mean = x.mean(axis=-1, keepdims=True)
    root = np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + operation.numbers[0])
    return (x - mean) / root, root
