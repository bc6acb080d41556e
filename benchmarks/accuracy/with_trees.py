"""scikit-learn's boosted trees with their defaults: the reference of the error ratios."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from benchmarks.accuracy.frames import answers_of, with_categories
from benchmarks.accuracy.scores import Answers
from benchmarks.accuracy.tables import Split


def fit(split: Split, settings: Mapping[str, Any], seed: int) -> Answers:
    """settings: of the estimator, by name."""
    kind = HistGradientBoostingClassifier if split.table.classes else HistGradientBoostingRegressor
    train, test = with_categories(split, most=255)
    estimator = kind(categorical_features="from_dtype", random_state=seed % 2**32, **settings)
    return answers_of(estimator.fit(train, split.train[split.table.target]), test, split)
