"""Numbers as people read them, curves against scikit-learn, and the command to repeat."""

import shlex
from dataclasses import fields
from itertools import pairwise

import numpy as np
import pytest
from sklearn import metrics as oracle

from vetro.model.evidence import Interval
from vetro.model.request import FitRequest
from vetro.report.class_pictures import _thresholds, _wilson
from vetro.report.command import repeat_command
from vetro.report.markup import figure, interval, number, signed
from vetro.tables.options import ReadOptions
from vetro.training.recipe import Recipe


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (5.1349, "5.13"),
        (12345.6, "12,346"),
        (0.0021349, "0.00213"),
        (-3.0, "−3.00"),
        (0.0, "0"),
        (1.2345e-7, "1.23e-07"),
        (3.2e12, "3.20e+12"),
        (float("nan"), "–"),
        (float("-inf"), "−∞"),
    ],
)
def test_numbers(value, shown):
    assert number(value) == shown


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("r2", 0.914, "0.91"),
        ("r2", 0.99996, "0.99996"),
        ("r2", 1.0, "1.00"),
        ("r2", -0.0001, "0.00"),
        ("r2", -0.5, "−0.50"),
        ("accuracy", 0.98765, "98.8%"),
        ("log_loss", 0.03281, "0.0328"),
    ],
)
def test_figures(name, value, shown):
    assert figure(name, value) == shown


def test_only_a_sign_becomes_a_true_minus():
    assert [signed(text) for text in ("1e-07", "1145", "-2.25")] == ["1e-07", "1145", "−2.25"]


def pairs(first, second) -> set:
    return {(float(a), float(b)) for a, b in zip(first, second, strict=True)}


@pytest.mark.parametrize("digits", [1, 6])
def test_the_curves_are_scikit_learns(digits):
    """Every threshold while there are few of them; some of the same curve after that."""
    generator = np.random.default_rng(2)
    truth = generator.random(400) < 0.3
    score = np.round(generator.normal(size=400) + truth, digits)
    found, false, precision = _thresholds(truth, score)
    rates = oracle.roc_curve(truth, score, drop_intermediate=False)[:2]
    assert pairs(false, found) <= pairs(*rates)
    exact_precision, recall, _ = oracle.precision_recall_curve(truth, score)
    assert pairs(precision[1:], found[1:]) <= pairs(exact_precision, recall)
    assert (found[-1], false[-1]) == (1.0, 1.0)
    area = oracle.roc_auc_score(truth, score)
    assert np.trapezoid(found, false) == pytest.approx(area, abs=2e-3)
    if digits == 1:
        assert len(found) == len(set(score)) + 1


def test_the_wilson_interval_is_scipys():
    from scipy.stats import binomtest

    interval = binomtest(7, 20).proportion_ci(method="wilson")
    assert _wilson(0.35, 20) == pytest.approx((interval.low, interval.high), abs=1e-6)


def test_the_command_says_what_differs_from_the_defaults():
    request = FitRequest(
        targets=("a,b", "c d"),
        drop=("id",),
        group="plant",
        options=ReadOptions(sep=";", header=False, missing=("?", "n/a"), category=("zip",)),
        recipe=Recipe(hidden=(32, 16), learning_rate=0.02, seed=7, class_weight="balanced"),
    )
    command = repeat_command("my data.csv", request)
    assert command.startswith('vetro fit "my data.csv" --target \'"a,b",c d\' --drop id')
    words = shlex.split(command)
    expected = [
        "--group",
        "plant",
        "--hidden",
        "32,16",
        "--learning-rate",
        "0.02",
        "--seed",
        "7",
        "--missing",
        "?",
        "--missing",
        "n/a",
        "--category",
        "zip",
        "--class-weight",
        "balanced",
        "--sep",
        ";",
    ]
    given = set(pairwise(words))
    for option, value in zip(expected[::2], expected[1::2], strict=True):
        assert (option, value) in given
    assert "--no-header" in words
    assert "--epochs" not in words


def test_the_commands_options_exist():
    """Every field that may differ has an option of the command line."""
    from vetro.apps.options import READING, RECIPE

    known = {choice.field for choice in READING + RECIPE}
    for kind in (ReadOptions, Recipe):
        assert {entry.name for entry in fields(kind)} - {"keep"} <= known


@pytest.mark.parametrize(
    ("name", "low", "high", "shown"),
    [
        ("r2", 0.99, 0.997, "0.990 to 0.997"),
        ("r2", 0.9896, 0.99972, "0.9896 to 0.9997"),
        ("r2", 0.81, 0.88, "0.81 to 0.88"),
        ("auc", 0.994, 1.0, "0.99 to 1.00"),
        ("rmse", 0.99, 12.0, "0.990 to 12.0"),
        ("accuracy", 0.5, 0.75, "50.0% to 75.0%"),
        ("r2", 0.5, 0.5, ""),
        # the ends differ
        ("r2", 0.99988, 0.99993, "0.99988 to 0.99993"),
        ("rmse", 1000.1, 1000.4, "1,000.1 to 1,000.4"),
        ("accuracy", 0.98761, 0.98764, "98.761% to 98.764%"),
        ("r2", 0.89, 0.92, "0.89 to 0.92"),
        ("rmse", 4.56, 5.28, "4.56 to 5.28"),
    ],
)
def test_the_ends_of_an_interval_have_as_many_digits(name, low, high, shown):
    assert interval(name, Interval(low, low, high)) == shown
