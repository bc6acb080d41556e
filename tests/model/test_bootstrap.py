"""Intervals of differences and of groups, against explicit resampling and theory."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest

from vetro.model.bootstrap import compare, measure
from vetro.model.metrics import figures


def drawn(rows=400, seed=0):
    """Targets that are hard in the same rows for two predictions, one a little better."""
    generator = np.random.default_rng(seed)
    actual = generator.normal(size=(rows, 1))
    hard = generator.standard_t(3, size=(rows, 1))
    return actual, actual + hard, actual + 1.05 * hard + 0.05 * generator.normal(size=(rows, 1))


def test_the_difference_is_that_of_the_figures():
    actual, good, poor = drawn()
    weights = np.random.default_rng(1).uniform(0.5, 2.0, len(actual))
    found = compare("regression", actual, good, {"poor": poor}, weights)
    own = figures("regression", actual, good, weights)
    other = figures("regression", actual, poor, weights)
    assert found.rivals["poor"] == other
    for name, one in found.differences["poor"].items():
        assert one.value == pytest.approx(own[name] - other[name])
    for name, one in measure("regression", actual, good, weights).items():
        assert astuple(found.own[name]) == pytest.approx(astuple(one), rel=1e-12)


def test_what_two_predictions_share_cancels():
    """Their own intervals overlap by far, yet which is better is certain."""
    actual, good, poor = drawn()
    found = compare("regression", actual, good, {"poor": poor})
    assert found.own["rmse"].low < found.rivals["poor"]["rmse"] < found.own["rmse"].high
    assert found.differences["poor"]["rmse"].high < 0


def test_the_interval_of_a_difference_is_that_of_explicit_resampling():
    actual, good, poor = drawn(120)
    found = compare("regression", actual, good, {"poor": poor}).differences["poor"]["rmse"]
    generator = np.random.default_rng(7)
    apart = []
    for _ in range(4000):
        rows = generator.integers(0, 120, 120)
        apart.append(
            np.sqrt(np.mean((actual[rows] - good[rows]) ** 2))
            - np.sqrt(np.mean((actual[rows] - poor[rows]) ** 2))
        )
    low, high = np.percentile(apart, (2.5, 97.5))
    spread = high - low
    assert found.low == pytest.approx(low, abs=0.15 * spread)
    assert found.high == pytest.approx(high, abs=0.15 * spread)


@pytest.mark.parametrize("rate", [1.0, 0.1])
def test_equal_predictions_do_not_differ_nor_does_noise_decide_often(rate):
    """Of two predictions that are equally good, one is called better in about one of 20 tables."""
    decided = 0
    for seed in range(60):
        generator = np.random.default_rng(seed)
        actual = generator.normal(size=(150, 1))
        one, other = (actual + rate * generator.normal(size=(150, 1)) for _ in range(2))
        apart = compare("regression", actual, one, {"other": other}, resamples=300)
        found = apart.differences["other"]["rmse"]
        decided += not found.low <= 0 <= found.high
    assert decided <= 9


def test_groups_are_drawn_whole():
    """Copies of a row are one observation: 20 copies make no interval narrower."""
    generator = np.random.default_rng(3)
    actual = generator.normal(size=(60, 1))
    predicted = actual + generator.normal(size=(60, 1))
    rival = predicted + 0.3 * generator.normal(size=(60, 1))
    once = compare("regression", actual, predicted, {"rival": rival})
    many = [np.repeat(item, 20, axis=0) for item in (actual, predicted, rival)]
    groups = np.repeat(np.arange(60), 20)
    found = compare("regression", many[0], many[1], {"rival": many[2]}, groups=groups)
    alone = compare("regression", many[0], many[1], {"rival": many[2]})
    one, grouped, by_rows = (item.own["rmse"] for item in (once, found, alone))
    assert (grouped.low, grouped.high) == pytest.approx((one.low, one.high))
    assert by_rows.high - by_rows.low < 0.5 * (one.high - one.low)
    theirs = found.differences["rival"]["rmse"], once.differences["rival"]["rmse"]
    assert theirs[0].low == pytest.approx(theirs[1].low)
    assert theirs[0].high == pytest.approx(theirs[1].high)


def test_a_single_group_is_drawn_by_rows():
    actual, good, _ = drawn(50)
    groups = np.zeros(50, dtype=int)
    assert measure("regression", actual, good, groups=groups) == measure("regression", actual, good)


@pytest.mark.parametrize("classes", [2, 3])
def test_classes_are_compared_by_accuracy_and_log_loss(classes):
    generator = np.random.default_rng(classes)
    actual = generator.integers(0, classes, 300)
    logits = 2 * np.eye(classes)[actual] + generator.normal(size=(300, classes))
    good, flat = (np.exp(z) / np.exp(z).sum(axis=1, keepdims=True) for z in (logits, 0 * logits))
    found = compare("classification", actual, good, {"flat": flat}).differences["flat"]
    assert set(found) == {"accuracy", "balanced_accuracy", "log_loss"}
    assert found["accuracy"].low > 0 and found["balanced_accuracy"].low > 0
    assert found["log_loss"].high < 0
