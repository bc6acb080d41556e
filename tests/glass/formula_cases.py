"""Random straight networks for the tests of formula, and the oracle of their outputs."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from vetro.glass import exact
from vetro.glass.subject import Part, Subject
from vetro.glass.verify import exact_backward
from vetro.glass.verify.rounding import FORMATS
from vetro.networks.lowered import LoweredNetwork, Operation
from vetro.networks.network import ParameterSlot


def straight_subject(random: np.random.Generator) -> Subject:
    """A module's Subject: affine layers, relu, leaky_relu, scale, sums with an earlier value,
    dropout, sometimes without bias, with shared weights, in float32 or float64."""
    dtype = "float32" if random.random() < 0.5 else "float64"
    width = int(random.integers(1, 6))
    inputs = width
    operations: list[Operation] = []
    widths, slots, offset = [width], list[ParameterSlot](), 0

    def slot(*shape: int) -> int:
        nonlocal offset
        slots.append(ParameterSlot(f"p{len(slots)}", shape, offset))
        offset += int(np.prod(shape))
        return len(slots) - 1

    def put(kind, inputs_, out, **more):
        operations.append(Operation(kind, inputs_, len(widths), **more))
        widths.append(out)

    square: dict[int, int] = {}
    for _ in range(int(random.integers(1, 7))):
        last = len(widths) - 1
        match random.choice(["affine", "affine", "relu", "leaky_relu", "scale", "add", "dropout"]):
            case "affine":
                out = int(random.integers(1, 9))
                if out == width and width in square and random.random() < 0.5:
                    weight = square[width]
                else:
                    weight = slot(out, width)
                    square.setdefault(width, weight) if out == width else None
                bias = slot(out) if random.random() < 0.8 else None
                put("affine", (last,), out, weight=weight, bias=bias)
                width = out
            case "scale":
                constants = random.normal(size=width), random.normal(size=width)
                put("scale", (last,), width, constants=constants)
            case "add":
                same = [n for n, w in enumerate(widths) if w == width]
                put("add", (last, int(random.choice(same))), width)
            case "dropout":
                put("dropout", (last,), width, numbers=(0.3,))
            case name:
                numbers = (float(random.choice([0.01, 0.2, 1.7])),) if "leaky" in name else ()
                put("activation", (last,), width, function=name, numbers=numbers)
    network = LoweredNetwork(tuple(operations), tuple(widths), tuple(slots), dtype)
    # powers of ten apart, and exact zeros
    parameters = random.normal(size=offset) * 10.0 ** random.integers(-3, 3, offset)
    parameters[random.random(offset) < 0.1] = 0
    names = tuple(f"x{n}" for n in range(inputs))
    outputs = tuple(f"y{n}" for n in range(network.outputs))
    return Subject(
        "module",
        (Part(network, parameters.astype(dtype)),),
        inputs=names,
        units=("",) * inputs,
        features=names,
        outputs=outputs,
        answers=outputs,
        answer_units=("",) * len(outputs),
    )


def some_row(random: np.random.Generator, inputs: int) -> np.ndarray:
    """Numbers of any size; sometimes whole, so that rows lie on borders."""
    row = random.normal(size=inputs) * 10.0 ** random.integers(-2, 3, inputs)
    return np.round(row) if random.random() < 0.3 else row


def outputs_at(subject: Subject, row: np.ndarray) -> list[Fraction]:
    """What the network makes of a row in fractions, by verify's own forward."""
    part = subject.parts[0]
    with exact.precision(part.network):
        last = exact_backward.forward(part, row[None], FORMATS[part.network.dtype])[-1]
        return [exact.fraction(entry) for entry in last.exact.reshape(-1)]
