"""A step: one number of a network with its formula.  A stage: all steps of one operation.

A stage keeps arrays and makes its steps on request, since even a small network has thousands of
terms.  trace_cells.py has the encoding of a row, trace.py the mean of the members.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.figures import figure
from vetro.glass.plain import Floats
from vetro.glass.subject import Part
from vetro.networks import walk
from vetro.networks.lowered import LoweredNetwork, Operation

_LETTERS = {"affine": "h", "activation": "h", "layer_norm": "n", "scale": "u", "add": "s"}


@dataclass(frozen=True)
class Term:
    """One product of a sum: the weight of that name times the value of its source."""

    parameter: str
    source: str
    weight: float
    value: float

    @property
    def product(self) -> float:
        return self.weight * self.value

    def to_json(self) -> dict[str, Any]:
        """A plain dict, the product included."""
        return {
            "parameter": self.parameter,
            "source": self.source,
            "weight": self.weight,
            "value": self.value,
            "product": self.product,
        }


@dataclass(frozen=True)
class Step:
    """One number.  name: layer1[h3].  formula: "h3 = relu(z3)".  working: its right side in
    numbers, "" for a sum, which has terms and a bias instead.  off: whether it is the 0 of a relu
    that is off.  unit: the unit of the value.
    """

    name: str
    formula: str
    value: float
    working: str = ""
    unit: str = ""
    off: bool = False
    terms: tuple[Term, ...] = ()
    bias: tuple[str, float] | None = None

    def to_json(self) -> dict[str, Any]:
        """A plain dict; terms, bias, unit and off only where there are any."""
        found: dict[str, Any] = {"name": self.name, "formula": self.formula}
        if self.working:
            found["working"] = self.working
        found["value"] = self.value
        if self.unit:
            found["unit"] = self.unit
        if self.off:
            found["off"] = True
        if self.terms:
            found["terms"] = [term.to_json() for term in self.terms]
        if self.bias is not None:
            found["bias"] = {"parameter": self.bias[0], "value": self.bias[1]}
        return found


@dataclass(frozen=True, eq=False)
class Stage:
    """One operation on one row.

    formula: for all units, "z = W x + b".  letter: the symbol of the first input in it.
    units: the names of the results; symbols: their symbols in formulas; values: (units,).
    read: the values of each input; symbols_read: their symbols in formulas; units_read: the names
    of the first input's units.  weight: (units, sources) of a sum, (units,) of a layer norm; bias:
    (units,); both with names.  off: (units,), whether a relu gives 0.
    """

    operation: Operation
    formula: str
    letter: str
    units: tuple[str, ...]
    symbols: tuple[str, ...]
    values: Floats
    read: tuple[Floats, ...]
    symbols_read: tuple[tuple[str, ...], ...]
    units_read: tuple[str, ...]
    weight: Floats | None
    bias: Floats | None
    weight_name: str
    bias_name: str
    off: NDArray[np.bool_]

    @property
    def kind(self) -> str:
        return self.operation.kind

    @property
    def where(self) -> str:
        """The layer, or the line of code, of this operation."""
        return self.operation.where or self.operation.kind

    def __len__(self) -> int:
        return len(self.values)

    def steps(self) -> Iterator[Step]:
        """Every unit's step, in order."""
        return map(self.step, range(len(self)))

    def step(self, unit: int) -> Step:
        """The step of one unit."""
        symbol, right, working = self.symbols[unit], *self.right(unit)
        terms: tuple[Term, ...] = ()
        if self.kind == "affine":
            terms = tuple(self.terms(unit))
        with_bias = self.bias is not None and self.kind == "affine"
        return Step(
            f"{self.where}[{self.units[unit]}]",
            f"{symbol} = {right}",
            float(self.values[unit]),
            working=working,
            off=bool(self.off[unit]),
            terms=terms,
            bias=(f"{self.bias_name}[{self.units[unit]}]", self.bias_of(unit))
            if with_bias
            else None,
        )

    def terms(self, unit: int, order: Sequence[int] | None = None) -> Iterator[Term]:
        """The products of a sum: all in order, or those of the given sources."""
        assert self.weight is not None
        row, read, unit_name = self.weight[unit], self.read[0], self.units[unit]
        for source in range(len(read)) if order is None else order:
            name = f"{self.weight_name}[{unit_name} <- {self.units_read[source]}]"
            symbol = self.symbols_read[0][source]
            yield Term(name, symbol, float(row[source]), float(read[source]))

    def largest(self, unit: int) -> NDArray[np.intp]:
        """The sources of a sum, the largest product first."""
        assert self.weight is not None
        return np.argsort(-np.abs(self.weight[unit] * self.read[0]), kind="stable")

    def bias_of(self, unit: int) -> float:
        """The bias of a unit, 0 where there is none."""
        return 0.0 if self.bias is None else float(self.bias[unit])

    def right(self, unit: int) -> tuple[str, str]:
        """The right side of a unit's formula, in symbols and in numbers."""
        operation = self.operation
        if self.kind == "affine":
            return f"w . {self.letter}" + ("" if self.bias is None else " + b"), ""
        read, symbol = float(self.read[0][unit]), self.symbols_read[0][unit]
        given = figure(read)
        if self.kind == "activation":
            name = operation.function
            return (symbol, given) if name == "identity" else (f"{name}({symbol})",
                                                               f"{name}({given})")  # fmt: skip
        if self.kind == "add":
            other = self.symbols_read[1][unit]
            return f"{symbol} + {other}", f"{given} {signed(float(self.read[1][unit]))}"
        if self.kind == "scale":
            factor, shift = (float(constant[unit]) for constant in operation.constants)
            scaled = f"* {figure(factor)} {signed(shift)}"
            return f"{symbol} {scaled}", f"{given} {scaled}"
        if self.kind == "dropout":
            return f"{symbol} (dropout acts in training only)", given
        mean, variance, eps = self.moments()
        letters = f"({symbol} - mean) / sqrt(variance + {figure(eps)})"
        numbers = f"({given} {signed(-mean)}) / sqrt({figure(variance)} + {figure(eps)})"
        if self.weight is not None:
            letters, numbers = f"{letters} * weight", f"{numbers} * {figure(self.weight[unit])}"
        if self.bias is not None:
            letters, numbers = f"{letters} + bias", f"{numbers} {signed(self.bias_of(unit))}"
        return letters, numbers

    def moments(self) -> tuple[float, float, float]:
        """The mean and variance that a layer norm computes, and its eps."""
        read = self.read[0]
        return float(read.mean()), float(read.var()), self.operation.numbers[0]

    def to_json(self) -> dict[str, Any]:
        """A plain dict, every step with every term."""
        return {
            "kind": self.kind,
            "where": self.where,
            "formula": self.formula,
            "steps": [step.to_json() for step in self.steps()],
        }


