"""The verdict: how good a model is, in one or two plain sentences.

It repeats the evidence's figures and adds none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vetro.model.evidence import Evidence, Interval
from vetro.report.markup import (
    LOWER_IS_BETTER,
    MINUS,
    SHARES,
    apart,
    figure,
    interval,
    label,
    listed,
    number,
)
from vetro.tables.schema import Column

if TYPE_CHECKING:
    from vetro.model.model import Model

_NAMES = {"linear": "a linear model", "boosted trees": "boosted trees"}
_TARGETS_NAMED = 3
_WORDS = {"better": "better than", "equal": "about as good as", "worse": "worse than"}


def verdict(model: Model) -> str:
    """One or two sentences: how well the targets are predicted, compared with the baselines.

    The network is better or worse than a baseline where the 95% interval of their difference on
    the same rows does not hold 0, else about as good.
    """
    evidence, targets = model.evidence, model.schema.targets
    if evidence.task == "classification":
        return _classes(evidence, targets[0])
    if len(targets) > 1:
        return _several(evidence, targets)
    return _number(evidence, targets[0])


def compared(differences: dict[str, dict[str, Interval]], metric: str) -> dict[str, str]:
    """baseline -> "better", "equal" or "worse": the network compared with it by the metric."""
    return {
        name: standing(metric, figures[metric])
        for name, figures in differences.items()
        if metric in figures
    }


def standing(metric: str, difference: Interval) -> str:
    """The judgement on the network by a difference: its figure minus a baseline's."""
    if difference.low <= 0.0 <= difference.high:
        return "equal"
    return "better" if (difference.high < 0.0) == (metric in LOWER_IS_BETTER) else "worse"


def difference(metric: str, found: Interval, unit: str = "") -> str:
    """A difference in words: "RMSE 0.57 MPa higher, 95% interval 0.35 to 0.80", or "RMSE between
    0.20 MPa lower and 0.46 MPa higher" if its interval holds 0."""
    times, unit = (100.0, "points") if metric in SHARES else (1.0, unit)
    unit = f" {unit}" if unit else ""
    low, high = apart(
        times * found.low, times * found.high, lambda end, more: number(end, 2 + more)
    )
    value = number(times * found.value, 2)
    if found.low <= 0.0 <= found.high:
        lower = low.removeprefix(MINUS)
        return f"{label(metric)} between {lower}{unit} lower and {high}{unit} higher"
    if found.low > 0.0:
        return f"{label(metric)} {value}{unit} higher, 95% interval {low} to {high}"
    value, low, high = (item.removeprefix(MINUS) for item in (value, low, high))
    return f"{label(metric)} {value}{unit} lower, 95% interval {high} to {low}"


def _number(evidence: Evidence, target: Column) -> str:
    rmse, r2 = evidence.metrics["rmse"], evidence.metrics["r2"]
    against_mean = compared(evidence.comparisons, "rmse").get("mean")
    if r2.value <= 0.0 or against_mean in ("equal", "worse"):
        end = " Do not use this model." if r2.value <= 0.0 else ""
        return (
            f"Does not predict {target.name}: on rows it never saw it is no better than the mean "
            f"({_r2(r2)}).{end}"
        )
    comparison = _comparison(evidence.comparisons, "rmse", target.unit)
    return (
        f"Predicts {target.name} with a typical error of about {_amount(rmse.value, target)} "
        f"(RMSE) on rows it never saw ({_r2(r2)}){comparison}."
    )


def _several(evidence: Evidence, targets: tuple[Column, ...]) -> str:
    r2 = evidence.metrics["r2"]
    own = evidence.per_target
    if len(targets) <= _TARGETS_NAMED:
        parts = [
            f"{target.name} with a typical error of about "
            f"{_amount(own[target.name]['rmse'].value, target)}"
            for target in targets
        ]
        opening = f"Predicts {listed(parts)} (RMSE)"
    else:
        ranked = sorted(targets, key=lambda target: own[target.name]["r2"].value)
        worst, best = ranked[0].name, ranked[-1].name
        opening = (
            f"Predicts {len(targets)} targets, from {worst} "
            f"(R² {figure('r2', own[worst]['r2'].value)}) "
            f"to {best} (R² {figure('r2', own[best]['r2'].value)}),"
        )
    comparison = _comparison(evidence.comparisons, "r2")
    useless = [
        name
        for name, differences in evidence.comparisons_per_target.items()
        if compared(differences, "rmse").get("mean", "better") != "better"
    ]
    if len(useless) == len(targets):
        return (
            f"Does not predict {listed(useless)}: on rows it never saw it is no better than the "
            f"mean for any of them ({_r2(r2)}, mean of the targets)."
        )
    warned = f" It is no better than the mean for {listed(useless)}." if useless else ""
    return f"{opening} on rows it never saw ({_r2(r2)}, mean of the targets){comparison}.{warned}"


