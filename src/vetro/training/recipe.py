"""The recipe: how to train. Frozen, serialisable, the same in TOML as on the command line.

It does not hold the table's options (targets, roles, reading), which belong to the fit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from numbers import Integral
from typing import Any, Literal, cast, get_args

from vetro.entries import check_entries, check_names
from vetro.errors import Setting, Words, error, shown, words
from vetro.networks.activations.names import ActivationName
from vetro.networks.losses.rule import LossKind
from vetro.networks.solvers import OF_SQUARES, SolverKind
from vetro.networks.updates.rule import UpdateKind, UpdateRule
from vetro.networks.updates.table import UPDATES

Loss = Literal["auto", LossKind]
Optimizer = Literal["auto", UpdateKind, SolverKind]
Schedule = Literal["constant", "cosine", "one_cycle", "step", "exponential", "plateau"]
ClassWeight = Literal["none", "balanced"]
Activation = Literal["auto", ActivationName]
Numbers = Literal["auto", "piecewise", "raw"]
Effort = Literal["quick", "normal", "best"]
Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True)
class Recipe:
    """All choices of training; `vetro fit` uses the defaults.

    Entries that have their value of AUTO, which is their default, are chosen from the table by
    training/suited.py.  effort: how many recipes are tried for it.
    numbers: how numbers enter the network: raw, centred and scaled; piecewise, also as the shares
    of quantile bins that they fill.  bins: of each number.  hidden: units of each hidden layer; one
    number is one layer.  loss "auto": mse for numbers, cross_entropy for classes.  learning_rate:
    the highest, if the schedule varies it.  batch_size: rows per step, 0 for a size that suits the
    table.  epochs: at most.  patience: epochs without a better validation error before stopping, 0
    for never.  weight_decay: decoupled for adamw, coupled otherwise.  dropout: share of hidden
    values.  clip_norm: limit of the gradient norm, 0 for none.  time: seconds for the whole fit, 0
    for no limit.  members: networks per fold (with holdout: in total).  folds: 0 with holdout.
    holdout: share of rows held out, 0 with folds.  -1 for folds or holdout means: 5 folds up to
    100,000 rows, a held-out tenth above.  validation: share of a network's rows on which its best
    epoch is chosen; 0: the network learns from all rows, and its last epoch counts.
    """

    effort: Effort = "normal"
    numbers: Numbers = "auto"
    bins: int = 0
    hidden: tuple[int, ...] = (0,)
    activation: Activation = "auto"
    loss: Loss = "auto"
    optimizer: Optimizer = "auto"
    learning_rate: float = 0.0
    momentum: float = 0.0
    schedule: Schedule = "one_cycle"
    batch_size: int = 0
    epochs: int = 0
    patience: int = -1
    weight_decay: float = -1.0
    dropout: float = -1.0
    clip_norm: float = 0.0
    seed: int = 0
    time: float = 0.0
    members: int = 0
    folds: int = -1
    holdout: float = -1.0
    validation: float = -1.0
    class_weight: ClassWeight = "none"
    device: Device = "auto"

    def __post_init__(self) -> None:
        for name, value in AUTO.items():
            if isinstance(given := getattr(self, name), str) and given == "auto":
                object.__setattr__(self, name, value)
        object.__setattr__(self, "hidden", _layers(self.hidden))
        _validate(self)

    @property
    def update(self) -> UpdateRule:
        """The optimizer with its settings, at the highest learning rate; of a solver, plain steps
        along the gradient."""
        if self.optimizer in SOLVERS:
            return UpdateRule("sgd", self.learning_rate)
        momentum = self.momentum if self.optimizer in WITH_MOMENTUM else 0.0
        return UpdateRule(
            cast(UpdateKind, self.optimizer),
            self.learning_rate,
            momentum,
            weight_decay=self.weight_decay,
        )

    def to_json(self) -> dict[str, Any]:
        """A plain dict, as written to TOML and into models."""
        data = asdict(self)
        data["hidden"] = list(self.hidden)
        return {name: "auto" if self.leaves_open(name) else data[name] for name in data}

    def leaves_open(self, name: str) -> bool:
        """Whether the table decides this entry."""
        return name in AUTO and getattr(self, name) == AUTO[name]

    @staticmethod
    def from_json(data: dict[str, Any], source: str = "recipe") -> Recipe:
        """A recipe from a dict; E602 for an unknown entry, E601 for a value that is not valid."""
        check_names(data, [entry.name for entry in fields(Recipe)], source)
        return Recipe(**data)


SOLVERS: tuple[SolverKind, ...] = get_args(SolverKind)
OF_BATCHES = ("learning_rate", "schedule", "batch_size", "weight_decay", "clip_norm")
"""Entries that no solver reads."""
AUTO: dict[str, Any] = {
    "numbers": "auto",
    "bins": 0,
    "hidden": (0,),
    "activation": "auto",
    "optimizer": "auto",
    "learning_rate": 0.0,
    "epochs": 0,
    "patience": -1,
    "weight_decay": -1.0,
    "dropout": -1.0,
    "validation": -1.0,
    "members": 0,
}
"""The entries that a table can decide, with the value that leaves them to it."""
WITH_MOMENTUM = tuple(kind for kind, one in UPDATES.items() if "momentum" in one.options)
MOST_LAYERS = 1000
# name: (lowest, highest, whether lowest itself is allowed)
_RANGES: dict[str, tuple[float, float, bool]] = {
    "bins": (1, 1024, True),
    "learning_rate": (0.0, 1e6, False),
    "momentum": (0.0, 1.0, True),
    "batch_size": (0, 2**31, True),
    "epochs": (1, 10**9, True),
    "patience": (0, 10**9, True),
    "weight_decay": (0.0, 1e6, True),
    "dropout": (0.0, 0.95, True),
    "clip_norm": (0.0, 1e30, True),
    "seed": (0, 2**63 - 1, True),
    "time": (0.0, 1e9, True),
    "members": (1, 1000, True),
    "folds": (-1, 1000, True),
    "holdout": (-1.0, 0.9, True),
    "validation": (0.0, 0.9, True),
}


def check_recipe_applies(recipe: Recipe, task: str) -> None:
    """E604 for an entry that does nothing with the optimizer, or for the task."""
    if recipe.momentum > 0.0 and recipe.optimizer not in WITH_MOMENTUM:
        raise _does_nothing("momentum", words("{=optimizer given}", given=recipe.optimizer))
    if recipe.optimizer in SOLVERS:
        _check_solver(recipe, task)
    if recipe.class_weight != "none" and task != "classification":
        raise _does_nothing("class_weight", words("a target of numbers"))


def _check_solver(recipe: Recipe, task: str) -> None:
    usual, given = Recipe(), words("{=optimizer given}", given=recipe.optimizer)
    for name in OF_BATCHES:
        if getattr(recipe, name) != getattr(usual, name):
            raise _does_nothing(name, given)
    if recipe.dropout > 0.0:
        raise _does_nothing("dropout", given)
    if recipe.optimizer not in OF_SQUARES:
        return
    if task != "regression" or recipe.loss not in ("auto", "mse"):
        what = words("{given} needs a target of numbers and the loss mse", given=given)
        raise error("E604", what=what, fix=words("Use {=optimizer lbfgs}, or {=optimizer adamw}."))


def _does_nothing(name: str, there: Words) -> Exception:
    what = words("{setting} does nothing with {there}", setting=Setting(name), there=there)
    fix = words("Leave out {setting}.", setting=Setting(name, left_out=True))
    return error("E604", what=what, fix=fix)


def _layers(hidden: Any) -> Any:
    """The sizes of the layers as a tuple of Python's numbers, if whole numbers are given."""
    several = hidden if isinstance(hidden, Iterable) and not isinstance(hidden, str) else (hidden,)
    sizes = tuple(several)
    if all(isinstance(size, Integral) and not isinstance(size, bool) for size in sizes):
        return tuple(map(int, sizes))
    return hidden


