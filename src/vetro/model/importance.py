"""Permutation importance: how much worse predictions become without a column's order.

Breiman 2001.  It says what this model uses, not what causes the target; columns that
say the same thing share their importance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# raw inputs (m, columns), and for each its row number in the given table -> (m, outputs)
Predict = Callable[[Floats, NDArray[np.intp]], NDArray[Any]]

MOST_ROWS = 2000
# rows of several columns in one call of predict, because a call costs more than its rows
_ROWS_AT_ONCE = 20_000


def permutation_importance(
    predict: Predict,
    raw: Floats,
    names: Sequence[str],
    actual: NDArray[Any],
    task: str,
    seed: int = 0,
    repeats: int = 3,
    max_rows: int = MOST_ROWS,
    weights: NDArray[Any] | None = None,
) -> dict[str, float]:
    """column -> mean rise of the error when its values are permuted, the largest first.

    raw (n, columns): Encoder.raw of held-out rows.  actual: (n, t), or (n,) codes.
    predict(matrix, rows): predictions for changed inputs of the rows `rows` (indices into
    raw), (m, t) in the targets' units or (m, k) probabilities.  So each row can be predicted by
    the member that never saw it.  The error is the rmse in the target's unit (with
    several targets: of errors divided by each target's standard deviation), or the log
    loss, by weight.  Of more than max_rows rows, max_rows are drawn.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    rows = np.arange(len(raw))
    if len(raw) > max_rows:
        rows = np.sort(generator.choice(len(raw), max_rows, replace=False))
    weight = np.ones(len(rows)) if weights is None else np.asarray(weights, np.float64)[rows]
    error = _error_of(task, actual, rows, weight, weights)
    matrix = raw[rows]
    before = error(predict(matrix, rows))
    rises: dict[str, float] = {}
    each = repeats * len(rows)
    together = max(1, _ROWS_AT_ONCE // each)
    for start in range(0, len(names), together):
        part = range(start, min(start + together, len(names)))
        changed = np.tile(matrix, (repeats * len(part), 1))
        for number, place in enumerate(part):
            changed[number * each : (number + 1) * each, place] = np.concatenate(
                [generator.permutation(matrix[:, place]) for _ in range(repeats)]
            )
        after = np.asarray(predict(changed, np.tile(rows, repeats * len(part))))
        errors = [error(piece) for piece in np.split(after, repeats * len(part))]
        for number, place in enumerate(part):
            mean = np.mean(errors[number * repeats : (number + 1) * repeats])
            rises[names[place]] = float(mean) - before
    return dict(sorted(rises.items(), key=lambda item: -item[1]))


def _error_of(
    task: str,
    actual: NDArray[Any],
    rows: NDArray[np.intp],
    weight: Floats,
    weights: NDArray[Any] | None,
) -> Callable[[NDArray[Any]], float]:
    truth = np.asarray(actual)[rows]
    if task == "classification":
        smallest = float(np.finfo(np.float64).eps)

        def log_loss(predicted: NDArray[Any]) -> float:
            said = np.clip(predicted[np.arange(len(truth)), truth], smallest, 1.0)
            return float(np.average(-np.log(said), weights=weight))

        return log_loss
    several = truth.ndim == 2 and truth.shape[1] > 1
    scale = _deviations(np.asarray(actual), weights) if several else np.ones(1)
    scale = np.where(scale > 0, scale, 1.0)

    def rmse(predicted: NDArray[Any]) -> float:
        residual = (predicted.reshape(len(truth), -1) - truth.reshape(len(truth), -1)) / scale
        return float(np.sqrt(np.average((residual**2).mean(axis=1), weights=weight)))

    return rmse


def _deviations(actual: Floats, weights: NDArray[Any] | None) -> Floats:
    """The standard deviation of each target (targets,) over all rows."""
    centred = actual - np.average(actual, axis=0, weights=weights)
    deviations: Floats = np.sqrt(np.average(centred**2, axis=0, weights=weights))
    return deviations
