"""Values as affine functions of the terms: what exact pieces and tangents compute alike.

A value is a row of a matrix: its coefficients by the terms come first, its constant last.  All
values are times `one` (bins.py), which is 1 unless numbers have codes.
affine_pieces.py adds the bends of piecewise linear networks, tangent.py what curves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from flint import arb, arb_mat

from vetro.glass import exact
from vetro.glass.subject import Part
from vetro.networks.lowered import Operation


@dataclass(frozen=True, eq=False)
class AffineForms:
    """The operations that are affine themselves, on matrices (features, columns)."""

    part: Part
    one: arb

    def affine(self, operation: Operation, x: arb_mat) -> arb_mat:
        assert operation.weight is not None
        return self.with_bias(operation, exact.matrix(self.part.view(operation.weight)) * x)

    def scale(self, operation: Operation, x: arb_mat) -> arb_mat:
        factor, shift = operation.constants
        return shifted(scaled(x, factor), shift, self.one)

    def add(self, operation: Operation, x: arb_mat, y: arb_mat) -> arb_mat:
        return x + y

    def with_bias(self, operation: Operation, x: arb_mat) -> arb_mat:
        """x + the operation's bias, where it has one."""
        return x if operation.bias is None else shifted(x, self.part.view(operation.bias), self.one)


def row_point(at: Sequence[Fraction]) -> arb_mat:
    """The terms' values and 1, (terms + 1, 1)."""
    return arb_mat([[exact.ball(value)] for value in (*at, Fraction(1))])


def decoded(part: Part, outputs: arb_mat, one: arb) -> arb_mat:
    """A part's outputs in the answers' units."""
    targets = part.encoder.number_targets if part.encoder is not None else ()
    if not targets:
        return outputs
    in_units = scaled(outputs, [target.deviation for target in targets])
    return shifted(in_units, [target.mean for target in targets], one)


def scaled(matrix: arb_mat, factors: Iterable[Any]) -> arb_mat:
    """Each row times its factor, a float."""
    pairs = zip(matrix.table(), map(_ball, factors), strict=True)
    return arb_mat([[entry * factor for entry in row] for row, factor in pairs])


def shifted(matrix: arb_mat, shifts: Iterable[Any], one: arb) -> arb_mat:
    """A number, a float, times `one` added to each row's constant."""
    rows = matrix.table()
    for row, shift in zip(rows, map(_ball, shifts), strict=True):
        row[-1] = row[-1] + shift * one
    return arb_mat(rows)


def _ball(value: Any) -> arb:
    return arb(float(value))
