"""Pictures of training and of a regression: learning curves, predictions, residuals."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.glass.diagnose.course import LayerCourse
from vetro.report.drawing import (
    FIRST,
    INK,
    MUTED,
    SECOND,
    SERIES,
    dots,
    name_axes,
    square,
    svg,
    whole_ticks,
)
from vetro.training.history import EpochRecord

Floats = NDArray[np.float64]
_MOST_POINTS = 200
_MOST_CURVES = 20


def learning_curves(history: Sequence[EpochRecord]) -> str:
    """Training and validation error of every member by epoch, the kept epoch marked."""
    figure, axes = square(10.0, 3.1)
    runs = [list(records) for _, records in groupby(history, lambda item: (item.fold, item.member))]
    for records in runs[:_MOST_CURVES]:
        shown = records[:: max(1, len(records) // _MOST_POINTS)]
        epochs = [item.epoch for item in shown]
        axes.plot(epochs, [item.training for item in shown], color=MUTED, linewidth=0.7)
        axes.plot(epochs, [item.validation for item in shown], color=FIRST, linewidth=0.9)
        kept = [item for item in records if item.best]
        if kept:
            axes.plot(kept[-1].epoch, kept[-1].validation, "o", color=SECOND, markersize=3.5)
    errors = [value for item in history for value in (item.training, item.validation)]
    if errors and min(errors) > 0 and max(errors) > 5 * min(errors):
        axes.set_yscale("log")
        _plain_ticks(axes)
    whole_ticks(axes.xaxis)
    name_axes(axes, "epoch", "loss")
    return svg(figure, "Learning curves")


def layer_sizes(courses: Sequence[LayerCourse], values: str) -> str:
    """A line for each layer by epoch, in the series' colours; values: "weights" or "gradients"."""
    figure, axes = square(4.9)
    for course, color in zip(courses, SERIES, strict=False):
        sizes = np.maximum(getattr(course, values), np.finfo(np.float32).tiny)
        epochs = np.arange(1, len(sizes) + 1)
        step = max(1, len(sizes) // _MOST_POINTS)
        axes.plot(epochs[::step], sizes[::step], color=color, linewidth=1.1)
    axes.set_yscale("log")
    _plain_ticks(axes)
    whole_ticks(axes.xaxis)
    name_axes(axes, "epoch", f"{values}, root mean square")
    return svg(figure, f"{values.capitalize()} of the layers over training")


def predicted_against_actual(actual: Floats, predicted: Floats, target: str, unit: str) -> str:
    """(n,) each, in the target's unit; the line is where both are equal."""
    figure, axes = square()
    low = float(min(actual.min(), predicted.min()))
    high = float(max(actual.max(), predicted.max()))
    axes.plot([low, high], [low, high], color=MUTED, linewidth=0.9, zorder=1)
    dots(axes, predicted, actual)
    name_axes(axes, "predicted{unit}", "actual{unit}")
    return svg(figure, f"{target}: actual against predicted", _unit(unit))


def residuals(actual: Floats, predicted: Floats, target: str, unit: str) -> str:
    """Actual minus predicted against predicted, with the mean of ten equal groups."""
    figure, axes = square()
    rest = actual - predicted
    axes.axhline(0.0, color=MUTED, linewidth=0.9, zorder=1)
    dots(axes, predicted, rest)
    groups = np.array_split(np.argsort(predicted, kind="stable"), 10)
    means = [(predicted[rows].mean(), rest[rows].mean()) for rows in groups if len(rows) >= 5]
    if len(means) > 2:
        axes.plot(*zip(*means, strict=True), color=SECOND, linewidth=1.6, zorder=3)
    name_axes(axes, "predicted{unit}", "actual − predicted{unit}")
    return svg(figure, f"{target}: residuals against predicted", _unit(unit))


def residual_histogram(actual: Floats, predicted: Floats, target: str, unit: str) -> str:
    """How often residuals of each size occur; 0 and the middle 95% are marked."""
    figure, axes = square()
    rest = actual - predicted
    bins = int(np.clip(np.sqrt(len(rest)), 8, 40))
    counts, edges = np.histogram(rest, bins=bins)
    axes.stairs(counts, edges, fill=True, color=FIRST, alpha=0.75)
    axes.axvline(0.0, color=INK, linewidth=0.9)
    for edge in np.percentile(rest, (2.5, 97.5)):
        axes.axvline(edge, color=SECOND, linewidth=1.0, linestyle=(0, (4, 3)))
    axes.grid(False, axis="x")
    name_axes(axes, "actual − predicted{unit}", "rows")
    return svg(figure, f"{target}: histogram of residuals", _unit(unit))


def _unit(unit: str) -> dict[str, str]:
    return {"unit": f", {unit}" if unit else ""}


def _plain_ticks(axes: Any) -> None:
    """0.1 and 0.02 rather than powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator

    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=8))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
    axes.yaxis.set_minor_locator(LogLocator(subs=()))
