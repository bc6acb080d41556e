"""What torch returns for verify to check: outputs, gradients and one update of a user's module.

The module itself runs, as it stands, hooks and all; the caller holds it untouched.  Optimizers step
on copies.
The only file of verify that needs torch.
"""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vetro.engines.native_loss import check_target, describe_loss
from vetro.engines.native_optimizer import NativeOptimizer, describe_optimizer, read_state
from vetro.errors import VetroError, error
from vetro.glass.learning.engine_run import Learning, Step
from vetro.glass.learning.torch_rules import loss_rule, update_rules
from vetro.networks.lower_module import Lowering
from vetro.networks.refusal import NotUnderstood
from vetro.networks.twin import Twin

Array = NDArray[Any]


def outputs(module: nn.Module, x: Array) -> Array:
    """The module's own forward on x, (rows, outputs); E711 if it fails."""
    with torch.no_grad():
        found = _forward(module, torch.from_numpy(x))
        return found.detach().reshape(len(x), -1).numpy().copy()


def gradient(module: nn.Module, lowering: Lowering, x: Array, y: Tensor, loss: Any) -> Array:
    """.grad of every parameter after one backward, (parameter_count,), 0 where there is none."""
    for parameter in module.parameters():
        parameter.grad = None
    with torch.enable_grad():
        value = loss(_forward(module, torch.from_numpy(x)), y)
        try:
            value.backward()
        except Exception as failed:
            raise _refusal("backward", failed) from failed
    flat = lowering.flat(lambda parameter: parameter.grad)
    for parameter in lowering.parameters:
        parameter.grad = None
    return flat


def as_declared(module: nn.Module) -> nn.Module:
    """The module as its classes say it, without hooks and replacements; the same parameters."""
    return Twin(module, lambda parameter: parameter, training=False, declared=True).module


def target_of(lowering: Lowering, y: Any) -> Tensor:
    """The targets as a tensor: floats of the module's dtype and shape, classes as they are."""
    try:
        found = torch.as_tensor(y).detach().cpu()
    except (TypeError, ValueError, RuntimeError):
        what = f"y is a {type(y).__name__}, not numbers"
        raise error("E711", what=what, mend="Give a tensor or array.") from None
    if found.is_floating_point() or lowering.squeezed:
        found = found.to(lowering.dtype)
    if lowering.squeezed and found.dim() == 2 and found.shape[1] == 1:
        found = found[:, 0]
    return found


def learning_of(
    module: nn.Module, lowering: Lowering, y: Tensor, loss: Any, optimizer: Any
) -> tuple[Learning, NativeOptimizer]:
    """The loss and the optimizer by plain rules; E711 for what verify has no formulas of."""
    try:
        native = describe_loss(loss, lowering)
        described = describe_optimizer(optimizer, module, lowering)
    except NotUnderstood as reason:
        mend = (
            "Verify has the formulas of torch's MSELoss, L1Loss, SmoothL1Loss, HuberLoss, "
            "BCEWithLogitsLoss and CrossEntropyLoss, and of SGD, Adam, AdamW and RMSprop."
        )
        raise error("E711", what=f"this cannot be recomputed: {reason}", mend=mend) from None
    try:
        check_target(native, lowering, y)
    except NotUnderstood as reason:
        mend = "Give targets as the loss takes them."
        raise error("E711", what=str(reason), mend=mend) from None
    rule, rules = loss_rule(native), update_rules(optimizer, described)
    state = read_state(optimizer, described, lowering) if optimizer.state else None
    return Learning(rule, rules, tuple(described.range_list()), state), described


def steps_of(
    optimizer: torch.optim.Optimizer,
    described: NativeOptimizer,
    lowering: Lowering,
    flat: Array,
    count: int,
) -> list[Step]:
    """`count` steps of a copy of the optimizer, on copies of the parameters, with this gradient."""
    copies = {
        id(parameter): nn.Parameter(parameter.detach().clone(), parameter.requires_grad)
        for parameter in lowering.parameters
    }
    own: torch.optim.Optimizer = copy.deepcopy(optimizer, dict(copies))
    ranges = tuple(
        dataclasses.replace(part, parameter=copies[id(part.parameter)]) for part in described.ranges
    )
    on_copies = dataclasses.replace(described, ranges=ranges)
    for part in ranges:
        values = torch.from_numpy(flat[part.begin : part.end].copy())
        part.parameter.grad = values.view(part.parameter.shape)

    def now() -> dict[str, Array]:
        parameters = lowering.flat(lambda parameter: copies[id(parameter)])
        return {"parameters": parameters, **read_state(own, on_copies, lowering)}

    found, before = [], now()
    for _ in range(count):
        own.step()
        after = now()
        found.append(Step(flat, before, after, before["step"]))
        before = after
    return found


def _forward(module: nn.Module, x: Tensor) -> Tensor:
    try:
        found = module(x)
    except Exception as failed:
        raise _refusal("forward", failed) from failed
    if not isinstance(found, Tensor):
        what = f"the module returns a {type(found).__name__}, not one tensor"
        raise error("E711", what=what, mend="Give a part of it that returns one tensor.")
    return found


def _refusal(step: str, failed: Exception) -> VetroError:
    first = str(failed).strip().partition("\n")[0]
    what = f"the module's {step} raised {type(failed).__name__}: {first}"
    return error("E711", what=what, mend="Call it yourself with these rows first.")
