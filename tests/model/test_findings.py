"""What is said of a fit's quality, and which other messages it refers to."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from told import told

from vetro.model.evidence import Interval
from vetro.model.findings import quality_findings


def found(judged_by, own, training, majority=None, log_loss=0.0, given=()):
    """The messages on a held-out figure; log_loss: the network's minus that of the shares."""
    metric = judged_by if judged_by not in ("rmse", "r2") else "r2"
    metrics = {metric: Interval(own, own - 0.1, own + 0.1)}
    if metric != "r2":
        metrics.setdefault("accuracy", Interval(0.9, 0.8, 1.0))
    measured = SimpleNamespace(
        judged_by=judged_by,
        metrics=metrics,
        training_metrics={metric: training},
        baselines={"majority": {metric: majority}},
        comparisons={"majority": {"log_loss": Interval(log_loss, log_loss - 0.1, log_loss + 0.1)}},
    )
    return [told(item) for item in quality_findings(measured, given)]


def test_a_message_refers_only_to_messages_that_were_given():
    start = "W306 Held-out R2 -0.12: worse than predicting the mean. Do not use this model"
    assert found("rmse", -0.12, 0.5) == [f"{start}."]
    assert found("rmse", -0.12, 0.5, given={"W201", "I211"}) == [f"{start}."]
    assert found("r2", -0.12, 0.5, given={"W305", "W206"}) == [f"{start}; see W206, W305."]


def test_classes_that_naming_the_frequent_one_beats():
    assert found("accuracy", 0.6, 0.7, majority=0.7) == [
        "W318 Held-out accuracy 0.60: no better than always naming the most frequent class (0.70). "
        "Do not use this model."
    ]
    # accuracy hides it, the probabilities do not
    assert found("accuracy", 0.6, 0.7, majority=0.7, log_loss=-0.3) == []
    assert found("accuracy", 0.7, 0.7, majority=0.7) == []


def test_balanced_classes_are_judged_by_balanced_accuracy():
    """Naming the frequent class is right more often, and that is no reason to leave the model."""
    assert found("balanced_accuracy", 0.826, 0.85, majority=0.5) == []
    assert found("balanced_accuracy", 0.45, 0.6, majority=0.5, given={"W203"}) == [
        "W318 Held-out balanced accuracy 0.45: no better than chance (0.50). Do not use "
        "this model; see W203."
    ]


@pytest.mark.parametrize(
    ("metric", "name"),
    [("rmse", "R2"), ("accuracy", "accuracy"), ("balanced_accuracy", "balanced accuracy")],
)
def test_overfitting(metric, name):
    assert found(metric, 0.6, 0.99, majority=0.5) == [
        f"W307 Training {name} 0.99, held-out 0.60: overfitting. Use a larger --weight-decay, "
        "fewer columns, or more rows."
    ]
