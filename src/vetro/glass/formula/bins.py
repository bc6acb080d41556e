"""The bin of each coded number at a row: there its codes are affine, in exact arithmetic.

In the bin from b to c the share is (x - b) / (c - b); the bins below are full, those above empty.
Such a quotient has no binary fraction in general.  So values are computed times `Chart.one`, a
number for which one / (c - b) is a binary fraction for each bin in use.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar

from flint import arb, ctx

from vetro.figures import figure
from vetro.glass.exact import EXACT_PRECISION, ball
from vetro.tables.blocks import Block, NumberBlock


@dataclass(frozen=True)
class Bin:
    """A bin of a coded number.

    number: from 1; 0 below the first border and bins + 1 above the last, where no share moves.
    """

    block: NumberBlock
    number: int

    @property
    def bins(self) -> int:
        return self.block.bins

    @property
    def low(self) -> float:
        """The lower end, included; -inf if there is none."""
        return self.block.borders[self.number - 1] if self.number else -math.inf

    @property
    def high(self) -> float:
        """The upper end, included: there both bins give the same codes; inf if there is none."""
        return self.block.borders[self.number] if self.number <= self.bins else math.inf

    @property
    def width(self) -> Fraction | None:
        """The exact width; None if no share moves."""
        if not 1 <= self.number <= self.bins:
            return None
        return Fraction(self.high) - Fraction(self.low)

    def codes(self, one: Fraction) -> list[tuple[Fraction, Fraction]]:
        """The shares as slope * x + level in this bin, (slope, level) of each, times `one`."""
        full, empty = (Fraction(0), one), (Fraction(0), Fraction(0))
        found = [full if number < self.number else empty for number in range(1, self.bins + 1)]
        if self.width is not None:
            slope = one / self.width
            found[self.number - 1] = slope, -slope * Fraction(self.low)
        return found

    def at_median(self, one: Fraction) -> list[Fraction]:
        """The shares of a missing value, times `one`."""
        median = self.of_median
        place = Fraction(self.block.median)
        return [slope * place + level for slope, level in median.codes(one)]

    @property
    def of_median(self) -> Bin:
        """The bin of the median, which stands for a missing value."""
        return bin_of(self.block, self.block.median)

    def to_json(self) -> dict[str, Any]:
        """Its number, how many there are, and its ends; None for an end that is infinite."""
        ends = (end if math.isfinite(end) else None for end in (self.low, self.high))
        return {
            "bin": self.number,
            "bins": self.bins,
            **dict(zip(("low", "high"), ends, strict=True)),
        }

    def __str__(self) -> str:
        """bin 5 of 16"""
        if self.number == 0:
            return f"below bin 1 of {self.bins}"
        above = "above " if self.number > self.bins else ""
        return f"{above}bin {min(self.number, self.bins)} of {self.bins}"


@dataclass(frozen=True, eq=False)
class BinEnd:
    """An end of the bin of column `name`, a side of the region as a Bend is: z = row . (terms, 1),
    the number less the end, is <= 0 at an upper end, else >= 0.  at: z at the row."""

    name: str
    bin: Bin
    upper: bool
    row: tuple[arb, ...]
    at: arb
    one: ClassVar[Fraction] = Fraction(1)

    @property
    def end(self) -> float:
        return self.bin.high if self.upper else self.bin.low

    @property
    def sign(self) -> int:
        """sign * z <= 0 in the region."""
        return 1 if self.upper else -1

    @property
    def where(self) -> str:
        """cement = 152, a border of its bins"""
        return f"{self.name} = {figure(self.end, 7)}, a border of its bins"

    @property
    def stays(self) -> str:
        """cement stays in bin 5 of 16"""
        inside = "in " if self.bin.width is not None else ""
        return f"{self.name} stays {inside}{self.bin}"

    def to_json(self) -> dict[str, Any]:
        return {"column": self.name, **self.bin.to_json()}


def bin_of(block: NumberBlock, value: float | Fraction) -> Bin:
    """The bin that holds a value: a border counts as inside the bin above it, the last border as
    inside the last bin."""
    number = bisect_right(block.borders, value)
    return Bin(block, block.bins if value == block.borders[-1] else number)


@dataclass(frozen=True, eq=False)
class Chart:
    """Where codes are affine.

    bins: of each input column, None for a column without codes; () if no column has codes.
    one: times which all features and values are computed, at least 1 and below 2.
    """

    bins: tuple[Bin | None, ...] = ()
    one: Fraction = Fraction(1)

    @cached_property
    def unit(self) -> arb:
        """`one` as a number of exact arithmetic."""
        with ctx.workprec(EXACT_PRECISION):
            return ball(self.one)

    def bin_at(self, column: int) -> Bin | None:
        return self.bins[column] if self.bins else None

    def with_gaps(self, columns: Collection[int]) -> Chart:
        """The same bins where these columns may also be missing."""
        return _chart(self.bins, columns)


def chart_at(blocks: Sequence[Block], raw: Sequence[float], gaps: Collection[int]) -> Chart:
    """The bins of a raw row (inputs,).  gaps: the columns that may also be missing."""
    bins = [
        bin_of(block, block.median if math.isnan(value) else value)
        if isinstance(block, NumberBlock) and block.borders
        else None
        for block, value in zip(blocks, raw, strict=True)
    ]
    return _chart(tuple(bins) if any(bins) else (), gaps)


def _chart(bins: tuple[Bin | None, ...], gaps: Collection[int]) -> Chart:
    used = [found for found in bins if found is not None]
    used += [found.of_median for place, found in enumerate(bins) if found and place in gaps]
    widths = [found.width for found in used if found.width is not None]
    whole = math.lcm(*(_odd(width.numerator) for width in widths))
    return Chart(bins, Fraction(whole, 1 << (whole.bit_length() - 1)))


def _odd(number: int) -> int:
    """The odd factor: powers of two divide any binary fraction."""
    return number // (number & -number)
