"""The native engine: trains networks in the compiled core, many at a time, and predicts with them.

Trainers advance together on all cores; Python looks at them between two rounds.  No bit depends on
the rounds or on the threads.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from vetro.engines.engine import Watch
from vetro.engines.flights import Flights
from vetro.engines.job import Job, Vector
from vetro.engines.native_core import core
from vetro.engines.native_program import program_of
from vetro.engines.native_run import MOST_ROWS, NativeRun
from vetro.networks.lowered import LoweredNetwork

if TYPE_CHECKING:
    from vetro.engines.native_core import _native

_ROWS_TOGETHER = 8 * MOST_ROWS
"""The most row numbers in the windows of all jobs together."""


@dataclass(frozen=True)
class NativeEngine:
    """Trains on the CPU; threads: the most to use, 0 for all cores."""

    threads: int = 0

    name = "native"
    version = version("vetro")
    together = True

    def run(self, jobs: Iterable[Job], watch: Watch[NativeRun], many: int = 1) -> None:
        """Train the jobs side by side; see Engine.run.

        Until all jobs are given, those that were given first already advance, but nothing is
        reported: if the caller's iterator raises, all are put back.  If the watch raises, the
        others end first, with the reason "interrupted".
        """
        threads = self.threads or core().cores()
        company = _Company(watch, many, threads)
        try:
            with Flights(threads) as flights:
                company.fly(flights, company.board_all(flights, jobs))
        finally:
            company.leave("interrupted")

    def predictor(self, network: LoweredNetwork, parameters: Vector) -> _native.Predictor:
        """What predicts with these parameters; see Engine.predictor.  It takes `out`, too."""
        vector = np.ascontiguousarray(parameters, dtype=network.dtype)
        return core().Predictor(program_of(network), vector, self.threads)


class _Company:
    """The jobs of one call that have not ended."""

    def __init__(self, watch: Watch[NativeRun], many: int, threads: int) -> None:
        self._watch = watch
        self._threads = threads if many <= threads else 1  # of each trainer
        self._rows = _ROWS_TOGETHER // max(1, many)
        self._running: dict[NativeRun, None] = {}

    def board_all(self, flights: Flights, jobs: Iterable[Job]) -> list[tuple[NativeRun, str]]:
        """Feed all jobs and let them set off; returns those that landed meanwhile."""
        landed: list[tuple[NativeRun, str]] = []
        coming = iter(jobs)
        number = 0
        try:
            while not self._watch.interruption() and (job := next(coming, None)) is not None:
                run = NativeRun(number, job, self._threads, self._rows)
                self._running[run] = None
                number += 1
                run.feed()
                flights.board(run)
                if flights.have_landed:
                    landed += flights.land()
        except BaseException:
            flights.land(start=False)
            for run in self._running:
                run.take_back()
            self._running.clear()
            raise
        return landed

    def fly(self, flights: Flights, landed: list[tuple[NativeRun, str]]) -> None:
        """Let the jobs go on until each has ended."""
        reason = ""
        while self._running and not reason:
            for run, word in landed:
                if self._goes_on(run, word):
                    flights.board(run)
            reason = self._watch.interruption()
            landed = flights.land(start=bool(self._running) and not reason)
        for run, word in landed:
            if word not in ("time", "hungry"):
                self._goes_on(run, word)
        self.leave(reason)

    def leave(self, reason: str) -> None:
        """End all jobs."""
        while self._running:
            self._end(next(iter(self._running)), reason)

    def _goes_on(self, run: NativeRun, word: str) -> bool:
        """Whether a run whose trainer has this status has more to do; if not, it has ended."""
        if not run.begun:
            run.begun = True
            if not self._watch.begins(run):
                run.take_back()
                del self._running[run]
                return False
        if word not in ("time", "hungry"):
            self._end(run, "epochs" if word == "done" else word)
            return False
        run.looked_at(hungry=word == "hungry")
        reason = self._watch.told(run)
        if reason:
            self._end(run, reason)
            return False
        if run.hungry and run.fed:
            run.settle()
        if not run.fed:
            run.feed()
        return True

    def _end(self, run: NativeRun, reason: str) -> None:
        del self._running[run]
        self._watch.ends(run, reason)
