"""The network forward and backward as Rounded values: exact, with bounds for float computations.

The same operations as in the engine and torch (native/step.h, torch's autograd), each with its own
rounding and the errors that it passes on.  verify's weights and rows are arb numbers, within
exact.precision(network); backprop's are computed in float64.  The rounding counted for each
operation is in rounding.py and rounded_activations.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.glass.subject import Part
from vetro.glass.verify import rounded_norm
from vetro.glass.verify.rounded_activations import activation, derivative
from vetro.glass.verify.rounding import (
    Format,
    Rounded,
    cast,
    like,
    plus,
    product,
    stored,
    times,
    total,
)
from vetro.networks import walk
from vetro.networks.lowered import Operation
from vetro.networks.walk import Learn


def forward(
    part: Part, x: NDArray[Any], format: Format, weights: Weights | None = None
) -> list[Rounded]:
    """Every value of the network, by number, as (features, rows); values[0] is x, exactly.

    x: (rows, features) as the network reads it; dropout is the identity.  weights: if they exist
    already.
    """
    weights = weights or Weights(part)
    return walk.forward(part.network, weights.stored(np.asarray(x).T), _Forward(weights, format))


def backward(
    part: Part,
    values: list[Rounded],
    delta: Rounded,
    format: Format,
    weights: Weights | None = None,
) -> Rounded:
    """The gradient by the parameters, (parameter_count,).

    values: the result of `forward`.  delta: dLoss/d(last value), (outputs, rows).  A divisor that
    was left out of delta is also left out of the result; format is then Format.scaled by it.
    """
    network = part.network
    arithmetic = _Backward(weights or Weights(part), format, values)
    _, gradients = walk.backward(network, delta, arithmetic, to_inputs=False)
    found = like(delta, np.zeros(network.parameter_count))
    for number, gradient in gradients.items():
        slot = network.slots[number]
        place = slice(slot.offset, slot.offset + slot.size)
        found.exact[place] = gradient.exact.reshape(-1)
        found.error[place] = gradient.error.reshape(-1)
    return Rounded(found.exact, found.error)


class Weights:
    """The slots' numbers, made by `stored` when needed: (out, in), or (out, 1)."""

    def __init__(self, part: Part, stored: Callable[[Any], Rounded] = stored) -> None:
        self._part = part
        self.stored = stored
        self._made: dict[int, Rounded] = {}

    def __getitem__(self, slot: int) -> Rounded:
        if slot not in self._made:
            view = self._part.view(slot)
            self._made[slot] = self.stored(view if view.ndim == 2 else view.reshape(-1, 1))
        return self._made[slot]

    def of(self, slot: int | None) -> Rounded | None:
        return None if slot is None else self[slot]


@dataclass(frozen=True, eq=False)
class _Forward:
    weights: Weights
    format: Format

    def affine(self, operation: Operation, x: Rounded) -> Rounded:
        assert operation.weight is not None
        weight, bias = self.weights[operation.weight], self.weights.of(operation.bias)
        return product(weight, x, self.format, bias)

    def activation(self, operation: Operation, x: Rounded) -> Rounded:
        return activation(operation, x, self.format)

    def layer_norm(self, operation: Operation, x: Rounded) -> Rounded:
        gamma, beta = self.weights.of(operation.weight), self.weights.of(operation.bias)
        return rounded_norm.forward(operation, gamma, beta, x, self.format)

    def scale(self, operation: Operation, x: Rounded) -> Rounded:
        factor, shift = (_coefficients(operation, k, x, self.format) for k in (0, 1))
        return plus(times(x, factor, self.format), shift, self.format)

    def add(self, operation: Operation, x: Rounded, y: Rounded) -> Rounded:
        return plus(x, y, self.format)


@dataclass(frozen=True, eq=False)
class _Backward:
    weights: Weights
    format: Format
    values: list[Rounded]

    def learned(self, operation: Operation, d: Rounded, learn: Learn[Rounded]) -> None:
        x = self.values[operation.inputs[0]]
        learn(operation.weight, product(d, x.transposed, self.format))
        learn(operation.bias, total(d, 1, self.format))

    def affine_back(self, operation: Operation, d: Rounded) -> Rounded:
        assert operation.weight is not None
        return product(self.weights[operation.weight].transposed, d, self.format)

    def activation_back(self, operation: Operation, d: Rounded) -> Rounded:
        x = self.values[operation.inputs[0]]
        return times(d, derivative(operation, x, self.format), self.format)

    def layer_norm_back(self, operation: Operation, d: Rounded, learn: Learn[Rounded]) -> Rounded:
        x, gamma = self.values[operation.inputs[0]], self.weights.of(operation.weight)
        back, of_gamma = rounded_norm.backward(operation, gamma, x, d, self.format)
        learn(operation.weight, of_gamma)
        learn(operation.bias, total(d, 1, self.format))
        return back

    def scale_back(self, operation: Operation, d: Rounded) -> Rounded:
        return times(d, _coefficients(operation, 0, d, self.format), self.format)

    def add_back(self, operation: Operation, d: Rounded) -> Rounded:
        return d

    def plus(self, held: Rounded | None, found: Rounded) -> Rounded:
        return found if held is None else plus(held, found, self.format)


def _coefficients(operation: Operation, which: int, x: Rounded, format: Format) -> Rounded:
    """The factor or the shift of a scaling of x, in x's shape: float64, cast to the format."""
    held = like(x, operation.constants[which].reshape(-1, 1))
    return cast(held, format).spread(x.shape)
