"""Which engine would run, and why, in a sentence; and the task as the native engine takes it.

The engines themselves: native_engine.py and torch_loop.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from vetro.engines.native_core import why_not_native
from vetro.errors import error
from vetro.networks.losses.rule import LossRule
from vetro.networks.lower_module import Lowering, lower_module
from vetro.networks.pristine import check_rules
from vetro.networks.refusal import NotUnderstood
from vetro.networks.solvers import OF_SQUARES
from vetro.networks.torch_losses import describe_loss, loss_kind
from vetro.networks.torch_solvers import Solver
from vetro.networks.torch_updates import TorchUpdates, describe_optimizer
from vetro.notebook import ShownAsText

REASON = "the native engine has all parts of the module, the loss and the optimizer"
"""The reason for the native engine."""


@dataclass(frozen=True)
class NativeTask:
    """A module, a loss and an optimizer as the native engine takes them."""

    lowering: Lowering
    loss: LossRule
    optimizer: TorchUpdates


@dataclass(frozen=True)
class EngineChoice(ShownAsText):
    """engine: "native" or "torch".  reason: why, in a sentence.  str() is both."""

    engine: Literal["native", "torch"]
    reason: str

    def __str__(self) -> str:
        return f"{self.engine}: {self.reason}"


def understand(
    module: nn.Module,
    loss: Callable[..., Any],
    optimizer: torch.optim.Optimizer,
    inputs: int | None = None,
) -> NativeTask:
    """The task of all three; NotUnderstood with the reason, also if there is no native engine.

    inputs: the features of x, if known.
    """
    missing = why_not_native()
    if missing:
        raise NotUnderstood(missing)
    lowering = lower_module(module, inputs=inputs)
    check_rules(loss, optimizer)
    return NativeTask(
        lowering, describe_loss(loss, lowering), describe_optimizer(optimizer, module, lowering)
    )


def understand_squares(
    module: nn.Module, loss: Callable[..., Any], inputs: int | None = None
) -> tuple[Lowering, LossRule]:
    """A module and a loss as a solver takes them; NotUnderstood with the reason, also if there is
    no native engine."""
    missing = why_not_native()
    if missing:
        raise NotUnderstood(missing)
    lowering = lower_module(module, inputs=inputs)
    dropped = active_dropout(lowering)
    if dropped:
        raise NotUnderstood(dropped)
    return lowering, describe_loss(loss, lowering)


def check_solver(module: nn.Module, loss: Callable[..., Any], solver: Solver) -> None:
    """E604 for a loss that is no sum of squares where one is needed, and for dropout, whose loss is
    another in each step."""
    name = type(solver).__name__
    if solver.kind in OF_SQUARES and loss_kind(loss) != "mse":
        known = getattr(loss, "__name__", type(loss).__name__)
        raise error(
            "E604",
            what=f"{name} needs a sum of squares, and the loss {known} is none",
            fix="Use loss=nn.MSELoss(), or another optimizer.",
        )
    for where, part in module.named_modules():
        if isinstance(part, nn.modules.dropout._DropoutNd) and part.training and part.p > 0:
            raise error(
                "E604",
                what=f"{name} needs the same loss in every step, but {where or 'the module'} drops "
                "values at random",
                fix="Use module.eval(), or leave out dropout.",
            )


def active_dropout(lowering: Lowering) -> str:
    """Why the native engine cannot give torch's dropout masks; "" if nothing is dropped."""
    for operation in lowering.network.operations:
        if operation.kind == "dropout" and operation.numbers[0] > 0:
            return (
                f"{operation.where} is active, and its masks come from torch's generator, "
                'which the native engine does not imitate; engine="native" draws masks of its own'
            )
    return ""


def explain_engine(
    module: nn.Module, loss: Callable[..., Any], optimizer: torch.optim.Optimizer
) -> EngineChoice:
    """Which engine vetro.train(module, ..., loss=loss, optimizer=optimizer) takes, and why.

    The reason names the module and the line that decided it.  It assumes CPU rows (rows,
    features) of the module's dtype, and targets that fit the loss.  Nothing is changed or
    trained.
    """
    kinds = (("module", module, nn.Module), ("optimizer", optimizer, torch.optim.Optimizer))
    for argument, value, kind in kinds:
        if not isinstance(value, kind):
            raise error(
                "E601",
                argument=argument,
                value=getattr(value, "__name__", type(value).__name__),
                reason=f"it is not a {kind.__name__} object",
                fix="Give the same objects as to vetro.train().",
            )
    if isinstance(optimizer, Solver):
        return _explain_solver(module, loss, optimizer)
    try:
        task = understand(module, loss, optimizer)
    except NotUnderstood as refused:
        return EngineChoice("torch", str(refused))
    dropped = active_dropout(task.lowering)
    if dropped:
        return EngineChoice("torch", dropped)
    return EngineChoice("native", REASON)


def _explain_solver(module: nn.Module, loss: Callable[..., Any], solver: Solver) -> EngineChoice:
    check_solver(module, loss, solver)
    try:
        understand_squares(module, loss)
    except NotUnderstood as refused:
        return EngineChoice("torch", str(refused))
    return EngineChoice("native", REASON)
