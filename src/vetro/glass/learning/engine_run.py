"""A few training steps of the native engine: the gradients, parameters and states it returns.

It uses the compiled core itself, as training and prediction do; no model or module is changed.  It
does not need torch: both doors describe their loss and optimizer by plain rules.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.engines.native_core import core
from vetro.engines.native_program import program_of
from vetro.engines.native_records import (
    core_loss,
    core_optimizer,
    state_arrays,
    state_of,
)
from vetro.glass.subject import Part
from vetro.networks.losses.rule import LossRule
from vetro.networks.lowered import LoweredNetwork
from vetro.networks.updates.rule import VECTORS, UpdateRule, Updates
from vetro.networks.updates.table import moving

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Learning:
    """A loss, and an optimizer over ranges of the flat vector.

    state: flat vectors by the core's names, and "step" (ranges,); None before the first step.
    """

    loss: LossRule
    updates: Updates
    state: dict[str, Array] | None = None


@dataclass(frozen=True, eq=False)
class Step:
    """The result of one step, all flat (parameter_count,): the gradient, and the parameters and the
    optimizer's vectors before and after; steps: the number of steps taken before, for each range.

    taken: whether there was an update: the engine makes none if the loss is not finite.
    """

    gradient: Array
    before: dict[str, Array]
    after: dict[str, Array]
    steps: Array
    taken: bool = True

    def pieces(self, learning: Learning) -> list[tuple[UpdateRule, float, Array]]:
        """Parameters with the same rule and the same number of steps: (rule, steps, places)."""
        of: dict[tuple[int, float], list[Array]] = {}
        for (begin, end, group), steps in zip(learning.updates.ranges, self.steps, strict=True):
            of.setdefault((group, float(steps)), []).append(np.arange(begin, end))
        return [
            (learning.updates.rules[group], steps, np.concatenate(places))
            for (group, steps), places in of.items()
        ]


def steps_of(
    part: Part,
    x: Array,
    target: Array,
    learning: Learning,
    count: int,
    one_hot: tuple[tuple[int, int], ...] = (),
) -> list[Step]:
    """`count` training steps, one after the other, each on all rows.

    Dropout keeps every value, as in a prediction.
    target: (rows, outputs) of the network's dtype, or classes (rows,) int64.
    """
    network = _without_dropout(part.network)
    dtype = np.dtype(network.dtype)
    frozen = [
        number
        for number, slot in enumerate(network.slots)
        if not any(begin <= slot.offset < end for begin, end, _ in learning.updates.ranges)
    ]
    trainer = core().Trainer(
        program_of(network, frozen, one_hot),
        np.ascontiguousarray(part.parameters),
        core().Rows(np.ascontiguousarray(x, dtype=dtype), np.ascontiguousarray(target)),
        core_loss(learning.loss, dtype),
        core_optimizer(learning.updates),
        core().Settings(batch_size=len(x), total_steps=count, threads=1, finite=False),
    )
    if learning.state is not None:
        trainer.set_state(state_of(learning.state))
    rates = [(rule.rate, moving(rule)) for rule in learning.updates.rules]
    found = []
    before = state_arrays(trainer.state())
    for _ in range(count):
        trainer.feed(None, np.array([rates], dtype=np.float64))
        while (status := trainer.advance(1.0)) == "time":
            pass
        after = state_arrays(trainer.state())
        found.append(
            Step(
                trainer.gradients(),
                _complete(before, part),
                _complete(after, part),
                before["step"],
                taken=status != "diverged",
            )
        )
        before = after
    return found


def _without_dropout(network: LoweredNetwork) -> LoweredNetwork:
    """Dropout masks that keep every value, scaled by 1."""
    operations = tuple(
        replace(operation, numbers=(0.0,)) if operation.kind == "dropout" else operation
        for operation in network.operations
    )
    return replace(network, operations=operations)


def _complete(state: dict[str, Array], part: Part) -> dict[str, Array]:
    """With zeros for the vectors that the optimizer does not keep."""
    none = np.zeros_like(part.parameters)
    return {name: state.get(name, none) for name in ("parameters", *VECTORS)}
