"""Compiled trainers that advance together, while Python prepares or finishes others.

The picture is an airport: trainers board, set off together and land.  What the status of a
trainer means, and what it runs next, is decided in many.py.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from vetro.engines import torch_loop
from vetro.engines.native_core import core

if TYPE_CHECKING:
    from vetro.engines.native_core import _native

Owner = TypeVar("Owner")


class Flights(Generic[Owner]):
    """Trainers board, set off together, and land after about TICK_SECONDS, each with a status.

    threads: cores to use, 0 for all; with more than one, Python continues meanwhile.  steps: the
    steps of each owner's trainer when it last landed.  As a context manager it waits on leaving
    until no trainer is under way.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads or core().cores()
        self._pool = ThreadPoolExecutor(1) if self._threads > 1 else None
        self.steps: dict[Owner, int] = {}
        self._boarded: list[tuple[Owner, _native.Trainer]] = []
        self._flying: list[tuple[Owner, _native.Trainer]] = []
        self._words: Future[list[str]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()  # waits for the trainers under way

    def board(self, owner: Owner, trainer: _native.Trainer) -> None:
        """Add a trainer that was fed, and so is ready to advance."""
        self._boarded.append((owner, trainer))

    def set_off(self) -> None:
        """Start the trainers on board if they occupy all cores and none is under way."""
        if self._pool is not None and self._words is None and len(self._boarded) >= self._threads:
            self._words = self._pool.submit(self._advance, self._depart())

    @property
    def have_landed(self) -> bool:
        """Whether the trainers under way have finished."""
        return self._words is not None and self._words.done()

    def land(self, start: bool = True) -> list[tuple[Owner, str]]:
        """Wait for the trainers under way and return their statuses.

        If none is under way, those on board run first, unless `start` is False.  A trainer whose
        time is merely over is returned only after its first steps; later it boards again by
        itself.
        """
        if self._words is not None:
            words = self._words.result()
        elif start:
            words = self._advance(self._depart())
        else:
            return []
        landed = []
        for (owner, trainer), word in zip(self._flying, words, strict=True):
            known = self.steps.get(owner, 0) > 0
            self.steps[owner] = trainer.steps
            if word == "time" and known:
                self._boarded.append((owner, trainer))
            else:
                landed.append((owner, word))
        self._words, self._flying = None, []
        return landed

    def _depart(self) -> list[_native.Trainer]:
        self._flying, self._boarded = self._boarded, []
        return [trainer for _, trainer in self._flying]

    def _advance(self, trainers: list[_native.Trainer]) -> list[str]:
        return core().advance_many(trainers, torch_loop.TICK_SECONDS, self._threads)
