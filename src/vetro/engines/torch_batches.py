"""The batches of the plain loop, epoch after epoch: of rows in an order, of a DataLoader.

Each batch is drawn when its step begins, as in a loop written by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from vetro.engines.orders import Order

Rows = tuple[Tensor, ...]
"""x and y, and perhaps the weights of the rows."""


class Batches(Protocol):
    """Where the next batch comes from."""

    def draw(self) -> tuple[Rows, bool]:
        """The rows of the next step, and whether it is the last of its epoch."""
        ...

    def finish(self) -> None:
        """The epoch is over, and the loop over its batches ends."""
        ...


class RowBatches:
    """Batches of rows in memory, in an order, from step `first` on.  The order of each epoch is
    taken when the epoch begins."""

    def __init__(self, rows: Rows, order: Order, first: int = 0) -> None:
        self._rows, self._order, self._step = rows, order, first
        self._chosen: Tensor | None = None  # the row numbers of the epoch

    def draw(self) -> tuple[Rows, bool]:
        order, rows = self._order, self._rows
        within = self._step % order.steps_an_epoch
        if not within:
            self._begin()
        self._step += 1
        start = within * order.batch_size
        end = min(start + order.batch_size, order.epoch_rows)
        last = end == order.epoch_rows
        if self._chosen is not None:
            chosen = self._chosen[start:end]
            return tuple(tensor[chosen] for tensor in rows), last
        if end - start == len(rows[0]):
            return rows, last
        return tuple(tensor[start:end] for tensor in rows), last

    def _begin(self) -> None:
        steps = self._order.steps_an_epoch
        numbers = self._order.take(self._step, steps)
        self._order.commit(steps, steps)
        if numbers is not None:
            self._chosen = torch.from_numpy(numbers).long().to(self._rows[0].device)

    def finish(self) -> None:
        pass


class LoaderBatches:
    """The batches of a DataLoader, on the module's device.

    taken: a function that turns a batch into rows, or refuses it.
    """

    def __init__(
        self, loader: DataLoader[Any], device: torch.device, taken: Callable[[object], Rows]
    ) -> None:
        self._loader, self._device, self._taken = loader, device, taken
        self._epoch: Iterator[Any] | None = None
        self._left = 0

    def draw(self) -> tuple[Rows, bool]:
        if self._epoch is None:
            self._epoch, self._left = iter(self._loader), len(self._loader)
        self._left -= 1
        rows = self._taken(next(self._epoch, None))
        return tuple(tensor.to(self._device) for tensor in rows), self._left == 0

    def finish(self) -> None:
        if self._epoch is not None:
            for _ in self._epoch:
                pass
            self._epoch = None
