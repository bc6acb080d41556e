"""A snapshot of the objects behind the native trainer, to see what a user's code changed.

It compares values, not torch's version counters: `parameter.data.clamp_()` does not move those.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vetro.engines.explain import NativeTask
from vetro.networks.torch_updates import read_state, settings_of

_SMALL = 4096
"""Elements up to which a tensor is compared by its values."""

_PLAIN = frozenset((bool, int, float, str, type(None)))
_HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")


@dataclass(frozen=True)
class Owners:
    """The user's own objects of one training."""

    module: nn.Module
    loss: Callable[..., Any]
    optimizer: torch.optim.Optimizer


@dataclass(frozen=True)
class Sight:
    """parameters: their bytes.  state: the bytes of the optimizer's.  settings: all else."""

    parameters: bytes
    state: tuple[bytes, ...]
    settings: tuple[Any, ...]


def look(task: NativeTask, owners: Owners, rows: Sequence[Tensor]) -> Sight:
    """The objects and rows of a training as they are now."""
    optimizer = owners.optimizer
    modules = [owners.module, *([owners.loss] if isinstance(owners.loss, nn.Module) else [])]
    parts = [part for module in modules for part in module.modules()]
    groups = [[id(parameter) for parameter in group["params"]] for group in optimizer.param_groups]
    learning = [(id(p), p.requires_grad, p.dtype) for p in owners.module.parameters()]
    state = read_state(optimizer, task.optimizer, task.lowering)
    return Sight(
        task.lowering.flat().tobytes(),
        tuple(values.tobytes() for values in state.values()),
        (
            settings_of(optimizer, task.optimizer.rules[0].kind),
            groups,
            learning,
            [_of_part(part) for part in parts],
            [id(optimizer.__dict__.get("step")), len(optimizer._optimizer_step_pre_hooks),
             len(optimizer._optimizer_step_post_hooks)],
            [tensor._version for tensor in rows],
        ),
    )  # fmt: skip


def _of_part(part: nn.Module) -> tuple[Any, ...]:
    own = part.__dict__
    plain = [item for item in own.items() if type(item[1]) in _PLAIN]
    hooks = [len(own[name]) for name in _HOOKS if own.get(name)]
    tensors = [_of_tensor(value) for value in own.values() if type(value) is Tensor]
    tensors += [_of_tensor(value) for value in own["_buffers"].values() if value is not None]
    return id(part), id(type(part)), "forward" in own, plain, hooks, tensors


def _of_tensor(values: Tensor) -> tuple[Any, ...]:
    if values.numel() > _SMALL or values.device.type != "cpu":
        return id(values), values._version
    return id(values), values.detach().reshape(-1).tolist().__repr__()
