"""The inputs of a model's loss: the recipe's kind of loss, the optimizer rules, the rows' targets.

Targets come from the rows' table, or the user gives them in their units or as class labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from vetro.errors import Setting, VetroError, counted, error, nearest, shown, words
from vetro.figures import figure
from vetro.glass.learning.update_terms import USUAL
from vetro.glass.rows import Rows, kind_of, numbers_of
from vetro.glass.subject import Part, Subject
from vetro.model.model import Model
from vetro.named import known_name
from vetro.networks.losses.rule import LossKind
from vetro.networks.losses.table import LOSSES
from vetro.networks.updates.rule import UpdateRule
from vetro.tables.schema import Column
from vetro.tables.table import Table
from vetro.tables.targets import class_labels
from vetro.training.plan import resolve_loss
from vetro.training.recipe import Recipe
from vetro.twins import match

Floats = NDArray[np.float64]


def model_loss(model: Model, loss: Any) -> LossKind:
    """The recipe's loss, or the given one in its place."""
    recipe = model.recipe
    if loss is not None and not isinstance(loss, str):
        fix = f"Use one of: {', '.join(LOSSES)}."
        raise error(
            "E601", argument=Setting("loss"), value=type(loss).__name__, fix=fix,
            reason="a model takes the name of a loss",
        )  # fmt: skip
    own = resolve_loss(recipe, model.task, len(model.classes))
    if loss is None:
        return own
    asked = resolve_loss(replace(recipe, loss=cast(Any, loss)), model.task, len(model.classes))
    if (LOSSES[asked].target == "share") != (LOSSES[own].target == "share"):
        reason = f"the network's outputs were made for {own}"
        fix = f"Use {own}."
        raise error("E601", argument=Setting("loss"), value=loss, reason=reason, fix=fix)
    return asked


def recipe_rules(recipe: Recipe) -> tuple[UpdateRule, ...]:
    """Each optimizer at the recipe's learning rate; the recipe's own with all of its settings."""
    return tuple(
        recipe.update if rule.kind == recipe.optimizer else replace(rule, rate=recipe.learning_rate)
        for rule in USUAL
    )


def targets_of(
    subject: Subject, part: Part, rows: Rows, y: Any, loss: LossKind
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """The targets as the network's loss takes them, and a text for each row."""
    model, encoder = subject.model, part.encoder
    assert model is not None and encoder is not None
    columns = model.schema.targets
    raw = np.stack(
        [_raw(column, rows, y, number, columns) for number, column in enumerate(columns)], axis=1
    )
    if model.classes:
        codes = raw[:, 0].astype(np.int64)
        texts = tuple(f"{columns[0].name} = {model.classes[code]}" for code in codes)
        if LOSSES[loss].target == "share":
            return codes.astype(np.float32).reshape(-1, 1), texts
        return codes, texts
    scaled = np.empty(raw.shape, dtype=np.float32)
    for number, target in enumerate(encoder.number_targets):
        scaled[:, number] = target.encode(raw[:, number])
    units = subject.answer_units
    texts = tuple(
        ", ".join(
            f"{column.name} = {figure(value)}{f' {unit}' if unit else ''}"
            for column, value, unit in zip(columns, row, units, strict=True)
        )
        for row in raw
    )
    return scaled, texts


def known_targets(table: Table, column: Column) -> NDArray[np.bool_]:
    """Whether each row of a table holds a value of the target, and no unseen class."""
    values = np.asarray(table.values[column.name], dtype=np.float64)
    return ~(np.isnan(values) | ((values < 0) & (column.kind == "category")))


def _raw(column: Column, rows: Rows, y: Any, number: int, columns: tuple[Column, ...]) -> Floats:
    """One target of every row, in its unit, or as its class's code."""
    if isinstance(y, Mapping):
        known = [item.name for item in columns]
        y = {known_name(name, known, "target"): value for name, value in y.items()}
        y = y.get(column.name)
    elif y is not None and len(columns) > 1:
        y = _column(y, number, len(columns), len(rows))
    if y is None:
        table = rows.table
        if table is None or column.name not in table.values:
            raise _unknown(f'the target "{column.name}" is not among the values of the row')
        found = np.asarray(table.values[column.name], dtype=np.float64)
        wrong = ~known_targets(table, column)
        if wrong.any():
            place = rows.places[int(np.flatnonzero(wrong)[0])] if rows.places else "the row"
            raise _unknown(f'the target "{column.name}" is empty or unknown in {place}')
        return found
    values = np.atleast_1d(np.asarray(_plain(y), dtype=object)).reshape(-1)
    if len(values) != len(rows):
        given, wanted = counted(len(values), "value"), counted(len(rows), "row")
        what = f'{given} of the target "{column.name}" for {wanted}'
        raise error("E710", what=what, fix="Give one for each row.")
    return np.array([_value(column, value) for value in values])


def _plain(y: Any) -> Any:
    """A tensor as an array; E710 if it is not plain numbers.  Other values are unchanged."""
    if not hasattr(y, "detach"):
        return y
    found = numbers_of(y)
    if found is None:
        what = f"the targets are {kind_of(y)}, not plain real numbers"
        raise error("E710", what=what, fix="Give one number or class for each row.")
    return found


def _column(y: Any, number: int, targets: int, rows: int) -> Any:
    values = np.asarray(_plain(y), dtype=object)
    if values.ndim == 1 and rows == 1:
        values = values[None]
    if values.ndim != 2 or values.shape[1] != targets:
        what = f"the targets have shape {values.shape} where ({rows}, {targets}) is expected"
        raise error("E710", what=what, fix="Give one number for each target of each row.")
    return values[:, number]


def _value(column: Column, value: Any) -> float:
    """A number in the target's unit, or the code of a label."""
    if column.kind in ("category", "flag"):
        labels = class_labels(column)
        text = match(str(value), labels)
        if text not in labels:
            fix = f"Use one of: {', '.join(labels)}."
            hint = nearest(text, labels)
            raise error(
                "E710", what=f'"{shown(text)}" is not a class of "{column.name}"', fix=hint + fix
            )
        return float(labels.index(text))
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = float("nan")
    if not np.isfinite(found):
        what = f'"{shown(str(value))}" is not a value of the target "{column.name}"'
        raise error("E710", what=what, fix="Give a number.")
    return found


def _unknown(what: str) -> VetroError:
    return error("E710", what=what, fix=words("Give it with {=target_value}."))
