"""The table door in Python: vetro.fit, vetro.load and vetro.inspect.

It joins the floors for Python users as command_line.py does for the shell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from vetro.engines.engine import EngineName
from vetro.errors import Setting, error, issue_warnings, nearest, words
from vetro.model import model as models
from vetro.model.files import load_model
from vetro.model.fit import fit_table
from vetro.model.model import Model
from vetro.model.request import FitRequest, Progress
from vetro.tables.checks import check_target
from vetro.tables.options import ReadOptions, as_entry, read_options
from vetro.tables.read import read_table
from vetro.tables.roles import check_known, roles_to_look_at
from vetro.tables.table import Table
from vetro.training.recipe import Recipe

Names = str | Iterable[str]


def fit(
    source: Any,
    target: Names,
    *,
    inputs: Names = (),
    drop: Names = (),
    weight: str = "",
    group: str = "",
    drop_missing_target: bool = False,
    recipe: Recipe | None = None,
    options: ReadOptions | None = None,
    engine: EngineName = "auto",
    on_progress: Callable[[Progress], None] | None = None,
    **settings: Any,
) -> Model:
    """Fit a model to a table: rows of inputs and what they should give.

    source: a path, glob, URL or frame (pandas, polars, pyarrow, dict of columns, NumPy
    array, torch tensor).  target: one column or several; a number makes it a regression, a
    category or flag a classification.  inputs: only these columns (default: all others).
    drop, weight, group: columns to ignore, to weigh rows by, to keep together in folds.
    settings: any entry of Recipe (hidden=(64, 64), epochs=300, seed=1) or of ReadOptions
    (sep=";", missing=("?",)), by name.  engine: "native" (compiled, on the CPU) or
    "torch"; "auto" takes the native one where it can.  on_progress: told of every step, and of
    epochs as they end, those of a tenth of a second together.

    Returns the mean of one network per fold, with the evidence of rows that the predicting
    network never saw.  Warnings are issued once, as VetroWarning.  Raises TableError,
    UsageError, or TrainingError E301 if training diverged (its `.model` holds the best
    parameters).
    """
    for name, given, kind in (("recipe", recipe, Recipe), ("options", options, ReadOptions)):
        if given is not None and not isinstance(given, kind):
            reason = f"a vetro {kind.__name__} is needed"
            fix = "Give its entries as arguments of their own, or make one."
            raise error("E601", argument=Setting(name), value=given, reason=reason, fix=fix)
    if on_progress is not None and not callable(on_progress):
        reason, argument = "a function of one argument is needed", Setting("on_progress")
        raise error("E601", argument=argument, value=on_progress, reason=reason, fix="Correct it.")
    chosen_recipe, chosen_options = _with_settings(
        recipe or Recipe(), options or ReadOptions(), settings
    )
    if not _names(target):
        example = words("Use {=targets column}.", column="y")
        raise error("E604", what="vetro.fit needs a target", fix=example)
    request = FitRequest(
        targets=_names(target),
        inputs=_names(inputs),
        drop=_names(drop),
        weight=weight,
        group=group,
        drop_missing_target=drop_missing_target,
        options=chosen_options,
        recipe=chosen_recipe,
        engine=engine,
    )
    model = fit_table(source, request, on_progress=on_progress)
    issue_warnings(model.evidence.notices)
    return model


def load(path: str | Path) -> Model:
    """The model in a .safetensors file that Model.save or `vetro fit` wrote; runs no code.

    Raises ModelFileError: E507 not found, E502 a pickle, E505 not a model, E501 damaged.
    """
    return load_model(path)


def inspect(
    source: Any,
    target: Names = (),
    *,
    inputs: Names = (),
    drop: Names = (),
    weight: str = "",
    group: str = "",
    drop_missing_target: bool = False,
    **settings: Any,
) -> Table:
    """The table as Vetro reads it: `.schema`, `.values` and `.notices`, before any training.

    Roles are assigned as fit() does; with targets, these are checked too.  settings: entries of
    ReadOptions.
    """
    options = read_options(None, settings)
    targets = _names(target)
    roles: dict[str, Any] = {
        "targets": targets,
        "inputs": _names(inputs),
        "drop": _names(drop),
        "weight": weight,
        "group": group,
    }
    table = read_table(source, options, check=partial(check_known, **roles))
    if any(roles.values()):
        roles["drop_missing_target"] = drop_missing_target
        table = roles_to_look_at(table, **roles, forced=options.forced)
    if targets:
        _, notices = check_target(table)
        table = table.with_schema(table.schema, *notices)
    return table


def _names(names: Names) -> Any:
    """One name or several as a tuple; what is neither is left as it is, to be refused."""
    if isinstance(names, str):
        return (names,)
    return tuple(names) if isinstance(names, Iterable) else names


def _with_settings(
    recipe: Recipe, options: ReadOptions, settings: dict[str, Any]
) -> tuple[Recipe, ReadOptions]:
    of_recipe = {entry.name for entry in fields(Recipe)}
    of_options = {entry.name for entry in fields(ReadOptions)}
    changes: dict[str, Any] = {}
    readings: dict[str, Any] = {}
    for name, value in settings.items():
        if name in of_recipe:
            changes[name] = value
        elif name in of_options:
            readings[name] = as_entry(name, value)
        else:
            known = sorted(of_recipe | of_options)
            hint = nearest(name, known)
            raise error("E602", source="fit", name=name, hint=hint, entries=", ".join(known))
    return replace(recipe, **changes), replace(options, **readings)


def _write_report(model: Model, path: Path) -> None:
    # matplotlib takes a while to import: only a report pays for it.
    from vetro.report.page import write_report

    write_report(model, path)


models.report_writer = _write_report
