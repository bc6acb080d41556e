"""The verdict's words, for evidence of every kind."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from vetro.model.evidence import Evidence, Interval
from vetro.report.verdict import verdict
from vetro.tables.schema import Column, Schema


def intervals(figures):
    return {name: Interval(*value) for name, value in figures.items()}


def said(task, metrics, comparisons, *targets, majority=None, judged_by="", **per_target):
    """The verdict on (value, low, high) of each metric and of each difference from a baseline."""
    own, apart = per_target.get("own", {}), per_target.get("apart", {})
    evidence = replace(
        Evidence.empty(task, "torch"),
        metrics=intervals(metrics),
        baselines={} if majority is None else {"majority": {judged_by or "accuracy": majority}},
        comparisons={name: intervals(figures) for name, figures in comparisons.items()},
        per_target={target: intervals(figures) for target, figures in own.items()},
        comparisons_per_target={
            target: {name: intervals(figures) for name, figures in found.items()}
            for target, found in apart.items()
        },
        judged_by=judged_by,
    )
    columns = targets or (Column("y", "number", "target"),)
    return verdict(SimpleNamespace(evidence=evidence, schema=Schema(columns)))


GOOD = {"rmse": (5.13, 4.8, 5.5), "mae": (3.6, 3.4, 3.8), "r2": (0.906, 0.89, 0.92)}


def test_one_number():
    apart = {
        "mean": {"rmse": (-11.0, -12.0, -10.0)},
        "linear": {"rmse": (-5.3, -6.0, -4.6)},
        "boosted trees": {"rmse": (0.13, -0.2, 0.46)},
    }
    strength = Column("strength", "number", "target", unit="MPa")
    assert said("regression", GOOD, apart, strength) == (
        "Predicts strength with a typical error of about 5.1 MPa (RMSE) on rows it never saw "
        "(R² 0.91, 95% interval 0.89 to 0.92); better than a linear model, about as good as "
        "boosted trees (RMSE between 0.20 MPa lower and 0.46 MPa higher)."
    )


BETTER, EQUAL, WORSE = (-2.0, -3.0, -1.0), (1.0, -1.0, 3.0), (2.0, 1.0, 3.0)
HIGHER = "(RMSE 2.0 higher, 95% interval 1.0 to 3.0)"
APART = "(RMSE between 1.0 lower and 3.0 higher)"


@pytest.mark.parametrize(
    ("linear", "trees", "words"),
    [
        (BETTER, BETTER, "better than a linear model and boosted trees."),
        (WORSE, WORSE, f"worse than a linear model {HIGHER} and boosted trees {HIGHER}."),
        (EQUAL, EQUAL, f"about as good as a linear model {APART} and boosted trees {APART}."),
        (BETTER, WORSE, f"better than a linear model, worse than boosted trees {HIGHER}."),
    ],
)
def test_it_compares_by_the_interval_of_the_difference(linear, trees, words):
    apart = {"linear": {"rmse": linear}, "boosted trees": {"rmse": trees}}
    assert said("regression", GOOD, apart).endswith(f"; {words}")


def test_no_better_than_the_mean():
    metrics = {"rmse": (9.0, 8.0, 10.0), "r2": (-0.123, -0.2, -0.05)}
    assert said("regression", metrics, {"mean": {"rmse": (1.0, 0.5, 1.5)}}) == (
        "Does not predict y: on rows it never saw it is no better than the mean "
        "(R² −0.12, 95% interval −0.20 to −0.05). Do not use this model."
    )
    metrics["r2"] = (0.03, -0.2, 0.2)
    assert said("regression", metrics, {"mean": {"rmse": (-0.2, -0.9, 0.5)}}) == (
        "Does not predict y: on rows it never saw it is no better than the mean "
        "(R² 0.03, 95% interval −0.20 to 0.20)."
    )


def test_several_targets_are_named():
    targets = (Column("a", "number", "target", unit="K"), Column("b", "number", "target"))
    own = {"a": {"rmse": (2.0, 1, 3)}, "b": {"rmse": (0.0312, 0, 1)}}
    apart = {
        "a": {"mean": {"rmse": (-2.0, -3.0, -1.0)}},
        "b": {"mean": {"rmse": (-0.01, -0.02, 0.01)}},
    }
    found = said(
        "regression", {"r2": (0.8, 0.7, 0.9)}, {"linear": {"r2": (0.2, 0.1, 0.3)}}, *targets,
        own=own, apart=apart,
    )  # fmt: skip
    assert found == (
        "Predicts a with a typical error of about 2.0 K and b with a typical error of about 0.031 "
        "(RMSE) on rows it never saw (R² 0.80, 95% interval 0.70 to 0.90, mean of the targets); "
        "better than a linear model. It is no better than the mean for b."
    )


def test_many_targets_from_worst_to_best():
    targets = tuple(Column(name, "number", "target") for name in "abcd")
    shares = {"a": 0.5, "b": 0.1, "c": 0.9, "d": 0.4}
    own = {name: {"r2": (share, 0, 1)} for name, share in shares.items()}
    found = said("regression", {"r2": (0.475, 0.4, 0.5)}, {}, *targets, own=own)
    assert found.startswith("Predicts 4 targets, from b (R² 0.10) to c (R² 0.90), on rows")


CLASSES = {"accuracy": (0.8, 0.78, 0.82), "auc": (0.84, 0.8, 0.9)}


def test_classes():
    apart = {
        "majority": {"accuracy": (0.1, 0.08, 0.12)},
        "linear": {"accuracy": (-0.03, -0.041, -0.019)},
    }
    assert said("classification", CLASSES, apart, majority=0.7) == (
        "Predicts y correctly in 80.0% of rows it never saw (95% interval 78.0% to 82.0%, "
        "AUC 0.84), where the most frequent class alone is right in 70.0%; "
        "worse than a linear model (accuracy 3.0 points lower, 95% interval 1.9 to 4.1)."
    )


def test_balanced_classes_are_judged_by_balanced_accuracy():
    metrics = {**CLASSES, "balanced_accuracy": (0.826, 0.8, 0.85)}
    apart = {
        "majority": {"accuracy": (-0.1, -0.2, -0.05), "balanced_accuracy": (0.33, 0.3, 0.35)},
        "boosted trees": {"accuracy": (-0.1, -0.2, -0.05), "balanced_accuracy": (0.06, 0.03, 0.08)},
    }
    found = said("classification", metrics, apart, majority=0.5, judged_by="balanced_accuracy")
    assert found == (
        "Predicts y with a balanced accuracy (the mean over the classes) of 82.6% on rows it never "
        "saw (95% interval 80.0% to 85.0%, AUC 0.84), where chance gives 50.0%; better than "
        "boosted trees."
    )


@pytest.mark.parametrize(
    ("apart", "words"),
    [((0.0, 0.0, 0.0), "as good as"), ((0.01, -0.01, 0.03), "as good as"),
     ((-0.1, -0.2, -0.05), "worse than")],
)  # fmt: skip
def test_balanced_classes_that_chance_beats(apart, words):
    found = said(
        "classification", {"accuracy": (0.9, 0.8, 1.0), "balanced_accuracy": (0.5, 0.5, 0.5)},
        {"majority": {"balanced_accuracy": apart}}, majority=0.5, judged_by="balanced_accuracy",
    )  # fmt: skip
    assert found == (
        "Does not predict y: on rows it never saw its balanced accuracy is 50.0%, "
        f"{words} chance (50.0%)."
    )


def test_probabilities_may_help_where_the_classes_do_not():
    apart = {"majority": {"accuracy": (0.0, -0.01, 0.01), "log_loss": (-0.12, -0.15, -0.09)}}
    assert said("classification", CLASSES, apart, majority=0.8).endswith(
        " Its probabilities are still better than the classes' shares (log loss 0.12 lower, 95% "
        "interval 0.090 to 0.15)."
    )


def test_several_targets_that_the_mean_beats():
    targets = (Column("a", "number", "target"), Column("b", "number", "target"))
    own = {name: {"rmse": (2.0, 1, 3)} for name in "ab"}
    apart = {name: {"mean": {"rmse": (0.1, -0.2, 0.4)}} for name in "ab"}
    assert said("regression", {"r2": (-0.1, -0.2, 0.0)}, {}, *targets, own=own, apart=apart) == (
        "Does not predict a and b: on rows it never saw it is no better than the mean for any of "
        "them (R² −0.10, 95% interval −0.20 to 0.00, mean of the targets)."
    )


@pytest.mark.parametrize(
    ("apart", "words"),
    [((0.01, -0.01, 0.03), "no better than"), ((-0.1, -0.2, -0.05), "worse than")],
)
def test_classes_that_the_majority_beats(apart, words):
    found = said("classification", CLASSES, {"majority": {"accuracy": apart}}, majority=0.79)
    assert found.endswith(
        f": {words} always predicting the most frequent class, which is right in 79.0%."
    )


def test_evidence_without_baselines_or_auc():
    found = said("classification", {"accuracy": (0.8, 0.8, 0.8)}, {})
    assert found == "Predicts y correctly in 80.0% of rows it never saw."
