"""The lines of a sum for a reader: one for each product, and one for all full bins of a number
or steps of an order.

A full bin is 1, so that its product is its weight: a number in its 12th bin adds 11 weights, which
are one line.  All products one by one are the terms of trace_steps.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vetro.figures import figure, signed_sum
from vetro.glass.plain import Floats
from vetro.glass.trace.trace_steps import Stage

WEIGHTS = 3
"""Weights of full bins that are written out; more are counted."""


@dataclass(frozen=True)
class Line:
    """One line.  parameter, source: its names; working: "weight * value", or the weights of full
    bins; product: its value."""

    parameter: str
    source: str
    working: str
    product: float


@dataclass(frozen=True, eq=False)
class Sum:
    """The sum of one unit: starts (lines,): the first source of each line; products: (lines,)."""

    stage: Stage
    unit: int
    starts: NDArray[np.intp]
    products: Floats

    @property
    def largest(self) -> NDArray[np.intp]:
        """The numbers of the lines, the largest product first."""
        return np.argsort(-np.abs(self.products), kind="stable")

    def lines(self, chosen: Sequence[int]) -> list[Line]:
        """The lines of these numbers."""
        return [self._line(number) for number in chosen]

    def sources(self, chosen: NDArray[np.intp]) -> int:
        """How many sources these lines have together."""
        return int(self._counts[chosen].sum())

    def total(self, chosen: NDArray[np.intp]) -> float:
        """The sum of these lines."""
        return float(self.products[chosen].sum())

    @property
    def _counts(self) -> NDArray[np.intp]:
        return np.diff(self.starts, append=len(self.stage.read[0]))

    def _line(self, number: int) -> Line:
        first, count = int(self.starts[number]), int(self._counts[number])
        product = float(self.products[number])
        terms = list(self.stage.terms(self.unit, range(first, first + count)))
        if count == 1:
            working = f"{figure(terms[0].weight)} * {figure(terms[0].value)}"
            return Line(terms[0].parameter, terms[0].source, working, product)
        source, last = terms[0].source, terms[-1].source
        column = source.removesuffix(" bin 1")
        binned = last == f"{column} bin {count}"
        source = f"{column} bins 1 to {count}" if binned else f"{source} to {last}"
        parameter = terms[0].parameter.replace(terms[0].source, source)
        working = f"{count} weights"
        if count <= WEIGHTS:
            weights = [(term.weight, figure(abs(term.weight))) for term in terms]
            working = signed_sum(weights)
        return Line(parameter, source, working, product)


def sum_of(stage: Stage, unit: int) -> Sum:
    """The sum of a unit of an affine stage."""
    assert stage.weight is not None
    values = stage.read[0]
    joined = np.zeros(len(values), np.bool_)
    for first, count in stage.bins:
        full = values[first : first + count] == 1.0
        joined[first + 1 : first + count] = full[1:]
    starts = np.flatnonzero(~joined)
    return Sum(stage, unit, starts, np.add.reduceat(stage.weight[unit] * values, starts))
