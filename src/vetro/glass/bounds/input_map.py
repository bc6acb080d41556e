"""How a part's features follow from a box's variables and alternatives, and from knots."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vetro.glass.plain import Floats
from vetro.tables.blocks import NumberBlock


@dataclass(frozen=True)
class Binned:
    """A column with bins in one part: its features begin at `start`, and `block` writes them."""

    start: int
    block: NumberBlock

    @property
    def features(self) -> slice:
        return slice(self.start, self.start + self.block.width)

    def features_at(self, values: Floats) -> Floats:
        """The features at some of the column's values, (values, features)."""
        found = np.empty((len(values), self.block.width))
        self.block.write(found, values)
        return found


@dataclass(frozen=True, eq=False)
class InputMap:
    """features = t G + a H + g of one part: G (variables, features), H (alternatives, features),
    g (features,), all 0 at the features of the columns with bins unless they are missing.
    binned: those columns, in the order of Space.binned."""

    of_variables: Floats
    of_alternatives: Floats
    constant: Floats
    binned: tuple[Binned, ...] = ()

    def back(self, forms: Floats) -> tuple[Floats, Floats]:
        """forms (..., features) of features as forms of t and a, without the constant."""
        of_variables, of_alternatives = self._rows
        return _gathered(forms, *of_variables), _gathered(forms, *of_alternatives)

    @cached_property
    def _rows(self) -> tuple[tuple[NDArray[np.intp], Floats], ...]:
        """For both matrices: places and values of the nonzero numbers of each row, (most, rows)."""
        return _sparse(self.of_variables), _sparse(self.of_alternatives)


def _sparse(matrix: Floats) -> tuple[NDArray[np.intp], Floats]:
    most = max(1, int((matrix != 0).sum(axis=1).max(initial=0)))
    order = np.argsort(matrix == 0, axis=1, kind="stable")[:, :most]
    return order.T, np.take_along_axis(matrix, order, axis=1).T


def _gathered(forms: Floats, places: NDArray[np.intp], numbers: Floats) -> Floats:
    """forms (..., features) times a sparse matrix: a column of the table has few features."""
    found: Floats = forms[..., places[0]] * numbers[0]
    for place, number in zip(places[1:], numbers[1:], strict=True):
        used = number != 0
        found[..., used] += forms[..., place[used]] * number[used]
    return found