def signed(value: float, unit: float = math.inf) -> str:
    """A number as a later term of a sum: "+ 0.5", "- 0.5".  It has enough digits that repeating the
    sum gives the result within 0.00005 of a unit."""
    # Not the logarithm of the quotient, which can be 0 or infinite where both are finite.
    scaled = value and 0 < unit < math.inf
    ahead = math.log10(abs(value)) - math.log10(unit) if scaled else 0.0
    size = figure(abs(value), 5 + max(0, min(10, math.ceil(ahead))))
    return f"{'-' if value < 0 else '+'} {size}"


def stages_of(
    part: Part,
    values: Sequence[Floats],
    names: Sequence[tuple[str, ...]],
    output_symbols: tuple[str, ...],
) -> tuple[Stage, ...]:
    """The stages of a part on one row.  values: of plain.forward, each (1, features)."""
    network = part.network
    symbols = _symbols(network, names, output_symbols)
    stages = []
    for operation in network.operations:
        output, first = operation.output, operation.inputs[0]
        row = values[output][0]
        off = np.zeros(len(row), dtype=np.bool_)
        if operation.bends and operation.activation.below == 0:
            off = values[first][0] <= 0
        weight, weight_name = _held(part, operation.weight)
        bias, bias_name = _held(part, operation.bias)
        letters = [_called(network, operation, number) for number in operation.inputs]
        stages.append(
            Stage(
                operation=operation,
                formula=_formula(operation, letters, letter(network, output)),
                letter=letters[0],
                units=names[output],
                symbols=symbols[output],
                values=row,
                read=tuple(values[number][0] for number in operation.inputs),
                symbols_read=tuple(
                    _read(network, operation, number, symbols) for number in operation.inputs
                ),
                units_read=names[first],
                weight=weight,
                bias=bias,
                weight_name=weight_name,
                bias_name=bias_name,
                off=off,
            )
        )
    return tuple(stages)


