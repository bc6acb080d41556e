"""Torch's results for the same module, loss and rows: loss, gradients, and a step on copies.

Nothing that belongs to the user changes: gradients are computed without touching .grad, and the
modes and torch's generator are restored.  The only file of backprop that needs torch.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from vetro.glass.learning.loss_terms import OtherLoss, Slopes
from vetro.glass.learning.steps import Step
from vetro.glass.learning.torch_steps import steps_of
from vetro.glass.subject import Part
from vetro.glass.untouched import untouched
from vetro.networks.losses.rule import LossRule
from vetro.networks.lower_module import Lowering
from vetro.networks.refusal import NotUnderstood
from vetro.networks.torch_losses import check_target, describe_loss
from vetro.networks.torch_updates import describe_optimizer, in_torchs_arithmetic
from vetro.networks.updates.rule import Updates
from vetro.training.arguments import Request, Training
from vetro.training.torch_door import explaining, judged_loss

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Autograd:
    """loss; gradient: (parameter_count,), NaN where a parameter is frozen.

    twice: the .grad of a copy after a second backward without zero_grad.
    """

    loss: float
    gradient: Floats
    twice: Floats


class _Member(nn.Module):
    """A network with its numbers as a torch module, without the random numbers that lift draws."""

    def __init__(self, part: Part) -> None:
        super().__init__()
        self.operations = part.network.operations
        self.values = nn.ParameterList(
            nn.Parameter(torch.from_numpy(part.view(slot).copy()))
            for slot in range(len(part.network.slots))
        )

    def forward(self, x: Tensor) -> Tensor:
        for operation in self.operations:
            if operation.kind == "affine":
                assert operation.weight is not None and operation.bias is not None
                weight, bias = self.values[operation.weight], self.values[operation.bias]
                x = functional.linear(x, weight, bias)
            elif operation.bends:
                named = operation.activation.torch
                x = getattr(functional, named.function)(x, *operation.numbers, **named.options)
        return x


def as_module(part: Part, x: NDArray[Any], y: NDArray[Any], loss: Any) -> tuple[Request, Lowering]:
    """One member of a model, its rows and its loss in the PyTorch door's form; no optimizer."""
    module = _Member(part)
    none: Any = None
    asked = Request(
        training=Training(module, x, y, loss=loss, optimizer=none),
        x=torch.from_numpy(x),
        y=torch.from_numpy(y),
        weights=None,
        held_out=None,
        given=None,
        loader=None,
        notices=[],
    )
    return asked, Lowering(part.network, tuple(module.values), squeezed=False, traced=False)


def judge(asked: Request) -> None:
    """Refuse whatever vetro.train refuses in its first step."""
    with _aside(asked), explaining(asked):
        judged_loss(asked, asked.x, asked.y)


@contextmanager
def _aside(asked: Request) -> Iterator[None]:
    """The module in eval mode; afterwards the module and the generators are as before."""
    module = asked.training.module
    devices = {parameter.device for parameter in module.parameters() if parameter.is_cuda}
    with torch.random.fork_rng(devices=list(devices)), untouched(module), torch.enable_grad():
        yield


def autograd(asked: Request, lowering: Lowering) -> Autograd:
    """The gradients of a request's loss, in eval mode."""
    module = asked.training.module
    learning = [parameter for parameter in lowering.parameters if parameter.requires_grad]
    with _aside(asked):
        value = asked.training.loss(module(asked.x), asked.y)
        found = torch.autograd.grad(value, learning, allow_unused=True)
        twice = _twice(asked, lowering)
    return Autograd(float(value.detach()), _flat(lowering, learning, found), twice)


def _twice(asked: Request, lowering: Lowering) -> Floats:
    """.grad of a copy after two backward passes, as a loop without zero_grad() leaves them."""
    module, loss = copy.deepcopy((asked.training.module, asked.training.loss))
    own = dict(zip(asked.training.module.parameters(), module.parameters(), strict=True))
    learning = [parameter for parameter in lowering.parameters if parameter.requires_grad]
    for parameter in module.parameters():
        parameter.grad = None
    for _ in range(2):
        loss(module(asked.x), asked.y).backward()  # type: ignore[no-untyped-call]
    return _flat(lowering, learning, [own[parameter].grad for parameter in learning])


def _flat(
    lowering: Lowering, learning: Sequence[nn.Parameter], found: Sequence[Tensor | None]
) -> Floats:
    """The gradients as one vector in the network's layout: 0 where the loss does not depend on a
    parameter, NaN where the parameter is frozen."""
    of = {id(parameter): gradient for parameter, gradient in zip(learning, found, strict=True)}

    def gradient(parameter: nn.Parameter) -> Tensor | None:
        return of.get(id(parameter), torch.full_like(parameter, torch.nan))

    return lowering.flat(gradient).astype(np.float64)


def rule_of(loss: Any, lowering: Lowering, y: Tensor) -> LossRule | OtherLoss:
    """The loss by name where it is one of torch's, else the function itself."""
    try:
        rule = describe_loss(loss, lowering)
        check_target(rule, lowering, y)
    except NotUnderstood:
        name = getattr(loss, "__name__", type(loss).__name__)
        return OtherLoss(name, _slopes(loss, lowering, y))
    return rule


def _slopes(loss: Any, lowering: Lowering, y: Tensor) -> Slopes:
    """A copy of the user's loss in float64, at outputs (rows, outputs)."""
    own = copy.deepcopy(loss)
    if isinstance(own, nn.Module):
        own = own.cpu().double()
    target = y.detach().cpu()
    if target.is_floating_point():
        target = target.double()

    def slopes(outputs: Floats) -> tuple[float, Floats]:
        with warnings.catch_warnings(), torch.random.fork_rng(devices=[]), torch.enable_grad():
            warnings.simplefilter("ignore")
            given = torch.from_numpy(np.array(outputs)).requires_grad_()
            value = own(given[:, 0] if lowering.squeezed else given, target)
            (slope,) = torch.autograd.grad(value, given)
        return float(value.detach()), slope.double().numpy()

    return slopes


def taken(
    module: nn.Module, optimizer: torch.optim.Optimizer, lowering: Lowering, gradient: Floats
) -> tuple[Step, Updates] | None:
    """The optimizer's own step from this gradient; its rules have no ranges if they are not known.

    None for an optimizer that evaluates the loss itself, such as LBFGS.
    """
    described, updates = None, Updates((), ())
    with suppress(NotUnderstood):
        described = describe_optimizer(optimizer, module, lowering)
        rules = in_torchs_arithmetic(described.rules, optimizer)
        updates = replace(described.plain, rules=rules)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            (step,) = steps_of(optimizer, described, lowering, gradient, 1)
        except TypeError:
            return None
    return step, updates
