"""The region where a formula holds: its borders, the ones that matter, and their distances.

The terms that move are the number columns and dates; levels, flags and missing values stay as in
the row.  Everything is exact except where a docstring says float.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from flint import arb, ctx
from numpy.typing import NDArray

from vetro.glass import exact
from vetro.glass.as_json import as_json
from vetro.glass.formula.affine_pieces import Bend
from vetro.glass.formula.bins import BinEnd
from vetro.glass.formula.redundancy import Stop, Tell, follows, never, sort_out, unheard
from vetro.glass.formula.terms import Term
from vetro.glass.rows import Floats
from vetro.tables.blocks import PERIODS

Side = Bend | BinEnd
"""What bounds a region."""

LONGEST = 3652.425
"""Days, ten years: how far a date with waves is followed; the formula may hold beyond that."""


@dataclass(frozen=True, eq=False)
class Inequality:
    """coefficients . terms <= bound, exactly.  side: the unit that bends here, or the end
    of a bin."""

    coefficients: tuple[Fraction, ...]
    bound: Fraction
    side: Side

    @property
    def where(self) -> str:
        """The unit, "h3 of relu1 of member2", or the border of bins, "cement = 152, ..."."""
        return self.side.where

    def to_json(self) -> dict[str, Any]:
        """Coefficients and bound as fractions in text; the unit and whether it is on, or the column
        and its bin."""
        return {**as_json(self, "coefficients bound"), **self.side.to_json()}


@dataclass(frozen=True)
class Distance:
    """The distances of the borders.

    overall: with all number columns moving together, in scaled units (the standard deviation of
    each number column in training; units of x for a module); infinite without a border.
    where: the unit whose bend is nearest, or the border of bins.  columns: for each number or date
    that is not missing, (down, up): how far it alone can go.  stays: for each category and flag,
    the other levels for which the formula still holds if nothing else changes.
    """

    overall: float
    where: str
    columns: dict[str, tuple[float, float]]
    stays: dict[str, tuple[str, ...]]

    def __float__(self) -> float:
        return self.overall

    def to_json(self) -> dict[str, Any]:
        """A plain dict; infinite distances are None."""
        return as_json(self, "overall nearest=where columns stays")


@dataclass(frozen=True)
class _Sorted:
    """kept: numbers of the sides whose inequalities are shown; undecided: how many of them may
    still follow from the others."""

    kept: tuple[int, ...]
    undecided: int = 0


@dataclass(frozen=True, eq=False)
class Region:
    """The terms for which every unit stays on its side of its bend, and every number with codes in
    its bin, borders included.

    at: the terms' values at the row.  names: of the terms' columns.  units: the length of one
    scaled unit of each term.  bends: of every unit, also those that do not matter.  ends: of the
    bins.
    """

    terms: tuple[Term, ...]
    at: tuple[Fraction, ...]
    columns: tuple[str, ...]
    units: Floats
    bends: tuple[Bend, ...]
    held: frozenset[int]
    ends: tuple[BinEnd, ...] = ()

    @cached_property
    def sides(self) -> tuple[Side, ...]:
        """Everything that bounds the region."""
        return (*self.bends, *self.ends)

    @property
    def everywhere(self) -> bool:
        """Whether nothing bounds it: the formula holds for the whole network."""
        return not self.sides

    @property
    def on_border(self) -> tuple[str, ...]:
        """The units that are exactly at their bend; they count as off."""
        return tuple(bend.where for bend in self.bends if bend.at == 0)

    @property
    def on_bin_border(self) -> tuple[str, ...]:
        """The bins that the row is exactly at an end of; it counts as inside."""
        return tuple(f"{end.bin} of {end.name}" for end in self.ends if end.at == 0)

    @cached_property
    def straight(self) -> tuple[int, ...]:
        """The terms that move in a straight line: numbers, and dates without waves."""
        waves = {term.column for term in self.terms if term.kind == "wave"}
        return tuple(
            number
            for number, term in enumerate(self.terms)
            if term.moves and term.column not in self.held and term.column not in waves
        )

    @cached_property
    def free(self) -> tuple[int, ...]:
        """The straight terms and all terms of dates, each taken to move independently."""
        return tuple(
            number
            for number, term in enumerate(self.terms)
            if (term.moves or term.kind == "wave") and term.column not in self.held
        )

    @cached_property
    def slack(self) -> Floats:
        """The slack of each side at the row, (sides,), >= 0; float."""
        return np.array([abs(float(side.at)) for side in self.sides])

    @cached_property
    def slopes(self) -> Floats:
        """How much a scaled unit of each term reduces the slack, (sides, terms); float."""
        rows = np.array([[float(entry) for entry in side.row[:-1]] for side in self.sides])
        signs = np.array([side.sign for side in self.sides], dtype=np.float64)
        slopes: Floats = (
            rows.reshape(len(self.sides), len(self.terms)) * signs[:, None] * self.units
        )
        return slopes

    def borders(self, terms: tuple[int, ...]) -> tuple[NDArray[np.intp], Floats, Floats]:
        """The sides that some terms reach: their numbers, and for a unit of these terms their
        normals (borders, terms) of length 1 and their distances (borders,); float."""
        slopes = self.slopes[:, terms]
        lengths = np.linalg.norm(slopes, axis=1)
        numbers = np.flatnonzero(lengths > 0)
        lengths = lengths[numbers]
        return numbers, slopes[numbers] / lengths[:, None], self.slack[numbers] / lengths

    @cached_property
    def inequalities(self) -> tuple[Inequality, ...]:
        """The inequalities that matter while the row's levels, flags and missing values stay.

        The others follow from them: found by linear programming, each proved.  A date's days and
        waves are treated as independent, so a few inequalities too many may stay.
        """
        return tuple(self._inequality(self.sides[number]) for number in self._sorted.kept)

    def _inequality(self, side: Side) -> Inequality:
        scale = side.sign / side.one
        *coefficients, constant = (scale * exact.fraction(entry) for entry in side.row)
        return Inequality(tuple(coefficients), -constant, side)

    @property
    def undecided(self) -> int:
        """How many of the inequalities may still follow from others: 0 unless `settle` was
        stopped."""
        return self._sorted.undecided

    def settle(self, stop: Stop = never, tell: Tell = unheard) -> None:
        """Find the inequalities that matter, unless that is done.  If `stop` ends the search, the
        undecided ones are kept.  tell: called with the number known to matter and the number open.
        """
        if "_sorted" not in self.__dict__:
            self.__dict__["_sorted"] = self._sort(stop, tell)

    @cached_property
    def _sorted(self) -> _Sorted:
        return self._sort(never, unheard)

    def _sort(self, stop: Stop, tell: Tell) -> _Sorted:
        bending, normals, margins = self.borders(self.free)
        if not len(bending):
            return _Sorted(())
        inner = inner_point(normals, margins)
        if inner is None:
            # flat: no point is strictly inside all of them, so each is kept
            return _Sorted(tuple(bending.tolist()))
        sorting = sort_out(normals, margins - normals @ inner, stop, tell)
        rows = [self._row(self.sides[number]) for number in bending]
        kept, open_ = set(sorting.kept), set(sorting.open)
        for place, (number, reasons) in enumerate(sorting.reasons.items()):
            if place % 16 == 0:
                tell(len(kept), len(open_) + len(sorting.reasons) - place)
            if stop():
                open_.add(number)
            elif not follows(*rows[number], [rows[reason] for reason in reasons]):
                kept.add(number)
        shown = sorted(kept | open_)
        return _Sorted(tuple(int(bending[number]) for number in shown), len(open_))

    def _row(self, side: Side) -> tuple[list[arb], arb]:
        """A side as normal . (free terms - row's) <= bound, exactly."""
        with ctx.workprec(exact.EXACT_PRECISION):
            return [side.sign * side.row[k] for k in self.free], -side.sign * side.at

    @cached_property
    def distance(self) -> Distance:
        """How far the borders are from the row, each column alone and all together."""
        columns: dict[str, tuple[float, float]] = {}
        for number in self.free:
            term = self.terms[number]
            if number in self.straight:
                columns[term.name] = self._alone(number)
            elif self.columns[term.column] not in columns:
                columns[self.columns[term.column]] = self._date_alone(term.column)
        overall, where = math.inf, ""
        bending, _, margins = self.borders(self.straight)
        if len(bending):
            nearest = int(np.argmin(margins))
            overall, where = float(margins[nearest]), self.sides[bending[nearest]].where
        return Distance(overall, where, columns, self._stays())

    def _alone(self, number: int) -> tuple[float, float]:
        slope, unit = self.slopes[:, number], float(self.units[number])
        return _nearest(self.slack, -slope) * unit, _nearest(self.slack, slope) * unit

    def _date_alone(self, column: int) -> tuple[float, float]:
        """How far a date can go, in steps that the fastest change limits: never past a border."""
        own = [n for n, term in enumerate(self.terms) if term.column == column and n in self.free]
        if not self.sides:
            return math.inf, math.inf
        slopes = self.slopes[:, own] / self.units[own]
        start = np.array([float(self.at[n]) for n in own])
        fastest = np.zeros(len(slopes))
        for slope, n in zip(slopes.T, own, strict=True):
            term = self.terms[n]
            period = PERIODS[term.detail.partition(" ")[2]] if term.kind == "wave" else math.tau
            fastest += np.abs(slope) * math.tau / period
        days = [float(self.at[n]) for n in own if self.terms[n].kind == "days"]
        if days:
            here, longest, end = days[0], LONGEST, LONGEST
        else:
            # A time of day has only its sine and cosine, which repeat after a day.
            here, longest, end = math.atan2(start[0], start[1]) / math.tau, 1.0, math.inf

        def reach(sign: float) -> float:
            gone = 0.0
            while gone < longest:
                there = np.array([self.terms[n].value(here + sign * gone) for n in own])
                left = self.slack - slopes @ (there - start)
                step = _nearest(np.maximum(left, 0.0), fastest)
                if step < 1e-4:
                    return gone
                gone += step
            return end

        return reach(-1.0), reach(1.0)

    def _stays(self) -> dict[str, tuple[str, ...]]:
        """Other levels and flag values for which every unit stays on its side, exactly."""
        found: dict[str, list[str]] = {}
        for number, term in enumerate(self.terms):
            if term.kind not in ("level", "flag") or term.column in self.held:
                continue
            name = self.columns[term.column]
            others = found.setdefault(name, [])
            if term.kind == "level" and self.at[number] == 1:
                continue
            changes = {number: 1 - self.at[number]} if term.kind == "flag" else {
                n: Fraction(n == number)
                for n, other in enumerate(self.terms)
                if other.column == term.column and (n == number or self.at[n] != 0)
            }  # fmt: skip
            if self._holds(changes):
                text = term.name.partition(" = ")[2].removesuffix("]")
                others.append(f"not {text}" if term.kind == "flag" and self.at[number] else text)
        return {name: tuple(levels) for name, levels in found.items()}

    def _holds(self, changes: dict[int, Fraction]) -> bool:
        with ctx.workprec(exact.EXACT_PRECISION):
            for side in self.sides:
                z = side.at
                for number, value in changes.items():
                    z = z + side.row[number] * int(value - self.at[number])
                if not side.sign * z <= 0:
                    return False
        return True


def inner_point(normals: Floats, margins: Floats) -> Floats | None:
    """A point with normals (m, d) . u < margins (m,), normals of length 1: 0 if it is such a point,
    else the centre of the largest ball of radius up to 1; None if there is no such point."""
    if margins.min(initial=np.inf) > 0:
        return np.zeros(normals.shape[1])
    from scipy.optimize import linprog

    size = normals.shape[1]
    answer = linprog(
        [*[0.0] * size, -1.0],
        A_ub=np.column_stack([normals, np.ones(len(normals))]),
        b_ub=margins,
        bounds=[*[(None, None)] * size, (None, 1.0)],
        method="highs",
    )
    if answer.status != 0 or answer.x is None:
        return None
    point: Floats = np.asarray(answer.x[:size])
    return point if (margins - normals @ point).min() > 1e-9 else None


def _nearest(slack: Floats, speed: Floats) -> float:
    """The smallest slack / speed of those with a positive speed; infinite if there is none."""
    rising = speed > 0
    return float((slack[rising] / speed[rising]).min(initial=np.inf))
