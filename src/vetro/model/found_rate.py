"""The learning rate of a fit where no measured rule has one: a range test with the first member.

The test: training/rate_test.py.  It trains the member for 200 steps, and forgets the result.
"""

from __future__ import annotations

import math
from dataclasses import replace

from vetro.engines.choose import Choice
from vetro.engines.job import Stopping
from vetro.engines.native_engine import NativeEngine
from vetro.engines.native_run import NativeRun
from vetro.engines.rates import Factors
from vetro.errors import notice
from vetro.model.members import Ensemble
from vetro.networks.updates.table import moving
from vetro.training.rate_test import HIGHEST, LOWEST, STEPS, LearningRates, judged, ramp
from vetro.training.recipe import SOLVERS

USUAL = 1e-2
"""Where there is no native engine for the test, or its first loss is not finite."""


def with_rate(ensemble: Ensemble, choice: Choice) -> Ensemble:
    """The same; where its recipe leaves the learning rate open, with the one that the test finds,
    of two digits, and the message about it."""
    recipe = ensemble.recipe
    if not recipe.leaves_open("learning_rate") or recipe.optimizer in SOLVERS:
        return ensemble
    rate = USUAL
    if isinstance(choice.engine, NativeEngine):
        found = _tested(ensemble, choice.engine)
        rate = USUAL if found is None else float(f"{found.suggestion:.2g}")
    said = notice("I330", optimizer=recipe.optimizer, rate=rate)
    table = replace(ensemble.table, notices=(*ensemble.table.notices, said))
    return replace(ensemble, table=table, recipe=replace(recipe, learning_rate=rate))


def _tested(ensemble: Ensemble, engine: NativeEngine) -> LearningRates | None:
    tried = replace(ensemble, recipe=replace(ensemble.recipe, learning_rate=USUAL))
    job = tried.tasks()[0].prepare()
    course = job.course
    rates = ramp(LOWEST, HIGHEST, STEPS)
    # Factors has one for each epoch; here every step is one
    ramped = Factors(1.0, moving(job.updates.rules[0]), rates, steps_an_epoch=1)
    test = replace(
        job,
        validation=None,
        course=replace(course, rates=ramped, stopping=Stopping(STEPS, keep_best=False)),
    )
    losses = _Losses()
    engine.run([test], losses)
    try:
        return judged(rates.tolist(), losses.found)
    except ValueError:
        return None


class _Losses:
    """A watch that keeps the loss of every step."""

    def __init__(self) -> None:
        self.found: list[float] = []

    def interruption(self) -> str:
        return ""

    def begins(self, running: NativeRun) -> bool:
        return True

    def told(self, running: NativeRun) -> str:
        self.found += running.new_losses()
        return ""

    def ends(self, running: NativeRun, stopped: str) -> None:
        self.found += running.new_losses()
        if stopped == "diverged":
            self.found.append(math.nan)
