"""The learning rate range test: the loss while the learning rate grows, and the rate to take.

Smith 2017, "Cyclical learning rates for training neural networks".  Here is what the losses say;
find_learning_rate.py and model/found_rate.py compute them.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.notebook import ShownAsText

LOWEST, HIGHEST, STEPS = 1e-6, 10.0, 200
_SMOOTHED = 0.9
_TOO_HIGH = 4.0
_SETTLING, _NEAR = 10, 1.05
_BELOW_BEST = 10.0


def ramp(lowest: float, highest: float, steps: int) -> NDArray[np.float64]:
    """The learning rate of each step, (steps,): each is the same multiple of the one before."""
    return np.geomspace(lowest, highest, steps)


@dataclass(frozen=True, repr=False)
class LearningRates(ShownAsText):
    """rates, losses: of each step, before its update; the losses end where they had become 4 times
    the lowest.  smoothed: their running mean.  suggestion: a tenth of the highest rate at which the
    running mean was near its lowest, within 5% or its own scatter: beyond that rate, steps are too
    long.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    suggestion: float

    def __repr__(self) -> str:
        ends = f"{self.rates[0]:.1g} to {self.rates[-1]:.2g}"
        return (
            f"LearningRates(suggestion {self.suggestion:.2g}; {len(self.rates)} steps from {ends}, "
            f"loss {self.losses[0]:.4g}, at best {min(self.smoothed):.4g})"
        )

    def picture(self, path: str | Path | None = None) -> str:
        """The loss over the learning rate as SVG; also written to `path`, as PNG if it ends so."""
        figure = self._drawn()
        if path is not None:
            figure.savefig(path)
        text = io.StringIO()
        figure.savefig(text, format="svg")
        return text.getvalue()

    def _repr_html_(self) -> str:
        drawn = self.picture()
        return drawn[drawn.index("<svg") :]

    def _drawn(self) -> Any:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6.4, 3.6), layout="constrained")
        axes = figure.subplots()
        axes.plot(self.rates, self.losses, color="0.75", linewidth=1, label="loss of a step")
        axes.plot(self.rates, self.smoothed, linewidth=2, label="running mean")
        axes.axvline(self.suggestion, color="black", linestyle="--", linewidth=1)
        axes.set_xscale("log")
        if min(self.losses) > 0:
            axes.set_yscale("log")
        axes.set_xlabel("learning rate")
        axes.set_ylabel("loss")
        axes.set_title(f"suggested learning rate {self.suggestion:.2g}", loc="left", fontsize=10)
        axes.legend(frameon=False, fontsize=9)
        return figure


def judged(rates: Sequence[float], losses: Sequence[float]) -> LearningRates:
    """What the losses of the steps with these rates say; ValueError if the first is not finite."""
    if not losses or not math.isfinite(losses[0]):
        raise ValueError("the first loss is not a finite number")
    kept: list[float] = []
    smoothed: list[float] = []
    mean, best = 0.0, math.inf
    for step, loss in enumerate(losses):
        mean = _SMOOTHED * mean + (1 - _SMOOTHED) * loss
        here = mean / (1 - _SMOOTHED ** (step + 1))
        if step >= _SETTLING:  # the first means are of few losses
            best = min(best, here)
        if not math.isfinite(loss) or here - best > (_TOO_HIGH - 1) * abs(best) > 0:
            break
        kept.append(float(loss))
        smoothed.append(here)
    first = min(_SETTLING, len(smoothed) - 1)
    means, lowest = np.array(smoothed), min(smoothed[first:])
    # of a running mean's scatter, by the median deviation of single losses
    scatter = 1.48 * float(np.median(np.abs(np.array(kept) - means)))
    scatter *= math.sqrt((1 - _SMOOTHED) / (1 + _SMOOTHED))
    allowed = max((_NEAR - 1) * abs(lowest), 2 * scatter)
    at = rates[int(np.flatnonzero(means <= lowest + allowed)[-1])]
    return LearningRates(
        tuple(map(float, rates[: len(kept)])), tuple(kept), tuple(smoothed), at / _BELOW_BEST
    )
