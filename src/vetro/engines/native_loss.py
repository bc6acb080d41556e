"""A loss of torch as the native engine takes it.

Only for torch's own classes and functions; all other losses run on torch.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from vetro.networks.lower_module import Lowering
from vetro.networks.module_checks import module_hooks
from vetro.networks.refusal import NotUnderstood

_KINDS: dict[Any, str] = {
    nn.MSELoss: "mse",
    nn.L1Loss: "l1",
    nn.SmoothL1Loss: "smooth_l1",
    nn.HuberLoss: "huber",
    nn.BCEWithLogitsLoss: "bce",
    nn.CrossEntropyLoss: "cross_entropy",
    functional.mse_loss: "mse",
    functional.l1_loss: "l1",
    functional.smooth_l1_loss: "smooth_l1",
    functional.huber_loss: "huber",
    functional.binary_cross_entropy_with_logits: "bce",
    functional.cross_entropy: "cross_entropy",
}
_OWN = {
    "mse": (), "l1": (), "smooth_l1": ("beta",), "huber": ("delta",),
    "bce": ("weight", "pos_weight"),
    "cross_entropy": ("weight", "ignore_index", "label_smoothing"),
}  # fmt: skip


@dataclass(frozen=True)
class NativeLoss:
    """kind, reduction ("mean" or "sum") and a: beta of smooth_l1, delta of huber, label
    smoothing of cross_entropy.  ignored: the class that does not count.  class_weights:
    (outputs,) of cross_entropy's classes or of bce's outputs; positive_weights: bce's."""

    kind: str
    reduction: str
    a: float = 0.0
    ignored: int = -100
    class_weights: NDArray[np.float64] | None = None
    positive_weights: NDArray[np.float64] | None = None


def describe_loss(loss: Callable[..., Any], lowering: Lowering) -> NativeLoss:
    """The loss over this network's outputs; NotUnderstood with the reason."""
    kind, options = _options(loss)
    reduction = options.get("reduction", "mean")
    if reduction not in ("mean", "sum"):
        raise NotUnderstood(f"the loss has reduction={reduction!r}, not one number")
    outputs = lowering.network.outputs
    dtype = lowering.dtype
    if kind == "cross_entropy":
        if lowering.squeezed:
            raise NotUnderstood(
                "the module gives one number per row, but cross entropy needs one per class"
            )
        return NativeLoss(
            kind,
            reduction,
            a=float(options.get("label_smoothing", 0.0)),
            ignored=int(options.get("ignore_index", -100)),
            class_weights=_weights("weight", options.get("weight"), outputs, dtype),
        )
    if kind == "bce":
        return NativeLoss(
            kind,
            reduction,
            class_weights=_weights("weight", options.get("weight"), outputs, dtype),
            positive_weights=_weights("pos_weight", options.get("pos_weight"), outputs, dtype),
        )
    if kind == "smooth_l1":
        beta = float(options.get("beta", 1.0))
        return NativeLoss("smooth_l1" if beta else "l1", reduction, a=beta)
    return NativeLoss(kind, reduction, a=float(options.get("delta", 1.0)) * (kind == "huber"))


def check_target(loss: NativeLoss, lowering: Lowering, y: Tensor) -> None:
    """NotUnderstood if the native loss does not take these rows of y.

    cross_entropy takes (rows,) int64 classes; the others take the shape and dtype of the module's
    output.
    """
    if y.device.type != "cpu":
        raise NotUnderstood(f"the target is on {y.device}")
    if loss.kind == "cross_entropy":
        if y.is_floating_point():
            raise NotUnderstood("the target holds probabilities of classes")
        if y.dim() != 1 or y.dtype != torch.int64:
            raise NotUnderstood(f"the target has shape {tuple(y.shape)} and dtype {y.dtype}")
        return
    shape = (y.shape[0],) if lowering.squeezed else (y.shape[0], lowering.network.outputs)
    if tuple(y.shape) != shape:
        raise NotUnderstood(f"the target has shape {tuple(y.shape)}, the output {shape}")
    if y.dtype != lowering.dtype:
        raise NotUnderstood(f"the target is {y.dtype}, the module {lowering.dtype}")
    if y.requires_grad:
        raise NotUnderstood("the target requires a gradient")


def _options(loss: Callable[..., Any]) -> tuple[str, dict[str, Any]]:
    """The kind of a loss, and its options by the names that torch gives them."""
    if isinstance(loss, nn.Module):
        name = type(loss).__name__
        kind = _KINDS.get(type(loss))
        if kind is None or "forward" in vars(loss):
            raise NotUnderstood(f"the loss {name} is not one that the native engine has")
        hooks = module_hooks(loss)
        if hooks:
            raise NotUnderstood(f"the loss {name} has {hooks}")
        return kind, {key: getattr(loss, key) for key in ("reduction", *_OWN[kind])}
    given: dict[str, Any] = {}
    function: Any = loss
    if isinstance(loss, functools.partial):
        given, function = dict(loss.keywords), loss.func
        if loss.args:
            raise NotUnderstood("the loss is a partial function with positional arguments")
    kind = _KINDS.get(function) if isinstance(function, type(_options)) else None
    if kind is None:
        raise NotUnderstood(f"the loss {_name(function)} is not one that the native engine has")
    strange = set(given) - {"reduction", *_OWN[kind]}
    if strange:
        raise NotUnderstood(f"the loss has the option {min(strange)}")
    return kind, given


def _name(function: Any) -> str:
    code = getattr(function, "__code__", None)
    name = getattr(function, "__name__", type(function).__name__)
    if code is None:
        return name
    return f"{name} ({code.co_filename.rpartition('/')[2]}:{code.co_firstlineno})"


def _weights(
    name: str, weights: Tensor | None, outputs: int, dtype: torch.dtype
) -> NDArray[np.float64] | None:
    """(outputs,) of the tensor; a single number counts for every output."""
    if weights is None:
        return None
    if weights.device.type != "cpu" or weights.requires_grad:
        raise NotUnderstood(f"the loss's {name} is on a device or learns")
    if tuple(weights.shape) not in ((outputs,), (1,), ()) or weights.dtype != dtype:
        raise NotUnderstood(
            f"the loss's {name} has shape {tuple(weights.shape)} and {weights.dtype}, "
            f"the output {outputs} columns of {dtype}"
        )
    values = weights.detach().double().expand(outputs)
    return np.ascontiguousarray(values.numpy())
