"""The plain interval pass: ranges of every value over boxes, operation by operation.

The ranges contain the values that an engine computes, with its rounding; `room` is the part of each
range that is due to rounding.  Moore 1966.  The dependence between units is lost; relaxation.py
keeps it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vetro.glass.bounds.activation_lines import lines
from vetro.glass.bounds.rounding_bounds import OWN, SAFE, gamma, smallest, unit
from vetro.glass.subject import Part
from vetro.networks import walk
from vetro.networks.lowered import Operation

Floats = NDArray[np.float64]
Ends = tuple[Floats, Floats]


@dataclass(frozen=True, eq=False)
class Step:
    """An operation over boxes: the value lies in [low, high], and within `room` of the exact
    function of the engine's own inputs; all (boxes, features)."""

    low: Floats
    high: Floats
    room: Floats


def own_roundings(part: Part) -> int:
    """An upper limit of the roundings in any sum over a part's numbers in the relaxation."""
    network = part.network
    return max(network.widths) + 8 * len(network.operations) + 64


def affine(operation: Operation, part: Part, low: Floats, high: Floats) -> Step:
    """W x + b, summed by the engine in any order, with or without fused operations."""
    assert operation.weight is not None
    weight = part.view(operation.weight).astype(np.float64)
    bias = np.zeros(len(weight)) if operation.bias is None else part.view(operation.bias)
    return product(weight, bias.astype(np.float64), part, low, high)


def product(weight: Floats, bias: Floats, part: Part, low: Floats, high: Floats) -> Step:
    """weight x + bias, weight (out, in), for x in [low, high], summed by an engine."""
    size = np.maximum(np.abs(low), np.abs(high)) @ np.abs(weight).T + np.abs(bias)
    middle, radius = low / 2 + high / 2, high / 2 - low / 2
    centre = middle @ weight.T + bias
    spread = radius @ np.abs(weight).T
    terms = weight.shape[1] + 4
    share = gamma(terms, unit(part.network.dtype)) + gamma(own_roundings(part), OWN)
    # a sum of zeros is zero in any order
    room = np.where(size > 0, SAFE * share * size + terms * smallest(part.network.dtype), 0.0)
    return Step(centre - spread - room, centre + spread + room, room)


def elementwise(operation: Operation, part: Part, inputs: list[tuple[Floats, Floats]]) -> Step:
    """scale, add and dropout: feature by feature."""
    (low, high), dtype = inputs[0], part.network.dtype
    if operation.kind == "dropout":
        return Step(low, high, np.zeros_like(low))
    if operation.kind == "add":
        low, high = low + inputs[1][0], high + inputs[1][1]
        size = np.abs([ends for pair in inputs for ends in pair]).max(axis=0) * 2
    else:
        factor, shift = operation.constants
        ends = np.stack([low * factor, high * factor])
        size = np.abs(ends).max(axis=0) + np.abs(shift)
        low, high = ends.min(axis=0) + shift, ends.max(axis=0) + shift
    share = 4 * unit(dtype) + gamma(own_roundings(part), OWN)
    room = SAFE * share * size + 4 * smallest(dtype)
    return Step(low - room, high + room, room)


@dataclass(frozen=True, eq=False)
class Norm:
    """Layer norm over boxes: (x - mean) times a number in [factor - radius, factor + radius],
    (boxes, 1).  standard: the range (low, high) before weight and bias.  step: the whole step."""

    factor: Floats
    radius: Floats
    standard: tuple[Floats, Floats]
    step: Step


def layer_norm(
    operation: Operation,
    part: Part,
    inputs: tuple[Floats, Floats],
    centred: tuple[Floats, Floats],
) -> Norm:
    """inputs: the range of x.  centred: that of x - mean, computed exactly from the engine's x."""
    dtype = part.network.dtype
    features = inputs[0].shape[1]
    u = unit(dtype)
    size = np.maximum(np.abs(inputs[0]), np.abs(inputs[1])).max(axis=1, keepdims=True)
    low, high = centred
    # the engine's x - mean; a mean summed in any order, in one pass or two
    lost = SAFE * 2 * gamma(features + 8, u) * size + 8 * smallest(dtype)
    largest = np.maximum(np.abs(low), np.abs(high))
    nearest = np.where((low < 0) & (high > 0), 0.0, np.minimum(np.abs(low), np.abs(high)))
    widest = largest.max(axis=1, keepdims=True)
    spare = 2 * widest * lost + lost**2 + gamma(2 * features + 16, u) * widest * (widest + size)
    spare = SAFE * spare + smallest(dtype)
    least = np.maximum((nearest**2).mean(axis=1, keepdims=True) - spare, 0.0)
    most = (largest**2).mean(axis=1, keepdims=True) + spare
    epsilon = operation.numbers[0]
    with np.errstate(divide="ignore"):
        first = (1 - 16 * u) / np.sqrt(most + epsilon)
        last = (1 + 16 * u) / np.sqrt(least + epsilon)
    factor = first / 2 + last / 2
    weight = np.ones(features) if operation.weight is None else part.view(operation.weight)
    bias = np.zeros(features) if operation.bias is None else part.view(operation.bias)
    size = np.abs(weight)
    with np.errstate(invalid="ignore"):
        room = size * (largest * (last / 2 - first / 2) + lost * last)
        scale = size * largest * last + np.abs(bias)
    share = 8 * u + gamma(own_roundings(part), OWN)
    room = SAFE * (room + share * scale) + 8 * smallest(dtype)
    ends = np.stack([low, high]) * factor * weight
    step = Step(ends.min(axis=0) + bias - room, ends.max(axis=0) + bias + room, room)
    products = np.stack([low * first, low * last, high * first, high * last])
    most_standard = np.sqrt(features) * (1 + 16 * u)
    standard = tuple(np.clip(ends, -most_standard, most_standard)
                     for ends in (products.min(axis=0), products.max(axis=0)))  # fmt: skip
    return Norm(factor, (last - first) * (0.5 * SAFE), (standard[0], standard[1]), step)


def through(part: Part, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """The range of the last value for inputs in [low, high], by intervals only."""
    return walk.forward(part.network, (low, high), _Intervals(part))[-1]


@dataclass(frozen=True, eq=False)
class _Intervals:
    part: Part

    def affine(self, operation: Operation, x: Ends) -> Ends:
        return _ends(affine(operation, self.part, *x))

    def activation(self, operation: Operation, x: Ends) -> Ends:
        line = lines(operation, *x, self.part.network.dtype)
        return line.least - line.error, line.most + line.error

    def layer_norm(self, operation: Operation, x: Ends) -> Ends:
        middle = centring(x[0].shape[1])
        own = product(middle, np.zeros(len(middle)), self.part, *x)
        return _ends(layer_norm(operation, self.part, x, (own.low, own.high)).step)

    def scale(self, operation: Operation, x: Ends) -> Ends:
        return _ends(elementwise(operation, self.part, [x]))

    def add(self, operation: Operation, x: Ends, y: Ends) -> Ends:
        return _ends(elementwise(operation, self.part, [x, y]))


def _ends(step: Step) -> Ends:
    return step.low, step.high


def centring(features: int) -> Floats:
    """The matrix of x - mean(x)."""
    return np.eye(features) - 1.0 / features
