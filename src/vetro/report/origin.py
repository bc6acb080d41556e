"""Where a model comes from: its columns, the warnings, and the command that makes it again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from vetro.errors import Notice, counted
from vetro.figures import ends, figure
from vetro.model.evidence import Evidence
from vetro.networks.solvers import Regularisation
from vetro.report.command import repeat_command
from vetro.report.markup import notices_list, section, signed, table, text
from vetro.tables.blocks import NumberBlock
from vetro.tables.instants import date_text
from vetro.tables.schema import Column
from vetro.training.recipe import Recipe

if TYPE_CHECKING:
    from vetro.model.model import Model

_LEVELS_SHOWN = 6
_DENSE_FROM = 40


def warnings_list(notices: Sequence[Notice]) -> str:
    """Every message, the warnings first."""
    ordered = sorted(dict.fromkeys(notices), key=lambda item: not item.is_warning)
    items = [("warning" if item.is_warning else "note", item.code, item.words) for item in ordered]
    content = notices_list(items) or "<p>None.</p>"
    return section("warnings", "Warnings and notes", content)


def schema_table(model: Model) -> str:
    """Every column of the table: kind, role, unit, range or levels."""
    columns = list(model.schema)
    cells = {
        "column": [text(column.name) for column in columns],
        "kind": [text(column.kind) for column in columns],
        "role": [f'<span class="role {c.role}">{c.role}</span>' for c in columns],
        "unit": [text(column.unit) for column in columns],
        "range or levels": [text(_content(column)) for column in columns],
        "missing": [f"{column.missing:,}" if column.missing else "" for column in columns],
        "example": [text(column.example) for column in columns],
        "note": [text(column.reason) for column in columns],
    }
    head = [name for name in cells if name not in ("unit", "note") or any(cells[name])]
    rows = zip(*(cells[name] for name in head), strict=True)
    kind = "schema dense" if len(columns) > _DENSE_FROM else "schema"
    return section("schema", "The columns", table(head, rows, kind, [head.index("missing")]))


def made(model: Model, source: str = "") -> str:
    """Data, split, recipe, time, versions, and the command that repeats the fit."""
    evidence = model.evidence
    data = evidence.data
    entries = [("table", f"{data['name']}, {data['rows']:,} rows, {data['columns']:,} columns")]
    if data.get("sha256"):
        entries.append(("SHA-256 of the table", str(data["sha256"])))
    sizes = " – ".join(str(size) for size in model.network.sizes)
    count = len(model.members)
    entries += [
        (
            "network",
            f"{sizes}, {model.network.activation}; "
            f"{model.network.parameter_count:,} parameters; "
            + (f"the mean of {count} networks" if count > 1 else "one network"),
        ),
        ("inputs", inputs_text(model)),
        ("recipe", _recipe(model.recipe)),
        ("recipes tried", _tried(model.evidence)),
        ("training ended by", _stopped(evidence.stopped)),
        *(
            [("regularisation", regularisation_text(evidence.regularisation))]
            if evidence.regularisation
            else []
        ),
        ("engine", ": ".join(filter(None, (evidence.engine, evidence.engine_reason)))),
        (
            "time",
            ", ".join(f"{name} {_seconds(value)}" for name, value in evidence.seconds.items()),
        ),
        ("made", evidence.created),
        ("versions", ", ".join(f"{name} {value}" for name, value in evidence.versions.items())),
    ]
    rows = [f"<dt>{text(name)}</dt><dd>{text(value)}</dd>" for name, value in entries if value]
    name = str(data["name"])
    # a command cannot name a frame in memory ("the dict")
    known = "" if name.startswith("the ") else name
    repeat = repeat_command(source or known, model.request) if source or known else ""
    command = f"<p>To make it again:</p><pre><code>{text(repeat)}</code></pre>" if repeat else ""
    return section(
        "made",
        "How it was made",
        f"<dl>{''.join(rows)}</dl>",
        command,
    )


def inputs_text(model: Model) -> str:
    """How the columns enter the networks, and from which rows their statistics come."""
    columns, width = counted(len(model.inputs), "column"), counted(model.encoder.width, "feature")
    found = f"{columns} as {width}"
    bins = [block.bins for block in model.blocks if isinstance(block, NumberBlock) and block.bins]
    if bins:
        most = "" if min(bins) == max(bins) else f" to {max(bins)}"
        found += f", numbers in {min(bins)}{most} bins"
    if len(model.members) > 1:
        found += ", the same for all networks"
    split = model.evidence.split
    folds = bool(split["kind"] == "folds")
    rows = (
        f"all {split['held_out_rows']:,}" if folds else f"the {split['training_rows']:,} training"
    )
    known = "means, medians, levels and bins" if bins else "means, medians and levels"
    found += f"; {known} are of the inputs of {rows} rows"
    if folds:
        found += ", targets are scaled by each network's own training rows"
    return found


def _seconds(value: float) -> str:
    return f"{value:,.0f} s" if value >= 100 else f"{value:.1f} s"


def _content(column: Column) -> str:
    if column.kind == "category":
        mark, levels = (" < ", column.order) if column.order else (", ", column.levels)
        shown = mark.join(levels[:_LEVELS_SHOWN])
        count = max(len(column.levels), column.distinct)
        return f"{shown}{mark}… ({count:,} levels)" if count > _LEVELS_SHOWN else shown
    if column.kind == "flag":
        return " or ".join(word for word in column.reading.flag_words if word) or "0 or 1"
    if column.minimum is None or column.maximum is None:
        return ""
    if column.kind == "date":
        form = column.reading.date_format
        low, high = date_text(column.minimum, form), date_text(column.maximum, form)
        return low if low == high else f"{low} to {high}"
    low, high = map(signed, ends(column.minimum, column.maximum))
    return low if low == high else f"{low} to {high}"


def _recipe(recipe: Recipe) -> str:
    """The settings that the table decided, the optimizer and the seed, and what is not usual."""
    entries = recipe.to_json()
    default = Recipe().to_json()
    always = ("optimizer", "schedule", "seed")
    chosen = [
        name
        for name in entries
        if name not in ("hidden", "activation", "folds", "holdout", "time")
        and (name in always or entries[name] != default[name])
    ]
    return ", ".join(f"{name.replace('_', ' ')} {entries[name]}" for name in chosen)


def regularisation_text(found: Sequence[Regularisation]) -> str:
    """The effective number of parameters, alpha and beta, of all members that estimated them."""

    def ends_of(values: Iterable[float]) -> str:
        known = sorted(values)
        low, high = figure(known[0], 3), figure(known[-1], 3)
        return low if low == high else f"{low} to {high}"

    effective = ends_of(one.effective for one in found)
    alpha, beta = ends_of(one.alpha for one in found), ends_of(one.beta for one in found)
    parameters = f"{effective} of {found[0].parameters:,} parameters are effective"
    return f"{parameters}; alpha {alpha}, beta {beta}"


def _tried(evidence: Evidence) -> str:
    """What was compared, and what the comparison itself makes look better."""
    if len(evidence.tried) < 2:
        return ""
    first, *others = [f"{one.error:.4g}" for one in evidence.tried]
    measure = "log loss" if evidence.task == "classification" else "scaled error"
    chosen = (
        f"{len(evidence.tried)}, one network per fold each; the {measure} of the chosen one on "
        f"held-out rows is {first}, of the others {', '.join(others)}"
    )
    if evidence.optimism < 0.005:
        return f"{chosen}. Choosing among them made the error look less than 0.5% smaller"
    return (
        f"{chosen}. Choosing among them made the error look about {evidence.optimism:.0%} smaller"
    )


def _stopped(stopped: dict[str, int]) -> str:
    words = {
        "steps": "the last epoch",
        "epochs": "the last epoch",
        "patience": "patience",
        "time": "the time limit",
        "interrupted": "interruption",
        "diverged": "divergence",
        "gradient": "a gradient near 0",
        "damping": "a minimum",
        "change": "a minimum",
    }
    return ", ".join(f"{words.get(name, name)} ({count})" for name, count in stopped.items())
