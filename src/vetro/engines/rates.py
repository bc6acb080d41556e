"""The rates of each step: the learning rate, and the momentum or first beta, of every group.

Here is the table of factors, which is plain data.  The user's own schedule: training/ahead.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Rates(Protocol):
    """The rates of step after step."""

    def window(self, first: int, wanted: int) -> int:
        """How many of the wanted steps, from step `first` on (from 0), can be sampled now."""
        ...

    def sample(self, first: int, steps: int) -> Floats:
        """The rates (steps, groups, 2) of the next steps, or of fewer.  To be followed by `commit`
        before the next `sample`."""
        ...

    def commit(self, steps: int, scores: Sequence[float]) -> None:
        """Only `steps` of those sampled were done.  scores: the validation losses of the epochs
        that ended in them."""
        ...


@dataclass(frozen=True, eq=False)
class Factors:
    """One group, whose learning rate has a factor (epochs,) in each epoch.

    second: the momentum or first beta.  steps_an_epoch: as of the order of the rows.
    """

    learning_rate: float
    second: float
    factors: Floats
    steps_an_epoch: int

    def window(self, first: int, wanted: int) -> int:
        return wanted

    def sample(self, first: int, steps: int) -> Floats:
        epochs = np.arange(first, first + steps) // self.steps_an_epoch
        rates = np.empty((steps, 1, 2))
        rates[:, 0, 0] = self.learning_rate * self.factors[epochs]
        rates[:, 0, 1] = self.second
        return rates

    def commit(self, steps: int, scores: Sequence[float]) -> None:
        """Nothing was drawn that could be put back."""
