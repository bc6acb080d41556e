"""A compiled trainer made from a user's module, optimizer and rows, and the way back into them.

Parameters and the optimizer's state are copied in and out, rows are read where they lie.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vetro.engines.explain import NativeTask
from vetro.engines.native_core import core
from vetro.engines.native_loss import check_target
from vetro.engines.native_optimizer import read_state, write_state
from vetro.engines.native_program import program_of
from vetro.networks.refusal import NotUnderstood

Pair = tuple[NDArray[Any], NDArray[Any]]


@dataclass(frozen=True)
class Settings:
    """batch_size: rows a step.  epoch_rows: rows an epoch.  total: steps.  patience: epochs,
    0 for none.  clip_norm, clip_value: 0 for none.  threads: 0 for all cores.  seed: of
    dropout's masks."""

    batch_size: int
    epoch_rows: int
    total: int
    patience: int
    clip_norm: float
    clip_value: float
    threads: int
    seed: int


def native_rows(task: NativeTask, x: Tensor, y: Tensor) -> Pair:
    """Both as the trainer reads them; NotUnderstood with the reason."""
    network = task.lowering.network
    if x.device.type != "cpu":
        raise NotUnderstood(f"x is on {x.device}")
    if type(x) is not Tensor or type(y) is not Tensor or x.is_inference() or y.is_inference():
        raise NotUnderstood("x or y is not an ordinary tensor")
    if x.dim() != 2 or x.shape[1] != network.inputs:
        raise NotUnderstood(
            f"x has shape {tuple(x.shape)}, the module takes (rows, {network.inputs})"
        )
    if x.dtype != task.lowering.dtype:
        raise NotUnderstood(f"x is {x.dtype}, the module {task.lowering.dtype}")
    if x.requires_grad:
        raise NotUnderstood("x requires a gradient")
    check_target(task.loss, task.lowering, y)
    if task.loss.kind == "cross_entropy":
        inside = ((y >= 0) & (y < network.outputs)) | (y == task.loss.ignored)
        if not bool(inside.all()):
            raise NotUnderstood("y holds a class that the module has no output for")
    elif not _finite(y):
        raise NotUnderstood("y holds values that are not finite")
    if not _finite(x):
        raise NotUnderstood("x holds values that are not finite")
    return _array(x), _array(y)


class NativeSession:
    """The trainer, its way in and its way out."""

    def __init__(
        self,
        task: NativeTask,
        optimizer: torch.optim.Optimizer,
        rows: Pair,
        validation: Pair | None,
        settings: Settings,
    ) -> None:
        self._task = task
        self._optimizer = optimizer
        lowering = task.lowering
        dtype = np.dtype(lowering.network.dtype)
        frozen = {
            number
            for number, parameter in enumerate(lowering.parameters)
            if not parameter.requires_grad
        }
        self.program = program_of(lowering.network, frozen)
        self.parameters = lowering.flat()
        loss = {
            name: value.astype(dtype) if isinstance(value, np.ndarray) else value
            for name, value in task.loss.as_dict().items()
        }
        self.trainer = core().Trainer(
            self.program,
            self.parameters,
            *rows,
            None,
            loss=loss,
            optimizer=task.optimizer.as_dict(),
            groups=task.optimizer.range_list(),
            batch_size=settings.batch_size,
            total_steps=settings.total,
            validation=validation,
            patience=settings.patience,
            keep_best=settings.patience > 0,
            clip_norm=settings.clip_norm,
            clip_value=settings.clip_value,
            threads=settings.threads,
            seed=settings.seed,
            epoch_rows=settings.epoch_rows,
            finite=False,
        )
        if optimizer.state:
            self.trainer.set_state(read_state(optimizer, task.optimizer, lowering))

    def write_back(self, gradients: bool = True) -> None:
        """Leave in the user's objects what the plain loop would have left by now.

        Without gradients: as after zero_grad().
        """
        for group in self._optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = None
        if self.trainer.steps == 0:
            return
        self._write(self.trainer.parameters())
        if gradients:
            flat = torch.from_numpy(self.trainer.gradients())
            for part in self._task.optimizer.ranges:
                part.parameter.grad = part.view(flat).clone()
        write_state(self._optimizer, self._task.optimizer, self.trainer.state())

    def write_best(self) -> None:
        """Put the parameters of the best epoch into the module, if there was one."""
        if self.trainer.best_epoch:
            self._write(self.trainer.best())

    def watched(self, function: Callable[[], object]) -> object:
        """The answer of a user's function; parameters that it changed go into the trainer."""
        versions = self._versions()
        answer = function()
        if self._versions() != versions:
            self.parameters = self._task.lowering.flat()
            self.trainer.set_state({"parameters": self.parameters})
        return answer

    def _versions(self) -> list[int]:
        return [parameter._version for parameter in self._task.lowering.parameters]

    def _write(self, values: NDArray[Any]) -> None:
        flat = torch.from_numpy(values)
        with torch.no_grad():
            for part in self._task.optimizer.ranges:
                part.parameter.copy_(part.view(flat))


def _finite(values: Tensor) -> bool:
    # one pass: the sum of finite numbers may overflow, so only a bad sum is looked into
    return bool(torch.isfinite(values.sum())) or bool(torch.isfinite(values).all())


def _array(values: Tensor) -> NDArray[Any]:
    return values.detach().contiguous().numpy()
