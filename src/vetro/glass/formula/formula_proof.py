"""Comparing the formula with the network, in fractions, at points of its region.

The network is computed independently of the formula: it runs forward at each point in exact
numbers, and each unit decides by itself whether it is on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from flint import arb, arb_mat, ctx
from numpy.typing import ArrayLike, NDArray

from vetro.errors import counted
from vetro.glass import exact
from vetro.glass.check import Check
from vetro.glass.formula.bins import Chart
from vetro.glass.formula.formula_record import FormulaRecord
from vetro.glass.formula.region import Region, inner_point
from vetro.glass.formula.terms import Term, feature_map, gaps_of, term_table, terms_of
from vetro.glass.rows import Floats
from vetro.glass.subject import Part
from vetro.networks import walk
from vetro.networks.lowered import Operation

FARTHEST = 10.0
"""How far points go from the row, in scaled units, if the region has no border."""


def prove_equal(formula: FormulaRecord, points: int, seed: int) -> Check:
    """See Formula.prove_equal."""
    values = samples(formula.region, points, seed)
    chart = formula.chart
    with ctx.workprec(exact.EXACT_PRECISION):
        outputs, held = _outputs(formula, formula.terms, values)
        network, *others = (
            _decoded(part, own, chart.unit)
            for part, own in zip(formula.subject.parts, outputs, strict=True)
        )
        members = len(outputs)
        rows = [
            [exact.ball(entry * members * chart.one) for entry in (*row, constant)]
            for row, constant in zip(*formula.exact(), strict=True)
        ]
        difference = sum(others, network) - arb_mat(rows) * _points(values)
    inside = np.tile(held, len(formula.outputs))
    wrong = [
        abs(entry)
        for entry, counts in zip(difference.entries(), inside, strict=True)
        if counts and not entry.is_zero()
    ]
    name = "formula equals network"
    if wrong:
        largest = max(map(float, wrong)) / members / float(chart.one)
        detail = f"they differ at {counted(len(wrong), 'value')} of the region"
        return Check(name, "failed", largest, 0.0, detail)
    detail = f"in fractions, at {counted(int(held.sum()), 'point')} of the region"
    return Check(name, "passed", 0.0, 0.0, detail)


def inside(formula: FormulaRecord, raw: Floats) -> NDArray[np.bool_]:
    """Whether each raw row (rows, inputs) is in the region, exactly; False for infinite rows."""
    found: NDArray[np.bool_] = np.asarray(np.isfinite(np.nan_to_num(raw, nan=0.0)).all(axis=1))
    rows = raw[found]
    if len(rows):
        terms = terms_of(formula.subject, rows)
        with ctx.workprec(exact.EXACT_PRECISION):
            found[found] = _outputs(formula, terms, term_table(terms, rows))[1]
    return found


def _outputs(
    formula: FormulaRecord, terms: Sequence[Term], values: Floats
) -> tuple[list[arb_mat], NDArray[np.bool_]]:
    """Each member's outputs (outputs, points), times the chart's `one`, where the terms have these
    values (terms, points); and whether each point is in the region."""
    points, inside_ = _points(values), np.ones(values.shape[1], dtype=bool)
    chart = formula.chart.with_gaps(gaps_of(terms))
    features = feature_map(formula.subject, terms, chart) * points
    if chart.bins:
        features = _with_codes(formula, chart, features, terms, values, inside_)
    found = []
    for part, piece in zip(formula.subject.parts, formula.pieces, strict=True):
        arithmetic = AtPoints(part, chart.unit, piece.sides, inside_)
        found.append(walk.forward(part.network, features, arithmetic)[-1])
    return found, inside_


def _with_codes(
    formula: FormulaRecord, chart: Chart, features: arb_mat, terms: Sequence[Term],
    values: Floats, inside: NDArray[np.bool_],
) -> arb_mat:  # fmt: skip
    """The features with the shares of the numbers with codes; see _codes."""
    encoder = formula.subject.encoder
    assert encoder is not None
    rows = features.table()
    for place, bin_ in enumerate(chart.bins):
        if bin_ is not None:
            first = encoder.offsets[place] + 1
            shares = _codes(chart, place, terms, values, inside)
            rows[first : first + bin_.bins] = shares
    return arb_mat(rows)


def _codes(
    chart: Chart, place: int, terms: Sequence[Term], values: Floats, inside: NDArray[np.bool_]
) -> list[list[arb]]:
    """The shares of a column, (bins, points), times the chart's `one`, by their definition:
    min(max((x - low) / (high - low), 0), 1) for each bin.  inside: see AtPoints."""
    own = {term.kind: values[number] for number, term in enumerate(terms) if term.column == place}
    bin_ = chart.bins[place]
    assert bin_ is not None
    missing = own.get("missing", np.zeros(values.shape[1])) == 1
    numbers = np.where(missing, bin_.block.median, own["number"])
    inside &= missing | ((numbers >= bin_.low) & (numbers <= bin_.high))
    usable = inside | missing
    found = []
    for low, high in pairwise(bin_.block.borders):
        row = [chart.unit if full else arb(0) for full in numbers >= high]
        for point in np.flatnonzero(usable & (numbers > low) & (numbers < high)).tolist():
            quotient = chart.one / (Fraction(high) - Fraction(low))
            row[point] = exact.ball(quotient) * (arb(numbers[point]) - arb(low))
        found.append(row)
    return found


def _points(values: Floats) -> arb_mat:
    return exact.matrix(np.vstack([values, np.ones((1, values.shape[1]))]))


def _decoded(part: Part, outputs: arb_mat, one: arb) -> arb_mat:
    """Outputs (outputs, points) in the answer's unit, times `one` like the outputs."""
    targets = part.encoder.number_targets if part.encoder is not None else ()
    if not targets:
        return outputs
    deviations, means = (
        [target.deviation for target in targets],
        [target.mean for target in targets],
    )
    return exact.matrix(np.diag(deviations)) * outputs + _spread(means, outputs.ncols()) * one


