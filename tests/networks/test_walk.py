"""The walker with arithmetics that are easy to check by eye: texts forward, paths backward."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from vetro.networks import walk
from vetro.networks.lowered import LoweredNetwork, Operation
from vetro.networks.network import ParameterSlot
from vetro.networks.walk import Learn

HALF = (np.array([0.5]), np.array([1.0]))
NETWORK = LoweredNetwork(
    (
        Operation("scale", (0,), 1, constants=HALF),
        Operation("affine", (1,), 2, weight=0, bias=1),
        Operation("activation", (2,), 3, function="tanh"),
        Operation("dropout", (3,), 4, numbers=(0.5,)),
        Operation("add", (4, 2), 5),
        Operation("activation", (5,), 6, function="identity"),
        Operation("layer_norm", (6,), 7, weight=2, numbers=(1e-5,)),
        Operation("affine", (7,), 8, weight=0, bias=1),
        Operation("add", (8, 8), 9),
    ),
    (1,) * 10,
    (ParameterSlot("w", (1, 1), 0), ParameterSlot("b", (1,), 1), ParameterSlot("g", (1,), 2)),
)


class Texts:
    def affine(self, operation: Operation, x: str) -> str:
        return f"W{operation.weight} {x}"

    def activation(self, operation: Operation, x: str) -> str:
        return f"{operation.function}({x})"

    def layer_norm(self, operation: Operation, x: str) -> str:
        return f"n({x})"

    def scale(self, operation: Operation, x: str) -> str:
        return f"s({x})"

    def add(self, operation: Operation, x: str, y: str) -> str:
        return f"({x} + {y})"


def test_forward_keeps_every_value_in_order() -> None:
    values = walk.forward(NETWORK, "x", Texts())
    assert values[:5] == ["x", "s(x)", "W0 s(x)", "tanh(W0 s(x))", "tanh(W0 s(x))"]
    assert values[5] == values[6] == "(tanh(W0 s(x)) + W0 s(x))"
    assert values[7:] == [
        f"n({values[6]})",
        f"W0 n({values[6]})",
        f"(W0 {values[7]} + W0 {values[7]})",
    ]
    assert walk.apply(NETWORK.operations[4], ["a", "b"], Texts()) == "(a + b)"


@dataclass
class Paths:
    """How many ways lead from the end to a value, and which operations were asked."""

    asked: list[str] = field(default_factory=list)

    def learned(self, operation: Operation, d: int, learn: Learn[int]) -> None:
        learn(operation.weight, d)
        learn(operation.bias, d)

    def affine_back(self, operation: Operation, d: int) -> int:
        return self._passed(operation, d)

    def activation_back(self, operation: Operation, d: int) -> int:
        return self._passed(operation, d)

    def layer_norm_back(self, operation: Operation, d: int, learn: Learn[int]) -> int:
        learn(operation.weight, d)
        learn(operation.bias, d)
        return self._passed(operation, d)

    def scale_back(self, operation: Operation, d: int) -> int:
        return self._passed(operation, d)

    def add_back(self, operation: Operation, d: int) -> int:
        return self._passed(operation, d)

    def plus(self, held: int | None, found: int) -> int:
        return (held or 0) + found

    def _passed(self, operation: Operation, d: int) -> int:
        self.asked.append(operation.function if operation.kind == "activation" else operation.kind)
        return d


def test_backward_adds_every_path_and_every_use_of_a_slot() -> None:
    paths = Paths()
    by_value, by_slot = walk.backward(NETWORK, 1, paths)
    # x + x doubles; tanh's sum and the sum beside it double again; the weight is used twice
    assert by_value == {9: 1, 8: 2, 7: 2, 6: 2, 5: 2, 4: 2, 3: 2, 2: 4, 1: 4, 0: 4}
    assert by_slot == {0: 6, 1: 6, 2: 2}
    assert paths.asked == ["add", "affine", "layer_norm", "add", "tanh", "affine", "scale"]


def test_the_way_to_the_inputs_may_be_left_out() -> None:
    paths = Paths()
    by_value, by_slot = walk.backward(NETWORK, 1, paths, to_inputs=False)
    assert 0 not in by_value and by_value[1] == 4
    assert by_slot == {0: 6, 1: 6, 2: 2}
    assert paths.asked[-1] == "affine"
