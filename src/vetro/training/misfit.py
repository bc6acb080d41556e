"""Whether outputs, targets and loss fit each other, seen inside the first step.

Two moments: check_output and check_loss between the step's parts, explain when PyTorch
itself raised.  Not what can be told before the module ran (misuse.py).
"""

from __future__ import annotations

import math
import re

import numpy as np
import torch
from torch import Tensor, nn

from vetro.errors import VetroError, counted, error
from vetro.training.loss_probe import Loss, falls_without_bound, order_does_not_matter
from vetro.training.misuse import (
    OF_CLASSES,
    check_finite,
    dtype_name,
    kind_of_loss,
    refusal,
    shape_text,
)


def check_output(loss: Loss, output: object, target: Tensor, y: Tensor) -> None:
    """Refuse targets that do not belong to the module's first output.

    target: the rows of the first batch.  y: all rows.
    """
    if not isinstance(output, Tensor):
        return
    kind = kind_of_loss(loss)
    if kind in OF_CLASSES:
        if output.dim() > 1:
            _check_classes(loss, kind, output, target, y)
        return
    if output.shape == target.shape or not (kind or _compares_all(loss, output, target)):
        return
    together = _broadcast(output, target)
    if together is not None and math.prod(together) == output.numel() == target.numel():
        return
    if together is not None and output.numel() == target.numel():
        raise error(
            "E313",
            target=shape_text(target.shape),
            output=shape_text(output.shape),
            broadcast=shape_text(together),
            fix=_reshape("y", output),
        )
    outputs = output.shape[-1] if output.dim() > 1 else 1
    raise refusal(
        f"the target has shape {shape_text(target.shape)}, the output {shape_text(output.shape)}",
        f"Give {counted(outputs, 'target')} a row, or change the module's last layer",
    )


def check_loss(loss: Loss, value: object, output: object, target: Tensor) -> None:
    """Refuse a loss that cannot be minimised."""
    if not isinstance(value, Tensor):
        raise refusal(
            f"the loss is a {type(value).__name__}, not a tensor",
            "Compute it with torch functions, without .item() or NumPy",
        )
    if value.numel() != 1:
        raise refusal(
            f"the loss has shape {shape_text(value.shape)}, it must be one number",
            "Use .mean(), or reduction='mean'",
        )
    if not value.requires_grad:
        raise refusal(
            "the loss does not depend on the parameters",
            "Leave out detach(), argmax(), round() and torch.no_grad()",
        )
    if not isinstance(output, Tensor):
        return
    if kind_of_loss(loss) == "NLLLoss":
        reason = _not_log_probabilities(output)
    else:
        reason = "" if kind_of_loss(loss) else falls_without_bound(loss, output, target)
    if reason:
        raise error("E308", reason=reason)


def explain(
    caught: Exception, module: nn.Module, loss: Loss, x: Tensor, y: Tensor
) -> VetroError | None:
    """The message for an exception of the first step; None if its cause is not known."""
    text = str(caught)
    if "device" in text or "type" in text or "implemented for" in text:
        return _explain_tensor("x", "input", x, module, loss) or _explain_tensor(
            "y", "target", y, module, loss
        )
    return _explain_width(text, module, x)


def _explain_tensor(
    name: str, role: str, tensor: Tensor, module: nn.Module, loss: Loss
) -> VetroError | None:
    parameter = next(module.parameters())
    if tensor.device != parameter.device:
        return refusal(
            f"{name} is on {tensor.device}, the module on {parameter.device}",
            f'Use {name}.to("{parameter.device}")',
        )
    if role == "target" and kind_of_loss(loss) in OF_CLASSES:
        return None
    other = {"float64": "double", "float16": "half", "bfloat16": "bfloat16"}
    fix = f"{name}.{other.get(dtype_name(parameter), 'float')}()"
    if not tensor.is_floating_point() and not tensor.is_complex():
        embeds = any(isinstance(part, nn.Embedding | nn.EmbeddingBag) for part in module.modules())
        if role == "input" and embeds:
            return None
        return error("E309", name=role, dtype=dtype_name(tensor), fix=fix)
    if tensor.dtype != parameter.dtype:
        return refusal(
            f"{name} is {dtype_name(tensor)}, the module's parameters are {dtype_name(parameter)}",
            f"Use {fix}",
        )
    return None


