"""Compiled trainers that advance many at once, while Python prepares or concludes others.

Not what a trainer's word means or what it is given next: many.py does that.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, Self, TypeVar

from vetro.engines import torch_loop
from vetro.engines.native_core import core

Owner = TypeVar("Owner")


class Flights(Generic[Owner]):
    """Trainers board, set off together, and land after about TICK_SECONDS with a word each.

    threads: cores to use, 0 for all; with more than one, Python goes on meanwhile.  steps: of each
    owner's trainer when it last landed.  A context manager: on leaving none is under way.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads or int(core().cores())
        self._pool = ThreadPoolExecutor(1) if self._threads > 1 else None
        self.steps: dict[Owner, int] = {}
        self._boarded: list[tuple[Owner, Any]] = []
        self._flying: list[tuple[Owner, Any]] = []
        self._words: Future[list[str]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()  # waits for those under way

    def board(self, owner: Owner, trainer: Any) -> None:
        """A trainer that was fed is ready to advance."""
        self._boarded.append((owner, trainer))

    def set_off(self) -> None:
        """Those on board start, if they occupy all cores and none is under way."""
        if self._pool is not None and self._words is None and len(self._boarded) >= self._threads:
            self._words = self._pool.submit(self._advance, self._depart())

    @property
    def have_landed(self) -> bool:
        """Whether those under way have their words."""
        return self._words is not None and self._words.done()

    def land(self, start: bool = True) -> list[tuple[Owner, str]]:
        """The words of those under way, once they land; of those on board where none is, unless
        these shall not start.  Whose time is merely over is told of at its first steps; later it
        is on board again by itself."""
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

    def _depart(self) -> list[Any]:
        self._flying, self._boarded = self._boarded, []
        return [trainer for _, trainer in self._flying]

    def _advance(self, trainers: list[Any]) -> list[str]:
        words: list[str] = core().advance_many(trainers, torch_loop.TICK_SECONDS, self._threads)
        return words
