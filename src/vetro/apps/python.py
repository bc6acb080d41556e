"""The table door in Python: vetro.fit, vetro.load and vetro.inspect.

It is the Python counterpart of command_line.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from vetro.apps.runs import load_model
from vetro.engines.names import EngineName
from vetro.entries import as_declared, check_names
from vetro.errors import Setting, error, issue_warnings, words
from vetro.model.asked_table import looked_at
from vetro.model.fit import fit_table
from vetro.model.model import Model
from vetro.model.request import FitRequest, Progress
from vetro.tables.options import ReadOptions, read_options
from vetro.tables.table import Table
from vetro.training.recipe import Recipe

Names = str | Iterable[str]
Orders = Names | Mapping[str, Iterable[str]]


def fit(
    source: Any,
    target: Names,
    *,
    inputs: Names = (),
    drop: Names = (),
    weight: str = "",
    group: str = "",
    drop_missing_target: bool = False,
    ordered: Orders = (),
    unordered: Names = (),
    recipe: Recipe | None = None,
    options: ReadOptions | None = None,
    engine: EngineName = "auto",
    on_progress: Callable[[Progress], object] | None = None,
    **settings: Any,
) -> Model:
    """Fit a model to a table of inputs and targets.

    source: a path, a glob, a database address, or data in memory (pandas, polars, pyarrow, dict of
    columns, NumPy array, torch tensor).  target: one column or several; a number gives a
    regression, a category or flag a classification.  inputs: predict from these columns only
    (default: all others).  drop: columns to ignore.  weight: the column with the weight of each
    row.  group: a column; rows with the same value stay in the same fold.
    ordered: for columns, their texts from the lowest to the highest ({"size": ("S", "M", "L")});
    unordered: columns whose texts have no order, whatever their words show.
    settings: entries of Recipe (hidden=(64, 64), epochs=300, seed=1) or of ReadOptions (sep=";",
    missing=("?",)), by name.  engine: "native" (compiled, on the CPU), "torch", or "auto": native
    if it can run.  on_progress: called with a Progress at every step of the fit, and about 25 times
    per second while it trains; returning False ends training, and keeps the best epoch so far.

    Returns a model that is the mean of one network per fold.  Its evidence comes from held-out
    rows, each predicted by a network that never saw it.  Warnings are issued once, as VetroWarning.
    Raises TableError, UsageError, or TrainingError E301 if training diverged (its `.model` holds
    the best parameters).
    """
    if on_progress is not None and not callable(on_progress):
        reason, argument = "a function of one argument is needed", Setting("on_progress")
        raise error("E601", argument=argument, value=on_progress, reason=reason, fix="Correct it.")
    known = sorted(entry.name for record in (Recipe, ReadOptions) for entry in fields(record))
    check_names(settings, known, "fit")
    if not as_declared(FitRequest, {"targets": target})["targets"]:
        example = words("Use {=targets column}.", column="y")
        raise error("E604", what="vetro.fit needs a target", fix=example)
    roles = {"targets": target, "inputs": inputs, "drop": drop, "weight": weight, "group": group}
    roles |= {"ordered": _order_texts(ordered), "unordered": unordered}
    given = {"drop_missing_target": drop_missing_target, "engine": engine, **settings}
    recipe = Recipe() if recipe is None else recipe
    options = ReadOptions() if options is None else options
    base = FitRequest((), options=options, recipe=recipe)
    request = base.with_settings({**roles, **given})
    model = fit_table(source, request, on_progress=on_progress, writes_report=_write_report)
    issue_warnings(model.evidence.notices)
    return model


def load(path: str | Path) -> Model:
    """The model in a run folder of `vetro fit`, or in a .safetensors file; loading runs no code.

    Raises ModelFileError: E507 not found, E502 a pickle, E505 not a model, E501 damaged.
    """
    return load_model(path, _write_report)


def inspect(
    source: Any,
    target: Names = (),
    *,
    inputs: Names = (),
    drop: Names = (),
    weight: str = "",
    group: str = "",
    drop_missing_target: bool = False,
    ordered: Orders = (),
    unordered: Names = (),
    **settings: Any,
) -> Table:
    """The table as Vetro reads it: `.schema`, `.values` and `.notices`, before any training.

    Roles are assigned as in fit(); with targets, the checks before training are made too.
    settings: entries of ReadOptions.
    """
    roles = {"targets": target, "inputs": inputs, "drop": drop, "weight": weight, "group": group}
    roles |= {"ordered": _order_texts(ordered), "unordered": unordered}
    base = FitRequest((), options=read_options(None, settings))
    request = base.with_settings({**roles, "drop_missing_target": drop_missing_target})
    return looked_at(source, request)[0]


def _order_texts(ordered: Orders) -> Any:
    """Orders as a request holds them: "COL=a<b<c"."""
    if not isinstance(ordered, Mapping):
        return ordered
    return tuple(f"{name}={'<'.join(map(str, texts))}" for name, texts in ordered.items())


def _write_report(model: Model, path: Path) -> None:
    # matplotlib takes long to import, so it is imported only for a report.
    from vetro.report.page import write_report

    write_report(model, path)
