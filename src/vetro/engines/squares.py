"""A loss as a sum of squares: its value, J^T J and J^T r at given parameters, in float64.

The compiled core computes them for networks; torch_squares.py for any module.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vetro.engines.job import Rows
from vetro.engines.native_core import core
from vetro.engines.native_program import program_of
from vetro.networks.losses.rule import LossRule
from vetro.networks.lowered import LoweredNetwork

Floats = NDArray[np.float64]


class Squares(Protocol):
    """The loss is the sum of r^2, where r has one residual per row and output, with all weights and
    the mean's divisor in it.  w: (columns,), the parameters that learn."""

    @property
    def residuals(self) -> int:
        """The number of residuals, without rows of weight 0."""
        ...

    @property
    def divisor(self) -> float:
        """The loss times this is the sum of the squares of (output - target), with weights."""
        ...

    def value(self, w: Floats) -> float:
        """The loss; not a finite number where an output is none."""
        ...

    def normal(self, w: Floats, matrix: Floats, gradient: Floats) -> float:
        """The loss.  matrix (columns, columns) becomes J^T J, at least on and below its diagonal,
        and gradient (columns,) J^T r, half the loss's gradient."""
        ...


def divisor_of(rows: Rows, outputs: int, loss: LossRule, *, row_mean: bool) -> float:
    """What a sum of squares is divided by to give the loss.  row_mean: see Job."""
    if loss.reduction != "mean":
        return 1.0
    if rows.weights is None or not row_mean:
        return float(len(rows) * outputs)
    return float(np.sum(rows.weights, dtype=np.float64)) * outputs


def factors(rows: Rows, divisor: float) -> Floats:
    """The factor of each row's residuals, (rows,)."""
    if rows.weights is None:
        return np.full(len(rows), 1.0 / np.sqrt(divisor))
    return np.asarray(np.sqrt(rows.weights.astype(np.float64).reshape(-1) / divisor))


def counted_residuals(rows: Rows, outputs: int) -> int:
    """The residuals of rows whose weight is not 0."""
    used = len(rows) if rows.weights is None else int(np.count_nonzero(rows.weights))
    return used * outputs


class NativeSquares:
    """Squares of a network's rows in the compiled core; the number of threads changes no bit.

    parameters: (parameter_count,); those outside of `ranges` do not learn.
    """

    def __init__(
        self,
        network: LoweredNetwork,
        parameters: NDArray[np.floating],
        rows: Rows,
        divisor: float,
        ranges: Iterable[tuple[int, int]],
        threads: int = 0,
    ) -> None:
        ranges = list(ranges)
        merged: list[tuple[int, int]] = []
        for begin, end in ranges:  # fewer copies
            if merged and merged[-1][1] == begin:
                begin = merged.pop()[0]
            merged.append((begin, end))
        frozen = [
            number
            for number, slot in enumerate(network.slots)
            if not any(begin <= slot.offset < end for begin, end in ranges)
        ]
        outputs = network.outputs
        self._parameters = np.array(parameters, dtype=np.float64)
        self._ranges = merged
        given = core().Rows(
            np.ascontiguousarray(rows.x, dtype=np.float64),
            np.ascontiguousarray(rows.y, dtype=np.float64).reshape(len(rows), outputs),
            factors(rows, divisor),
        )
        program = program_of(replace(network, dtype="float64"), frozen)
        self._core = core().Squares(program, given, merged, threads)
        self.residuals, self.divisor = counted_residuals(rows, outputs), divisor

    def value(self, w: Floats) -> float:
        """See Squares."""
        return self._core.value(self._whole(w))

    def normal(self, w: Floats, matrix: Floats, gradient: Floats) -> float:
        """See Squares."""
        return self._core.normal(self._whole(w), matrix, gradient)

    def _whole(self, w: Floats) -> Floats:
        place = 0
        for begin, end in self._ranges:
            self._parameters[begin:end] = w[place : place + end - begin]
            place += end - begin
        return self._parameters
