"""PyTorch by hand: the article's unchanged loop, and the fastest loop that eager torch allows.

article: nn.Sequential, nn.MSELoss, a plain optimizer, the error read every 500 steps.
tuned: functional calls, fused optimizer, batches gathered a window at a time and sliced.
compiled: the same, with torch.compile for forward and loss (so also the backward) and the update.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from workloads import Arrays, Workload

WINDOW = 256  # batches gathered at once: few calls, and the rows still in cache
ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh, "identity": lambda x: x}
MODULES = {"relu": nn.ReLU, "tanh": nn.Tanh, "identity": nn.Identity}
MANY = 4  # only this many of many networks are timed


def sequential(work: Workload, layers: list) -> nn.Sequential:
    """The workload's network as a user writes it, with the given weights."""
    module = nn.Sequential()
    for number, (weight, bias) in enumerate(layers):
        linear = nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(weight))
            linear.bias.copy_(torch.from_numpy(bias))
        module.append(linear)
        if number < len(layers) - 1 and work.activation != "identity":
            module.append(MODULES[work.activation]())
    return module


def optimizer_of(
    work: Workload, parameters: list[Tensor], rate: float, fused: bool
) -> torch.optim.Optimizer:
    """The workload's optimizer."""
    if work.optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=rate, momentum=work.momentum, fused=fused)
    if work.optimizer == "adamw":
        return torch.optim.AdamW(parameters, lr=rate, weight_decay=work.weight_decay, fused=fused)
    return torch.optim.Adam(parameters, lr=rate, fused=fused)


def loss_of(work: Workload) -> nn.Module:
    """The workload's loss as a module."""
    return nn.CrossEntropyLoss() if work.loss == "cross_entropy" else nn.MSELoss()


class Eager:
    """Trains one member after the other."""

    def __init__(self, work: Workload, arrays: Arrays, threads: int, variant: str) -> None:
        torch.set_num_threads(threads)
        self.work, self.arrays, self.variant = work, arrays, variant
        self.x, self.y = torch.from_numpy(arrays.x), torch.from_numpy(arrays.y)
        self.members = range(min(work.members, MANY))
        self.forward = torch.compile(self._loss) if variant == "compiled" else self._loss

    def _loss(self, parameters: list[Tensor], x: Tensor, y: Tensor) -> Tensor:
        activation = ACTIVATIONS[self.work.activation]
        last = len(parameters) - 2
        for number in range(0, last, 2):
            x = activation(functional.linear(x, parameters[number], parameters[number + 1]))
        x = functional.linear(x, parameters[last], parameters[last + 1])
        if self.work.loss == "cross_entropy":
            return functional.cross_entropy(x, y)
        return functional.mse_loss(x, y)

    def prepare(self, steps: int) -> None:
        self.steps = steps
        if self.variant != "compiled":
            self._make()
        elif not hasattr(self, "modules"):
            self.steps = 3  # in which torch compiles
            self._make()
            self.updates = [torch.compile(update) for update in self.updates]
            self._train(0)
            self._put_back()
            self.steps = steps
        else:
            self._put_back()

    def _make(self) -> None:
        """Fresh networks and optimizers."""
        self.modules = [sequential(self.work, self.arrays.layers[m]) for m in self.members]
        rates = self.arrays.rates
        optimizers = [
            optimizer_of(
                self.work,
                list(self.modules[m].parameters()),
                float(rates[m]),
                fused=self.variant == "tuned",
            )
            for m in self.members
        ]
        self.updates = [optimizer.step for optimizer in optimizers]
        self.optimizers = optimizers

    @torch.no_grad()
    def _put_back(self) -> None:
        """The initial weights and a zero state in the tensors that were compiled with."""
        given = [part for layer in self.arrays.layers[0] for part in layer]
        for parameter, value in zip(self.modules[0].parameters(), given, strict=True):
            parameter.copy_(torch.from_numpy(value))
            for buffer in self.optimizers[0].state[parameter].values():
                if buffer is not None:
                    buffer.zero_()

    def run(self) -> int:
        for member in self.members:
            if self.variant == "article":
                self._article(member)
            else:
                self._train(member)
        return self.steps * len(self.members)

    def losses(self, steps: int) -> list[float]:
        self.prepare(steps)
        return self._train(0, keep=True)

    def _article(self, member: int) -> None:
        module, optimizer, loss = self.modules[member], self.optimizers[member], loss_of(self.work)
        for step in range(self.steps):
            optimizer.zero_grad()
            value = loss(module(self.x), self.y)
            value.backward()
            optimizer.step()
            if step % 500 == 0:
                value.item()

    def _train(self, member: int, keep: bool = False) -> list[float]:
        update = self.updates[member]
        parameters = list(self.modules[member].parameters())
        kept = []
        for first in range(0, self.steps, WINDOW):
            for x, y in self._window(member, first, min(WINDOW, self.steps - first)):
                for parameter in parameters:
                    parameter.grad = None
                value = self.forward(parameters, x, y)
                value.backward()
                update()
                if keep:
                    kept.append(value.item())
        return kept

    def _window(self, member: int, first: int, count: int) -> list[tuple[Tensor, Tensor]]:
        if self.arrays.indices is None:
            return [(self.x, self.y)] * count
        rows = torch.from_numpy(self.arrays.indices[member, first : first + count])
        return list(zip(self.x[rows].unbind(0), self.y[rows].unbind(0), strict=True))


contestant = Eager
