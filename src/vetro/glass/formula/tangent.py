"""Tangents of smooth networks, with a proven bound of their error on a box.

First-order Taylor models around the row: each value is centre + slopes . (terms - row's) + rest,
where the rest is an interval that holds for the whole box.  A linear operation passes slopes on; a
nonlinear function also adds to the rest its largest distance from its own tangent over its range.
The slopes of the last value are then the gradient, and its rest is the error.  Arithmetic: arb,
which rounds outward (Johansson 2017).  Makino and Berz 2003, "Taylor models and other validated
functional inclusion methods", of order 1.

The models of many values are the rows of one matrix: slopes, rest, and the centre as the constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from flint import arb, arb_mat, ctx

from vetro.glass import exact
from vetro.glass.formula import curves
from vetro.glass.formula.affine_forms import AffineForms, decoded, row_point, scaled, shifted
from vetro.glass.formula.code_departures import Codes
from vetro.glass.formula.curves import Shape
from vetro.glass.formula.tangent_box import Sides
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


def models_of(values: arb_mat) -> list[Model]:
    """The model of each row."""
    return [Model(tuple(slopes), centre, rest) for *slopes, rest, centre in values.table()]


def _matrix(models: Sequence[Model]) -> arb_mat:
    return arb_mat([[*model.slopes, model.rest, model.centre] for model in models])


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


def box_of(sides: Sides, at: Sequence[Fraction]) -> Box:
    """The box around the terms' values at the row; sides: of the terms that move."""
    with ctx.workprec(PRECISION):
        ends = [sides.get(n, (value, value)) for n, value in enumerate(at)]
        pairs = zip(ends, at, strict=True)
        return Box(tuple(exact.ball(a - x).union(exact.ball(b - x)) for (a, b), x in pairs))


def answers_of(
    part: Part, features: arb_mat, at: Sequence[Fraction], box: Box, codes: Codes, classes: bool
) -> arb_mat:
    """A part's answers around a point, the terms' values: probabilities if `classes`.

    features: terms.feature_map(subject, terms, codes.chart).
    """
    with ctx.workprec(PRECISION):
        features = features * (1 / codes.chart.unit)
        centres = (features * row_point(at)).entries()
        rests = codes.of_features(len(centres))
        every = zip(features.table(), rests, centres, strict=True)
        given = arb_mat([[*row[:-1], rest, centre] for row, rest, centre in every])
        outputs = walk.forward(part.network, given, _Models(part, arb(1), box, codes))[-1]
        if classes:
            return _matrix(probabilities(models_of(outputs), box))
        return decoded(part, outputs, arb(1))


def mean(members: Sequence[arb_mat]) -> list[Model]:
    """The means of the members' answers."""
    with ctx.workprec(PRECISION):
        first, *others = members
        return models_of(sum(others, first) * (1 / arb(len(members))))


@dataclass(frozen=True, eq=False)
class _Models(AffineForms):
    box: Box
    codes: Codes

    def affine(self, operation: Operation, x: arb_mat) -> arb_mat:
        """W x + b; of the features, the sums of a column's codes are bounded together."""
        if operation.inputs != (0,) or not self.codes.departures:
            return super().affine(operation, x)
        assert operation.weight is not None
        made = super().affine(operation, arb_mat([[*row[:-2], 0, row[-1]] for row in x.table()]))
        rests = self.codes.rests(self.part.view(operation.weight))
        rows = made.table()
        for row, rest in zip(rows, rests, strict=True):
            row[-2] = row[-2] + rest
        return arb_mat(rows)

    def activation(self, operation: Operation, x: arb_mat) -> arb_mat:
        shape = curves.curve_of(operation)
        return _matrix([bent(shape, model, self.box) for model in models_of(x)])

    def layer_norm(self, operation: Operation, x: arb_mat) -> arb_mat:
        """(x - mean) / sqrt(variance + eps) * weight + bias, over the features."""
        count = x.nrows()
        share = arb(1) / count
        centring = arb_mat([[int(i == j) - share for j in range(count)] for i in range(count)])
        differences = models_of(centring * x)
        squares = _matrix([square(difference, self.box) for difference in differences])
        (variance,) = models_of(
            shifted(arb_mat([[share] * count]) * squares, operation.numbers, self.one)
        )
        inverse = bent(curves.root(arb(operation.numbers[0])), variance, self.box)
        made = _matrix([product(difference, inverse, self.box) for difference in differences])
        if operation.weight is not None:
            made = scaled(made, self.part.view(operation.weight))
        return self.with_bias(operation, made)


def bent(curve: Shape, model: Model, box: Box) -> Model:
    """curve(value): its tangent at the centre, and its largest distance from it."""
    level, slope = curve.at(model.centre)
    beyond = curves.beyond_tangent(curve, model.centre, box.change(model), level, slope)
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
    rest = twice * a.rest + curves.squared(box.change(a))
    return Model(tuple(twice * entry for entry in a.slopes), a.centre * a.centre, rest)


def probabilities(logits: Sequence[Model], box: Box) -> list[Model]:
    """softmax of the scores of classes: s(own - log(sum of exp(other))), s(z) = 1 / (1 + exp(-z));
    of a single score (1 - s(z), s(z))."""
    with ctx.workprec(PRECISION):
        if len(logits) == 1:
            logits = [Model((arb(0),) * len(box.reach), arb(0), arb(0)), logits[0]]
        found = []
        for own, score in enumerate(logits):
            first, *others = [other for place, other in enumerate(logits) if place != own]
            for other in others:
                # log(exp(a) + exp(b)) = a + softplus(b - a)
                more = bent(curves.softplus, _combined((1, -1), (other, first)), box)
                first = _combined((1, 1), (first, more))
            share = bent(curves.logistic, _combined((1, -1), (score, first)), box)
            found.append(_between(share, box))
        return found


def _combined(weights: Sequence[int], models: Sequence[Model]) -> Model:
    """The sum of weight * model."""
    return models_of(arb_mat([list(weights)]) * _matrix(models))[0]


def _between(model: Model, box: Box) -> Model:
    """A probability: its range is cut to between 0 and 1."""
    known = arb(0).union(arb(1)) - model.centre - box.straight(model)
    return Model(model.slopes, model.centre, closer(model.rest, known))


def closer(first: arb, second: arb) -> arb:
    """An interval that contains the intersection of both."""
    if not first.is_finite():
        return second
    return first.intersection(second)
