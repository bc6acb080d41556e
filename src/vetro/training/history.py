"""History: what happened while training, step by step and epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class History:
    """What one training run of an engine left behind.

    loss: of every step, before its update, as the loss function returned it.
    validation: after every epoch, empty without validation rows.  learning_rate: of
    every epoch.  seconds: wall time of the loop.  engine, reason: which engine ran and
    why, in a sentence.  stopped: why training ended ("steps", "epochs", "patience", "time",
    "interrupted", "diverged").  best_epoch: from 1; the epoch whose parameters were kept,
    0 if the last.
    """

    loss: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    seconds: float = 0.0
    engine: str = ""
    reason: str = ""
    stopped: str = ""
    best_epoch: int = 0


@dataclass(frozen=True)
class EpochRecord:
    """One epoch of one member of a fit, as progress shows it and history.csv keeps it.

    fold, member and epoch count from 1 (fold 0: the held-out split).  training,
    validation: mean loss per row in scaled units.  best: whether the validation loss
    is the lowest so far.  seconds: since the fit began.
    """

    fold: int
    member: int
    epoch: int
    training: float
    validation: float
    learning_rate: float
    best: bool
    seconds: float
