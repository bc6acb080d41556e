"""The arithmetic of the accuracy bench, against scikit-learn, SciPy and plain Python.

No table is fetched and no contestant runs here.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import gmean, rankdata
from sklearn.metrics import log_loss, mean_absolute_error, r2_score, root_mean_squared_error

from benchmarks.accuracy import results
from benchmarks.accuracy.scores import Answers, calibration_error, of_classes, of_numbers
from benchmarks.accuracy.tables import Table, declared, half_of, plain, split


def test_the_halves_follow_from_the_names() -> None:
    halves = [half_of(name) for name in declared()]
    for name, half in zip(declared(), halves, strict=True):
        first = int(hashlib.sha256(name.encode()).hexdigest()[:2], 16)
        assert half == ("unseen" if first & 1 else "tuning")
    assert len(halves) >= 30 and min(map(halves.count, ("tuning", "unseen"))) >= 15


def frame(rows: int = 100) -> pd.DataFrame:
    """Rows with a class that has four rows only, and a category with blanks."""
    kinds = ["a", "b", "c"] * (rows // 3)
    kinds += ["rare"] * (rows - len(kinds)) if rows - len(kinds) < 5 else []
    levels = pd.Categorical(["x", None] * (rows // 2), categories=["x", "y"])
    numbers = np.arange(rows, dtype=float)
    return pd.DataFrame({"number": numbers, "level": levels, "kind": kinds[:rows]})


def test_a_split_is_the_same_every_time_and_stratified() -> None:
    table = Table("some/table", "kind", classes=True)
    first, second = (split(table, plain(frame(94), table)) for _ in range(2))
    pd.testing.assert_frame_equal(first.train, second.train)
    assert not set(first.train["number"]) & set(first.test["number"])
    assert all(part["number"].is_monotonic_increasing for part in (first.train, first.test))
    assert first.labels == ["a", "b", "c"]  # one row of "rare" cannot be in both parts
    assert len(first.train) + len(first.test) == 93
    assert first.test["kind"].value_counts().between(6, 7).all()
    assert first.train["level"].isin(["x", None]).all() and first.train["level"].dtype == object
    other = split(Table("other/table", "kind", classes=True), frame(94))
    assert set(other.test["number"]) != set(first.test["number"])


def test_numbers_that_are_classes_become_texts() -> None:
    numbers = pd.DataFrame({"y": [0, 1, 1], "x": [0.5, 1.5, np.nan]})
    assert plain(numbers, Table("a/b", "y", classes=True))["y"].tolist() == ["0", "1", "1"]
    assert plain(numbers, Table("a/b", "y"))["y"].tolist() == [0, 1, 1]


def test_scores_of_numbers() -> None:
    rng = np.random.default_rng(0)
    actual, predicted = rng.normal(size=(2, 50))
    found = of_numbers(actual, Answers(predicted, actual - 1.0, actual + 1.0))
    assert found["error"] == pytest.approx(root_mean_squared_error(actual, predicted), rel=1e-12)
    assert found["mae"] == pytest.approx(mean_absolute_error(actual, predicted), rel=1e-12)
    assert found["r2"] == pytest.approx(r2_score(actual, predicted), rel=1e-12)
    assert found["coverage"] == 1.0
    assert found["width"] == pytest.approx(2.0 / np.std(actual))
    none = of_numbers(actual, Answers(predicted, actual + 1e-9, actual + 1.0))
    assert none["coverage"] == 0.0


def test_scores_of_classes() -> None:
    rng = np.random.default_rng(1)
    labels = ["a", "b", "c"]
    probabilities = rng.dirichlet(np.ones(3), 60)
    actual = [labels[code] for code in rng.integers(0, 3, 60)]
    codes = np.array([labels.index(label) for label in actual])
    found = of_classes(actual, labels, Answers(probabilities, sets=probabilities > 0.2))
    assert found["error"] == pytest.approx(log_loss(actual, probabilities), rel=1e-12)
    assert found["accuracy"] == np.mean(probabilities.argmax(axis=1) == codes)
    assert found["coverage"] == np.mean(probabilities[np.arange(60), codes] > 0.2)
    assert found["width"] == (probabilities > 0.2).sum() / 60
    certain = of_classes(["a"], ["a", "b"], Answers(np.array([[0.0, 1.0]])))
    assert certain["error"] == pytest.approx(-np.log(1e-15))


def test_calibration_by_hand() -> None:
    # Bins of a tenth: (0.5, 0.6] holds two rows, one right; (0.9, 1] one row, right.
    confidence, right = np.array([0.55, 0.6, 1.0]), np.array([True, False, True])
    by_hand = (abs(1 - 1.15) + abs(1 - 1.0)) / 3
    assert calibration_error(confidence, right, bins=10) == pytest.approx(by_hand)


def test_calibration_of_honest_probabilities_is_small() -> None:
    rng = np.random.default_rng(2)
    confidence = rng.uniform(0.5, 1.0, 200_000)
    honest = rng.uniform(size=200_000) < confidence
    assert calibration_error(confidence, honest) < 0.01
    assert calibration_error(confidence, confidence > 2) == pytest.approx(confidence.mean())


def test_ratios_means_and_ranks(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    tables = [f"t/{number}" for number in range(7)]
    errors = rng.integers(1, 4, size=(3, 7)).astype(float)  # with equals
    names = ["one", "two", "three"]
    found = {
        name: {table: {"error": error} for table, error in zip(tables, row, strict=True)}
        for name, row in zip(names, errors, strict=True)
    }
    ranks = results.mean_ranks(found, tables)
    assert ranks == pytest.approx(
        dict(zip(names, rankdata(errors, axis=0).mean(axis=1), strict=True))
    )
    ratios = results.ratios(found["one"], found["two"])
    assert list(ratios.values()) == (errors[0] / errors[1]).tolist()
    assert results.geometric_mean(ratios.values()) == pytest.approx(gmean(errors[0] / errors[1]))
    assert results.ratios({"t/0": {"problem": "no"}}, found["two"]) == {}


def test_results_are_added_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "label.json"
    assert results.read(path) == {}
    results.add(path, "b/table", {"error": 1.5})
    results.add(path, "a/table", {"problem": "no memory"})
    results.add(path, "a/table", {"error": 2.0})
    assert results.read(path) == {"a/table": {"error": 2.0}, "b/table": {"error": 1.5}}
    assert [line[:9] for line in path.read_text().splitlines()[1:-1]] == ['"a/table"', '"b/table"']
    assert [entry.name for entry in path.parent.iterdir()] == ["label.json"]
