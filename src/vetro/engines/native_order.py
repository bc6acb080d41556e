"""Which rows each step takes, drawn ahead of the native loop and put back.

The native loop needs the rows of many steps at once, while the plain loop draws an order when
an epoch begins.  So orders are drawn ahead from the same generator.  If training ends sooner,
the generator is put back to where the plain loop would have left it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

Order = NDArray[np.int32]


class RowOrder:
    """The row numbers of step after step.

    given: the user's (steps, batch) row numbers, used again and again; one pass is an epoch.
    Without `given`: slices of batch_size of `rows` rows.  With shuffle, their order is one
    torch.randperm per epoch from `generator` (None: torch's own).  With drop_last, a last slice
    that is shorter is left out.
    """

    def __init__(
        self,
        rows: int,
        batch_size: int,
        *,
        shuffle: bool = False,
        generator: torch.Generator | None = None,
        given: NDArray[Any] | None = None,
        drop_last: bool = False,
    ) -> None:
        self.batch_size = batch_size
        self._rows = rows
        self.epoch_rows = rows if given is None else given.size
        if drop_last:
            self.epoch_rows -= rows % batch_size
        self._given = None if given is None else given.reshape(-1).astype(np.int32, copy=False)
        self._shuffle = shuffle
        self._generator = torch.default_generator if generator is None else generator
        self._done = 0
        # the orders from the epoch of step `_done` on, the first one known only if it began
        self._first_epoch = 0
        self._orders: list[Order] = []
        self._began_with = 0
        self._before: torch.Tensor | None = None

    @property
    def steps_an_epoch(self) -> int:
        return -(-self.epoch_rows // self.batch_size)

    def take(self, steps: int) -> Order | None:
        """The rows of the next steps; None where they are simply consecutive.

        To be followed by `commit` before the next `take`.
        """
        if self._given is None and not self._shuffle:
            return None
        start, end = self._row(self._done), self._row(self._done + steps)
        size = self.epoch_rows
        first = self._done // self.steps_an_epoch
        if self._given is not None:
            epochs = [self._given] * (-(-end // size) - first)
        else:
            self._draw(first, -(-end // size))
            epochs = self._orders
        if len(epochs) == 1:
            return epochs[0][start - first * size : end - first * size]
        return np.concatenate(epochs)[start - first * size : end - first * size]

    def commit(self, steps: int, begun: int) -> None:
        """Only `steps` of those taken were done, `begun` were begun: the generator is put
        where the plain loop leaves it, with the orders drawn of the epochs that began."""
        self._done += steps
        if not self._shuffle:
            return
        last = -(-(self._done - steps + begun) // self.steps_an_epoch)
        if self._before is not None and last < self._first_epoch + len(self._orders):
            self._generator.set_state(self._before)
            again = max(0, last - self._first_epoch - self._began_with)
            for _ in range(again):
                self._permutation()
            del self._orders[self._began_with + again :]
        self._before = None
        self._began_with = len(self._orders)

    def _draw(self, first: int, end: int) -> None:
        """The orders of the epochs from `first` up to `end`, those that began included."""
        del self._orders[: first - self._first_epoch]
        self._first_epoch = first
        self._began_with = len(self._orders)
        missing = end - first - len(self._orders)
        if missing > 0:
            self._before = self._generator.get_state()
            self._orders += [self._permutation() for _ in range(missing)]

    def _permutation(self) -> Order:
        # torch.randperm draws the same numbers for every integer dtype
        order: Order = torch.randperm(
            self._rows, generator=self._generator, dtype=torch.int32
        ).numpy()
        return order[: self.epoch_rows]

    def _row(self, step: int) -> int:
        """Rows taken by the steps before this one."""
        epochs, within = divmod(step, self.steps_an_epoch)
        return epochs * self.epoch_rows + within * self.batch_size
