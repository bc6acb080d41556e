"""What the PyTorch door is asked for, checked before anything changes.

Not the mistakes around module, loss and optimizer themselves (misuse.py, misfit.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vetro.errors import Notice, Setting, Words, error
from vetro.training import misuse
from vetro.training.stepping import Schedule, Stepping

Rows = Tensor | NDArray[Any]
Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Training:
    """One training of the PyTorch door: the arguments of vetro.train, for train_many."""

    module: nn.Module
    x: Rows
    y: Rows
    loss: Loss = field(kw_only=True)
    optimizer: torch.optim.Optimizer = field(kw_only=True)
    steps: int | None = field(default=None, kw_only=True)
    epochs: int | None = field(default=None, kw_only=True)
    batch_size: int | None = field(default=None, kw_only=True)
    shuffle: bool = field(default=False, kw_only=True)
    generator: torch.Generator | None = field(default=None, kw_only=True)
    batches: Rows | None = field(default=None, kw_only=True)
    schedule: Schedule | None = field(default=None, kw_only=True)
    validation: tuple[Rows, Rows] | None = field(default=None, kw_only=True)
    patience: int | None = field(default=None, kw_only=True)
    clip_norm: float | None = field(default=None, kw_only=True)
    clip_value: float | None = field(default=None, kw_only=True)


@dataclass(frozen=True, eq=False)
class Request:
    """A training whose arguments are sound.

    x, y, held_out: as tensors.  given: (steps, batch) row numbers, int32 or int64, or None.
    batch_size: rows a step, at most all.  steps_an_epoch, total: steps.  notices: to be told.
    """

    training: Training
    x: Tensor
    y: Tensor
    held_out: tuple[Tensor, Tensor] | None
    given: NDArray[Any] | None
    batch_size: int
    steps_an_epoch: int
    total: int
    notices: list[Notice]

    @property
    def rows(self) -> int:
        return int(self.x.shape[0])

    def stepping(self) -> Stepping:
        """The schedule and its rhythm; E601 or E604 if it does not fit.

        A function's first rate is set at once, so `finish` must follow.
        """
        return Stepping(
            self.training.schedule,
            self.training.optimizer,
            by_epochs=self.training.epochs is not None,
            steps=self.total,
            validated=self.held_out is not None,
        )


def request(training: Training) -> Request:
    """The training, checked; TrainingError or UsageError with what is wrong."""
    module, loss, optimizer = training.module, training.loss, training.optimizer
    misuse.check_kinds(module, loss, optimizer)
    _check(training)
    notices = misuse.check_parameters(module, optimizer)
    parameter = next(module.parameters())
    x, y = _pair("x", training.x, "y", training.y, parameter)
    held_out = None
    if training.validation is not None:
        names = ("validation x", "validation y")
        held_out = _pair(
            names[0], training.validation[0], names[1], training.validation[1], parameter
        )
    misuse.check_values(module, loss, x, y)
    notices += misuse.check_gradients(module, optimizer) + misuse.check_mode(module)
    rows = int(x.shape[0])
    given = None if training.batches is None else _batches(training.batches, rows)
    if given is not None:
        steps_an_epoch, batch_size = given.shape
    else:
        batch_size = min(training.batch_size or rows, rows)
        steps_an_epoch = math.ceil(rows / batch_size)
    total = steps_an_epoch * (training.epochs or 1)
    if training.steps is not None:
        total = training.steps
    return Request(training, x, y, held_out, given, batch_size, steps_an_epoch, total, notices)


def invalid(argument: str, value: object, reason: str, fix: str | Words) -> Exception:
    """E601, to be raised."""
    return error("E601", argument=Setting(argument), value=value, reason=reason, fix=f"{fix}.")


def check_count(name: str, value: object) -> None:
    """E601 unless it is None or a whole number of at least 1."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid(name, value, "it must be a whole number", f"Use {name}=10")
    if value < 1:
        raise invalid(name, value, "it must be at least 1", f"Use {name}=10")


