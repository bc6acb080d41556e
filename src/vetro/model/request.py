"""The user's request for a fit: targets, roles, reading and recipe, as one frozen value.

The command line, the Python function and the recipe file all make one of these.  Its types and
defaults are those of all three.  asked_table.py reads the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from vetro.engines.names import EngineName
from vetro.entries import as_declared, check_entries
from vetro.tables.options import ReadOptions, read_options
from vetro.training.recipe import Recipe
from vetro.twins import plain, plain_names

if TYPE_CHECKING:  # the command line reads a request without numpy
    from vetro.training.history import EpochRecord


@dataclass(frozen=True)
class FitRequest:
    """targets: one or more columns.  inputs: if given, the model uses only these (and a column
    named here is kept even if it looks like an identifier).  drop: columns to ignore.  weight,
    group: a column, or "".  drop_missing_target: leave out rows without a target.  ordered: texts
    "COL=a<b<c", the order of a column's texts; unordered: columns without one, whatever their texts
    show.  engine: the one that trains; see engines/choose.py."""

    targets: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    weight: str = ""
    group: str = ""
    drop_missing_target: bool = False
    ordered: tuple[str, ...] = ()
    unordered: tuple[str, ...] = ()
    options: ReadOptions = field(default_factory=ReadOptions)
    recipe: Recipe = field(default_factory=Recipe)
    engine: EngineName = "auto"

    def __post_init__(self) -> None:
        check_entries(self)
        for role in ("targets", "inputs", "drop", "unordered"):
            object.__setattr__(self, role, plain_names(getattr(self, role)))
        for role in ("weight", "group"):
            object.__setattr__(self, role, plain(getattr(self, role)))

    @property
    def roles(self) -> dict[str, Any]:
        """What decides the columns' roles, as the arguments of tables/roles.py."""
        return {name: getattr(self, name) for name in ROLES} | {"forced": self.options.forced}

    @property
    def entries(self) -> dict[str, Any]:
        """Every setting by name, as with_settings takes them: the recipe's, then the others'."""
        return {
            **self.recipe.to_json(),
            "engine": self.engine,
            **{name: getattr(self, name) for name in ROLES},
            **{name: getattr(self.options, name) for name in READING},
        }

    def with_settings(self, settings: Mapping[str, Any]) -> FitRequest:
        """The request with these entries, by name: its own, its recipe's or its options'.

        E602 for an unknown name, E601 for a value that is not valid.
        """
        of_recipe = {entry.name for entry in fields(Recipe)}
        recipe = {name: value for name, value in settings.items() if name in of_recipe}
        own = {name: value for name, value in settings.items() if name in (*ROLES, "engine")}
        reading = {name: settings[name] for name in settings if name not in {*recipe, *own}}
        return replace(
            self,
            **as_declared(FitRequest, own),
            recipe=replace(self.recipe, **recipe),
            options=read_options(self.options, reading),
        )


ROLES = (
    *("targets", "inputs", "drop", "weight", "group", "drop_missing_target"),
    *("ordered", "unordered"),
)
"""The entries of a request that decide the columns' roles, and which texts have an order."""
READING = tuple(entry.name for entry in fields(ReadOptions) if entry.name != "keep")
"""The options of reading that a fit has: it keeps no columns."""


def _of_latest(name: str, before: int | None) -> property:
    """What the latest epoch says, or before there is one."""
    return property(lambda self: getattr(self.latest, name, before))


@dataclass(frozen=True)
class Progress:
    """The progress of a fit: after every step, and after every epoch or several short ones.

    step: "reading", "checking", "training", "measuring" or "done".  share: of the training, 0 to 1.
    latest: the latest epoch of the network that has just ended one, from which fold of folds,
    member of members, epoch of epochs come, counted from 1 (0: none yet), and training and
    validation, its mean losses per row.  together: number of networks that train at the same time.
    seconds: since the start; seconds_left: an estimate.  None: not known, or not yet.
    """

    step: str
    share: float = 0.0
    latest: EpochRecord | None = None
    folds: int = 0
    members: int = 0
    epochs: int = 0
    together: int = 1
    seconds: float = 0.0
    seconds_left: float | None = None

    fold = _of_latest("fold", 0)
    member = _of_latest("member", 0)
    epoch = _of_latest("epoch", 0)
    training = _of_latest("training", None)
    validation = _of_latest("validation", None)
