"""Linear forms of a box's variables and knots, and their smallest values over each box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vetro.glass.bounds.box import Boxes, Space
from vetro.glass.bounds.knots import Knots
from vetro.glass.bounds.rounding_bounds import OWN, SAFE, gamma
from vetro.glass.plain import Floats


@dataclass(frozen=True, eq=False)
class Region:
    """Boxes with the ends of their variables, (boxes, variables), and their knots."""

    space: Space
    boxes: Boxes
    low: Floats
    high: Floats
    knots: Knots

    @staticmethod
    def of(space: Space, boxes: Boxes) -> Region:
        return Region(space, boxes, *space.ranges(boxes), Knots.of(space, boxes))

    def take(self, rows: NDArray[np.intp]) -> Region:
        """Some of the boxes."""
        boxes, knots = self.boxes.take(rows), self.knots.take(rows)
        return Region(self.space, boxes, self.low[rows], self.high[rows], knots)

    def back(self, part: int, features: Floats) -> tuple[Floats, Floats, Floats]:
        """forms (boxes or 1, rows, features) of a part's features as forms of t, of a and of the
        knots, without the constant."""
        map_ = self.space.maps[part]
        return (*map_.back(features), self.knots.back(map_.binned, features))

    def form(self, terms: Sequence[Floats], constant: Floats) -> Form:
        """The form of t's, a's and the knots' terms, which several boxes may share."""
        wide = [np.broadcast_to(term, (*constant.shape, term.shape[-1])) for term in terms]
        return Form(wide[0], wide[1], wide[2], constant)

    def features(self, part: int, reached: Reached) -> Floats:
        """A part's features at a place of each box, (boxes, features)."""
        map_ = self.space.maps[part]
        found: Floats = reached.numbers @ map_.of_variables + map_.constant
        found += reached.chosen @ map_.of_alternatives
        for column, own in enumerate(map_.binned):
            at = reached.at[:, self.knots.places[column]]
            features = self.knots.features(map_.binned, column)
            found[:, own.features] += (at[:, None] @ features)[:, 0]
        return found


@dataclass(frozen=True, eq=False)
class Reached:
    """A place of each box: its t (boxes, variables), its a (boxes, alternatives), and its mix of
    knots (boxes, knots), 1 at a knot of each column that has a number."""

    numbers: Floats
    chosen: Floats
    at: Floats


@dataclass(frozen=True)
class Line:
    """A straight line for each answer: slopes (answers, columns) by the columns' numbers, 0 for
    those without numbers, and levels (answers,), its values at the middle of the whole range."""

    slopes: Floats
    levels: Floats

    def form(self, region: Region) -> Form:
        """A form below the negatives of the lines, and then one below the lines."""
        space, ends = region.space, len(self.levels)
        slopes = np.concatenate([-self.slopes, self.slopes])
        levels = np.concatenate([-self.levels, self.levels])
        of_variables = np.zeros((1, 2 * ends, space.variables))
        at = np.zeros((len(region.boxes), 2 * ends, region.knots.count))
        columns = iter(enumerate(region.knots.values))
        for place, axis in enumerate(space.axes):
            if axis.borders:
                column, values = next(columns)
                moved = values - space.middle[axis.number]
                part = region.knots.places[column]
                at[:, :, part] = slopes[:, place, None] * moved[:, None]
            elif axis.number >= 0:
                of_variables[0, :, axis.variables[0]] = slopes[:, place]
        across = np.zeros((1, 2 * ends, space.alternatives))
        constant = np.broadcast_to(levels, (len(region.boxes), 2 * ends))
        found = region.form((of_variables, across, at), constant)
        # the numbers at the knots are rounded
        return found.lowered(SAFE * gamma(4, OWN) * region.knots.most(np.abs(at)).sum(axis=-1))


