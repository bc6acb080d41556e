"""The meaning of an exception of PyTorch in the first step: the mistake, and how to fix it.

explain gives the message; None if the cause is not known.  The checks that run without an
exception are in misuse.py and misfit.py.
"""

from __future__ import annotations

import math
import re

import torch
from torch import Tensor, nn

from vetro.errors import VetroError, counted, error
from vetro.training.loss_probe import Loss
from vetro.training.misfit import AS_DTYPE
from vetro.training.misuse import (
    OF_CLASSES,
    dtype_name,
    kind_of_loss,
    refusal,
    shape_text,
    variable,
)


def explain(
    caught: Exception,
    module: nn.Module,
    loss: Loss,
    x: Tensor,
    y: Tensor,
    names: tuple[str, str] = ("x", "y"),
) -> VetroError | None:
    """The message for an exception of the first step; None if its cause is not known."""
    text = str(caught)
    for words, (what, fix) in _IN_GENERAL.items():
        if words in text:
            return refusal(what, fix)
    for name, tensor in zip(names, (x, y), strict=True):
        if tensor.layout is not torch.strided:
            kind = str(tensor.layout).removeprefix("torch.")
            return refusal(f"{name} is a {kind} tensor", f"Use {variable(name)}.to_dense()")
    if "more than 1 value per channel" in text:
        return lonely_row()
    outside = re.search(r"Target (-?\d+) is out of bounds", text)
    if outside:
        return refusal(
            f"{names[1]} holds the class {outside[1]}, but the module has no output for it",
            "Number the classes from 0, or add outputs",
        )
    if "bool tensor" in text and y.dtype == torch.bool:
        return error("E309", name="target", dtype="bool", fix=f"{variable(names[1])}.float()")
    looked_up = _explain_lookup(text, module, x, names[0])
    if looked_up is not None:
        return looked_up
    if "device" in text or "type" in text or "implemented for" in text:
        return _explain_tensor(names[0], "input", x, module, loss) or _explain_tensor(
            names[1], "target", y, module, loss
        )
    if "kl_div: Integral" in text:
        return refusal(
            f"{names[1]} is {dtype_name(y)}, but KLDivLoss takes probabilities of classes",
            "Use nn.CrossEntropyLoss() for class numbers, with a module that ends without softmax",
        )
    return _explain_channels(text, module, x, names[0]) or _explain_width(text, module, x, names[0])


def explain_later(caught: Exception) -> VetroError | None:
    """The message for an exception of a later step, as explain."""
    if _TWICE not in str(caught):
        return None
    return refusal(
        "the module or the loss keeps a tensor of an earlier step, and backward() works only once "
        "on the computation of that step",
        "Use .detach() on what it keeps",
    )


_TWICE = "backward through the graph a second time"
_IN_GENERAL = {
    "Can't call numpy()": (
        "the module or the loss computes with NumPy, which gives no gradients",
        "Use functions of torch in their place, such as torch.tanh",
    ),
    _TWICE: (
        "backward() has already run in this step: the module or the loss calls it",
        "Return the value of the loss, and leave backward() and step() to Vetro",
    ),
    "modified by an inplace operation": (
        "an operation in place changes numbers that backward() needs",
        "Use inplace=False in the layers, and h = h + 1 in place of h += 1",
    ),
    "default_collate": (
        "the DataLoader cannot collect the rows of its dataset into a batch",
        "Return tensors or numbers from the dataset's __getitem__, or give a collate_fn",
    ),
}


def _explain_lookup(text: str, module: nn.Module, x: Tensor, name_x: str) -> VetroError | None:
    """The message about numbers that an embedding cannot look up, or None."""
    tables = [part for part in module.modules() if isinstance(part, nn.Embedding | nn.EmbeddingBag)]
    if not tables:
        return None
    if "'indices'" in text and x.is_floating_point():
        return refusal(
            f"{name_x} is {dtype_name(x)}, but an embedding looks up whole numbers",
            f"Use {variable(name_x)}.long()",
        )
    rows = min(part.num_embeddings for part in tables)
    wrong = (x < 0) | (x >= rows)
    if "index out of range" in text and bool(wrong.any()):
        return refusal(
            f"{name_x} holds {float(x[wrong][0]):g}, but an embedding has {rows} rows, numbered "
            f"0 to {rows - 1}",
            "Use more num_embeddings, or correct these rows",
        )
    return None