def _explain_width(text: str, module: nn.Module, x: Tensor) -> VetroError | None:
    """Rows of x that the first layer does not take, where torch named a matrix product."""
    layers = {name: part for name, part in module.named_modules() if isinstance(part, nn.Linear)}
    shapes = re.search(r"shapes cannot be multiplied \((\d+)x(\d+) and (\d+)x(\d+)\)", text)
    for name, layer in layers.items():
        if x.dim() == 1 and layer.in_features == 1:
            fix = "x.reshape(-1, 1)"
        elif shapes and [x.shape[-1], layer.in_features] == [int(shapes[2]), int(shapes[3])]:
            fix = f"nn.Linear({x.shape[-1]}, {layer.out_features})"
        else:
            continue
        return refusal(
            f"x has shape {shape_text(x.shape)}, "
            f"the layer {name or 'nn.Linear'} takes {counted(layer.in_features, 'number')} a row",
            f"Use {fix}",
        )
    return None


def _check_classes(loss: Loss, kind: str, output: Tensor, target: Tensor, y: Tensor) -> None:
    if kind == "CrossEntropyLoss" and output.shape[1] == 1:
        raise refusal(
            f"{kind} over 1 output is always 0", "Use nn.BCEWithLogitsLoss(), or 2 outputs"
        )
    if target.is_floating_point():
        if kind == "NLLLoss" or target.shape != output.shape:
            narrow = target.dim() == output.dim() and target.shape[-1] == 1
            raise refusal(
                f"the target of {kind} is {dtype_name(target)} of shape "
                f"{shape_text(target.shape)}; it must hold class numbers as int64",
                f"Use y{'.squeeze(-1)' if narrow else ''}.long()",
            )
        return
    if output.dim() == 2 and target.dim() != 1:
        raise refusal(
            f"the target of {kind} has shape {shape_text(target.shape)}, the output "
            f"{shape_text(output.shape)}; it must be one class number a row",
            f"Use {'y.squeeze(1)' if target.shape[1:] == (1,) else 'y.argmax(1)'}",
        )
    ignored = getattr(loss, "ignore_index", -100)
    wrong = ((y < 0) | (y >= output.shape[1])) & (y != ignored)
    if bool(wrong.any()):
        raise refusal(
            f"y holds the class {int(y[wrong][0])} (row {int(wrong.nonzero()[0, 0])}), "
            f"the module has {output.shape[1]} outputs, for the classes 0 to {output.shape[1] - 1}",
            "Number the classes from 0, or add outputs",
        )


def _not_log_probabilities(output: Tensor) -> str:
    if output.dim() < 2:
        return ""
    total = float(output.detach().double().logsumexp(1).max().exp())
    if total <= 1.01:
        return ""
    return (
        f"nn.NLLLoss() takes log-probabilities; the exponentials of an output sum to {total:.3g}, "
        "not 1: end the module with nn.LogSoftmax(1), or take nn.CrossEntropyLoss()"
    )


def _compares_all(loss: Loss, output: Tensor, target: Tensor) -> bool:
    """Whether an unknown loss lets shapes such as (n, 1) and (n,) broadcast to (n, n)."""
    if not target.is_floating_point() or output.numel() != target.numel():
        return False
    together = _broadcast(output, target)
    if together is None or together == tuple(output.shape):
        return False
    return order_does_not_matter(loss, target, output.shape)


def _broadcast(output: Tensor, target: Tensor) -> tuple[int, ...] | None:
    try:
        return np.broadcast_shapes(output.shape, target.shape)
    except ValueError:
        return None


def explain_divergence(module: nn.Module, x: Tensor, y: Tensor) -> str:
    """The first tensor with a value that is not finite, in words; refuses x and y."""
    for name, parameter in module.named_parameters():
        if not bool(torch.isfinite(parameter).all()):
            return name
    check_finite("x", x)
    check_finite("y", y)
    return "the loss itself (all parameters are finite)"


def _reshape(name: str, like: Tensor) -> str:
    if like.dim() == 1:
        return f"{name}.reshape(-1)"
    return f"{name}.reshape({', '.join(str(size) for size in (-1, *like.shape[1:]))})"
