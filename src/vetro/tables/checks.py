"""Checks before training: whether the target can be learnt, and whether the result may mislead.

It changes nothing; roles.py decides which columns take part.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.errors import Notice, Words, counted, error, notice, shown, words
from vetro.tables.encoder import Encoder
from vetro.tables.labels import is_missing, label_of
from vetro.tables.leaks import find_leaks
from vetro.tables.numbers import value_of
from vetro.tables.schema import Column
from vetro.tables.splits import class_codes
from vetro.tables.table import Table
from vetro.tables.targets import class_labels

MOST_CLASSES = 1000
MANY_CLASSES = 20
"""Above this many classes, a target with fewer than two rows per class on average is refused."""
FEW_NUMBERS = 10
RARE_CLASS = 0.05
LARGEST_TARGET, SMALLEST_SPREAD = 1e150, 1e-150
"""Outside these limits, squares of a target's differences leave the range of float64."""


def check_target(table: Table) -> tuple[str, list[Notice]]:
    """The task, "regression" or "classification", and an I211 for each target.

    A target of numbers gives a regression, a category or a flag a classification.  E204: one class;
    E205: a constant; E207: several targets that are not all numbers; E209: too many
    classes, or a class of one row; E210: a date.
    """
    targets = table.schema.targets
    if len(targets) > 1:
        for column in targets:
            if column.kind != "number":
                raise error("E207", column=column.name, kind=column.kind)
    if targets[0].kind == "date":
        what = f'target "{shown(targets[0].name)}" is a date'
        fix = words("Compute a number from it with {=query}, or name another target ({=targets}).")
        raise error("E210", what=what, fix=fix)
    if targets[0].kind == "number":
        return "regression", [_number_target(column, table) for column in targets]
    return "classification", [_class_target(targets[0], table)]


def check_rows(table: Table, fold: NDArray[Any] | None = None) -> list[Notice]:
    """Warnings that the result may mislead: W201 (leaks), W202, W203, W206.

    fold: the fold of each row, (rows,), or whether it is held out; None (without W202) if the rows
    are not split yet.
    """
    notices = find_leaks(table)
    if fold is not None:
        notices += _repeated_rows(table, fold)
    return notices + _rare_class(table) + _few_rows(table)


def _number_target(column: Column, table: Table) -> Notice:
    values = table.values[column.name]
    if bool((values == values[0]).all()):
        value = column.example or label_of(column, float(values[0]))
        raise error("E205", value=column.with_unit(value))
    _check_squares(column, values)
    task = words("regression")
    distinct = np.unique(values[:10_000])
    if len(distinct) <= FEW_NUMBERS and bool((distinct == np.floor(distinct)).all()):
        distinct = np.unique(values)
        if len(distinct) <= FEW_NUMBERS and table.rows >= 3 * len(distinct):
            task = words("regression (for classes, use {=category column})", column=column.name)
    return notice("I211", column=column.name, kind="number", task=task)


def _check_squares(column: Column, values: NDArray[Any]) -> None:
    """E218 if the squared errors of a target overflow, or underflow to 0, in float64."""
    largest, spread = float(np.abs(values).max()), float(values.max() / 2 - values.min() / 2)
    if largest > LARGEST_TARGET:
        what, step = f"reaches {largest:.3g}", "divided"
    elif spread < SMALLEST_SPREAD:
        what, step = f"differs by {2 * spread:.3g} at most", "multiplied"
    else:
        return
    raise error("E218", column=column.name, what=what, step=step)


