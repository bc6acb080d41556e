"""Comparing the formula with the network, in fractions, at points of its region.

The network is computed independently of the formula: it runs forward at each point in whole numbers
over a power of two (dyadic.py), and each unit decides by itself whether it is on.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from flint import fmpz, fmpz_mat
from numpy.typing import NDArray

from vetro.errors import counted
from vetro.glass.check import Check
from vetro.glass.formula.dyadic import Dyadic, forward, of_balls, of_floats
from vetro.glass.formula.formula_record import FormulaRecord
from vetro.glass.formula.region import Region, inner_point
from vetro.glass.formula.terms import Term, feature_map, term_table, terms_of
from vetro.glass.rows import Floats
from vetro.glass.subject import Part

FARTHEST = 10.0
"""How far points go from the row, in scaled units, if the region has no border."""


def prove_equal(formula: FormulaRecord, points: int, seed: int) -> Check:
    """See Formula.prove_equal."""
    values = samples(formula.region, points, seed)
    formula_side, network_side, held = both_sides(formula, values)
    count = int(held.sum())
    name = "formula equals network"
    difference = network_side - formula_side
    wrong = [
        abs(Fraction(int(entry)))
        for entry, inside in zip(
            difference.whole.entries(), np.tile(held, len(formula.outputs)), strict=True
        )
        if inside and entry != 0
    ]
    if wrong:
        largest = float(max(wrong) * Fraction(2) ** difference.power) / len(formula.pieces)
        detail = f"they differ at {counted(len(wrong), 'value')} of the region"
        return Check(name, "failed", largest, 0.0, detail)
    detail = f"in fractions, at {counted(count, 'point')} of the region"
    return Check(name, "passed", 0.0, 0.0, detail)


def both_sides(formula: FormulaRecord, values: Floats) -> tuple[Dyadic, Dyadic, NDArray[np.bool_]]:
    """Formula and network at points (terms, points), each (outputs, points) and multiplied by the
    number of members; and whether each point is in the region."""
    outputs, held = _networks(formula, formula.terms, values)
    network, *others = map(_decoded, formula.subject.parts, outputs)
    for other in others:
        network = network + other
    members = len(outputs)
    rows = [
        [entry * members for entry in (*row, constant)]
        for row, constant in zip(*formula.exact(), strict=True)
    ]
    return _of_fractions(rows) @ _points(values), network, held


def _networks(
    formula: FormulaRecord, terms: Sequence[Term], values: Floats
) -> tuple[list[Dyadic], NDArray[np.bool_]]:
    """Each member's outputs at points (terms, points); and whether each point is in the region."""
    points, held = _points(values), np.ones(values.shape[1], dtype=bool)
    found = []
    for part, piece in zip(formula.subject.parts, formula.pieces, strict=True):
        features = of_balls(feature_map(part, terms)) @ points
        outputs, inside_ = forward(part, features, piece.sides)
        held &= inside_
        found.append(outputs)
    return found, held


def _points(values: Floats) -> Dyadic:
    return of_floats(np.vstack([values, np.ones((1, values.shape[1]))]))


def inside(formula: FormulaRecord, raw: Floats) -> NDArray[np.bool_]:
    """Whether each raw row (rows, inputs) is in the region, exactly; False for infinite rows."""
    found: NDArray[np.bool_] = np.asarray(np.isfinite(np.nan_to_num(raw, nan=0.0)).all(axis=1))
    rows = raw[found]
    if len(rows):
        terms = terms_of(formula.subject, rows)
        found[found] = _networks(formula, terms, term_table(terms, rows))[1]
    return found


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


def _decoded(part: Part, outputs: Dyadic) -> Dyadic:
    """Outputs (outputs, points) in the answer's unit."""
    targets = part.encoder.number_targets if part.encoder is not None else ()
    if not targets:
        return outputs
    scale = of_floats(np.diag([target.deviation for target in targets]))
    shift = of_floats([[target.mean] for target in targets])
    points = outputs.whole.ncols()
    return scale @ outputs + shift @ Dyadic(fmpz_mat(1, points, [1] * points), 0)


def _of_fractions(rows: list[list[Fraction]]) -> Dyadic:
    """Binary fractions over one power of two."""
    bits = max(entry.denominator.bit_length() - 1 for row in rows for entry in row)
    entries = [
        fmpz(entry.numerator) << (bits - entry.denominator.bit_length() + 1)
        for row in rows
        for entry in row
    ]
    return Dyadic(fmpz_mat(len(rows), len(rows[0]), entries), -bits)
