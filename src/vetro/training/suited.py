"""Recipes that suit a table: what the entries that the user left open stand for.

A fit tries several recipes, because no rule says from rows and columns alone whether a table is
smooth, noisy or nearly linear.  model/choosing.py compares them on held-out rows.  Each entry that
the user gave is the same in all of them.  The lists were chosen on tables that are not among the
unseen half of benchmarks/accuracy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vetro.networks.solvers import OF_SQUARES
from vetro.training.recipe import AUTO, OF_BATCHES, SOLVERS, Recipe

MEMBERS = {"quick": 1, "normal": 2, "best": 4}
MOST_PRODUCTS = 5e7
"""Of J^T J in one step of Bayesian regularisation: about ten seconds for ten networks."""
MOST_CODES = 600
"""Of all numbers together, about; the time of training grows with them."""


@dataclass(frozen=True)
class Facts:
    """What the recipes depend on.  rows: of the training of one network; numbers: input columns of
    numbers; width: features of a row without bins; task: "regression" or "classification"."""

    rows: int
    numbers: int
    width: int
    task: str


_PLAIN = {
    "numbers": "piecewise",
    "hidden": (64, 64),
    "activation": "relu",
    "optimizer": "adamw",
    "learning_rate": 1e-2,
    "epochs": 150,
    "patience": 75,
    "weight_decay": 0.1,
    "dropout": 0.0,
    "validation": 0.15,
}
"""Training with early stopping: for any optimizer."""

_SOLVER = {**_PLAIN, "numbers": "raw", "weight_decay": 0.0}
"""For solvers of second order, which pay for small networks."""
_OF_SQUARES = {**_SOLVER, "hidden": (20,)}
_REGULARISED = {**_OF_SQUARES, "validation": 0.0}
"""Bayesian regularisation, which regularises by the rows that it trains on."""

_TO_THE_END = {**_PLAIN, "patience": 0, "validation": 0.0}
"""On all rows, to the end of the schedule."""

_REGRESSION: tuple[dict[str, Any], ...] = (
    {**_TO_THE_END, "bins": "many", "learning_rate": 3e-3},
    {**_TO_THE_END, "bins": "few", "epochs": 30, "weight_decay": 1.0, "dropout": 0.1},
    {**_TO_THE_END, "numbers": "raw", "hidden": (), "epochs": 60},
    {**_PLAIN, "numbers": "raw"},
    {**_TO_THE_END, "bins": "many", "hidden": (128, 128), "learning_rate": 3e-3, "epochs": 100,
     "dropout": 0.05},
)  # fmt: skip
_CLASSES: tuple[dict[str, Any], ...] = (
    {**_TO_THE_END, "bins": "few", "hidden": (128, 128), "epochs": 50, "dropout": 0.5,
     "weight_decay": 1.0},
    {**_TO_THE_END, "bins": "few", "epochs": 12, "dropout": 0.2},
    {**_TO_THE_END, "numbers": "raw", "hidden": (), "epochs": 60},
    {**_PLAIN, "numbers": "raw", "epochs": 30, "dropout": 0.2},
    {**_PLAIN, "bins": "few", "dropout": 0.2},
)  # fmt: skip
_LISTS = {"regression": _REGRESSION, "classification": _CLASSES}
_MORE: dict[str, tuple[dict[str, Any], ...]] = {
    "regression": (
        {**_TO_THE_END, "bins": "many", "learning_rate": 3e-3, "epochs": 300},
        {**_TO_THE_END, "bins": "many", "hidden": (128, 128), "learning_rate": 1e-3},
        {**_TO_THE_END, "bins": "many", "learning_rate": 3e-3, "weight_decay": 1.0},
        {**_TO_THE_END, "bins": "few", "hidden": (256, 256), "learning_rate": 5e-3, "epochs": 60,
         "dropout": 0.2, "weight_decay": 1.0},
        {**_TO_THE_END, "bins": "few", "activation": "tanh", "dropout": 0.1},
    ),
    "classification": (
        {**_TO_THE_END, "bins": "few", "epochs": 30, "weight_decay": 1.0},
        {**_TO_THE_END, "bins": "many", "hidden": (256, 256), "epochs": 50, "dropout": 0.5,
         "learning_rate": 5e-3, "weight_decay": 1.0},
        {**_PLAIN, "bins": "few", "hidden": (128, 128), "dropout": 0.5},
        {**_PLAIN, "bins": "few", "activation": "tanh", "dropout": 0.1},
    ),
}  # fmt: skip
"""What the effort "best" tries, too."""


def candidates(asked: Recipe, facts: Facts) -> tuple[Recipe, ...]:
    """The recipes to try, all different; the most promising one first.  None has open entries, but
    for the learning rate of an optimizer or a schedule that has no list.

    One alone where the effort is quick, or where the optimizer or the schedule is not the one for
    which the lists were chosen.
    """
    known = asked.optimizer in ("auto", "adamw") and asked.schedule == Recipe().schedule
    if not known:
        return (_filled(asked, _for_another(asked), facts),)
    more = _MORE[facts.task] if asked.effort == "best" else ()
    lists = (*_LISTS[facts.task], *_small(asked, facts), *more)
    found = (_filled(asked, entries, facts) for entries in lists)
    different = tuple(dict.fromkeys(found))
    return different[:1] if asked.effort == "quick" else different


def _small(asked: Recipe, facts: Facts) -> tuple[dict[str, Any], ...]:
    """Bayesian regularisation, for small problems of squares on the CPU: a linear network, and
    one with a few smooth units."""
    if (
        asked.optimizer != "auto"
        or facts.task != "regression"
        or asked.loss not in ("auto", "mse")
        or asked.device == "cuda"
    ):
        return ()
    if any(getattr(asked, name) != getattr(Recipe(), name) for name in OF_BATCHES):
        return ()
    if asked.dropout > 0 or asked.hidden != AUTO["hidden"] or asked.numbers == "piecewise":
        return ()
    networks = ((), "relu"), ((5,), "tanh")
    return tuple(
        {**_REGULARISED, "optimizer": "br", "hidden": hidden, "activation": activation}
        for hidden, activation in networks
        if facts.rows * (facts.width * max(1, *hidden, 1) + 1) ** 2 <= MOST_PRODUCTS
    )


def _for_another(asked: Recipe) -> dict[str, Any]:
    """The entries for an optimizer or a schedule that has no list."""
    if asked.optimizer == "br":
        return _REGULARISED
    if asked.optimizer in OF_SQUARES:
        return _OF_SQUARES
    if asked.optimizer in SOLVERS:
        return _SOLVER
    # its learning rate is found by a test of the table (model/found_rate.py)
    return {**_PLAIN, "bins": "few", "learning_rate": AUTO["learning_rate"]}


def _filled(asked: Recipe, entries: Mapping[str, Any], facts: Facts) -> Recipe:
    """The recipe with its open entries filled in."""
    suited = {**entries, "members": MEMBERS[asked.effort]}
    numbers = suited["numbers"] if asked.numbers == AUTO["numbers"] else asked.numbers
    suited["bins"] = _bins(suited.get("bins", "few"), facts) if numbers == "piecewise" else 0
    opened = [name for name, value in AUTO.items() if getattr(asked, name) == value]
    found = replace(asked, **{name: suited[name] for name in opened})
    return replace(found, bins=0) if found.numbers == "raw" else found


def _bins(kind: str, facts: Facts) -> int:
    """Bins of each number: fewer where a column of numbers has few rows."""
    numbers = max(facts.numbers, 1)
    if kind == "many":
        return int(min(32, max(8, MOST_CODES // numbers), max(4, facts.rows // 8)))
    return int(min(16, max(4, facts.rows // (6 * numbers))))
