"""History: the record of a training, step by step and epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass, field

from vetro.errors import counted
from vetro.notebook import ShownAsText


@dataclass(repr=False)
class History(ShownAsText):
    """The record of one training run of an engine.

    loss: of every step, before its update, as the loss function returned it.
    validation: the loss after every epoch, empty without validation rows.  learning_rate: of
    every epoch.  seconds: wall time of the loop.  engine, reason: which engine ran and
    why, in a sentence.  stopped: why training ended ("steps", "epochs", "patience", "time",
    "interrupted", "diverged").  best_epoch: from 1, the epoch whose parameters were kept; 0 if
    the last ones were.
    """

    loss: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    seconds: float = 0.0
    engine: str = ""
    reason: str = ""
    stopped: str = ""
    best_epoch: int = 0

    def __repr__(self) -> str:
        """One line, however many steps there were."""
        steps = counted(len(self.loss), "step")
        losses = f", loss {self.loss[0]:.6g} to {self.loss[-1]:.6g}" if self.loss else ""
        best = f", best epoch {self.best_epoch}" if self.best_epoch else ""
        return (
            f"History({steps}{losses}{best}, stopped by {self.stopped or 'nothing'}, "
            f"{self.engine or 'no'} engine, {self.seconds:.3g} s)"
        )


SIZES = ("weights", "gradients")
"""The fields of an EpochRecord that hold one number per layer."""


@dataclass(frozen=True)
class EpochRecord:
    """One epoch of one member of a fit, as progress shows it and history.csv keeps it.

    fold, member and epoch count from 1 (fold 0: the held-out split).  training,
    validation: mean loss per row in scaled units.  best: whether the validation loss
    is the lowest so far.  seconds: since the fit began.  weights, gradients: root mean
    squares of each layer's weights at the epoch's end, and of their gradients at its last
    step, in float32; empty in files of older versions.
    """

    fold: int
    member: int
    epoch: int
    training: float
    validation: float
    learning_rate: float
    best: bool
    seconds: float
    weights: tuple[float, ...] = ()
    gradients: tuple[float, ...] = ()
