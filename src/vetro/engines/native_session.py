"""A compiled trainer made from a user's module, optimizer and rows, and the copies back into them.

Parameters and the optimizer's state are copied in and out; rows are read where they lie.  Changes
that the user's own code makes meanwhile (native_sight.py) are taken over, or refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from vetro.engines.explain import NativeTask
from vetro.engines.native_core import core
from vetro.engines.native_program import program_of
from vetro.engines.native_records import core_loss, core_optimizer, state_arrays, state_of
from vetro.engines.native_sight import Owners, Sight, look
from vetro.errors import error
from vetro.networks.losses.table import loss_of
from vetro.networks.refusal import NotUnderstood
from vetro.networks.torch_losses import check_target
from vetro.networks.torch_updates import Range, read_state, write_state

if TYPE_CHECKING:
    from vetro.engines.native_core import _native

Arrays = tuple[NDArray[Any], ...]
Tensors = tuple[Tensor, ...]
"""x, y and, where rows have weights, those."""


def native_rows(task: NativeTask, x: Tensor, y: Tensor, weights: Tensor | None = None) -> Arrays:
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
    if weights is None:
        return _array(x), _array(y)
    return _array(x), _array(y), _array(weights.to(x.dtype))


class NativeSession:
    """The trainer, its way in and its way out.

    understand: reads the user's objects as they are now; NotUnderstood if the native engine can
    no longer run them.
    rows, validation: x, y and perhaps weights.
    """

    def __init__(
        self,
        understand: Callable[[], NativeTask],
        task: NativeTask,
        owners: Owners,
        rows: Tensors,
        validation: Tensors | None,
        settings: _native.Settings,
    ) -> None:
        self._understand = understand
        self._owners = owners
        self._rows, self._validation = rows, validation
        self._settings = settings
        self._begin(task)

    def _begin(self, task: NativeTask) -> None:
        """Make the trainer from the objects in their present state."""
        self._task = task
        lowering, settings, optimizer = task.lowering, self._settings, self._owners.optimizer
        frozen = {
            number
            for number, parameter in enumerate(lowering.parameters)
            if not parameter.requires_grad
        }
        held_out = self._validation
        self.program = program_of(lowering.network, frozen)
        self.parameters = lowering.flat()
        self.trainer: _native.Trainer = core().Trainer(
            self.program,
            self.parameters,
            core().Rows(*native_rows(task, *self._rows)),
            core_loss(task.loss, lowering.network.dtype, row_mean=True),
            core_optimizer(task.optimizer.plain),
            settings,
            None if held_out is None else core().Rows(*native_rows(task, *held_out)),
        )
        if optimizer.state:
            state = read_state(optimizer, task.optimizer, lowering)
            self.trainer.set_state(state_of(state))
        self._written = 0

    def write_back(self, gradients: bool = True) -> None:
        """Write into the user's objects what the plain loop would have left by now.

        Without gradients: as after zero_grad().
        """
        steps = self.trainer.steps
        if steps == self._written and gradients and steps:
            return  # they are as they were left, and as the user's own code changed them since
        for group in self._owners.optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = None
        if steps == self._written:
            return
        self._written = steps
        # first what may fail: all is written, or nothing
        state = state_arrays(self.trainer.state())
        write_state(self._owners.optimizer, self._task.optimizer, state)
        self._write(self.trainer.parameters())
        if gradients:
            flat = torch.from_numpy(self.trainer.gradients())
            for part in self._task.optimizer.ranges:
                part.parameter.grad = part.view(flat).clone()

    def write_best(self) -> None:
        """Put the parameters of the best epoch into the module, if there was one."""
        if not self.trainer.best_epoch:
            return
        flat = torch.from_numpy(self.trainer.best())
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
            self.parameters = self._task.lowering.flat()
            self.trainer.set_state(core().State(parameters=self.parameters))
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
        """Another trainer, of the objects as they are now, that goes on where this one is."""
        old, known = self.trainer.state(), self._task.lowering.network.slots
        task = self._understand()
        if task.lowering.network.slots != known:
            raise NotUnderstood("the module's parameters are not those from before")
        self._begin(task)
        self.trainer.set_state(core().State(best=old.best, counters=old.counters))
        self._written = self.trainer.steps

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
