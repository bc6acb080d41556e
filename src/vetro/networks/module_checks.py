"""Checks that a module does nothing besides its forward.

Hooks, compiled or replaced forwards and parametrisations change a training step without being part
of a forward.  trace.py reads the forward itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as torch_module

from vetro.networks.refusal import NotUnderstood

_HOOKS = {
    "_forward_pre_hooks": "a forward pre-hook",
    "_forward_hooks": "a forward hook",
    "_backward_pre_hooks": "a backward pre-hook",
    "_backward_hooks": "a backward hook",
}


def module_hooks(module: nn.Module) -> str:
    """The first kind of hook of this one module, in words; "" if it has none."""
    own = module.__dict__
    for key, words in _HOOKS.items():
        hooks = own.get(key)
        if hooks:
            hook = next(iter(hooks.values()))
            return f"{words} ({getattr(hook, '__name__', type(hook).__name__)})"
    return ""


def check_module(module: nn.Module, declared: bool = False) -> None:
    """NotUnderstood, naming the part of the module, if more than its forward runs.

    declared: hooks and replaced forwards are ignored, since the classes are read.
    """
    for key, words in _HOOKS.items():
        if getattr(torch_module, f"_global{key}", None) and not declared:
            raise NotUnderstood(f"{words} is registered for all modules")
    if torch.is_autocast_enabled("cpu"):
        raise NotUnderstood("autocast is active")
    if isinstance(module, torch.jit.ScriptModule):
        raise NotUnderstood(f"{type(module).__name__} is a script of torch.jit")
    for name, part in module.named_modules():
        reason = _strangeness(part, declared)
        if reason:
            raise NotUnderstood(f"{title(name, part)} {reason}")


def title(name: str, module: nn.Module) -> str:
    """The name of a module's part in messages: 'block.fc (Linear)', or 'Net' for the whole."""
    kind = type(module).__name__
    return f"{name} ({kind})" if name else kind


@contextmanager
def without_global_hooks() -> Iterator[None]:
    """Within this context, hooks for all modules are off."""
    held = [getattr(torch_module, f"_global{key}") for key in _HOOKS]
    kept = [dict(hooks) for hooks in held]
    try:
        for hooks in held:
            hooks.clear()
        yield
    finally:
        for hooks, own in zip(held, kept, strict=True):
            hooks.update(own)


def _strangeness(part: nn.Module, declared: bool) -> str:
    own: dict[str, Any] = part.__dict__
    kind = type(part)
    lazy_kind = nn.modules.lazy.LazyModuleMixin
    hooks = module_hooks(part)
    if hooks and isinstance(part, lazy_kind) and part.has_uninitialized_params():
        return "is lazy: it has no shape before its first call"
    if hooks and (not declared or isinstance(part, lazy_kind)):
        return f"has {hooks}"
    if own.get("_compiled_call_impl") is not None or kind.__name__ == "OptimizedModule":
        return "is compiled by torch.compile"
    if kind.__call__ is not nn.Module.__call__:
        return "has its own __call__"
    if "forward" in own and not declared:
        return "has a forward that was replaced on the object"
    if "parametrizations" in own["_modules"]:
        return "is parametrized"
    return ""
