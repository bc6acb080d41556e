"""Splits: which rows are for training, for early stopping, and for measuring the quality.

Classes keep their shares in every part.  Rows of a group stay together (a row whose group is
missing is a separate group).  The same table, numbers and seed give the same parts on every machine
(numpy's PCG64).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.errors import Setting, VetroError, Words, counted, error, words
from vetro.tables.labels import is_missing
from vetro.tables.table import Table
from vetro.tables.targets import ClassTarget

Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]


def folds_of_rows(table: Table, folds: int, seed: int) -> NDArray[np.int32]:
    """The fold 0 ... folds - 1 of each row, (rows,).

    Without groups, the sizes of the folds, and the number of rows of each class in them, differ by
    at most one.  With groups, whole groups are distributed greedily, the largest first, so sizes
    may differ more.  E601 if a fold would be empty.
    """
    classes, groups = class_codes(table), group_codes(table)
    generator = np.random.Generator(np.random.PCG64(seed))
    count, noun = (int(groups.max()) + 1, "group") if groups is not None else (table.rows, "row")
    if count < folds:
        raise _too_few("folds", folds, count, noun, words("Use {=folds count}.", count=count))
    if groups is not None:
        shares = np.full(folds, 1 / folds)
        return _deal_groups(classes, groups, shares, generator, largest_first=True)
    fold = np.empty(table.rows, dtype=np.int32)
    fold[_shuffled(classes, table.rows, generator)] = np.arange(table.rows) % folds
    return fold


def held_out_rows(table: Table, share: float, seed: int) -> Bools:
    """Which rows are held out, (rows,): about this share of them, at least one, never all."""
    classes, groups = class_codes(table), group_codes(table)
    if groups is not None and groups.max() == 0:
        fix = words("Provide more groups, or leave out {-group}.")
        raise _too_few("holdout", share, 1, "group", fix)
    if table.rows < 2:
        raise _too_few("holdout", share, table.rows, "row", "Provide more rows.")
    return _part(classes, groups, table.rows, share, seed)


def validation_rows(table: Table, rows: NDArray[Any], share: float, seed: int) -> Bools:
    """Which of the given rows (row numbers, or a bool per row of the table) decide early stopping.

    A bool per given row, in their order: about this share, at least one, never all.  If only one
    row is given, none.  If all given rows are one group, the group is split.
    """
    index = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
    classes, groups = class_codes(table), group_codes(table)
    if classes is not None:
        classes = classes[index]
    if groups is not None:
        groups = np.unique(groups[index], return_inverse=True)[1]
        if len(groups) == 0 or groups.max() == 0:
            groups = None
    if len(index) < 2:
        return np.zeros(len(index), dtype=np.bool_)
    return _part(classes, groups, len(index), share, seed)


def class_codes(table: Table) -> Integers | None:
    """The class of each row (-1 if missing), or None if the targets are numbers."""
    targets = table.schema.targets
    if len(targets) != 1 or targets[0].kind not in ("category", "flag"):
        return None
    return ClassTarget.encode(table.values[targets[0].name])


def group_codes(table: Table) -> Integers | None:
    """The group of each row, 0 ... groups - 1, or None without a group column."""
    columns = table.schema.with_role("group")
    if not columns or table.rows == 0:
        return None
    return groups_of(table.values[columns[0].name])


def groups_of(values: NDArray[Any]) -> Integers:
    """The group of each row from the values of a group column; a row without one is its own."""
    missing = is_missing(values)
    groups = np.empty(len(values), dtype=np.int64)
    known, groups[~missing] = np.unique(values[~missing], return_inverse=True)
    groups[missing] = len(known) + np.arange(int(missing.sum()))
    return groups


def _shuffled(classes: Integers | None, rows: int, generator: np.random.Generator) -> Integers:
    """Row numbers in random order; with classes, class after class, in random order within each."""
    order: Integers = generator.permutation(rows)
    return order if classes is None else order[np.argsort(classes[order], kind="stable")]


def _part(
    classes: Integers | None, groups: Integers | None, rows: int, share: float, seed: int
) -> Bools:
    """About this share of the rows: every (1 / share)-th row, class after class."""
    generator = np.random.Generator(np.random.PCG64(seed))
    if groups is not None:
        shares = np.array([1 - share, share])
        part: Bools = _deal_groups(classes, groups, shares, generator, largest_first=False) == 1
        return part
    count = min(max(round(share * rows), 1), rows - 1)
    positions = np.floor((np.arange(count) + generator.random()) * (rows / count)).astype(np.int64)
    chosen = np.zeros(rows, dtype=np.bool_)
    chosen[_shuffled(classes, rows, generator)[np.minimum(positions, rows - 1)]] = True
    return chosen


def _deal_groups(
    classes: Integers | None,
    groups: Integers,
    shares: NDArray[np.float64],
    generator: np.random.Generator,
    largest_first: bool,
) -> NDArray[np.int32]:
    """The part of each row when whole groups are distributed to parts of the given shares.

    Each group, in random order or largest first, goes to the part p that minimises
    sum over c of (rows of c in p, half of it included) (rows of c in it) / (rows of c) / share(p),
    where c runs over the classes and over all rows: the growth of the sum of squares.  No
    part is left empty.
    """
    count = int(groups.max()) + 1
    tallies = np.bincount(groups, minlength=count).astype(np.float64)[:, None]
    if classes is not None:
        labels, codes = np.unique(classes, return_inverse=True)
        cells = np.bincount(groups * len(labels) + codes, minlength=count * len(labels))
        tallies = np.hstack([tallies, cells.reshape(count, len(labels))])
    weights = tallies / tallies.sum(axis=0)
    order = generator.permutation(count)
    if largest_first:
        order = order[np.argsort(-tallies[order, 0], kind="stable")]
    part_of_group = np.empty(count, dtype=np.int32)
    filled = np.zeros((len(shares), tallies.shape[1]))
    for group in order:
        cost = ((filled + tallies[group] / 2) @ weights[group]) / shares
        part = int(np.argmin(cost))
        part_of_group[group] = part
        filled[part] += tallies[group]
    for part in range(len(shares)):
        if not (part_of_group == part).any():
            held = np.bincount(part_of_group, minlength=len(shares))
            movable = np.flatnonzero(held[part_of_group] > 1)
            part_of_group[movable[np.argmin(tallies[movable, 0])]] = part
    return part_of_group[groups]


def _too_few(argument: str, value: float, count: int, noun: str, fix: str | Words) -> VetroError:
    """E601 for a number of parts that is too large for the rows or groups."""
    reason = f"there {'is' if count == 1 else 'are'} only {counted(count, noun)}"
    return error("E601", argument=Setting(argument), value=value, reason=reason, fix=fix)
