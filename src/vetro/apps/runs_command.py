"""`vetro runs`: compare the runs in a folder, and show what differs in their recipes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vetro.apps.options import JsonOption, value_text
from vetro.apps.present import print_json, say, seconds_text, table
from vetro.errors import VetroError

if TYPE_CHECKING:
    from vetro.apps.runs import RunFolder
    from vetro.model.evidence import Evidence

ENTRY_SHOWN = 24  # characters of a recipe's entry


@dataclass(frozen=True)
class Run:
    """One run of the list.  entries: recipe and roles, flat.  evidence: None without a model."""

    path: str
    state: str
    table: str
    targets: tuple[str, ...]
    entries: dict[str, Any] = field(default_factory=dict)
    evidence: Evidence | None = None

    @property
    def order(self) -> tuple[Any, ...]:
        """The sort key: by table and target, the best run first, runs without a model last."""
        score = self.evidence.metrics.get(self.evidence.main_metric) if self.evidence else None
        return (self.table, self.targets, score is None, -score.value if score else 0.0)


def runs(
    folder: Annotated[
        str, typer.Argument(metavar="[FOLDER]", help="Folder of runs.", show_default=False)
    ] = "runs",
    *,
    json: JsonOption = False,
) -> None:
    """List and compare runs.

    It shows the quality compared with the best baseline, the time, and the recipe entries that
    differ.
    """
    from vetro.apps.runs import ROOT, run_folders

    root = Path(folder)
    found = [] if root == ROOT and not root.exists() else [_run(run) for run in run_folders(root)]
    # Python's sort is stable: equal runs stay in the order of their numbers.
    found.sort(key=lambda run: run.order)
    differing = _differing(found)
    if json:
        print_json(
            {"folder": folder, "runs": [_json(run) for run in found], "differing": differing}
        )
    elif found:
        _show(found, differing)
    else:
        say(f"No runs in {folder}/")


def _run(folder: RunFolder) -> Run:
    from vetro.apps.recipe_file import read_recipe
    from vetro.apps.runs import load_model, table_name

    path, state, entries, source = str(folder.path), folder.state, {}, ""
    targets: tuple[str, ...] = ()
    evidence = None
    try:
        file = read_recipe(folder.recipe)
        source, targets = file.source, file.request.targets
        entries = file.request.entries
        del entries["targets"], entries["engine"]
        if folder.model.is_file():
            evidence = load_model(path).evidence
    except VetroError as fault:
        state = f"damaged ({fault.code})"
    name = evidence.data["name"] if evidence else source
    return Run(path, state, table_name(name), targets, entries, evidence)


def _differing(found: list[Run]) -> list[str]:
    """The entries of the recipes that are not the same in all runs."""
    names = dict.fromkeys(name for run in found for name in run.entries)
    known = [run.entries for run in found if run.entries]
    return [name for name in names if any(run[name] != known[0][name] for run in known)]


def best_baseline(evidence: Evidence, metric: str) -> tuple[str, float] | None:
    """The baseline with the best figure of a metric (higher is better), or None."""
    figures = {name: found[metric] for name, found in evidence.baselines.items() if metric in found}
    return max(figures.items(), key=lambda item: item[1]) if figures else None


def _show(found: list[Run], differing: list[str]) -> None:
    fits = {(run.table, run.targets) for run in found}
    columns: dict[str, list[str]] = {"run": [Path(run.path).name for run in found]}
    if any(run.state != "finished" for run in found):
        columns["state"] = [run.state for run in found]
    if len(fits) > 1:
        columns["table"] = [run.table for run in found]
        columns["target"] = [", ".join(run.targets) for run in found]
    else:
        say(f"{found[0].table}: {', '.join(found[0].targets)}")
        say()
    heads = ("quality", "best baseline", "time", "date")
    figures = zip(*map(_figures, found), strict=True)
    columns |= {head: list(cells) for head, cells in zip(heads, figures, strict=True)}
    columns |= {name: [_entry(run.entries.get(name)) for run in found] for name in differing}
    rows = zip(*columns.values(), strict=True)
    table(list(columns), rows, numbers=[list(columns).index("time")])


def _figures(run: Run) -> tuple[str, str, str, str]:
    """Quality, best baseline, time and date."""
    from vetro.report.markup import figure, interval, label

    if run.evidence is None:
        return "", "", "", ""
    evidence, metric = run.evidence, run.evidence.main_metric
    own, best = evidence.metrics.get(metric), best_baseline(evidence, metric)
    between = interval(metric, own) if own else ""
    return (
        f"{label(metric)} {figure(metric, own.value)}{f' ({between})' if between else ''}"
        if own
        else "",
        f"{figure(metric, best[1])} {best[0]}" if best else "",
        seconds_text(sum(evidence.seconds.values())),
        evidence.created[:16].replace("T", " "),
    )


def _entry(value: Any) -> str:
    text = "" if value is None else value_text(value)
    return text if len(text) <= ENTRY_SHOWN else text[: ENTRY_SHOWN - 1] + "…"


def _json(run: Run) -> dict[str, Any]:
    evidence = run.evidence
    return {
        "run": run.path,
        "state": run.state,
        "table": run.table,
        "targets": run.targets,
        "task": evidence.task if evidence else None,
        "metrics": evidence.metrics if evidence else {},
        "baselines": evidence.baselines if evidence else {},
        "seconds": sum(evidence.seconds.values()) if evidence else None,
        "created": evidence.created if evidence else None,
        "recipe": run.entries,
    }
