"""The runner of the accuracy bench: one contestant on one table in a process of its own."""

from __future__ import annotations

import sys

import pytest
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import root_mean_squared_error

from benchmarks.accuracy import run
from benchmarks.accuracy.one import Order, measured
from benchmarks.accuracy.tables import declared, load, seed_of

TABLE = "sklearn/diabetes"


def test_a_process_gives_what_the_library_gives() -> None:
    found = measured(Order("trees", TABLE, {"max_iter": 20}), limit=300)
    data = load(declared()[TABLE])
    train, test = (part.drop(columns="target") for part in (data.train, data.test))
    estimator = HistGradientBoostingRegressor(max_iter=20, random_state=seed_of(TABLE))
    predicted = estimator.fit(train, data.train["target"]).predict(test)
    assert found["error"] == pytest.approx(
        root_mean_squared_error(data.test["target"], predicted), rel=1e-5
    )
    assert found["rows"] == [353, 89] and found["processor"] > 0
    assert len(load_diabetes().target) == sum(found["rows"])


def test_a_failure_is_the_result() -> None:
    found = measured(Order("trees", TABLE, {"max_iter": -1}), limit=300)
    assert found["problem"].startswith("InvalidParameterError: The 'max_iter' parameter")
    endless = measured(Order("trees", TABLE, {"max_iter": 1_000_000}), limit=1)
    assert endless["problem"].startswith("more than 1 processor seconds")


def test_the_unseen_half_needs_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    for given in (["--half", "unseen"], ["--tables", TABLE], ["--half", "both"]):
        monkeypatch.setattr(sys, "argv", ["run", "--only", "vetro", *given])
        with pytest.raises(SystemExit, match=r"sklearn/diabetes.*measured once, at the end"):
            run.main()
