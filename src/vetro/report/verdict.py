"""The verdict: what a model is worth, in a sentence of plain words.

It repeats the evidence's figures and adds none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vetro.model.evidence import Evidence, Interval
from vetro.report.markup import LOWER_IS_BETTER, figure, interval, listed, number
from vetro.tables.schema import Column

if TYPE_CHECKING:
    from vetro.model.model import Model

_NAMES = {"linear": "a linear model", "boosted trees": "boosted trees"}
_TARGETS_NAMED = 3


def verdict(model: Model) -> str:
    """One or two sentences: how well the targets are predicted, and beside what.

    A baseline is "about as good" when its figure lies within the model's 95% interval.
    """
    evidence, targets = model.evidence, model.schema.targets
    if evidence.task == "classification":
        return _classes(evidence, targets[0])
    if len(targets) > 1:
        return _several(evidence, targets)
    return _number(evidence, targets[0])


def compared(evidence: Evidence, metric: str) -> dict[str, str]:
    """baseline -> "better", "equal" or "worse": what the network is beside it."""
    own = evidence.metrics[metric]
    found = {}
    for name, figures in evidence.baselines.items():
        if metric not in figures:
            continue
        value = figures[metric]
        lower = value < own.low if metric in LOWER_IS_BETTER else value > own.high
        higher = value > own.high if metric in LOWER_IS_BETTER else value < own.low
        found[name] = "worse" if lower else "better" if higher else "equal"
    return found


def _number(evidence: Evidence, target: Column) -> str:
    rmse, r2 = evidence.metrics["rmse"], evidence.metrics["r2"]
    if r2.value <= 0.0:
        return (
            f"Does not predict {target.name}: on rows it never saw it is no better than the mean "
            f"({_r2(r2)}). Do not use this model."
        )
    return (
        f"Predicts {target.name} to within about {_amount(rmse.value, target)} on rows it never "
        f"saw ({_r2(r2)}){_comparison(evidence, 'rmse')}."
    )


def _several(evidence: Evidence, targets: tuple[Column, ...]) -> str:
    r2 = evidence.metrics["r2"]
    own = evidence.per_target
    if len(targets) <= _TARGETS_NAMED:
        parts = [
            f"{target.name} to within about {_amount(own[target.name]['rmse'].value, target)}"
            for target in targets
        ]
        opening = f"Predicts {listed(parts)}"
    else:
        ranked = sorted(targets, key=lambda target: own[target.name]["r2"].value)
        worst, best = ranked[0].name, ranked[-1].name
        opening = (
            f"Predicts {len(targets)} targets, from {worst} "
            f"(R² {figure('r2', own[worst]['r2'].value)}) "
            f"to {best} (R² {figure('r2', own[best]['r2'].value)}),"
        )
    comparison = _comparison(evidence, "r2")
    return f"{opening} on rows it never saw ({_r2(r2)}, mean of the targets){comparison}."


def _classes(evidence: Evidence, target: Column) -> str:
    accuracy = evidence.metrics["accuracy"]
    majority = evidence.baselines.get("majority", {}).get("accuracy")
    span = interval("accuracy", accuracy)
    within = f"95% interval {span}" if span else ""
    auc = evidence.metrics.get("auc")
    area = f"AUC {figure('auc', auc.value)}" if auc else ""
    details = ", ".join(item for item in (within, area) if item)
    opening = (
        f"Predicts {target.name} correctly in {accuracy.value:.1%} of rows it never saw"
        f"{f' ({details})' if details else ''}"
    )
    if majority is None:
        return f"{opening}."
    standing = compared(evidence, "accuracy")
    if standing["majority"] != "better":
        word = "worse than" if standing["majority"] == "worse" else "no better than"
        return (
            f"{opening}: {word} always saying the most frequent class, "
            f"which is right in {majority:.1%}."
        )
    beside = f", where the most frequent class alone is right in {majority:.1%}"
    return f"{opening}{beside}{_comparison(evidence, 'accuracy')}."


def _comparison(evidence: Evidence, metric: str) -> str:
    """ "; better than a linear model, about as good as boosted trees"."""
    words = {"better": "better than", "equal": "about as good as", "worse": "worse than"}
    standing = compared(evidence, metric)
    parts = []
    for kind, word in words.items():
        names = [_NAMES[name] for name in _NAMES if standing.get(name) == kind]
        if names:
            parts.append(f"{word} {listed(names)}")
    return f"; {', '.join(parts)}" if parts else ""


def _amount(value: float, target: Column) -> str:
    return f"{number(value, 2)} {target.unit}".strip()


def _r2(value: Interval) -> str:
    span = interval("r2", value)
    return f"R² {figure('r2', value.value)}{f', 95% interval {span}' if span else ''}"
