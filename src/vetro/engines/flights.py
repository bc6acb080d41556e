"""Compiled trainers that advance together, while Python prepares or finishes others.

The picture is an airport: runs board, set off together and land.  What the status of a run means,
and what it runs next, is decided in native_engine.py.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from vetro.engines import ticks
from vetro.engines.native_core import core
from vetro.engines.native_run import NativeRun


class Flights:
    """Runs board, set off together, and land after about TICK_SECONDS, each with a status.

    threads: cores to use; with more than one, Python continues meanwhile.  As a context
    manager it waits on leaving until no trainer is under way.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pool = ThreadPoolExecutor(1, "vetro") if self.threads > 1 else None
        self._steps: dict[NativeRun, int] = {}  # when they last landed
        self._boarded: list[NativeRun] = []
        self._flying: list[NativeRun] = []
        self._words: Future[list[str]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()  # waits for the trainers under way

    def board(self, run: NativeRun) -> None:
        """Add a run that was fed.  All on board set off if they occupy all cores and none is under
        way."""
        self._boarded.append(run)
        if self._pool is not None and self._words is None and len(self._boarded) >= self.threads:
            self._words = self._pool.submit(self._advance, self._depart())

    @property
    def have_landed(self) -> bool:
        """Whether the trainers under way have finished."""
        return self._words is not None and self._words.done()

    def land(self, start: bool = True) -> list[tuple[NativeRun, str]]:
        """Wait for the trainers under way and return those that have gone on, with their statuses.

        If none is under way, those on board run first, unless `start` is False.  A trainer that did
        not get its turn boards again by itself.
        """
        if self._words is not None:
            words = self._words.result()
        elif start:
            words = self._advance(self._depart())
        else:
            return []
        landed = []
        for run, word in zip(self._flying, words, strict=True):
            if word == "time" and self._steps.get(run, 0) == run.steps:
                self._boarded.append(run)
            else:
                self._steps[run] = run.steps
                landed.append((run, word))
        self._words, self._flying = None, []
        return landed

    def _depart(self) -> list[NativeRun]:
        # first the run with the fewest epochs, and of these the one that is furthest
        self._boarded.sort(key=lambda run: (run.trainer.epochs, -run.trainer.steps))
        self._flying, self._boarded = self._boarded, []
        return self._flying

    def _advance(self, runs: list[NativeRun]) -> list[str]:
        seconds = max(ticks.TICK_SECONDS, ticks.SHORTEST_SECONDS)
        return core().advance_many([run.trainer for run in runs], seconds, self.threads)
