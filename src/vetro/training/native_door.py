"""The PyTorch door on the native engine.

It reads the module, the loss and the optimizer, or says why it cannot (NotUnderstood).  The
module's own forward on the first batch shows whether it read them correctly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from time import perf_counter

import torch
from torch import Tensor

from vetro.engines import ticks
from vetro.engines.best import evaluating
from vetro.engines.explain import NativeTask, active_dropout, understand
from vetro.engines.interruption import INTERRUPTED
from vetro.engines.job import Clipping, Course, Job, Stopping
from vetro.engines.native_engine import NativeEngine
from vetro.engines.native_run import NativeRun
from vetro.engines.native_session import NativeSession
from vetro.engines.native_sight import Owners
from vetro.engines.orders import Order
from vetro.networks.lower_module import check_validation
from vetro.networks.refusal import NotUnderstood
from vetro.training.ahead import Ahead
from vetro.training.arguments import Request
from vetro.training.held_out import check_held_out
from vetro.training.history import Ended, History
from vetro.training.stepping import Stepping
from vetro.training.torch_door import Tick, explaining, judged_loss

UNDERSTOOD = "the native engine understands the module, the loss and the optimizer"

_AGREE = {torch.float32: 1e-3, torch.float64: 1e-9}
"""The largest relative difference of the first loss: far above rounding errors, and far below
the difference that a misreading makes."""

_WITNESSES = 64
"""Rows whose outputs are compared instead of the loss, if dropout's masks make losses differ."""

_FEW_ROWS = 512


class NativeDoor:
    """A training, understood and ready: its job, and what follows from the job's steps.

    steps: done so far, as last told.  reason: why it ended, "" before.  doubt: why the native
    engine has misread the module, "" if it has not.
    """

    def __init__(
        self,
        asked: Request,
        history: History,
        stepping: Stepping,
        tick: Tick | None = None,
        *,
        forced: bool = False,
    ) -> None:
        training = asked.training
        self._history, self._tick = history, tick
        self._patience = training.patience
        self._validated = asked.held_out is not None
        order = asked.order
        inputs = asked.x.shape[1] if asked.x.dim() == 2 else None

        def understood() -> NativeTask:
            task = understand(training.module, training.loss, training.optimizer, inputs)
            dropped = active_dropout(task.lowering)
            if dropped and not forced:
                raise NotUnderstood(dropped)
            if asked.held_out is not None:
                check_validation(training.module, task.lowering)
            return task

        task = understood()
        self._drops = bool(active_dropout(task.lowering))
        if training.generator is not None and training.generator.device.type != "cpu":
            raise NotUnderstood("the generator is not the CPU's")
        if any(tensor.layout is not torch.strided for tensor in asked.tensors):
            raise NotUnderstood("x or y is sparse")
        with explaining(asked):
            check_held_out(asked)
        self._expected, self._slack = _witness(asked, order, self._drops)
        self.steps = 0
        self.reason = self.doubt = ""
        seed = int(torch.randint(2**62, (), device="cpu")) if self._drops else 0
        owners = Owners(training.module, training.loss, training.optimizer)
        self._session = NativeSession(understood, owners, asked.tensors, asked.held_out)
        rates = Ahead(
            stepping,
            training.optimizer,
            history.learning_rate,
            steps_an_epoch=asked.steps_an_epoch,
            total=asked.total,
            watched=self._session.watched,
        )
        patient = training.patience is not None
        stopping = Stopping(asked.total, training.patience or 0, keep_best=patient)
        clipping = Clipping(training.clip_norm or 0.0, training.clip_value or 0.0)
        self.job = self._session.job(task, Course(order, rates, stopping, clipping, seed))
        if self._drops:
            _compare_outputs(asked, self.job)
        self._next_tick = perf_counter() + ticks.TICK_SECONDS
        pace = str(stepping.pace)
        history.engine, history.reason = "native", f"{UNDERSTOOD}; {pace}" if pace else UNDERSTOOD

    def begins(self, running: NativeRun) -> bool:
        """Whether the trainer's first loss is that of the module's own forward."""
        self._session.run = running
        return self._agrees(float(running.trainer.losses(0)[0]))

    def told(self, running: NativeRun) -> str:
        """Complete the history where a window ends; every tick, ask the caller to go on."""
        self.steps = running.steps
        due = self._tick is not None and perf_counter() >= self._next_tick
        if due or running.hungry:
            self._take_in(running)
        if due:
            steps = running.steps
            goes_on = self._session.watched(lambda: self._tick is None or self._tick(steps))
            self._next_tick = perf_counter() + ticks.TICK_SECONDS
            return "" if goes_on is not False else INTERRUPTED
        return ""

    def ends(self, running: NativeRun, stopped: str) -> None:
        """Complete the history, and write all into the user's objects."""
        self._session.run = running
        self.steps = running.steps
        self.reason = "done" if stopped == "epochs" else stopped
        waited = running.trainer.epochs - running.trainer.best_epoch
        if self.reason == "done" and self._patience and waited >= self._patience:
            self.reason = "patience"
        diverged = stopped == "diverged"
        try:
            self._take_in(running, diverged)
        finally:
            self._session.write_back(gradients=not diverged)

    def _take_in(self, running: NativeRun, diverged: bool = False) -> None:
        history = self._history
        history.loss.extend(running.new_losses())
        epochs = running.new_epochs() if self._validated else []
        scores = [epoch.validation for epoch in epochs]
        history.validation.extend(scores)
        running.settle(scores, diverged)

    def _agrees(self, first: float) -> bool:
        expected = self._expected
        if self._drops or not (math.isfinite(first) or math.isfinite(expected)):
            return True
        if abs(first - expected) <= self._slack:
            return True
        self.doubt = (
            f"the first loss is {expected:.9g} by the module's own forward and {first:.9g} by the "
            "native engine, so the native engine has misread the module"
        )
        return False

    def ended(self) -> Ended:
        """How the training ended."""

        def restore_best() -> int:
            self._session.write_best()
            return int(self._session.run.trainer.best_epoch)

        patient = self._patience is not None
        return Ended(self.reason, restore_best if patient else lambda: 0)