def _classes(evidence: Evidence, target: Column) -> str:
    metric = evidence.judged_by or "accuracy"
    judged = evidence.metrics[metric]
    majority = evidence.baselines.get("majority", {}).get(metric)
    span = interval(metric, judged)
    within = f"95% interval {span}" if span else ""
    auc = evidence.metrics.get("auc")
    area = f"AUC {figure('auc', auc.value)}" if auc else ""
    details = ", ".join(item for item in (within, area) if item)
    if metric == "balanced_accuracy":
        return _balanced(evidence, target, judged, majority, details)
    opening = (
        f"Predicts {target.name} correctly in {judged.value:.1%} of rows it never saw"
        f"{f' ({details})' if details else ''}"
    )
    if majority is None:
        return f"{opening}."
    found = compared(evidence.comparisons, metric).get("majority")
    if found in ("equal", "worse"):
        word = "worse than" if found == "worse" else "no better than"
        return (
            f"{opening}: {word} always predicting the most frequent class, "
            f"which is right in {majority:.1%}.{_of_probabilities(evidence)}"
        )
    chance = f", where the most frequent class alone is right in {majority:.1%}"
    return f"{opening}{chance}{_comparison(evidence.comparisons, metric)}."


def _balanced(
    evidence: Evidence, target: Column, judged: Interval, chance: float | None, details: str
) -> str:
    """The verdict by balanced accuracy; chance: that of naming always the same class."""
    share, of = f"{judged.value:.1%}", "on rows it never saw"
    brackets = f" ({details})" if details else ""
    found = compared(evidence.comparisons, "balanced_accuracy").get("majority")
    if chance is not None and found in ("equal", "worse"):
        word = "worse than" if found == "worse" else "as good as"
        return (
            f"Does not predict {target.name}: {of} its balanced accuracy is {share}{brackets}, "
            f"{word} chance ({chance:.1%}).{_of_probabilities(evidence)}"
        )
    comparison = _comparison(evidence.comparisons, "balanced_accuracy")
    against = "" if chance is None else f", where chance gives {chance:.1%}"
    return (
        f"Predicts {target.name} with a balanced accuracy (the mean over the classes) of {share} "
        f"{of}{brackets}{against}{comparison}."
    )


def _of_probabilities(evidence: Evidence) -> str:
    """A sentence if the probabilities are useful although the named classes are not."""
    apart = evidence.comparisons.get("majority", {}).get("log_loss")
    if apart is None or standing("log_loss", apart) != "better":
        return ""
    return (
        " Its probabilities are still better than the classes' shares "
        f"({difference('log_loss', apart)})."
    )


def _comparison(differences: dict[str, dict[str, Interval]], metric: str, unit: str = "") -> str:
    """ "; better than a linear model, worse than boosted trees (RMSE 0.57 higher, ...)".

    The size of the difference is given only where the network is not better: there it matters.
    """
    found = compared(differences, metric)
    parts = []
    for kind, word in _WORDS.items():
        names = []
        for name in (name for name in _NAMES if found.get(name) == kind):
            much = difference(metric, differences[name][metric], unit)
            names.append(_NAMES[name] if kind == "better" else f"{_NAMES[name]} ({much})")
        if names:
            parts.append(f"{word} {listed(names)}")
    return f"; {', '.join(parts)}" if parts else ""


def _amount(value: float, target: Column) -> str:
    return f"{number(value, 2)} {target.unit}".strip()


def _r2(value: Interval) -> str:
    span = interval("r2", value)
    return f"R² {figure('r2', value.value)}{f', 95% interval {span}' if span else ''}"
