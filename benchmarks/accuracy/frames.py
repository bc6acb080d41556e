"""The inputs of a table as other libraries take them: categories of pandas, dates as numbers."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from benchmarks.accuracy.scores import Answers, Floats
from benchmarks.accuracy.tables import Split

_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ].*)?")


def inputs(split: Split) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The inputs of the rows to fit and to test.  A column of dates becomes four numbers: days
    since 1970, month, day of the week, and hour."""
    parts = [part.drop(columns=split.table.target) for part in (split.train, split.test)]
    for name in list(parts[0].columns):
        if _are_dates(parts[0][name]):
            parts = [_with_numbers(part, name) for part in parts]
    return parts[0], parts[1]


def with_categories(split: Split, most: int = 10**9) -> tuple[pd.DataFrame, pd.DataFrame]:
    """As inputs(), with texts as categories: the `most` most frequent levels of the rows to fit;
    others are missing values."""
    train, test = inputs(split)
    for name in train.columns:
        if train[name].dtype == object:
            levels = sorted(train[name].value_counts().index[:most])
            for part in (train, test):
                known = part[name].where(part[name].isin(levels), None)
                part[name] = pd.Categorical(known, categories=levels)
    return train, test


def with_texts(split: Split, fill_numbers: bool = False) -> tuple[pd.DataFrame, pd.DataFrame]:
    """As inputs(), with texts as they are, a missing one as "missing".  fill_numbers: a missing
    number becomes the median of the rows to fit, and a column says where it was missing."""
    train, test = inputs(split)
    for name in list(train.columns):
        if train[name].dtype == object:
            for part in (train, test):
                part[name] = part[name].fillna("missing").astype(object)
        elif fill_numbers:
            middle = train[name].median()
            if train[name].isna().any():
                for part in (train, test):
                    part[f"{name} is missing"] = part[name].isna().astype(float)
            for part in (train, test):
                part[name] = part[name].fillna(0.0 if np.isnan(middle) else middle)
    return train, test


def one_hot(split: Split) -> tuple[Floats, Floats]:
    """As with_texts(), with a column of 0 and 1 per level, and all columns of the rows to fit with
    mean 0 and standard deviation 1."""
    train, test = with_texts(split, fill_numbers=True)
    texts = [name for name in train.columns if train[name].dtype == object]
    steps = make_pipeline(
        ColumnTransformer(
            [("texts", OneHotEncoder(handle_unknown="ignore", sparse_output=False), texts)],
            remainder="passthrough",
        ),
        StandardScaler(),
    )
    return steps.fit_transform(train), steps.transform(test)


def answers_of(estimator: Any, test: Any, split: Split) -> Answers:
    """A fitted estimator's answers, by scikit-learn's conventions; probabilities in the order of
    split.labels."""
    if not split.table.classes:
        return Answers(np.asarray(estimator.predict(test), dtype=float).reshape(-1))
    order = [str(label) for label in estimator.classes_]
    found = np.asarray(estimator.predict_proba(test), dtype=float)
    return Answers(found[:, [order.index(label) for label in split.labels]])


def _are_dates(values: pd.Series) -> bool:
    texts = values.dropna()
    return values.dtype == object and len(texts) > 0 and all(map(_DATE.fullmatch, texts))


def _with_numbers(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    dates = pd.to_datetime(frame[name], format="ISO8601", utc=True).dt.tz_localize(None)
    return frame.drop(columns=name).assign(
        **{
            f"{name} days": (dates - pd.Timestamp(1970, 1, 1)) / pd.Timedelta(days=1),
            f"{name} month": dates.dt.month,
            f"{name} weekday": dates.dt.day_of_week,
            f"{name} hour": dates.dt.hour,
        }
    )
