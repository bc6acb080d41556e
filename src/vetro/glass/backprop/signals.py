"""The error signal of a unit: how fast the loss rises with its value, written as a sum.

delta of a value = the sum of a term for each operation that reads it: weight x delta for a layer's
unit, slope x delta for an activation.  Values and deltas come from plain.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vetro.glass import plain
from vetro.glass.subject import Part
from vetro.networks.lowered import LoweredNetwork, Operation

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Signals:
    """The error signals of all units of one value at one row: delta (features,) = slope x sum.

    where: the layer.  z: the units' sums.  slope: of the activation that follows, (features,), 1 if
    there is none; function: its name, or "".  weights: (features, units that read them), or None if
    the reader is not a layer; behind: the deltas of those units; reader: the number of their value.
    sum: (features,).  last: whether the loss itself reads the value.
    """

    value: int
    where: str
    z: Floats
    delta: Floats
    slope: Floats
    function: str
    sum: Floats
    weights: Floats | None
    behind: Floats | None
    reader: int
    last: bool

    @property
    def off(self) -> NDArray[np.bool_]:
        """Units that pass nothing back: their activation is flat here."""
        found: NDArray[np.bool_] = self.slope == 0
        return found


def signals(part: Part, values: list[Floats], deltas: list[Floats], row: int) -> list[Signals]:
    """The error signals of each layer at one row (counted from 0), from the output back."""
    return [
        _of(part, values, deltas, row, operation)
        for operation in reversed(part.network.operations)
        if operation.kind == "affine"
    ]


def _of(
    part: Part, values: list[Floats], deltas: list[Floats], row: int, operation: Operation
) -> Signals:
    network = part.network
    number = operation.output
    z, delta = values[number][row], deltas[number][row]
    slope, function, at = np.ones_like(z), "", number
    reader = _reader(network, at)
    while reader is not None and reader.kind in ("activation", "dropout", "scale"):
        if reader.kind == "activation":
            own = plain.derivative(reader, values[at][row : row + 1])[0]
            slope, function = slope * own, reader.function
        elif reader.kind == "scale":
            slope = slope * reader.constants[0]
        at = reader.output
        reader = _reader(network, at)
    behind, weights, after = None, None, -1
    if reader is not None and reader.kind == "affine":
        assert reader.weight is not None
        weights = part.view(reader.weight).astype(np.float64).T
        behind, after = deltas[reader.output][row], reader.output
    last = at == (network.operations[-1].output if network.operations else 0)
    where = operation.where
    return Signals(
        value=number,
        where=where,
        z=z,
        delta=delta,
        slope=slope,
        function=function,
        sum=deltas[at][row],
        weights=weights,
        behind=behind,
        reader=after,
        last=last,
    )


def _reader(network: LoweredNetwork, value: int) -> Operation | None:
    """The only operation that reads a value; None if several do, or none does."""
    readers = [operation for operation in network.operations if value in operation.inputs]
    return readers[0] if len(readers) == 1 else None
