"""Quality in a small table: the network and the baselines, metric by metric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vetro.apps.present import table
from vetro.report.markup import figure, interval, label

if TYPE_CHECKING:
    from vetro.model.evidence import Evidence, Interval

BASELINES = {"linear": "linear model"}


def quality_table(evidence: Evidence) -> None:
    """The metrics on held-out rows with intervals, the baselines below, then each target."""
    metrics = list(evidence.metrics)
    rows = _rows(metrics, evidence.metrics, evidence.baselines)
    table(["on held-out rows", *map(label, metrics)], rows, bold=0)
    if len(evidence.per_target) > 1:
        metrics = list(next(iter(evidence.per_target.values())))
        rows = []
        for target, own in evidence.per_target.items():
            found = _rows(metrics, own, evidence.baselines_per_target.get(target, {}))
            rows += [[target if not number else "", *row] for number, row in enumerate(found)]
        table(["target", "on held-out rows", *map(label, metrics)], rows)


def _rows(
    metrics: list[str], own: Mapping[str, Interval], baselines: Mapping[str, Mapping[str, float]]
) -> list[list[str]]:
    """The network's figures, then each baseline's."""
    rows = [["network", *(_with_interval(name, own[name]) for name in metrics)]]
    return rows + [
        [BASELINES.get(name, name), *(_figure(metric, found.get(metric)) for metric in metrics)]
        for name, found in baselines.items()
    ]


def metrics_table(head: str, figures: Mapping[str, Mapping[str, Interval]]) -> None:
    """One row for each name, one column for each metric."""
    metrics = list(dict.fromkeys(metric for found in figures.values() for metric in found))
    rows = [
        [name, *(_with_interval(m, found[m]) if m in found else "-" for m in metrics)]
        for name, found in figures.items()
    ]
    table([head, *map(label, metrics)], rows)


def _with_interval(metric: str, found: Interval) -> str:
    between = interval(metric, found)
    return f"{figure(metric, found.value)} ({between})" if between else figure(metric, found.value)


def _figure(metric: str, value: float | None) -> str:
    return "-" if value is None else figure(metric, value)
