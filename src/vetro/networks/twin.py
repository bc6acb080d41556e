"""A twin of a module: the same classes and attributes, but other tensors.

A given function replaces its parameters, and its buffers are copies, so a forward can run on it
without changing the module.  It is not a deep copy: the numbers of parameters are not copied.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from types import MethodType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vetro.networks.refusal import NotUnderstood


class Twin:
    """module: the twin.  names: of its parts, by id.

    declared: as the classes declare it, without hooks and without replacements on objects.
    """

    def __init__(
        self,
        original: nn.Module,
        replace: Callable[[nn.Parameter], Any],
        training: bool | None,
        declared: bool = False,
    ) -> None:
        self._replace = replace
        self._declared = declared
        self._training = training
        self._learning = [_span(parameter) for parameter in original.parameters()]
        self._copies: dict[int, Any] = {}
        self._kept: list[tuple[Any, Any]] = []
        self.names: dict[int, str] = {}
        self.module: nn.Module = self._of_module(original)
        for name, part in original.named_modules():
            self.names[id(self._copies[id(part)])] = name
        self._before = [
            (copy, dict(vars(copy)))
            for copy in self._copies.values()
            if isinstance(copy, nn.Module)
        ]

    def changed(self) -> str:
        """The first attribute or buffer that changed, "" if none did."""
        for part, before in self._before:
            now = vars(part)
            for name in {**before, **now}:
                if name not in before or name not in now or before[name] is not now[name]:
                    return self._title(part, name)
        for container, before in self._kept:
            if not _same(container, before):
                return self._owner(container)
        return ""

    def _owner(self, container: Any) -> str:
        """The name of the attribute that holds a container or tensor."""
        for part, before in self._before:
            for name, value in {**before, **before["_buffers"]}.items():
                if value is container:
                    owned = {"_buffers": "a buffer", "_parameters": "a parameter"}
                    return owned.get(name, self._title(part, name))
        return "its own attributes"

    def _title(self, part: nn.Module, name: str) -> str:
        """The name of a part's attribute."""
        return ".".join(filter(None, (self.names.get(id(part)), name)))

    def _of_module(self, module: nn.Module) -> Any:
        if id(module) in self._copies:
            return self._copies[id(module)]
        twin = object.__new__(type(module))
        self._copies[id(module)] = twin
        own = dict(vars(module))
        own["_parameters"] = self._kept_copy(
            {
                name: None if parameter is None else self._of_parameter(parameter)
                for name, parameter in module._parameters.items()
            }
        )
        for name, value in own.items():
            if name not in _STRUCTURE:
                own[name] = self._of(value)
        if self._training is not None:
            own["training"] = self._training
        if self._declared:
            own.pop("forward", None)
            own |= {name: OrderedDict() for name in own if name.endswith("_hooks")}
        vars(twin).update(own)
        return twin

    def _of_parameter(self, parameter: nn.Parameter) -> Any:
        if id(parameter) not in self._copies:
            self._copies[id(parameter)] = self._replace(parameter)
        return self._copies[id(parameter)]

    def _of(self, value: Any) -> Any:
        """The twin's copy of an attribute's value; values that cannot hold tensors are shared."""
        kind = type(value)
        if kind in _SHARED:
            return value
        if id(value) in self._copies:
            return self._copies[id(value)]
        if isinstance(value, nn.Module):
            return self._of_module(value)
        if isinstance(value, nn.Parameter):
            return self._of_parameter(value)
        if kind is Tensor:
            if any(_overlap(_span(value), learning) for learning in self._learning):
                raise NotUnderstood(
                    f"the module holds a tensor of shape {tuple(value.shape)} that shares memory "
                    "with a parameter, and so learns"
                )
            copy = value.detach().clone().requires_grad_(value.requires_grad)
            self._copies[id(value)] = copy
            self._kept.append((copy, copy.detach().clone()))
            return copy
        if kind is np.ndarray:
            copied = value.copy()
            self._copies[id(value)] = copied
            self._kept.append((copied, value.copy()))
            return copied
        if kind is MethodType and isinstance(value.__self__, nn.Module):
            return MethodType(value.__func__, self._of_module(value.__self__))
        if kind is dict or kind is OrderedDict:
            return self._kept_copy(kind((key, self._of(item)) for key, item in value.items()))
        if kind is list:
            return self._kept_copy([self._of(item) for item in value])
        if kind is tuple:
            return tuple(self._of(item) for item in value)
        if kind is set:
            return self._kept_copy(set(value))
        return value

    def _kept_copy(self, container: Any) -> Any:
        self._kept.append((container, container.copy()))
        return container


# Attributes that every module has besides buffers, parts and its own attributes; no forward
# changes them.
_STRUCTURE = frozenset(vars(nn.Module())) - {"_buffers", "_modules"}
_SHARED = frozenset({int, float, bool, str, bytes, type(None), complex, type, torch.dtype})


def _span(values: Tensor) -> tuple[int, int]:
    """The memory of a tensor, from its first byte to the end of its last; empty if it has none."""
    if values.layout is not torch.strided or values.numel() == 0:
        return 0, 0
    steps = zip(values.shape, values.stride(), strict=True)
    last = sum((size - 1) * stride for size, stride in steps)
    return values.data_ptr(), values.data_ptr() + (last + 1) * values.element_size()


def _overlap(a: tuple[int, int], b: tuple[int, int]) -> bool:
    return a[0] < b[1] and b[0] < a[1]


def _same(now: Any, before: Any) -> bool:
    if isinstance(now, Tensor):
        alike = (now == before) | ((now != now) & (before != before))
        return now._version == 0 and bool(alike.all())
    if isinstance(now, np.ndarray):
        return bool(np.array_equal(now, before))
    if len(now) != len(before):
        return False
    if isinstance(now, dict):
        return all(
            key == other and value is old
            for (key, value), (other, old) in zip(now.items(), before.items(), strict=True)
        )
    if isinstance(now, list):
        return all(value is old for value, old in zip(now, before, strict=True))
    return bool(now == before)