def lonely_row() -> VetroError:
    """E315 for a batch of one row that a batch norm cannot take."""
    return refusal(
        "a batch has 1 row, but batch normalisation needs at least 2 in training",
        "Use drop_last=True if it is the last of an epoch, or another batch_size",
    )


def _explain_tensor(
    name: str, role: str, tensor: Tensor, module: nn.Module, loss: Loss
) -> VetroError | None:
    parameter = next(module.parameters())
    if tensor.device != parameter.device:
        return refusal(
            f"{name} is on {tensor.device}, the module on {parameter.device}",
            f'Use {variable(name)}.to("{parameter.device}")',
        )
    if role == "target" and kind_of_loss(loss) in OF_CLASSES:
        return None
    fix = f"{variable(name)}.{AS_DTYPE.get(dtype_name(parameter), 'float')}()"
    if not tensor.is_floating_point() and not tensor.is_complex():
        embeds = any(isinstance(part, nn.Embedding | nn.EmbeddingBag) for part in module.modules())
        if role == "input" and embeds:
            return None
        role = role if name == variable(name) else f"validation {role}"
        return error("E309", name=role, dtype=dtype_name(tensor), fix=fix)
    if tensor.dtype != parameter.dtype:
        return refusal(
            f"{name} is {dtype_name(tensor)}, the module's parameters are {dtype_name(parameter)}",
            f"Use {variable(name)}.real" if tensor.is_complex() else f"Use {fix}",
        )
    return None


def _explain_channels(text: str, module: nn.Module, x: Tensor, name_x: str) -> VetroError | None:
    """The message about channels that the first convolution does not take, or None."""
    found = re.search(r"expected input\[.*\] to have (\d+) channels, but got (\d+)", text)
    if not found:
        return None
    takes, has = int(found[1]), int(found[2])
    x_name = variable(name_x)
    if takes == 1 and x.dim() == 3:
        fix = f"Use {x_name}.unsqueeze(1)"
    elif x.dim() == 4 and x.shape[-1] == takes and x.shape[1] == has:
        fix = f"Use {x_name}.permute(0, 3, 1, 2)"
    else:
        fix = f"Use a convolution with in_channels={has}"
    shape = f"{name_x} has shape {shape_text(x.shape)}; "
    takes_text = counted(takes, "channel")
    return refusal(f"{shape}a convolution takes {takes_text}, and receives {has}", fix)


def _explain_width(text: str, module: nn.Module, x: Tensor, name_x: str) -> VetroError | None:
    """The message about a number of columns that a layer does not take, read from torch's
    message about a matrix product; None for another message."""
    shapes = re.search(r"shapes cannot be multiplied \((\d+)x(\d+) and (\d+)x(\d+)\)", text)
    if not shapes:
        return None
    rows, has, takes, gives = (int(number) for number in shapes.groups())
    for name, layer in module.named_modules():
        if not isinstance(layer, nn.Linear):
            continue
        shape = f"{name_x} has shape {shape_text(x.shape)}, "
        known = name or "nn.Linear"
        size = counted(layer.in_features, "number")
        if x.dim() == 1 and layer.in_features == 1:
            fix = f"{variable(name_x)}.reshape(-1, 1)"
        elif x.dim() == 1 and layer.in_features == len(x):
            fix = f"{variable(name_x)}.reshape(1, -1) for one row"
        elif x.dim() > 2 and math.prod(x.shape[1:]) == layer.in_features:
            fix = f"{variable(name_x)}.flatten(1)"
        elif [x.shape[-1], layer.in_features] == [has, takes]:
            fix = f"nn.Linear({has}, {layer.out_features})"
        elif [layer.in_features, layer.out_features] == [takes, gives]:
            what = f"the layer {known} takes {size} per row, but receives {has}"
            flat = rows > len(x) and rows % len(x) == 0 and rows // len(x) * has == takes
            return refusal(
                what, "Use nn.Flatten() before it" if flat else f"Use nn.Linear({has}, {gives})"
            )
        else:
            continue
        return refusal(f"{shape}the layer {known} takes {size} per row", f"Use {fix}")
    return None
