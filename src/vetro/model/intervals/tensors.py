"""Intervals as named tensors of a model file, and back with every shape and number checked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.model.intervals.distance import MOST_AXES, Distance
from vetro.model.intervals.local_scale import LARGEST_LOG, LocalScale
from vetro.model.intervals.margins import MOST_SCORES, Intervals, Margins, Scores

Arrays = dict[str, NDArray[Any]]

_FIRST = "intervals.mean"


def tensors_of_intervals(found: Intervals | None) -> Arrays:
    """The tensors by name; none for a model without intervals."""
    if found is None:
        return {}
    distance = found.distance
    tensors: Arrays = {
        _FIRST: np.asarray(distance.mean, "<f4"),
        "intervals.axes": np.asarray(distance.axes, "<f4"),
        "intervals.variances": np.asarray(distance.variances, "<f8"),
        "intervals.usual": np.array([distance.usual], "<f8"),
    }
    for number, one in enumerate(found.margins, start=1):
        for name, values in (
            ("scores", one.scores.values),
            ("below", one.scores.below),
            ("above", one.scores.above),
            ("weights", one.scale.weights),
            ("borders", one.scale.borders),
            ("range", (one.scale.low, one.scale.high)),
            ("shrink", (one.shrink,)),
        ):
            tensors[f"intervals{number}.{name}"] = np.asarray(values, "<f8")
    return tensors


def intervals_of_tensors(
    tensors: Arrays, targets: int, width: int, columns: int
) -> Intervals | None:
    """The intervals, whose tensors are taken out of `tensors`; None if there are none.

    targets: that have margins.  width: of the encoded matrix (0 for classes), columns: those of it
    that the distance reads.  ValueError if a tensor is missing or is not what a fit writes.
    """
    if _FIRST not in tensors:
        return None
    mean = _taken(tensors, _FIRST, "<f4", (columns,))
    axes = _taken(tensors, "intervals.axes", "<f4", (None, columns))
    variances = _taken(tensors, "intervals.variances", "<f8", (len(axes) + 1,))
    (usual,) = _taken(tensors, "intervals.usual", "<f8", (1,)).tolist()
    if len(axes) > MOST_AXES or min(usual, variances.min()) <= 0:
        raise ValueError("its intervals have a distance that is not positive")
    margins = tuple(_margins(tensors, number, width) for number in range(1, targets + 1))
    return Intervals(margins, Distance(mean, axes, variances, usual))


def _margins(tensors: Arrays, number: int, width: int) -> Margins:
    what = f"intervals{number}"
    values = _taken(tensors, f"{what}.scores", "<f8", (None,))
    below = _taken(tensors, f"{what}.below", "<f8", values.shape)
    above = _taken(tensors, f"{what}.above", "<f8", values.shape)
    if not 0 < len(values) <= MOST_SCORES or (np.diff(values) < 0).any():
        raise ValueError(f"{what}.scores do not rise, or are too many")
    for shares, steps in ((below, np.diff(below)), (above, -np.diff(above))):
        if shares.min() < 0 or shares.max() >= 1 or (steps < 0).any():
            raise ValueError(f"the shares of {what}.scores are not valid")
    borders = _taken(tensors, f"{what}.borders", "<f8", (None,))
    if len(borders) == 1 or (np.diff(borders) <= 0).any():
        raise ValueError(f"{what}.borders do not rise")
    bins = max(len(borders) - 1, 0)
    weights = _taken(tensors, f"{what}.weights", "<f8", (1 + bins + width,))
    low, high = _taken(tensors, f"{what}.range", "<f8", (2,)).tolist()
    (shrink,) = _taken(tensors, f"{what}.shrink", "<f8", (1,)).tolist()
    if not -LARGEST_LOG <= low <= high <= LARGEST_LOG or not 0 < shrink <= 1:
        raise ValueError(f"the scale of {what} is not valid")
    scale = LocalScale(weights, tuple(borders.tolist()), low, high)
    return Margins(Scores(values, below, above), scale, shrink)


def _taken(tensors: Arrays, name: str, dtype: str, shape: tuple[int | None, ...]) -> NDArray[Any]:
    """A copy of the tensor, taken out; ValueError for another type or shape, or not finite."""
    if name not in tensors:
        raise ValueError(f"it lacks the tensor {name}")
    tensor = tensors.pop(name)
    fits = len(tensor.shape) == len(shape) and all(
        wanted in (None, size) for size, wanted in zip(tensor.shape, shape, strict=True)
    )
    if tensor.dtype != np.dtype(dtype) or not fits:
        raise ValueError(f"tensor {name} has the type {tensor.dtype} or the shape {tensor.shape}")
    if not np.isfinite(tensor).all():
        raise ValueError(f"tensor {name} holds a value that is not finite")
    return tensor.copy()
