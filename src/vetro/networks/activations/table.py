"""Every activation by its name: to add one, write its file and add its line here."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import lru_cache

from vetro.networks.activations.activation import Activation
from vetro.networks.activations.elu import elu
from vetro.networks.activations.gelu import gelu
from vetro.networks.activations.gelu_tanh import gelu_tanh
from vetro.networks.activations.identity import identity
from vetro.networks.activations.leaky_relu import leaky_relu
from vetro.networks.activations.relu import relu
from vetro.networks.activations.sigmoid import sigmoid
from vetro.networks.activations.silu import silu
from vetro.networks.activations.softplus import softplus
from vetro.networks.activations.tanh import tanh

BY_NAME: dict[str, Callable[..., Activation]] = {
    "identity": identity,
    "relu": relu,
    "leaky_relu": leaky_relu,
    "elu": elu,
    "tanh": tanh,
    "sigmoid": sigmoid,
    "silu": silu,
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
    "softplus": softplus,
}


@lru_cache(maxsize=256)
def activation_of(name: str, numbers: tuple[float, ...] = ()) -> Activation:
    """The activation of that name with its settings, or with torch's defaults if none is given."""
    return BY_NAME[name](*numbers)


def settings_of(name: str) -> dict[str, float]:
    """The settings of an activation in order, by torch's names, with torch's defaults."""
    return {
        setting: parameter.default
        for setting, parameter in inspect.signature(BY_NAME[name]).parameters.items()
    }
