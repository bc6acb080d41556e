"""Training many members one after the other, resumable at every epoch.

It knows matrices and plans, not tables: model/members.py prepares them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vetro.engines.engine import Engine, Epoch, Matrix, Outcome, Plan, Rows, TrainingState
from vetro.training.checkpoint import Checkpoint, save_checkpoint
from vetro.training.history import EpochRecord

# A checkpoint costs an fsync: seldom enough not to slow training down, often enough that
# a kill loses little.
CHECKPOINT_SECONDS = 5.0


@dataclass(frozen=True)
class Prepared:
    """What an engine needs to train one member."""

    plan: Plan
    initial: Matrix
    training: Rows
    validation: Rows | None


@dataclass(frozen=True)
class MemberTask:
    """One member to train: fold (from 1; 0 for the held-out split), member (from 1), and a
    function that prepares its matrices, called only when its turn comes."""

    fold: int
    member: int
    prepare: Callable[[], Prepared]


@dataclass(frozen=True)
class Watch:
    """What surrounds training: on_epoch is told of every epoch; stop returns "" or a reason
    that ends everything ("interrupted"); path: of the checkpoint, None for none; time_limit:
    seconds for all members together, 0 for none (each member gets an equal share)."""

    on_epoch: Callable[[EpochRecord], None]
    stop: Callable[[], str]
    path: Path | None = None
    time_limit: float = 0.0


def train_members(
    engine: Engine, tasks: Sequence[MemberTask], checkpoint: Checkpoint, watch: Watch
) -> list[Outcome]:
    """Train the tasks that the checkpoint does not hold as done; it is updated on the way.

    Returns one outcome per task that was begun, in order; fewer than the tasks when the
    last one stopped for "interrupted" or "diverged".
    """
    trainer = _Trainer(engine, checkpoint, watch)
    outcomes = list(checkpoint.done)
    for number in range(len(outcomes), len(tasks)):
        deadline = watch.time_limit * (number + 1) / len(tasks) if watch.time_limit else 0.0
        outcome = trainer.train(tasks[number], deadline)
        outcomes.append(outcome)
        if outcome.stopped in ("interrupted", "diverged"):
            break
        checkpoint.done.append(outcome)
        checkpoint.current = None
        trainer.save()
    return outcomes


class _Trainer:
    def __init__(self, engine: Engine, checkpoint: Checkpoint, watch: Watch) -> None:
        self.engine = engine
        self.checkpoint = checkpoint
        self.watch = watch
        self.before = checkpoint.seconds
        self.started = self.saved = time.monotonic()

    @property
    def seconds(self) -> float:
        return self.before + time.monotonic() - self.started

    def save(self) -> None:
        self.saved = time.monotonic()
        self.checkpoint.seconds = self.seconds
        if self.watch.path is not None:
            save_checkpoint(self.checkpoint, self.watch.path)

    def train(self, task: MemberTask, deadline: float) -> Outcome:
        def on_epoch(epoch: Epoch, capture: Callable[[], TrainingState]) -> str:
            record = EpochRecord(
                fold=task.fold,
                member=task.member,
                epoch=epoch.number,
                training=epoch.training,
                validation=epoch.validation,
                learning_rate=epoch.learning_rate,
                best=epoch.best,
                seconds=self.seconds,
            )
            self.checkpoint.history.append(record)
            self.watch.on_epoch(record)
            reason = self.watch.stop()
            if reason or time.monotonic() - self.saved > CHECKPOINT_SECONDS:
                self.checkpoint.current = capture()
                self.save()
            if not reason and deadline and self.seconds > deadline:
                return "time"
            return reason

        prepared = task.prepare()
        return self.engine.train(
            prepared.plan,
            prepared.initial,
            prepared.training,
            prepared.validation,
            on_epoch,
            self.checkpoint.current,
        )