def _class_target(column: Column, table: Table) -> Notice:
    codes = class_codes(table)
    labels = class_labels(column)
    counts = np.bincount(codes[codes >= 0] if codes is not None else [], minlength=len(labels))
    present = np.flatnonzero(counts)
    if len(present) < 2:
        raise error("E204", label=labels[int(counts.argmax())])
    too_thin = len(present) > MANY_CLASSES and table.rows < 2 * len(present)
    if too_thin or len(present) > MOST_CLASSES:
        text = "Join classes, or predict another column ({=targets})."
        if all(map(_is_number, labels)):
            text = "Use {=number column} if it is a number, or join classes."
        fix = words(text, column=column.name)
        raise _bad_classes(column, table, len(present), fix)
    single = np.flatnonzero(counts == 1)
    if len(single) > 0:
        label = labels[int(single[0])]
        fix = words(
            "{label!q} has 1 row: join it with another class, or leave the row out.", label=label
        )
        raise _bad_classes(column, table, len(present), fix)
    named = ", ".join(shown(labels[code]) for code in present[:5])
    more = ", ..." if len(present) > 5 else ""
    task = f"classification, {len(present)} classes ({named}{more})"
    return notice("I211", column=column.name, kind=column.kind, task=task)


def _is_number(label: str) -> bool:
    value = value_of(label, ".", "")
    return value is not None and math.isfinite(value)


def _bad_classes(column: Column, table: Table, classes: int, fix: str | Words) -> Exception:
    return error("E209", column=column.name, classes=classes, rows=table.rows, fix=fix)


def _rare_class(table: Table) -> list[Notice]:
    """W203 for the rarest class below 5% of the rows, by weight, and half of an equal share."""
    codes = class_codes(table)
    if codes is None:
        return []
    labels = class_labels(table.schema.targets[0])
    known = codes >= 0
    counts = np.bincount(codes[known], minlength=len(labels))
    sums = counts
    if table.weights is not None:
        sums = np.bincount(codes[known], weights=table.weights[known], minlength=len(labels))
    present = np.flatnonzero(counts)
    rarest = int(present[sums[present].argmin()])
    share = float(sums[rarest] / sums.sum())
    if share >= min(RARE_CLASS, 0.5 / len(present)):
        return []
    of = "rows" if table.weights is None else "the rows' weight"
    rows = counted(int(counts[rarest]), "row")
    return [notice("W203", label=labels[rarest], share=share, of=of, rows=rows)]


def _few_rows(table: Table) -> list[Notice]:
    """W206 if there are fewer rows than columns of the encoded matrix."""
    most = sum(len(column.levels) + 8 for column in table.schema.inputs)
    if table.rows >= most:
        return []
    width = Encoder.fit(table).width
    if table.rows >= width:
        return []
    return [notice("W206", rows=table.rows, inputs=width)]


def _repeated_rows(table: Table, fold: NDArray[Any]) -> list[Notice]:
    """W202 if at least one row in a thousand has the inputs and targets of a row in another fold.

    It is not given if all columns are texts and flags: then equal rows are not a sign of copies.
    """
    columns = [*table.schema.inputs, *table.schema.targets]
    if all(column.kind in ("category", "flag") for column in columns):
        return []
    codes = _row_hashes([table.values[column.name] for column in columns], table.rows)
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=~codes[order[:1]]))
    folds = np.asarray(fold, dtype=np.int64)[order]
    spread = np.minimum.reduceat(folds, starts) != np.maximum.reduceat(folds, starts)
    rows = int(np.diff(starts, append=table.rows)[spread].sum())
    if rows == 0 or rows * 1000 < table.rows:
        return []
    return [notice("W202", rows=counted(rows, "row"))]


def _row_hashes(columns: list[NDArray[Any]], rows: int) -> NDArray[np.uint64]:
    """A 64-bit hash of each row.  Equal rows have equal hashes; about one pair of different rows in
    2^64 has equal hashes too (the mixing steps of splitmix64)."""
    codes = np.zeros(rows, dtype=np.uint64)
    for values in columns:
        # + 0.0 turns -0.0 into 0.0; every NaN becomes the same one.
        plain = np.where(is_missing(values), np.nan, values + 0.0)
        codes ^= plain.view(np.uint64)
        codes += np.uint64(0x9E3779B97F4A7C15)
        codes ^= codes >> np.uint64(30)
        codes *= np.uint64(0xBF58476D1CE4E5B9)
        codes ^= codes >> np.uint64(27)
        codes *= np.uint64(0x94D049BB133111EB)
        codes ^= codes >> np.uint64(31)
    return codes
