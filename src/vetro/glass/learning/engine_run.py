"""A few training steps of the native engine: the gradients, parameters and states it returns.

They are the steps of a job on the compiled trainer, as in training; no model or module is changed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.engines.job import NO_CODES, Codes, Course, Job, Rows, Stopping, TrainingState
from vetro.engines.native_records import state_arrays
from vetro.engines.native_run import trainer_of
from vetro.engines.orders import Consecutive
from vetro.glass.learning.steps import State, Step
from vetro.glass.subject import Part
from vetro.networks.losses.rule import LossRule
from vetro.networks.lowered import LoweredNetwork
from vetro.networks.updates.rule import UpdateRule, Updates
from vetro.networks.updates.table import moving

Array = NDArray[Any]

STEPS = 2
"""Steps of a job: the first, and one that starts from a state."""


def job_of(
    part: Part,
    x: Array,
    y: Array,
    loss: LossRule,
    updates: Updates,
    state: dict[str, Array] | None = None,
) -> Job:
    """Training steps of a part, each on all rows.  Dropout keeps every value, as in a prediction.

    y: (rows, outputs), or classes (rows,) int64.  state: of the optimizer, as read_state gives it;
    None before its first step.
    """
    return Job(
        network=_without_dropout(part.network),
        parameters=part.parameters,
        loss=loss,
        update=updates,
        training=Rows(x, y),
        validation=None,
        course=Course(
            Consecutive(len(x), len(x)), _Steady(updates.rules), Stopping(STEPS, keep_best=False)
        ),
        resume=None if state is None else TrainingState(state),
        codes=_codes(part),
    )


def _codes(part: Part) -> Codes:
    encoder = part.encoder
    return NO_CODES if encoder is None else Codes(encoder.one_hot, encoder.piecewise)


def steps_of(job: Job) -> list[Step]:
    """The steps of a job, one after the other."""
    trainer = trainer_of(job, 1)
    found: list[Step] = []
    before = State.of(state_arrays(trainer.state()), job.updates)
    for number in range(job.course.stopping.steps):
        trainer.feed(None, job.course.rates.sample(number, 1))
        while (status := trainer.advance(1.0)) == "time":
            pass
        after = State.of(state_arrays(trainer.state()), job.updates)
        found.append(Step(trainer.gradients(), before, after, taken=status != "diverged"))
        before = after
    return found


@dataclass(frozen=True)
class _Steady:
    """The rules' own rates in every step."""

    rules: tuple[UpdateRule, ...]

    def window(self, first: int, wanted: int) -> int:
        return wanted

    def sample(self, first: int, steps: int) -> NDArray[np.float64]:
        rates = [(rule.rate, moving(rule)) for rule in self.rules]
        return np.tile(np.array(rates, dtype=np.float64), (steps, 1, 1))

    def commit(self, steps: int, scores: object) -> None:
        """Nothing was drawn that could be put back."""


def _without_dropout(network: LoweredNetwork) -> LoweredNetwork:
    """Dropout masks that keep every value, scaled by 1."""
    operations = tuple(
        replace(operation, numbers=(0.0,)) if operation.kind == "dropout" else operation
        for operation in network.operations
    )
    return replace(network, operations=operations)
