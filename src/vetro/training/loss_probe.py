"""Tests of the user's own loss on made-up outputs.

Each question is answered "no" if it cannot be decided, so "no" does not prove that a loss is
sound.  A copy of the loss is called, in float64 on the CPU, as few times as possible, and the
random state is kept: training does not depend on these calls.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

Loss = Callable[[Tensor, Tensor], Tensor]

FAR = 1e9
"""The distance by which outputs are moved, in units of the largest output or target."""

ROWS = 4096
"""The most rows of the batch that the tests use."""


def falls_without_bound(loss: Loss, output: Tensor, target: Tensor) -> str:
    """The reason why loss(output, target) can fall without bound, or "".

    The outputs o move far along -g, g = dloss/do.  A loss that is bounded below cannot
    keep falling as fast as its slope.  The loss is refused if two conditions hold: it fell by at
    least half as much as a straight line would, and it depends only on o - t (adding the same
    random numbers to o and t changes nothing).  The second condition exempts losses whose
    outputs the module limits, such as log-probabilities, which never reach a far point.

    Calls the loss twice, and twice more before it refuses.
    """
    if output.numel() != target.numel() or output.is_complex() or target.is_complex():
        return ""
    try:
        with _aside(), torch.enable_grad():
            return _fall(_private(loss), _copy(output), _copy(target))
    except Exception:  # a user's function may raise anything on outputs it never saw
        return ""


def order_does_not_matter(loss: Loss, target: Tensor, shape: torch.Size) -> bool:
    """Whether the loss compares every row with every other, at outputs of this shape.

    True if outputs that equal the targets, row by row, have the same loss as the same
    outputs with the targets shifted by one row.  Calls the loss twice.
    """
    target = _copy(target)
    output = target.reshape(-1, *shape[1:])
    moved = target.roll(1, 0)
    if torch.equal(moved, target):
        return False
    try:
        with _aside(), torch.no_grad():
            mine = _private(loss)
            torch.manual_seed(0)
            own = mine(output, target)
            torch.manual_seed(0)
            other = mine(output, moved)
            return bool(torch.isclose(own, other, rtol=1e-9, atol=0).all())
    except Exception:  # as above
        return False


def _fall(loss: Loss, output: Tensor, target: Tensor) -> str:
    torch.manual_seed(0)
    output.requires_grad_()
    start = loss(output, target)
    (slope,) = torch.autograd.grad(start, output)
    steepness = slope.abs().max()
    if not torch.isfinite(steepness) or steepness == 0:
        return ""
    output, start = output.detach(), start.detach()
    with torch.no_grad():
        scale = 1 + output.abs().max() + target.abs().max()
        direction = -slope / steepness
        promised = FAR * scale * (slope * direction).sum()
        torch.manual_seed(0)
        fallen = loss(output + FAR * scale * direction, target) - start
        if not fallen <= promised / 2:
            return ""
        shift = scale * torch.randn(output.shape, dtype=torch.float64)
        torch.manual_seed(0)
        changed = loss(output + shift, target + shift.reshape(target.shape)) - start
        tolerance = 1e-6 * (start.abs() + scale * slope.abs().sum())
        if not changed.abs() <= tolerance:
            return ""
        torch.manual_seed(0)
        opposite = loss(output - FAR * scale * direction, target) - start
    if torch.isclose(opposite, -promised, rtol=1e-4):
        return "mean of signed differences: opposite errors cancel"
    return "it falls as the errors grow"


def _copy(values: Tensor) -> Tensor:
    return values.detach()[:ROWS].to("cpu", torch.float64, copy=True)


def _private(loss: Loss) -> Loss:
    """A copy of the loss on the CPU, so that a loss that counts its calls is not disturbed."""
    mine = copy.deepcopy(loss)
    return mine.cpu().double() if isinstance(mine, nn.Module) else mine


@contextmanager
def _aside() -> Iterator[None]:
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        yield
