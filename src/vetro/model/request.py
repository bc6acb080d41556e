"""The user's request for a fit: targets, roles, reading and recipe, as one frozen value.

The command line, the Python function and the recipe file all make one of these.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from vetro.engines.engine import EngineName
from vetro.entries import check_entries
from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table
from vetro.tables.roles import assign_roles, check_known
from vetro.tables.table import Table
from vetro.training.recipe import Recipe
from vetro.twins import plain, plain_names


@dataclass(frozen=True)
class FitRequest:
    """targets: one or more columns.  inputs: if given, the model uses only these (and a column
    named here is kept even if it looks like an identifier).  drop: columns to ignore.  weight,
    group: a column, or "".  drop_missing_target: leave out rows without a target.  engine: the one
    that trains; see engines/choose.py."""

    targets: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    weight: str = ""
    group: str = ""
    drop_missing_target: bool = False
    options: ReadOptions = field(default_factory=ReadOptions)
    recipe: Recipe = field(default_factory=Recipe)
    engine: EngineName = "auto"

    def __post_init__(self) -> None:
        check_entries(self)
        for role in ("targets", "inputs", "drop"):
            object.__setattr__(self, role, plain_names(getattr(self, role)))
        for role in ("weight", "group"):
            object.__setattr__(self, role, plain(getattr(self, role)))

    @property
    def roles(self) -> dict[str, Any]:
        """The columns that the user named, by role."""
        return {
            "targets": self.targets,
            "inputs": self.inputs,
            "drop": self.drop,
            "weight": self.weight,
            "group": self.group,
        }


def read_for(source: Any, request: FitRequest, options: ReadOptions | None = None) -> Table:
    """The table as the request reads it; E114 for a role's name before anything in a cell."""
    named = partial(check_known, **request.roles)
    return read_table(source, options or request.options, check=named)


def with_roles(table: Table, request: FitRequest) -> Table:
    """The table with the roles that the request asks for; see assign_roles."""
    return assign_roles(
        table,
        **request.roles,
        drop_missing_target=request.drop_missing_target,
        forced=request.options.forced,
    )


@dataclass(frozen=True)
class Progress:
    """The progress of a fit: after every step, and after every epoch or several short ones.

    step: "reading", "checking", "training", "measuring" or "done".  share: of the training, 0 to 1.
    fold of folds, member of members, epoch of epochs: counted from 1, of the network that
    has just ended an epoch.  together: number of networks that train at the same time.  training,
    validation: its mean loss per row.  seconds: since the start; seconds_left: an estimate.
    None: not known, or not yet.
    """

    step: str
    share: float = 0.0
    fold: int = 0
    folds: int = 0
    member: int = 0
    members: int = 0
    together: int = 1
    epoch: int = 0
    epochs: int = 0
    training: float | None = None
    validation: float | None = None
    seconds: float = 0.0
    seconds_left: float | None = None