def _spread(values: ArrayLike, points: int) -> arb_mat:
    """The same numbers at every point."""
    return exact.matrix(np.reshape(values, (-1, 1))) * exact.matrix(np.ones((1, points)))


@dataclass(frozen=True, eq=False)
class AtPoints:
    """Exact values (features, points) of a piecewise linear network.

    one: times which the values are.  sides: of a Piece.  inside: (points,), set to False where a
    unit is on the other side of its bend.
    """

    part: Part
    one: arb
    sides: dict[int, tuple[bool, ...]]
    inside: NDArray[np.bool_]

    def affine(self, operation: Operation, x: arb_mat) -> arb_mat:
        assert operation.weight is not None
        product = exact.matrix(self.part.view(operation.weight)) * x
        if operation.bias is None:
            return product
        return product + _spread(self.part.view(operation.bias), x.ncols()) * self.one

    def activation(self, operation: Operation, x: arb_mat) -> arb_mat:
        zero, below = arb(0), operation.activation.below
        made = []
        for row, side in zip(x.table(), self.sides[operation.output], strict=True):
            on = [z > zero for z in row]
            there = [k for k, here in enumerate(on) if here is not side and not row[k].is_zero()]
            self.inside[there] = False
            if below:
                made.append([z if here else z * below for here, z in zip(on, row, strict=True)])
            else:
                made.append([z if here else zero for here, z in zip(on, row, strict=True)])
        return arb_mat(made)

    def layer_norm(self, operation: Operation, x: arb_mat) -> arb_mat:
        raise ValueError("a layer norm is not piecewise linear")

    def scale(self, operation: Operation, x: arb_mat) -> arb_mat:
        factor, shift = operation.constants
        return exact.matrix(np.diag(factor)) * x + _spread(shift, x.ncols()) * self.one

    def add(self, operation: Operation, x: arb_mat, y: arb_mat) -> arb_mat:
        return x + y


def samples(region: Region, count: int, seed: int) -> Floats:
    """Points of the region, (terms, points): the row, then hit-and-run through the terms that
    move in a straight line (Smith 1984).  The caller drops points that rounding put outside."""
    row = np.array([float(value) for value in region.at])
    found = np.repeat(row[:, None], count, axis=1)
    straight = list(region.straight)
    if not straight or count < 2:
        return found[:, : 1 if not straight else count]
    generator = np.random.default_rng(seed)
    _, normals, margins = region.borders(region.straight)
    inner = inner_point(normals, margins)
    if inner is None:
        return found[:, :1]
    here = inner
    for place in range(1, count):
        direction = generator.standard_normal(len(straight))
        direction /= np.linalg.norm(direction)
        speed, left = normals @ direction, margins - normals @ here
        with np.errstate(divide="ignore", invalid="ignore"):
            ways = left / speed
        up = min(float(ways[speed > 0].min(initial=np.inf)), FARTHEST)
        down = max(float(ways[speed < 0].max(initial=-np.inf)), -FARTHEST)
        here = here + direction * generator.uniform(min(down, 0.0), max(up, 0.0))
        here = np.clip(here, -FARTHEST, FARTHEST) if not len(normals) else here
        found[straight, place] = row[straight] + here * region.units[straight]
    return found
