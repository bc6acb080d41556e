"""The content of a formula: terms, coefficients, and the region where they hold.

formula_text.py, formula_latex.py and formula_code.py word it, formula.py computes it.
"""

from __future__ import annotations

import numbers
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, NamedTuple

import numpy as np

from vetro.errors import Setting, VetroError, error, words
from vetro.glass.formula.affine_pieces import Piece
from vetro.glass.formula.bins import Chart
from vetro.glass.formula.region import Distance, Region
from vetro.glass.formula.terms import Term, plain_rows, term_table
from vetro.glass.rows import Floats, Rows, answers
from vetro.glass.subject import Subject

Kind = Literal["exact", "tangent", "law"]
What = Literal["answers", "scores", "probabilities"]


class Exact(NamedTuple):
    """coefficients: (outputs, terms), intercept: (outputs,), as fractions."""

    coefficients: tuple[tuple[Fraction, ...], ...]
    intercept: tuple[Fraction, ...]


@dataclass(frozen=True, eq=False)
class FormulaRecord:
    """outputs = intercept + coefficients . terms, at one row.

    kind: "exact" inside `region`, or the "tangent" at the row, off by at most `error` in `box`, or
    the "law" with the smallest error over a `box` that the user names; its row is the box's middle.
    what: the meaning of the outputs.  They are the subject's answers (for a module, its outputs),
    a single network's scores of the classes (with two classes, the log-odds of the second), or the
    probabilities of the classes.
    coefficients: (outputs, terms), intercept: (outputs,), value: (outputs,) at the row; each is the
    float64 nearest to the exact number.  terms: the inputs, if all of them are numbers.
    error: for each output of a tangent or law (low, high), the range of network - formula; of a law
    also with the engine's rounding.  varies: of a law, how far apart answers in the box are seen.
    box: for each column that moves in it, (low, high).
    members: for a classification by several piecewise linear networks, the exact formula of each
    member's scores.
    chart: the bins of the numbers with codes.
    """

    kind: Kind
    what: What
    subject: Subject
    rows: Rows
    outputs: tuple[str, ...]
    units: tuple[str, ...]
    terms: tuple[Term, ...]
    at: tuple[Fraction, ...]
    coefficients: Floats
    intercept: Floats
    value: Floats
    error: tuple[tuple[float, float], ...] = ()
    box: dict[str, tuple[float, float]] = field(default_factory=dict)
    varies: tuple[float, ...] = ()
    members: tuple[FormulaRecord, ...] = ()
    chart: Chart = field(default=Chart(), repr=False)
    pieces: tuple[Piece, ...] = field(default=(), repr=False)
    fractions: Exact | None = field(default=None, repr=False)
    _region: Region | None = field(default=None, repr=False)

    @property
    def region(self) -> Region:
        """Where the formula holds; E722 for a tangent, which is exact only at its row."""
        if self._region is None:
            raise self._inexact("no region where it holds, only its row")
        return self._region

    @property
    def distance(self) -> Distance:
        """How far the region's borders are from the row; E722 for a tangent."""
        return self.region.distance

    def exact(self) -> Exact:
        """Coefficients and intercept as fractions; E722 for a tangent."""
        if self.fractions is None:
            raise self._inexact("no exact fractions")
        return self.fractions

    def _inexact(self, what: str) -> VetroError:
        if self.kind == "tangent":
            return error("E722", what=what)
        what = "a law over a box is exact nowhere: it has an error, but no region and no fractions"
        return error("E721", what=what, fix=words("Leave out {=over}."))

    def error_seen(self, points: int = 1000, seed: int = 0) -> Floats:
        """The largest |network - tangent| of each output at random points of the box, (outputs,).

        It can be too small, while `error` is a proven bound.  It includes the engine's rounding.
        """
        check_points(points)
        generator = np.random.default_rng(seed)
        raw = np.repeat(plain_rows(self.subject, self.rows.raw), points, axis=0)
        flags = {self.subject.inputs[term.column] for term in self.terms if term.kind == "flag"}
        for name, ends in self.box.items():
            drawn = generator.uniform(*ends, size=points)
            place = self.subject.inputs.index(name)
            raw[:, place] = np.round(drawn) if name in flags else drawn
        found = answers(self.subject, Rows(raw))
        values = term_table(self.terms, raw)
        left: Floats = np.abs(found - (self.coefficients @ values).T - self.intercept)
        return np.asarray(left.max(axis=0))


def check_points(points: object) -> None:
    """E601 for a value that is not a whole number of at least 1."""
    if not isinstance(points, numbers.Integral) or isinstance(points, bool) or points < 1:
        reason, fix = "it must be a whole number of at least 1", "Use for example 1000."
        raise error("E601", argument=Setting("points"), value=points, reason=reason, fix=fix)
