"""The figures of the page: several contestants on the tables that all of them answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

import numpy as np
from scipy.stats import t

from benchmarks.accuracy.contestants import OURS, REFERENCE
from benchmarks.accuracy.results import Results, geometric_mean, mean_ranks, ratios
from benchmarks.accuracy.tables import Table

MOSTLY = 0.8
"""A contestant is compared if it answered at least this share of the tables."""
CLEAR = 1.03
"""A contestant is clearly better if another's error is larger by more than this factor."""
FAR = 1.15


@dataclass(frozen=True)
class Standing:
    """One contestant on the tables of a half.

    regression, classes, both: geometric means of error / error of the reference.  between: where
    the mean over such tables lies with 95% confidence.  far: tables where that is above FAR.
    behind_linear: tables where the linear model is clearly better.  calibration: the mean expected
    calibration error of classes.  coverage: the mean share of rows within 90% intervals or sets.
    processor: seconds, the median.
    """

    regression: float
    classes: float
    both: float
    between: tuple[float, float]
    rank: float
    worst: float
    far: int
    behind_linear: int
    calibration: float
    coverage: float
    processor: float
    most_processor: float


def interval(values: Iterable[float]) -> tuple[float, float]:
    """The 95% interval of a geometric mean by Student's t of the logarithms."""
    logs = np.log(list(values))
    if len(logs) < 2:
        return (float("nan"), float("nan"))
    off = t.ppf(0.975, len(logs) - 1) * logs.std(ddof=1) / np.sqrt(len(logs))
    return float(np.exp(logs.mean() - off)), float(np.exp(logs.mean() + off))


def compared(found: Mapping[str, Results], tables: Iterable[Table]) -> list[str]:
    """The contestants that answered most of the tables."""
    names = [table.name for table in tables]
    return [
        name
        for name, results in found.items()
        if sum("error" in results.get(table, {}) for table in names) >= MOSTLY * len(names)
    ]


def common(found: Mapping[str, Results], tables: Iterable[Table]) -> list[Table]:
    """The tables that every one of these contestants answered."""
    return [
        table
        for table in tables
        if all("error" in results.get(table.name, {}) for results in found.values())
    ]


def standing(name: str, found: Mapping[str, Results], tables: Iterable[Table]) -> Standing:
    """A contestant among the others of found, on tables that all of them answered.

    Its rank is among the other libraries and one Vetro: itself, or the one with the defaults.
    """
    by_name = {table.name: table for table in tables}
    mine = {table: found[name][table] for table in by_name}
    times = ratios(mine, found[REFERENCE])
    linear = ratios(mine, found["linear"]) if "linear" in found else {}
    seconds = [result["processor"] for result in mine.values()]

    def figure(entry: str) -> float:
        values = [result[entry] for result in mine.values() if entry in result]
        return sum(values) / len(values) if values else float("nan")

    own = name if name.startswith(OURS) else OURS
    rivals = {one: found[one] for one in found if not one.startswith(OURS) or one == own}

    def mean(task: bool) -> float:
        return geometric_mean(times[one.name] for one in by_name.values() if one.classes == task)

    return Standing(
        mean(False),
        mean(True),
        geometric_mean(times.values()),
        interval(times.values()),
        mean_ranks(rivals, by_name)[name],
        max(times.values()),
        sum(value > FAR for value in times.values()),
        sum(value > CLEAR for value in linear.values()),
        figure("ece"),
        figure("coverage"),
        median(seconds),
        max(seconds),
    )
