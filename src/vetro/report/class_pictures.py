"""Pictures of a classification: ROC, precision-recall and calibration; without class names.

Curves come from the held-out probabilities that the evidence keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vetro.report.drawing import FIRST, MUTED, SERIES, name_axes, square, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]
_MOST_POINTS = 250
_BINS = 10


def shown_classes(actual: NDArray[np.int64], classes: int) -> list[int]:
    """The classes whose curves are drawn: the second of two, or the most frequent of many."""
    counts = np.bincount(actual, minlength=classes)
    present = [int(code) for code in np.argsort(-counts, kind="stable") if counts[code] > 0]
    present = [code for code in present if counts[code] < len(actual)]
    if classes == 2:
        return [1] if 1 in present else []
    return sorted(present[: len(SERIES)])


def curve_color(place: int, count: int) -> str:
    """The colour of curve number `place` of `count`."""
    return FIRST if count == 1 else SERIES[place]


def curve_variable(place: int, count: int) -> str:
    """The CSS variable of that colour, for legends."""
    return "--first" if count == 1 else f"--series-{place + 1}"


def roc(actual: NDArray[np.int64], predicted: Floats, codes: Sequence[int]) -> str:
    """True positive rate against false positive rate, one curve for each class of `codes`."""
    figure, axes = _unit_square("false positive rate", "true positive rate", diagonal=True)
    for place, code in enumerate(codes):
        found, missed, _ = _thresholds(actual == code, predicted[:, code])
        axes.plot(missed, found, color=curve_color(place, len(codes)), linewidth=1.3)
    return svg(figure, "ROC curve")


def precision_recall(actual: NDArray[np.int64], predicted: Floats, codes: Sequence[int]) -> str:
    """Precision against recall; the dashed line is the class's share of the rows."""
    figure, axes = _unit_square("recall", "precision")
    for place, code in enumerate(codes):
        color = curve_color(place, len(codes))
        truth = actual == code
        found, _, precision = _thresholds(truth, predicted[:, code])
        axes.plot(found[1:], precision[1:], color=color, linewidth=1.3)
        if len(codes) == 1:
            axes.axhline(truth.mean(), color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
    return svg(figure, "Precision-recall curve")


def calibration(actual: NDArray[np.int64], predicted: Floats) -> str:
    """How often a class predicted with a probability is the actual one, with 95% Wilson intervals.

    Of two classes: the second; of more: the predicted class.
    """
    figure, axes = _unit_square("predicted probability", "actual share", diagonal=True)
    if predicted.shape[1] == 2:
        said, right = predicted[:, 1], actual == 1
    else:
        said, right = predicted.max(axis=1), actual == predicted.argmax(axis=1)
    places, shares, below, above = [], [], [], []
    bins = np.clip((said * _BINS).astype(int), 0, _BINS - 1)
    for number in range(_BINS):
        inside = bins == number
        if inside.any():
            share = float(right[inside].mean())
            low, high = _wilson(share, int(inside.sum()))
            places.append(float(said[inside].mean()))
            shares.append(share)
            below.append(max(0.0, share - low))
            above.append(max(0.0, high - share))
    axes.errorbar(
        places, shares, yerr=[below, above], fmt="o", color=FIRST, linewidth=1.1,
        markersize=4, elinewidth=0.9,
    )  # fmt: skip
    return svg(figure, "Calibration")


def _thresholds(truth: NDArray[np.bool_], score: Floats) -> tuple[Floats, Floats, Floats]:
    """(recall, false positive rate, precision) at falling thresholds, from (0, 0, 1)."""
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(truth[order])
    said = np.arange(1, len(order) + 1)
    # rows with the same score share one threshold
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    if len(ends) > _MOST_POINTS:
        # evenly along the curve's length, so that its steep part keeps its corners
        path = np.cumsum(np.diff(hits[ends] / hits[-1], prepend=0.0))
        path += said[ends] / len(order)
        steps = np.linspace(path[0], path[-1], _MOST_POINTS)
        ends = ends[np.unique(np.searchsorted(path, steps).clip(0, len(ends) - 1))]
    hits, said = hits[ends], said[ends]
    recall = hits / max(1, truth.sum())
    false = (said - hits) / max(1, (~truth).sum())
    start = np.zeros(1)
    return (
        np.concatenate([start, recall]),
        np.concatenate([start, false]),
        np.concatenate([start + 1.0, hits / said]),
    )


def _wilson(share: float, rows: int) -> tuple[float, float]:
    """The 95% interval of a share (Wilson 1927)."""
    z = 1.959964
    middle = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z * np.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows)) / (1 + z * z / rows)
    return float(middle - half), float(middle + half)


def _unit_square(horizontal: str, vertical: str, *, diagonal: bool = False) -> tuple[Figure, Axes]:
    """Axes from 0 to 1 with their names; diagonal: a dashed line where both are equal."""
    figure, axes = square()
    if diagonal:
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    name_axes(axes, horizontal, vertical)
    return figure, axes
