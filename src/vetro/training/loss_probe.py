"""Tests of the user's own loss on made-up outputs.

The loss itself is called once, by training.  A Tape of that call repeats its operations in
float64 on other numbers, so training does not depend on these tests, whatever the loss counts,
reads or draws.  Each question is answered "no" if it cannot be decided, so "no" does not prove
that a loss is sound.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

Loss = Callable[[Tensor, Tensor], Tensor]

FAR = 1e9
"""The distance by which outputs are moved, in units of the largest output or target."""


class Tape(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves it untyped
    """Records the operations of one call of a loss, made within it, and repeats them.

    Calling the tape gives the loss of other outputs and targets of the same shapes, in float64.
    A tensor from elsewhere stays what it is.  ValueError if the call read a number, since the
    program may have decided by it.
    """

    def __init__(self, output: Tensor, target: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._given = output, target
        self._steps: list[tuple[Any, Any, Any, Any]] = []
        self._roles = _Roles()
        self.value: object = None

    @property
    def swapped(self) -> str:
        """The function of torch that the loss gave the output as the target; "" if none."""
        return self._roles.swapped

    def record(self, call: Callable[[], Any]) -> Any:
        """The value of the call.  Torch's warning of a broadcast comes with the next one, if the
        tests do not refuse it."""
        with warnings.catch_warnings(), self._roles, self:
            warnings.filterwarnings("ignore", "Using a (target|input) size", UserWarning)
            self.value = call()
        return self.value

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        made = function(*args, **(kwargs or {}))
        self._steps.append((function, args, kwargs or {}, made))
        return made

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        known = {id(self._given[0]): output, id(self._given[1]): target}

        def again(value: Any) -> Any:
            if isinstance(value, Tensor):
                return known[id(value)] if id(value) in known else _copy(value)
            floats = isinstance(value, torch.dtype) and value.is_floating_point
            return torch.float64 if floats else value

        for function, args, kwargs, made in self._steps:
            if function is torch.ops.aten._local_scalar_dense.default:
                raise ValueError("the loss reads a number")
            now = function(*tree_map(again, args), **tree_map(again, kwargs))
            for before, after in zip(tree_leaves(made), tree_leaves(now), strict=True):
                known[id(before)] = after
        return known[id(self.value)]


class _Roles(TorchFunctionMode):
    """Sees a loss of torch whose target depends on parameters, while its input does not."""

    def __init__(self) -> None:
        super().__init__()
        self.swapped = ""

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if function in _UNLIKE:
            given = [*args, *(kwargs or {}).values()][:2]
            learns = [isinstance(value, Tensor) and value.requires_grad for value in given]
            if learns == [False, True]:
                self.swapped = f"F.{function.__name__}"
        return function(*args, **(kwargs or {}))


_UNLIKE = (
    functional.cross_entropy,
    functional.nll_loss,
    functional.binary_cross_entropy,
    functional.binary_cross_entropy_with_logits,
    functional.poisson_nll_loss,
)
"""Losses that are not the same with input and target swapped."""


def falls_without_bound(loss: Loss, output: Tensor, target: Tensor) -> str:
    """The reason why loss(output, target) can fall without bound, or "".

    The outputs o move far along -g, g = dloss/do.  A loss that is bounded below cannot
    keep falling as fast as its slope.  The loss is refused if two conditions hold: it fell by at
    least half as much as a straight line would, and it depends only on o - t (adding the same
    random numbers to o and t changes nothing).  The second condition exempts losses whose
    outputs the module limits, such as log-probabilities, which never reach a far point.
    """
    if output.numel() != target.numel() or output.is_complex() or target.is_complex():
        return ""
    try:
        with _aside(), torch.enable_grad():
            return _fall(loss, _copy(output), _copy(target))
    except Exception:  # a user's function may raise anything on outputs it never saw
        return ""


def is_flat(loss: Loss, output: Tensor, target: Tensor) -> bool:
    """Whether the loss is not 0 and has a slope of 0 by every output, as after sign()."""
    try:
        with _aside(), torch.enable_grad():
            output = _copy(output).requires_grad_()
            value = loss(output, _copy(target))
            (slope,) = torch.autograd.grad(value, output)
            return bool(value != 0) and not bool(slope.any())
    except Exception:  # as above
        return False


def order_does_not_matter(loss: Loss, target: Tensor, shape: torch.Size) -> bool:
    """Whether the loss compares every row with every other, at outputs of this shape.

    True if outputs that equal the targets, row by row, have the same loss as the same
    outputs with the targets shifted by one row.
    """
    target = _copy(target)
    output = target.reshape(-1, *shape[1:])
    moved = target.roll(1, 0)
    if torch.equal(moved, target):
        return False
    try:
        with _aside(), torch.no_grad():
            torch.manual_seed(0)
            own = loss(output, target)
            torch.manual_seed(0)
            other = loss(output, moved)
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
    """The same numbers, apart from the caller's; floats in float64."""
    values = values.detach()
    return values.to(torch.float64, copy=True) if values.is_floating_point() else values.clone()


@contextmanager
def _aside() -> Iterator[None]:
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        yield
