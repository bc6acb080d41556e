"""The interface of an engine, which trains networks and predicts with them.

An engine knows matrices, networks and plain settings.  It does not know tables, nor the reasons
for a recipe.  Engines: native_engine.py and torch_engine.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from vetro.networks.network import Network

Matrix = NDArray[np.float32]
EngineName = Literal["auto", "native", "torch"]


@dataclass(frozen=True)
class Rows:
    """Matrices of equal length: x (rows, inputs), y (rows, outputs) float or (rows,) int64
    classes, weights (rows,) or None for equal ones."""

    x: Matrix
    y: NDArray[Any]
    weights: Matrix | None = None

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Plan:
    """The settings of one training run, in plain numbers.

    loss: mse, l1, smooth_l1, huber, cross_entropy or bce.  class_weights: (classes,) or
    None.  rate_factors: (epochs,) of the learning rate.  plateau: halve the rate after
    this many epochs without a better validation loss, 0 for never.  batch_size: rows per
    step; numpy's default_rng((seed, epoch)) permutes the rows before each epoch, batches
    are consecutive slices, the last may be shorter.  patience: epochs without a better
    validation loss before stopping, 0 for never.  clip_norm: limit of the gradient norm,
    0 for none.  one_hot: (first column, columns) of each group of inputs in which at most
    one is 1 and the others are 0.
    """

    network: Network
    loss: str
    optimizer: str
    learning_rate: float
    momentum: float
    weight_decay: float
    rate_factors: NDArray[np.float64]
    plateau: int
    batch_size: int
    epochs: int
    patience: int
    clip_norm: float
    seed: int
    class_weights: Matrix | None = None
    device: str = "cpu"
    one_hot: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Epoch:
    """The report of an engine after each epoch: mean losses per row, and whether it was the best.

    validation: of the validation rows; of the training rows where there are none.  weights,
    gradients: root mean squares of each layer's weights at the epoch's end, and of their
    gradients at its last step, as clipped; float32.
    """

    number: int
    training: float
    validation: float
    learning_rate: float
    best: bool
    weights: tuple[float, ...]
    gradients: tuple[float, ...]


@dataclass
class TrainingState:
    """The state from which training continues after an epoch with the same bits.

    arrays: parameters, best parameters, optimizer buffers.  numbers: epoch, best score
    and epoch, waiting epochs.  Batch order and dropout depend on (seed, epoch) alone, so no
    generator's state is part of it.
    """

    arrays: dict[str, NDArray[Any]]
    numbers: dict[str, float]


@dataclass(frozen=True)
class Divergence:
    """Where the loss stopped being finite: epoch and batch from 1, the loss, and the first
    parameter with a value that is not finite ("the loss itself" if none has)."""

    epoch: int
    batch: int
    loss: float
    tensor: str


@dataclass(frozen=True)
class Outcome:
    """The result of training: the best parameters (parameter_count,), and why it stopped:
    "epochs", "patience", "diverged", or the reason that on_epoch returned."""

    parameters: Matrix
    best_epoch: int
    best_validation: float
    epochs: int
    stopped: str
    divergence: Divergence | None = None


@dataclass(frozen=True)
class Job:
    """One network to train, from `initial` or from the state `resume`."""

    plan: Plan
    initial: Matrix
    training: Rows
    validation: Rows | None
    resume: TrainingState | None = None


OnEpochs = Callable[[int, Sequence[Epoch], Callable[[], TrainingState]], str]
"""Called with the number of a job, its epochs that ended since the last call (one at least),
and a function that captures its state after the last of them; returns "" to go on or the reason
to stop this job, such as "time" or "interrupted"."""


class Engine(Protocol):
    """Trains and predicts networks."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def together(self) -> bool:
        """Whether the jobs of one call are trained in parallel."""
        ...

    def train(self, jobs: Sequence[Job], on_epochs: OnEpochs) -> list[Outcome]:
        """Train every job and return its best parameters; no job changes another's bits."""
        ...

    def predict(self, network: Network, parameters: Matrix, x: Matrix) -> Matrix:
        """Outputs (rows, outputs) of the network in its own scale, before any softmax."""
        ...
