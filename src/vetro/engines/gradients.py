"""A network's loss over all rows and its gradient, in float64, on the compiled trainer.

For solvers that need no matrix (training/lbfgs.py).  The loss is any that the core has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vetro.engines.job import Course, Job, Rows, Stopping
from vetro.engines.native_core import core
from vetro.engines.native_run import trainer_of
from vetro.engines.orders import Consecutive
from vetro.engines.rates import Factors
from vetro.engines.squares import Floats
from vetro.networks.losses.rule import LossRule
from vetro.networks.lowered import LoweredNetwork
from vetro.networks.updates.rule import UpdateRule, Updates

_WINDOW = 64


class NativeGradients:
    """value and gradient of parameters w (columns,), those in `ranges`; the others stay.

    The trainer takes steps with a learning rate of 0.
    """

    def __init__(
        self,
        network: LoweredNetwork,
        parameters: NDArray[np.floating],
        rows: Rows,
        loss: LossRule,
        ranges: Sequence[tuple[int, int]],
        threads: int = 0,
        *,
        row_mean: bool = False,
    ) -> None:
        self._ranges = tuple(ranges)
        self._parameters = np.array(parameters, dtype=np.float64)
        count = len(rows)
        still = UpdateRule("sgd", 0.0)
        job = Job(
            network=replace(network, dtype="float64"),
            parameters=self._parameters,
            loss=loss,
            update=Updates((still,), tuple((*one, 0) for one in self._ranges)),
            training=rows,
            validation=None,
            course=Course(
                Consecutive(count, count),
                Factors(0.0, 0.0, np.ones(1), 1),
                Stopping(2**40, keep_best=False),
            ),
            row_mean=row_mean,
        )
        self._trainer = trainer_of(job, threads)
        self._fed = 0

    def value(self, w: Floats) -> float:
        """The loss."""
        return self.gradient(w)[0]

    def gradient(self, w: Floats) -> tuple[float, Floats]:
        """The loss, and its derivatives by w."""
        place = 0
        for begin, end in self._ranges:
            self._parameters[begin:end] = w[place : place + end - begin]
            place += end - begin
        done = self._trainer.steps
        if not np.isfinite(self._parameters).all():
            return np.inf, np.full(place, np.nan)
        self._trainer.set_state(core().State(parameters=self._parameters))
        self._trainer.feed(None, np.zeros((1, 1, 2)))
        while self._trainer.steps == done:
            if self._trainer.advance(1.0) == "diverged":
                return np.inf, np.full(place, np.nan)
        loss = float(self._trainer.losses(done)[0])
        whole = self._trainer.gradients()
        return loss, np.concatenate([whole[begin:end] for begin, end in self._ranges])
