"""The PyTorch door on the torch engine: any module, loss and optimizer, to the last bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from vetro.engines.torch_loop import Loop, run
from vetro.training import misfit
from vetro.training.arguments import Request
from vetro.training.best import Best, evaluate
from vetro.training.ending import Ended
from vetro.training.history import History
from vetro.training.stepping import Stepping

Tick = Callable[[int], bool]


def run_in_torch(asked: Request, history: History, stepping: Stepping, tick: Tick | None) -> Ended:
    """Run the plain loop."""
    history.engine = "torch"
    training = asked.training
    module, loss, optimizer = training.module, training.loss, training.optimizer
    best = None if training.patience is None else Best(module, training.patience)

    def after_epoch() -> str:
        history.learning_rate.append(float(optimizer.param_groups[0]["lr"]))
        score = None
        if asked.held_out is not None:
            score = evaluate(module, loss, *asked.held_out)
            history.validation.append(score)
        stepping.end_epoch(score)
        if best is None or score is None or best.consider(len(history.validation), score):
            return ""
        return "patience"

    def restore_best() -> int:
        if best is None:
            return 0
        best.restore()
        return best.epoch

    loop = Loop(
        module=module,
        loss=loss,
        optimizer=optimizer,
        x=asked.x,
        y=asked.y,
        steps=asked.total,
        batch_size=training.batch_size,
        shuffle=training.shuffle,
        generator=training.generator,
        given=None
        if asked.given is None
        else torch.tensor(asked.given, dtype=torch.long, device=asked.x.device),
        clip=_clip(asked),
        first_loss=lambda x, y: judged_loss(asked, x, y)[0],
        after_step=stepping.every_step,
        after_epoch=after_epoch,
        tick=tick,
    )
    with explaining(asked, history.loss):
        reason = run(loop, history.loss)
    return Ended(reason, restore_best)


def judged_loss(asked: Request, x_batch: Tensor, y_batch: Tensor) -> tuple[Tensor, Tensor]:
    """The loss of a first batch, looked at whether all fits together, and the output."""
    module, loss = asked.training.module, asked.training.loss
    output = module(x_batch)
    misfit.check_output(loss, output, y_batch, asked.y)
    value = loss(output, y_batch)
    misfit.check_loss(loss, value, output, y_batch)
    return value, output


@contextmanager
def explaining(asked: Request, losses: Sequence[float] = ()) -> Iterator[None]:
    """What PyTorch raises in the first step is explained where its cause is known."""
    training = asked.training
    try:
        yield
    except (RuntimeError, TypeError, ValueError, IndexError) as caught:
        explained = None
        if len(losses) < 2:
            explained = misfit.explain(caught, training.module, training.loss, asked.x, asked.y)
        if explained is None:
            raise
        raise explained from caught


def _clip(asked: Request) -> Callable[[], None] | None:
    norm, value = asked.training.clip_norm, asked.training.clip_value
    if norm is None and value is None:
        return None
    parameters = list(asked.training.module.parameters())

    def clip() -> None:
        if norm is not None:
            clip_grad_norm_(parameters, norm)
        if value is not None:
            clip_grad_value_(parameters, value)

    return clip
