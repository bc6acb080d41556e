"""The plain PyTorch loop over the user's own module, loss and optimizer.

It does the same as a loop written by hand, in the same order, so it leaves the same bits:
zero_grad, forward, loss, backward, step.  It checks no argument (arguments.py), and calls a given
function between epochs.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn

from vetro.engines import ticks
from vetro.engines.job import Clipping
from vetro.engines.torch_batches import Batches, Rows
from vetro.networks.pristine import made_by_torch

Compute = Callable[..., Tensor]
"""The loss of a batch: of x, y and, where rows have weights, those."""


def _goes_on(step: int) -> bool:
    return True


def _nothing() -> str:
    return ""


@dataclass(frozen=True)
class Loop:
    """One run of the loop.

    loss: of the output, y and perhaps weights.  batches: where rows come from.  steps: optimizer
    steps.  whole_epochs: whether an epoch's batches are run to their end also after the last step.
    clip: called between backward and step, to limit the gradients.  first_loss: computes the
    loss of the first step from its rows, where the door checks the outputs; other steps compute
    loss(module(x), y).  after_step: called after every step.  after_epoch: called after the last
    batch of every epoch, and after the last step; returns "" to go on, or the reason to stop.
    by_epochs: fetch the losses at the end of an epoch, where they are needed; an epoch is then
    run to its end also after a loss that is not finite.  tick: called with the number of steps done
    about every TICK_SECONDS; False stops.  interruption: asked between two steps; the reason to
    stop, "" to go on.
    """

    module: nn.Module
    loss: Compute
    optimizer: torch.optim.Optimizer
    batches: Batches
    steps: int
    whole_epochs: bool = False
    clip: Callable[[], None] | None = None
    first_loss: Compute | None = None
    after_step: Callable[[], None] | None = None
    after_epoch: Callable[[], str] = _nothing
    by_epochs: bool = False
    tick: Callable[[int], bool] = _goes_on
    interruption: Callable[[], str] = _nothing


def run(loop: Loop, losses: list[float]) -> str:
    """Run the loop; append the loss of every step to `losses`, as it was before the update.

    Returns why it ended: "done", "interrupted" (`tick` returned False), "diverged" (a loss is not
    finite), or the reason of `after_epoch` or `interruption`.  On the CPU a loss that is not finite
    ends the run before its update; elsewhere losses are fetched every TICK_SECONDS, and up to
    that time's steps follow it.
    """
    pending: list[Tensor] = []
    reason = "interrupted"
    try:
        reason = _run(loop, losses, pending)
    finally:
        if not _fetch(pending, losses):
            reason = "diverged"
    return reason


def _run(loop: Loop, losses: list[float], pending: list[Tensor]) -> str:
    module, loss, optimizer = loop.module, loop.loss, loop.optimizer

    def later_loss(x: Tensor, *rest: Tensor) -> Tensor:
        return loss(module(x), *rest)

    compute = loop.first_loss or later_loss
    takes_closure = _needs_closure(optimizer)
    zero_grad = _zero_grad(optimizer)
    step = 0
    next_tick = perf_counter() + ticks.TICK_SECONDS
    while step < loop.steps:
        rows, last_of_epoch = loop.batches.draw()
        if takes_closure:
            value = _closure_step(optimizer, compute, loop.clip, rows)
            if not _record(value, losses, pending):
                return "diverged"
        else:
            zero_grad()
            value = compute(*rows)
            if loop.by_epochs:
                pending.append(value.detach())
            elif not _record(value, losses, pending):
                return "diverged"
            value.backward()  # type: ignore[no-untyped-call]
            if loop.clip is not None:
                loop.clip()
            optimizer.step()
        compute = later_loss
        step += 1
        if last_of_epoch and (loop.whole_epochs or step < loop.steps):
            loop.batches.finish()
        if loop.after_step is not None:
            loop.after_step()
        if last_of_epoch or step == loop.steps:
            if loop.by_epochs and not _fetch(pending, losses):
                return "diverged"
            stop = loop.after_epoch()
            if stop:
                return stop
        if perf_counter() >= next_tick and not loop.by_epochs:
            if not _fetch(pending, losses):
                return "diverged"
            if not loop.tick(step):
                return "interrupted"
            next_tick = perf_counter() + ticks.TICK_SECONDS
        stop = loop.interruption()
        if stop:
            return stop
    return "done"


def clipping(limits: Clipping, module: nn.Module) -> Callable[[], None] | None:
    """What limits the gradients between backward and step; None for nothing."""
    if not limits.norm and not limits.value:
        return None
    parameters = list(module.parameters())

    def clip() -> None:
        if limits.norm:
            nn.utils.clip_grad_norm_(parameters, limits.norm)
        if limits.value:
            nn.utils.clip_grad_value_(parameters, limits.value)

    return clip


def _record(value: Tensor, losses: list[float], pending: list[Tensor]) -> bool:
    """Keep a step's loss; False if it is known not to be finite.

    A CPU tensor gives its number at once; asking an accelerator would wait for it.
    """
    if value.device.type != "cpu":
        pending.append(value.detach())
        return True
    number = value.item()
    losses.append(number)
    return math.isfinite(number)


def _fetch(pending: list[Tensor], losses: list[float]) -> bool:
    """Move an accelerator's losses to the list, up to the first that is not finite."""
    if not pending:
        return True
    numbers = torch.stack([value.reshape(()) for value in pending]).tolist()
    pending.clear()
    for number in numbers:
        losses.append(number)
        if not math.isfinite(number):
            return False
    return True


def _zero_grad(optimizer: torch.optim.Optimizer) -> Callable[[], None]:
    """optimizer.zero_grad(), without the profiler's record that torch makes of it.

    The record costs more than the work: 3% of a small network's step.
    """
    base: Any = torch.optim.Optimizer
    own = "zero_grad" in vars(optimizer) or type(optimizer).zero_grad is not base.zero_grad
    if own or not made_by_torch(base.zero_grad, "zero_grad"):
        return optimizer.zero_grad

    def forget() -> None:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    return forget


def _needs_closure(optimizer: torch.optim.Optimizer) -> bool:
    """Whether step() needs a closure, as in torch.optim.LBFGS."""
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    return closure is not None and closure.default is inspect.Parameter.empty


def _closure_step(
    optimizer: torch.optim.Optimizer,
    compute: Compute,
    clip: Callable[[], None] | None,
    rows: Rows,
) -> Tensor:
    """One step of an optimizer that evaluates the loss itself; the first value it had."""
    first: list[Tensor] = []

    def closure() -> Any:
        optimizer.zero_grad()
        value = compute(*rows)
        value.backward()  # type: ignore[no-untyped-call]
        if clip is not None:
            clip()
        first.append(value)
        return value

    optimizer.step(closure)
    return first[0]