def _check(training: Training) -> None:
    steps, epochs, generator = training.steps, training.epochs, training.generator
    if steps is not None and epochs is not None:
        raise _contradiction("both steps and epochs are given", "Use steps=1000, or epochs=10")
    if steps is None and epochs is None and training.batches is None:
        raise _contradiction("neither steps nor epochs is given", "Use steps=1000, or epochs=10")
    for name in ("steps", "epochs", "batch_size", "patience"):
        check_count(name, getattr(training, name))
    for name in ("clip_norm", "clip_value"):
        _check_size(name, getattr(training, name))
    if not isinstance(training.shuffle, bool):
        raise invalid("shuffle", training.shuffle, "it must be True or False", "Use shuffle=True")
    if generator is not None and not isinstance(generator, torch.Generator):
        fix = "Use torch.Generator().manual_seed(0)"
        raise invalid("generator", generator, "it is not a torch.Generator", fix)
    if training.batches is not None and (training.shuffle or training.batch_size is not None):
        other = "shuffle" if training.shuffle else "batch_size"
        raise _contradiction(f"both batches and {other} are given", "Use one of the two")
    if generator is not None and not training.shuffle:
        raise _contradiction("generator is given without shuffle", "Use shuffle=True as well")
    validation = training.validation
    if validation is not None and (not isinstance(validation, tuple) or len(validation) != 2):
        kind = type(validation).__name__
        raise invalid("validation", kind, "it must be a pair", "Use validation=(x, y)")
    if training.patience is not None and validation is None:
        raise _contradiction("patience is given without validation", "Use validation=(x, y)")


def _check_size(name: str, value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid(name, value, "it must be a number", f"Use {name}=1.0")
    if not (math.isfinite(value) and value > 0):
        raise invalid(name, value, "it must be above 0", f"Use {name}=1.0")


def _batches(batches: object, rows: int) -> NDArray[Any]:
    """(steps, batch) row numbers, int32 or int64; no copy of what is one of these already."""
    kind = type(batches).__name__
    fix = "Give whole row numbers of shape (steps, batch), such as torch.randint(rows, (100, 32))"
    if isinstance(batches, Tensor):
        batches = batches.detach().cpu().numpy()
    if not isinstance(batches, np.ndarray) or batches.dtype.kind not in "iu":
        kind = f"{batches.dtype}" if isinstance(batches, np.ndarray) else kind
        raise invalid("batches", kind, "these are no row numbers", fix)
    if batches.ndim != 2 or batches.size == 0:
        raise invalid("batches", batches.shape, "this shape is not (steps, batch)", fix)
    kept = batches.dtype in (np.int32, np.int64)
    numbers = np.ascontiguousarray(batches, dtype=batches.dtype if kept else np.int64)
    lowest, highest = int(numbers.min()), int(numbers.max())
    if lowest < 0 or highest >= rows:
        wrong = lowest if lowest < 0 else highest
        reason = f"there are {rows} rows, with the numbers 0 to {rows - 1}"
        raise invalid("batches", wrong, reason, "Give numbers of rows that are there")
    return numbers


def _pair(name_x: str, x: Rows, name_y: str, y: Rows, parameter: Tensor) -> tuple[Tensor, Tensor]:
    """Both as tensors, with as many rows."""
    tensors = _tensor(name_x, x, parameter), _tensor(name_y, y, parameter)
    misuse.check_rows(*tensors, name_x, name_y)
    return tensors


def _tensor(name: str, values: object, parameter: Tensor) -> Tensor:
    if isinstance(values, Tensor):
        if values.is_nested:
            raise misuse.refusal(f"{name} is a nested tensor", "Give rows of one length")
        return values
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "biuf":
        kind = type(values).__name__
        if isinstance(values, np.ndarray):
            kind = f"array of {values.dtype}"
        raise misuse.refusal(
            f"{name} is of the kind {kind}",
            "Give a tensor or an array of numbers, such as torch.tensor(rows, dtype=torch.float32)",
        )
    known = np.float64 if values.dtype.itemsize > 8 else values.dtype  # torch has no longdouble
    native = np.ascontiguousarray(values, dtype=np.dtype(known).newbyteorder("="))
    dtype = parameter.dtype if native.dtype.kind == "f" else None
    return torch.tensor(native, dtype=dtype, device=parameter.device)


def _contradiction(what: str, fix: str | Words) -> Exception:
    return error("E604", what=what, fix=f"{fix}.")
