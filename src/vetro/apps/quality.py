"""Quality in a small table: the network and the baselines, metric by metric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vetro.apps.present import say, table
from vetro.report.coverage import heads, held, share, width
from vetro.report.markup import IN_UNITS, figure, interval, label

if TYPE_CHECKING:
    from vetro.model.evidence import Coverage, Interval
    from vetro.model.model import Model

BASELINES = {"linear": "linear model"}


def quality_table(model: Model) -> None:
    """Print the metrics on held-out rows with intervals, the baselines below, then each target."""
    evidence = model.evidence
    metrics = list(evidence.metrics)
    rows = _rows(metrics, evidence.metrics, evidence.baselines)
    head = [in_unit(name, unit_of(model)) for name in metrics]
    table(["on held-out rows", *head], rows, bold=0)
    if len(evidence.per_target) > 1:
        say()
        metrics = list(next(iter(evidence.per_target.values())))
        rows = []
        for target, own in evidence.per_target.items():
            found = _rows(metrics, own, evidence.baselines_per_target.get(target, {}))
            name = with_unit(model, target)
            rows += [[name if not number else "", *row] for number, row in enumerate(found)]
        table(["target", "on held-out rows", *map(label, metrics)], rows)
    coverage_rows(model, evidence.coverage)


def coverage_rows(model: Model, measured: Mapping[str, Coverage]) -> None:
    """Print how often the intervals of each target held the truth; nothing if it is not known."""
    if not measured:
        return
    classes = bool(model.classes)
    say()
    rows = [
        [name, held(found), *map(share, found.thirds), width(found, model.schema[name].unit)]
        for name, found in measured.items()
    ]
    table(heads(measured, classes), rows)


def _rows(
    metrics: list[str], own: Mapping[str, Interval], baselines: Mapping[str, Mapping[str, float]]
) -> list[list[str]]:
    """The network's figures, then each baseline's."""
    rows = [["network", *(_with_interval(name, own[name]) for name in metrics)]]
    return rows + [
        [BASELINES.get(name, name), *(_figure(metric, found.get(metric)) for metric in metrics)]
        for name, found in baselines.items()
    ]


def unit_of(model: Model) -> str:
    """The unit of a model's only target, else ""."""
    targets = model.schema.targets
    return targets[0].unit if len(targets) == 1 and targets[0].kind == "number" else ""


def with_unit(model: Model, target: str) -> str:
    """A target's name with its unit, for figures of several targets: "flow (m3/h)"."""
    unit = model.schema[target].unit
    return f"{target} ({unit})" if unit else target


def in_unit(metric: str, unit: str) -> str:
    """A metric's heading: "RMSE (mm)", "R²"."""
    return f"{label(metric)} ({unit})" if unit and metric in IN_UNITS else label(metric)


def metrics_table(head: str, figures: Mapping[str, Mapping[str, Interval]], unit: str = "") -> None:
    """One row for each name, one column for each metric."""
    metrics = list(dict.fromkeys(metric for found in figures.values() for metric in found))
    rows = [
        [name, *(_with_interval(m, found[m]) if m in found else "-" for m in metrics)]
        for name, found in figures.items()
    ]
    table([head, *(in_unit(metric, unit) for metric in metrics)], rows)


def _with_interval(metric: str, found: Interval) -> str:
    between = interval(metric, found)
    return f"{figure(metric, found.value)} ({between})" if between else figure(metric, found.value)


def _figure(metric: str, value: float | None) -> str:
    return "-" if value is None else figure(metric, value)
