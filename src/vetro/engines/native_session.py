"""The job of a user's module, loss, optimizer and rows, and the copies back into them.

Parameters and the optimizer's state are copied in and out; rows are read where they lie.  Changes
that the user's own code makes meanwhile (native_sight.py) are taken over, or refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from vetro.engines.explain import NativeTask
from vetro.engines.job import Course, Job, Rows, TrainingState
from vetro.engines.native_core import core
from vetro.engines.native_records import state_arrays
from vetro.engines.native_run import NativeRun
from vetro.engines.native_sight import Owners, Sight, look
from vetro.errors import error
from vetro.networks.losses.table import loss_of
from vetro.networks.refusal import NotUnderstood
from vetro.networks.torch_losses import check_target
from vetro.networks.torch_updates import Range, read_state, write_state

Tensors = tuple[Tensor, ...]
"""x, y and, where rows have weights, those."""


def native_rows(task: NativeTask, x: Tensor, y: Tensor, weights: Tensor | None = None) -> Rows:
    """All as the trainer reads them; NotUnderstood with the reason."""
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
    if loss_of(task.loss).target == "class":
        inside = ((y >= 0) & (y < network.outputs)) | (y == task.loss.ignored)
        if not bool(inside.all()):
            raise NotUnderstood("y holds a class without an output of the module")
    elif not _finite(y):
        raise NotUnderstood("y holds values that are not finite")
    if not _finite(x):
        raise NotUnderstood("x holds values that are not finite")
    return Rows(_array(x), _array(y), None if weights is None else _array(weights.to(x.dtype)))


class NativeSession:
    """The job of the user's objects, its way in and its way out.

    understand: reads the user's objects as they are now; NotUnderstood if the native engine can
    no longer run them.
    rows, validation: x, y and perhaps weights.
    """

    def __init__(
        self,
        understand: Callable[[], NativeTask],
        owners: Owners,
        rows: Tensors,
        validation: Tensors | None,
    ) -> None:
        self._understand = understand
        self._owners = owners
        self._rows, self._validation = rows, validation
        self._written = 0
        self.run: NativeRun

    def job(self, task: NativeTask, course: Course) -> Job:
        """The job of the objects in their present state, which `task` is."""
        self._task = task
        lowering, optimizer, held_out = task.lowering, self._owners.optimizer, self._validation
        resume = None
        if optimizer.state:
            resume = TrainingState(read_state(optimizer, task.optimizer, lowering))
        return Job(
            network=lowering.network,
            parameters=lowering.flat(),
            loss=task.loss,
            update=task.optimizer.plain,
            training=native_rows(task, *self._rows),
            validation=None if held_out is None else native_rows(task, *held_out),
            course=course,
            resume=resume,
            row_mean=True,
        )

    def write_back(self, gradients: bool = True) -> None:
        """Write into the user's objects what the plain loop would have left by now.

        Without gradients: as after zero_grad().
        """
        trainer = self.run.trainer
        steps = trainer.steps
        if steps == self._written and gradients and steps:
            return  # they are as they were left, and as the user's own code changed them since
        for group in self._owners.optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = None
        if steps == self._written:
            return
        self._written = steps
        # first what may fail: all is written, or nothing
        state = state_arrays(trainer.state())
        write_state(self._owners.optimizer, self._task.optimizer, state)
        self._write(trainer.parameters())
        if gradients:
            flat = torch.from_numpy(trainer.gradients())
            for part in self._task.optimizer.ranges:
                part.parameter.grad = part.view(flat).clone()

    def write_best(self) -> None:
        """Put the parameters of the best epoch into the module, if there was one."""
        trainer = self.run.trainer
        if not trainer.best_epoch:
            return
        flat = torch.from_numpy(trainer.best())
        lowering = self._task.lowering
        with torch.no_grad():
            for slot, parameter in zip(lowering.network.slots, lowering.parameters, strict=True):
                part = Range(slot.offset, slot.offset + slot.size, 0, parameter)
                if parameter.requires_grad or not torch.equal(parameter, part.view(flat)):
                    parameter.copy_(part.view(flat))  # it may have learned before it was frozen

    def watched(self, function: Callable[[], object]) -> object:
        """Call a user's function and return its result.  The function sees the objects as in the
        plain loop, and its changes go into the trainer.  E604 if these cannot run natively."""
        self.write_back()
        before = self._look()
        answer = function()
        after = self._look()
        if after == before:
            return answer
        if after.settings == before.settings and after.state == before.state:
            flat = self._task.lowering.flat()
            self.run.trainer.set_state(core().State(parameters=flat))
            return answer
        try:
            self._begin_again()
        except NotUnderstood as why:
            raise error(
                "E604",
                what="the module, the loss or the optimizer was changed during training, and "
                f"cannot go on with the native engine: {why}",
                fix='Use engine="torch".',
            ) from None
        return answer

    def _begin_again(self) -> None:
        """Go on with the job of the objects as they are now, where the run is."""
        old, known = self.run.trainer.state(), self._task.lowering.network.slots
        task = self._understand()
        if task.lowering.network.slots != known:
            raise NotUnderstood("the module's parameters are not those from before")
        self.run.begin(self.job(task, self.run.job.course))
        self.run.trainer.set_state(core().State(best=old.best, counters=old.counters))
        self._written = self.run.steps

    def _look(self) -> Sight:
        return look(self._task, self._owners, (*self._rows, *(self._validation or ())))

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
