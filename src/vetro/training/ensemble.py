"""Training many members, in parallel if the engine can; resumable.

It knows jobs, not tables: model/members.py prepares them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vetro.engines.engine import Engine, Running
from vetro.engines.job import Epoch, Job, Outcome
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
class Watch:
    """The caller's functions and limits.

    on_epochs: receives the latest epoch, after each epoch or several, the share of all members'
    epochs that are done, and how many members are trained in parallel.  stop: returns "" or a
    reason that ends everything ("interrupted").  path: of the checkpoint, None for none.
    time_limit: seconds for all members together, 0 for none (members that are trained one after
    another get equal shares).
    """

    on_epochs: Callable[[EpochRecord, float, int], None]
    stop: Callable[[], str]
    path: Path | None = None
    time_limit: float = 0.0


def train_members(
    engine: Engine,
    tasks: Mapping[int, MemberTask],
    wanted: Iterable[int],
    checkpoint: Checkpoint,
    watch: Watch,
    later: int = 0,
) -> dict[int, Outcome]:
    """Train the wanted tasks that are not done in the checkpoint, and update it meanwhile.

    tasks: all tasks by number.  later: the number of tasks that other calls train afterwards; if
    there are any, a task that diverges does not end the training of the others.
    Returns the outcomes by task number, in order.  Some are missing if training was interrupted
    or a task diverged.  Afterwards the checkpoint's history is sorted by task.
    """
    return _Trainer(engine, tasks, checkpoint, watch).train(list(wanted), later)


class _Trainer:
    """The tasks, their checkpoint, and the engine's watch over them."""

    def __init__(
        self, engine: Engine, tasks: Mapping[int, MemberTask], checkpoint: Checkpoint, watch: Watch
    ) -> None:
        self.engine, self.tasks = engine, tasks
        self.checkpoint, self.watch = checkpoint, watch
        self.before = checkpoint.seconds
        self.started = self.saved = time.monotonic()
        self.captured: dict[int, float] = {}
        self.shares = dict.fromkeys(checkpoint.done, 1.0)
        self.trained: set[int] = set()  # tasks of which an epoch ended here
        self.outcomes: dict[int, Outcome] = {}
        self.numbers: list[int] = []  # of the tasks that train now
        self.deadline = 0.0
        self.all = 0  # tasks, done ones and later ones included

    @property
    def seconds(self) -> float:
        return self.before + time.monotonic() - self.started

    def train(self, wanted: Sequence[int], later: int) -> dict[int, Outcome]:
        left = [number for number in wanted if number not in self.checkpoint.done]
        self.all = len({*self.checkpoint.done, *wanted}) + later
        ends = ("interrupted",) if later else ("interrupted", "diverged")
        self.outcomes = dict(self.checkpoint.done)
        while left:
            group = self._group(left)
            self.numbers = left[: len(group)]
            self._limit(len(left) + later)
            self.engine.run(group, self, len(group))
            self._save()
            trained = [self.outcomes.get(number) for number in self.numbers]
            if any(one is None or one.stopped in ends for one in trained):
                break
            left = left[len(group) :]
        self.checkpoint.seconds = self.seconds
        self.checkpoint.history.sort(key=lambda item: (item.fold, item.member, item.epoch))
        kept = {n: one for n, one in self.outcomes.items() if one.epochs or one.divergence}
        return dict(sorted(kept.items()))

    def _group(self, left: Sequence[int]) -> list[Job]:
        """The jobs to train now."""
        jobs = [self._job(left[0])]
        if self.engine.together:
            many = max(1, TOGETHER_BYTES // max(1, _bytes(jobs[0])))
            jobs += [self._job(number) for number in left[1:many]]
        return jobs

    def _job(self, number: int) -> Job:
        return replace(self.tasks[number].prepare(), resume=self.checkpoint.current.get(number))

    def _limit(self, left: int) -> None:
        """The time for the tasks of now, their share of what is left."""
        limit = self.watch.time_limit
        share = max(limit - self.seconds, 0.0) * len(self.numbers) / left
        self.deadline = self.seconds + share if limit else 0.0

    def interruption(self) -> str:
        """Why to stop; one epoch must end first, to have something to keep."""
        return self.watch.stop() if self.checkpoint.history else ""

    def begins(self, running: Running) -> bool:
        return True

    def told(self, running: Running) -> str:
        number, epochs = self.numbers[running.number], running.new_epochs()
        if epochs:
            self._tell(number, epochs, running.share)
        if number not in self.trained:
            return ""  # every task ends an epoch
        now = time.monotonic()
        if now - self.captured.get(number, self.started) > CHECKPOINT_SECONDS:
            self.captured[number] = now
            self.checkpoint.current[number] = running.state()
        if now - self.saved > CHECKPOINT_SECONDS:
            self._save()
        return "time" if self.deadline and self.seconds > self.deadline else ""

    def ends(self, running: Running, stopped: str) -> None:
        number, epochs = self.numbers[running.number], running.new_epochs()
        if epochs:
            self._tell(number, epochs, running.share)
        outcome = self.outcomes[number] = running.outcome(stopped)
        if outcome.stopped == "interrupted":
            if number in self.trained:
                self.checkpoint.current[number] = running.state()
        elif outcome.stopped != "diverged":
            self.checkpoint.done[number] = outcome
            self.checkpoint.current.pop(number, None)
            self.shares[number] = 1.0

    def _tell(self, number: int, epochs: Sequence[Epoch], share: float) -> None:
        task, seconds = self.tasks[number], self.seconds
        records = [EpochRecord(task.fold, task.member, seconds, epoch) for epoch in epochs]
        self.trained.add(number)
        self.checkpoint.history += records
        self.shares[number] = share
        done = sum(self.shares.values()) / self.all
        self.watch.on_epochs(records[-1], done, len(self.numbers))

    def _save(self) -> None:
        self.saved = time.monotonic()
        if self.watch.path is None:
            return
        known = {
            (task.fold, task.member): self._epochs_kept(number)
            for number, task in self.tasks.items()
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
        return state.epochs if state else 0


def _bytes(job: Job) -> int:
    """The memory of a job's own rows; a matrix that several jobs share counts for none."""
    parts = [job.training] + ([job.validation] if job.validation else [])
    return sum(
        rows.y.nbytes + (rows.matrix.nbytes if rows.numbers is None else rows.numbers.nbytes)
        for rows in parts
    )
