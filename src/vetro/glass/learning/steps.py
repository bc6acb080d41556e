"""Steps of an optimizer as an engine or torch took them: the numbers before and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.networks.updates.rule import VECTORS, UpdateRule, Updates

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class State:
    """The parameters and the optimizer's vectors, (n,) each, which are 0 before its first step.

    first: momentum buffer, or Adam's m.  second: v of Adam, s of RMSprop.  third: amsgrad's
    largest v, or RMSprop's mean gradient.  step: steps taken; for SGD 1 where there is a buffer.
    """

    parameters: Array
    first: Array
    second: Array
    third: Array
    step: Array

    @staticmethod
    def of(held: Mapping[str, Array], updates: Updates) -> State:
        """From vectors by the core's names; a missing one is 0.  held["step"]: of each range."""
        parameters = held["parameters"]
        none, step = np.zeros_like(parameters), np.zeros(len(parameters))
        for (begin, end, _), steps in zip(updates.ranges, held.get("step", ()), strict=False):
            step[begin:end] = steps
        first, second, third = (held.get(name, none) for name in VECTORS)
        return State(parameters, first, second, third, step)

    @staticmethod
    def new(parameters: Array) -> State:
        """The state before the first step."""
        return State.of({"parameters": parameters}, Updates((), ()))

    def at(self, place: Any) -> State:
        """Of some of the parameters."""
        return State(
            self.parameters[place],
            self.first[place],
            self.second[place],
            self.third[place],
            self.step[place],
        )


@dataclass(frozen=True, eq=False)
class Step:
    """One step: the gradient that it used, (parameter_count,), and the numbers before and after.

    taken: whether there was an update: the engine makes none if the loss is not finite.
    """

    gradient: Array
    before: State
    after: State
    taken: bool = True

    def pieces(self, updates: Updates) -> list[tuple[UpdateRule, Array]]:
        """The places of the parameters with one rule and one number of steps taken before."""
        of: dict[tuple[int, float], list[Array]] = {}
        for begin, end, group in updates.ranges:
            steps = float(self.before.step[begin:end].max(initial=0.0))
            of.setdefault((group, steps), []).append(np.arange(begin, end))
        return [(updates.rules[group], np.concatenate(places)) for (group, _), places in of.items()]
