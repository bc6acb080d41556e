"""The interface of an engine, which trains networks and predicts with them.

An engine knows jobs (job.py).  It does not know tables, the user's objects, nor the reasons for a
recipe.  Engines: native_engine.py and torch_engine.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, TypeVar

from numpy.typing import NDArray

from vetro.engines.job import Epoch, Job, Outcome, TrainingState, Vector
from vetro.networks.lowered import LoweredNetwork


class Running(Protocol):
    """A job while it runs, between two of its steps."""

    @property
    def number(self) -> int:
        """Of the job, from 0 in the order in which the jobs were given."""
        ...

    @property
    def share(self) -> float:
        """The share of its steps that are done."""
        ...

    def new_epochs(self) -> list[Epoch]:
        """The epochs that have ended since the last call."""
        ...

    def state(self) -> TrainingState:
        """The state from which a later run continues with the same bits."""
        ...

    def outcome(self, stopped: str) -> Outcome:
        """The result so far; stopped: as `ends` of the watch receives it."""
        ...


RunningT = TypeVar("RunningT", bound=Running, contravariant=True)


class Watch(Protocol[RunningT]):
    """The caller's side of a run.  All of it is called by the thread that called `run`."""

    def interruption(self) -> str:
        """Why all jobs are to end now, "" if they go on.  Asked about every TICK_SECONDS."""
        ...

    def begins(self, running: RunningT) -> bool:
        """A job has taken its first step.  False withdraws it: it is put back and forgotten."""
        ...

    def told(self, running: RunningT) -> str:
        """A job has gone on.  Returns the reason to end it, "" if it goes on."""
        ...

    def ends(self, running: RunningT, stopped: str) -> None:
        """A job has ended: stopped is "epochs" (all steps are done), "patience", "diverged", or the
        reason that the watch gave."""
        ...


class Predictor(Protocol):
    """Outputs of a network, which keeps a copy of the parameters."""

    def __call__(self, x: NDArray[Any], /) -> NDArray[Any]:
        """Outputs (rows, outputs) of rows x (rows, inputs), contiguous, both of the network's
        dtype, in the network's own scale, before any softmax."""
        ...


class Engine(Protocol):
    """Trains and predicts networks."""

    def __hash__(self) -> int: ...

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def together(self) -> bool:
        """Whether the jobs of one call are trained in parallel."""
        ...

    def run(self, jobs: Iterable[Job], watch: Watch[Running], many: int = 1) -> None:
        """Train every job; no job changes another's bits.

        jobs: each is asked for when its turn comes.  many: about how many they are.
        """
        ...

    def predictor(self, network: LoweredNetwork, parameters: Vector) -> Predictor:
        """What predicts with these parameters."""
        ...
