"""scikit-learn's MLP, alone, and for many networks with one joblib task per network.

The batches are gathered beforehand and given as one epoch without shuffling, so that all
contestants have the same.  An override of its initialisation sets the initial weights.  Its
Adam adds epsilon to the uncorrected root, and its loss is half the sum over outputs.
"""

from __future__ import annotations

import warnings

import numpy as np
from joblib import Parallel, delayed
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from workloads import Arrays, Workload

MANY = 8  # only this many of many networks are timed


class _Given:
    """Starts from `given`, weights and biases of the layers, instead of random ones."""

    def _init_coef(self, fan_in: int, fan_out: int, dtype: type) -> tuple:
        weight, bias = self.given.pop(0)
        return weight.T.astype(dtype), bias.astype(dtype)


class _Regressor(_Given, MLPRegressor):
    pass


class _Classifier(_Given, MLPClassifier):
    pass


def _fitted(work: Workload, data: tuple, layers: list, rate: float, steps: int) -> list[float]:
    """Trains one network and returns its loss curve."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    regression = work.loss == "mse"
    # Its gradient is outputs / 2 times that of the mean over rows and outputs.
    scale = 2 / work.sizes[-1] if regression and work.optimizer == "sgd" else 1
    network = (_Regressor if regression else _Classifier)(
        hidden_layer_sizes=work.sizes[1:-1],
        activation=work.activation,
        solver=work.optimizer,
        alpha=0,
        batch_size=work.batch or work.rows,
        learning_rate_init=rate * scale,
        max_iter=1 if work.batch else steps,
        shuffle=False,
        tol=0,
        n_iter_no_change=steps + 1,
        momentum=work.momentum,
        nesterovs_momentum=False,
    )
    network.given = list(layers)
    network.fit(*data)
    return network.loss_curve_


class Perceptrons:
    """One fit per member."""

    def __init__(self, work: Workload, arrays: Arrays, threads: int, variant: str) -> None:
        self.work, self.arrays = work, arrays
        self.members = range(min(work.members, MANY))
        self.parallel = Parallel(n_jobs=threads)

    def prepare(self, steps: int) -> None:
        self.steps = steps
        self.data = [self._data(member, steps) for member in self.members]
        self.parallel(delayed(abs)(member) for member in self.members)  # starts the workers

    def run(self) -> int:
        self.parallel(
            delayed(_fitted)(
                self.work,
                self.data[m],
                self.arrays.layers[m],
                float(self.arrays.rates[m]),
                self.steps,
            )
            for m in self.members
        )
        return self.steps * len(self.members)

    def losses(self, steps: int) -> list[float]:
        layers, rate = self.arrays.layers[0], float(self.arrays.rates[0])
        curve = _fitted(self.work, self._data(0, steps), layers, rate, steps)
        return [float(value) * (2 if self.work.loss == "mse" else 1) for value in curve]

    def _data(self, member: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
        x, y = self.arrays.x, self.arrays.y
        if self.arrays.indices is not None:
            rows = self.arrays.indices[member, :steps].reshape(-1)
            x, y = x[rows], y[rows]
        return x, y.ravel() if y.ndim == 2 and y.shape[1] == 1 else y


contestant = Perceptrons
