"""Torch's results for verify to check: outputs and gradients of a user's module.

The module itself runs unchanged, including its hooks; the caller restores its state.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vetro.errors import VetroError, counted, error, listed
from vetro.glass.rows import kind_of, numbers_of
from vetro.networks.losses.rule import LossRule
from vetro.networks.losses.table import LOSSES, loss_of
from vetro.networks.lower_module import Lowering
from vetro.networks.refusal import NotUnderstood
from vetro.networks.torch_losses import check_target, describe_loss
from vetro.networks.torch_updates import TorchUpdates, describe_optimizer
from vetro.networks.twin import Twin
from vetro.networks.updates.table import UPDATES
from vetro.training.misfit import check_output
from vetro.training.misuse import check_finite

Array = NDArray[Any]


def outputs(module: nn.Module, x: Array, count: int) -> Array:
    """The module's own forward on x, (rows, outputs); E711 if it fails.  count: of outputs."""
    with torch.no_grad():
        found = _forward(module, x).detach()
    if len(x) * count != found.numel():
        what = f"the module gives shape {tuple(found.shape)} where ({len(x)}, {count}) is expected"
        raise error("E711", what=what, fix="Look at its hooks and its replaced forwards.")
    return found.reshape(len(x), count).numpy().copy()


def gradient(module: nn.Module, lowering: Lowering, x: Array, y: Tensor, loss: Any) -> Array:
    """.grad of every parameter after one backward, (parameter_count,), 0 where it has none."""
    for parameter in module.parameters():
        parameter.grad = None
    with torch.enable_grad():
        value = loss(_forward(module, x), y)
        try:
            value.backward()
        except Exception as failed:
            raise _refusal("module's backward", failed) from failed
    flat = lowering.flat(lambda parameter: parameter.grad)
    for parameter in lowering.parameters:
        parameter.grad = None
    return flat


def as_declared(module: nn.Module) -> nn.Module:
    """The module as its classes declare it, without hooks and replacements; the same parameters."""
    return Twin(module, lambda parameter: parameter, training=False, declared=True).module


def predicted(predictor: Any, x: Array, count: int) -> Array:
    """A predictor's outputs for x, (rows, outputs); E711 if it fails.  count: of outputs."""
    if not callable(predictor):
        what = f"the predictor, of type {type(predictor).__name__}, cannot be called"
        raise error("E711", what=what, fix="Give a vetro.Predictor, or a function of rows.")
    try:
        found = predictor(torch.from_numpy(x.copy()))
    except VetroError:
        raise
    except Exception as failed:
        raise _refusal("predictor", failed) from failed
    values = numbers_of(found)
    if values is None:
        what = f"the predictor gives {kind_of(found)}, not numbers"
        raise error("E711", what=what, fix=f"Give {counted(count, 'number')} for each row.")
    if values.shape[:1] != (len(x),) or values.size != len(x) * count:
        what = f"the predictor gives shape {values.shape} where ({len(x)}, {count}) is expected"
        raise error("E711", what=what, fix=f"Give {counted(count, 'number')} for each row.")
    return values.reshape(len(x), count)


def target_of(lowering: Lowering, y: Any) -> Tensor:
    """The targets as a tensor: floats in the module's dtype, classes as they are."""
    if isinstance(y, Tensor) and not (y.is_meta or y.is_complex() or y.layout != torch.strided):
        found = y.detach().cpu()
    else:
        values = None if isinstance(y, Tensor) else numbers_of(y)
        if values is None:
            what = f"y is {kind_of(y)}, not numbers"
            raise error("E711", what=what, fix="Give a tensor or array of one target for each row.")
        found = torch.from_numpy(np.array(values))
    if found.is_floating_point() or lowering.squeezed:
        found = found.to(lowering.dtype)
    return found


def rules_of(
    module: nn.Module, lowering: Lowering, y: Tensor, rows: int, loss: Any, optimizer: Any
) -> tuple[LossRule, TorchUpdates]:
    """The loss and the optimizer as plain rules; E711 if verify does not have their formulas, and
    vetro.train's errors for wrong targets."""
    try:
        rule = describe_loss(loss, lowering)
        described = describe_optimizer(optimizer, module, lowering)
    except NotUnderstood as reason:
        losses = listed(loss.torch_class for loss in LOSSES.values() if loss.torch_class)
        optimizers = listed(update.torch_class for update in UPDATES.values())
        fix = f"Use one of torch's that verify has a formula of: {losses}; {optimizers}."
        raise error("E711", what=f"this cannot be recomputed: {reason}", fix=fix) from None
    if y.dim() == 0 or len(y) != rows:
        what = f"y has {counted(len(y), 'row')}, x has {rows}" if y.dim() else "y is one number"
        raise error("E711", what=what, fix="Give a target for each row.")
    outputs = lowering.network.outputs
    shape = (rows,) if lowering.squeezed else (rows, outputs)
    if loss_of(rule).target == "class":
        # training refuses a single class; here its loss, always 0, can be checked like any other
        alone = outputs == 1 and bool(((y == 0) | (y == rule.ignored)).all())
        judged = not alone
    else:
        judged = y.numel() == math.prod(shape)
    if judged:
        check_output(loss, torch.empty(shape, dtype=lowering.dtype), y, y)
    try:
        check_target(rule, lowering, y)
    except NotUnderstood as reason:
        fix = "Give targets of the kind that the loss takes."
        raise error("E711", what=str(reason), fix=fix) from None
    check_finite("y", y)
    return rule, described


def _forward(module: nn.Module, x: Array) -> Tensor:
    try:
        found = module(torch.from_numpy(x.copy()))  # a copy: the module may change its input
    except Exception as failed:
        raise _refusal("module's forward", failed) from failed
    if not isinstance(found, Tensor):
        what = f"the module returns a {type(found).__name__}, not one tensor"
        raise error("E711", what=what, fix="Give a part of it that returns one tensor.")
    return found


def _refusal(who: str, failed: Exception) -> VetroError:
    first = str(failed).strip().partition("\n")[0]
    what = f"the {who} raised {type(failed).__name__}: {first}"
    return error("E711", what=what, fix="Call it yourself with these rows first.")
