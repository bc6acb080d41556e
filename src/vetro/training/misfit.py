"""Checks inside the first step: do outputs, targets and loss fit each other?

check_output and check_loss run between the parts of the step.  Checks that need no output of the
module are in misuse.py; what an exception of PyTorch means, raised.py says.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from vetro.errors import counted, error
from vetro.training.loss_probe import Loss, falls_without_bound, order_does_not_matter
from vetro.training.misuse import (
    ELEMENTWISE,
    OF_CLASSES,
    check_finite,
    dtype_name,
    kind_of_loss,
    refusal,
    shape_text,
    variable,
)


def check_output(
    loss: Loss,
    output: object,
    target: Tensor,
    y: Tensor,
    name: str = "y",
    code: str = "",
    again: Loss | None = None,
) -> None:
    """Refuse targets that do not belong to the module's first output.

    target: the rows of the first batch.  y: all rows, called `name`.  code: the expression for
    them in the user's program, if it differs from the name.  again: the tape of the user's own
    loss, after its first call.
    """
    code = code or variable(name)
    kind = kind_of_loss(loss)
    if not isinstance(output, Tensor):
        if kind:
            refuse_output(loss, kind, output)
        return
    check_loss_weights(loss, kind, output)
    if kind in OF_CLASSES:
        if output.dim() > 1:
            _check_classes(loss, kind, output, target, y, name)
        return
    whole = not target.is_floating_point() and not target.is_complex()
    if kind and whole and (target.dtype == torch.bool or kind.startswith("BCE")):
        fix = f"{variable(name)}.{AS_DTYPE.get(dtype_name(output), 'float')}()"
        role = "target" if name == "y" else "validation target"
        raise error("E309", name=role, dtype=dtype_name(target), fix=fix)
    if kind == "BCELoss":
        _check_confined(output)
    if output.shape == target.shape or not (kind or _compares_all(again, output, target)):
        return
    together = _broadcast(output, target)
    if together is not None and math.prod(together) == output.numel() == target.numel():
        return
    if together is not None and output.numel() == target.numel():
        raise error(
            "E313",
            name="the target" if name == "y" else name,
            target=shape_text(target.shape),
            output=shape_text(output.shape),
            broadcast=shape_text(together),
            fix=_reshape(code, output),
        )
    outputs = output.shape[-1] if output.dim() > 1 else 1
    raise refusal(
        f"{'the target' if name == 'y' else name} has shape {shape_text(target.shape)}, "
        f"the output {shape_text(output.shape)}",
        f"Give {counted(outputs, 'target')} per row, or change the module's last layer",
    )


def check_held_out_classes(loss: Loss, output: object, y: Tensor) -> None:
    """Refuse class numbers of validation rows that the module has no output for."""
    known = kind_of_loss(loss) in OF_CLASSES and isinstance(output, Tensor) and output.dim() > 1
    if known and isinstance(output, Tensor) and y.dtype in _CLASS_DTYPES:
        check_class_numbers(loss, output, y, "validation y")


def check_loss(
    loss: Loss, value: object, output: object, target: Tensor, again: Loss | None
) -> None:
    """Refuse a loss that cannot be minimised; again: the tape of the user's own loss."""
    if not isinstance(value, Tensor):
        raise refusal(
            f"the loss is a {type(value).__name__}, not a tensor",
            "Compute it with torch functions, without .item() or NumPy",
        )
    if value.numel() != 1:
        raise refusal(
            f"the loss has shape {shape_text(value.shape)}; it must be one number",
            "Use .mean(), or reduction='mean'",
        )
    made = value.grad_fn is not None or isinstance(value, nn.Parameter)
    if not (value.requires_grad and made):
        if not torch.is_grad_enabled():
            raise refusal(
                "gradients are off, as within torch.no_grad() or torch.inference_mode(), so "
                "nothing can learn",
                "Call vetro.train outside of these, or torch.set_grad_enabled(True) before it",
            )
        raise refusal(
            "the loss does not depend on the parameters",
            "Do not use detach(), argmax(), round() or torch.no_grad() in module or loss",
        )
    if not isinstance(output, Tensor):
        return
    if type(loss).__name__ == "KLDivLoss" or kind_of_loss(loss) == "NLLLoss":
        kind = kind_of_loss(loss) or "KLDivLoss"
        reason = _not_log_probabilities(kind, output)
        others = ", or use nn.CrossEntropyLoss()" if kind == "NLLLoss" else ""
        fix = f"End the module with nn.LogSoftmax(1){others}."
    else:
        reason = "" if again is None else falls_without_bound(again, output, target)
        fix = "Use a loss that is never negative, such as nn.MSELoss()."
    if reason:
        raise error("E308", reason=reason, fix=fix)


AS_DTYPE = {"float64": "double", "float16": "half", "bfloat16": "bfloat16"}
_CLASS_DTYPES = (torch.int64, torch.uint8)


def check_loss_weights(loss: Loss, kind: str, output: Tensor) -> None:
    """Refuse weights of classes or outputs that do not fit the output."""
    outputs = output.shape[1] if output.dim() > 1 else 1
    for name in ("weight", "pos_weight"):
        weight = getattr(loss, name, getattr(loss, "keywords", {}).get(name))
        if not kind or not isinstance(weight, Tensor):
            continue
        sizes = (outputs,) if kind in OF_CLASSES else (outputs, 1)
        if weight.dim() == 1 and output.dim() == 2 and weight.shape[0] not in sizes:
            raise refusal(
                f"the loss's {name} has shape {shape_text(weight.shape)}, but the module has "
                f"{counted(outputs, 'output')}",
                f"Give one {name} per output",
            )
        if kind in OF_CLASSES and weight.dtype != output.dtype:
            raise refusal(
                f"the loss's {name} is {dtype_name(weight)}, the output {dtype_name(output)}",
                f"Use {name}={name}.to(torch.{dtype_name(output)})",
            )