@dataclass(frozen=True, eq=False)
class Form:
    """value >= t of_variables + a of_alternatives + mix of_knots + constant over each box.

    of_variables: (boxes, rows, variables); of_alternatives: (boxes, rows, alternatives); of_knots:
    (boxes, rows, knots), its numbers at the knots of each column with bins, between which it is
    linear; constant: (boxes, rows).
    """

    of_variables: Floats
    of_alternatives: Floats
    of_knots: Floats
    constant: Floats

    @staticmethod
    def mean(forms: Sequence[Form], region: Region) -> Form:
        """A form below the mean of the values that the given forms are below."""
        count = len(forms)
        if count == 1:
            return forms[0]
        # the sums round the terms of each form, not only what remains after they cancel
        room = SAFE * gamma(count + 2, OWN) / count
        return Form(
            np.add.reduce([form.of_variables for form in forms]) / count,
            np.add.reduce([form.of_alternatives for form in forms]) / count,
            np.add.reduce([form.of_knots for form in forms]) / count,
            np.add.reduce([form.constant - room * form.size(region) for form in forms]) / count,
        )

    def size(self, region: Region) -> Floats:
        """An upper bound, up to rounding, of the sum of the sizes of all terms over each box,
        (boxes, rows)."""
        far = np.maximum(np.abs(region.low), np.abs(region.high))
        total: Floats = times(np.abs(self.of_variables), far) + np.abs(self.constant)
        total += np.abs(self.of_alternatives).sum(axis=-1)
        total += region.knots.most(np.abs(self.of_knots)).sum(axis=-1)
        return total

    def first(self, rows: int) -> Form:
        """The form of the first `rows` rows."""
        return Form(*(numbers[:, :rows] for numbers in vars(self).values()))

    def scaled(self, factor: Floats, shift: Floats) -> Form:
        """The form of value * factor + shift, factor >= 0, both (rows,) or (boxes, rows)."""
        factor = np.broadcast_to(factor, self.constant.shape)
        return Form(
            self.of_variables * factor[..., None],
            self.of_alternatives * factor[..., None],
            self.of_knots * factor[..., None],
            self.constant * factor + shift,
        )

    def plus(self, other: Form) -> Form:
        """A form below the sum of both values; `least` allows for the rounding."""
        return Form(*map(np.add, vars(self).values(), vars(other).values()))

    def lowered(self, by: Floats) -> Form:
        """The form less a number of each row, (boxes, rows)."""
        return replace(self, constant=self.constant - by)

    def pull(self, region: Region) -> Floats:
        """How much each axis moves the form over each box, (boxes, rows, axes)."""
        space = region.space
        moved = np.abs(self.of_variables) * (region.high - region.low)[:, None]
        found = np.zeros((*self.constant.shape, len(space.axes)))
        places, variables = space.single.T
        found[:, :, places] = moved[:, :, variables]
        for place, axis in enumerate(space.axes):
            if axis.waves:
                found[:, :, place] = moved[:, :, slice(*axis.variables)].sum(axis=-1)
        knots = region.knots
        found[:, :, list(space.binned)] = knots.most(self.of_knots) - knots.least(self.of_knots)
        choices = space.choices
        if len(choices.axes):
            across, barred = self.of_alternatives, _barred(region.boxes)
            least = np.minimum.reduceat(across + barred, choices.starts, axis=-1)
            most = np.maximum.reduceat(across - barred, choices.starts, axis=-1)
            found[:, :, choices.axes] += most - least
        return found

    def least(self, region: Region) -> Floats:
        """The least value of the form over each box, (boxes, rows), rounded down."""
        space = region.space
        middle, radius = region.low / 2 + region.high / 2, region.high / 2 - region.low / 2
        size = np.abs(self.of_variables)
        plain = np.ones(space.variables, dtype=bool)
        for axis in space.axes:
            if axis.codes or axis.waves:
                plain[slice(*axis.variables)] = False
        own = np.where(plain, 1.0, 0.0)
        found = times(self.of_variables, middle * own) - times(size, radius * own)
        found += self.constant
        across = self.of_alternatives + _barred(region.boxes)
        places, variables = space.choices.numbers.T
        across[:, :, places] += self.of_variables[:, :, variables] * middle[:, None, variables]
        across[:, :, places] -= size[:, :, variables] * radius[:, None, variables]
        at_knots = iter(np.moveaxis(region.knots.least(self.of_knots), -1, 0))
        for axis in space.axes:
            if axis.borders:
                number = next(at_knots)
            elif axis.waves:
                number = self._least_of_waves(slice(*axis.variables), middle, radius)
            else:
                continue
            if not axis.codes:
                found += number
            elif axis.codes[0] is None:
                across[:, :, axis.alternatives[0]] += number
        if len(space.choices.axes):
            found += np.minimum.reduceat(across, space.choices.starts, axis=-1).sum(axis=-1)
        roundings = space.variables + 4 * len(space.axes) + 64
        lowered: Floats = found - SAFE * gamma(roundings, OWN) * self.size(region)
        return lowered

    def reached(self, region: Region) -> Reached:
        """Where a form with one row for each box is smallest; for a date's cycles, each sine and
        cosine separately."""
        form, across = self.of_variables[:, 0], self.of_alternatives[:, 0]
        numbers = np.where(form > 0, region.low, region.high)
        chosen, at = np.zeros_like(across), np.zeros_like(self.of_knots[:, 0])
        rows, column = np.arange(len(form)), 0
        for axis in region.space.axes:
            own = slice(*axis.variables)
            number = (form[:, own] * numbers[:, own]).sum(axis=1)
            if axis.borders:
                knots = region.knots.places[column]
                lowest = knots[self.of_knots[:, 0, knots].argmin(axis=1)]
                number = self.of_knots[rows, 0, lowest]
                at[rows, lowest] = 1.0
                column += 1
            if not axis.codes:
                continue
            part = slice(*axis.alternatives)
            choices = np.where(region.boxes.allowed[:, part], across[:, part], np.inf)
            if axis.optional:
                choices[:, 0] += number
            best = choices.argmin(axis=1)
            chosen[rows, axis.alternatives[0] + best] = 1.0
            if axis.number >= 0:
                there = best == 0 if axis.optional else np.zeros(len(rows), dtype=bool)
                if axis.borders:
                    at[np.ix_(~there, knots)] = 0.0
                else:
                    numbers[~there, own] = 0.0
        return Reached(numbers, chosen, at)

    def _least_of_waves(self, part: slice, middle: Floats, radius: Floats) -> Floats:
        """The smallest value of a date's variables: the day within its range, each sine and cosine
        within theirs, and both on the circle: a sin + b cos >= -sqrt(a^2 + b^2)."""
        forms = self.of_variables[:, :, part]
        terms = forms * middle[:, None, part] - np.abs(forms) * radius[:, None, part]
        pairs = terms[:, :, 1::2] + terms[:, :, 2::2]
        circle = -np.hypot(forms[:, :, 1::2], forms[:, :, 2::2]) * SAFE
        found: Floats = terms[:, :, 0] + np.maximum(pairs, circle).sum(axis=-1)
        return found


def _barred(boxes: Boxes) -> Floats:
    """Infinite for the alternatives that a box does not allow, else 0: (boxes, 1, alternatives)."""
    return np.where(boxes.allowed, 0.0, np.inf)[:, None]


def times(forms: Floats, values: Floats) -> Floats:
    """forms (boxes or 1, rows, n) . values (boxes, n) -> (boxes, rows)."""
    found: Floats = values @ forms[0].T if len(forms) == 1 else (forms @ values[..., None])[..., 0]
    return found
