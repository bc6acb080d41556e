"""Networks and boxes for the tests of bounds and proofs, and where a network goes on a box."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from vetro.glass import plain
from vetro.glass.bounds.axes import space_of
from vetro.glass.bounds.box import Boxes, Range, Space
from vetro.glass.rows import Rows, answers, part_inputs, part_outputs
from vetro.glass.subject import Subject, subject_of

ACTIVATIONS: dict[str, Any] = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "leaky_steep": lambda: nn.LeakyReLU(1.7),
    "elu": lambda: nn.ELU(1.4),
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "gelu_tanh": lambda: nn.GELU(approximate="tanh"),
    "softplus": nn.Softplus,
    "softplus_early": lambda: nn.Softplus(beta=2.0, threshold=1.0),
    "identity": nn.Identity,
}


class Residual(nn.Module):
    """A layer, an activation, a sum with what came in, a layer norm, a layer."""

    def __init__(self, inputs: int, hidden: int, outputs: int, activation: nn.Module) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.activation = activation
        self.norm = nn.LayerNorm(hidden)
        self.last = nn.Linear(hidden, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.activation(self.first(x * 0.5 + 0.25))
        return self.last(self.norm(x + self.activation(self.second(x))))


def random_module(random: np.random.Generator, double: bool = False) -> nn.Module:
    """A module of random shape, activation and numbers."""
    torch.manual_seed(int(random.integers(1 << 31)))
    name = str(random.choice(list(ACTIVATIONS)))
    inputs, hidden, outputs = (int(random.integers(1, most)) for most in (5, 12, 4))
    if random.random() < 0.25:
        module: nn.Module = Residual(inputs, hidden + 1, outputs, ACTIVATIONS[name]())
    else:
        layers: list[nn.Module] = []
        width = inputs
        for _ in range(int(random.integers(0, 4))):
            layers += [nn.Linear(width, hidden), ACTIVATIONS[name]()]
            width = hidden
        module = nn.Sequential(*layers, nn.Linear(width, outputs))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(float(random.choice([0.3, 1.0, 3.0])))
    return module.double() if double else module


def random_boxes(random: np.random.Generator, inputs: int, count: int) -> list[Range]:
    """Ranges around 0, from points to wide ones."""
    middle = random.normal(0, 2, (count, inputs))
    half = np.abs(random.normal(0, 1, (count, inputs))) * random.choice(
        [0, 0.01, 0.3, 3.0], (count, 1)
    )
    return [
        [Range(float(m - h), float(m + h)) for m, h in zip(*row, strict=True)]
        for row in zip(middle, half, strict=True)
    ]


def boxes_of(subject: Subject, several: list[list[Range]]) -> tuple[Space, Boxes]:
    """All boxes in the space of the first."""
    space, _ = space_of(subject, several[0])
    low = np.array([[found.low for found in box] for box in several])
    high = np.array([[found.high for found in box] for box in several])
    return space, Boxes(low, high, np.zeros((len(several), 0), dtype=bool))


def outputs_at(subject: Subject, raw: np.ndarray) -> list[np.ndarray]:
    """What the engines give: torch's forward (or predict), and the native engine's of a module."""
    found = [answers(subject, Rows(raw))]
    if subject.model is None:
        part = subject.parts[0]
        found.append(part_outputs(part, part_inputs(part, Rows(raw))).astype(np.float64))
    return found


def ascend(subject: Subject, raw: np.ndarray, low: np.ndarray, high: np.ndarray, sign: float,
           answer: int) -> np.ndarray:  # fmt: skip
    """Rows moved along the gradient of a module's answer, within the box."""
    part = subject.parts[0]
    step = (high - low) / 4
    for _ in range(12):
        values = plain.forward(part, raw)
        delta = np.zeros_like(values[-1])
        delta[:, answer] = sign
        slope = plain.backward(part, values, delta)[1][0]
        raw = np.clip(raw + step * np.sign(slope), low, high)
        step = step * 0.7
    return raw


def module_subject(random: np.random.Generator) -> Subject:
    """A random module as the glass sees it, of float32 or float64."""
    return subject_of(random_module(random, double=bool(random.random() < 0.4)))
