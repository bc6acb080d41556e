"""Boosted trees of other libraries: LightGBM and CatBoost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catboost import CatBoostClassifier, CatBoostRegressor
from lightgbm import LGBMClassifier, LGBMRegressor

from benchmarks.accuracy.frames import answers_of, with_categories, with_texts
from benchmarks.accuracy.scores import Answers
from benchmarks.accuracy.tables import Split


def lightgbm(split: Split, settings: Mapping[str, Any], seed: int) -> Answers:
    kind = LGBMClassifier if split.table.classes else LGBMRegressor
    train, test = with_categories(split)
    for part in (train, test):  # it refuses some names
        part.columns = [f"c{number}" for number in range(part.shape[1])]
    estimator = kind(random_state=seed % 2**31, n_jobs=1, verbose=-1, **settings)
    return answers_of(estimator.fit(train, split.answers), test, split)


def catboost(split: Split, settings: Mapping[str, Any], seed: int) -> Answers:
    kind = CatBoostClassifier if split.table.classes else CatBoostRegressor
    train, test = with_texts(split)
    texts = [name for name in train.columns if train[name].dtype == object]
    estimator = kind(
        random_seed=seed, thread_count=1, verbose=False, allow_writing_files=False,
        cat_features=texts, **settings,
    )  # fmt: skip
    return answers_of(estimator.fit(train, split.answers), test, split)
