"""Trainings of the PyTorch door, run: together on the native engine, or one by one on torch.

vetro.train runs one, vetro.train_many runs many.  Trainings that the native engine understands run
at the same time; the others follow, one after another, on the torch engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from time import perf_counter

from vetro.engines.job import Job
from vetro.engines.native_core import why_not_native
from vetro.engines.native_engine import NativeEngine
from vetro.engines.native_run import NativeRun
from vetro.errors import VetroError, error, notice
from vetro.networks.refusal import NotUnderstood
from vetro.networks.torch_solvers import Solver
from vetro.training import misfit, misuse
from vetro.training.advice import advise
from vetro.training.arguments import Request
from vetro.training.history import Ended, History
from vetro.training.native_door import NativeDoor
from vetro.training.solver_door import run_solver
from vetro.training.stepping import Stepping
from vetro.training.torch_door import Tick, run_in_torch


@dataclass(eq=False)
class Run:
    """One training, from its request to its history.

    engine: "auto", "native" or "torch".  tick: see run_in_torch.  door: its place in the native
    engine, None if it is not there.  diverged: the E317 of a loss that is not finite, None if there
    was none.
    """

    asked: Request
    engine: str = "auto"
    tick: Tick | None = None
    history: History = field(default_factory=History)
    stepping: Stepping = field(init=False)
    door: NativeDoor | None = None
    diverged: VetroError | None = None
    _began: float = 0.0

    @property
    def steps(self) -> int:
        """Steps done, as far as is known."""
        return self.door.steps if self.door is not None else len(self.history.loss)

    def open_door(self) -> NativeDoor | None:
        """The training as the native engine takes it; None if it is left to the torch engine."""
        self._began = perf_counter()
        if isinstance(self.asked.training.optimizer, Solver):
            return None
        if self.engine == "torch":
            self.history.reason = "the caller asked for the torch engine"
            return None
        forced = self.engine == "native"
        try:
            self.door = NativeDoor(
                self.asked, self.history, self.stepping, self.tick, forced=forced
            )
        except NotUnderstood as why:
            self.leave_to_torch(str(why))
        return self.door

    def leave_to_torch(self, reason: str) -> None:
        """The native engine cannot run it; E604 if the caller asked for that engine."""
        if self.engine == "native":
            raise error(
                "E604",
                what=f"the native engine cannot run this: {reason}",
                fix='Use engine="auto" or engine="torch".',
            ) from None
        self.history.reason, self.door = reason, None

    def run_apart(self, interruption: Callable[[], str], threads: int) -> None:
        """Run it on the torch engine, or by its own solver."""
        self._began = perf_counter()
        if isinstance(self.asked.training.optimizer, Solver):
            ended = run_solver(
                self.asked, self.history, self.tick, interruption, self.engine, threads
            )
        else:
            fallen = self.engine != "torch"
            ended = run_in_torch(
                self.asked, self.history, self.stepping, self.tick, interruption, fallen=fallen
            )
        self.end(ended)

    def end(self, ended: Ended) -> None:
        """Complete the history and put back the best epoch."""
        training, history = self.asked.training, self.history
        history.seconds = perf_counter() - self._began
        self.stepping.finish()
        history.stopped = ended.reason
        if ended.reason == "done":
            history.stopped = "epochs" if training.steps is None else "steps"
        diverged, tensor = ended.reason == "diverged", ""
        try:
            if diverged:
                tensor = misfit.explain_divergence(training.module, self.asked.x, self.asked.y)
        finally:
            history.best_epoch = ended.restore_best()
        if diverged:
            kept = f"The best parameters (epoch {history.best_epoch}) were kept. "
            self.diverged = error(
                "E317",
                step=len(history.loss),
                loss=history.loss[-1],
                tensor=tensor,
                kept=kept if history.best_epoch else "",
                lr=float(training.optimizer.param_groups[0]["lr"]),
                history=history,
            )
            return
        if training.patience and not history.best_epoch and history.validation:
            advise([notice("W323")])
        misuse.remember_gradients(training.module)


def run_all(
    runs: Sequence[Run],
    interruption: Callable[[], str],
    threads: int,
    report: Callable[[], None] = lambda: None,
) -> None:
    """Run each to its end, on the native engine where it can.

    No module changes before Vetro has read all trainings; the first ones already advance meanwhile.
    interruption: why all are to end, "" if they go on.  threads: of the native engine, 0 for all
    cores.  report: called when those that run together have ended, and after each of the others.
    """
    watching = _Watching(interruption)
    with ExitStack() as schedules:
        for run in runs:
            run.stepping = run.asked.stepping()
            schedules.callback(run.stepping.finish)
        jobs = watching.jobs(runs)
        if why_not_native():
            list(jobs)  # there is none: each run has the reason
        else:
            with suppress(KeyboardInterrupt):
                NativeEngine(threads).run(jobs, watching, len(runs))
        watching.conclude()
        if watching.doors:
            report()
        for run in runs:
            if run.door is None:
                if not interruption():
                    run.run_apart(interruption, threads)
                    report()
                run.history.stopped = run.history.stopped or interruption()


class _Watching:
    """The native engine's watch over the runs that it understands, in the order of their jobs."""

    def __init__(self, interruption: Callable[[], str]) -> None:
        self.interruption = interruption
        self.doors: list[tuple[NativeDoor, Run]] = []

    def jobs(self, runs: Sequence[Run]) -> Iterator[Job]:
        """The jobs, each prepared when it is asked for."""
        for run in runs:
            door = run.open_door()
            if door is not None:
                self.doors.append((door, run))
                yield door.job

    def begins(self, running: NativeRun) -> bool:
        return self.doors[running.number][0].begins(running)

    def told(self, running: NativeRun) -> str:
        return self.doors[running.number][0].told(running)

    def ends(self, running: NativeRun, stopped: str) -> None:
        door, run = self.doors[running.number]
        door.ends(running, stopped)
        if run.tick is None:
            run.end(door.ended())

    def conclude(self) -> None:
        """Leave to torch what was misread.  A caller who follows the steps hears of the last one
        before the best parameters come back, unless an error has ended all."""
        for door, run in self.doors:
            if door.doubt:
                run.leave_to_torch(door.doubt)
            elif run.tick is not None:
                if door.reason != "diverged":
                    run.tick(len(run.history.loss))
                run.end(door.ended())