def _witness(asked: Request, order: Order, drops: bool) -> tuple[float, float]:
    """The first step's loss by the module's own forward, and how much the trainer's may differ.

    Rounding of the outputs changes a loss near 0 by more than the rounding of the loss itself;
    the allowed difference covers both.  With dropout the forward runs in eval mode: this shows
    the same mistakes in the arguments, although the loss is another one.
    """
    rows = order.take(0, 1)
    order.commit(0, 0)
    chosen: slice | Tensor = slice(order.batch_size)
    if rows is not None:
        chosen = torch.from_numpy(rows).long()
    x, y, *weights = (tensor[chosen] for tensor in asked.tensors)
    module = asked.training.module
    with explaining(asked), threads_for(len(x)), evaluating(module) if drops else nullcontext():
        value, output = judged_loss(asked, x, y, *weights)
    expected = float(value.detach())
    size = float(output.detach().abs().max())
    if weights:
        size *= max(1.0, float(weights[0].max()))
    if getattr(asked.training.loss, "reduction", "mean") == "sum":
        size *= output.numel()
    share = _AGREE[output.dtype]
    return expected, share * abs(expected) + 1e3 * torch.finfo(output.dtype).eps * size


@contextmanager
def threads_for(rows: int) -> Iterator[None]:
    """Let torch use one thread for few rows: to wake the others costs more than they save."""
    threads = torch.get_num_threads()
    if rows <= _FEW_ROWS:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _compare_outputs(asked: Request, job: Job) -> None:
    """NotUnderstood if the native outputs without dropout differ from the module's in eval mode."""
    x = asked.x[:_WITNESSES]
    module = asked.training.module
    with evaluating(module), torch.no_grad(), threads_for(len(x)):
        expected = module(x)
    predictor = NativeEngine(threads=1).predictor(job.network, job.parameters)
    found = torch.from_numpy(predictor(x.contiguous().numpy())).view_as(expected)
    slack = _AGREE[x.dtype] * float(expected.abs().max())
    if not bool(((found - expected).abs() <= slack).all()):
        raise NotUnderstood(
            "the native engine's outputs differ from the module's own, so it has misread the module"
        )
