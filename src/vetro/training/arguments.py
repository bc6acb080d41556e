"""The arguments of the PyTorch door, checked before anything changes.

Mistakes in module, loss and optimizer themselves: misuse.py, misfit.py.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader, Dataset

from vetro.engines.drawn_order import Drawn
from vetro.engines.orders import Consecutive, Given, Order
from vetro.errors import Notice
from vetro.training import misuse
from vetro.training.advice import check_hidden_parameters, check_rate
from vetro.training.checks import (
    check_function,
    contradiction,
    count_of,
    invalid,
    size_of,
    switch_of,
)
from vetro.training.given import (
    Rows,
    as_tensor,
    check_aligned,
    role_of_input,
    role_of_target,
)
from vetro.training.loaders import Loaded, LoaderOrder, loaded, pair_of
from vetro.training.stepping import Schedule, Stepping
from vetro.training.weighted import check_row_weights_of_loss, check_weights, weighted

Loss = Callable[[Tensor, Tensor], Tensor]
Source = Rows | Dataset[Any] | DataLoader[Any]
Validation = tuple[Rows, Rows] | tuple[Rows, Rows, Rows] | Dataset[Any]


@dataclass(frozen=True, eq=False)
class Training:
    """One training of the PyTorch door: the arguments of vetro.train, for train_many."""

    module: nn.Module
    x: Source
    y: Rows | None = None
    loss: Loss = field(kw_only=True)
    optimizer: torch.optim.Optimizer = field(kw_only=True)
    steps: int | None = field(default=None, kw_only=True)
    epochs: int | None = field(default=None, kw_only=True)
    batch_size: int | None = field(default=None, kw_only=True)
    drop_last: bool = field(default=False, kw_only=True)
    shuffle: bool = field(default=False, kw_only=True)
    generator: torch.Generator | None = field(default=None, kw_only=True)
    batches: Rows | None = field(default=None, kw_only=True)
    sample_weight: Rows | None = field(default=None, kw_only=True)
    schedule: Schedule | None = field(default=None, kw_only=True)
    validation: Validation | None = field(default=None, kw_only=True)
    patience: int | None = field(default=None, kw_only=True)
    clip_norm: float | None = field(default=None, kw_only=True)
    clip_value: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Counts, sizes and switches become Python's own; E601 for one that is not valid."""
        for kind, names in _SIMPLE.items():
            for name in names:
                object.__setattr__(self, name, kind(name, getattr(self, name)))


_SIMPLE: dict[Callable[[str, Any], Any], tuple[str, ...]] = {
    count_of: ("steps", "epochs", "batch_size", "patience"),
    size_of: ("clip_norm", "clip_value"),
    switch_of: ("shuffle", "drop_last"),
}


@dataclass(frozen=True, eq=False)
class Request:
    """A training whose arguments passed the checks.

    x, y: as tensors; without rows if only the DataLoader knows them.  weights: (rows,) or
    None.  held_out: x, y and perhaps weights.  given: (steps, batch) row numbers, int32 or int64,
    or None.  notices: warnings to issue.
    """

    training: Training
    x: Tensor
    y: Tensor
    weights: Tensor | None
    held_out: tuple[Tensor, ...] | None
    given: NDArray[Any] | None
    loader: Loaded | None
    notices: list[Notice]

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """x, y and, where rows have weights, those."""
        return (self.x, self.y) if self.weights is None else (self.x, self.y, self.weights)

    @property
    def by_epochs(self) -> bool:
        return self.training.steps is None

    @cached_property
    def order(self) -> Order:
        """The order of the rows; NotUnderstood if only the DataLoader knows it."""
        training, rows = self.training, len(self.x)
        if self.loader is not None:
            return LoaderOrder(self.loader, self.total, by_epochs=self.by_epochs)
        if self.given is not None:
            numbers = self.given.reshape(-1).astype(np.int32, copy=False)
            return Given(numbers, self.given.shape[1])
        size = min(training.batch_size or rows, rows)
        epoch_rows = rows - rows % size if training.drop_last else rows
        if training.shuffle:
            return Drawn(rows, epoch_rows, size, training.generator)
        return Consecutive(epoch_rows, size)

    @property
    def steps_an_epoch(self) -> int:
        return self.order.steps_an_epoch if self.loader is None else len(self.loader.loader)

    @property
    def total(self) -> int:
        """The steps of the whole training."""
        return self.training.steps or self.steps_an_epoch * (self.training.epochs or 1)

    def loss_of(self, output: Tensor, target: Tensor, *weights: Tensor) -> Tensor:
        """The loss; of weighted rows if there are weights."""
        if weights:
            return weighted(self.training.loss)(output, target, *weights)
        return self.training.loss(output, target)

    def stepping(self) -> Stepping:
        """The schedule and when it is stepped; E601 or E604 if it does not fit.

        The first learning rate of a function is set at once, so call `finish` at the end.
        """
        return Stepping(
            self.training.schedule,
            self.training.optimizer,
            by_epochs=self.training.epochs is not None,
            steps=self.total,
            validated=self.held_out is not None,
        )


