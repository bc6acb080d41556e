"""Leaks: an input that alone gives, or nearly determines, the target on held-out rows.

It checks one column at a time.  A finding is not a proof: the column may be known only afterwards,
or a law of physics may connect it with the target.  It does not check several columns together, so
an exact formula of several inputs is not reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.errors import Notice, notice
from vetro.tables.blocks import Floats
from vetro.tables.labels import is_missing
from vetro.tables.left_out import weights_of
from vetro.tables.splits import class_codes
from vetro.tables.table import Table

SAMPLE = 20_000
FEWEST_ROWS = 50
NEARLY_PERFECT = 0.999
DETERMINED = 0.95


@dataclass(frozen=True)
class _Half:
    """The rows from which guesses are learnt, or on which they are measured.

    y: the target (n,), numbers or codes of classes; and the rows' weights.
    """

    rows: NDArray[np.intp]
    y: NDArray[Any]
    weights: Floats


def find_leaks(table: Table) -> list[Notice]:
    """W201 for each such input and target of a table with two or more inputs.

    It uses at most 20,000 rows, half to fit and half to judge, by weight.  The guess for texts is
    the target's mean (or most frequent class) per level.  For numbers and dates it is the same per
    value, with a straight line between values (or the nearest value's class), or one line through
    all values.  A column "alone gives" the target if R2 is above 0.999, or if accuracy is above
    0.999 with at most a tenth of the most frequent class's errors.  It "nearly determines" the
    target if R2 is above 0.95, or if at most a twentieth of those errors is left.
    """
    inputs, targets = table.schema.inputs, table.schema.targets
    if len(inputs) < 2 or table.rows < FEWEST_ROWS:
        return []
    rows = np.random.Generator(np.random.PCG64(0)).permutation(table.rows)[:SAMPLE]
    parts = rows[: len(rows) // 2], rows[len(rows) // 2 :]
    weights = weights_of(table)
    weights = np.ones(table.rows) if weights is None else weights
    classes = class_codes(table)
    found = []
    for target in targets:
        y = table.values[target.name] if classes is None else classes
        fit, judge = (_Half(part, y[part], weights[part]) for part in parts)
        for column in inputs:
            values, ordered = table.values[column.name], column.kind != "category"
            score = _regression_score if classes is None else _class_score
            shown, explained = score(values[fit.rows], fit, values[judge.rows], judge, ordered)
            strength = _strength(shown, explained, classes is not None)
            if strength:
                # Rounded down, so that 0.99999 is not shown as perfect.
                measure, rounded = "R2" if classes is None else "accuracy", np.floor(shown * 1e4)
                said = {"strength": strength, "score": f"{measure} {rounded / 1e4:.4f}"}
                found.append(notice("W201", column=column.name, target=target.name, **said))
    return found


def _strength(shown: float, explained: float, classes: bool) -> str:
    """How strongly a column determines the target, in words; empty if it does not."""
    if shown > NEARLY_PERFECT and explained >= (0.9 if classes else NEARLY_PERFECT):
        return "alone gives"
    return "nearly determines" if explained > DETERMINED else ""


def _regression_score(
    x: NDArray[Any], fit: _Half, judged_x: NDArray[Any], judge: _Half, ordered: bool
) -> tuple[float, float]:
    """R2 on the judged rows, twice; the better of the two guesses for an ordered column."""
    mean = np.average(judge.y, weights=judge.weights)
    total = float(judge.weights @ np.square(judge.y - mean))
    if total == 0 or not np.isfinite(total):
        return 0.0, 0.0
    guesses = [_local_means(x, fit, judged_x, ordered)]
    known = ~is_missing(x)
    if ordered and known.all() and not is_missing(judged_x).any():
        guesses.append(_line(x, fit, judged_x))
    best = max(1 - float(judge.weights @ np.square(judge.y - guess)) / total for guess in guesses)
    return best, best


def _local_means(x: NDArray[Any], fit: _Half, judged_x: NDArray[Any], ordered: bool) -> Floats:
    """The mean of y at each value of x; a line between values, the mean of all at new levels."""
    y, weights = fit.y, fit.weights
    guess = np.full(len(judged_x), float(np.average(y, weights=weights)))
    known, judged = ~is_missing(x), ~is_missing(judged_x)
    if not known.all():
        guess[~judged] = float(np.average(y[~known], weights=weights[~known]))
    values, cell = np.unique(x[known], return_inverse=True)
    if len(values) == 0:
        return guess
    mass = weights[known]
    means = np.bincount(cell, weights=mass * y[known]) / np.bincount(cell, weights=mass)
    if ordered:
        guess[judged] = np.interp(judged_x[judged], values, means)
    else:
        place = np.searchsorted(values, judged_x).clip(max=len(values) - 1)
        seen = judged & (values[place] == judged_x)
        guess[seen] = means[place[seen]]
    return guess


def _line(x: Floats, fit: _Half, judged_x: Floats) -> Floats:
    """The least-squares line."""
    middle = np.average(x, weights=fit.weights)
    centred = x - middle
    power = float(fit.weights @ centred**2)
    slope = float((fit.weights * centred) @ fit.y) / power if 0 < power < np.inf else 0.0
    line: Floats = np.average(fit.y, weights=fit.weights) + slope * (judged_x - middle)
    return line


def _class_score(
    x: NDArray[Any], fit: _Half, judged_x: NDArray[Any], judge: _Half, ordered: bool
) -> tuple[float, float]:
    """Accuracy on the judged rows, and the share of the most frequent class's errors that the
    column avoids."""
    codes = fit.y
    frequent = int(np.bincount(codes, weights=fit.weights).argmax())
    guess = np.full(len(judged_x), frequent)
    known, judged = ~is_missing(x), ~is_missing(judged_x)
    if not known.all():
        guess[~judged] = int(np.bincount(codes[~known], weights=fit.weights[~known]).argmax())
    values, cell = np.unique(x[known], return_inverse=True)
    if len(values) > 0:
        tally = np.zeros((len(values), int(codes.max()) + 1))
        np.add.at(tally, (cell, codes[known]), fit.weights[known])
        best = tally.argmax(axis=1)
        wanted = judged_x[judged]
        right = np.searchsorted(values, wanted).clip(max=len(values) - 1)
        left = (right - 1).clip(min=0)
        nearer_left = np.abs(wanted - values[left]) < np.abs(values[right] - wanted)
        place = np.where(nearer_left, left, right)
        usable = np.ones(len(wanted), dtype=np.bool_) if ordered else values[place] == wanted
        guess[np.flatnonzero(judged)[usable]] = best[place[usable]]
    errors = float(np.average(guess != judge.y, weights=judge.weights))
    baseline = float(np.average(frequent != judge.y, weights=judge.weights))
    return 1 - errors, 1 - errors / baseline if baseline > 0 else 0.0
