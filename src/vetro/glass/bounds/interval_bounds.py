"""Ranges of every value over boxes, operation by operation: an arithmetic of networks/walk.py.

The ranges contain the values that an engine computes, with its rounding; `room` is the part of each
range that is due to rounding.  Moore 1966.  The dependence between units is lost; relaxation.py
keeps it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from vetro.glass.bounds.activation_lines import Lines, lines
from vetro.glass.bounds.rounding_bounds import OWN, SAFE, gamma, smallest, unit
from vetro.glass.plain import Floats
from vetro.glass.subject import Part
from vetro.networks import walk
from vetro.networks.lowered import Operation

Ends = tuple[Floats, Floats]


@dataclass(frozen=True, eq=False)
class Norm:
    """Layer norm over boxes: (x - mean) times a number in [factor - radius, factor + radius],
    (boxes, 1).  least, most: the range before weight and bias, (boxes, features)."""

    factor: Floats
    radius: Floats
    least: Floats
    most: Floats


@dataclass(eq=False)
class Span:
    """A value over boxes: it lies in [low, high], and within `room` of the exact function of the
    values that it is computed from; all (boxes, features)."""

    low: Floats
    high: Floats
    room: Floats

    def narrow(self, low: Floats, high: Floats) -> None:
        """Cut the range to another one that the value lies in."""
        self.low, self.high = np.maximum(self.low, low), np.minimum(self.high, high)

    @property
    def size(self) -> Floats:
        """The largest |value|."""
        found: Floats = np.maximum(np.abs(self.low), np.abs(self.high))
        return found


@dataclass(frozen=True, eq=False)
class Reading:
    """A layer that reads the features, as a function of a region's places: t, a and the knots.

    W features + b is weight places + bias: weight (boxes, units, places), bias (units,).  room:
    (boxes, units), what the rounding of the features changes.
    """

    weight: Floats
    bias: Floats
    room: Floats


@dataclass(eq=False)
class Intervals:
    """The arithmetic of plain intervals.

    values: the spans so far, by number; lines, norms: what relaxes the activation or layer norm
    that computes a value.  readings: by its result, each layer that reads the features; empty if
    forms are forms of the features.
    """

    part: Part
    values: dict[int, Span] = field(default_factory=dict)
    lines: dict[int, Lines] = field(default_factory=dict)
    norms: dict[int, Norm] = field(default_factory=dict)
    readings: dict[int, Reading] = field(default_factory=dict)

    def through(self, x: Span) -> Self:
        """Fill in every value of the part for inputs in x."""
        self.values[0] = x
        self.values.update(enumerate(walk.forward(self.part.network, x, self)))
        return self

    def read(self, output: int) -> Span:
        """What the operation that computes a value reads first."""
        return self.values[self.part.network.operations[output - 1].inputs[0]]

    @property
    def last(self) -> Span:
        """The outputs."""
        return self.values[len(self.part.network.operations)]

    def affine(self, operation: Operation, x: Span) -> Span:
        assert operation.weight is not None
        weight = self.part.view(operation.weight).astype(np.float64)
        bias = np.zeros(len(weight)) if operation.bias is None else self.part.view(operation.bias)
        return self._kept(operation, product(self.part, weight, bias.astype(np.float64), x))

    def activation(self, operation: Operation, x: Span) -> Span:
        return self._lined(operation, x, lines(operation, x.low, x.high, self.part.network.dtype))

    def layer_norm(self, operation: Operation, x: Span) -> Span:
        found = product(self.part, centring(x.low.shape[1]), np.zeros(x.low.shape[1]), x)
        return self._normed(operation, x, (found.low, found.high))

    def scale(self, operation: Operation, x: Span) -> Span:
        return self._kept(operation, scaled(self.part, x, *operation.constants))

    def add(self, operation: Operation, x: Span, y: Span) -> Span:
        low, high = x.low + y.low, x.high + y.high
        size = np.maximum(x.size, y.size) * 2
        return self._kept(operation, _with_room(self.part, low, high, size))

    def _kept(self, operation: Operation, span: Span) -> Span:
        self.values[operation.output] = span
        return span

    def _lined(self, operation: Operation, x: Span, line: Lines) -> Span:
        self.lines[operation.output] = line
        room = line.error + line_room(self.part, line, x)
        return self._kept(operation, Span(line.least - line.error, line.most + line.error, room))

    def _normed(self, operation: Operation, x: Span, centred: Ends) -> Span:
        self.norms[operation.output], span = layer_norm(self.part, operation, x, centred)
        return self._kept(operation, span)


def own_roundings(part: Part) -> int:
    """An upper limit of the roundings in any sum over a part's numbers in the relaxation: over a
    layer, and where features are knots first over the features of one column."""
    network = part.network
    return 2 * max(network.widths) + 8 * len(network.operations) + 64


def line_room(part: Part, line: Lines, x: Span) -> Floats:
    """The rounding of our own products with the lines, for each unit of a form."""
    slope = np.maximum(np.abs(line.lower_slope), np.abs(line.upper_slope))
    own = slope * x.size + np.maximum(np.abs(line.lower), np.abs(line.upper))
    room: Floats = SAFE * gamma(own_roundings(part), OWN) * own
    return room


def product(part: Part, weight: Floats, bias: Floats, x: Span) -> Span:
    """weight x + bias, weight (out, in), summed by the engine in any order, with or without fused
    operations."""
    size = x.size @ np.abs(weight).T + np.abs(bias)
    middle, radius = x.low / 2 + x.high / 2, x.high / 2 - x.low / 2
    centre = middle @ weight.T + bias
    spread = radius @ np.abs(weight).T
    terms = weight.shape[1] + 4
    share = gamma(terms, unit(part.network.dtype)) + gamma(own_roundings(part), OWN)
    # a sum of zeros is zero in any order
    room = np.where(size > 0, SAFE * share * size + terms * smallest(part.network.dtype), 0.0)
    return Span(centre - spread - room, centre + spread + room, room)


def scaled(part: Part, x: Span, factor: Floats, shift: Floats) -> Span:
    """x * factor + shift, feature by feature."""
    ends = np.stack([x.low * factor, x.high * factor])
    size = np.abs(ends).max(axis=0) + np.abs(shift)
    return _with_room(part, ends.min(axis=0) + shift, ends.max(axis=0) + shift, size)


def _with_room(part: Part, low: Floats, high: Floats, size: Floats) -> Span:
    """The range of a few operations on numbers of this size, widened by their rounding."""
    share = 4 * unit(part.network.dtype) + gamma(own_roundings(part), OWN)
    room = SAFE * share * size + 4 * smallest(part.network.dtype)
    return Span(low - room, high + room, room)


def layer_norm(part: Part, operation: Operation, x: Span, centred: Ends) -> tuple[Norm, Span]:
    """centred: the range of x - mean, computed exactly from the engine's x."""
    dtype = part.network.dtype
    features = x.low.shape[1]
    u = unit(dtype)
    size = x.size.max(axis=1, keepdims=True)
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
    products = np.stack([low * first, low * last, high * first, high * last])
    far = np.sqrt(features) * (1 + 16 * u)  # no standardised value is larger
    standard = np.clip(np.stack([products.min(axis=0), products.max(axis=0)]), -far, far)
    norm = Norm(factor, (last - first) * (0.5 * SAFE), *standard)
    return norm, Span(ends.min(axis=0) + bias - room, ends.max(axis=0) + bias + room, room)


def centring(features: int) -> Floats:
    """The matrix of x - mean(x)."""
    return np.eye(features) - 1.0 / features
