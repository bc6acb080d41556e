"""torch's losses as rules, and rules as torch's losses.

Only torch's own classes and functions are read; all other losses run on torch.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from vetro.networks.losses.rule import LossKind, LossRule
from vetro.networks.losses.table import LOSSES
from vetro.networks.lower_module import Lowering
from vetro.networks.module_checks import module_hooks
from vetro.networks.refusal import NotUnderstood

_KINDS: dict[Any, LossKind] = {
    getattr(owner, name): kind
    for kind, loss in LOSSES.items()
    for owner, name in ((nn, loss.torch_class), (functional, loss.torch_function))
    if name
}
_FIELDS = {
    "beta": "a", "delta": "a", "label_smoothing": "a", "ignore_index": "ignored",
    "weight": "class_weights", "pos_weight": "positive_weights", "reduction": "reduction",
}  # fmt: skip
"""torch's options, and the fields of a LossRule that hold them."""


def describe_loss(loss: Callable[..., Any], lowering: Lowering) -> LossRule:
    """The loss over this network's outputs; NotUnderstood with the reason."""
    kind, options = _options(loss)
    reduction = options.get("reduction", "mean")
    if reduction not in ("mean", "sum"):
        raise NotUnderstood(f"the loss has reduction={reduction!r}, not one number")
    known = LOSSES[kind]
    if known.target == "class" and lowering.squeezed:
        raise NotUnderstood(
            "the module gives one number per row, but cross entropy needs one per class"
        )
    outputs, dtype = lowering.network.outputs, lowering.dtype
    settings: dict[str, Any] = {
        _FIELDS[name]: _weights(name, value, outputs, dtype) if "weight" in name else value
        for name, value in options.items()
    }
    settings["a"] = float(settings.get("a", known.default))
    if known.without and not settings["a"]:
        kind = known.without
    return LossRule(kind, **settings)


def loss_kind(loss: Callable[..., Any]) -> LossKind | None:
    """The kind of one of torch's own losses; None for another one."""
    try:
        return _options(loss)[0]
    except NotUnderstood:
        return None


def check_target(loss: LossRule, lowering: Lowering, y: Tensor) -> None:
    """NotUnderstood if the native loss does not take these rows of y.

    cross_entropy takes (rows,) int64 classes; the others take the shape and dtype of the module's
    output.
    """
    if y.device.type != "cpu":
        raise NotUnderstood(f"the target is on {y.device}")
    if LOSSES[loss.kind].target == "class":
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


def _options(loss: Callable[..., Any]) -> tuple[LossKind, dict[str, Any]]:
    """The kind of a loss, and its options by the names that torch gives them."""
    if isinstance(loss, nn.Module):
        name = type(loss).__name__
        kind = _KINDS.get(type(loss))
        if kind is None or "forward" in vars(loss):
            raise NotUnderstood(f"the loss {name} is not one that the native engine has")
        hooks = module_hooks(loss)
        if hooks:
            raise NotUnderstood(f"the loss {name} has {hooks}")
        return kind, {key: getattr(loss, key) for key in ("reduction", *LOSSES[kind].options)}
    given: dict[str, Any] = {}
    function: Any = loss
    if isinstance(loss, functools.partial):
        given, function = dict(loss.keywords), loss.func
        if loss.args:
            raise NotUnderstood("the loss is a partial function with positional arguments")
    kind = _KINDS.get(function) if isinstance(function, type(_options)) else None
    if kind is None:
        raise NotUnderstood(f"the loss {_name(function)} is not one that the native engine has")
    strange = set(given) - {"reduction", *LOSSES[kind].options}
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


class _Tensors:
    """The arithmetic of terms on tensors like this one."""

    where: Any = staticmethod(torch.where)

    def __init__(self, like: Tensor) -> None:
        self._like = like

    def number(self, values: Any) -> Any:
        return torch.as_tensor(values, dtype=self._like.dtype, device=self._like.device)

    def log1p_exp(self, z: Any) -> Any:
        return torch.logaddexp(torch.zeros_like(z), z)

    def log_softmax(self, x: Any) -> Any:
        return functional.log_softmax(x, dim=-1)


def _by_formula(
    rule: LossRule,
    outputs: Tensor,
    target: Tensor,
    *,
    reduction: str = "",
    weight: Tensor | None = None,
) -> Tensor:
    """The loss from its own terms, called as torch's functions are."""
    loss, y = LOSSES[rule.kind], target.cpu().numpy()
    rows: Any = outputs.reshape(len(y), -1)
    own = y if loss.target == "class" else y.reshape(rows.shape)
    terms = torch.as_tensor(loss.terms(rule, rows, own, _Tensors(outputs)))
    if weight is not None:
        terms = terms * weight.reshape(len(y), -1)
    if reduction == "none":
        return terms.reshape(target.shape)
    return terms.sum() / float(loss.divisors(rule, rows.numel(), y).sum())


def torch_loss(rule: LossRule, device: torch.device) -> Callable[..., Tensor]:
    """torch's function (outputs, target) with the rule's options, or the loss's own formula."""
    loss = LOSSES[rule.kind]
    if not loss.torch_function:
        return functools.partial(_by_formula, rule)
    options: dict[str, Any] = {}
    for name in ("reduction", *loss.options):
        value = getattr(rule, _FIELDS[name])
        if isinstance(value, np.ndarray):
            value = torch.from_numpy(value).to(device)
        options[name] = value
    return functools.partial(getattr(functional, loss.torch_function), **options)