def request(training: Training) -> Request:
    """The checked training; TrainingError or UsageError says what is wrong."""
    module, loss, optimizer = training.module, training.loss, training.optimizer
    misuse.check_kinds(module, loss, optimizer)
    _check_together(training)
    notices = misuse.check_parameters(module, optimizer)
    notices += check_hidden_parameters(module, loss, optimizer)
    notices += check_rate(optimizer, training.schedule)
    parameter = next(module.parameters())
    loader = loaded(training.x) if isinstance(training.x, DataLoader) else None
    x, y = _rows(training, loader, parameter)
    known = loader is None or loader.x is not None
    if known:
        misuse.check_values(module, loss, x, y)
    rows = int(x.shape[0])
    weights = _weights("sample_weight", training.sample_weight, rows, parameter)
    held_out = _held_out(training, parameter)
    if weights is not None or (held_out is not None and len(held_out) > 2):
        weighted(loss)
    notices += misuse.check_gradients(module, optimizer) + misuse.check_mode(module)
    given = None if training.batches is None else _batches(training.batches, rows)
    whole = loader is None and given is None and (training.batch_size or rows) >= rows
    in_order = whole and not training.shuffle
    check_row_weights_of_loss(loss, y, in_order=in_order, validated=held_out is not None)
    return Request(training, x, y, weights, held_out, given, loader, notices)


def _check_together(training: Training) -> None:
    """E601 or E604 for functions that cannot be called, and for arguments that contradict each
    other."""
    steps, epochs, generator = training.steps, training.epochs, training.generator
    if steps is not None and epochs is not None:
        raise contradiction("both steps and epochs are given", "Use steps=1000, or epochs=10")
    if steps is None and epochs is None and training.batches is None:
        raise contradiction("neither steps nor epochs is given", "Use steps=1000, or epochs=10")
    check_function("loss", training.loss, "output", "target")
    if callable(training.schedule) and not isinstance(training.schedule, LRScheduler | type):
        check_function("schedule", training.schedule, "k")
    if generator is not None and not isinstance(generator, torch.Generator):
        fix = "Use torch.Generator().manual_seed(0)"
        raise invalid("generator", generator, "it is not a torch.Generator", fix)
    _check_order(training)
    if training.patience is not None and training.validation is None:
        raise contradiction("patience is given without validation", "Use validation=(x, y)")


def _given(value: object) -> bool:
    return value is not None and value is not False


def _check_order(training: Training) -> None:
    """E604 if two arguments say which rows a step takes."""
    if isinstance(training.x, DataLoader):
        for name in ("batch_size", "shuffle", "generator", "batches", "drop_last", "sample_weight"):
            if _given(getattr(training, name)):
                raise contradiction(
                    f"{name} is given, but the DataLoader says which rows a step takes",
                    f"Give {name} to the DataLoader"
                    if name not in ("batches", "sample_weight")
                    else f"Use x, y and {name} without a DataLoader",
                )
        return
    if training.batches is not None:
        for name in ("shuffle", "batch_size", "drop_last"):
            if _given(getattr(training, name)):
                raise contradiction(f"both batches and {name} are given", "Use one of the two")
    if training.generator is not None and not training.shuffle:
        raise contradiction("generator is given without shuffle", "Use shuffle=True as well")
    if training.drop_last and training.batch_size is None:
        raise contradiction("drop_last is given without batch_size", "Use batch_size=32 as well")


