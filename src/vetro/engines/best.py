"""The best epoch of a torch module: its score, a copy of its parameters, and patience.

The compiled trainer does this by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class Best:
    """The parameters and buffers of the epoch with the lowest score so far.

    epoch: its number, from 1; 0 before there is one.  waited: epochs since then.
    patience: the most to wait, 0 for no limit.  from_epoch: until then the latest is the best.
    """

    def __init__(self, module: nn.Module, patience: int, from_epoch: int = 0) -> None:
        self.epoch = self.waited = 0
        self.score = math.inf
        self._module = module
        self._patience = patience
        self._from_epoch = from_epoch
        self._kept: dict[str, Tensor] = {}

    @property
    def waited_enough(self) -> bool:
        """Whether training is to end."""
        return bool(self._patience) and self.waited >= self._patience

    def consider(self, epoch: int, score: float) -> bool:
        """Keep this epoch if it is the best; False after `patience` epochs without a better one."""
        if score < (math.inf if epoch <= self._from_epoch else self.score):
            self.epoch, self.score, self.waited = epoch, score, 0
            self.keep()
        else:
            self.waited += 1
        return not self.waited_enough

    def keep(self) -> None:
        """Copy the present values."""
        self._kept = {name: value.detach().clone() for name, value in self._tensors()}

    def flat(self) -> NDArray[Any]:
        """The kept parameters as one vector, in the module's order."""
        kept = [self._kept[name].reshape(-1) for name, _ in self._module.named_parameters()]
        flat: NDArray[Any] = torch.cat(kept).cpu().numpy()
        return flat

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
