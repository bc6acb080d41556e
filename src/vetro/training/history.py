"""History: the record of a training, step by step and epoch by epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from vetro.engines.job import Epoch
from vetro.errors import counted
from vetro.networks.solvers import Regularisation
from vetro.notebook import ShownAsText


@dataclass(repr=False)
class History(ShownAsText):
    """The record of one training run of an engine.

    loss: of every step, before its update, as the loss function returned it.
    validation: the loss after every epoch, empty without validation rows.  learning_rate: of
    every epoch.  seconds: wall time of the loop.  engine, reason: which engine ran and
    why, in a sentence.  stopped: why training ended ("steps", "epochs", "patience", "time",
    "interrupted", "diverged"; of second-order optimizers also "gradient", "damping", "change").
    best_epoch: from 1, the epoch whose parameters were kept; 0 if the last ones were.  damping: of
    a second-order optimizer after every step.  regularisation: of BayesianRegularisation, after
    every step.
    """

    loss: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    seconds: float = 0.0
    engine: str = ""
    reason: str = ""
    stopped: str = ""
    best_epoch: int = 0
    damping: list[float] = field(default_factory=list)
    regularisation: list[Regularisation] = field(default_factory=list)

    def __repr__(self) -> str:
        """One line, however many steps there were."""
        steps = counted(len(self.loss), "step")
        losses = f", loss {self.loss[0]:.6g} to {self.loss[-1]:.6g}" if self.loss else ""
        best = f", best epoch {self.best_epoch}" if self.best_epoch else ""
        return (
            f"History({steps}{losses}{best}, stopped by {self.stopped or 'nothing'}, "
            f"{self.engine or 'no'} engine, {self.seconds:.3g} s)"
        )


@dataclass(frozen=True)
class Ended:
    """How an engine has ended a training of the PyTorch door.  reason: "done", "patience",
    "interrupted" or "diverged".  restore_best: puts the best epoch's values into the module, if
    there was one, and returns its number, else 0."""

    reason: str
    restore_best: Callable[[], int]


COLUMNS = (
    "fold", "member", "epoch", "training", "validation", "learning_rate", "best", "seconds",
)  # fmt: skip
"""The numbers of an EpochRecord, in the order in which files keep them."""

SIZES = ("weights", "gradients")
"""Those of which an EpochRecord has one per layer."""


@dataclass(frozen=True)
class EpochRecord:
    """One epoch of one member of a fit, as progress shows it and history.csv keeps it.

    fold and member count from 1 (fold 0: the held-out split).  seconds: since the fit began.
    ended: the epoch as its engine told it, with losses in scaled units; files of older versions
    have no weights and no gradients.  It has everything that `ended` has; epoch is its number.
    """

    fold: int
    member: int
    seconds: float
    ended: Epoch

    epoch = property(attrgetter("ended.number"))
    training = property(attrgetter("ended.training"))
    validation = property(attrgetter("ended.validation"))
    learning_rate = property(attrgetter("ended.learning_rate"))
    best = property(attrgetter("ended.best"))
    weights = property(attrgetter("ended.weights"))
    gradients = property(attrgetter("ended.gradients"))

    @staticmethod
    def of(columns: Sequence[Any]) -> EpochRecord:
        """The record of COLUMNS and perhaps SIZES, as files keep them."""
        fold, member, number, training, validation, rate, best, seconds, *sizes = columns
        ended = Epoch(number, training, validation, rate, best, *map(tuple, sizes))
        return EpochRecord(fold, member, seconds, ended)

    @property
    def columns(self) -> list[Any]:
        """COLUMNS and SIZES."""
        return [getattr(self, name) for name in (*COLUMNS, *SIZES)]
