"""Lifting: a network and its parameters as a torch module.

The inverse, lowering a module to a network: lower_module.py.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from vetro.networks.activations.table import activation_of
from vetro.networks.network import Network


def lift(network: Network, parameters: NDArray[np.float32]) -> nn.Sequential:
    """An nn.Sequential with copies of the parameters; (rows, inputs) -> (rows, outputs).

    torch's random generator is not used.  The parameters have the network's names:
    layer1.weight (out, in), layer1.bias (out,), ...
    """
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    layers = list(pairwise(network.sizes))
    for number, (inputs, outputs) in enumerate(layers, start=1):
        modules[f"layer{number}"] = nn.Linear(inputs, outputs, device="meta").to_empty(device="cpu")
        if number < len(layers):
            named = activation_of(network.activation).torch
            modules[f"{network.activation}{number}"] = getattr(nn, named.layer)(**named.options)
            if network.dropout > 0:
                modules[f"dropout{number}"] = nn.Dropout(network.dropout)
    module = nn.Sequential(modules)
    load_parameters(module, network, parameters)
    return module


def load_parameters(module: nn.Module, network: Network, parameters: NDArray[np.float32]) -> None:
    """Copy the flat vector (parameter_count,) into the module that `lift` made."""
    views = network.views(parameters)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(torch.from_numpy(views[name].copy()))


def flat_parameters(module: nn.Module) -> NDArray[np.float32]:
    """The module's parameters as one flat vector, in the network's layout."""
    with torch.no_grad():
        parts = [parameter.detach().reshape(-1).cpu() for parameter in module.parameters()]
        return torch.cat(parts).numpy().astype(np.float32, copy=True)
