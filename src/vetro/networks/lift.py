"""Lifting: a network and its parameters as a torch module.

The inverse, lowering a module to a network: lower_module.py.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from vetro.networks.activations.table import activation_of
from vetro.networks.lowered import LoweredNetwork, lower_network
from vetro.networks.network import Network, ParameterSlot


def lift(network: Network, parameters: NDArray[np.float32]) -> nn.Sequential:
    """An nn.Sequential with copies of the parameters; (rows, inputs) -> (rows, outputs).

    torch's random generator is not used.  The parameters have the network's names:
    layer1.weight (out, in), layer1.bias (out,), ...
    """
    return lift_lowered(lower_network(network), parameters)


def lift_lowered(network: LoweredNetwork, parameters: NDArray[np.float32]) -> nn.Sequential:
    """The same of a lowered chain of affine layers, activations and dropout."""
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    for item in network.operations:
        if item.kind == "affine":
            inputs, outputs = network.widths[item.inputs[0]], network.widths[item.output]
            made: nn.Module = nn.Linear(inputs, outputs, device="meta").to_empty(device="cpu")
        elif item.kind == "dropout":
            made = nn.Dropout(item.numbers[0])
        else:
            named = activation_of(item.function).torch
            made = getattr(nn, named.layer)(**named.options)
        modules[item.where] = made
    module = nn.Sequential(modules)
    load_parameters(module, network.slots, parameters)
    return module


def load_parameters(
    module: nn.Module, slots: Sequence[ParameterSlot], parameters: NDArray[np.float32]
) -> None:
    """Copy the flat vector (parameter_count,) into the module that `lift` made."""
    own = dict(module.named_parameters())
    with torch.no_grad():
        for slot in slots:
            part = parameters[slot.offset : slot.offset + slot.size].reshape(slot.shape)
            own[slot.name].copy_(torch.from_numpy(part.copy()))


def flat_parameters(module: nn.Module) -> NDArray[np.float32]:
    """The module's parameters as one flat vector, in the network's layout."""
    with torch.no_grad():
        parts = [parameter.detach().reshape(-1).cpu() for parameter in module.parameters()]
        return torch.cat(parts).numpy().astype(np.float32, copy=True)
