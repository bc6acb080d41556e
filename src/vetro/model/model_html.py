"""A model and its evaluation, as a notebook shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vetro.model.evidence import Interval
from vetro.notebook import paragraph, table_html

if TYPE_CHECKING:
    from vetro.model.evaluate import Evaluation
    from vetro.model.model import Model


def model_as_html(model: Model) -> str:
    """What it predicts from what, and its quality on held-out rows compared with the baselines."""
    evidence = model.evidence
    inputs = ", ".join(model.inputs)
    rows = [("network", *_intervals(evidence.metrics))]
    for name, figures in evidence.baselines.items():
        rows.append((name, *(_figure(figures.get(metric)) for metric in evidence.metrics)))
    heads = ("on held-out rows", *evidence.metrics)
    text = paragraph(repr(model)) + paragraph(f"inputs: {inputs}")
    return text + (table_html(heads, rows) if evidence.metrics else "")


def evaluation_as_html(found: Evaluation) -> str:
    """The metrics, and those of each target when there are several."""
    groups = f" in {found.groups} groups" if found.groups else ""
    rows = [(f"{found.rows} rows{groups}", *_intervals(found.metrics))]
    rows += [(name, *_intervals(figures)) for name, figures in found.per_target.items()]
    notices = "".join(paragraph(f"{item.code} {item.message}") for item in found.notices)
    return table_html(("", *found.metrics), rows) + notices


def _intervals(metrics: Mapping[str, Interval]) -> list[str]:
    return [
        f"{_figure(found.value)} ({_figure(found.low)} to {_figure(found.high)})"
        for found in metrics.values()
    ]


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
