"""The batches of the plain loop, epoch after epoch: of rows, of given row numbers, of a DataLoader.

Each batch is drawn when its step begins, as in a loop written by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader

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


@dataclass(frozen=True)
class Slicing:
    """How rows are cut into batches.

    batch_size: rows per step, None for all.  drop_last: leave out a last batch that is shorter.
    shuffle: one torch.randperm per epoch, from `generator`.  given: (steps, batch) row numbers, in
    place of all that.
    """

    batch_size: int | None
    drop_last: bool
    shuffle: bool
    generator: torch.Generator | None
    given: Tensor | None


class RowBatches:
    """Batches of rows in memory."""

    def __init__(self, rows: Rows, slicing: Slicing) -> None:
        given = slicing.given
        self._batches = _sliced(rows, slicing) if given is None else _given(rows, given)

    def draw(self) -> tuple[Rows, bool]:
        return next(self._batches)

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


def _given(rows: Rows, given: Tensor) -> Iterator[tuple[Rows, bool]]:
    while True:
        for number, chosen in enumerate(given, 1):
            yield tuple(tensor[chosen] for tensor in rows), number == len(given)


def _sliced(rows: Rows, slicing: Slicing) -> Iterator[tuple[Rows, bool]]:
    """With shuffle, one torch.randperm per epoch and consecutive slices of it; else consecutive
    rows.  The last batch of an epoch may be shorter."""
    count, generator = rows[0].shape[0], slicing.generator
    size = count if slicing.batch_size is None else min(slicing.batch_size, count)
    end = count - count % size if slicing.drop_last else count
    random_device = "cpu" if generator is None else generator.device
    while True:
        order = None
        if slicing.shuffle:
            order = torch.randperm(count, generator=generator, device=random_device)
            order = order.to(rows[0].device)
        for start in range(0, end, size):
            last = start + size >= end
            if order is not None:
                chosen = order[start : start + size]
                yield tuple(tensor[chosen] for tensor in rows), last
            elif size == count:
                yield rows, last
            else:
                yield tuple(tensor[start : start + size] for tensor in rows), last
