"""Metrics: how far predictions are from measured values.

They are defined as in scikit-learn and computed from weighted sums.  A thousand resamples of many
rows therefore cost one matrix product and one sort; bootstrap.py draws them.  Losses for training
are in networks/.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Statistic:
    """Figures as a function of how often each row counts.

    sums (n, m): the terms that are added up over rows.  of: takes the totals (resamples, m), which
    are counts (resamples, n) @ sums, and the counts; returns name -> (resamples,).
    """

    sums: Floats
    of: Callable[[Floats, Floats], dict[str, Floats]]


def figures(
    task: str, actual: NDArray[Any], predicted: NDArray[Any], weights: NDArray[Any] | None = None
) -> dict[str, float]:
    """The figures of a task over all rows.

    regression: actual, predicted (n, t) in the target's units -> rmse, mae, r2.  With
    several targets, whose units differ, only r2: the mean of the targets' R2.
    classification: actual (n,) codes, predicted (n, k) probabilities -> accuracy,
    balanced_accuracy (mean recall of the classes present), log_loss (nats), auc (of the
    second class of two; of more, the mean of one class against the rest; left out where
    only one class is present), f1 (mean over the classes present or predicted).
    r2 = 1 - sum w (y - p)^2 / sum w (y - mean)^2, and 1 or 0 where y is constant.
    """
    statistic, counts = statistic_of(task, actual, predicted, weights), np.ones((1, len(actual)))
    values = statistic.of(counts @ statistic.sums, counts)
    return {name: float(value[0]) for name, value in values.items() if np.isfinite(value[0])}


def predicted_codes(probabilities: NDArray[Any]) -> NDArray[np.int64]:
    """The most probable class (n,) of each row of probabilities (n, k); the first of equals."""
    codes: NDArray[np.int64] = np.argmax(probabilities, axis=1).astype(np.int64)
    return codes


def statistic_of(
    task: str,
    actual: NDArray[Any],
    predicted: NDArray[Any],
    weights: NDArray[Any] | None,
    *,
    areas: bool = True,
) -> Statistic:
    """The figures of a task as a function of how often each row counts.

    areas: with auc, which sorts the rows.
    """
    rows = len(actual)
    weight = np.ones(rows) if weights is None else np.asarray(weights, dtype=np.float64)
    if len(predicted) != rows or len(weight) != rows or rows == 0:
        raise ValueError(f"{rows} rows, {len(predicted)} predictions, {len(weight)} weights")
    predicted = np.asarray(predicted, dtype=np.float64)
    if task == "classification":
        return _classification(np.asarray(actual, dtype=np.int64), predicted, weight, areas)
    return _regression(np.asarray(actual, dtype=np.float64), predicted, weight)


def _regression(actual: Floats, predicted: Floats, weight: Floats) -> Statistic:
    actual, predicted = actual.reshape(len(actual), -1), predicted.reshape(len(predicted), -1)
    if actual.shape != predicted.shape:
        raise ValueError(f"actual {actual.shape}, predicted {predicted.shape}")
    targets = actual.shape[1]
    # centred, so that sum y^2 - (sum y)^2 / n does not cancel
    centred = actual - np.average(actual, axis=0, weights=weight)
    residual = actual - predicted
    weighted = weight[:, None]
    sums = np.hstack(
        [
            weighted,
            weighted * residual**2,
            weighted * np.abs(residual),
            weighted * centred,
            weighted * centred**2,
        ]
    )

    def of(total: Floats, counts: Floats) -> dict[str, Floats]:
        mass = total[:, :1]
        squared, absolute, linear, square = (
            total[:, 1 + part * targets : 1 + (part + 1) * targets] for part in range(4)
        )
        spread = np.maximum(square - linear**2 / mass, 0.0)
        # the rounding error of a constant column, resampled or given
        constant = spread <= 1e-12 * square
        with np.errstate(divide="ignore", invalid="ignore"):
            r2 = np.where(constant, (squared == 0.0).astype(float), 1.0 - squared / spread)
        if targets > 1:
            return {"r2": r2.mean(axis=1)}
        rmse, mae = np.sqrt(squared / mass)[:, 0], (absolute / mass)[:, 0]
        return {"rmse": rmse, "mae": mae, "r2": r2[:, 0]}

    return Statistic(sums, of)


def _classification(
    actual: NDArray[np.int64], predicted: Floats, weight: Floats, areas: bool
) -> Statistic:
    classes = predicted.shape[1]
    rows = np.arange(len(actual))
    # as scikit-learn: a probability of 0 costs -log(eps), not infinity
    smallest = float(np.finfo(np.float64).eps)
    surprise = -np.log(np.clip(predicted[rows, actual], smallest, 1.0 - smallest))
    said = predicted_codes(predicted)
    is_actual = np.zeros((len(actual), classes))
    is_actual[rows, actual] = weight
    is_said = np.zeros((len(actual), classes))
    is_said[rows, said] = weight
    hit = np.where((said == actual)[:, None], is_actual, 0.0)
    sums = np.hstack([weight[:, None], (weight * surprise)[:, None], is_actual, is_said, hit])
    ranked = []
    if areas:
        ranked = [
            _Ranked.of(actual == code, predicted[:, code], weight)
            for code in (range(classes) if classes > 2 else (1,))
            if classes == 2 or np.any(actual == code)
        ]

    def of(total: Floats, counts: Floats) -> dict[str, Floats]:
        mass, surprises = total[:, 0], total[:, 1]
        truth, claim, right = (
            total[:, 2 + part * classes : 2 + (part + 1) * classes] for part in range(3)
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            recall = np.where(truth > 0, right / truth, np.nan)
            f1 = np.where(truth + claim > 0, 2 * right / (truth + claim), np.nan)
        values = {
            "accuracy": right.sum(axis=1) / mass,
            "balanced_accuracy": np.nanmean(recall, axis=1),
            "log_loss": surprises / mass,
            "f1": np.nanmean(f1, axis=1),
        }
        found = np.array([item.area(counts) for item in ranked]).reshape(len(ranked), len(counts))
        defined = np.isfinite(found)
        known = defined.sum(axis=0)
        area = np.where(defined, found, 0.0).sum(axis=0)
        values["auc"] = np.where(known > 0, area / np.maximum(known, 1), np.nan)
        return values

    return Statistic(sums, of)


@dataclass(frozen=True)
class _Ranked:
    """Rows sorted by score, for the area under the ROC curve of many resamples at once.

    area = sum over positives of (weight of negatives below + half of that of equal ones) / (P N).
    order (n,): rows by rising score.  first, last (n,): where the run of equal scores of each row
    begins and ends; None if no two scores are equal.
    """

    order: NDArray[np.intp]
    runs: tuple[NDArray[np.intp], NDArray[np.intp]] | None
    positive_weight: Floats
    negative_weight: Floats

    @staticmethod
    def of(is_positive: NDArray[np.bool_], score: Floats, weight: Floats) -> _Ranked:
        order = np.argsort(score, kind="stable")
        ordered, truth, mass = score[order], is_positive[order], weight[order]
        runs = None
        if np.any(ordered[1:] == ordered[:-1]):
            first = np.searchsorted(ordered, ordered, side="left")
            runs = first, np.searchsorted(ordered, ordered, side="right")
        return _Ranked(order, runs, np.where(truth, mass, 0.0), np.where(truth, 0.0, mass))

    def area(self, counts: Floats) -> Floats:
        """The area (resamples,) for counts (resamples, n); NaN where a class is absent."""
        drawn = np.take(counts, self.order, axis=1)
        below = np.zeros((len(counts), len(self.order) + 1))
        np.multiply(drawn, self.negative_weight, out=below[:, 1:])
        np.cumsum(below, axis=1, out=below)
        drawn *= self.positive_weight
        pairs = drawn.sum(axis=1) * below[:, -1]
        level = below[:, 1:]
        if self.runs is not None:
            first, last = self.runs
            level = 0.5 * (np.take(below, first, axis=1) + np.take(below, last, axis=1))
        won = np.einsum("ij,ij->i", drawn, level)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(pairs > 0, won / pairs, np.nan)
