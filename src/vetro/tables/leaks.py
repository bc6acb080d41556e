"""Leaks: an input that alone predicts the target almost perfectly on rows held out.

A quick look at one column at a time, no proof: the column may be known only afterwards,
or it may be physics.  Not a check of several columns together, so an exact formula of
several inputs is not reported.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.errors import Notice, notice
from vetro.tables.blocks import Floats
from vetro.tables.roles import is_missing
from vetro.tables.splits import class_codes
from vetro.tables.table import Table

SAMPLE = 20_000
FEWEST_ROWS = 50
NEARLY_PERFECT = 0.999


def find_leaks(table: Table) -> list[Notice]:
    """W201 for each such input of a table with one target and two or more inputs.

    On at most 20,000 rows, half to fit and half to judge.  Texts: the target's mean (or
    most frequent class) per level.  Numbers and dates: the same per value, between values
    a straight line (the nearest value's class), or one line through all.  Reported above R2 0.999;
    for classes above accuracy 0.999 and a tenth of the errors of the most frequent class.
    """
    inputs, targets = table.schema.inputs, table.schema.targets
    if len(targets) != 1 or len(inputs) < 2 or table.rows < FEWEST_ROWS:
        return []
    rows = np.random.Generator(np.random.PCG64(0)).permutation(table.rows)[:SAMPLE]
    fit, judge = rows[: len(rows) // 2], rows[len(rows) // 2 :]
    classes = class_codes(table)
    found = []
    for column in inputs:
        values = table.values[column.name]
        ordered = column.kind != "category"
        if classes is None:
            target = table.values[targets[0].name]
            score = _regression_score(
                values[fit], target[fit], values[judge], target[judge], ordered
            )
            word = "R2"
        else:
            score = _class_score(values[fit], classes[fit], values[judge], classes[judge], ordered)
            word = "accuracy"
        if score > NEARLY_PERFECT:
            # Cut, not rounded, so that 0.99999 is not shown as perfect.
            text = f"{word} {np.floor(score * 1e4) / 1e4:.4f}"
            found.append(notice("W201", column=column.name, score=text))
    return found


def _regression_score(
    x: NDArray[Any], y: Floats, judged_x: NDArray[Any], judged_y: Floats, ordered: bool
) -> float:
    """R2 on the judged rows; the better of the two guesses for an ordered column."""
    total = float(np.square(judged_y - judged_y.mean()).sum())
    if total == 0 or not np.isfinite(total):
        return 0.0
    guesses = [_local_means(x, y, judged_x, ordered)]
    known = ~is_missing(x)
    if ordered and known.all() and not is_missing(judged_x).any():
        guesses.append(_line(x, y, judged_x))
    return max(1 - float(np.square(judged_y - guess).sum()) / total for guess in guesses)


def _local_means(x: NDArray[Any], y: Floats, judged_x: NDArray[Any], ordered: bool) -> Floats:
    """The mean of y at each value of x; a line between values, the mean of all at new levels."""
    guess = np.full(len(judged_x), float(y.mean()))
    known, judged = ~is_missing(x), ~is_missing(judged_x)
    if not known.all():
        guess[~judged] = float(y[~known].mean())
    values, cell = np.unique(x[known], return_inverse=True)
    if len(values) == 0:
        return guess
    means = np.bincount(cell, weights=y[known]) / np.bincount(cell)
    if ordered:
        guess[judged] = np.interp(judged_x[judged], values, means)
    else:
        place = np.searchsorted(values, judged_x).clip(max=len(values) - 1)
        seen = judged & (values[place] == judged_x)
        guess[seen] = means[place[seen]]
    return guess


def _line(x: Floats, y: Floats, judged_x: Floats) -> Floats:
    """The least-squares line."""
    centred = x - x.mean()
    power = float(centred @ centred)
    slope = float(centred @ y) / power if 0 < power < np.inf else 0.0
    line: Floats = y.mean() + slope * (judged_x - x.mean())
    return line


def _class_score(
    x: NDArray[Any],
    codes: NDArray[np.int64],
    judged_x: NDArray[Any],
    judged_codes: NDArray[np.int64],
    ordered: bool,
) -> float:
    """Accuracy on the judged rows, 0 where always naming one class does nearly as well."""
    frequent = int(np.bincount(codes).argmax())
    guess = np.full(len(judged_x), frequent)
    known, judged = ~is_missing(x), ~is_missing(judged_x)
    if not known.all():
        guess[~judged] = int(np.bincount(codes[~known]).argmax())
    values, cell = np.unique(x[known], return_inverse=True)
    if len(values) > 0:
        classes = int(codes.max()) + 1
        tally = np.zeros((len(values), classes), dtype=np.int64)
        np.add.at(tally, (cell, codes[known]), 1)
        best = tally.argmax(axis=1)
        wanted = judged_x[judged]
        right = np.searchsorted(values, wanted).clip(max=len(values) - 1)
        left = (right - 1).clip(min=0)
        nearer_left = np.abs(wanted - values[left]) < np.abs(values[right] - wanted)
        place = np.where(nearer_left, left, right)
        usable = np.ones(len(wanted), dtype=np.bool_) if ordered else values[place] == wanted
        guess[np.flatnonzero(judged)[usable]] = best[place[usable]]
    errors = float(np.mean(guess != judged_codes))
    baseline = float(np.mean(frequent != judged_codes))
    return 1 - errors if errors <= 0.1 * baseline and baseline > 0 else 0.0
