"""What is measured of answers for rows with known targets: errors, calibration, coverage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]
LEAST = 1e-15
"""The lowest probability that is scored: a class that was declared impossible costs 34.5 nats."""
LEVEL = 0.9
"""The share of rows that intervals and sets are asked to cover."""


@dataclass(frozen=True)
class Answers:
    """A contestant's answers for n rows.

    values: (n,) numbers, or (n, classes) probabilities.  low, high: (n,) the ends of intervals
    for LEVEL, or None.  sets: (n, classes) whether the set for LEVEL holds a class, or None.
    """

    values: Floats
    low: Floats | None = None
    high: Floats | None = None
    sets: np.ndarray[Any, np.dtype[np.bool_]] | None = None


def of_numbers(actual: Floats, answers: Answers) -> dict[str, float]:
    """error: the root of the mean squared error.  mae, r2.  With intervals: coverage, the share of
    rows within theirs; width: their median width in units of the standard deviation of actual."""
    off = answers.values - actual
    spread = float(np.std(actual))
    found = {
        "error": float(np.sqrt(np.mean(off**2))),
        "mae": float(np.mean(np.abs(off))),
        "r2": 1.0 - float(np.mean(off**2)) / spread**2,
    }
    if answers.low is not None and answers.high is not None:
        inside = (answers.low <= actual) & (actual <= answers.high)
        found["coverage"] = float(np.mean(inside))
        found["width"] = float(np.median(answers.high - answers.low)) / spread
    return found


def of_classes(actual: Sequence[str], labels: Sequence[str], answers: Answers) -> dict[str, float]:
    """error: the log-loss in nats.  accuracy.  ece: see calibration_error.  With sets: coverage,
    the share of rows whose class their set holds; width: the mean number of classes in a set."""
    codes = np.array([labels.index(label) for label in actual])
    probabilities = np.clip(answers.values, LEAST, None)
    probabilities = probabilities / probabilities.sum(axis=1, keepdims=True)
    rows = np.arange(len(codes))
    right = probabilities.argmax(axis=1) == codes
    found = {
        "error": float(-np.mean(np.log(probabilities[rows, codes]))),
        "accuracy": float(np.mean(right)),
        "ece": calibration_error(probabilities.max(axis=1), right),
    }
    if answers.sets is not None:
        found["coverage"] = float(np.mean(answers.sets[rows, codes]))
        found["width"] = float(np.mean(answers.sets.sum(axis=1)))
    return found


def calibration_error(
    confidence: Floats, right: np.ndarray[Any, np.dtype[np.bool_]], bins: int = 15
) -> float:
    """Expected calibration error (Guo et al. 2017): sum over bins of n_b / n |acc_b - conf_b|.

    confidence (n,): the probability of the class answered; bins of equal width over 0..1, the
    upper end of each inside.
    """
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(place, right - confidence, bins)
    return float(np.abs(gaps).sum() / len(confidence))
