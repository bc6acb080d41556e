"""An optimizer of torch as the native engine takes it, and its state in both directions.

The update itself is in the compiled core.  torch's state is read and written exactly as torch's
own step makes it, with the same keys made at the same step.  So each engine can continue from
the other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import optimizer as torch_optimizer

from vetro.engines.native_records import VECTORS
from vetro.networks.lower_module import Lowering
from vetro.networks.refusal import NotUnderstood

_KINDS: dict[type, str] = {
    torch.optim.SGD: "sgd",
    torch.optim.Adam: "adam",
    torch.optim.AdamW: "adamw",
    torch.optim.RMSprop: "rmsprop",
}
_BUFFERS = {
    "sgd": ("momentum_buffer", "", ""),
    "adam": ("exp_avg", "exp_avg_sq", "max_exp_avg_sq"),
    "adamw": ("exp_avg", "exp_avg_sq", "max_exp_avg_sq"),
    "rmsprop": ("momentum_buffer", "square_avg", "grad_avg"),
}
"""torch's names of the native vectors first_moment, second_moment and third."""


@dataclass(frozen=True)
class GroupSettings:
    """The settings of a parameter group, by torch's names; beta1 and beta2 are its betas."""

    momentum: float
    dampening: float
    nesterov: bool
    weight_decay: float
    maximize: bool
    beta1: float
    beta2: float
    eps: float
    amsgrad: bool
    alpha: float
    centered: bool


@dataclass(frozen=True)
class Range:
    """Parameters [begin, end) of the flat vector, one slot: its tensor and its group."""

    begin: int
    end: int
    group: int
    parameter: nn.Parameter

    def view(self, flat: Tensor) -> Tensor:
        """Its part of a flat vector, in the parameter's shape."""
        parameter = self.parameter
        return flat.as_strided(parameter.shape, parameter.stride(), self.begin)


@dataclass(frozen=True)
class NativeOptimizer:
    """kind, the settings of every group, and the ranges that learn.

    A slot that is frozen has no range: nothing of it changes.
    """

    kind: str
    groups: tuple[GroupSettings, ...]
    ranges: tuple[Range, ...]

    def range_list(self) -> list[tuple[int, int, int]]:
        """The ranges without their tensors: (begin, end, group)."""
        return [(part.begin, part.end, part.group) for part in self.ranges]


def describe_optimizer(
    optimizer: torch.optim.Optimizer, module: nn.Module, lowering: Lowering
) -> NativeOptimizer:
    """The optimizer over this network's parameters; NotUnderstood with the reason."""
    kind = _kind(optimizer)
    own = {id(parameter) for parameter in module.parameters()}
    group_of: dict[int, int] = {}
    for number, group in enumerate(optimizer.param_groups):
        if group.get("differentiable"):
            raise NotUnderstood("the optimizer is differentiable")
        for parameter in group["params"]:
            if id(parameter) not in own:
                shape = tuple(parameter.shape)
                raise NotUnderstood(
                    f"the optimizer holds a parameter of shape {shape} that is not the module's"
                )
            if id(parameter) in group_of:
                raise NotUnderstood("the optimizer holds a parameter twice")
            group_of[id(parameter)] = number
    ranges = []
    for slot, parameter in zip(lowering.network.slots, lowering.parameters, strict=True):
        if not parameter.requires_grad:
            continue
        held_in = group_of.get(id(parameter))
        if held_in is None:
            raise NotUnderstood(
                f"the optimizer does not hold {slot.name}, whose gradients add up in .grad"
            )
        ranges.append(Range(slot.offset, slot.offset + parameter.numel(), held_in, parameter))
    groups = tuple(_settings(group) for group in optimizer.param_groups)
    return NativeOptimizer(kind, groups, tuple(ranges))


def rates(optimizer: torch.optim.Optimizer) -> NDArray[np.float64]:
    """(groups, 2): the present learning rate and momentum (sgd, rmsprop) or beta1 (adam)."""
    rows = [
        (float(group["lr"]), float(group["betas"][0] if "betas" in group else group["momentum"]))
        for group in optimizer.param_groups
    ]
    return np.array(rows, dtype=np.float64)


def read_state(
    optimizer: torch.optim.Optimizer, described: NativeOptimizer, lowering: Lowering
) -> dict[str, NDArray[Any]]:
    """The optimizer's state as flat vectors (parameter_count,), zero where torch has none yet.

    "first_moment", "second_moment", "third"; "step": (ranges,), for sgd 1 where a momentum
    buffer exists.
    """
    dtype = np.dtype(lowering.network.dtype)
    count = lowering.network.parameter_count
    vectors = {name: np.zeros(count, dtype=dtype) for name in VECTORS}
    steps = np.zeros(len(described.ranges), dtype=np.float64)
    for number, part in enumerate(described.ranges):
        state = optimizer.state.get(part.parameter)
        if not state:
            continue
        for name, key in zip(VECTORS, _BUFFERS[described.kind], strict=True):
            buffer = state.get(key)
            if buffer is not None:
                vectors[name][part.begin : part.end] = buffer.detach().reshape(-1).numpy()
        if described.kind == "sgd":
            steps[number] = float(state.get("momentum_buffer") is not None)
        else:
            steps[number] = float(state["step"])
    return {**vectors, "step": steps}


