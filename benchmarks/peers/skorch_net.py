"""skorch: a scikit-learn estimator around torch, fed by a DataLoader.

The batches are gathered beforehand and given as one epoch without shuffling.
"""

from __future__ import annotations

import torch
from skorch import NeuralNetRegressor
from torch import nn
from workloads import Arrays, Workload

from peers.torch_eager import sequential


class Net:
    """Callbacks off, no validation split: the least that skorch does."""

    def __init__(self, work: Workload, arrays: Arrays, threads: int, variant: str) -> None:
        torch.set_num_threads(threads)
        self.work, self.arrays = work, arrays

    def prepare(self, steps: int) -> None:
        rows = self.arrays.indices[0, :steps].reshape(-1)
        self.x, self.y = self.arrays.x[rows], self.arrays.y[rows]
        self.steps = steps
        self.net = NeuralNetRegressor(
            sequential(self.work, self.arrays.layers[0]),
            criterion=nn.MSELoss,
            optimizer=torch.optim.Adam,
            optimizer__fused=True,
            lr=self.work.learning_rate,
            batch_size=self.work.batch,
            iterator_train__shuffle=False,
            max_epochs=1,
            train_split=None,
            callbacks="disable",
            verbose=0,
        ).initialize()

    def run(self) -> int:
        self.net.partial_fit(self.x, self.y)
        return self.steps

    def losses(self, steps: int) -> list[float]:
        self.prepare(steps)
        self.run()
        return self.net.history[0, "batches", :, "train_loss"]


contestant = Net
