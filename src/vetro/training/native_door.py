"""The PyTorch door on the native engine.

It reads the module, the loss and the optimizer, or says why it cannot (NotUnderstood).  The
module's own forward on the first batch shows whether it read them correctly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor

from vetro.engines.explain import NativeTask, active_dropout, understand
from vetro.engines.native_core import core
from vetro.engines.native_loop import FIRST_WINDOW, NativeLoop, run
from vetro.engines.native_order import RowOrder
from vetro.engines.native_session import NativeSession
from vetro.engines.native_sight import Owners
from vetro.networks.lower_module import check_validation
from vetro.networks.refusal import NotUnderstood
from vetro.training.ahead import Ahead
from vetro.training.arguments import Request
from vetro.training.best import evaluating
from vetro.training.ending import Ended
from vetro.training.held_out import check_held_out
from vetro.training.history import History
from vetro.training.loaders import LoaderOrder
from vetro.training.stepping import Stepping
from vetro.training.torch_door import Tick, explaining, judged_loss

UNDERSTOOD = "the native engine understands the module, the loss and the optimizer"

_AGREE = {torch.float32: 1e-3, torch.float64: 1e-9}
"""The largest relative difference of the first loss: far above rounding errors, and far below
the difference that a misreading makes."""

_WITNESSES = 64
"""Rows whose outputs are compared instead of the loss, if dropout's masks make losses differ."""

_FEW_ROWS = 512


def run_natively(
    asked: Request,
    history: History,
    stepping: Stepping,
    tick: Tick | None,
    *,
    forced: bool,
    threads: int,
) -> Ended:
    """Run the native loop; NotUnderstood, with nothing changed, if it cannot.

    forced: run also with dropout, whose masks are then not torch's.
    """
    door = NativeDoor(asked, history, stepping, forced=forced, threads=threads)

    def watched(step: int) -> bool:
        assert tick is not None
        return door.session.watched(lambda: tick(step)) is not False

    reason = run(door.loop, door.agrees, door.write_back, None if tick is None else watched)
    if reason == "misread":
        del history.loss[:], history.validation[:], history.learning_rate[:]
        raise NotUnderstood(door.doubt)
    if tick is not None and reason != "diverged":
        tick(len(history.loss))
    return door.ended(reason)


class NativeDoor:
    """A training, understood and ready: its session with the trainer, and its loop."""

    def __init__(
        self,
        asked: Request,
        history: History,
        stepping: Stepping,
        *,
        forced: bool = False,
        threads: int = 0,
        window: int = FIRST_WINDOW,
    ) -> None:
        training = asked.training
        self._patient = training.patience is not None
        if asked.loader is not None and asked.loader.reason:
            raise NotUnderstood(asked.loader.reason)
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
        order = _order(asked)
        rows = (asked.x, asked.y) if asked.weights is None else (asked.x, asked.y, asked.weights)
        if any(tensor.layout is not torch.strided for tensor in rows):
            raise NotUnderstood("x or y is sparse")
        with explaining(asked):
            check_held_out(asked)
        self._expected, self._slack = _witness(asked, order, self._drops)
        self.doubt = ""
        seed = int(torch.randint(2**62, ())) if self._drops else 0
        self.session = NativeSession(
            understood,
            task,
            Owners(training.module, training.loss, training.optimizer),
            rows,
            asked.held_out,
            core().Settings(
                batch_size=asked.batch_size,
                epoch_rows=order.epoch_rows,
                total_steps=asked.total,
                patience=training.patience or 0,
                keep_best=self._patient,
                clip_norm=training.clip_norm or 0.0,
                clip_value=training.clip_value or 0.0,
                threads=threads,
                seed=seed,
                finite=False,
            ),
        )
        if self._drops:
            _compare_outputs(asked, self.session)
        self.loop = NativeLoop(
            self.session,
            order,
            Ahead(
                stepping,
                training.optimizer,
                history.learning_rate,
                steps_an_epoch=asked.steps_an_epoch,
                total=asked.total,
                watched=self.session.watched,
            ),
            asked.total,
            history.loss,
            history.validation,
            validated=asked.held_out is not None,
            patience=training.patience or 0,
            window=window,
        )
        pace = str(stepping.pace)
        history.engine, history.reason = "native", f"{UNDERSTOOD}; {pace}" if pace else UNDERSTOOD

    def agrees(self, first: float) -> bool:
        """Whether the trainer's first loss is that of the module's own forward."""
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

    def write_back(self, reason: str) -> None:
        self.session.write_back(gradients=reason != "diverged")

    def ended(self, reason: str) -> Ended:
        def restore_best() -> int:
            self.session.write_best()
            return int(self.session.trainer.best_epoch)

        return Ended(reason, restore_best if self._patient else lambda: 0)


def _order(asked: Request) -> RowOrder | LoaderOrder:
    training = asked.training
    if asked.loader is not None:
        return LoaderOrder(asked.loader, asked.total, by_epochs=asked.by_epochs)
    return RowOrder(
        asked.rows,
        asked.batch_size,
        shuffle=training.shuffle,
        generator=training.generator,
        given=asked.given,
        drop_last=training.drop_last,
    )


def _witness(asked: Request, order: RowOrder | LoaderOrder, drops: bool) -> tuple[float, float]:
    """The first step's loss by the module's own forward, and how much the trainer's may differ.

    Rounding of the outputs changes a loss near 0 by more than the rounding of the loss itself;
    the allowed difference covers both.  With dropout the forward runs in eval mode: this shows
    the same mistakes in the arguments, although the loss is another one.
    """
    rows = order.take(1)
    order.commit(0, 0)
    chosen: slice | Tensor = slice(asked.batch_size)
    if rows is not None:
        chosen = torch.from_numpy(rows).long()
    x, y = asked.x[chosen], asked.y[chosen]
    weights = () if asked.weights is None else (asked.weights[chosen],)
    module = asked.training.module
    with explaining(asked), _threads(len(x)), evaluating(module) if drops else nullcontext():
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
def _threads(rows: int) -> Iterator[None]:
    """Let torch use one thread for few rows: to wake the others costs more than they save."""
    threads = torch.get_num_threads()
    if rows <= _FEW_ROWS:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _compare_outputs(asked: Request, session: NativeSession) -> None:
    """NotUnderstood if the native outputs without dropout differ from the module's in eval mode."""
    x = asked.x[:_WITNESSES]
    module = asked.training.module
    with evaluating(module), torch.no_grad(), _threads(len(x)):
        expected = module(x)
    predictor = core().Predictor(session.program, session.parameters, 1)
    found = torch.from_numpy(predictor(x.contiguous().numpy())).view_as(expected)
    slack = _AGREE[x.dtype] * float(expected.abs().max())
    if not bool(((found - expected).abs() <= slack).all()):
        raise NotUnderstood(
            "the native engine's outputs differ from the module's own, so it has misread the module"
        )
