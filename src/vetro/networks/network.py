"""A network: layers in order, shapes, activation, parameter layout and names.

It is a frozen description without numbers.  The parameters are a separate flat vector; `views`
names its parts.  It is not a torch module: lift.py makes one.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from vetro.networks.activations.names import ActivationName

ACTIVATIONS: tuple[ActivationName, ...] = get_args(ActivationName)
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True)
class ParameterSlot:
    """Where a named parameter lies in the flat vector; weight: (out, in), bias: (out,)."""

    name: str
    shape: tuple[int, ...]
    offset: int

    @property
    def size(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True)
class Network:
    """A chain of affine layers, each except the last with an activation and dropout.

    sizes: (inputs, hidden..., outputs).  h_l = f(W_l h_(l-1) + b_l), W_l: (out, in);
    the last layer has no activation.  dropout: the share of hidden values set to zero
    during training.
    """

    sizes: tuple[int, ...]
    activation: ActivationName = "relu"
    dropout: float = 0.0
    input_names: tuple[str, ...] = ()
    output_names: tuple[str, ...] = ()

    @property
    def inputs(self) -> int:
        return self.sizes[0]

    @property
    def outputs(self) -> int:
        return self.sizes[-1]

    @property
    def slots(self) -> tuple[ParameterSlot, ...]:
        """Every parameter: layer1.weight, layer1.bias, layer2.weight, ..."""
        slots, offset = [], 0
        for number, (inputs, outputs) in enumerate(pairwise(self.sizes), start=1):
            slots.append(ParameterSlot(f"layer{number}.weight", (outputs, inputs), offset))
            offset += outputs * inputs
            slots.append(ParameterSlot(f"layer{number}.bias", (outputs,), offset))
            offset += outputs
        return tuple(slots)

    @property
    def weight_slots(self) -> tuple[ParameterSlot, ...]:
        """The weights of each layer in turn, without the biases."""
        return self.slots[::2]

    @property
    def parameter_count(self) -> int:
        return sum(slot.size for slot in self.slots)

    def views(self, parameters: NDArray[Scalar]) -> dict[str, NDArray[Scalar]]:
        """Named views into the flat vector (parameter_count,); no copies."""
        if parameters.shape != (self.parameter_count,):
            raise ValueError(f"{parameters.shape} where ({self.parameter_count},) is expected")
        return {
            slot.name: parameters[slot.offset : slot.offset + slot.size].reshape(slot.shape)
            for slot in self.slots
        }

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(data: dict[str, Any]) -> Network:
        """The inverse of to_json; KeyError, TypeError or ValueError if the data do not fit."""
        network = Network(
            sizes=tuple(int(size) for size in data["sizes"]),
            activation=data["activation"],
            dropout=float(data["dropout"]),
            input_names=tuple(data["input_names"]),
            output_names=tuple(data["output_names"]),
        )
        if len(network.sizes) < 2 or min(network.sizes) < 1:
            raise ValueError(f"sizes {network.sizes} are not a network")
        if network.activation not in ACTIVATIONS:
            raise ValueError(f"activation {network.activation!r} is unknown")
        if len(network.input_names) != network.inputs:
            raise ValueError(f"{len(network.input_names)} names for {network.inputs} inputs")
        if len(network.output_names) != network.outputs:
            raise ValueError(f"{len(network.output_names)} names for {network.outputs} outputs")
        return network
