"""Common mistakes around a PyTorch training loop, reported before its first step.

These checks look at module, loss, optimizer and rows one by one; the first step shows whether
they fit each other (misfit.py).  A check refuses only sure mistakes.  Anything the plain loop
handles is accepted, however unusual.
"""

from __future__ import annotations

import functools
import inspect
import math
import numbers
import weakref

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from vetro.errors import Notice, VetroError, Words, counted, error, notice, shown
from vetro.networks.losses.table import LOSSES
from vetro.training.loss_probe import Loss

ELEMENTWISE = {
    **{loss.torch_class: loss.torch_function for loss in LOSSES.values() if loss.target != "class"},
    "PoissonNLLLoss": "poisson_nll_loss",
    "SoftMarginLoss": "soft_margin_loss",
    "BCELoss": "binary_cross_entropy",
}
OF_CLASSES = {
    **{loss.torch_class: loss.torch_function for loss in LOSSES.values() if loss.target == "class"},
    "NLLLoss": "nll_loss",
}

_left: weakref.WeakKeyDictionary[nn.Module, dict[str, tuple[weakref.ref[Tensor], int]]] = (
    weakref.WeakKeyDictionary()
)


def check_kinds(module: object, loss: object, optimizer: object) -> None:
    """Refuse a class in place of an object, and objects of the wrong type."""
    if isinstance(module, type):
        raise refusal(f"module is the class {module.__name__}", f"Use {module.__name__}(...)")
    if not isinstance(module, nn.Module):
        raise refusal(f"module is a {type(module).__name__}", "Give a torch.nn.Module")
    _check_forward(module)
    if isinstance(loss, type):
        raise refusal(f"loss is the class {loss.__name__}", f"Use {loss.__name__}()")
    if not callable(loss):
        raise refusal(
            f"loss is a {type(loss).__name__}",
            "Give a function of (output, target), or nn.MSELoss()",
        )
    if isinstance(optimizer, type):
        raise refusal(
            f"optimizer is the class {optimizer.__name__}",
            f"Use {optimizer.__name__}(module.parameters())",
        )
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise refusal(
            f"optimizer is a {type(optimizer).__name__}",
            "Give an object such as torch.optim.Adam(module.parameters())",
        )


def _check_forward(module: nn.Module) -> None:
    """Refuse a module that cannot be called with x alone."""
    kind = type(module).__name__
    if "_parameters" not in vars(module) and not isinstance(module, torch.jit.ScriptModule):
        raise refusal(
            f"{kind} was made without nn.Module's __init__",
            "Call super().__init__() first in its __init__",
        )
    forward = module.forward
    if getattr(forward, "__func__", None) is nn.Module.forward:
        several = isinstance(module, nn.ModuleList | nn.ModuleDict)
        raise refusal(
            f"{kind} has no forward",
            "Use nn.Sequential(*module)" if several else "Write its forward(self, x)",
        )
    try:
        signature = inspect.signature(forward)
    except (TypeError, ValueError):  # a compiled forward may have no signature
        return
    try:
        signature.bind(None)
    except TypeError:
        raise refusal(
            f"the forward of {kind} takes {signature}, but Vetro calls it with x alone",
            "Put the inputs side by side into x, and separate them in forward",
        ) from None


def check_rows(x: Tensor, y: Tensor, name_x: str = "x", name_y: str = "y") -> None:
    """Refuse tensors without rows, or with different numbers of them."""
    for name, tensor in ((name_x, x), (name_y, y)):
        if tensor.dim() == 0 or tensor.numel() == 0:
            raise refusal(
                f"{name} has no rows (shape {shape_text(tensor.shape)})", "Give one row per sample"
            )
    if x.shape[0] == y.shape[0]:
        return
    fix = "Give one target per row"
    if x.dim() == 1 and len(y) == 1:
        fix = f"If {name_x} is one row, use {variable(name_x)}.reshape(1, -1)" + (
            f" and {variable(name_y)}.reshape(1, -1)" if y.dim() == 1 else ""
        )
    elif x.dim() == 2 and x.shape[1] == y.shape[0]:
        fix = f"If the rows are the columns of {name_x}, use {variable(name_x)}.T"
    raise refusal(f"{name_x} has {counted(x.shape[0], 'row')}, {name_y} has {y.shape[0]}", fix)


def check_values(
    module: nn.Module, loss: Loss, x: Tensor, y: Tensor, name_x: str = "x", name_y: str = "y"
) -> None:
    """Refuse NaN and infinity if nothing can handle them, and probabilities outside 0 to 1.

    The user's own module or loss may handle NaN and infinity.  Then the values are checked only
    after a loss that is not finite (misfit.explain_divergence).
    """
    if all(type(part).__module__.startswith("torch.nn.") for part in module.modules()):
        check_finite(name_x, x)
    kind = kind_of_loss(loss)
    if kind:
        check_finite(name_y, y)
    if kind in ("BCELoss", "BCEWithLogitsLoss") and y.layout is torch.strided:
        _check_probabilities(kind, name_y, y)
    if kind == "PoissonNLLLoss" and y.layout is torch.strided and bool((y < 0).any()):
        raise refusal(
            f"{name_y} holds {float(y[y < 0][0]):g}, but {kind} takes counts of at least 0: with "
            "others it falls without bound",
            "Use nn.MSELoss() for such targets",
        )


