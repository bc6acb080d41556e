"""Jobs as the table door makes them, and a watch that records what an engine tells."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
from recipes import PLAIN

from vetro.engines.job import Clipping, Stopping
from vetro.engines.orders import Seeded
from vetro.engines.rates import Factors
from vetro.training.plan import make_job

RECIPE = ("optimizer", "learning_rate", "momentum", "weight_decay", "batch_size", "epochs")


def job_of(net, initial, data, validation, settings):
    """A job.  settings: of a recipe, and rate_factors, plateau, patience, clip_norm, seed, loss,
    class_weights, without the recipe's limits."""
    given = {"class_weights": None, "plateau": 0, "patience": 0, "clip_norm": 0.0, **settings}
    most = {"learning_rate": min(given["learning_rate"], 1e6)}
    recipe = replace(PLAIN, **{name: given[name] for name in RECIPE} | most)
    made = make_job(
        recipe, net, given["loss"], initial, data, validation, given["seed"], given["class_weights"]
    )
    order, course = made.course.order, made.course
    assert order == Seeded(given["seed"], len(data), min(given["batch_size"], len(data)))
    second = course.rates.second
    factors = np.asarray(given["rate_factors"])
    course = replace(
        course,
        rates=Factors(given["learning_rate"], second, factors, order.steps_an_epoch),
        stopping=Stopping(
            given["epochs"] * order.steps_an_epoch, given["patience"], given["plateau"]
        ),
        clipping=Clipping(given["clip_norm"]),
    )
    return replace(made, course=course)


class Told:
    """Records what an engine tells; stops a job when it has ended the epoch `stop_at`."""

    def __init__(self, stop_at=None, reason="interrupted"):
        self.epochs, self.last, self.stop_at, self.reason = {}, {}, stop_at, reason
        self.outcomes = {}

    def interruption(self):
        return ""

    def begins(self, running):
        return True

    def told(self, running):
        epochs = self._take(running)
        stops = self.stop_at is not None and epochs and epochs[-1].number >= self.stop_at
        return self.reason if stops else ""

    def ends(self, running, stopped):
        self._take(running)
        self.outcomes[running.number] = running.outcome(stopped)

    def _take(self, running):
        epochs = running.new_epochs()
        self.epochs.setdefault(running.number, []).extend(epochs)
        if epochs:
            self.last[running.number] = running.state()
        return epochs


def train(engine, jobs, told=None):
    """The outcomes of the jobs, in order."""
    told = told or Told()
    engine.run(jobs, told, len(jobs))
    return [told.outcomes[number] for number in range(len(jobs))]


def result_of(engine, pickled):
    """The bytes of the parameters of a pickled job, and why it stopped."""
    if engine == "native":
        from vetro.engines.native_engine import NativeEngine as Engine
    else:
        from vetro.engines.torch_engine import TorchEngine as Engine
    (outcome,) = train(Engine(), [pickle.loads(pickled)])
    return outcome.parameters.tobytes(), outcome.stopped, outcome.best_epoch