def _rows(training: Training, loader: Loaded | None, parameter: Tensor) -> tuple[Tensor, Tensor]:
    """x and y as tensors of equal length; without rows if only the DataLoader knows them."""
    x, y = training.x, training.y
    if isinstance(x, Dataset | DataLoader):
        if y is not None:
            raise contradiction(
                f"x is a {type(x).__name__}, which holds the targets, and y is given, too",
                "Leave out y",
            )
        if loader is not None and loader.x is None:
            return torch.empty(0, 0), torch.empty(0, 0)
        if loader is not None and loader.x is not None:
            return _pair(training, "x", loader.x, "y", loader.y, parameter)
        assert isinstance(x, Dataset)
        pair = pair_of(x)
        return _pair(training, "x", pair[0], "y", pair[1], parameter)
    if y is None:
        raise misuse.refusal(
            "y is not given", "Give the targets as y, or x as a TensorDataset or DataLoader of both"
        )
    found = _pair(training, "x", x, "y", y, parameter)
    rows = len(found[0])
    if training.drop_last and training.batch_size is not None and training.batch_size > rows:
        raise invalid(
            "batch_size",
            training.batch_size,
            f"with drop_last, {rows} rows give no batch",
            f"Use batch_size={rows}, or drop_last=False",
        )
    return found


def _pair(
    training: Training, name_x: str, x: Any, name_y: str, y: Any, parameter: Tensor
) -> tuple[Tensor, Tensor]:
    """Both as tensors, with the same number of rows."""
    check_aligned(x, y)
    tensors = (
        as_tensor(name_x, x, parameter, role_of_input(training.module)),
        as_tensor(name_y, y, parameter, role_of_target(training.loss)),
    )
    misuse.check_rows(*tensors, name_x, name_y)
    return tensors


def _held_out(training: Training, parameter: Tensor) -> tuple[Tensor, ...] | None:
    """The validation rows as tensors, checked by themselves."""
    given = training.validation
    if given is None:
        return None
    if isinstance(given, Dataset):
        given = pair_of(given)
    if not isinstance(given, tuple | list) or len(given) not in (2, 3):
        kind = type(given).__name__
        raise invalid("validation", kind, "it must be a pair", "Use validation=(x, y)")
    x, y = _pair(training, "validation x", given[0], "validation y", given[1], parameter)
    misuse.check_values(training.module, training.loss, x, y, "validation x", "validation y")
    if len(given) == 2:
        return x, y
    weights = _weights("validation", given[2], len(x), parameter)
    return (x, y) if weights is None else (x, y, weights)


def _weights(name: str, values: Rows | None, rows: int, parameter: Tensor) -> Tensor | None:
    if values is None:
        return None
    weights = as_tensor(name, values, parameter, "number")
    dtype = parameter.dtype if parameter.is_floating_point() else torch.float32
    return check_weights(name, weights, rows, dtype).to(parameter.device)


def _batches(batches: object, rows: int) -> NDArray[Any]:
    """(steps, batch) row numbers, int32 or int64; not copied if they are one of these already."""
    kind = type(batches).__name__
    fix = "Give whole row numbers of shape (steps, batch), such as torch.randint(rows, (100, 32))"
    if isinstance(batches, Tensor):
        batches = batches.detach().cpu().numpy()
    if isinstance(batches, list | tuple):
        with suppress(ValueError):  # rows of different lengths
            batches = np.array(batches)
    if not isinstance(batches, np.ndarray) or batches.dtype.kind not in "iu":
        kind = f"{batches.dtype}" if isinstance(batches, np.ndarray) else kind
        raise invalid("batches", kind, "these are not row numbers", fix)
    if batches.ndim != 2 or batches.size == 0:
        raise invalid("batches", batches.shape, "this shape is not (steps, batch)", fix)
    kept = batches.dtype in (np.int32, np.int64)
    numbers = np.ascontiguousarray(batches, dtype=batches.dtype if kept else np.int64)
    lowest, highest = int(numbers.min()), int(numbers.max())
    if lowest < 0 or highest >= rows:
        wrong = lowest if lowest < 0 else highest
        reason = f"there are {rows} rows, numbered 0 to {rows - 1}"
        raise invalid("batches", wrong, reason, "Give only numbers of existing rows")
    return numbers
