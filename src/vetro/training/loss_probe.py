"""What kind of function an unknown loss is, found by trying it on made-up outputs.

Each question is answered "no" whenever it cannot be told: no proof that a loss is sound.
The loss is called as a copy, in float64 on the CPU, with random state kept, as few times
as possible: nothing the training depends on is touched.
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
"""How far the outputs are moved, in units of the largest output or target."""

ROWS = 4096
"""Rows of the batch that are looked at."""


def falls_without_bound(loss: Loss, output: Tensor, target: Tensor) -> str:
    """The reason why loss(output, target) can fall without bound, or "".

    The outputs o move far along -g, g = dloss/do.  A loss that is bounded below cannot
    go on falling as its slope promises: it is refused when it fell by at least half of
    what a straight line would, and when it depends on o - t only (adding the same
    random numbers to o and t changes nothing).  The second condition
    keeps apart losses whose outputs are confined by the module, such as
    log-probabilities, where a far point is out of reach.

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
    outputs beside targets moved on by one row.  Calls the loss twice.
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
    """A copy of the loss on the CPU: one that counts or averages is not disturbed."""
    mine = copy.deepcopy(loss)
    return mine.cpu().double() if isinstance(mine, nn.Module) else mine


@contextmanager
def _aside() -> Iterator[None]:
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        yield
