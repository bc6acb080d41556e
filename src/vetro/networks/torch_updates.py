"""torch's optimizers as rules and back, and their state in both directions.

torch's state is read and written exactly as torch's own step makes it, with the same keys made at
the same step.  So each engine can continue from the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import optimizer as hooks

from vetro.networks.lower_module import Lowering
from vetro.networks.pristine import made_by_torch
from vetro.networks.refusal import NotUnderstood
from vetro.networks.updates.rule import VECTORS, UpdateKind, UpdateRule, Updates
from vetro.networks.updates.table import UPDATES, update_of

_KINDS: dict[type, UpdateKind] = {
    getattr(torch.optim, update.torch_class): kind for kind, update in UPDATES.items()
}


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
class TorchUpdates:
    """The rule of every group, and the ranges that learn.

    A slot that is frozen has no range: nothing of it changes.
    """

    rules: tuple[UpdateRule, ...]
    ranges: tuple[Range, ...]

    @property
    def plain(self) -> Updates:
        """The same without tensors."""
        return Updates(self.rules, tuple((one.begin, one.end, one.group) for one in self.ranges))


def describe_optimizer(
    optimizer: torch.optim.Optimizer, module: nn.Module, lowering: Lowering
) -> TorchUpdates:
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
    rules = tuple(_rule(kind, group) for group in optimizer.param_groups)
    return TorchUpdates(rules, tuple(ranges))


def rates(optimizer: torch.optim.Optimizer) -> NDArray[np.float64]:
    """(groups, 2): the present learning rate and momentum (sgd, rmsprop) or beta1 (adam)."""
    rows = [
        (float(group["lr"]), float(group["betas"][0] if "betas" in group else group["momentum"]))
        for group in optimizer.param_groups
    ]
    return np.array(rows, dtype=np.float64)


def read_state(
    optimizer: torch.optim.Optimizer, described: TorchUpdates, lowering: Lowering
) -> dict[str, NDArray[Any]]:
    """The optimizer's state as flat vectors (parameter_count,), zero where torch has none yet.

    VECTORS; "step": (ranges,), where torch counts none 1 if the first buffer exists.
    """
    update = update_of(described.rules[0])
    dtype = np.dtype(lowering.network.dtype)
    count = lowering.network.parameter_count
    vectors = {name: np.zeros(count, dtype=dtype) for name in VECTORS}
    steps = np.zeros(len(described.ranges), dtype=np.float64)
    for number, part in enumerate(described.ranges):
        state = optimizer.state.get(part.parameter)
        if not state:
            continue
        for name, key in zip(VECTORS, update.buffers, strict=True):
            buffer = state.get(key)
            if buffer is not None:
                vectors[name][part.begin : part.end] = buffer.detach().reshape(-1).numpy()
        if update.counts:
            steps[number] = float(state["step"])
        else:
            steps[number] = float(state.get(update.buffers[0]) is not None)
    return {**vectors, "step": steps}


def write_state(
    optimizer: torch.optim.Optimizer, described: TorchUpdates, state: dict[str, NDArray[Any]]
) -> None:
    """Write into the optimizer the state that torch's own steps would have left.

    state: as read_state gives it, after at least one step.  Tensors that torch made before
    are kept and filled.
    """
    update = update_of(described.rules[0])
    flat = {
        key: torch.from_numpy(state[name])
        for name, key in zip(VECTORS, update.buffers, strict=True)
        if name in state
    }
    groups = optimizer.param_groups
    wanted = [update.wanted(_rule(update.kind, group)) for group in groups]
    missing = {key for part in described.ranges for key in wanted[part.group]} - set(flat)
    if missing:
        raise RuntimeError(f"the trainer has no {min(missing)}; nothing was written")
    held = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    place = {id(parameter): number for number, parameter in enumerate(held)}
    parts = sorted(enumerate(described.ranges), key=lambda part: place[id(part[1].parameter)])
    with torch.no_grad():
        for number, part in parts:  # in torch's order, so that a new state has its keys in order
            if not wanted[part.group]:
                continue
            own: dict[str, Any] = optimizer.state[part.parameter]
            if update.counts:
                step = float(state["step"][number])
                if isinstance(own.get("step"), Tensor):
                    own["step"].fill_(step)
                else:
                    dtype = _step_dtype(groups[part.group])
                    own["step"] = torch.tensor(step, dtype=dtype, device="cpu")
            for key in wanted[part.group]:
                values = part.view(flat[key])
                if own.get(key) is None:
                    own[key] = values.clone()
                else:
                    own[key].copy_(values)


def _step_dtype(group: dict[str, Any]) -> torch.dtype:
    double = torch.get_default_dtype() == torch.float64 and not group.get("fused")
    return torch.float64 if double else torch.float32


def _kind(optimizer: torch.optim.Optimizer) -> UpdateKind:
    name = type(optimizer).__name__
    kind = _KINDS.get(type(optimizer))
    if kind is None:
        raise NotUnderstood(f"the optimizer {name} is not one that the native engine has")
    step = vars(optimizer).get("step")
    # functools.wraps copies the scheduler's mark to the user's own wrapper, too
    by_schedule = hasattr(step, "_wrapped_by_lr_sched") and made_by_torch(step, "step")
    if step is not None and not by_schedule:
        raise NotUnderstood(f"the step of the optimizer {name} was replaced on the object")
    if "zero_grad" in vars(optimizer):
        raise NotUnderstood(f"the zero_grad of the optimizer {name} was replaced on the object")
    if (
        optimizer._optimizer_step_pre_hooks
        or optimizer._optimizer_step_post_hooks
        or hooks._global_optimizer_pre_hooks
        or hooks._global_optimizer_post_hooks
    ):
        raise NotUnderstood(f"the optimizer {name} has a step hook")
    if kind in ("adam", "adamw"):
        decoupled = {bool(group.get("decoupled_weight_decay")) for group in optimizer.param_groups}
        if decoupled == {True}:
            return "adamw"
        if len(decoupled) > 1:
            raise NotUnderstood("the optimizer's groups disagree on decoupled_weight_decay")
    return kind


def settings_of(optimizer: torch.optim.Optimizer, kind: UpdateKind) -> list[UpdateRule]:
    """The settings of each group from which a trainer is made.  beta1 and momentum move with the
    rates, so of a momentum it only counts whether there is one."""
    every = [_rule(kind, group) for group in optimizer.param_groups]
    return [replace(one, rate=0.0, beta1=0.0, momentum=float(one.momentum != 0)) for one in every]


def _rule(kind: UpdateKind, group: dict[str, Any]) -> UpdateRule:
    update = UPDATES[kind]
    settings: dict[str, Any] = {
        name: type(getattr(update.usual, name))(group[name])
        for name in update.options
        if name in group
    }
    if update.betas:
        settings["beta1"], settings["beta2"] = map(float, group["betas"])
    return UpdateRule(kind, float(group["lr"]), **settings)


def in_torchs_arithmetic(
    rules: Iterable[UpdateRule], optimizer: torch.optim.Optimizer
) -> tuple[UpdateRule, ...]:
    """The rules as torch computes them: if the learning rate or the betas are tensors, it computes
    coefficients in their dtype."""
    return tuple(
        replace(
            rule,
            rate_unit=_unit(group["lr"]),
            beta_unit=max(map(_unit, group.get("betas", ())), default=rule.beta_unit),
        )
        for rule, group in zip(rules, optimizer.param_groups, strict=True)
    )


def _unit(number: Any) -> float:
    """The unit roundoff of torch's computation with this Python number or tensor."""
    if not isinstance(number, Tensor):
        return 2.0**-53
    floats = number.dtype if number.is_floating_point() else torch.get_default_dtype()
    return float(torch.finfo(floats).eps) / 2


def torch_optimizer(rule: UpdateRule, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """torch's optimizer with the rule's settings."""
    update = UPDATES[rule.kind]
    settings = {name: getattr(rule, name) for name in update.options}
    if update.betas:
        settings["betas"] = (rule.beta1, rule.beta2)
    if update.fused:  # the fastest and, on the CPU, the one with correctly rounded square roots
        settings["fused"] = True
    made: torch.optim.Optimizer = getattr(torch.optim, update.torch_class)(
        parameters, lr=rule.rate, **settings
    )
    return made
