"""The exact affine map of a lowered network around a point, and the bends that bound it.

Every value is kept as an affine function of the terms, with coefficients of radius 0: fractions.
At a bend (z = 0) a unit counts as off, as in torch's gradient; both sides give the same value
there.  Only for piecewise linear networks: tangent.py has the smooth ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from flint import arb, arb_mat

from vetro.glass import exact
from vetro.glass.subject import Part
from vetro.networks.lowered import Operation


@dataclass(frozen=True, eq=False)
class Bend:
    """A unit whose sign bounds the piece: z = row . (terms, 1) is >= 0 where on, else <= 0.

    part: the member's name, "" if it is the only one.  operation: the activation.  at: z at the
    point.
    """

    part: str
    operation: Operation
    unit: int
    row: tuple[arb, ...]
    on: bool
    at: arb


@dataclass(frozen=True, eq=False)
class Piece:
    """outputs: (outputs, terms + 1), the last column the constant; exact.  sides: for each
    activation with bends, by the number of its value, which units are on."""

    outputs: arb_mat
    bends: tuple[Bend, ...]
    sides: dict[int, tuple[bool, ...]]


def piece_at(part: Part, features: arb_mat, at: Sequence[Fraction]) -> Piece:
    """The piece that holds at a point, the terms' values.

    features: terms.feature_map(part, terms).  The network must be piecewise linear.
    """
    with exact.precision(part.network):
        point = arb_mat([[_dyadic(value)] for value in (*at, Fraction(1))])
        bends: list[Bend] = []
        sides: dict[int, tuple[bool, ...]] = {}
        values = [features]
        for operation in part.network.operations:
            inputs = [values[number] for number in operation.inputs]
            if operation.kind == "activation" and operation.function != "identity":
                levels = (inputs[0] * point).entries()
                sides[operation.output] = tuple(bool(level > 0) for level in levels)
                values.append(_bent(operation, part, inputs[0], levels, bends))
            else:
                values.append(_straight(operation, part, inputs))
        return Piece(values[-1], tuple(bends), sides)


def _straight(operation: Operation, part: Part, inputs: list[arb_mat]) -> arb_mat:
    x = inputs[0]
    if operation.kind == "affine":
        assert operation.weight is not None
        bias = None if operation.bias is None else part.view(operation.bias)
        product = exact.matrix(part.view(operation.weight)) * x
        return product if bias is None else _shifted(product, [arb(float(b)) for b in bias])
    if operation.kind == "add":
        return x + inputs[1]
    if operation.kind == "scale":
        factor, shift = operation.constants
        rows = [
            [entry * arb(float(f)) for entry in row]
            for f, row in zip(factor, x.table(), strict=True)
        ]
        return _shifted(arb_mat(rows), [arb(float(s)) for s in shift])
    return x


def _bent(
    operation: Operation, part: Part, x: arb_mat, levels: list[arb], bends: list[Bend]
) -> arb_mat:
    slope = arb(operation.numbers[0]) if operation.function == "leaky_relu" else arb(0)
    rows = []
    for unit, (row, level) in enumerate(zip(x.table(), levels, strict=True)):
        on = bool(level > 0)
        if any(entry != 0 for entry in row[:-1]):
            bends.append(Bend(part.name, operation, unit, tuple(row), on, level))
        rows.append(row if on else [entry * slope for entry in row])
    return arb_mat(rows)


def _shifted(matrix: arb_mat, shift: list[arb]) -> arb_mat:
    """The affine functions with numbers added to their constants."""
    rows = matrix.table()
    for row, number in zip(rows, shift, strict=True):
        row[-1] = row[-1] + number
    return arb_mat(rows)


def _dyadic(value: Fraction) -> arb:
    """A binary fraction as arb, exactly."""
    return arb(value.numerator) * arb(2) ** (1 - value.denominator.bit_length())
