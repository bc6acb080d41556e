"""The order of rows: which rows each step takes.

Here are the orders that are plain data: consecutive, given, or drawn from a seed.  Orders that
come from a generator or a DataLoader of torch: drawn_order.py and training/loaders.py.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int32]


class Order(ABC):
    """The row numbers of step after step.

    An epoch takes epoch_rows row numbers in steps of batch_size; its last step may be shorter.
    """

    batch_size: int
    epoch_rows: int

    @property
    def steps_an_epoch(self) -> int:
        return -(-self.epoch_rows // self.batch_size)

    @abstractmethod
    def take(self, first: int, steps: int) -> Numbers | None:
        """The row numbers of the next steps, from step `first` on (from 0); None where they are
        simply consecutive.  To be followed by `commit` before the next `take`."""

    def commit(self, steps: int, begun: int) -> None:
        """Only `steps` of those taken were done, and `begun` were begun.

        Nothing to put back, unless they were drawn from something that others use, too.
        """
        return

    def epochs(self, first: int, steps: int) -> range:
        """The epochs, from 0, that these steps touch."""
        return range(first // self.steps_an_epoch, -(-(first + steps) // self.steps_an_epoch))

    def part(self, orders: Sequence[Numbers], first: int, steps: int) -> Numbers:
        """The row numbers of these steps; orders: of the epochs that they touch."""
        skipped = first // self.steps_an_epoch * self.epoch_rows
        start, end = self._rows_before(first), self._rows_before(first + steps)
        whole = orders[0] if len(orders) == 1 else np.concatenate(orders)
        return whole[start - skipped : end - skipped]

    def _rows_before(self, step: int) -> int:
        epochs, within = divmod(step, self.steps_an_epoch)
        return epochs * self.epoch_rows + within * self.batch_size


@dataclass(frozen=True)
class Consecutive(Order):
    """Consecutive rows, in the same order in every epoch."""

    epoch_rows: int
    batch_size: int

    def take(self, first: int, steps: int) -> None:
        return None


@dataclass(frozen=True, eq=False)
class Given(Order):
    """The row numbers that the user gave, used again and again; one pass is an epoch."""

    numbers: Numbers
    batch_size: int

    @property
    def epoch_rows(self) -> int:  # type: ignore[override]
        return self.numbers.size

    def take(self, first: int, steps: int) -> Numbers:
        return self.part([self.numbers] * len(self.epochs(first, steps)), first, steps)


@dataclass(frozen=True)
class Seeded(Order):
    """Before each epoch, numpy's default_rng((seed, epoch)) permutes all rows; epochs from 0."""

    seed: int
    epoch_rows: int
    batch_size: int

    def take(self, first: int, steps: int) -> Numbers:
        epochs = self.epochs(first, steps)
        orders = np.empty((len(epochs), self.epoch_rows), dtype=np.int32)
        for order, epoch in zip(orders, epochs, strict=True):
            order[:], _ = self.begin(epoch)
        return self.part([orders.reshape(-1)], first, steps)

    def begin(self, epoch: int) -> tuple[NDArray[np.int64], np.random.Generator]:
        """The order of an epoch, and its generator as the permutation leaves it."""
        generator = np.random.default_rng((self.seed, epoch))
        return generator.permutation(self.epoch_rows), generator
