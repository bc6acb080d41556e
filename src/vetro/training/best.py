"""Validation loss after each epoch, patience, and a copy of the best parameters.

For the user's own module on the torch engine; the engines of the table door stop by themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Best:
    """The parameters and buffers of the epoch with the lowest validation loss so far."""

    def __init__(self, module: nn.Module, patience: int) -> None:
        self.epoch = 0
        self._module = module
        self._patience = patience
        self._score = math.inf
        self._waited = 0
        self._kept: dict[str, Tensor] = {}

    def consider(self, epoch: int, score: float) -> bool:
        """Keep this epoch if it is the best; False after `patience` epochs without a better one."""
        if score < self._score:
            self.epoch, self._score, self._waited = epoch, score, 0
            self._kept = {name: value.detach().clone() for name, value in self._tensors()}
        else:
            self._waited += 1
        return self._waited < self._patience

    def restore(self) -> None:
        """Copy the best epoch's values into the module, if there was one."""
        with torch.no_grad():
            for name, value in self._tensors():
                if name in self._kept:
                    value.copy_(self._kept[name])

    def _tensors(self) -> Iterator[tuple[str, Tensor]]:
        yield from self._module.named_parameters()
        yield from self._module.named_buffers()


def evaluate(
    module: nn.Module, loss: Callable[..., Tensor], x: Tensor, y: Tensor, *weights: Tensor
) -> float:
    """The loss of all rows at once, in eval mode and without gradients."""
    with evaluating(module), torch.no_grad():
        return float(loss(module(x), y, *weights))


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """The module in eval mode; afterwards each part is in its mode from before."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        module.train(modes[0][1])
        for part, mode in modes:
            part.training = mode
