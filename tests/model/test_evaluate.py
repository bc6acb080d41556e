"""Evaluating: scikit-learn's figures of the model's own predictions, and every refusal."""

from __future__ import annotations

import numpy as np
import pytest
from model.build import model_of, rows_of, write_csv
from sklearn import metrics
from told import told

import vetro
from vetro.errors import PredictionError, TableError
from vetro.model.bootstrap import measure
from vetro.model.evaluate import evaluate_source
from vetro.tables.options import ReadOptions


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_csv(tmp_path_factory.mktemp("evaluate") / "rows.csv", rows_of())


def refusal(model, source):
    with pytest.raises((PredictionError, TableError)) as caught:
        model.evaluate(source)
    return told(caught.value)


def test_regression_figures(path):
    model = model_of(path, "pressure")
    found = model.evaluate(path)
    actual, predicted = rows_of()["pressure"], model.predict(path)["pressure"].to_numpy()
    assert set(found) == {"rmse", "mae", "r2"}
    assert len(found) == 3
    assert found.rows == 120
    assert found.per_target == {}
    assert found["r2"].value == pytest.approx(metrics.r2_score(actual, predicted))
    assert found["rmse"].value == pytest.approx(metrics.root_mean_squared_error(actual, predicted))
    assert found["mae"].low < found["mae"].value < found["mae"].high


@pytest.mark.parametrize("chunk_rows", [11, 100_000])
def test_several_targets_each_and_together_in_chunks(path, chunk_rows):
    model = model_of(path, "pressure", "noise")
    found = evaluate_source(model, path, options=ReadOptions(), chunk_rows=chunk_rows)
    predicted, columns = model.predict(path), rows_of()
    scores = []
    for name in ("pressure", "noise"):
        r2 = metrics.r2_score(columns[name], predicted[name].to_numpy())
        assert found.per_target[name]["r2"].value == pytest.approx(r2, rel=1e-5)
        scores.append(r2)
    assert found["r2"].value == pytest.approx(np.mean(scores), rel=1e-5)


def test_class_figures(path):
    model = model_of(path, "grade")
    found = model.evaluate(path)
    predicted = model.predict(path, probabilities=True).to_pydict()
    actual = rows_of()["grade"]
    assert found["accuracy"].value == metrics.accuracy_score(actual, predicted["grade"])
    outputs = np.array([predicted[f"P({label})"] for label in model.classes]).T
    assert found["log_loss"].value == pytest.approx(
        metrics.log_loss(actual, outputs, labels=list(model.classes))
    )


def test_weights_count_where_the_source_has_them():
    columns = rows_of(gaps=False)
    columns["cost"] = [1.0 + i % 5 for i in range(120)]
    model = model_of(columns, "pressure", weight="cost")
    assert "cost" not in model.inputs
    predicted = model.predict(columns)["pressure"]
    found = evaluate_source(model, columns, options=ReadOptions(), chunk_rows=17)
    expected = metrics.r2_score(columns["pressure"], predicted, sample_weight=columns["cost"])
    assert found["r2"].value == pytest.approx(expected, rel=1e-5)
    without = {name: items for name, items in columns.items() if name != "cost"}
    expected = metrics.r2_score(columns["pressure"], predicted)
    assert model.evaluate(without)["r2"].value == pytest.approx(expected)
    columns["cost"][3] = -1.0
    assert refusal(model, columns).startswith('E212 weight column "cost", row 4: -1')


def test_rows_without_a_target_are_left_out(path):
    for target in ("pressure", "grade", "sold"):
        model = model_of(path, target)
        columns = rows_of()
        whole = model.evaluate(columns)
        columns[target][0] = columns[target][50] = None
        found = model.evaluate(columns)
        assert found.rows == 118
        assert [(item.code, item.message) for item in found.notices] == [
            ("I213", "2 rows without a target left out.")
        ]
        assert found != whole
        rest = {name: items[1:50] + items[51:] for name, items in columns.items()}
        for name, interval in model.evaluate(rest).items():
            assert found[name].value == pytest.approx(interval.value, rel=1e-6)


