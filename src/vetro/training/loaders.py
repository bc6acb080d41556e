"""Rows that come as a TensorDataset or a DataLoader of torch.

Training follows the order of the DataLoader, as the plain loop over it would.  If its rows are
tensors that are known beforehand and it uses one of torch's own samplers, the order can be drawn
ahead for the native engine.  The torch engine iterates over any other DataLoader.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
)

from vetro.engines.orders import Numbers, Order
from vetro.networks.pristine import check_collecting
from vetro.networks.refusal import NotUnderstood
from vetro.training import misuse

_SAMPLERS = (SequentialSampler, RandomSampler, SubsetRandomSampler, WeightedRandomSampler)


def pair_of(dataset: Dataset[Any]) -> tuple[Tensor, Tensor]:
    """x and y of a TensorDataset, or of a Subset of one; E315 for another dataset."""
    found = _tensors(dataset)
    if found is None:
        raise misuse.refusal(
            f"x is the dataset {type(dataset).__name__}, whose rows only a DataLoader can collect",
            "Use torch.utils.data.DataLoader(dataset, batch_size=32)",
        )
    if len(found) != 2:
        raise misuse.refusal(
            f"the TensorDataset holds {len(found)} tensors", "Give TensorDataset(x, y)"
        )
    return found[0], found[1]


@dataclass(frozen=True, eq=False)
class Loaded:
    """A DataLoader.  x, y: its rows if they are tensors, else None.  reason: why its order
    cannot be drawn ahead, "" if it can."""

    loader: DataLoader[Any]
    x: Tensor | None
    y: Tensor | None
    reason: str


def loaded(loader: DataLoader[Any]) -> Loaded:
    """The content of a DataLoader, without drawing from it.  E315 if it has no length."""
    try:
        steps = len(loader)
    except TypeError:
        raise misuse.refusal(
            "the DataLoader has no length, as with an IterableDataset",
            "Use a dataset with a length",
        ) from None
    if steps == 0:
        raise misuse.refusal(
            "the DataLoader gives no batches" + " (drop_last)" * bool(loader.drop_last),
            "Use a smaller batch_size" if loader.drop_last else "Give a dataset with rows",
        )
    found = _tensors(loader.dataset)
    if found is None or len(found) != 2:
        kind = type(loader.dataset).__name__
        return Loaded(loader, None, None, f"the DataLoader's {kind} is not a TensorDataset of x, y")
    return Loaded(loader, *found, _strangeness(loader))


def pair_of_batch(batch: object) -> tuple[Tensor, Tensor]:
    """x and y of a batch of a DataLoader; E315 unless it is a pair of tensors."""
    if batch is None:
        raise misuse.refusal(
            "the DataLoader gives fewer batches than its length says",
            "Correct its sampler's length",
        )
    if isinstance(batch, tuple | list) and len(batch) == 2:
        x, y = batch
        if isinstance(x, Tensor) and isinstance(y, Tensor):
            return x, y
    size = f" of {len(batch)}" if isinstance(batch, tuple | list | dict) else ""
    raise misuse.refusal(
        f"the DataLoader gives a {type(batch).__name__}{size}, and not a pair of tensors",
        "Use a dataset, or a collate_fn, that gives (x, y)",
    )


class LoaderOrder(Order):
    """The row numbers that a DataLoader draws, epoch after epoch.

    They are drawn ahead by iterating its own batch sampler with its own generator.  Afterwards
    both are as the plain loop over the loader leaves them: a loop by epochs runs the loader to
    its end, a loop by steps breaks after its last step.
    """

    def __init__(self, loaded: Loaded, total: int, *, by_epochs: bool) -> None:
        if loaded.reason:
            raise NotUnderstood(loaded.reason)
        loader = loaded.loader
        # of its batch sampler: a loader that was given one has none of these itself
        batches: Any = loader.batch_sampler
        self.batch_size, rows = batches.batch_size, len(batches.sampler)
        self.epoch_rows = rows - rows % self.batch_size if batches.drop_last else rows
        self._total = None if by_epochs else total
        # this draws the same as iterating the loader itself, without collecting any rows
        self._numbers: DataLoader[Any] = DataLoader(
            _Numbers(len(loader.dataset)),  # type: ignore[arg-type]
            batch_sampler=loader.batch_sampler,
            collate_fn=_as_they_are,
            generator=loader.generator,
        )
        owners = (loader.generator, getattr(_sampler_of(loader), "generator", None))
        known = {id(one): one for one in (torch.default_generator, *owners) if one is not None}
        self._generators = tuple(known.values())
        self._done = 0
        self._first_epoch = 0
        self._orders: list[Numbers] = []
        self._before: list[list[Tensor]] = []  # the generators' states before each epoch
        self._begun: Iterator[Any] | None = None  # over the current epoch, after a put back

    def take(self, first: int, steps: int) -> Numbers:
        """The rows of these steps, drawn from the loader's own sampler."""
        epochs = self.epochs(first, steps)
        gone = epochs.start - self._first_epoch
        del self._orders[:gone], self._before[:gone]
        self._first_epoch = epochs.start
        while len(self._orders) < len(epochs):
            self._finish()
            self._before.append([generator.get_state() for generator in self._generators])
            rows = [number for batch in self._numbers for number in batch]
            self._orders.append(_checked(rows, len(self._numbers.dataset)))  # type: ignore[arg-type]
        return self.part(self._orders, first, steps)

    def commit(self, steps: int, begun: int) -> None:
        """Put the generators where the plain loop leaves them."""
        before, size = self._done, self.steps_an_epoch
        self._done += steps
        pulled = before + begun
        epochs = -(-pulled // size)  # epochs that began
        drawn = self._first_epoch + len(self._orders)
        if drawn == self._first_epoch:
            return
        ended = self._done == epochs * size and self._done != self._total
        if ended and drawn == epochs:
            self._finish()
            return
        if epochs == 0 or (ended and drawn > epochs):
            self._put(self._before[max(epochs - self._first_epoch, 0)])
            del self._orders[max(epochs - self._first_epoch, 0) :]
            del self._before[max(epochs - self._first_epoch, 0) :]
            return
        place = epochs - 1 - self._first_epoch
        if place < 0:
            return
        self._begun = None
        self._put(self._before[place])
        del self._orders[place + 1 :], self._before[place + 1 :]
        self._begun = iter(self._numbers)
        for _ in range(pulled - (epochs - 1) * size):
            next(self._begun)

    def _finish(self) -> None:
        """Run to its end the epoch that was put back."""
        if self._begun is not None:
            for _ in self._begun:
                pass
            self._begun = None

    def _put(self, states: list[Tensor]) -> None:
        for generator, state in zip(self._generators, states, strict=True):
            generator.set_state(state)


def _checked(numbers: list[int], rows: int) -> Numbers:
    """The row numbers; -1 is the last row, as in a list.  E315 if there is no such row."""
    found = np.array(numbers, dtype=np.int64)
    wrong = found[(found < -rows) | (found >= rows)]
    if len(wrong):
        raise misuse.refusal(
            f"the DataLoader's sampler draws row {wrong[0]}, but there are {rows} rows, numbered 0 "
            f"to {rows - 1}",
            "Give the sampler only numbers of existing rows",
        )
    return (found % rows).astype(np.int32)


class _Numbers(Dataset[int]):
    """Row numbers in place of rows."""

    def __init__(self, rows: int) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, number: int) -> int:
        return int(number)


