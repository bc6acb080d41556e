"""Bootstrap: the metrics' 95% intervals, and those of their differences from the baselines'.

Rows are drawn with replacement; if rows of a group belong together, whole groups are drawn.  A row
keeps its weight.  The network and the baselines are measured on the same draws (paired), so that
the difficulty of a row cancels in their difference.  Percentiles: Efron 1979.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.model.evidence import Interval
from vetro.model.metrics import figures, statistic_of

Floats = NDArray[np.float64]

RESAMPLES = 1000
_FEWEST_RESAMPLES = 200
# rows x classes x resamples at most: about two seconds on one core
_BUDGET = 60_000_000
# counts held at once: 8 MB, about the size of a cache
_BLOCK = 1_000_000
# metrics that compare a network with a baseline: not auc, because it needs a sort
_COMPARED = frozenset(("rmse", "mae", "r2", "accuracy", "balanced_accuracy", "log_loss"))


@dataclass(frozen=True)
class Comparison:
    """own: metric -> figure with its interval.  rivals: name -> metric -> figure.  differences:
    rival -> metric -> own figure minus the rival's, with its interval."""

    own: dict[str, Interval]
    rivals: dict[str, dict[str, float]]
    differences: dict[str, dict[str, Interval]]


def measure(
    task: str,
    actual: NDArray[Any],
    predicted: NDArray[Any],
    weights: NDArray[Any] | None = None,
    groups: NDArray[Any] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Interval]:
    """The figures (metrics.figures) with their 95% intervals.

    groups (n,): rows of one group are drawn together; with a single group, rows are drawn.  With
    many rows or classes there are fewer resamples, but at least 200.  Resamples with one class have
    no auc.
    """
    return compare(task, actual, predicted, {}, weights, groups, resamples, seed).own


def compare(
    task: str,
    actual: NDArray[Any],
    predicted: NDArray[Any],
    rivals: Mapping[str, NDArray[Any]],
    weights: NDArray[Any] | None = None,
    groups: NDArray[Any] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """As measure, and compared with the rivals on the same rows.

    rivals: name -> predictions of the same rows, in the form of `predicted`.
    """
    own = statistic_of(task, actual, predicted, weights)
    others = {
        name: statistic_of(task, actual, found, weights, areas=False)
        for name, found in rivals.items()
    }
    value = figures(task, actual, predicted, weights)
    drawn: dict[str, list[Floats]] = {name: [] for name in value}
    apart: dict[tuple[str, str], list[Floats]] = {}
    classes = predicted.shape[1] if task == "classification" and predicted.shape[1] > 2 else 1
    fewest = min(resamples, _FEWEST_RESAMPLES)
    resamples = max(fewest, min(resamples, _BUDGET // max(1, len(actual) * classes)))
    statistics = [own, *others.values()]
    # one product for all of them: reading the counts is the main cost
    sums = np.hstack([statistic.sums for statistic in statistics])
    ends = np.cumsum([statistic.sums.shape[1] for statistic in statistics])[:-1]
    for counts in _draws(len(actual), groups, resamples, seed):
        first, *rest = np.split(counts @ sums, ends, axis=1)
        found = own.of(first, counts)
        for name in value:
            drawn[name].append(found[name])
        for (rival, statistic), total in zip(others.items(), rest, strict=True):
            for name, figure in statistic.of(total, counts).items():
                if name in _COMPARED:
                    apart.setdefault((rival, name), []).append(found[name] - figure)
    whole = {name: figures(task, actual, found, weights) for name, found in rivals.items()}
    differences: dict[str, dict[str, Interval]] = {name: {} for name in rivals}
    for (rival, name), values in apart.items():
        difference = value[name] - whole[rival][name]
        differences[rival][name] = _interval(difference, np.concatenate(values))
    intervals = {name: _interval(value[name], np.concatenate(drawn[name])) for name in value}
    return Comparison(intervals, whole, differences)


def _draws(rows: int, groups: NDArray[Any] | None, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each row is drawn, (resamples of a block, rows), block after block."""
    units, member = rows, None
    if groups is not None:
        known, member = np.unique(groups, return_inverse=True)
        units, member = (len(known), member) if len(known) > 1 else (rows, None)
    generator = np.random.Generator(np.random.PCG64(seed))
    block = max(1, _BLOCK // max(1, rows))
    for start in range(0, resamples, block):
        counts = np.empty((min(block, resamples - start), units))
        for row in counts:
            draw = generator.integers(0, units, size=units, dtype=np.int32)
            row[:] = np.bincount(draw, minlength=units)
        yield counts if member is None else counts[:, member]


def _interval(value: float, drawn: Floats) -> Interval:
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn):
        return Interval(value, value, value)
    low, high = np.percentile(drawn, (2.5, 97.5))
    return Interval(value, float(low), float(high))
