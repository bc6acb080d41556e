"""Checks that torch is as installed: the program has replaced none of its functions or classes.

The native engine computes the same as torch's own layers, losses and optimizers.  If a program
replaces these with its own functions, only torch can run them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils import _python_dispatch
from torch.utils.data import DataLoader, Subset, TensorDataset

from vetro.networks.activations.table import BY_NAME, activation_of
from vetro.networks.losses.table import LOSSES
from vetro.networks.refusal import NotUnderstood
from vetro.networks.updates.table import UPDATES

_TORCH = str(Path(torch.__file__).parent)
_FUNCTIONS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (functional, (
        "linear", "dropout", "layer_norm",
        *filter(None, (activation_of(name).torch.function for name in BY_NAME)),
        *filter(None, (loss.torch_function for loss in LOSSES.values())),
    )),
    (torch, ("relu", "tanh", "sigmoid", "matmul", "mm", "addmm", "layer_norm")),
    (torch.autograd, ("backward", "grad")),
    (nn.utils, ("clip_grad_norm_", "clip_grad_value_")),
)  # fmt: skip
_METHODS: tuple[tuple[type, tuple[str, ...]], ...] = (
    (nn.Module, ("_wrapped_call_impl", "_call_impl", "__getattr__", "parameters")),
    (Tensor, ("backward", "relu", "tanh", "sigmoid", "matmul", "__add__", "__mul__")),
    (torch.optim.Optimizer, ("zero_grad",)),
)
_COLLECTING: tuple[tuple[type, tuple[str, ...]], ...] = (
    (DataLoader, ("__iter__", "_get_iterator")),
    (TensorDataset, ("__getitem__",)),
    (Subset, ("__getitem__", "__getitems__")),
)


def check_pristine(module: nn.Module) -> None:
    """NotUnderstood, with the name, if one of torch's modules or functions was replaced."""
    for owner, names in (*_FUNCTIONS, *_METHODS):
        for name in names:
            if not _own(owner, name):
                raise _replaced(f"{owner.__name__.removeprefix('torch.')}.{name}")
    if nn.Module.__call__ is not nn.Module._wrapped_call_impl:
        raise _replaced("Module.__call__")
    for kind in {type(part) for part in module.modules()}:
        _check_forward(kind)
    modes = [
        *torch.overrides._get_current_function_mode_stack(),  # type: ignore[no-untyped-call]
        *_python_dispatch._get_current_dispatch_mode_stack(),
    ]
    for mode in modes:
        if type(mode).__name__ != "DeviceContext":
            raise NotUnderstood(f"the torch mode {type(mode).__name__} is active")
    if _hooks_on_saved_tensors():
        raise NotUnderstood("hooks on the tensors saved for backward are active")


def _hooks_on_saved_tensors() -> bool:
    """Whether the program is within torch.autograd.graph.saved_tensors_hooks."""
    top = getattr(torch._C._autograd, "_top_saved_tensors_default_hooks", None)
    return top is not None and top(False) is not None


def check_rules(loss: object, optimizer: torch.optim.Optimizer) -> None:
    """The same check for the loss and the optimizer."""
    _check_forward(type(loss))
    for rule in UPDATES:
        home = sys.modules.get(f"torch.optim.{rule}")
        for name in (rule, f"_single_tensor_{rule}", f"_multi_tensor_{rule}", f"_fused_{rule}"):
            if hasattr(home, name) and not _own(home, name):
                raise _replaced(f"optim.{rule}.{name}")
    for name in ("step", "zero_grad", "_init_group"):
        kind = type(optimizer)
        by_torch = kind.__module__.startswith("torch.optim") and hasattr(kind, name)
        if by_torch and not _own(kind, name):
            raise _replaced(f"{kind.__name__}.{name}")


def check_collecting() -> None:
    """The same check for what a DataLoader calls to collect the rows of a TensorDataset."""
    for owner, names in _COLLECTING:
        for name in names:
            if not _own(owner, name):
                raise _replaced(f"{owner.__name__}.{name}")


def _check_forward(kind: type) -> None:
    if getattr(kind, "forward", None) is nn.Module.forward:  # a container has none
        return
    if kind.__module__.startswith("torch.nn.") and not _own(kind, "forward"):
        raise _replaced(f"{kind.__name__}.forward")


def made_by_torch(function: object, name: str = "") -> bool:
    """Whether a function is torch's own, and all that it wraps too; name: its expected name."""
    link: Any = function
    last = link
    while link is not None:
        code = getattr(link, "__code__", None)
        if code is not None and not code.co_filename.startswith(_TORCH):
            return False
        last, link = link, getattr(link, "__wrapped__", None)
    return not name or getattr(last, "__qualname__", "").rpartition(".")[2] == name


_known: dict[tuple[int, str], object] = {}
"""Attributes known to be torch's own, by the owner's id (modules and classes stay) and the name."""


def _own(owner: Any, name: str) -> bool:
    """Whether the attribute with this name is the one that torch defined there."""
    held = getattr(owner, name, None)
    if held is not None and _known.get((id(owner), name)) is held:
        return True
    own = _looked_at(owner, name)
    if own:
        _known[id(owner), name] = held
    return own


def _looked_at(owner: Any, name: str) -> bool:
    if isinstance(owner, ModuleType):
        return made_by_torch(getattr(owner, name, None), name)
    for kind in owner.__mro__:
        value = vars(kind).get(name)
        if value is not None:
            return made_by_torch(value, name) and _qualified(value) in _homes(kind, name)
    return False


def _qualified(value: Any) -> str:
    while hasattr(value, "__wrapped__"):
        value = value.__wrapped__
    return str(getattr(value, "__qualname__", ""))


def _homes(kind: type, name: str) -> Iterable[str]:
    """Where the attribute may be defined: in the class, or in one that it inherits from.

    torch itself puts a wrapped `Adam.step` into AdamW when the first AdamW is made.
    """
    return tuple(f"{home.__name__}.{name}" for home in kind.__mro__)


def _replaced(what: str) -> NotUnderstood:
    return NotUnderstood(f"the program has replaced {what} of torch")
