"""Training many members, in parallel if the engine can; resumable at every epoch.

It knows matrices and plans, not tables: model/members.py prepares them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vetro.engines.engine import Engine, Epoch, Job, Outcome, TrainingState
from vetro.training.checkpoint import Checkpoint, save_checkpoint
from vetro.training.history import EpochRecord

# A checkpoint costs an fsync.  This interval is long enough not to slow training down, and
# short enough that a kill loses little.
CHECKPOINT_SECONDS = 5.0
# Members are trained in groups whose matrices hold at most this much together.
TOGETHER_BYTES = 2**31


@dataclass(frozen=True)
class MemberTask:
    """One member to train: fold (from 1; 0 for the held-out split), member (from 1), and a
    function that prepares its matrices, called only when its turn comes."""

    fold: int
    member: int
    prepare: Callable[[], Job]


@dataclass(frozen=True)
class Standing:
    """Progress of training: the latest epoch of a member, how many members are trained in
    parallel, and the share of all members' epochs that are done."""

    latest: EpochRecord
    together: int
    share: float


@dataclass(frozen=True)
class Watch:
    """The caller's functions and limits.

    on_epochs: receives the progress after each epoch or several.  stop: returns "" or a reason
    that ends everything ("interrupted").  path: of the checkpoint, None for none.  time_limit:
    seconds for all members together, 0 for none (members that are trained one after another
    get equal shares).
    """

    on_epochs: Callable[[Standing], None]
    stop: Callable[[], str]
    path: Path | None = None
    time_limit: float = 0.0


def train_members(
    engine: Engine, tasks: Sequence[MemberTask], checkpoint: Checkpoint, watch: Watch
) -> dict[int, Outcome]:
    """Train the tasks that are not done in the checkpoint, and update the checkpoint meanwhile.

    Returns the outcomes by task number, in order.  Some are missing if training was interrupted
    or a task diverged.  Afterwards the checkpoint's history is sorted by task.
    """
    return _Trainer(engine, tasks, checkpoint, watch).train()


class _Trainer:
    def __init__(
        self, engine: Engine, tasks: Sequence[MemberTask], checkpoint: Checkpoint, watch: Watch
    ) -> None:
        self.engine, self.tasks = engine, tasks
        self.checkpoint, self.watch = checkpoint, watch
        self.before = checkpoint.seconds
        self.started = self.saved = time.monotonic()
        self.captured: dict[int, float] = {}
        self.shares = dict.fromkeys(checkpoint.done, 1.0)

    @property
    def seconds(self) -> float:
        return self.before + time.monotonic() - self.started

    def train(self) -> dict[int, Outcome]:
        outcomes = dict(self.checkpoint.done)
        left = [number for number in range(len(self.tasks)) if number not in outcomes]
        while left:
            numbers, jobs = self._next(left)
            trained = dict(zip(numbers, self._train(numbers, jobs, len(left)), strict=True))
            outcomes |= {n: one for n, one in trained.items() if one.epochs or one.divergence}
            if any(one.stopped in ("interrupted", "diverged") for one in trained.values()):
                break
            left = left[len(numbers) :]
        self.checkpoint.history.sort(key=lambda item: (item.fold, item.member, item.epoch))
        return dict(sorted(outcomes.items()))

    def _next(self, left: Sequence[int]) -> tuple[list[int], list[Job]]:
        """The tasks to train now, prepared."""
        numbers, jobs = [left[0]], [self._job(left[0])]
        if self.engine.together:
            many = max(1, TOGETHER_BYTES // max(1, _bytes(jobs[0])))
            for number in left[1:many]:
                numbers.append(number)
                jobs.append(self._job(number))
        return numbers, jobs

    def _job(self, number: int) -> Job:
        return replace(self.tasks[number].prepare(), resume=self.checkpoint.current.get(number))

    def _train(self, numbers: Sequence[int], jobs: Sequence[Job], left: int) -> list[Outcome]:
        limit = self.watch.time_limit
        share = max(limit - self.seconds, 0.0) * len(jobs) / left
        deadline = self.seconds + share if limit else 0.0

        def on_epochs(
            place: int, epochs: Sequence[Epoch], capture: Callable[[], TrainingState]
        ) -> str:
            number, job = numbers[place], jobs[place]
            reason = self.watch.stop()
            if not epochs:  # the first epoch must end, to have something to keep
                return reason if self.checkpoint.history else ""
            self._tell(number, epochs, job.plan.epochs, len(jobs))
            now = time.monotonic()
            if reason or now - self.captured.get(number, self.started) > CHECKPOINT_SECONDS:
                self.captured[number] = now
                self.checkpoint.current[number] = capture()
            if now - self.saved > CHECKPOINT_SECONDS:
                self._save()
            return reason or ("time" if deadline and self.seconds > deadline else "")

        outcomes = self.engine.train(jobs, on_epochs)
        for number, outcome in zip(numbers, outcomes, strict=True):
            if outcome.stopped not in ("interrupted", "diverged"):
                self.checkpoint.done[number] = outcome
                self.checkpoint.current.pop(number, None)
                self.shares[number] = 1.0
        self._save()
        return outcomes

    def _tell(self, number: int, epochs: Sequence[Epoch], most: int, together: int) -> None:
        task, seconds = self.tasks[number], self.seconds
        records = [
            EpochRecord(
                fold=task.fold,
                member=task.member,
                epoch=epoch.number,
                training=epoch.training,
                validation=epoch.validation,
                learning_rate=epoch.learning_rate,
                best=epoch.best,
                seconds=seconds,
                weights=epoch.weights,
                gradients=epoch.gradients,
            )
            for epoch in epochs
        ]
        self.checkpoint.history += records
        self.shares[number] = records[-1].epoch / most
        share = sum(self.shares.values()) / len(self.tasks)
        self.watch.on_epochs(Standing(records[-1], together, share))

    def _save(self) -> None:
        self.saved = time.monotonic()
        if self.watch.path is None:
            return
        known = {
            (task.fold, task.member): self._epochs_kept(number)
            for number, task in enumerate(self.tasks)
        }
        history = [
            item for item in self.checkpoint.history if item.epoch <= known[item.fold, item.member]
        ]
        save_checkpoint(
            replace(self.checkpoint, seconds=self.seconds, history=history), self.watch.path
        )

    def _epochs_kept(self, number: int) -> float:
        """The last epoch of a task in the checkpoint; later epochs are trained again."""
        if number in self.checkpoint.done:
            return float("inf")
        state = self.checkpoint.current.get(number)
        return state.numbers["epoch"] if state else 0


def _bytes(job: Job) -> int:
    parts = [job.training] + ([job.validation] if job.validation else [])
    return sum(rows.x.nbytes + rows.y.nbytes for rows in parts)
