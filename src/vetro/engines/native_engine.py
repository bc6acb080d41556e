"""The native engine: trains and predicts the networks of tables in the compiled core.

native_loop.py does this for the PyTorch door.  Networks run in parallel, one per thread, each for
a window of whole epochs at a time.  No bit depends on the windows or on the threads.
"""

from __future__ import annotations

import math
import os
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vetro.engines.engine import (
    Divergence,
    Epoch,
    Job,
    Matrix,
    OnEpochs,
    Outcome,
    Plan,
    Rows,
    TrainingState,
)
from vetro.engines.native_core import core
from vetro.engines.native_program import program_of
from vetro.engines.native_records import state_arrays, state_counters, state_of
from vetro.networks.lowered import lower_network
from vetro.networks.network import Network

if TYPE_CHECKING:
    from vetro.engines.native_core import _native

# A window runs between two checks of progress, limits and signals.
WINDOW_SECONDS = 0.05
# The most row numbers in a window.
_MOST_ORDER = 4_000_000
_MOST_EPOCHS = 4096
_MOST_PREDICTORS = 64
_ADAM_BETA = 0.9


class NativeEngine:
    """Trains on the CPU; threads: the most to use, 0 for all cores."""

    name = "native"
    version = version("vetro")
    together = True

    def __init__(self, threads: int = 0) -> None:
        self._threads = threads or _cores()

    def train(self, jobs: Sequence[Job], on_epochs: OnEpochs) -> list[Outcome]:
        """Train the jobs side by side; see engine.Plan for the batch order."""
        workers = max(1, min(self._threads, len(jobs)))
        runs = [_Run(number, job, self._threads // workers) for number, job in enumerate(jobs)]
        outcomes: dict[int, Outcome] = {}
        waiting, running = deque(runs), dict[Future[str], _Run]()
        pool = ThreadPoolExecutor(workers, thread_name_prefix="vetro")
        try:
            while waiting or running:
                while waiting and len(running) < workers:
                    run = waiting.popleft()
                    reason = "" if run.begun else on_epochs(run.number, [], run.state)
                    if reason:
                        outcomes[run.number] = run.outcome(reason)
                    else:
                        running[pool.submit(run.window)] = run
                # Without a limit the wait would keep signals from being handled.
                ended, _ = wait(running, timeout=0.1, return_when=FIRST_COMPLETED)
                for future in ended:
                    run = running.pop(future)
                    stopped = run.tell(future.result(), on_epochs)
                    if stopped:
                        outcomes[run.number] = run.outcome(stopped)
                    else:
                        waiting.append(run)
        finally:
            for run in runs:
                run.ending = True
            pool.shutdown(cancel_futures=True)
        return [outcomes[number] for number in range(len(runs))]

    def predict(self, network: Network, parameters: Matrix, x: Matrix) -> Matrix:
        """Outputs (rows, outputs) of the network in its own scale, before any softmax."""
        predictor = _predictor(network, parameters, self._threads)
        return predictor(np.ascontiguousarray(x, dtype=np.float32))


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


@lru_cache(maxsize=64)
def _program(network: Network, one_hot: tuple[tuple[int, int], ...] = ()) -> _native.Program:
    return program_of(lower_network(network), one_hot=one_hot)


_PREDICTORS: OrderedDict[tuple[Network, bytes, int], _native.Predictor] = OrderedDict()


def _predictor(network: Network, parameters: Matrix, threads: int) -> _native.Predictor:
    """The predictor of a network with these numbers, made once for the last few."""
    key = (network, parameters.tobytes(), threads)
    if key in _PREDICTORS:
        _PREDICTORS.move_to_end(key)
        return _PREDICTORS[key]
    vector = np.ascontiguousarray(parameters, dtype=np.float32)
    predictor = core().Predictor(_program(network), vector, threads)
    _PREDICTORS[key] = predictor
    while len(_PREDICTORS) > _MOST_PREDICTORS:
        _PREDICTORS.popitem(last=False)
    return predictor


class _Run:
    """One network in training: its trainer, and the windows that it runs."""

    def __init__(self, number: int, job: Job, threads: int) -> None:
        self.number, self.plan = number, job.plan
        plan = self.plan
        self.rows = len(job.training)
        self.batches = math.ceil(self.rows / plan.batch_size)  # an epoch
        self.trainer = core().Trainer(
            _program(plan.network, plan.one_hot),
            np.ascontiguousarray(job.initial, dtype=np.float32),
            core().Rows(*_arrays(plan, job.training)),
            _loss(plan),
            _optimizer(plan),
            core().Settings(
                batch_size=plan.batch_size,
                total_steps=plan.epochs * self.batches,
                patience=plan.patience,
                keep_best=True,
                clip_norm=plan.clip_norm,
                plateau=plan.plateau,
                threads=threads,
                seed=plan.seed % 2**64,
                finite=False,
                measured=[
                    (slot.offset, slot.offset + slot.size) for slot in plan.network.weight_slots
                ],
            ),
            core().Rows(*_arrays(plan, job.validation)) if job.validation else None,
        )
        if job.resume is not None:
            self.trainer.set_state(state_of(job.resume.arrays, job.resume.numbers))
        self.before = self.epoch = self.trainer.epochs
        self.steps_before = self.trainer.steps
        self.epochs_a_window = 1
        self.begun = self.ending = False
        self.divergence: Divergence | None = None

    def window(self) -> str:
        """Run the next epochs to their end; returns the trainer's status."""
        self.begun = True
        began = time.monotonic()
        epochs = min(self.epochs_a_window, self.plan.epochs - self.epoch)
        if epochs:
            self.trainer.feed(_order(self.plan, self.rows, self.epoch, epochs), self._rates(epochs))
        status = "time"
        while status == "time" and not self.ending:
            status = self.trainer.advance(WINDOW_SECONDS)
        faster = WINDOW_SECONDS / max(time.monotonic() - began, 1e-6)
        most = max(1, min(_MOST_EPOCHS, _MOST_ORDER // self.rows))
        self.epochs_a_window = max(1, min(int(self.epochs_a_window * min(faster, 4.0)), most))
        return status

    def _rates(self, epochs: int) -> NDArray[np.float64]:
        """(steps, 1, 2): learning rate, and momentum or beta1, of the next steps."""
        plan = self.plan
        rates = np.empty((epochs, self.batches, 1, 2))
        factors = plan.rate_factors[self.epoch : self.epoch + epochs]
        rates[..., 0] = (plan.learning_rate * factors)[:, None, None]
        rates[..., 1] = _ADAM_BETA if plan.optimizer in ("adam", "adamw") else plan.momentum
        return rates.reshape(-1, 1, 2)

    def tell(self, status: str, on_epochs: OnEpochs) -> str:
        """Report the epochs of the window that has just ended; returns why training ends, or ""."""
        ended = self.trainer.epochs_from(self.epoch - self.before)
        epochs = [_epoch(number, one) for number, one in enumerate(ended, self.epoch + 1)]
        self.epoch += len(epochs)
        ends = {"done": "epochs", "patience": "patience", "diverged": "diverged"}.get(status, "")
        if ends:
            self.divergence = self._diverged(status)
            ends = "diverged" if self.divergence else ends
        reason = on_epochs(self.number, epochs, self.state) if epochs else ""
        return ends or reason

    def _diverged(self, status: str) -> Divergence | None:
        """Where the loss or the last update stopped being finite; None if both are finite."""
        parameters = self.trainer.parameters()
        views = self.plan.network.views(parameters)
        bad = next((name for name, view in views.items() if not np.isfinite(view).all()), "")
        if status != "diverged" and not bad:
            return None
        done = self.trainer.steps
        loss = float(self.trainer.losses(0)[-1]) if done > self.steps_before else math.nan
        place = done if status == "diverged" else done - 1
        epoch, batch = divmod(place, self.batches)
        return Divergence(epoch + 1, batch + 1, loss, bad or "the loss itself")

    def state(self) -> TrainingState:
        """The state from which a later run continues with the same bits."""
        state = self.trainer.state()
        return TrainingState(state_arrays(state), {**state_counters(state), "epoch": self.epoch})

    def outcome(self, stopped: str) -> Outcome:
        best, epoch = self.trainer.best(), self.trainer.best_epoch
        if not np.isfinite(best).all():  # the last update of the best epoch overflowed
            epoch = 0
        return Outcome(best, epoch, self.trainer.best_score, self.epoch, stopped, self.divergence)


def _order(plan: Plan, rows: int, first: int, epochs: int) -> NDArray[np.int32]:
    """The rows of the epochs from `first` on, one permutation after the other."""
    order = np.empty((epochs, rows), dtype=np.int32)
    for number in range(epochs):
        order[number] = np.random.default_rng((plan.seed, first + number)).permutation(rows)
    return order.reshape(-1)


def _arrays(plan: Plan, rows: Rows) -> tuple[Matrix, NDArray[Any], Matrix | None]:
    """x, y and row weights as the core takes them."""
    x, weights = np.ascontiguousarray(rows.x, dtype=np.float32), rows.weights
    if plan.loss == "cross_entropy":
        return x, np.ascontiguousarray(rows.y, dtype=np.int64), _contiguous(weights)
    if plan.loss != "bce":
        return x, np.ascontiguousarray(rows.y, dtype=np.float32), _contiguous(weights)
    if plan.class_weights is not None:
        chosen = plan.class_weights[rows.y]
        weights = chosen if weights is None else chosen * weights
    return x, rows.y.astype(np.float32).reshape(-1, 1), _contiguous(weights)


def _contiguous(weights: Matrix | None) -> Matrix | None:
    return None if weights is None else np.ascontiguousarray(weights, dtype=np.float32)


def _loss(plan: Plan) -> _native.Loss:
    """The loss with torch's own defaults; bce's class weights are in the weights of the rows."""
    scale = 1.0 if plan.loss in ("smooth_l1", "huber") else 0.0  # beta, delta
    weights = plan.class_weights if plan.loss == "cross_entropy" else None
    return core().Loss(plan.loss, a=scale, class_weights=_contiguous(weights))


def _optimizer(plan: Plan) -> _native.Optimizer:
    """One group of all parameters; settings without a name have torch's default."""
    group = core().Group(momentum=plan.momentum, weight_decay=plan.weight_decay)
    every = core().Range(0, plan.network.parameter_count)
    return core().Optimizer(plan.optimizer, [group], [every])


def _epoch(number: int, ended: _native.Epoch) -> Epoch:
    validation = ended.training if ended.validation is None else ended.validation
    return Epoch(
        number=number,
        training=ended.training,
        validation=validation,
        learning_rate=ended.learning_rate,
        best=ended.best,
        weights=ended.weights,
        gradients=ended.gradients,
    )
