"""Vetro's PyTorch door on the native engine: vetro.train and vetro.train_many.

What is timed is the whole call, from the user's module to the user's module.
"""

from __future__ import annotations

import torch
from workloads import Arrays, Workload

import vetro
from peers.torch_eager import loss_of, optimizer_of, sequential


class Native:
    """One call trains all members."""

    def __init__(self, work: Workload, arrays: Arrays, threads: int, variant: str) -> None:
        self.work, self.arrays, self.threads = work, arrays, threads
        self.many = variant == "many"
        self.x, self.y = torch.from_numpy(arrays.x), torch.from_numpy(arrays.y)
        self.loss = loss_of(work)

    def _arguments(self, member: int, steps: int) -> dict:
        module = sequential(self.work, self.arrays.layers[member])
        rate = float(self.arrays.rates[member])
        optimizer = optimizer_of(self.work, list(module.parameters()), rate, fused=False)
        arguments = {"module": module, "x": self.x, "y": self.y}
        arguments |= {"loss": self.loss, "optimizer": optimizer}
        if self.arrays.indices is None:
            return arguments | {"steps": steps}
        return arguments | {"batches": torch.from_numpy(self.arrays.indices[member, :steps])}

    def prepare(self, steps: int) -> None:
        self.steps = steps
        self.arguments = [self._arguments(member, steps) for member in range(self.work.members)]

    def run(self) -> int:
        if self.many:
            trainings = [vetro.Training(**arguments) for arguments in self.arguments]
            self.histories = vetro.train_many(trainings, threads=self.threads)
        else:
            history = vetro.train(**self.arguments[0], engine="native", threads=self.threads)
            self.histories = [history]
        return self.steps * len(self.arguments)

    def losses(self, steps: int) -> list[float]:
        self.prepare(steps)
        self.run()
        return list(self.histories[0].loss)


contestant = Native
