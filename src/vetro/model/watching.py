"""Watching a fit: from the epochs of its members to its progress and the time left."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from vetro.model.members import Ensemble
from vetro.model.request import Progress
from vetro.training.ensemble import Watch
from vetro.training.history import EpochRecord

OnProgress = Callable[[Progress], object]


def watch(
    ensemble: Ensemble,
    tell: OnProgress,
    stop: Callable[[], str],
    checkpoint: Path | None,
    started: float,
) -> Watch:
    """How to watch the training of an ensemble.  started: time.monotonic() at the fit's start."""
    recipe, folds = ensemble.recipe, ensemble.split.folds
    remaining = _Remaining(recipe.time)

    def on_epochs(latest: EpochRecord, share: float, together: int) -> None:
        seconds = time.monotonic() - started
        tell(
            Progress(
                "training",
                share,
                latest,
                folds=folds,
                members=recipe.members,
                epochs=recipe.epochs,
                together=together,
                seconds=seconds,
                seconds_left=remaining.seconds(seconds, share),
            )
        )

    return Watch(on_epochs, stop, checkpoint, recipe.time)


class _Remaining:
    """The time left, from the pace since the first epoch ended; the first epoch includes the start
    of the engine."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.first: tuple[float, float] | None = None

    def seconds(self, now: float, share: float) -> float | None:
        """Seconds left when `share` of the training is done; None at the first call."""
        if self.first is None:
            self.first = (now, share)
        began, begun = self.first
        if share <= begun:
            return None
        left = (now - began) / (share - begun) * (1 - share)
        return min(left, max(self.limit - now, 0.0)) if self.limit else left