def _as_they_are(batch: list[int]) -> list[int]:
    return batch


def _tensors(dataset: object) -> tuple[Tensor, ...] | None:
    if type(dataset) is TensorDataset:
        return tuple(dataset.tensors)
    if type(dataset) is Subset:
        found = _tensors(dataset.dataset)
        if found is not None:
            chosen = torch.as_tensor(dataset.indices, dtype=torch.long)
            return tuple(tensor[chosen.to(tensor.device)] for tensor in found)
    return None


def _sampler_of(loader: DataLoader[Any]) -> Any:
    """The sampler that draws the rows: of the batch sampler, which a user may have given."""
    return getattr(loader.batch_sampler, "sampler", loader.sampler)


def _strangeness(loader: DataLoader[Any]) -> str:
    """Why this loader's batches are more than rows in an order; "" if they are just that."""
    if type(loader) is not DataLoader:
        return f"the DataLoader is a {type(loader).__name__}"
    if loader.collate_fn is not default_collate:
        return "the DataLoader has a collate_fn of its own"
    if loader.num_workers:
        return "the DataLoader has workers"
    if type(loader.batch_sampler) is not BatchSampler or type(_sampler_of(loader)) not in _SAMPLERS:
        return "the DataLoader has a sampler of its own"
    if loader.pin_memory:
        return "the DataLoader pins memory"
    try:
        check_collecting()
    except NotUnderstood as replaced:
        return str(replaced)
    return ""
