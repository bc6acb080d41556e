"""The contestants: module, variant and label of each, and the process in which it runs.

    python benchmarks/contestants.py KEY WORKLOAD THREADS CORE

started by training.py; CORE is the core to stay on, -1 for all.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from process import serve
from workloads import SCALING, WORKLOADS, Workload, arrays


class Contestant(Protocol):
    """Trains from the initial weights, as many times as requested."""

    def prepare(self, steps: int) -> None:
        """The work that a user does once: fresh networks, compilation.  Not timed."""

    def run(self) -> int:
        """Runs the prepared training; returns steps times networks.  Timed."""

    def losses(self, steps: int) -> list[float]:
        """Loss before each of the first steps of member 0; a list of one is their mean."""


@dataclass(frozen=True)
class Entry:
    """A module of peers/, its variant, and its name in the table."""

    module: str
    variant: str
    label: str


ENTRIES = {
    "vetro": Entry("vetro_engine", "one", "Vetro"),
    "vetro_many": Entry("vetro_engine", "many", "Vetro, train_many"),
    "article": Entry("torch_eager", "article", "torch, the article's own loop"),
    "torch": Entry("torch_eager", "tuned", "torch eager, fused optimizer, slices"),
    "torch_compiled": Entry("torch_eager", "compiled", "torch.compile, fused optimizer, slices"),
    "torch_many": Entry("torch_eager", "tuned", "torch eager, one network after the other"),
    "torch_vmap": Entry("torch_vmap", "", "torch.func.vmap"),
    "jax": Entry("jax_scan", "one", "JAX, lax.scan"),
    "jax_vmap": Entry("jax_scan", "many", "JAX, vmap and lax.scan"),
    "scikit_learn": Entry("scikit_learn", "one", "scikit-learn MLP"),
    "joblib": Entry("scikit_learn", "many", "joblib and scikit-learn MLP"),
    "skorch": Entry("skorch_net", "", "skorch (DataLoader)"),
    "keras": Entry("keras_fit", "", "Keras on torch, fit"),
    "sgemm": Entry("sgemm", "", "sgemm 512^3"),
}


def workload(name: str) -> Workload:
    """The workload of that name."""
    everything = (*WORKLOADS, *(work for works in SCALING.values() for work in works))
    return next(work for work in everything if work.name == name)


def make(key: str, work: Workload, threads: int) -> Contestant:
    """Imports the contestant's libraries and gives it the arrays."""
    entry = ENTRIES[key]
    module = importlib.import_module(f"peers.{entry.module}")
    return module.contestant(work, arrays(work), threads, entry.variant)


def answering(arguments: list[str], threads: int) -> Callable[[list[Any]], dict[str, Any]]:
    """The function that answers ["losses", steps] and ["time", steps, seconds].  The second
    repeats runs of `steps` steps until together they took `seconds`."""
    key, name = arguments
    contestant = make(key, workload(name), threads)

    def answer(request: list[Any]) -> dict[str, Any]:
        what, steps, *least = request
        start = time.perf_counter()
        if what == "losses":
            losses = contestant.losses(steps)
            return {"losses": losses, "seconds": time.perf_counter() - start}
        done, wall, processor = 0, 0.0, 0.0
        while not done or wall < least[0]:
            contestant.prepare(steps)
            start, used = time.perf_counter(), time.process_time()
            done += contestant.run()
            wall += time.perf_counter() - start
            processor += time.process_time() - used
        return {"steps": done, "seconds": wall, "processor": processor}

    return answer


if __name__ == "__main__":
    serve(answering)
