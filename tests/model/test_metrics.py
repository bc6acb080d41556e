"""Metrics against scikit-learn, and intervals against theory and explicit resampling."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from vetro.model.bootstrap import measure
from vetro.model.metrics import figures


def classes_drawn(seed: int, rows: int, classes: int, digits: int | None = None):
    """(codes, probabilities, weights); few digits give equal scores."""
    generator = np.random.default_rng(seed)
    actual = generator.integers(0, classes, rows)
    actual[:classes] = np.arange(classes)
    logits = generator.normal(size=(rows, classes)) + np.eye(classes)[actual]
    if digits is not None:
        logits = np.round(logits, digits)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return actual, probabilities, generator.uniform(0.1, 3.0, rows)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    rows=st.integers(2, 200),
    offset=st.sampled_from([0.0, 1e3, -1e6]),
    weighted=st.booleans(),
)
def test_regression_figures_are_scikit_learns(seed, rows, offset, weighted):
    generator = np.random.default_rng(seed)
    actual = generator.normal(size=(rows, 1)) + offset
    predicted = actual + generator.normal(size=(rows, 1))
    weights = generator.uniform(0.1, 3.0, rows) if weighted else None
    found = figures("regression", actual, predicted, weights)
    expected = {
        "rmse": oracle.root_mean_squared_error(actual, predicted, sample_weight=weights),
        "mae": oracle.mean_absolute_error(actual, predicted, sample_weight=weights),
        "r2": oracle.r2_score(actual, predicted, sample_weight=weights),
    }
    assert found == pytest.approx(expected, rel=1e-7)


def test_several_targets_give_their_mean_r2_only():
    generator = np.random.default_rng(1)
    actual = generator.normal(size=(50, 3)) * [1.0, 100.0, 1e-3]
    predicted = actual + generator.normal(size=(50, 3)) * [0.1, 50.0, 1e-3]
    expected = oracle.r2_score(actual, predicted)
    assert figures("regression", actual, predicted) == pytest.approx({"r2": expected})


@pytest.mark.parametrize(("shift", "expected"), [(0.0, 1.0), (0.5, 0.0)])
def test_r2_of_a_constant_target_is_scikit_learns(shift, expected):
    actual = np.full((10, 1), 0.1)
    assert figures("regression", actual, actual + shift)["r2"] == expected
    assert oracle.r2_score(actual, actual + shift) == expected


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    rows=st.integers(6, 200),
    classes=st.integers(2, 5),
    digits=st.sampled_from([None, 0, 1]),
    weighted=st.booleans(),
)
def test_class_figures_are_scikit_learns(seed, rows, classes, digits, weighted):
    actual, probabilities, weights = classes_drawn(seed, rows, classes, digits)
    weights = weights if weighted else None
    said = probabilities.argmax(axis=1)
    options = {"sample_weight": weights}
    score = probabilities[:, 1] if classes == 2 else probabilities
    several = {"multi_class": "ovr"} if classes > 2 else {}
    expected = {
        "accuracy": oracle.accuracy_score(actual, said, **options),
        "balanced_accuracy": oracle.balanced_accuracy_score(actual, said, **options),
        "log_loss": oracle.log_loss(actual, probabilities, labels=range(classes), **options),
        "auc": oracle.roc_auc_score(actual, score, **several, **options),
        "f1": oracle.f1_score(actual, said, average="macro", **options),
    }
    assert figures("classification", actual, probabilities, weights) == pytest.approx(
        expected, rel=1e-9
    )


def test_a_certain_mistake_costs_a_finite_log_loss():
    actual = np.array([0, 1])
    probabilities = np.array([[0.0, 1.0], [0.0, 1.0]])
    expected = oracle.log_loss(actual, probabilities)
    assert figures("classification", actual, probabilities)["log_loss"] == pytest.approx(expected)


def test_auc_is_left_out_where_one_class_is_present():
    found = figures("classification", np.ones(5, dtype=int), np.full((5, 2), 0.5))
    assert set(found) == {"accuracy", "balanced_accuracy", "log_loss", "f1"}
    assert set(measure("classification", np.ones(5, dtype=int), np.full((5, 2), 0.5))) == set(found)


def test_an_absent_class_does_not_count():
    actual, probabilities, _ = classes_drawn(3, 80, 3)
    keep = actual != 2
    actual, probabilities = actual[keep], probabilities[keep]
    areas = [oracle.roc_auc_score(actual == code, probabilities[:, code]) for code in (0, 1)]
    found = figures("classification", actual, probabilities)
    assert found["auc"] == pytest.approx(np.mean(areas))
    f1 = oracle.f1_score(actual, probabilities.argmax(axis=1), average="macro")
    assert found["f1"] == pytest.approx(f1)


@pytest.mark.parametrize("task", ["regression", "classification", "three classes"])
def test_intervals_are_those_of_explicit_resampling(task):
    """Each resample taken apart and given to `figures` as a table of its own."""
    if task == "regression":
        generator = np.random.default_rng(5)
        actual = generator.normal(size=(60, 1)) + 7.0
        predicted = actual + generator.normal(size=(60, 1))
        weights = generator.uniform(0.5, 2.0, 60)
    else:
        actual, predicted, weights = classes_drawn(6, 60, 3 if task[0] == "t" else 2, 1)
        task = "classification"
    found = measure(task, actual, predicted, weights, resamples=50, seed=11)
    generator = np.random.Generator(np.random.PCG64(11))
    drawn = []
    for _ in range(50):
        rows = generator.integers(0, 60, size=60, dtype=np.int32)
        drawn.append(figures(task, actual[rows], predicted[rows], weights[rows]))
    for name, interval in found.items():
        values = [figure[name] for figure in drawn]
        assert (interval.low, interval.high) == pytest.approx(
            tuple(np.percentile(values, (2.5, 97.5))), rel=1e-9
        )


def test_the_interval_of_an_accuracy_is_the_binomial_one():
    generator = np.random.default_rng(2)
    rows, share = 4000, 0.8
    actual = generator.integers(0, 2, rows)
    right = generator.random(rows) < share
    probabilities = np.eye(2)[np.where(right, actual, 1 - actual)]
    found = measure("classification", actual, probabilities)["accuracy"]
    half = 1.96 * np.sqrt(share * (1 - share) / rows)
    assert found.value == right.mean()
    assert found.high - found.low == pytest.approx(2 * half, rel=0.1)
    assert found.low < found.value < found.high


def test_the_seed_decides_the_interval():
    generator = np.random.default_rng(0)
    actual = generator.normal(size=(40, 1))
    predicted = actual + 1.0 + generator.normal(size=(40, 1))
    first, again = (measure("regression", actual, predicted, seed=4) for _ in range(2))
    assert first == again
    assert first != measure("regression", actual, predicted, seed=5)


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match="3 rows, 2 predictions"):
        figures("regression", np.zeros((3, 1)), np.zeros((2, 1)))
