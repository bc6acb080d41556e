"""Every activation by its name: to add one, write its file and add its name to names.py."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from importlib import import_module
from typing import get_args

from vetro.networks.activations.activation import Activation
from vetro.networks.activations.names import AnyActivation

BY_NAME: dict[str, Callable[..., Activation]] = {
    name: getattr(import_module(f"{__package__}.{name}"), name) for name in get_args(AnyActivation)
}


@lru_cache(maxsize=256)
def activation_of(name: str, numbers: tuple[float, ...] = ()) -> Activation:
    """The activation of that name with its settings, or with torch's defaults if none is given."""
    return BY_NAME[name](*numbers)


@cache
def defaults_of(name: str) -> Mapping[str, float]:
    """The settings of an activation in order, by torch's names, with torch's defaults."""
    return {
        setting: parameter.default
        for setting, parameter in inspect.signature(BY_NAME[name]).parameters.items()
    }
