"""torch.func: all members' gradients in one vmap, one fused Adam over the stacked parameters.

The rates differ by member, so Adam is written out over the stacked tensors.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import grad_and_value, vmap
from torch.nn import functional
from workloads import Arrays, Workload

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


class Stacked:
    """Parameters stacked (members, ...)."""

    def __init__(self, work: Workload, arrays: Arrays, threads: int, variant: str) -> None:
        torch.set_num_threads(threads)
        self.arrays = arrays
        self.x, self.y = torch.from_numpy(arrays.x), torch.from_numpy(arrays.y)
        self.rates = torch.from_numpy(arrays.rates).float()
        self.step = vmap(grad_and_value(self._loss))

    def _loss(self, parameters: tuple[Tensor, ...], x: Tensor, y: Tensor) -> Tensor:
        *hidden, (weight, bias) = zip(parameters[::2], parameters[1::2], strict=True)
        for w, b in hidden:
            x = functional.relu(functional.linear(x, w, b))
        return functional.mse_loss(functional.linear(x, weight, bias), y)

    def prepare(self, steps: int) -> None:
        members = self.arrays.layers
        self.parameters = tuple(
            torch.stack([torch.from_numpy(member[number][part]) for member in members])
            for number in range(len(members[0]))
            for part in (0, 1)
        )
        self.first = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.second = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.steps = steps

    def run(self) -> int:
        self._train(keep=False)
        return self.steps * len(self.rates)

    def losses(self, steps: int) -> list[float]:
        self.prepare(steps)
        return self._train(keep=True)

    @torch.no_grad()
    def _train(self, keep: bool) -> list[float]:
        indices = torch.from_numpy(self.arrays.indices)
        kept = []
        for step in range(1, self.steps + 1):
            rows = indices[:, step - 1]
            gradients, values = self.step(self.parameters, self.x[rows], self.y[rows])
            root = (1 - BETA2**step) ** 0.5
            sizes = self.rates / (1 - BETA1**step)
            torch._foreach_lerp_(self.first, list(gradients), 1 - BETA1)
            torch._foreach_mul_(self.second, BETA2)
            torch._foreach_addcmul_(self.second, list(gradients), list(gradients), 1 - BETA2)
            for p, m, v in zip(self.parameters, self.first, self.second, strict=True):
                size = sizes.view(-1, *[1] * (p.dim() - 1))
                p.sub_(v.sqrt().div_(root).add_(EPSILON).reciprocal_().mul_(m).mul_(size))
            if keep:
                kept.append(values[0].item())
        return kept


contestant = Stacked