def _check_probabilities(kind: str, name: str, y: Tensor) -> None:
    """Refuse targets below 0 or above 1: the loss then falls without bound."""
    if y.is_complex() or y.dtype == torch.bool:
        return
    wrong = (y < 0) | (y > 1)
    if not bool(wrong.any()):
        return
    row, *place = wrong.nonzero()[0].tolist()
    column = "".join(f", column {index}" for index in place)
    signs = bool(((y == -1) | (y == 1)).all())
    raise refusal(
        f"{name} holds {float(y[wrong][0]):g} (row {row}{column}), but {kind} takes targets from 0 "
        "to 1: with others it falls without bound",
        f"Use ({variable(name)} + 1) / 2"
        if signs
        else "Scale the targets, or use nn.CrossEntropyLoss() or nn.MSELoss()",
    )


def check_parameters(module: nn.Module, optimizer: torch.optim.Optimizer) -> list[Notice]:
    """Compare the module's parameters with those the optimizer holds."""
    named = dict(module.named_parameters())
    meta = next((name for name, value in named.items() if value.is_meta), None)
    if meta is not None:
        raise refusal(
            f"the module's {meta} is on the meta device, where tensors have no values",
            'Use module.to_empty(device="cpu"), and initialise or load its parameters',
        )
    if any(value.is_inference() for value in named.values() if not is_lazy(value)):
        raise refusal(
            "the module was made in torch.inference_mode(), so nothing can train it",
            "Make it outside of torch.inference_mode()",
        )
    if not named:
        raise refusal("the module has no parameters", "Assign its layers to attributes")
    trainable = {name: value for name, value in named.items() if value.requires_grad}
    if not trainable:
        raise refusal(
            "every parameter of the module is frozen (requires_grad is False)",
            "Use module.requires_grad_(True)",
        )
    held = [value for group in optimizer.param_groups for value in group["params"]]
    held_ids = {id(value) for value in held}
    kind = type(optimizer).__name__
    if not any(id(value) in held_ids for value in named.values()):
        first = f"one of shape {shape_text(held[0].shape)}"
        raise error("E311", first=first, optimizer=kind)
    for group in optimizer.param_groups:
        rate = group["lr"]
        if not isinstance(rate, numbers.Real | Tensor) or not math.isfinite(float(rate)):
            known = f'the text "{shown(rate)}"' if isinstance(rate, str) else shown(rate)
            raise refusal(f"the learning rate of {kind} is {known}", f"Use {kind}(..., lr=0.01)")
    missing = [name for name, value in trainable.items() if id(value) not in held_ids]
    if missing:
        return [notice("W312", count=len(missing), first=missing[0], optimizer=kind)]
    if not any(id(value) in held_ids for value in trainable.values()):
        raise refusal(
            "every parameter the optimizer holds is frozen", "Use requires_grad_(True) on them"
        )
    return []


def check_gradients(module: nn.Module, optimizer: torch.optim.Optimizer) -> list[Notice]:
    """Warn of gradients that are not zero, unless a step was taken with them.

    Vetro knows this of its own last step, and assumes it if the optimizer has a state.
    """
    left = _left.get(module, {})
    for name, parameter in module.named_parameters():
        gradient = parameter.grad
        if gradient is None or optimizer.state.get(parameter):
            continue
        reference, version = left.get(name, (None, -1))
        mine = reference is not None and reference() is gradient and gradient._version == version
        if not mine and bool((gradient != 0).any()):
            return [notice("W310", parameter=f"{name}.grad")]
    return []


def remember_gradients(module: nn.Module) -> None:
    """Remember the gradients of the last step, so that the next call does not warn of them."""
    _left[module] = {
        name: (weakref.ref(parameter.grad), parameter.grad._version)
        for name, parameter in module.named_parameters()
        if parameter.grad is not None
    }


def check_mode(module: nn.Module) -> list[Notice]:
    """Warn of a module in eval mode with a layer whose forward depends on the mode."""
    if module.training:
        return []
    for name, part in module.named_modules():
        code = getattr(getattr(type(part), "forward", None), "__code__", None)
        if not part.training and code is not None and "training" in code.co_names:
            layers = f'"{name}" ({type(part).__name__})' if name else type(part).__name__
            return [notice("W314", layers=layers)]
    return []


def kind_of_loss(loss: Loss) -> str:
    """The class name of a known loss of torch, given as an object or as its function; else ""."""
    known = {**ELEMENTWISE, **OF_CLASSES}
    if isinstance(loss, functools.partial) and not loss.args:
        return kind_of_loss(loss.func)
    name = type(loss).__name__
    if type(loss).__module__ == "torch.nn.modules.loss":
        return name if name in known else ""
    if getattr(loss, "__module__", "") == "torch.nn.functional":
        function = getattr(loss, "__name__", "")
        return next((kind for kind, known_as in known.items() if known_as == function), "")
    return ""


def check_finite(name: str, values: Tensor) -> None:
    # one pass is mostly enough; but the sum of finite numbers may overflow, so look again
    if values.layout is not torch.strided or not values.is_floating_point():
        return
    if bool(torch.isfinite(values.sum())):
        return
    wrong = ~torch.isfinite(values)
    if not bool(wrong.any()):
        return
    row, *place = wrong.nonzero()[0].tolist()
    column = "".join(f", column {index}" for index in place)
    found = float(values[wrong][0])
    raise refusal(
        f"{name} holds {found} (first in row {row}{column}; {int(wrong.sum())} of {values.numel()} "
        "values are not finite)",
        "Fill in these values, or leave out their rows",
    )


def refusal(what: str, fix: str | Words) -> VetroError:
    """E315 with what is wrong and how to fix it."""
    return error("E315", what=what, fix=f"{fix}.")


def variable(name: str) -> str:
    """The variable in code for the name in messages: "x", "y", "validation x", "validation y"."""
    return name.removeprefix("validation ")


def shape_text(shape: tuple[int, ...]) -> str:
    return str(tuple(shape))


def dtype_name(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
