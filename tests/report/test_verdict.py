"""The verdict's words, for evidence of every kind."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from vetro.model.evidence import Evidence, Interval
from vetro.report.verdict import verdict
from vetro.tables.schema import Column, Schema


def said(task, metrics, baselines, *targets, per_target=None):
    """The verdict on (value, low, high) of each metric."""
    evidence = replace(
        Evidence.empty(task, "torch"),
        metrics={name: Interval(*value) for name, value in metrics.items()},
        baselines=baselines,
        per_target={
            target: {name: Interval(*value) for name, value in figures.items()}
            for target, figures in (per_target or {}).items()
        },
    )
    columns = targets or (Column("y", "number", "target"),)
    return verdict(SimpleNamespace(evidence=evidence, schema=Schema(columns)))


GOOD = {"rmse": (5.13, 4.8, 5.5), "mae": (3.6, 3.4, 3.8), "r2": (0.906, 0.89, 0.92)}


def test_one_number():
    baselines = {"mean": {"rmse": 16.7}, "linear": {"rmse": 10.4}, "boosted trees": {"rmse": 5.0}}
    strength = Column("strength", "number", "target", unit="MPa")
    assert said("regression", GOOD, baselines, strength) == (
        "Predicts strength to within about 5.1 MPa on rows it never saw (R² 0.91, "
        "95% interval 0.89 to 0.92); better than a linear model, about as good as boosted trees."
    )


@pytest.mark.parametrize(
    ("linear", "trees", "words"),
    [
        (9.0, 9.0, "better than a linear model and boosted trees."),
        (4.0, 4.0, "worse than a linear model and boosted trees."),
        (5.5, 4.8, "about as good as a linear model and boosted trees."),
        (5.51, 4.79, "better than a linear model, worse than boosted trees."),
    ],
)
def test_it_compares_within_the_interval(linear, trees, words):
    baselines = {"linear": {"rmse": linear}, "boosted trees": {"rmse": trees}}
    assert said("regression", GOOD, baselines).endswith(f"; {words}")


def test_no_better_than_the_mean():
    metrics = {"rmse": (9.0, 8.0, 10.0), "r2": (-0.123, -0.2, -0.05)}
    assert said("regression", metrics, {"mean": {"rmse": 8.0}}) == (
        "Does not predict y: on rows it never saw it is no better than the mean "
        "(R² −0.12, 95% interval −0.20 to −0.05). Do not use this model."
    )


def test_several_targets_are_named():
    targets = (Column("a", "number", "target", unit="K"), Column("b", "number", "target"))
    per_target = {"a": {"rmse": (2.0, 1, 3)}, "b": {"rmse": (0.0312, 0, 1)}}
    found = said(
        "regression", {"r2": (0.8, 0.7, 0.9)}, {"linear": {"r2": 0.6}}, *targets,
        per_target=per_target,
    )  # fmt: skip
    assert found == (
        "Predicts a to within about 2.0 K and b to within about 0.031 on rows it never saw "
        "(R² 0.80, 95% interval 0.70 to 0.90, mean of the targets); better than a linear model."
    )


def test_many_targets_from_worst_to_best():
    targets = tuple(Column(name, "number", "target") for name in "abcd")
    shares = {"a": 0.5, "b": 0.1, "c": 0.9, "d": 0.4}
    per_target = {name: {"r2": (share, 0, 1)} for name, share in shares.items()}
    found = said("regression", {"r2": (0.475, 0.4, 0.5)}, {}, *targets, per_target=per_target)
    assert found.startswith("Predicts 4 targets, from b (R² 0.10) to c (R² 0.90), on rows")


CLASSES = {"accuracy": (0.8, 0.78, 0.82), "auc": (0.84, 0.8, 0.9)}


def test_classes():
    baselines = {"majority": {"accuracy": 0.7}, "linear": {"accuracy": 0.83}}
    assert said("classification", CLASSES, baselines) == (
        "Predicts y correctly in 80.0% of rows it never saw (95% interval 78.0% to 82.0%, "
        "AUC 0.84), where the most frequent class alone is right in 70.0%; "
        "worse than a linear model."
    )


@pytest.mark.parametrize(("share", "words"), [(0.79, "no better than"), (0.9, "worse than")])
def test_classes_that_the_majority_beats(share, words):
    found = said("classification", CLASSES, {"majority": {"accuracy": share}})
    assert found.endswith(
        f": {words} always saying the most frequent class, which is right in {share:.1%}."
    )


def test_evidence_without_baselines_or_auc():
    found = said("classification", {"accuracy": (0.8, 0.8, 0.8)}, {})
    assert found == "Predicts y correctly in 80.0% of rows it never saw."
