"""The content of a backprop: the loss of some rows, its gradients, the updates and the checks.

backprop_text.py and backprop_json.py word it, backprop.py computes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.errors import Notice, error, nearest, shown
from vetro.glass import plain
from vetro.glass.backprop.allowance import Allowance
from vetro.glass.backprop.differences import Differences, verdicts_of
from vetro.glass.backprop.proposals import Proposal
from vetro.glass.backprop.signals import Signals, signals
from vetro.glass.check import Check, Verdict
from vetro.glass.learning.loss_terms import LossTerms
from vetro.glass.subject import Part, Subject
from vetro.twins import match

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BackpropRecord:
    """The loss of some rows, and its gradients.

    places, targets: the name and the target of each row, as text.
    x: (rows, features) as the network reads them.
    values, deltas: each value of the network (rows, features), and how fast the loss rises with it.
    terms: the loss.  names: the name of each parameter.
    gradient, autograd, twice, learns: (parameter_count,) each: the gradient by plain.py, by torch,
    torch's after a second backward, and whether the parameter may change.
    rounding: how far autograd may lie from gradient.  central: the central differences.
    updates: the steps that the optimizers would take.  checks: the comparisons.
    """

    subject: Subject
    part: Part
    places: tuple[str, ...]
    targets: tuple[str, ...]
    x: Floats
    y: NDArray[Any]
    values: list[Floats]
    deltas: list[Floats]
    terms: LossTerms
    names: tuple[str, ...]
    gradient: Floats
    autograd: Floats
    twice: Floats
    learns: NDArray[np.bool_]
    rounding: Allowance
    central: Differences
    updates: tuple[Proposal, ...]
    checks: tuple[Check, ...]
    notes: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()

    @property
    def loss(self) -> float:
        """The loss, in float64."""
        return self.terms.value

    @cached_property
    def gradients(self) -> dict[str, float]:
        """Every gradient by the name of its parameter, in the order of the flat vector."""
        return dict(zip(self.names, self.gradient.tolist(), strict=True))

    @cached_property
    def central_differences(self) -> dict[str, float]:
        """The central differences that were computed, by name."""
        return {
            self.names[index]: float(value)
            for index, value in zip(self.central.index, self.central.value, strict=True)
        }

    @cached_property
    def central_verdicts(self) -> dict[int, Verdict]:
        """Number of a parameter -> verdict, for each central difference that was computed."""
        verdicts = verdicts_of(self.central, self.gradient, self.rounding.gradient)
        return dict(zip(self.central.index.tolist(), verdicts, strict=True))

    @property
    def largest(self) -> NDArray[np.int64]:
        """The parameters by the size of their gradients, largest first."""
        return np.argsort(-np.abs(self.gradient), kind="stable")

    def number(self, name: str) -> int:
        """A parameter's place in the flat vector; E710 if no parameter has this name."""
        name = match(name, self.names)
        if name not in self.gradients:
            hint = nearest(name, self.names)
            lists = "vetro.parameters(module)" if self.subject.model is None else "vetro parameters"
            fix = f"{hint}{lists} lists the names."
            raise error("E710", what=f'there is no parameter "{shown(name)}"', fix=fix)
        return self.names.index(name)

    def contributions(self, name: str) -> Floats:
        """What each row adds to the gradient of a parameter, (rows,); their sum is the gradient."""
        index = self.number(name)
        total = np.zeros(len(self.x))
        for delta, came_in in self.factors(index):
            total += delta * came_in
        return total

    def factors(self, index: int) -> list[tuple[Floats, Floats]]:
        """For each use of a parameter: the unit's delta and its input, (rows,) each."""
        slot = next(
            number
            for number, item in enumerate(self.part.network.slots)
            if item.offset <= index < item.offset + item.size
        )
        place = self.part.network.slots[slot]
        own, found = index - place.offset, []
        for operation in self.part.network.operations:
            if slot not in (operation.weight, operation.bias):
                continue
            delta, x = self.deltas[operation.output], self.values[operation.inputs[0]]
            x = plain.came_in(operation, slot, x)
            matrix = len(place.shape) == 2
            unit, source = divmod(own, place.shape[1]) if matrix else (own, own % x.shape[1])
            found.append((delta[:, unit], x[:, source]))
        return found

    def signals(self, row: int = 0) -> list[Signals]:
        """The error signals of each layer at one row (counted from 0), from the output back."""
        return signals(self.part, self.values, self.deltas, row)

    @cached_property
    def worst_row(self) -> int:
        """The row whose term of the loss is largest."""
        return int(np.argmax(self.terms.terms.sum(axis=1)))

    def __bool__(self) -> bool:
        """Whether every check passed."""
        return all(self.checks)


def comparison(found: BackpropRecord, number: int) -> Verdict:
    """The verdict on one gradient, compared with autograd's and with its central difference."""
    apart = abs(found.autograd[number] - found.gradient[number])
    if not apart <= found.rounding.gradient[number]:
        return "failed"
    return found.central_verdicts.get(number, "passed")
