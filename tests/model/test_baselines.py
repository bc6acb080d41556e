"""Baselines against scikit-learn used by hand on the same rows."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from vetro.model.baselines import BaselineJob
from vetro.model.baselines import baselines as predictions
from vetro.model.metrics import figures
from vetro.tables.encoder import Encoder
from vetro.tables.schema import Column, Reading, Schema
from vetro.tables.table import Table


def number(name: str, values, role: str = "input") -> Column:
    present = values[~np.isnan(values)]
    return Column(
        name, "number", role, minimum=float(present.min()), maximum=float(present.max()),
        missing=int(np.isnan(values).sum()), distinct=len(np.unique(present)),
    )  # fmt: skip


def made(classes: int = 0, targets: int = 1, rows: int = 300) -> Table:
    """Two numbers (one with gaps) and a category; the target depends on all of them."""
    generator = np.random.default_rng(8)
    a, b = generator.normal(size=(2, rows))
    c = generator.integers(0, 3, rows).astype(np.int32)
    signal = 2.0 * a + np.array([0.0, 5.0, -3.0])[c] + 0.3 * generator.normal(size=rows)
    b[:20] = np.nan
    values = {"a": a, "b": b, "c": c}
    columns = [number("a", a), number("b", b), Column("c", "category", levels=("x", "y", "z"))]
    if classes:
        edges = np.quantile(signal, np.linspace(0, 1, classes + 1)[1:-1])
        values["y"] = np.searchsorted(edges, signal).astype(np.int32)
        levels = tuple(f"class {code}" for code in range(classes))
        columns.append(Column("y", "category", "target", levels=levels))
    else:
        for place in range(targets):
            name = f"y{place}"
            values[name] = signal * 10.0**place + 7.0 * place
            columns.append(number(name, values[name], "target"))
    return Table(Schema(tuple(columns)), values, rows, "made")


def actual_of(job: BaselineJob) -> np.ndarray:
    """The targets of the rows that are held out, as figures takes them."""
    columns = [job.table.values[column.name][job.rows] for column in job.table.schema.targets]
    return np.column_stack(columns) if job.task == "regression" else columns[0].astype(int)


def baselines(*given, **named) -> dict[str, dict[str, float]]:
    """The figures of each baseline."""
    job = BaselineJob(*given, **named)
    weights = None if job.weights is None else job.weights[job.rows]
    return {
        name: figures(job.task, actual_of(job), found, weights)
        for name, found in predictions(job).items()
    }


def halves(rows: int = 300) -> np.ndarray:
    return (np.arange(rows) % 2).astype(np.int32)


def test_the_mean_is_that_of_the_other_fold():
    table, fold = made(), halves()
    found = baselines(table, "regression", fold)
    y = table.values["y0"]
    predicted = np.where(fold == 0, y[fold == 1].mean(), y[fold == 0].mean())
    assert found["mean"] == pytest.approx(figures("regression", y[:, None], predicted[:, None]))


@pytest.mark.parametrize("weighted", [False, True])
def test_the_trees_are_scikit_learns_on_the_same_rows(weighted):
    table, fold = made(), halves()
    weights = np.random.default_rng(1).uniform(0.1, 3.0, table.rows) if weighted else None
    found = baselines(table, "regression", fold, weights=weights, seed=3)
    codes = table.values["c"].astype(float)
    inputs = np.column_stack([table.values["a"], table.values["b"], codes])
    y = table.values["y0"]
    predicted = np.empty((table.rows, 1))
    for number in (0, 1):
        train, test = fold != number, fold == number
        trees = HistGradientBoostingRegressor(
            categorical_features=[False, False, True], random_state=3
        )
        trees.fit(inputs[train], y[train], None if weights is None else weights[train])
        predicted[test, 0] = trees.predict(inputs[test])
    expected = figures("regression", y[:, None], predicted, weights)
    assert found["boosted trees"] == pytest.approx(expected, rel=1e-6)


def test_the_trees_of_classes_are_scikit_learns():
    table, fold = made(classes=3), halves()
    found = baselines(table, "classification", fold)
    codes = table.values["c"].astype(float)
    inputs = np.column_stack([table.values["a"], table.values["b"], codes])
    y = table.values["y"]
    predicted = np.empty((table.rows, 3))
    for number in (0, 1):
        train, test = fold != number, fold == number
        trees = HistGradientBoostingClassifier(
            categorical_features=[False, False, True], random_state=0
        )
        predicted[test] = trees.fit(inputs[train], y[train]).predict_proba(inputs[test])
    assert found["boosted trees"] == pytest.approx(figures("classification", y, predicted))


def test_a_linear_model_finds_a_linear_table():
    found = baselines(made(), "regression", halves())
    assert found["linear"]["rmse"] == pytest.approx(0.3, rel=0.15)
    assert found["linear"]["r2"] > 0.98


@pytest.mark.parametrize("classes", [2, 3])
def test_the_baselines_of_classes(classes):
    found = baselines(made(classes=classes), "classification", halves())
    assert set(found) == {"majority", "linear", "boosted trees"}
    assert found["majority"]["log_loss"] == pytest.approx(np.log(classes), rel=0.02)
    assert found["linear"]["accuracy"] > 0.9


def test_several_targets_have_their_mean_r2():
    found = baselines(made(targets=3), "regression", halves())
    assert {name: set(values) for name, values in found.items()} == {
        "mean": {"r2"}, "linear": {"r2"}, "boosted trees": {"r2"},
    }  # fmt: skip
    assert found["linear"]["r2"] > 0.98


def test_a_target_of_noise_does_not_spoil_the_others_linear_model():
    """Each target of several has the linear model that it would have alone."""
    table = made(targets=2)
    alone = predictions(BaselineJob(made(), "regression", halves()))["linear"]
    table.values["y1"][:] = 1e4 * np.random.default_rng(3).normal(size=table.rows)
    found = predictions(BaselineJob(table, "regression", halves()))["linear"]
    np.testing.assert_allclose(found[:, :1], alone, rtol=1e-6, atol=1e-6)


def test_rows_never_held_out_teach_and_are_not_judged():
    table = made()
    fold = np.where(np.arange(table.rows) < 60, 0, -1).astype(np.int32)
    y = table.values["y0"]
    expected = figures("regression", y[:60, None], np.full((60, 1), y[60:].mean()))
    assert baselines(table, "regression", fold)["mean"] == pytest.approx(expected)


def test_a_held_out_row_does_not_teach_its_own_prediction():
    """An outlier in fold 0 changes what fold 1 is told, not what fold 0 is."""
    table, fold = made(), (np.arange(300) >= 150).astype(np.int32)
    fold[150:] = -1
    clean = baselines(table, "regression", fold)
    table.values["y0"][5] += 1e6
    spoiled = baselines(table, "regression", fold)
    for name in ("mean", "linear", "boosted trees"):
        assert spoiled[name]["mae"] - clean[name]["mae"] == pytest.approx(1e6 / 150, rel=1e-3)


def test_a_class_that_a_fold_lacks_has_probability_0():
    table, fold = made(classes=3), halves()
    table.values["y"][:] = np.where(fold == 0, table.values["y"], table.values["y"] % 2)
    table.values["y"][fold == 0] = np.maximum(table.values["y"][fold == 0], 1)
    found = baselines(table, "classification", fold)
    assert all(np.isfinite(list(values.values())).all() for values in found.values())


def test_a_flag_target_and_a_wide_category():
    generator = np.random.default_rng(4)
    codes = np.arange(6000, dtype=np.int32) % 300
    flag = (codes % 2).astype(float)
    columns = (
        Column("c", "category", levels=tuple(f"l{code:03}" for code in range(300))),
        number("n", generator.normal(size=6000)),
        Column("y", "flag", "target", reading=Reading(flag_words=("no", "yes"))),
    )
    values = {"c": codes, "n": generator.normal(size=6000), "y": flag}
    table = Table(Schema(columns), values, 6000, "made")
    found = baselines(table, "classification", (np.arange(6000) // 3000).astype(np.int32))
    assert found["majority"]["accuracy"] == pytest.approx(0.5)
    assert found["linear"]["accuracy"] > 0.9


def test_balanced_baselines_weigh_classes_alike():
    """As scikit-learn's own class weights, on top of the rows' weights."""
    from sklearn.linear_model import LogisticRegression

    table, fold = made(classes=2), halves()
    rare = np.flatnonzero(table.values["y"] == 1)[30:]
    weights = np.random.default_rng(2).uniform(0.5, 2.0, table.rows)
    weights[rare] = 1e-6
    job = BaselineJob(table, "classification", fold, weights, balanced=True)
    found = predictions(job)
    for number in (0, 1):
        train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        encoder = Encoder.fit(table, train)
        y, w = table.values["y"][train], weights[train]
        mass = np.bincount(y, weights=w)
        model = LogisticRegression(max_iter=300)
        model.fit(encoder.encode(table, train, float), y, w * (w.sum() / (2 * mass))[y])
        expected = model.predict_proba(encoder.encode(table, test, float))
        np.testing.assert_allclose(found["linear"][test], expected, rtol=1e-4, atol=1e-6)
    assert not np.allclose(found["linear"], predictions(replace(job, balanced=False))["linear"])