def test_refusals(path):
    model = model_of(path, "grade")
    columns = rows_of()
    grade = columns.pop("grade")
    assert refusal(model, columns) == (
        'E401 column "grade" is missing (the model needs: flow, age, day, city, wet, grade). '
        "Add it."
    )
    columns["grade"] = [*grade[:7], "superb", *grade[8:]]
    assert refusal(model, columns) == (
        'E405 target "grade", row 8: "superb" is not a class of the model '
        "(good, middling, poor). Correct it, or leave the row out."
    )
    columns["grade"] = [None] * len(grade)
    assert refusal(model, columns).startswith("E405 there is no row with a target to measure.")
    columns["grade"] = grade
    columns["city"][2] = "Bari"
    found = evaluate_source(model, columns, options=ReadOptions())
    assert [item.code for item in found.notices] == ["W404"]
    assert found.rows == len(grade)
    with pytest.raises(PredictionError, match='column "city", row 3: "Bari"') as caught:
        evaluate_source(model, columns, options=ReadOptions(), unknown="refuse")
    assert caught.value.code == "E402"


def test_an_answer_that_is_not_finite_is_why_there_is_no_figure(path):
    model, columns = model_of(path, "pressure", activation="leaky_relu"), rows_of()
    columns["flow"][6] = 1e308
    columns["pressure"][9] = 1e300
    assert refusal(model, columns) == (
        "E408 the answer or target of 2 rows is not finite, or too large to be squared "
        "(row 7, row 10), so that no metric can be computed. "
        "Correct these rows, or leave them out."
    )


def grouped(rows, names):
    """A table whose rows of one group all err alike, and its groups by name."""
    return {
        "x": [float(i * 37 % 101) for i in range(rows)],
        "who": [names[i % len(names)] for i in range(rows)],
        "y": [float(i * 37 % 101 + 40 * (i % len(names))) for i in range(rows)],
    }


@pytest.mark.filterwarnings("ignore::vetro.errors.VetroWarning")
@pytest.mark.parametrize("chunk_rows", [11, 100_000])
@pytest.mark.parametrize("kind", ["texts", "numbers"])
def test_intervals_are_drawn_by_groups(chunk_rows, kind):
    fitted = [f"p{i}" for i in range(10)] if kind == "texts" else list(range(10))
    new = [f"q{i}" for i in range(6)] if kind == "texts" else list(range(50, 56))
    given = {"epochs": 3, "folds": 2, "hidden": (2,)}
    model = vetro.fit(grouped(60, fitted), "y", group="who", **given)
    table = grouped(90, new)
    found = evaluate_source(model, table, options=ReadOptions(), chunk_rows=chunk_rows)
    assert (found.rows, found.groups) == (90, 6)
    codes = np.arange(90) % 6
    predicted = np.asarray(model.predict(table)["y"], dtype=float)
    actual = np.array(table["y"])
    wanted = measure("regression", actual[:, None], predicted[:, None], None, codes)
    assert found.metrics == wanted
    rows = measure("regression", actual[:, None], predicted[:, None])
    assert found["rmse"].high - found["rmse"].low > 1.2 * (rows["rmse"].high - rows["rmse"].low)
    del table["who"]
    alone = evaluate_source(model, table, options=ReadOptions())
    assert alone.groups == 0 and alone.metrics == rows


@pytest.mark.filterwarnings("ignore::vetro.errors.VetroWarning")
@pytest.mark.parametrize("chunk_rows", [11, 100_000])
def test_rows_of_weight_0_are_counted(chunk_rows):
    table = {**grouped(60, "ab"), "w": [float(i % 3 > 0) for i in range(60)]}
    del table["who"]
    model = vetro.fit(table, "y", weight="w", epochs=2, folds=2, hidden=(2,))
    found = evaluate_source(model, table, options=ReadOptions(), chunk_rows=chunk_rows)
    assert found.rows == 40
    assert [told(item) for item in found.notices] == ["I214 20 rows of weight 0 left out."]
