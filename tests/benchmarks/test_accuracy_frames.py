"""What other libraries get: the same cells as Vetro, in the form that they take."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest

from benchmarks.accuracy.frames import answers_of, inputs, one_hot, with_categories, with_texts
from benchmarks.accuracy.tables import Split, Table

TEXTS = pd.Series(["b", None, "a", "b"], dtype=object)


def given(target: list[object], classes: bool = False) -> Split:
    """Four rows to fit and two to test, one of them with an unseen text."""
    dates = ["2020-01-01", "2021-03-04", None, "2022-05-06"]
    train = pd.DataFrame({"x": [1.0, np.nan, 3.0, 8.0], "t": TEXTS, "d": dates})
    test = pd.DataFrame({"x": [np.nan, 2.0], "t": ["c", "a"], "d": ["2020-02-29T12:30:00Z"] * 2})
    train, test = (part.astype({"t": object, "d": object}) for part in (train, test))
    train = train.assign(y=target)
    return Split(Table("a/b", "y", classes), train, test.assign(y=target[:2]))


def test_dates_become_numbers() -> None:
    train, test = inputs(given([1.0, 2.0, 3.0, 4.0]))
    assert list(train.columns) == ["x", "t", "d days", "d month", "d weekday", "d hour"]
    first = datetime.date(1970, 1, 1)
    assert train["d days"][1] == (datetime.date(2021, 3, 4) - first).days
    assert np.isnan(train["d days"][2])
    half_past_twelve = (datetime.date(2020, 2, 29) - first).days + 12.5 / 24
    assert test["d days"][0] == pytest.approx(half_past_twelve)
    assert [test[f"d {part}"][0] for part in ("month", "weekday", "hour")] == [2, 5, 12]


def test_categories_are_those_of_the_rows_to_fit() -> None:
    train, test = with_categories(given([1.0, 2.0, 3.0, 4.0]))
    assert train["t"].cat.categories.tolist() == ["a", "b"]
    assert train["t"].isna().tolist() == [False, True, False, False]
    assert test["t"].isna().tolist() == [True, False]  # "c" was not seen
    few, _ = with_categories(given([1.0, 2.0, 3.0, 4.0]), most=1)
    assert few["t"].cat.categories.tolist() == ["b"]


def test_missing_numbers_are_the_median_and_marked() -> None:
    train, test = with_texts(given([1.0, 2.0, 3.0, 4.0]), fill_numbers=True)
    assert train["x"].tolist() == [1.0, 3.0, 3.0, 8.0] and test["x"].tolist() == [3.0, 2.0]
    assert train["x is missing"].tolist() == [0, 1, 0, 0]
    assert test["x is missing"].tolist() == [1, 0]
    assert train["t"].tolist() == ["b", "missing", "a", "b"]
    assert not train.isna().any().any() and not test.isna().any().any()


def test_one_hot_by_hand() -> None:
    train, test = one_hot(given([1.0, 2.0, 3.0, 4.0]))
    assert train.mean(axis=0) == pytest.approx(0) and np.isfinite(test).all()
    levels = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0]], dtype=float)  # a, b, missing
    assert train[:, :3] == pytest.approx((levels - levels.mean(axis=0)) / levels.std(axis=0))
    assert test[0, :3] == pytest.approx(-levels.mean(axis=0) / levels.std(axis=0))


def test_probabilities_are_in_the_order_of_the_labels() -> None:
    class Backwards:
        classes_ = np.array(["no", "maybe"])

        def predict_proba(self, rows: object) -> np.ndarray:
            return np.array([[0.9, 0.1]])

    split = given(["no", "maybe", "no", "no"], classes=True)
    assert split.labels == ["maybe", "no"]
    assert answers_of(Backwards(), None, split).values.tolist() == [[0.1, 0.9]]