def _held(part: Part, slot: int | None) -> tuple[Floats | None, str]:
    if slot is None:
        return None, ""
    return part.view(slot).astype(np.float64), part.network.slots[slot].name


def letter(network: LoweredNetwork, value: int) -> str:
    """A value's symbol in formulas: x the input, y the output, z a sum before an activation."""
    if value == 0:
        return "x"
    if value == network.operations[-1].output:
        return "y"
    operation = next(o for o in network.operations if o.output == value)
    if operation.kind == "dropout":
        return letter(network, operation.inputs[0])
    if operation.kind == "affine" and any(
        o.kind == "activation" and value in o.inputs for o in network.operations
    ):
        return "z"
    return _LETTERS[operation.kind]


def _symbols(
    network: LoweredNetwork, names: Sequence[tuple[str, ...]], outputs: tuple[str, ...]
) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    last = network.operations[-1].output if network.operations else 0
    for value, units in enumerate(names):
        prefix = letter(network, value)
        if value == last:
            found.append(outputs)
        elif value == 0:
            found.append(units)
        else:
            found.append(tuple(_symbol(prefix, unit) for unit in units))
    return found


def _symbol(prefix: str, unit: str) -> str:
    """z3 for unit h3, z(price) for a unit with another name."""
    numbered = unit[:1] == "h" and unit[1:].isdecimal()
    return f"{prefix}{unit[1:]}" if numbered else f"{prefix}({unit})"


def _origin(network: LoweredNetwork, operation: Operation, value: int) -> str:
    """The addition " of layer1" to a symbol, if two values with the same symbol are added."""
    called = [letter(network, number) for number in operation.inputs]
    if value == 0 or len(set(called)) == len(called):
        return ""
    maker = next(other for other in network.operations if other.output == value)
    return f" of {maker.where or maker.kind}"


def _called(network: LoweredNetwork, operation: Operation, value: int) -> str:
    return letter(network, value) + _origin(network, operation, value)


def _read(
    network: LoweredNetwork, operation: Operation, value: int, symbols: Sequence[tuple[str, ...]]
) -> tuple[str, ...]:
    origin = _origin(network, operation, value)
    return tuple(symbol + origin for symbol in symbols[value]) if origin else symbols[value]


def _definition(operation: Operation, x: str) -> str:
    """An activation's formula in x, with its numbers filled in and factors of 1 left out."""
    factors = [figure(number) + " " for number in operation.numbers]
    meant = operation.activation.formula.format(*factors)
    meant = re.sub(r" / 1 (?=,)|(?<![\d.])1 (?=[z(])", "", meant).replace(" ,", ",")
    return re.sub(r"\bz\b", x, meant).rstrip()


def _formula(operation: Operation, letters: Sequence[str], y: str) -> str:
    """The formula of all units: "z = W x + b", "h = relu(z) = max(0, z)"."""
    idle = ": dropout acts in training only" if operation.kind == "dropout" else ""
    return f"{y} = {walk.apply(operation, letters, _Letters())}{idle}"


class _Letters:
    """Texts: the arithmetic of a reader."""

    def affine(self, operation: Operation, x: str) -> str:
        return f"W {x}" + ("" if operation.bias is None else " + b")

    def activation(self, operation: Operation, x: str) -> str:
        named, meant = f"{operation.function}({x})", _definition(operation, x)
        return meant if meant == named else f"{named} = {meant}"

    def layer_norm(self, operation: Operation, x: str) -> str:
        scaled = "" if operation.weight is None else " * weight"
        shifted = "" if operation.bias is None else " + bias"
        return f"({x} - mean) / sqrt(variance + eps){scaled}{shifted}"

    def scale(self, operation: Operation, x: str) -> str:
        return f"{x} * factor + shift"

    def add(self, operation: Operation, x: str, y: str) -> str:
        return f"{x} + {y}"
