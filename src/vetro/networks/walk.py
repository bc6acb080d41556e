"""What goes forward and backward through a lowered network, written once for every arithmetic.

An arithmetic says what a value is (float64 arrays, balls, ranges, affine forms, error bounds) and
what each kind of operation makes of it.  Dropout, which acts in training only, and an activation
that is the identity pass values on as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from vetro.networks.lowered import LoweredNetwork, Operation

V = TypeVar("V")
Learn = Callable[[int | None, V], None]
"""Takes the gradient by a slot, where there is one."""


class Forward(Protocol[V]):
    """The results of operations on values x, y; each value holds all its features."""

    def affine(self, operation: Operation, x: V, /) -> V:
        """W x + b."""

    def activation(self, operation: Operation, x: V, /) -> V:
        """function(x), not the identity."""

    def layer_norm(self, operation: Operation, x: V, /) -> V:
        """Layer norm over the features."""

    def scale(self, operation: Operation, x: V, /) -> V:
        """x * factor + shift."""

    def add(self, operation: Operation, x: V, y: V, /) -> V:
        """x + y."""


class Backward(Protocol[V]):
    """The derivatives of a loss: d is dLoss/d(result), the result of each method dLoss/dx."""

    def learned(self, operation: Operation, d: V, learn: Learn[V], /) -> None:
        """Give `learn` the gradients by the weight and bias of an affine layer."""

    def affine_back(self, operation: Operation, d: V, /) -> V:
        """d W."""

    def activation_back(self, operation: Operation, d: V, /) -> V:
        """d function'(x)."""

    def layer_norm_back(self, operation: Operation, d: V, learn: Learn[V], /) -> V:
        """Through a layer norm; gives `learn` the gradients by its weight and bias."""

    def scale_back(self, operation: Operation, d: V, /) -> V:
        """d * factor."""

    def add_back(self, operation: Operation, d: V, /) -> V:
        """By each of both inputs."""

    def plus(self, held: V | None, found: V, /) -> V:
        """The sum of the derivatives through several operations; None: nothing so far."""


def forward(network: LoweredNetwork, x: V, arithmetic: Forward[V]) -> list[V]:
    """Every value of the network, by number; values[0] is x."""
    values = [x]
    for operation in network.operations:
        values.append(apply(operation, [values[n] for n in operation.inputs], arithmetic))
    return values


def apply(operation: Operation, inputs: Sequence[V], arithmetic: Forward[V]) -> V:
    """The result of one operation."""
    if operation.passes:
        return inputs[0]
    found: V = getattr(arithmetic, operation.kind)(operation, *inputs)
    return found


def backward(
    network: LoweredNetwork, delta: V, arithmetic: Backward[V], *, to_inputs: bool = True
) -> tuple[dict[int, V], dict[int, V]]:
    """The derivatives by values and by slots, by their numbers; those that are 0 may be missing.

    delta: dLoss/d(last value).  to_inputs: whether those by the network's inputs are wanted.
    """
    last = network.operations[-1].output if network.operations else 0
    by_value, by_slot = {last: arithmetic.plus(None, delta)}, dict[int, V]()

    def learn(slot: int | None, found: V) -> None:
        if slot is not None:
            by_slot[slot] = arithmetic.plus(by_slot.get(slot), found)

    for operation in reversed(network.operations):
        d = by_value[operation.output]
        if operation.kind == "affine":
            arithmetic.learned(operation, d, learn)
        if not (to_inputs or any(operation.inputs) or operation.kind == "layer_norm"):
            continue
        found = d if operation.passes else _back(operation, d, arithmetic, learn)
        for source in operation.inputs:
            by_value[source] = arithmetic.plus(by_value.get(source), found)
    return by_value, by_slot


def _back(operation: Operation, d: V, arithmetic: Backward[V], learn: Learn[V]) -> V:
    if operation.kind == "layer_norm":
        return arithmetic.layer_norm_back(operation, d, learn)
    found: V = getattr(arithmetic, f"{operation.kind}_back")(operation, d)
    return found
