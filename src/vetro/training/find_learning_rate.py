"""vetro.find_learning_rate: the range test for a user's module, on copies of the user's objects."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from vetro.errors import TrainingError, error
from vetro.networks.torch_solvers import Solver
from vetro.training.arguments import Loss, Source
from vetro.training.checks import contradiction, count_of, invalid, size_of
from vetro.training.given import Rows
from vetro.training.history import History
from vetro.training.rate_test import HIGHEST, LOWEST, STEPS, LearningRates, judged, ramp
from vetro.training.train import train


def find_learning_rate(
    module: nn.Module,
    x: Source,
    y: Rows | None = None,
    loss: Loss | None = None,
    optimizer: torch.optim.Optimizer | None = None,
    *,
    lowest: float = LOWEST,
    highest: float = HIGHEST,
    steps: int = STEPS,
    **others: Any,
) -> LearningRates:
    """Train a copy of the module while the learning rate grows, and say which rate to take.

    The module, the optimizer and torch's global generator stay as they are.  Each step multiplies
    the rates of all groups of the optimizer, so that the first group's goes from `lowest` to
    `highest`.  others: batch_size, shuffle, sample_weight, clip_norm, engine and the other
    arguments of vetro.train that say how a step is made.

    Returns LearningRates: `suggestion` is the rate to take; `picture(path)` draws the losses.
    Raises as vetro.train does.
    """
    if not callable(loss) or not isinstance(optimizer, torch.optim.Optimizer):
        raise contradiction(
            "loss or optimizer is missing",
            "Use vetro.find_learning_rate(module, x, y, loss, optimizer)",
        )
    if isinstance(optimizer, Solver):
        raise contradiction(
            f"{type(optimizer).__name__} chooses the length of each step itself",
            "Use an optimizer of torch.optim",
        )
    count = count_of("steps", steps) or STEPS
    low, high = size_of("lowest", lowest) or LOWEST, size_of("highest", highest) or HIGHEST
    if high <= low:
        raise invalid("highest", highest, f"it must be above {low:g}", f"Use highest={100 * low:g}")
    for name in ("schedule", "validation", "patience", "epochs"):
        if others.get(name) is not None:
            raise contradiction(
                f"{name} is given, but the rate grows in every step", "Leave it out"
            )
    twin, stepping = copy.deepcopy((module, optimizer))
    now = float(stepping.param_groups[0]["lr"])
    if now <= 0:
        raise contradiction("the learning rate of the optimizer is 0", "Use lr=1e-3")
    rates = ramp(low, high, count)
    factor: Callable[[int], float] = lambda k: float(rates[min(k, count - 1)]) / now  # noqa: E731
    losses: list[float]
    with torch.random.fork_rng(devices=[]):
        try:
            history = train(
                twin, x, y, loss=loss, optimizer=stepping, steps=count, schedule=factor, **others
            )
            losses = history.loss
        except TrainingError as diverged:
            held = diverged.values.get("history")
            if not isinstance(held, History):
                raise
            losses = held.loss
    try:
        return judged(rates.tolist(), losses)
    except ValueError:
        what = f"the loss is {losses[0] if losses else 'missing'} before the first step"
        raise error("E315", what=what, fix="Look at the rows and the module's outputs.") from None
