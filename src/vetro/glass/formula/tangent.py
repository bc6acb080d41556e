"""Tangents of smooth networks, with a proven bound of their error on a box.

First-order Taylor models around the row: each value is centre + slopes . (terms - row's) + rest,
where the rest is an interval that holds for the whole box.  A linear operation passes slopes on; a
nonlinear function also adds to the rest its largest distance from its own tangent over its range.
The slopes of the last value are then the gradient, and its rest is the error.  Arithmetic: arb,
which rounds outward (Johansson 2017).  Makino and Berz 2003, "Taylor models and other validated
functional inclusion methods", of order 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from flint import arb, arb_mat, ctx

from vetro.glass import exact
from vetro.glass.formula.curves import Shape, beyond_tangent, curve_of, logistic, root, softplus
from vetro.glass.subject import Part
from vetro.networks import walk
from vetro.networks.lowered import Operation

PRECISION = 128


@dataclass(frozen=True, eq=False)
class Model:
    """One value on the box: centre + slopes . (terms - row's) + rest."""

    slopes: tuple[arb, ...]
    centre: arb
    rest: arb


@dataclass(frozen=True, eq=False)
class Box:
    """reach: how far each term goes from the row, an interval around 0; 0 if it is fixed."""

    reach: tuple[arb, ...]

    def straight(self, model: Model) -> arb:
        """slopes . (terms - row's) over the box."""
        total = arb(0)
        for slope, way in zip(model.slopes, self.reach, strict=True):
            if not way.is_zero():
                total += slope * way
        return total

    def change(self, model: Model) -> arb:
        """How far the value can go from its centre."""
        return self.straight(model) + model.rest


def box_of(low: Sequence[Fraction], at: Sequence[Fraction], high: Sequence[Fraction]) -> Box:
    """The box from low to high around the terms' values at the row."""
    with ctx.workprec(PRECISION):
        return Box(
            tuple(
                exact.ball(a - x).union(exact.ball(b - x))
                for a, x, b in zip(low, at, high, strict=True)
            )
        )  # fmt: skip


def tangents(part: Part, features: arb_mat, at: Sequence[Fraction], box: Box) -> list[Model]:
    """The outputs of a network as Taylor models around a point, the terms' values.

    features: terms.feature_map(part, terms).
    """
    with ctx.workprec(PRECISION):
        point = arb_mat([[exact.ball(value)] for value in (*at, Fraction(1))])
        centres = (features * point).entries()
        given = [
            Model(tuple(row[:-1]), centre, arb(0))
            for row, centre in zip(features.table(), centres, strict=True)
        ]
        return walk.forward(part.network, given, _Models(part, box))[-1]


@dataclass(frozen=True, eq=False)
class _Models:
    part: Part
    box: Box

    def affine(self, operation: Operation, x: list[Model]) -> list[Model]:
        assert operation.weight is not None
        made = _combined(exact.matrix(self.part.view(operation.weight)), x)
        if operation.bias is None:
            return made
        biases = self.part.view(operation.bias)
        return [_plus(model, arb(float(b))) for model, b in zip(made, biases, strict=True)]

    def activation(self, operation: Operation, x: list[Model]) -> list[Model]:
        shape = curve_of(operation)
        return [bent(shape, model, self.box) for model in x]

    def layer_norm(self, operation: Operation, x: list[Model]) -> list[Model]:
        return _layer_norm(operation, self.part, x, self.box)

    def scale(self, operation: Operation, x: list[Model]) -> list[Model]:
        factor, shift = operation.constants
        return [
            _plus(_times(model, arb(float(f))), arb(float(s)))
            for model, f, s in zip(x, factor, shift, strict=True)
        ]

    def add(self, operation: Operation, x: list[Model], y: list[Model]) -> list[Model]:
        return [_sum(a, b) for a, b in zip(x, y, strict=True)]


def bent(curve: Shape, model: Model, box: Box) -> Model:
    """curve(value): its tangent at the centre, and its largest distance from it."""
    level, slope = curve.at(model.centre)
    beyond = beyond_tangent(curve, model.centre, box.change(model), level, slope)
    slopes = tuple(slope * entry for entry in model.slopes)
    return Model(slopes, level, slope * model.rest + beyond)


def product(a: Model, b: Model, box: Box) -> Model:
    """a * b: c1 c2 + c1 d2 + c2 d1 + d1 d2, where d is the difference from the centre."""
    slopes = tuple(
        a.centre * second + b.centre * first
        for first, second in zip(a.slopes, b.slopes, strict=True)
    )
    second_order = box.change(a) * box.change(b)
    rest = a.centre * b.rest + b.centre * a.rest + second_order
    return Model(slopes, a.centre * b.centre, rest)


def square(a: Model, box: Box) -> Model:
    """a * a, whose second order is never negative."""
    twice = 2 * a.centre
    change = box.change(a)
    return Model(
        tuple(twice * entry for entry in a.slopes),
        a.centre * a.centre,
        twice * a.rest + _square(change),
    )


def scaled_sum(models: Sequence[Model], factors: Sequence[arb], shift: arb) -> Model:
    """sum of factor * model, + shift."""
    return _plus(_combined(arb_mat([list(factors)]), models)[0], shift)


def probabilities(logits: Sequence[Model], box: Box) -> list[Model]:
    """softmax of the scores of classes: s(own - log(sum of exp(other))), s(z) = 1 / (1 + exp(-z));
    of a single score (1 - s(z), s(z))."""
    with ctx.workprec(PRECISION):
        if len(logits) == 1:
            zero = Model(tuple(arb(0) for _ in logits[0].slopes), arb(0), arb(0))
            logits = [zero, logits[0]]
        found = []
        for own, score in enumerate(logits):
            first, *others = [other for place, other in enumerate(logits) if place != own]
            for other in others:
                # log(exp(a) + exp(b)) = a + softplus(b - a)
                first = _sum(first, bent(softplus, _difference(other, first), box))
            found.append(_between(bent(logistic, _difference(score, first), box), box))
        return found


def _between(model: Model, box: Box) -> Model:
    """A probability: its range is cut to between 0 and 1."""
    known = arb(0).union(arb(1)) - model.centre - box.straight(model)
    return Model(model.slopes, model.centre, _closer(model.rest, known))


def _closer(first: arb, second: arb) -> arb:
    """An interval that contains the intersection of both."""
    if not first.is_finite():
        return second
    return first.intersection(second)


def _difference(a: Model, b: Model) -> Model:
    return _sum(a, _times(b, arb(-1)))


def mean(models: Sequence[Model]) -> Model:
    """The mean of the members' values."""
    with ctx.workprec(PRECISION):
        made = scaled_sum(models, [arb(1)] * len(models), arb(0))
        return _times(made, 1 / arb(len(models)))


def decoded(model: Model, deviation: float, shift: float) -> Model:
    """model * deviation + shift."""
    with ctx.workprec(PRECISION):
        return _plus(_times(model, arb(deviation)), arb(shift))


def _layer_norm(operation: Operation, part: Part, x: list[Model], box: Box) -> list[Model]:
    """(x - mean) / sqrt(variance + eps) * weight + bias, over the features."""
    count = len(x)
    share = arb(1) / count
    centring = arb_mat([[int(i == j) - share for j in range(count)] for i in range(count)])
    differences = _combined(centring, x)
    squares = [square(difference, box) for difference in differences]
    eps = arb(operation.numbers[0])
    variance = scaled_sum(squares, [share] * count, eps)
    inverse = bent(root(eps), variance, box)
    made = [product(difference, inverse, box) for difference in differences]
    if operation.weight is not None:
        weights = part.view(operation.weight)
        made = [_times(model, arb(float(w))) for model, w in zip(made, weights, strict=True)]
    if operation.bias is not None:
        biases = part.view(operation.bias)
        made = [_plus(model, arb(float(b))) for model, b in zip(made, biases, strict=True)]
    return made


def _combined(weights: arb_mat, models: Sequence[Model]) -> list[Model]:
    """weights (out, models) times the models, all in one product."""
    rows = [[*model.slopes, model.centre, model.rest] for model in models]
    table = (weights * arb_mat(rows)).table()
    return [Model(tuple(row[:-2]), row[-2], row[-1]) for row in table]


def _plus(model: Model, shift: arb) -> Model:
    return Model(model.slopes, model.centre + shift, model.rest)


def _times(model: Model, factor: arb) -> Model:
    return Model(tuple(factor * s for s in model.slopes), factor * model.centre,
                 factor * model.rest)  # fmt: skip


def _sum(a: Model, b: Model) -> Model:
    slopes = tuple(x + y for x, y in zip(a.slopes, b.slopes, strict=True))
    return Model(slopes, a.centre + b.centre, a.rest + b.rest)


def _square(ball: arb) -> arb:
    high = ball.abs_upper()
    low = ball.abs_lower()
    return (low * low).union(high * high)
