"""Jobs of second-order solvers, as an engine: a thread for each job, and the native core inside.

The jobs are those of engines/job.py, with a SolverRule in place of update rules.  Prediction is
that of the engine behind it.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from vetro.engines import ticks
from vetro.engines.engine import Engine, Predictor, Running, Watch
from vetro.engines.gradients import NativeGradients
from vetro.engines.job import Divergence, Epoch, Job, Outcome, Rows, TrainingState, Vector
from vetro.engines.native_core import core
from vetro.engines.squares import NativeSquares, divisor_of
from vetro.networks.lowered import LoweredNetwork
from vetro.networks.solvers import OF_SQUARES, SolverRule
from vetro.training.bayesian import Bayesian
from vetro.training.solvers import of_gradients, of_squares
from vetro.training.solving import Solving

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SolverEngine:
    """Trains by solvers.  behind: the engine that predicts; its name and version are this one's.

    threads: the most to use, 0 for all cores; no bit depends on them.
    """

    behind: Engine
    threads: int = 0

    together = True

    @property
    def name(self) -> str:
        return self.behind.name

    @property
    def version(self) -> str:
        return self.behind.version

    def predictor(self, network: LoweredNetwork, parameters: Vector) -> Predictor:
        """See Engine.predictor."""
        return self.behind.predictor(network, parameters)

    def run(self, jobs: Iterable[Job], watch: Watch[Running], many: int = 1) -> None:
        """Train the jobs side by side; see Engine.run."""
        threads = self.threads or core().cores()
        each = max(1, threads // max(1, many))
        runs = [SolverRun(number, job, each) for number, job in enumerate(jobs)]
        ended: set[int] = set()

        def end(run: SolverRun, reason: str) -> None:
            if run.number not in ended:
                ended.add(run.number)
                watch.ends(run, reason)

        with ThreadPoolExecutor(threads) as pool:
            flying: dict[Future[str], SolverRun] = {pool.submit(run.advance): run for run in runs}
            try:
                while flying:
                    landed, _ = wait(flying, ticks.TICK_SECONDS, FIRST_COMPLETED)
                    why = watch.interruption()
                    for future in landed:
                        run, reason = flying.pop(future), future.result()
                        if not run.begun:
                            run.begun = True
                            if not watch.begins(run):
                                ended.add(run.number)
                                continue
                        if not reason:
                            reason = watch.told(run) or why
                        if reason:
                            end(run, "epochs" if reason == "done" else reason)
                        else:
                            flying[pool.submit(run.advance)] = run
            finally:
                wait(flying)
                for run in runs:
                    end(run, "interrupted")


class SolverRun:
    """A job while it runs."""

    def __init__(self, number: int, job: Job, threads: int) -> None:
        assert isinstance(job.update, SolverRule)
        self.number, self.job, self._rule = number, job, job.update
        self._parameters = np.array(job.parameters, dtype=np.float64)
        self.begun = False
        self._told: list[Epoch] = []
        held = job.resume
        start = self._learning() if held is None else np.array(held.arrays["parameters"])
        rule = self._rule
        objective = self._objective(job.training, threads)
        if rule.kind in OF_SQUARES:
            assert isinstance(objective, NativeSquares)
            solver = of_squares(rule, objective, start)
        else:
            assert isinstance(objective, NativeGradients)
            solver = of_gradients(rule, objective, start)
        validation = job.validation
        judge = None if validation is None else self._objective(validation, threads).value
        self.solving = Solving(solver, job.course.stopping, judge)
        if held is not None:
            self.solving.restore(held)

    @property
    def share(self) -> float:
        """See Running."""
        return self.solving.steps / self.job.course.stopping.steps

    def advance(self) -> str:
        """Take steps for about a tick; the reason of the end, "" if it goes on."""
        until, reason = perf_counter() + ticks.TICK_SECONDS, ""
        solving = self.solving
        if solving.steps >= self.job.course.stopping.steps:
            return "done"
        while not reason and perf_counter() < until:
            reason = solving.advance()
            self._told.append(
                Epoch(
                    solving.steps,
                    solving.solver.value,
                    solving.score,
                    1.0,
                    solving.best_epoch == solving.steps,
                )
            )
            if not np.isfinite(solving.solver.value):
                return "diverged"
        return reason

    def new_epochs(self) -> list[Epoch]:
        """See Running."""
        told, self._told = self._told, []
        return told

    def state(self) -> TrainingState:
        """See Running."""
        return self.solving.state()

    def outcome(self, stopped: str) -> Outcome:
        """See Running."""
        solving = self.solving
        divergence = None
        if stopped == "diverged":
            divergence = Divergence(solving.steps, 1, solving.solver.value, "the loss itself")
        dtype = np.dtype(self.job.network.dtype)
        return Outcome(
            self._whole(solving.best).astype(dtype),
            solving.best_epoch,
            solving.best_score,
            solving.steps,
            stopped,
            divergence,
            solving.solver.regularisation if isinstance(solving.solver, Bayesian) else None,
        )

    def _objective(self, rows: Rows, threads: int) -> NativeSquares | NativeGradients:
        job = self.job
        if self._rule.kind in OF_SQUARES:
            divisor = divisor_of(rows, job.network.outputs, job.loss, row_mean=job.row_mean)
            return NativeSquares(
                job.network, self._parameters, rows, divisor, self._rule.ranges, threads
            )
        return NativeGradients(
            job.network,
            self._parameters,
            rows,
            job.loss,
            self._rule.ranges,
            threads,
            row_mean=job.row_mean,
        )

    def _learning(self) -> Floats:
        return np.concatenate([self._parameters[begin:end] for begin, end in self._rule.ranges])

    def _whole(self, w: Floats) -> Floats:
        whole, place = self._parameters.copy(), 0
        for begin, end in self._rule.ranges:
            whole[begin:end] = w[place : place + end - begin]
            place += end - begin
        return whole
