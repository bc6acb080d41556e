"""The exact affine map of a lowered network around a point, and the bends that bound it.

Every value is kept as an affine function of the terms, with coefficients of radius 0: fractions.
At a bend (z = 0) a unit counts as off, as in torch's gradient; both sides give the same value
there.  Only for piecewise linear networks: tangent.py has the smooth ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from flint import arb, arb_mat

from vetro.glass import exact
from vetro.glass.as_json import as_json
from vetro.glass.formula.affine_forms import AffineForms, row_point
from vetro.glass.formula.bins import Chart
from vetro.glass.subject import Part
from vetro.networks import walk
from vetro.networks.lowered import Operation


@dataclass(frozen=True, eq=False)
class Bend:
    """A unit whose sign bounds the piece: z = row . (terms, 1) is >= 0 where on, else <= 0.

    part: the member's name, "" if it is the only one.  operation: the activation.  at: z at the
    point.  one: the factor of row and at (bins.py): z is `one` times what the unit receives.
    """

    part: str
    operation: Operation
    unit: int
    row: tuple[arb, ...]
    on: bool
    at: arb
    one: Fraction

    @property
    def sign(self) -> int:
        """sign * z <= 0 in the piece."""
        return -1 if self.on else 1

    @property
    def where(self) -> str:
        """The unit, "h3 of relu1 of member2"."""
        of = f" of {self.part}" if self.part else ""
        return f"h{self.unit} of {self.operation.where or self.operation.function}{of}"

    @property
    def stays(self) -> str:
        """h3 of relu1 of member2 stays off"""
        return f"{self.where} stays {'on' if self.on else 'off'}"

    def to_json(self) -> dict[str, Any]:
        return as_json(self, "unit=where on")


@dataclass(frozen=True, eq=False)
class Piece:
    """outputs: (outputs, terms + 1), the last column the constant; exact, times the chart's `one`.
    sides: for each activation with bends, by the number of its value, which units are on."""

    outputs: arb_mat
    bends: tuple[Bend, ...]
    sides: dict[int, tuple[bool, ...]]


def piece_at(part: Part, features: arb_mat, at: Sequence[Fraction], chart: Chart) -> Piece:
    """The piece that holds at a point, the terms' values.

    features: terms.feature_map(subject, terms, chart).  The network must be piecewise linear.
    """
    with exact.precision(part.network):
        arithmetic = _Pieces(part, chart.unit, chart.one, row_point(at), [], {})
        values = walk.forward(part.network, features, arithmetic)
        return Piece(values[-1], tuple(arithmetic.bends), arithmetic.sides)


@dataclass(frozen=True, eq=False)
class _Pieces(AffineForms):
    """point: the terms and 1, (terms + 1, 1).  bends, sides: of a Piece, filled on the way."""

    factor: Fraction
    point: arb_mat
    bends: list[Bend]
    sides: dict[int, tuple[bool, ...]]

    def activation(self, operation: Operation, x: arb_mat) -> arb_mat:
        below = operation.activation.below
        assert below is not None
        slope, levels, rows = arb(below), (x * self.point).entries(), []
        for unit, (row, level) in enumerate(zip(x.table(), levels, strict=True)):
            on = bool(level > 0)
            if any(entry != 0 for entry in row[:-1]):
                bend = Bend(self.part.name, operation, unit, tuple(row), on, level, self.factor)
                self.bends.append(bend)
            rows.append(row if on else [entry * slope for entry in row])
        self.sides[operation.output] = tuple(bool(level > 0) for level in levels)
        return arb_mat(rows)

    def layer_norm(self, operation: Operation, x: arb_mat) -> arb_mat:
        raise ValueError("a layer norm is not piecewise linear")
