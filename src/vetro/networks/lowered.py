"""A lowered network: the operations that the native engine runs, one after the other.

It is a frozen description without numbers, more general than Network: any chain of affine layers,
activations, layer norms, fixed scalings and residual sums, with shared weights.  `lower_network`
below makes it from a Network, lower_module.py from a torch module.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vetro.networks.activations.activation import Activation
from vetro.networks.activations.table import activation_of, defaults_of
from vetro.networks.network import Network, ParameterSlot

Kind = Literal["affine", "activation", "layer_norm", "dropout", "scale", "add"]


@dataclass(frozen=True)
class Operation:
    """One operation: reads the values numbered in `inputs`, writes the value `output`.

    Values are numbered in the order in which they are computed; 0 is the network's input.

    affine: y = x W^T + b, weight (out, in), bias (out,) or None.
    activation: y = function(x), by its name in networks/activations, with its settings as numbers.
    layer_norm: over the features, numbers (eps,), weight and bias (features,) or None.
    dropout: numbers (share,), scaled by 1 / (1 - share) in training, the identity otherwise.
    scale: y = x * factor + shift, constants[0] factor and constants[1] shift, (features,).
    add: y = inputs[0] + inputs[1].
    weight, bias: numbers of slots in LoweredNetwork.slots.  where: the name of its module or line
    of code, such as 'layer1 (Linear)'.
    """

    kind: Kind
    inputs: tuple[int, ...]
    output: int
    function: str = "identity"
    weight: int | None = None
    bias: int | None = None
    numbers: tuple[float, ...] = ()
    constants: tuple[NDArray[np.float64], ...] = ()
    where: str = ""

    @property
    def activation(self) -> Activation:
        """What is true of the function of an activation."""
        return activation_of(self.function, self.numbers)

    @property
    def bends(self) -> bool:
        """Whether it is an activation other than the identity."""
        return self.kind == "activation" and self.function != "identity"

    @property
    def passes(self) -> bool:
        """Whether it passes its input on as it is, outside of training."""
        return self.kind == "dropout" or (self.kind == "activation" and not self.bends)


@dataclass(frozen=True)
class LoweredNetwork:
    """The operations in order, the widths of the values, and the parameters' layout.

    widths: the number of features of each value; widths[0] is that of the inputs, the last one that
    of the outputs.  slots: the place of every parameter in the flat vector of parameter_count
    numbers, once even if two operations share it.  dtype: of parameters, inputs and outputs.
    """

    operations: tuple[Operation, ...]
    widths: tuple[int, ...]
    slots: tuple[ParameterSlot, ...]
    dtype: Literal["float32", "float64"] = "float32"

    @property
    def inputs(self) -> int:
        return self.widths[0]

    @property
    def outputs(self) -> int:
        return self.widths[self.operations[-1].output] if self.operations else self.widths[0]

    @property
    def parameter_count(self) -> int:
        return sum(slot.size for slot in self.slots)


def lower_network(network: Network) -> LoweredNetwork:
    """The operations of a Network; its slots are the network's own."""
    operations: list[Operation] = []
    widths = [network.inputs]
    name, hidden = network.activation, len(network.sizes) - 2

    def put(kind: Kind, where: str, outputs: int, **others: Any) -> None:
        source = len(operations)
        operations.append(Operation(kind, (source,), source + 1, where=where, **others))
        widths.append(outputs)

    for layer, outputs in enumerate(network.sizes[1:]):
        number = layer + 1
        put("affine", f"layer{number}", outputs, weight=2 * layer, bias=2 * layer + 1)
        if layer == hidden:
            break
        numbers = tuple(defaults_of(name).values())
        put("activation", f"{name}{number}", outputs, function=name, numbers=numbers)
        if network.dropout > 0:
            put("dropout", f"dropout{number}", outputs, numbers=(network.dropout,))
    return LoweredNetwork(tuple(operations), tuple(widths), network.slots)
