"""Keras 3 on its torch backend, model.fit.

The batches are gathered beforehand and given as one epoch without shuffling.  Its Adam adds
epsilon to the uncorrected root.
"""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import torch
from workloads import Arrays, Workload


class Fit:
    """Compiled once; the weights are put back before every training."""

    def __init__(self, work: Workload, arrays: Arrays, threads: int, variant: str) -> None:
        torch.set_num_threads(threads)
        self.work, self.arrays = work, arrays

    def prepare(self, steps: int) -> None:
        rows = self.arrays.indices[0, :steps].reshape(-1)
        self.x, self.y = self.arrays.x[rows], self.arrays.y[rows]
        self.steps = steps
        *hidden, last = self.work.sizes[1:]
        layers = [keras.layers.Dense(size, activation=self.work.activation) for size in hidden]
        self.model = keras.Sequential(
            [keras.Input((self.work.sizes[0],)), *layers, keras.layers.Dense(last)]
        )
        given = [part for weight, bias in self.arrays.layers[0] for part in (weight.T, bias)]
        self.model.set_weights(given)
        adam = keras.optimizers.Adam(self.work.learning_rate, epsilon=1e-8)
        self.model.compile(optimizer=adam, loss="mse")

    def run(self) -> int:
        self.curve = self.model.fit(
            self.x, self.y, batch_size=self.work.batch, epochs=1, shuffle=False, verbose=0
        ).history["loss"]
        return self.steps

    def losses(self, steps: int) -> list[float]:
        self.prepare(steps)
        self.run()
        return self.curve


contestant = Fit
