"""Matrices of binary fractions as whole numbers with one common power of two.

Exact and fast: FLINT multiplies the whole numbers.  A second method, to check the results of
exact.py's balls of radius 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb_mat, fmpz, fmpz_mat
from numpy.typing import ArrayLike, NDArray

from vetro.glass.subject import Part
from vetro.networks import walk
from vetro.networks.lowered import Operation


@dataclass(frozen=True, eq=False)
class Dyadic:
    """whole * 2^power, entry by entry."""

    whole: fmpz_mat
    power: int

    def __matmul__(self, other: Dyadic) -> Dyadic:
        return Dyadic(self.whole * other.whole, self.power + other.power)

    def __add__(self, other: Dyadic) -> Dyadic:
        power = min(self.power, other.power)
        return Dyadic(self.at(power) + other.at(power), power)

    def __sub__(self, other: Dyadic) -> Dyadic:
        power = min(self.power, other.power)
        return Dyadic(self.at(power) - other.at(power), power)

    def at(self, power: int) -> fmpz_mat:
        """The same matrix with a smaller power of two."""
        shift = self.power - power
        return self.whole * (fmpz(1) << shift) if shift else self.whole

    @property
    def is_zero(self) -> bool:
        return bool(self.whole.is_zero())


def of_floats(values: ArrayLike) -> Dyadic:
    """The numbers (rows, columns), exactly."""
    array = np.asarray(values, dtype=np.float64)
    parts, powers = np.frexp(array)
    wholes = (parts * 2.0**53).astype(np.int64)
    trailing = (wholes & -wholes).clip(1)
    wholes //= trailing
    exponents = powers - 53 + np.log2(trailing).astype(np.int64)
    lowest = int(exponents[wholes != 0].min()) if wholes.any() else 0
    shifts = np.where(wholes != 0, exponents - lowest, 0)
    entries = [
        int(w) << int(s) for w, s in zip(wholes.reshape(-1), shifts.reshape(-1), strict=True)
    ]
    rows, columns = array.shape
    return Dyadic(fmpz_mat(rows, columns, entries), lowest)


def of_balls(matrix: arb_mat) -> Dyadic:
    """The numbers of a matrix of radius 0."""
    pairs = {place: x.man_exp() for place, x in enumerate(matrix.entries()) if x != 0}
    lowest = min((int(power) for _, power in pairs.values()), default=0)
    entries = [fmpz(0)] * (matrix.nrows() * matrix.ncols())
    for place, (whole, power) in pairs.items():
        entries[place] = fmpz(whole) << (int(power) - lowest)
    return Dyadic(fmpz_mat(matrix.nrows(), matrix.ncols(), entries), lowest)


def forward(
    part: Part, features: Dyadic, sides: dict[int, tuple[bool, ...]] | None = None
) -> tuple[Dyadic, NDArray[np.bool_]]:
    """The outputs (outputs, rows) of a piecewise linear network for features (features, rows).

    sides: for each activation, by the number of its value, which units are on.  The second result
    says for each row whether every unit is on its side of its bend.
    """
    arithmetic = _Dyadics(part, sides, np.ones(features.whole.ncols(), dtype=bool))
    return walk.forward(part.network, features, arithmetic)[-1], arithmetic.inside


@dataclass(frozen=True, eq=False)
class _Dyadics:
    """inside: (rows,), set to False where a unit is on the other side."""

    part: Part
    sides: dict[int, tuple[bool, ...]] | None
    inside: NDArray[np.bool_]

    def affine(self, operation: Operation, x: Dyadic) -> Dyadic:
        assert operation.weight is not None
        product = of_floats(self.part.view(operation.weight)) @ x
        if operation.bias is None:
            return product
        return product + _spread(self.part.view(operation.bias), x.whole.ncols())

    def activation(self, operation: Operation, x: Dyadic) -> Dyadic:
        made, signs = _bent(operation, x)
        if self.sides is not None:
            wanted = np.array(self.sides[operation.output])[:, None]
            self.inside[:] &= np.where(wanted, signs >= 0, signs <= 0).all(axis=0)
        return made

    def layer_norm(self, operation: Operation, x: Dyadic) -> Dyadic:
        raise ValueError("a layer norm is not piecewise linear")

    def scale(self, operation: Operation, x: Dyadic) -> Dyadic:
        factor, shift = operation.constants
        return of_floats(np.diag(factor)) @ x + _spread(shift, x.whole.ncols())

    def add(self, operation: Operation, x: Dyadic, y: Dyadic) -> Dyadic:
        return x + y


def _spread(values: NDArray[Any], columns: int) -> Dyadic:
    column = of_floats(np.asarray(values, dtype=np.float64).reshape(-1, 1))
    return column @ Dyadic(fmpz_mat(1, columns, [1] * columns), 0)


def _bent(operation: Operation, z: Dyadic) -> tuple[Dyadic, NDArray[np.int8]]:
    """The activation's values and the signs of z, (units, rows)."""
    entries = z.whole.entries()
    shape = z.whole.nrows(), z.whole.ncols()
    signs = np.array([(e > 0) - (e < 0) for e in entries], dtype=np.int8).reshape(shape)
    below = operation.activation.below
    if not below:
        return Dyadic(fmpz_mat(*shape, [e if e > 0 else 0 for e in entries]), z.power), signs
    slope = of_floats([[below]])
    steep, one = slope.whole[0, 0], fmpz(1)
    # both slopes with the same power of two
    if slope.power <= 0:
        one = one << -slope.power
        power = z.power + slope.power
    else:
        steep, power = steep << slope.power, z.power
    made = [e * one if e > 0 else e * steep for e in entries]
    return Dyadic(fmpz_mat(*shape, made), power), signs
