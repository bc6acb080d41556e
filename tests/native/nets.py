"""Random networks, losses and optimizers, each once for torch and once for the native core.

The torch side is the oracle: a plain loop over autograd, written from the definitions in
numerics.md, not with the package's own lowering.  Dropout is left out: its masks differ.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from vetro import _native

FUNCTIONS = (
    "identity", "relu", "leaky_relu", "elu", "tanh", "sigmoid", "silu", "gelu", "gelu_tanh",
    "softplus",
)  # fmt: skip
LOSSES = ("mse", "l1", "smooth_l1", "huber", "bce", "cross_entropy")
BUFFERS = {
    "sgd": ("momentum_buffer", None, None),
    "adam": ("exp_avg", "exp_avg_sq", "max_exp_avg_sq"),
    "adamw": ("exp_avg", "exp_avg_sq", "max_exp_avg_sq"),
    "rmsprop": ("momentum_buffer", "square_avg", "grad_avg"),
}
VECTORS = ("first_moment", "second_moment", "third")


@dataclass
class Slot:
    """A parameter: where it lies in the flat vector, and whether it learns."""

    offset: int
    shape: tuple[int, ...]
    learns: bool = True

    @property
    def end(self) -> int:
        return self.offset + int(np.prod(self.shape))


@dataclass
class Operation:
    kind: str
    inputs: tuple[int, ...]
    function: str = "identity"
    weight: int | None = None
    bias: int | None = None
    a: float = 0.0
    b: float = 0.0
    constants: tuple[np.ndarray, np.ndarray] | None = None


@dataclass
class Net:
    """A network as a list of operations; value i + 1 is the result of operation i."""

    dtype: torch.dtype
    widths: list[int]
    operations: list[Operation] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    one_hot: list[tuple[int, int]] = field(default_factory=list)
    piecewise: list[tuple[int, int]] = field(default_factory=list)

    @property
    def count(self) -> int:
        return self.slots[-1].end if self.slots else 0

    @property
    def last(self) -> int:
        return len(self.widths) - 1

    def slot(self, *shape: int, learns: bool = True) -> int:
        self.slots.append(Slot(self.count, shape, learns))
        return len(self.slots) - 1

    def add(self, operation: Operation, width: int) -> None:
        self.operations.append(operation)
        self.widths.append(width)

    def affine(self, width: int, bias: bool = True, learns: bool = True) -> Operation:
        weight = self.slot(width, self.widths[-1], learns=learns)
        operation = Operation(
            "affine",
            (self.last,),
            weight=weight,
            bias=self.slot(width, learns=learns) if bias else None,
        )
        self.add(operation, width)
        return operation

    def activation(self, function: str, a: float = 0.0, b: float = 0.0) -> None:
        self.add(Operation("activation", (self.last,), function, a=a, b=b), self.widths[-1])

    def forward(self, tensors: list[Tensor], x: Tensor, kinks: list[float] | None = None) -> Tensor:
        """The outputs.  kinks: takes how near each value comes to where a slope jumps."""
        values = [x]
        for op in self.operations:
            z = values[op.inputs[0]]
            weight = None if op.weight is None else tensors[op.weight]
            bias = None if op.bias is None else tensors[op.bias]
            if op.kind == "affine":
                z = functional.linear(z, weight, bias)
            elif op.kind == "layer_norm":
                z = functional.layer_norm(z, (z.shape[1],), weight, bias, op.a)
            elif op.kind == "scale":
                factor, shift = (torch.from_numpy(c).to(z.dtype) for c in op.constants)
                z = z * factor + shift
            elif op.kind == "add":
                z = z + values[op.inputs[1]]
            elif op.kind == "activation":
                if kinks is not None and op.function in ("relu", "leaky_relu", "elu"):
                    kinks.append(nearest(z))
                if kinks is not None and op.function == "softplus":
                    kinks.append(nearest(z * op.a - op.b))
                z = activation(op, z)
            values.append(z)
        return values[-1]

    def program(self) -> _native.Program:
        def offset(number: int | None) -> int:
            return -1 if number is None else self.slots[number].offset

        def learns(number: int | None) -> bool:
            return number is not None and self.slots[number].learns

        return _native.Program(
            str(self.dtype).removeprefix("torch."),
            self.widths,
            [
                _native.Operation(
                    op.kind,
                    function=op.function,
                    source=op.inputs[0],
                    other=op.inputs[1] if len(op.inputs) > 1 else -1,
                    result=number + 1,
                    weight=offset(op.weight),
                    bias=offset(op.bias),
                    a=op.a,
                    b=op.b,
                    learns_weight=learns(op.weight),
                    learns_bias=learns(op.bias),
                    factor=None if op.constants is None else op.constants[0],
                    shift=None if op.constants is None else op.constants[1],
                )
                for number, op in enumerate(self.operations)
            ],
            self.count,
            self.one_hot,
            self.piecewise,
        )


def nearest(values: Tensor) -> float:
    """The smallest distance from zero, beside the largest; exact zeros are no matter."""
    sizes = values.detach().abs().flatten()
    sizes = sizes[sizes > 0]
    return float(sizes.min() / sizes.max()) if len(sizes) else 1.0


def activation(op: Operation, z: Tensor) -> Tensor:
    simple = {
        "identity": lambda v: v,
        "relu": torch.relu,
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
        "silu": functional.silu,
        "gelu": functional.gelu,
        "gelu_tanh": lambda v: functional.gelu(v, approximate="tanh"),
        "leaky_relu": lambda v: functional.leaky_relu(v, op.a),
        "elu": lambda v: functional.elu(v, op.a),
        "softplus": lambda v: functional.softplus(v, op.a, op.b),
    }
    return simple[op.function](z)


def random_net(draw: random.Random, dtype: torch.dtype, coded: bool = False) -> Net:
    """Layers of any width, activations, norms, residual sums, shared and frozen weights.

    coded: some inputs are groups that are stored as codes.
    """
    net = Net(dtype, [draw.choice((1, 2, 3, 5, 8, 17, 33))])
    if coded:
        net.widths[0] = draw.choice((0, 1, 3))
        for _ in range(draw.randint(1, 4)):
            group = (net.widths[0], draw.choice((2, 6, 7, 16, 32, 33)))
            draw.choice((net.one_hot, net.piecewise, net.piecewise)).append(group)
            net.widths[0] += group[1] + draw.choice((0, 0, 1, 5))
    for _ in range(draw.randint(1, 4)):
        shared = [op for op in net.operations if op.kind == "affine"]
        shared = [op for op in shared if net.slots[op.weight].shape == (net.widths[-1],) * 2]
        before = net.last
        if shared and draw.random() < 0.5:
            op = draw.choice(shared)
            again = Operation("affine", (net.last,), weight=op.weight, bias=op.bias)
            net.add(again, net.widths[-1])
        else:
            same = draw.random() < 0.4
            width = net.widths[-1] if same else draw.choice((1, 2, 3, 7, 8, 16, 19, 40))
            net.affine(width, bias=draw.random() < 0.8, learns=draw.random() < 0.9)
        if net.widths[-1] > 2 and draw.random() < 0.25:
            norm = Operation("layer_norm", (net.last,), a=draw.choice((1e-5, 1e-3)))
            if draw.random() < 0.7:
                norm.weight = net.slot(net.widths[-1])
                norm.bias = net.slot(net.widths[-1]) if draw.random() < 0.8 else None
            net.add(norm, net.widths[-1])
        function = draw.choice(FUNCTIONS)
        numbers = {
            "leaky_relu": (draw.choice((0.01, 0.3)), 0.0),
            "elu": (draw.choice((1.0, 0.5)), 0.0),
            "softplus": (draw.choice((1.0, 2.0)), draw.choice((20.0, 1.0))),
        }
        net.activation(function, *numbers.get(function, (0.0, 0.0)))
        if net.widths[before] == net.widths[-1] and draw.random() < 0.5:
            net.add(Operation("add", (net.last, before)), net.widths[-1])
        if draw.random() < 0.1:
            factors = np.array([draw.uniform(0.5, 2) for _ in range(net.widths[-1])])
            net.add(
                Operation("scale", (net.last,), constants=(factors, factors[::-1] - 1)),
                net.widths[-1],
            )
    net.affine(draw.choice((1, 2, 3, 10)))
    return net


@dataclass
class Problem:
    """One training: a net, its data and start, a loss, an optimizer and its schedule."""

    net: Net
    x: Tensor
    y: Tensor
    weights: Tensor | None
    start: list[Tensor]
    loss: dict[str, Any]
    kind: str
    groups: list[dict[str, Any]]
    group_of: list[int]
    batch: int
    clip_norm: float
    clip_value: float
    order: list[np.ndarray]
    rates: np.ndarray


def fill_groups(x: Tensor, net: Net, numbers: torch.Generator) -> None:
    """The columns of groups: one-hot with some rows without a 1, or shares of bins."""
    for first, columns in net.one_hot:
        chosen = torch.randint(0, columns + 1, (len(x), 1), generator=numbers)
        x[:, first : first + columns] = (torch.arange(columns) == chosen).to(x.dtype)
    for first, columns in net.piecewise:
        value = torch.rand(len(x), 1, generator=numbers, dtype=torch.float64) * (columns + 2) - 1
        x[:, first : first + columns] = (value - torch.arange(columns)).clamp(0, 1).to(x.dtype)


def random_problem(
    seed: int, dtype: torch.dtype, steps: int, tame: bool = False, coded: bool = False
) -> Problem:
    """coded: some inputs are groups that are stored as codes.  tame: small rates, and an eps that
    does not let adam and rmsprop divide a gradient of mere rounding by its own size: for runs in
    which rounding must not grow."""
    draw = random.Random(seed)
    numbers = torch.Generator().manual_seed(seed)
    net = random_net(draw, dtype, coded)
    rows = draw.choice((1, 5, 40, 150, 300))
    outputs = net.widths[-1]
    batch = draw.randint(1, rows) if draw.random() < 0.7 else rows

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=numbers, dtype=torch.float64).to(dtype)

    loss: dict[str, Any] = {
        "kind": draw.choice(LOSSES),
        "reduction": draw.choice(("mean", "mean", "sum")),
        "a": 0.0,
    }
    y = normal(rows, outputs)
    positive = (normal(outputs).abs() + 0.2).numpy()
    if loss["kind"] in ("smooth_l1", "huber"):
        loss["a"] = draw.choice((1.0, 0.3))
    if loss["kind"] == "bce":
        y = torch.rand(rows, outputs, generator=numbers, dtype=torch.float64).to(dtype)
        loss["positive_weights"] = positive if draw.random() < 0.4 else None
        loss["class_weights"] = positive[::-1].copy() if draw.random() < 0.3 else None
    if loss["kind"] == "cross_entropy":
        y = torch.randint(0, outputs, (rows,), generator=numbers)
        loss["a"] = draw.choice((0.0, 0.0, 0.1, 0.5))
        loss["ignored"] = draw.choice((-100, -100, 0 if outputs > 1 else -100))
        if loss["ignored"] == -100 and batch == rows and draw.random() < 0.5:
            y[1::3] = -100
        loss["class_weights"] = positive if draw.random() < 0.4 else None
    weights = None
    if draw.random() < 0.3:
        weights = torch.rand(rows, generator=numbers, dtype=torch.float64).to(dtype) + 0.1
    kind, groups = random_optimizer(draw, 1 if draw.random() < 0.7 else 2)
    for group in groups:
        if tame and "eps" in group:
            group["eps"] = 1e-3
    top = 1e-3 if tame else draw.choice((1e-3, 1e-2))
    rates = np.empty((steps, len(groups), 2))
    for step in range(steps):
        for number, group in enumerate(groups):
            rates[step, number] = top / (1 + number + 0.1 * step), group["cycled"]
    order = []
    epoch: list[int] = []
    for _ in range(steps):
        epoch = epoch or draw.sample(range(rows), rows)
        order.append(np.array(epoch[:batch], dtype=np.int32))
        epoch = epoch[batch:]
    if loss["kind"] == "cross_entropy":  # a batch with nothing that counts has no mean
        counted = int(torch.tensor(max(outputs - 1, 0)))
        for rows_of_step in order:
            if (y[rows_of_step] == loss["ignored"]).all():
                y[int(rows_of_step[0])] = counted
    start = []
    for slot in net.slots:
        size = 1 / np.sqrt(slot.shape[1]) if len(slot.shape) == 2 else 0.5
        start.append(normal(*slot.shape) * size)
    for op in net.operations:
        if op.kind == "layer_norm" and op.weight is not None:
            start[op.weight] = start[op.weight].abs() + 0.5
    x = normal(rows, net.widths[0])
    fill_groups(x, net, numbers)
    return Problem(
        net, x, y, weights, start, loss, kind, groups,
        [draw.randrange(len(groups)) for _ in net.slots], batch,
        draw.choice((0.0, 0.0, 0.0, 0.5)), draw.choice((0.0, 0.0, 0.0, 0.05)), order, rates,
    )  # fmt: skip


def random_optimizer(draw: random.Random, count: int) -> tuple[str, list[dict[str, Any]]]:
    """The kind and `count` groups of settings; "cycled" is what comes with the rates."""
    kind = draw.choice(tuple(BUFFERS))
    groups = []
    momentum = draw.choice((0.0, 0.9, 0.5))
    flags = {"amsgrad": draw.random() < 0.4, "centered": draw.random() < 0.4}
    for _ in range(count):
        group: dict[str, Any] = {
            "weight_decay": draw.choice((0.0, 0.01, 0.1)),
            "maximize": draw.random() < 0.15,
        }
        if kind == "sgd":
            nesterov = momentum > 0 and draw.random() < 0.4
            group |= {
                "momentum": momentum,
                "dampening": 0.0 if nesterov else draw.choice((0.0, 0.3)),
                "nesterov": nesterov,
            }
        elif kind == "rmsprop":
            group |= {
                "momentum": momentum,
                "alpha": draw.choice((0.99, 0.9)),
                "eps": draw.choice((1e-8, 1e-3)),
                "centered": flags["centered"],
            }
        else:
            group |= {
                "beta1": draw.choice((0.9, 0.5)),
                "beta2": draw.choice((0.999, 0.9)),
                "eps": draw.choice((1e-8, 1e-3)),
                "amsgrad": flags["amsgrad"],
            }
        group["cycled"] = group.get("beta1", momentum)
        groups.append(group)
    return kind, groups
