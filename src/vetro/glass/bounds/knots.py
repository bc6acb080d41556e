"""Knots: a column with bins over boxes, between whose knots its features are linear.

The knots of a box are the ends of the column's range and the borders within it.  Every number of
the range is a mix of two neighbouring knots, and its features are the same mix of theirs.  So a
linear form of the features is smallest at a knot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from vetro.glass.bounds.box import Boxes, Space
from vetro.glass.bounds.input_map import Binned
from vetro.glass.plain import Floats


@dataclass(frozen=True, eq=False)
class Knots:
    """values: for each column with bins its knots (boxes, knots), rising; the last may repeat.

    A form has a number for each knot of each column, (..., count): first the first knots of all
    columns, then the second ones of those that have more, and so on.
    """

    values: tuple[Floats, ...]
    _features: dict[tuple[int, int], Floats] = field(default_factory=dict)

    @staticmethod
    def of(space: Space, boxes: Boxes) -> Knots:
        found = []
        for place in space.binned:
            axis = space.axes[place]
            low, high = boxes.low[:, axis.number], boxes.high[:, axis.number]
            first, end = axis.within(low, high)
            steps = np.arange(int((end - first).max(initial=0)))
            inner = first[:, None] + steps
            border = axis.sorted_borders[np.minimum(inner, len(axis.borders) - 1)]
            inner_values = np.where(inner < end[:, None], border, high[:, None])
            found.append(np.concatenate([low[:, None], inner_values, high[:, None]], axis=1))
        return Knots(tuple(found))

    def take(self, rows: NDArray[np.intp]) -> Knots:
        """Those of some of the boxes."""
        return Knots(tuple(values[rows] for values in self.values))

    @cached_property
    def _order(self) -> NDArray[np.intp]:
        """The columns, those with the most knots first."""
        return np.argsort([-values.shape[1] for values in self.values], kind="stable")

    @cached_property
    def _steps(self) -> tuple[slice, ...]:
        """The places of the columns' first knots, in that order, of their second ones, ..."""
        each = [values.shape[1] for values in self.values]
        having = [sum(n > step for n in each) for step in range(max(each, default=0))]
        ends = list(accumulate(having, initial=0))
        return tuple(slice(first, end) for first, end in pairwise(ends))

    @cached_property
    def places(self) -> tuple[NDArray[np.intp], ...]:
        """The places of each column's knots in a form."""
        rank = np.argsort(self._order)
        return tuple(
            np.array([step.start for step in self._steps[: values.shape[1]]]) + rank[column]
            for column, values in enumerate(self.values)
        )

    @cached_property
    def count(self) -> int:
        """How many numbers a form has."""
        return sum(values.shape[1] for values in self.values)

    def features(self, binned: Sequence[Binned], column: int) -> Floats:
        """A part's features at the knots of a column, (boxes, knots, the block's features)."""
        own, values = binned[column], self.values[column]
        key = column, id(own.block)
        if key not in self._features:
            self._features[key] = own.features_at(values.reshape(-1)).reshape(*values.shape, -1)
        return self._features[key]

    def back(self, binned: Sequence[Binned], forms: Floats) -> Floats:
        """forms (boxes or 1, rows, features) of a part's features at the knots, (boxes, rows,
        count)."""
        boxes = len(self.values[0]) if self.values else len(forms)
        found = np.empty((boxes, forms.shape[1], self.count))
        for column, own in enumerate(binned):
            part = self.places[column]
            features, given = self.features(binned, column), forms[..., own.features]
            if len(given) == 1:
                table = given[0] @ features.reshape(-1, features.shape[-1]).T
                shape = len(table), *features.shape[:2]
                found[..., part] = table.reshape(shape).transpose(1, 0, 2)
            else:
                found[..., part] = given @ features.transpose(0, 2, 1)
        return found

    def least(self, forms: Floats) -> Floats:
        """The smallest number of each column in forms (..., count), (..., columns)."""
        return self._reduced(np.minimum, forms)

    def most(self, forms: Floats) -> Floats:
        """The largest number of each column."""
        return self._reduced(np.maximum, forms)

    def _reduced(self, reduce: np.ufunc, forms: Floats) -> Floats:
        """Step by step over all columns: numpy's reduceat over a few knots takes five times as
        long."""
        if not self.values:
            return forms
        found = forms[..., self._steps[0]].copy()
        for step in self._steps[1:]:
            first = found[..., : step.stop - step.start]
            reduce(first, forms[..., step], out=first)
        back = np.argsort(self._order)
        ordered: Floats = found[..., back]
        return ordered
