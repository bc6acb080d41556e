"""Running a user's module without changing it.

Needs torch: imported only where a module is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from vetro.engines.best import evaluating
from vetro.networks.trace import RandomState


class Watched:
    """The initial parameters and buffers of a module."""

    def __init__(self, module: nn.Module) -> None:
        named = [*module.named_parameters(), *module.named_buffers()]
        self._held = [(name, tensor, tensor.detach().clone()) for name, tensor in named]

    def changed(self) -> str:
        """The first one whose bytes have changed, "" if none has."""
        return next((n for n, now, before in self._held if _bytes(now) != _bytes(before)), "")

    def restore(self) -> None:
        with torch.no_grad():
            for _, now, before in self._held:
                if _bytes(now) != _bytes(before):
                    now.data.copy_(before)


@contextmanager
def untouched(module: nn.Module) -> Iterator[Watched]:
    """Run in eval mode; afterwards parameters, buffers, gradients, modes and generators are
    restored."""
    gradients = {parameter: parameter.grad for parameter in module.parameters()}
    watched, chance = Watched(module), RandomState()
    try:
        with evaluating(module):
            yield watched
    finally:
        chance.restore()
        watched.restore()
        for parameter, gradient in gradients.items():
            parameter.grad = gradient


def _bytes(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().numpy().tobytes()
