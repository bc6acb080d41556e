"""Linear forms of a box's variables, and their smallest values over each box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vetro.glass.bounds.box import Boxes, Space
from vetro.glass.bounds.rounding_bounds import OWN, SAFE, gamma
from vetro.glass.plain import Floats


@dataclass(frozen=True, eq=False)
class Region:
    """Boxes with the ends of their variables, (boxes, variables)."""

    space: Space
    boxes: Boxes
    low: Floats
    high: Floats

    @staticmethod
    def of(space: Space, boxes: Boxes) -> Region:
        return Region(space, boxes, *space.ranges(boxes))


@dataclass(frozen=True, eq=False)
class Form:
    """value >= t of_variables + a of_alternatives + constant over each box.

    of_variables: (boxes, rows, variables); of_alternatives: (boxes, rows, alternatives);
    constant: (boxes, rows).
    """

    of_variables: Floats
    of_alternatives: Floats
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
            np.add.reduce([form.constant - room * form.size(region) for form in forms]) / count,
        )

    def size(self, region: Region) -> Floats:
        """An upper bound, up to rounding, of the sum of the sizes of all terms over each box,
        (boxes, rows)."""
        far = np.maximum(np.abs(region.low), np.abs(region.high))
        total: Floats = times(np.abs(self.of_variables), far) + np.abs(self.constant)
        total += np.abs(self.of_alternatives).sum(axis=-1)
        return total

    def first(self, rows: int) -> Form:
        """The form of the first `rows` rows."""
        return Form(
            self.of_variables[:, :rows], self.of_alternatives[:, :rows], self.constant[:, :rows]
        )

    def scaled(self, factor: Floats, shift: Floats) -> Form:
        """The form of value * factor + shift, factor >= 0, both (rows,) or (boxes, rows)."""
        factor = np.broadcast_to(factor, self.constant.shape)
        return Form(
            self.of_variables * factor[..., None],
            self.of_alternatives * factor[..., None],
            self.constant * factor + shift,
        )

    def less(self, other: Form) -> Form:
        """The form of the value minus an exact form; `least` allows for the rounding."""
        return Form(
            self.of_variables - other.of_variables,
            self.of_alternatives - other.of_alternatives,
            self.constant - other.constant,
        )

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
        for axis in space.axes:
            if not axis.waves:
                continue
            number = self._least_of_waves(slice(*axis.variables), middle, radius)
            if not axis.codes:
                found += number
            elif axis.codes[0] is None:
                across[:, :, axis.alternatives[0]] += number
        if len(space.choices.axes):
            found += np.minimum.reduceat(across, space.choices.starts, axis=-1).sum(axis=-1)
        roundings = space.variables + 4 * len(space.axes) + 64
        lowered: Floats = found - SAFE * gamma(roundings, OWN) * self.size(region)
        return lowered

    def reached(self, region: Region) -> tuple[Floats, Floats]:
        """Where a form with one row for each box is smallest: t and a, (boxes, variables) and
        (boxes, alternatives); for a date's cycles, each sine and cosine separately."""
        form, across = self.of_variables[:, 0], self.of_alternatives[:, 0]
        numbers = np.where(form > 0, region.low, region.high)
        chosen = np.zeros_like(across)
        rows = np.arange(len(form))
        for axis in region.space.axes:
            if not axis.codes:
                continue
            part, own = slice(*axis.alternatives), slice(*axis.variables)
            choices = np.where(region.boxes.allowed[:, part], across[:, part], np.inf)
            if axis.optional:
                choices[:, 0] += (form[:, own] * numbers[:, own]).sum(axis=1)
            best = choices.argmin(axis=1)
            chosen[rows, axis.alternatives[0] + best] = 1.0
            if axis.number >= 0:
                there = best == 0 if axis.optional else np.zeros(len(rows), dtype=bool)
                numbers[:, own] = np.where(there[:, None], numbers[:, own], 0.0)
        return numbers, chosen

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