def _validate(recipe: Recipe) -> None:
    check_entries(recipe)
    for name, (low, high, low_allowed) in _RANGES.items():
        value = getattr(recipe, name)
        if recipe.leaves_open(name):
            continue
        if value > high:
            _refuse(name, value, f"it must be at most {high:g}")
        if not value >= low or (value == low and not low_allowed):
            _refuse(name, value, f"it must be {'at least' if low_allowed else 'above'} {low:g}")
    if isinstance(recipe.hidden, tuple) and len(recipe.hidden) > MOST_LAYERS:
        reason = f"at most {MOST_LAYERS} layers are possible"
        _refuse("hidden", f"{len(recipe.hidden):,} layers", reason)
    if not isinstance(recipe.hidden, tuple) or not all(
        isinstance(units, int) and not isinstance(units, bool) and 1 <= units <= 65536
        for units in recipe.hidden
        if recipe.hidden != AUTO["hidden"]
    ):
        given: object = recipe.hidden
        if isinstance(given, tuple):
            given = ",".join(map(shown, given))
        example = words("Use for example {=hidden layers}.", layers="64,64")
        _refuse("hidden", given, "whole numbers from 1 to 65536 are needed", example)
    if recipe.folds == 1:
        _refuse("folds", 1, "one fold leaves nothing to train on", "Use 0 or at least 2.")
    if recipe.folds > 1 and recipe.holdout > 0:
        _refuse("holdout", recipe.holdout, "folds are given as well", "Use one of the two.")


def _refuse(name: str, value: object, reason: str, fix: str | Words = "Correct it.") -> None:
    raise error("E601", argument=Setting(name), value=value, reason=reason, fix=fix)
