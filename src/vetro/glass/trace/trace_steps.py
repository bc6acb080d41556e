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
from vetro.glass.as_json import as_json
from vetro.glass.plain import Floats
from vetro.glass.subject import Part
from vetro.networks import walk
from vetro.networks.lowered import LoweredNetwork, Operation

_LETTERS = {"affine": "h", "activation": "h", "layer_norm": "n", "scale": "u", "add": "s"}
_IDLE = "dropout acts in training only"


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
        return {  # written out, as the step's: a trace can have 100,000 terms
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
    (units,); both with names.  off: (units,), whether a relu gives 0.  bins: (first source,
    sources) of each number's bins, if the first input is the network's.
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
    bins: tuple[tuple[int, int], ...] = ()

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
        letters, working = self.right(unit)
        name, summed = self.units[unit], self.kind == "affine"
        with_bias = summed and self.bias is not None
        return Step(
            f"{self.where}[{name}]",
            f"{self.symbols[unit]} = {letters}",
            float(self.values[unit]),
            working=working,
            off=bool(self.off[unit]),
            terms=tuple(self.terms(unit)) if summed else (),
            bias=(f"{self.bias_name}[{name}]", self.bias_of(unit)) if with_bias else None,
        )

    def terms(self, unit: int, order: Sequence[int] | None = None) -> Iterator[Term]:
        """The products of a sum: all in order, or those of the given sources."""
        assert self.weight is not None
        row, read, unit_name = self.weight[unit], self.read[0], self.units[unit]
        for source in range(len(read)) if order is None else order:
            name = f"{self.weight_name}[{unit_name} <- {self.units_read[source]}]"
            symbol = self.symbols_read[0][source]
            yield Term(name, symbol, float(row[source]), float(read[source]))

    def bias_of(self, unit: int) -> float:
        """The bias of a unit, 0 where there is none."""
        return 0.0 if self.bias is None else float(self.bias[unit])

    def right(self, unit: int) -> tuple[str, str]:
        """The right side of a unit's formula, in symbols and in numbers."""
        if self.kind == "affine":
            return f"w . {self.letter}" + ("" if self.bias is None else " + b"), ""
        named, numbers = self._texts(unit)
        symbols = [each[unit] for each in self.symbols_read]
        given = [figure(float(each[unit])) for each in self.read]
        idle = f" ({_IDLE})" if self.kind == "dropout" else ""
        letters = walk.apply(self.operation, symbols, named) + idle
        return letters, walk.apply(self.operation, given, numbers)

    def _texts(self, unit: int) -> tuple[_Texts, _Texts]:
        """How the operation's numbers are written in a unit's formula, and in its working."""
        if self.kind == "layer_norm":
            read, eps = self.read[0], figure(self.operation.numbers[0])
            return _Texts(eps=eps), _Texts(
                less_mean=figure(-float(read.mean())),
                variance=figure(float(read.var())),
                eps=eps,
                weight="" if self.weight is None else figure(self.weight[unit]),
                bias=figure(self.bias_of(unit)),
            )
        if self.kind == "scale":
            factor, shift = (figure(float(each[unit])) for each in self.operation.constants)
            return _Texts(factor=factor, shift=shift), _Texts(factor=factor, shift=shift)
        return _NAMES, _NAMES

    def to_json(self) -> dict[str, Any]:
        """A plain dict, every step with every term."""
        steps = [step.to_json() for step in self.steps()]
        return {**as_json(self, "kind where formula"), "steps": steps}


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
        origins = list(zip(operation.inputs, _origins(network, operation), strict=True))
        letters = [letter(network, number) + origin for number, origin in origins]
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
                    tuple(symbol + origin for symbol in symbols[number])
                    for number, origin in origins
                ),
                units_read=names[first],
                weight=weight,
                bias=bias,
                weight_name=weight_name,
                bias_name=bias_name,
                off=off,
                bins=part.encoder.piecewise if part.encoder is not None and not first else (),
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
    if value == len(network.operations):
        return "y"
    operation = network.operations[value - 1]
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
    found = [names[0]]
    for value, units in enumerate(names[1:-1], start=1):
        prefix = letter(network, value)
        found.append(tuple(_symbol(prefix, unit) for unit in units))
    return [*found, outputs]


def _symbol(prefix: str, unit: str) -> str:
    """z3 for unit h3, z(price) for a unit with another name."""
    numbered = unit[:1] == "h" and unit[1:].isdecimal()
    return f"{prefix}{unit[1:]}" if numbered else f"{prefix}({unit})"


def _origins(network: LoweredNetwork, operation: Operation) -> list[str]:
    """The addition " of layer1" to the symbols of each input, if two values with the same symbol
    are added."""
    letters = {letter(network, number) for number in operation.inputs}
    if len(letters) == len(operation.inputs):
        return [""] * len(letters)
    makers = [network.operations[number - 1] if number else None for number in operation.inputs]
    return [f" of {maker.where or maker.kind}" if maker else "" for maker in makers]


def _definition(operation: Operation, x: str) -> str:
    """An activation's formula in x, with its numbers filled in and factors of 1 left out."""
    factors = [figure(number) + " " for number in operation.numbers]
    meant = operation.activation.formula.format(*factors)
    meant = re.sub(r" / 1 (?=,)|(?<![\d.])1 (?=[z(])", "", meant).replace(" ,", ",")
    return re.sub(r"\bz\b", x, meant).rstrip()


def _formula(operation: Operation, letters: Sequence[str], y: str) -> str:
    """The formula of all units: "z = W x + b", "h = relu(z) = max(0, z)"."""
    right = walk.apply(operation, letters, _NAMES)
    if operation.bends and (meant := _definition(operation, letters[0])) != right:
        right += f" = {meant}"
    return f"{y} = {right}" + (f": {_IDLE}" if operation.kind == "dropout" else "")


@dataclass(frozen=True)
class _Texts:
    """The arithmetic of a reader: formulas as text, with the names of an operation's numbers or
    with their figures."""

    less_mean: str = "-mean"
    variance: str = "variance"
    eps: str = "eps"
    weight: str = "weight"
    bias: str = "bias"
    factor: str = "factor"
    shift: str = "shift"

    def affine(self, operation: Operation, x: str) -> str:
        return f"W {x}" + ("" if operation.bias is None else " + b")

    def activation(self, operation: Operation, x: str) -> str:
        return f"{operation.function}({x})"

    def layer_norm(self, operation: Operation, x: str) -> str:
        made = f"({self.add(operation, x, self.less_mean)}) / sqrt({self.variance} + {self.eps})"
        if operation.weight is not None:
            made = f"{made} * {self.weight}"
        return made if operation.bias is None else self.add(operation, made, self.bias)

    def scale(self, operation: Operation, x: str) -> str:
        return self.add(operation, f"{x} * {self.factor}", self.shift)

    def add(self, operation: Operation, x: str, y: str) -> str:
        return f"{x} - {y[1:]}" if y.startswith("-") else f"{x} + {y}"


_NAMES = _Texts()
