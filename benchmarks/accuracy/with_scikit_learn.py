"""scikit-learn's estimators: boosted trees, the linear models, and its network.

The linear models choose their strength by cross-validation.  The network's target is scaled, as its
inputs are: its defaults cannot learn prices.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegressionCV, RidgeCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

from benchmarks.accuracy.frames import answers_of, one_hot, with_categories
from benchmarks.accuracy.scores import Answers
from benchmarks.accuracy.tables import Split


def trees(split: Split, settings: Mapping[str, Any], seed: int) -> Answers:
    """Histogram gradient boosting; at most 255 levels of a category, as it asks."""
    kind = HistGradientBoostingClassifier if split.table.classes else HistGradientBoostingRegressor
    train, test = with_categories(split, most=255)
    estimator = kind(categorical_features="from_dtype", random_state=seed, **settings)
    return answers_of(estimator.fit(train, split.answers), test, split)


def linear(split: Split, settings: Mapping[str, Any], seed: int) -> Answers:
    """Ridge regression, or logistic regression by log-loss."""
    train, test = one_hot(split)
    if split.table.classes:
        given = {"scoring": "neg_log_loss", "max_iter": 2000, "cv": 5, **settings}
        estimator = LogisticRegressionCV(**given)
    else:
        estimator = RidgeCV(**{"alphas": np.logspace(-3, 5, 25), **settings})
    return answers_of(estimator.fit(train, split.answers), test, split)


def network(split: Split, settings: Mapping[str, Any], seed: int) -> Answers:
    """The multi-layer perceptron."""
    train, test = one_hot(split)
    if split.table.classes:
        estimator: Any = MLPClassifier(random_state=seed, **settings)
    else:
        inner = MLPRegressor(random_state=seed, **settings)
        estimator = TransformedTargetRegressor(inner, transformer=StandardScaler())
    return answers_of(estimator.fit(train, split.answers), test, split)
