"""A model and its evaluation, as a notebook shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vetro.errors import Notice
from vetro.model.evidence import Interval
from vetro.model.parts import ModelParts
from vetro.notebook import paragraph, paragraphs, table_html


def model_as_html(model: ModelParts) -> str:
    """What it predicts from what, and its quality on held-out rows compared with the baselines."""
    evidence = model.evidence
    inputs = ", ".join(model.inputs)
    rows = [("network", *_intervals(evidence.metrics))]
    for name, figures in evidence.baselines.items():
        rows.append((name, *(_figure(figures.get(metric)) for metric in evidence.metrics)))
    heads = ("on held-out rows", *evidence.metrics)
    text = paragraph(repr(model)) + paragraph(f"inputs: {inputs}")
    return text + (table_html(heads, rows) if evidence.metrics else "")


def evaluation_as_html(
    size: str,
    metrics: Mapping[str, Interval],
    per_target: Mapping[str, Mapping[str, Interval]],
    notices: Iterable[Notice],
) -> str:
    """The metrics, and those of each target when there are several; size: of the rows, as text."""
    rows = [(size, *_intervals(metrics))]
    rows += [(name, *_intervals(figures)) for name, figures in per_target.items()]
    return table_html(("", *metrics), rows) + paragraphs(map(str, notices))


def _intervals(metrics: Mapping[str, Interval]) -> list[str]:
    return [
        f"{_figure(found.value)} ({_figure(found.low)} to {_figure(found.high)})"
        for found in metrics.values()
    ]


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
