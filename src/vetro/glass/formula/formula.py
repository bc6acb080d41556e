"""The formula of a model or module around a row: exact if it is piecewise linear, else its tangent.

    y = intercept + sum of coefficients * terms

All arithmetic is in real numbers: the stored binary fractions of encoder and network, without the
rounding of any engine, and the row's raw values.  The sine and cosine of a date are the float64
numbers that the encoder computes.  verify covers the rounding of an engine.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from operator import mul
from typing import Any

import numpy as np
from flint import arb, ctx
from numpy.typing import NDArray

from vetro.errors import Door, error, words
from vetro.glass import exact
from vetro.glass.check import Check
from vetro.glass.formula import tangent
from vetro.glass.formula.affine_forms import decoded
from vetro.glass.formula.affine_pieces import piece_at
from vetro.glass.formula.code_departures import codes_over
from vetro.glass.formula.formula_code import python, to_json
from vetro.glass.formula.formula_latex import latex
from vetro.glass.formula.formula_proof import inside, prove_equal
from vetro.glass.formula.formula_record import Exact, FormulaRecord, check_points
from vetro.glass.formula.formula_text import lines
from vetro.glass.formula.law import SECONDS, law_over
from vetro.glass.formula.law_box import LawBox, law_box
from vetro.glass.formula.region import Region
from vetro.glass.formula.tangent_box import WITHIN, ranges_of, sides_of
from vetro.glass.formula.tangent_error import narrowed
from vetro.glass.formula.terms import (
    Place,
    bin_ends,
    deviations,
    feature_map,
    place_at,
    plain_rows,
)
from vetro.glass.rows import Rows, answers, reading_asked, rows_of
from vetro.glass.subject import Subject, subject_of
from vetro.model.odd_rows import Unknown
from vetro.notebook import ShownAsText
from vetro.tables.options import ReadOptions
from vetro.visible import visible_lines


class Formula(FormulaRecord, ShownAsText):
    """A formula at one row: where it holds, how it is proved, and its text in several languages."""

    members: tuple[Formula, ...]

    def contains(
        self,
        row: Any,
        *,
        unknown: Unknown = "refuse",
        options: ReadOptions | None = None,
        **reading: Any,
    ) -> bool:
        """Whether the formula holds at a row, decided exactly: every unit is on the same side of
        its bend as at the formula's row.  For a tangent or law: whether the row lies in its box.
        The other arguments are those of formula()."""
        found = self.holds(row, unknown=unknown, options=options, **reading)
        if len(found) != 1:
            what = f"{len(found)} rows are given, but contains takes one"
            raise error("E702", what=what, fix="Use holds for several.")
        return bool(found[0])

    def holds(
        self,
        rows: Any,
        *,
        unknown: Unknown = "refuse",
        options: ReadOptions | None = None,
        **reading: Any,
    ) -> NDArray[np.bool_]:
        """contains for each of several rows."""
        how = reading_asked(self.subject, options, reading)
        given = rows_of(self.subject, rows, how, unknown)
        raw = plain_rows(self.subject, given.raw)
        if self.kind == "exact":
            return inside(self, raw)
        here = plain_rows(self.subject, self.rows.raw)[0]
        found = np.ones(len(raw), dtype=bool)
        for place, name in enumerate(self.subject.inputs):
            if name in self.box:
                low, high = self.box[name]
                found &= (raw[:, place] >= low) & (raw[:, place] <= high)
            else:
                same = raw[:, place] == here[place]
                found &= same | (np.isnan(raw[:, place]) & np.isnan(here[place]))
        return found

    def prove_equal(self, points: int = 1000, seed: int = 0) -> Check:
        """Compare formula and network in fractions, at the row and at points throughout the region;
        E722 for a tangent."""
        check_points(points)
        self.exact()
        return prove_equal(self, points, seed)

    def text(
        self,
        digits: int = 3,
        *,
        every: bool = False,
        borders: bool = False,
        door: Door = "python",
    ) -> str:
        """The formula as text.  every: also small terms and all levels; borders: also the
        inequalities; door: whose names of settings are used.
        """
        return visible_lines(lines(self, digits, every=every, borders=borders, door=door))

    def latex(self, digits: int = 3, *, every: bool = False, borders: bool = False) -> str:
        r"""As an aligned LaTeX display; needs amsmath.  borders: the inequalities too."""
        return latex(self, digits, every=every, borders=borders)

    def python(self, *, exact: bool = False) -> str:
        """As a Python program: formula(row) and holds(row) of a dict of column to value."""
        return python(self, exact=exact)

    def __str__(self) -> str:
        return self.text()

    def to_json(self, *, exact: bool = False, borders: bool = False) -> dict[str, Any]:
        """A plain dict.  exact: the fractions too, as text; borders: the inequalities."""
        return to_json(self, exact=exact, borders=borders)


def formula(
    module_or_model: Any,
    row: Any,
    within: float | Mapping[str, tuple[float, float]] = WITHIN,
    *,
    over: Any = None,
    seconds: float = SECONDS,
    unknown: Unknown = "refuse",
    options: ReadOptions | None = None,
    **reading: Any,
) -> Formula:
    """The formula that holds at a row, or with `over` the linear one that fits best over a box;
    see Formula.

    row: in any form that predict accepts, a mapping of column to value, or numbers in the order of
    the columns.
    For piecewise linear networks (relu, leaky_relu, no activation), and the mean of several, the
    formula is exact and has a region.  For smooth networks, and for the mean probability of
    several networks, it is the tangent.
    within: the box where a tangent's error is bounded.  Either a share of each number column's
    training range (of |x| if that is not known), to both sides of the row; or (low, high) of some
    columns, while the others keep the row's values.
    over: the box of a law, column -> (low, high), a level or a value as in vetro.bounds; the other
    columns keep the row's values.  seconds: the time to prove its error.
    unknown, options and reading (decimal=",", missing=("?",)): as in Model.predict.
    Raises E701 for a module that is not understood, E702 if `row` is not exactly one row, E721 for
    a row or a box without a formula.
    """
    subject = subject_of(module_or_model)
    rows = rows_of(subject, row, reading_asked(subject, options, reading), unknown)
    if len(rows) != 1:
        what = f"{len(rows)} rows are given, but a formula is for one row"
        raise error("E702", what=what, fix="Give one row.")
    for part in subject.parts:
        if part.not_finite:
            what = "the network holds a number that is not finite, so it has no formula"
            raise error(
                "E721", what=what, fix=words("Train it again with a lower {=learning_rate}.")
            )
    if subject.model is not None and not np.isfinite(answers(subject, rows)).all():
        what = "the answer at this row is not finite: its numbers are too large for the network"
        raise error("E721", what=what, fix="Use a row nearer to the training range.")
    if over is not None:
        return _law(law_box(subject, rows, over), seconds)
    place = place_at(subject, plain_rows(subject, rows.raw)[0])
    straight = subject.piecewise_linear
    if straight and (subject.kind != "classification" or len(subject.parts) == 1):
        return _exact(place, rows)
    alone = [replace(place, subject=replace(subject, parts=(part,))) for part in subject.parts]
    members = tuple(_exact(each, rows) for each in alone) if straight else ()
    return _tangent(place, rows, within, members)


def _exact(place: Place, rows: Rows) -> Formula:
    subject, at, chart = place.subject, place.at, place.chart
    features = feature_map(subject, place.terms, chart)
    pieces = [piece_at(part, features, at, chart) for part in subject.parts]
    with ctx.workprec(exact.EXACT_PRECISION):
        first, *others = (
            decoded(part, piece.outputs, chart.unit)
            for part, piece in zip(subject.parts, pieces, strict=True)
        )
        total = sum(others, first)
    scale = len(pieces) * chart.one
    found = [[exact.fraction(x) / scale for x in row] for row in total.table()]
    fractions = Exact(tuple(tuple(row[:-1]) for row in found), tuple(row[-1] for row in found))
    region = Region(
        terms=place.terms,
        at=at,
        columns=subject.inputs,
        units=deviations(subject, place.terms),
        bends=tuple(bend for piece in pieces for bend in piece.bends),
        ends=bin_ends(place),
        held=frozenset(np.flatnonzero(np.isnan(place.raw)).tolist()),
    )
    outputs, units = _output_names(subject)
    value = [row[-1] + sum(map(mul, row, at)) for row in found]
    try:
        coefficients, *levels = (np.array(x, dtype=np.float64) for x in (*fractions, value))
    except OverflowError:
        what = "the formula holds a number that is too large for 64 bits"
        raise error("E721", what=what, fix="Use a network with smaller numbers.") from None
    return Formula(
        kind="exact",
        what="scores" if subject.kind == "classification" else "answers",
        subject=subject,
        rows=rows,
        outputs=outputs,
        units=units,
        terms=place.terms,
        at=at,
        chart=chart,
        coefficients=coefficients,
        intercept=levels[0],
        value=levels[1],
        pieces=tuple(pieces),
        fractions=fractions,
        _region=region,
    )


def _tangent(
    place: Place,
    rows: Rows,
    box: float | Mapping[str, tuple[float, float]],
    members: tuple[Formula, ...],
) -> Formula:
    subject, terms, at = place.subject, place.terms, place.at
    classes = subject.kind == "classification"
    sides = sides_of(place, box)
    reach = tangent.box_of(sides, at)
    features = feature_map(subject, terms, place.chart)
    codes = codes_over(subject, place.chart, ranges_of(place, sides))
    of_parts = [
        tangent.answers_of(part, features, at, reach, codes, classes) for part in subject.parts
    ]
    found = narrowed(place, sides, tangent.mean(of_parts))
    for model in found:
        if not all(map(math.isfinite, _outward(model))):
            what = "the error of the tangent cannot be bounded on so large a box"
            raise error("E721", what=what, fix=words("Use a smaller one ({=within})."))
    intercept = [
        float(m.centre - sum(map(mul, m.slopes, map(exact.ball, at)), arb(0))) for m in found
    ]
    return Formula(
        kind="tangent",
        what="probabilities" if classes else "answers",
        subject=subject,
        rows=rows,
        outputs=subject.answers,
        units=subject.answer_units,
        terms=terms,
        at=at,
        chart=place.chart,
        coefficients=np.array([[float(s) for s in model.slopes] for model in found]),
        intercept=np.array(intercept),
        value=np.array([float(model.centre) for model in found]),
        error=tuple(_outward(model) for model in found),
        box={terms[n].name: (float(a), float(b)) for n, (a, b) in sides.items()},
        members=members,
    )


def _law(box: LawBox, seconds: float) -> Formula:
    place, subject = box.place, box.place.subject
    law = law_over(subject, box.ranges, seconds)
    coefficients = np.zeros((len(law.intercept), len(place.terms)))
    for column, number in box.moving.items():
        coefficients[:, number] = law.slopes[:, column]
    return Formula(
        kind="law",
        what="probabilities" if subject.kind == "classification" else "answers",
        subject=subject,
        rows=box.rows,
        outputs=subject.answers,
        units=subject.answer_units,
        terms=place.terms,
        at=place.at,
        coefficients=coefficients,
        intercept=law.intercept,
        value=coefficients @ np.array(place.at, dtype=np.float64) + law.intercept,
        error=law.error,
        varies=tuple(law.varies.tolist()),
        box={
            subject.inputs[column]: (box.ranges[column].low, box.ranges[column].high)
            for column in box.moving
        },
    )


def _outward(model: tangent.Model) -> tuple[float, float]:
    low, high = float(model.rest.lower()), float(model.rest.upper())
    return math.nextafter(low, -math.inf), math.nextafter(high, math.inf)


def _output_names(subject: Subject) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of an exact formula's outputs, and their units."""
    if subject.kind != "classification":
        return subject.answers, subject.answer_units
    if len(subject.outputs) == 1:
        return (f"log-odds of {subject.answers[-1]}",), ("",)
    return tuple(f"score of {label}" for label in subject.answers), ("",) * len(subject.answers)
