"""A job: a network to train, made of small frozen records that every floor passes on as they are.

Below floor 3 it makes no difference which door a job came from.  A job whose order and rates are
plain data is plain data itself: it can be sent to another process.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.engines.orders import Order
from vetro.engines.rates import Rates
from vetro.networks.losses.rule import LossRule
from vetro.networks.lowered import LoweredNetwork
from vetro.networks.solvers import Regularisation, SolverRule
from vetro.networks.updates.rule import Updates

Matrix = NDArray[np.float32]
Vector = NDArray[Any]
"""(parameter_count,) of the network's dtype."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of a matrix of inputs, with y (rows, outputs) floats or (rows,) int64 classes, and
    weights (rows,), or None for equal ones.

    numbers: (rows,) of these rows in the matrix, so that several Rows share it; None for all.
    """

    matrix: NDArray[Any]
    y: NDArray[Any]
    weights: NDArray[Any] | None = None
    numbers: NDArray[np.int32] | None = None

    def __len__(self) -> int:
        return len(self.y)

    @property
    def x(self) -> NDArray[Any]:
        """(rows, inputs): the matrix itself, or a copy of these rows of it."""
        return self.matrix if self.numbers is None else self.matrix[self.numbers]


@dataclass(frozen=True)
class Stopping:
    """When training ends: after `steps`, or after `patience` epochs without a better score (0 for
    never).  The score is the validation loss, or without validation rows the training loss.

    from_epoch: until this epoch the latest one is the best, whatever its score: the rate may still
    rise.  plateau: halve the rates after so many epochs without a better score, 0 for never.
    keep_best: keep a copy of the parameters of the best epoch.
    """

    steps: int
    patience: int = 0
    plateau: int = 0
    from_epoch: int = 0
    keep_best: bool = True


@dataclass(frozen=True)
class Clipping:
    """Limits of the gradient before an update: of its norm, then of each value; 0 for none."""

    norm: float = 0.0
    value: float = 0.0


@dataclass(frozen=True, eq=False)
class Course:
    """The course of a training, whatever is trained: order of the rows, rates, stopping, clipping.

    seed: of dropout.  measured: whether each epoch records the sizes of weights and gradients.
    """

    order: Order
    rates: Rates
    stopping: Stopping
    clipping: Clipping = field(default_factory=Clipping)
    seed: int = 0
    measured: bool = False


@dataclass(frozen=True, eq=False)
class TrainingState:
    """The state from which training continues with the same bits.

    arrays: parameters, best parameters, optimizer buffers.  numbers: steps, epochs, best score and
    epoch, waiting epochs; empty for an optimizer's state alone.
    """

    arrays: dict[str, NDArray[Any]]
    numbers: dict[str, float] = field(default_factory=dict)

    @property
    def epochs(self) -> int:
        """The epochs that have ended."""
        return int(self.numbers["epochs"])


@dataclass(frozen=True)
class Codes:
    """Groups of inputs, (first column, columns) each, that the native engine stores as codes.

    one_hot: at most one column of a group is 1, the others are 0.  piecewise: the first columns of
    a group are 1, the next is between 0 and 1, the others are 0.  Results differ by rounding only.
    """

    one_hot: tuple[tuple[int, int], ...] = ()
    piecewise: tuple[tuple[int, int], ...] = ()


NO_CODES = Codes()
"""All inputs are numbers."""


@dataclass(frozen=True, eq=False)
class Job:
    """One network to train, from `parameters` or from the state `resume`.

    update: rules of steps, or a solver that takes all rows in every step (an engine of its own runs
    those).

    row_mean: a mean over weighted rows divides by the sum of their weights, else by the number of
    rows.  device: cpu or cuda.
    """

    network: LoweredNetwork
    parameters: Vector
    loss: LossRule
    update: Updates | SolverRule
    training: Rows
    validation: Rows | None
    course: Course
    resume: TrainingState | None = None
    codes: Codes = NO_CODES
    row_mean: bool = False
    device: str = "cpu"

    @property
    def updates(self) -> Updates:
        """The update rules of a job whose steps take batches."""
        if isinstance(self.update, SolverRule):
            raise ValueError(f"a job of the solver {self.update.kind} has no update rules")
        return self.update


@dataclass(frozen=True)
class Epoch:
    """An epoch that has ended: mean losses per row, and whether it was the best.

    number: from 1.  validation: of the validation rows; of the training rows where there are
    none.  weights, gradients: where they are measured, root mean squares of each layer's weights at
    the epoch's end, and of their gradients at its last step, as clipped; float32.
    """

    number: int
    training: float
    validation: float
    learning_rate: float
    best: bool
    weights: tuple[float, ...] = ()
    gradients: tuple[float, ...] = ()


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
    "epochs", "patience", "diverged", a solver's own reason, or the reason that the watch gave.
    regularisation: of a solver that estimates it."""

    parameters: Matrix
    best_epoch: int
    best_validation: float
    epochs: int
    stopped: str
    divergence: Divergence | None = None
    regularisation: Regularisation | None = None
