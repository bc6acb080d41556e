"""Quality on the page: the figures compared with the baselines', and each column's importance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vetro.model.evidence import Interval
from vetro.report.markup import (
    IN_UNITS,
    LOWER_IS_BETTER,
    figure,
    interval,
    label,
    note,
    number,
    section,
    table,
    text,
)
from vetro.report.verdict import difference
from vetro.tables.schema import Column

if TYPE_CHECKING:
    from vetro.model.model import Model

_BASELINES = {
    "mean": "the mean",
    "majority": "the most frequent class",
    "linear": "linear model",
    "boosted trees": "boosted trees",
}
_MOST_COLUMNS = 25


def tiles(model: Model) -> str:
    """The few figures that a reader looks for first."""
    evidence = model.evidence
    target = model.schema.targets[0]
    shown = [
        (
            _with_unit(name, figure(name, value.value), target),
            label(name),
            f"95% interval {span}" if (span := interval(name, value)) else "held out",
        )
        for name, value in evidence.metrics.items()
        if name in ("r2", "rmse", "accuracy", "auc")
    ]
    split = evidence.split
    shown.append((f"{split['held_out_rows']:,}", "rows held out", _split_in_short(model)))
    count = len(model.members)
    sizes = "–".join(str(size) for size in model.network.sizes)
    shown.append((str(count), "network" if count == 1 else "networks", sizes))
    cells = [
        f'<div class="tile"><b>{text(value)}</b><span>{text(name)}</span>'
        f"<small>{text(detail)}</small></div>"
        for value, name, detail in shown
    ]
    return f'<div class="tiles">{"".join(cells)}</div>'


def quality_table(model: Model) -> str:
    """The network's figures, its intervals and the baselines', the best of each marked."""
    evidence = model.evidence
    names = list(evidence.metrics)
    own = {name: value.value for name, value in evidence.metrics.items()}
    judged = {"network": own, **evidence.baselines}
    best = {
        name: (min if name in LOWER_IS_BETTER else max)(
            figures[name] for figures in judged.values() if name in figures
        )
        for name in names
    }
    unit = model.schema.targets[0].unit if len(model.schema.targets) == 1 else ""

    def cell(kind: str, name: str, figures: dict[str, float]) -> str:
        if name not in figures:
            return "–"
        shown = text(figure(name, figures[name]))
        # figures that print the same are equally good
        if shown == text(figure(name, best[name])):
            shown = f'<strong class="best">{shown}</strong>'
        if kind == "network":
            span = interval(name, evidence.metrics[name])
            return f"{shown}<small>{text(span)}</small>" if span else shown
        apart = evidence.comparisons.get(kind, {}) if name == evidence.judged_by else {}
        return shown + _apart(name, apart, unit)

    rows = [
        [
            "<b>this network</b>" if kind == "network" else text(_BASELINES.get(kind, kind)),
            *(cell(kind, name, figures) for name in names),
        ]
        for kind, figures in judged.items()
    ]
    if evidence.training_metrics:
        trained = evidence.training_metrics
        cells = [text(figure(name, trained[name])) if name in trained else "–" for name in names]
        rows.append(
            [
                '<span class="muted">this network on its own training rows</span>',
                *[f'<span class="muted">{shown}</span>' for shown in cells],
            ]
        )
    head = ["", *[_headed(name, unit) for name in names]]
    of_several = " R² is the mean of the targets’." if len(model.schema.targets) > 1 else ""
    lead = f"{_split_in_words(model)} Every figure is of those predictions.{of_several}"
    content = table(head, rows, "figures", range(1, len(head)))
    return section("quality", "Quality compared with the baselines", content, lead=lead)


def target_table(model: Model) -> str:
    """The figures of each of several targets; an empty text for a single target."""
    own = model.evidence.per_target
    if not own:
        return ""
    names = list(next(iter(own.values())))
    rows = []
    for target in model.schema.targets:
        cells = []
        for name in names:
            value = own[target.name][name]
            shown = text(_with_unit(name, figure(name, value.value), target))
            cells.append(f"{shown}<small>{text(interval(name, value))}</small>")
        rows.append([text(target.name), "<b>this network</b>", *cells])
        apart = model.evidence.comparisons_per_target.get(target.name, {})
        for kind, figures in model.evidence.baselines_per_target.get(target.name, {}).items():
            cells = [text(_with_unit(n, figure(n, figures[n]), target)) for n in names]
            cells[0] += _apart(names[0], apart.get(kind, {}), target.unit)
            rows.append(["", text(_BASELINES.get(kind, kind)), *cells])
    head = ["target", "", *[text(label(name)) for name in names]]
    return section("targets", "Each target", table(head, rows, "figures", range(2, len(head))))


def _apart(name: str, differences: dict[str, Interval], unit: str) -> str:
    """By how much the network differs from a baseline, in small type."""
    if name not in differences:
        return ""
    return f"<small>the network: {text(difference(name, differences[name], unit))}</small>"


def importance_bars(model: Model) -> str:
    """The rise of the error without each column, as bars."""
    found = model.evidence.importance
    if not found:
        return ""
    most = max(*found.values(), 1e-300)
    bars = [
        f"<dt>{text(name)}</dt><dd>"
        f'<i class="bar" style="--share:{max(0.0, rise / most):.4f}"></i>'
        f"<b>{text(number(rise))}</b></dd>"
        for name, rise in list(found.items())[:_MOST_COLUMNS]
    ]
    rest = list(found.values())[_MOST_COLUMNS:]
    more = f"{len(rest)} more columns, each at most {number(max(rest))}." if rest else ""
    target = model.schema.targets[0]
    error = "log loss"
    if model.evidence.task == "regression":
        several = len(model.schema.targets) > 1
        unit = "in standard deviations of the targets" if several else target.unit
        error = f"RMSE{f' ({unit})' if unit else ''}"
    lead = (
        f"How much the {error} on held-out rows rises when a column’s values are shuffled among "
        "the rows. It shows what the network uses, not what causes the target; "
        "columns that carry the same information share their importance."
    )
    content = f'<dl class="bars">{"".join(bars)}</dl>'
    return section("importance", "What each column is worth", content, note(more), lead=lead)


def _headed(name: str, unit: str) -> str:
    shown = text(label(name))
    return f"{shown} <small>{text(unit)}</small>" if unit and name in IN_UNITS else shown


def _with_unit(name: str, shown: str, target: Column) -> str:
    return f"{shown} {target.unit}" if target.unit and name in IN_UNITS else shown


def _split_in_short(model: Model) -> str:
    split = model.evidence.split
    if split["kind"] == "folds":
        return f"{split['folds']} folds"
    return f"{split['holdout']:.0%} of the table"


def _split_in_words(model: Model) -> str:
    split = model.evidence.split
    group = f", rows with the same {split['grouped_by']} together" if split["grouped_by"] else ""
    rows = split["held_out_rows"]
    if split["kind"] == "folds":
        return (
            f"The table was cut into {split['folds']} folds{group}. Each of the {rows:,} rows was "
            "predicted by a network that was not trained on it; the baselines had the same "
            "training rows. The means, levels and bins of inputs are those of all rows; no "
            "held-out target is used."
        )
    return (
        f"{rows:,} rows ({100 * split['holdout']:g}% of the table{group}) were held out; "
        f"the network and the baselines were trained on the other {split['training_rows']:,}."
    )