def refuse_output(loss: Loss, kind: str, output: object) -> None:
    """Refuse a module that does not return one tensor, as the loss needs it."""
    if not isinstance(output, tuple | list | dict):
        known = "None" if output is None else f"a {type(output).__name__}"
        raise refusal(
            f"the module returns {known}, but a loss takes a tensor", "Return a tensor from forward"
        )
    key = repr(next(iter(output))) if isinstance(output, dict) and output else "0"
    raise refusal(
        f"the module returns a {type(output).__name__} of {len(output)}, "
        f"but {kind or 'the loss'} takes a tensor",
        f"Use loss=lambda output, target: {_written(loss, kind)}(output[{key}], target)",
    )


def _written(loss: Loss, kind: str) -> str:
    if not kind:
        return getattr(loss, "__name__", "loss").replace("<lambda>", "loss")
    functions = {**ELEMENTWISE, **OF_CLASSES}
    return f"nn.{kind}()" if isinstance(loss, nn.Module) else f"F.{functions[kind]}"


def _check_confined(output: Tensor) -> None:
    values = output.detach()
    wrong = ~((values >= 0) & (values <= 1))
    if bool(wrong.any()) and bool(torch.isfinite(values).all()):
        raise refusal(
            f"the module returns {float(values[wrong][0]):g}, but BCELoss takes probabilities "
            "from 0 to 1",
            "End the module with nn.Sigmoid(), or take nn.BCEWithLogitsLoss()",
        )


def _check_classes(
    loss: Loss, kind: str, output: Tensor, target: Tensor, y: Tensor, name: str
) -> None:
    if kind == "CrossEntropyLoss" and output.shape[1] == 1:
        raise refusal(
            f"{kind} over 1 output is always 0", "Use nn.BCEWithLogitsLoss(), or 2 outputs"
        )
    if target.is_floating_point():
        if target.shape == output.shape and kind != "NLLLoss" and bool((y < 0).any()):
            raise refusal(
                f"{name} holds {float(y[y < 0][0]):g}, but {kind} takes floats as probabilities "
                "of classes",
                "Give class numbers as int64, or use nn.MSELoss() for numbers",
            )
        if kind == "NLLLoss" or target.shape != output.shape:
            narrow = target.dim() == output.dim() and target.shape[-1] == 1
            raise refusal(
                f"the target of {kind} is {dtype_name(target)} of shape "
                f"{shape_text(target.shape)}; it must hold class numbers as int64",
                f"Use {variable(name)}{'.squeeze(-1)' if narrow else ''}.long()",
            )
        return
    if target.dtype not in _CLASS_DTYPES:
        raise refusal(
            f"the target of {kind} is {dtype_name(target)}; it must hold class numbers as int64",
            f"Use {variable(name)}.long()",
        )
    if output.dim() == 2 and target.dim() != 1:
        raise refusal(
            f"the target of {kind} has shape {shape_text(target.shape)}, the output "
            f"{shape_text(output.shape)}; it must be one class number per row",
            f"Use {variable(name)}.{'squeeze(1)' if target.shape[1:] == (1,) else 'argmax(1)'}",
        )
    check_class_numbers(loss, output, y, name)


def check_class_numbers(loss: Loss, output: Tensor, y: Tensor, name: str) -> None:
    """Refuse class numbers that the module has no output for."""
    ignored = getattr(loss, "ignore_index", None)
    if ignored is None:
        ignored = getattr(loss, "keywords", {}).get("ignore_index", -100)
    wrong = ((y < 0) | (y >= output.shape[1])) & (y != ignored)
    if bool(wrong.any()):
        raise refusal(
            f"{name} holds the class {int(y[wrong][0])} (row {int(wrong.nonzero()[0, 0])}), "
            f"but the module has {output.shape[1]} outputs, for the classes 0 to "
            f"{output.shape[1] - 1}",
            "Number the classes from 0, or add outputs",
        )


def _not_log_probabilities(kind: str, output: Tensor) -> str:
    if output.dim() < 2:
        return ""
    total = float(output.detach().double().logsumexp(1).max().exp())
    if total <= 1.01:
        return ""
    return (
        f"nn.{kind}() takes log-probabilities; the exponentials of an output sum to {total:.3g}, "
        "not 1"
    )


def _compares_all(loss: Loss | None, output: Tensor, target: Tensor) -> bool:
    """Whether the user's own loss broadcasts shapes such as (n, 1) and (n,) to (n, n)."""
    if loss is None or not target.is_floating_point() or output.numel() != target.numel():
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


def check_start(module: nn.Module, value: Tensor) -> None:
    """Refuse parameters, and NaN in buffers, that make the first loss NaN or infinite."""
    if bool(torch.isfinite(value).all()):
        return
    wrong = [name for name, p in module.named_parameters() if not bool(torch.isfinite(p).all())]
    wrong += [name for name, buffer in module.named_buffers() if bool(torch.isnan(buffer).any())]
    if wrong:
        raise refusal(
            f"the module's {wrong[0]} holds values that are not finite before the first step",
            "Initialise or load its parameters again",
        )


def explain_divergence(module: nn.Module, x: Tensor, y: Tensor) -> str:
    """The name of the first parameter with a value that is not finite, or a phrase if all are
    finite; E315 if x or y has such a value."""
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