def write_state(
    optimizer: torch.optim.Optimizer, described: NativeOptimizer, state: dict[str, NDArray[Any]]
) -> None:
    """Write into the optimizer the state that torch's own steps would have left.

    state: as read_state gives it, after at least one step.  Tensors that torch made before
    are kept and filled.
    """
    flat = {
        key: torch.from_numpy(state[name])
        for name, key in zip(VECTORS, _BUFFERS[described.kind], strict=True)
        if name in state
    }
    groups = [optimizer.param_groups[part.group] for part in described.ranges]
    missing = {key for group in groups for key in _wanted(described.kind, group)} - set(flat)
    if missing:
        raise RuntimeError(f"the trainer has no {min(missing)}; nothing was written")
    with torch.no_grad():
        for number, part in enumerate(described.ranges):
            group = optimizer.param_groups[part.group]
            wanted = _wanted(described.kind, group)
            if not wanted:
                continue
            own: dict[str, Any] = optimizer.state[part.parameter]
            if described.kind != "sgd":
                step = float(state["step"][number])
                if isinstance(own.get("step"), Tensor):
                    own["step"].fill_(step)
                else:
                    own["step"] = torch.tensor(step, dtype=_step_dtype(group))
            for key in wanted:
                values = part.view(flat[key])
                if own.get(key) is None:
                    own[key] = values.clone()
                else:
                    own[key].copy_(values)


def _wanted(kind: str, group: dict[str, Any]) -> tuple[str, ...]:
    """The buffers that torch keeps with these settings, in the order in which it makes them."""
    if kind == "sgd":
        return ("momentum_buffer",) if group["momentum"] != 0 else ()
    if kind == "rmsprop":
        momentum = ("momentum_buffer",) if group["momentum"] > 0 else ()
        return ("square_avg", *momentum, *(("grad_avg",) if group["centered"] else ()))
    return ("exp_avg", "exp_avg_sq", *(("max_exp_avg_sq",) if group["amsgrad"] else ()))


def _step_dtype(group: dict[str, Any]) -> torch.dtype:
    double = torch.get_default_dtype() == torch.float64 and not group.get("fused")
    return torch.float64 if double else torch.float32


def _kind(optimizer: torch.optim.Optimizer) -> str:
    name = type(optimizer).__name__
    kind = _KINDS.get(type(optimizer))
    if kind is None:
        raise NotUnderstood(f"the optimizer {name} is not one that the native engine has")
    step = vars(optimizer).get("step")
    if step is not None and not hasattr(step, "_wrapped_by_lr_sched"):
        raise NotUnderstood(f"the step of the optimizer {name} was replaced on the object")
    if "zero_grad" in vars(optimizer):
        raise NotUnderstood(f"the zero_grad of the optimizer {name} was replaced on the object")
    if (
        optimizer._optimizer_step_pre_hooks
        or optimizer._optimizer_step_post_hooks
        or torch_optimizer._global_optimizer_pre_hooks
        or torch_optimizer._global_optimizer_post_hooks
    ):
        raise NotUnderstood(f"the optimizer {name} has a step hook")
    if kind in ("adam", "adamw"):
        decoupled = {bool(group.get("decoupled_weight_decay")) for group in optimizer.param_groups}
        if decoupled == {True}:
            return "adamw"
        if len(decoupled) > 1:
            raise NotUnderstood("the optimizer's groups disagree on decoupled_weight_decay")
    return kind


def settings_of(optimizer: torch.optim.Optimizer) -> list[GroupSettings]:
    """The settings of each group from which a trainer is made.  beta1 and momentum move with the
    rates, so of a momentum it only counts whether there is one."""
    every = [_settings(group) for group in optimizer.param_groups]
    return [replace(one, beta1=0.0, momentum=float(one.momentum != 0)) for one in every]


def _settings(group: dict[str, Any]) -> GroupSettings:
    beta1, beta2 = group.get("betas", (0.0, 0.0))
    return GroupSettings(
        momentum=float(group.get("momentum", 0.0)),
        dampening=float(group.get("dampening", 0.0)),
        nesterov=bool(group.get("nesterov", False)),
        weight_decay=float(group["weight_decay"]),
        maximize=bool(group["maximize"]),
        beta1=float(beta1),
        beta2=float(beta2),
        eps=float(group.get("eps", 0.0)),
        amsgrad=bool(group.get("amsgrad", False)),
        alpha=float(group.get("alpha", 0.0)),
        centered=bool(group.get("centered", False)),
    )
