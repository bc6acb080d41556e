"""The native engine's border; see native/README.md."""

from collections.abc import Sequence
from typing import Annotated

import numpy
import numpy.typing
from numpy.typing import NDArray


def isa() -> str:
    """
    The instruction set that runs: avx512, avx2 or neon; empty if there is none.
    """

def cores() -> int:
    """Cores that this process may use."""

class Operation:
    """
    One operation of a network.  Values are numbered, 0 holds the inputs; the operation reads
    `source` (and `other`, of an add) and makes `result`.  weight, bias: offsets in the
    parameters, -1 for none.  a, b: numbers of the function, eps, or the share that is dropped.
    learns_*: whether the gradient is wanted.  factor, shift: (outputs,) of a scale.
    """

    def __init__(self, kind: str, *, source: int, result: int, function: str = 'identity', other: int = -1, weight: int = -1, bias: int = -1, a: float = 0.0, b: float = 0.0, learns_weight: bool = False, learns_bias: bool = False, factor: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)] | None = None, shift: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)] | None = None) -> None: ...

class Program:
    """
    A network: the features of each value, and its operations in order.  one_hot: (first
    column, columns) of inputs of which at most one is 1.  piecewise: of inputs of which the first
    are 1, one is between 0 and 1, and the others are 0.
    """

    def __init__(self, dtype: str, widths: Sequence[int], operations: Sequence[Operation], parameter_count: int, one_hot: Sequence[tuple[int, int]] = [], piecewise: Sequence[tuple[int, int]] = []) -> None: ...

class Rows:
    """
    Arrays that are read where they lie: x (rows, inputs) and y (rows, outputs) of the network's
    dtype, or classes (rows,) int64; weights (rows,).  numbers: (rows,) int32 of these rows in x,
    which then may have more.
    """

    def __init__(self, x: Annotated[NDArray, dict(device='cpu', writable=False)], y: Annotated[NDArray, dict(device='cpu', writable=False)], weights: Annotated[NDArray, dict(device='cpu', writable=False)] | None = None, numbers: Annotated[NDArray, dict(device='cpu', writable=False)] | None = None) -> None: ...

class Loss:
    """
    A loss and its options.  reduction: mean or sum.  a: beta of smooth_l1, delta of huber, label
    smoothing of cross_entropy.  ignored: the class that does not count.  weighted_mean: the mean
    of cross_entropy divides by the sum of class weights; row_mean: a mean over weighted rows
    divides by the sum of their weights, else by the number of rows.
    """

    def __init__(self, kind: str, *, reduction: str = 'mean', a: float = 0.0, ignored: int = -100, weighted_mean: bool = True, row_mean: bool = False, class_weights: Annotated[NDArray, dict(device='cpu', writable=False)] | None = None, positive_weights: Annotated[NDArray, dict(device='cpu', writable=False)] | None = None) -> None: ...

class Group:
    """
    Settings of a parameter group.  The learning rate, and momentum or beta1, come
    with each step; here momentum only says whether there is one.
    """

    def __init__(self, *, momentum: float = 0.0, dampening: float = 0.0, weight_decay: float = 0.0, beta2: float = 0.999, eps: float = 1e-08, alpha: float = 0.99, nesterov: bool = False, maximize: bool = False, amsgrad: bool = False, centered: bool = False) -> None: ...

class Range:
    """Parameters [begin, end) of the flat vector that a group updates."""

    def __init__(self, begin: int, end: int, group: int = 0) -> None: ...

class Optimizer:
    """An update rule, its groups, and the ranges that learn, in order."""

    def __init__(self, kind: str, groups: Sequence[Group], ranges: Sequence[Range]) -> None: ...

class Settings:
    """
    Rows per step and per epoch (0: all rows), the number of steps, and when to stop: patience in
    epochs, 0 for never.  plateau: halve the learning rate after so many epochs without a better
    one, 0 for never.  from_epoch: until then the latest epoch is the best.  clip_norm, clip_value: 0 for none.  threads: 0 for all cores.  seed: of
    dropout.  measured: [begin, end) of parameters whose sizes each epoch records.  finite:
    refuse rows that are not.
    """

    def __init__(self, *, batch_size: int, total_steps: int, epoch_rows: int = 0, patience: int = 0, plateau: int = 0, from_epoch: int = 0, keep_best: bool = False, clip_norm: float = 0.0, clip_value: float = 0.0, threads: int = 0, seed: int = 0, measured: Sequence[tuple[int, int]] = [], finite: bool = True) -> None: ...

class Counters:
    """
    Where a training stands.  position: rows of the epoch that are done.  waited, rate_waited:
    epochs without a better one, for patience and for plateau.  rate: factor of the learning
    rate.  epoch_sum, epoch_weight: of the losses since the epoch began.
    """

    def __init__(self, *, steps: int, epochs: int, position: int, best_epoch: int, waited: int, rate_waited: int, rate: float, best_score: float, epoch_sum: float, epoch_weight: float) -> None: ...

    @property
    def steps(self) -> int: ...

    @property
    def epochs(self) -> int: ...

    @property
    def position(self) -> int: ...

    @property
    def best_epoch(self) -> int: ...

    @property
    def waited(self) -> int: ...

    @property
    def rate_waited(self) -> int: ...

    @property
    def rate(self) -> float: ...

    @property
    def best_score(self) -> float: ...

    @property
    def epoch_sum(self) -> float: ...

    @property
    def epoch_weight(self) -> float: ...

class State:
    """
    The state of a trainer, or the part of one that set_state takes over: flat vectors
    (parameter_count,) of the network's dtype, step (ranges,) float64, and counters.  None: not
    kept, or left as it is.
    """

    def __init__(self, *, parameters: object | None = None, best: object | None = None, first_moment: object | None = None, second_moment: object | None = None, third: object | None = None, step: object | None = None, counters: Counters | None = None) -> None: ...

    @property
    def parameters(self) -> numpy.typing.NDArray | None: ...

    @property
    def best(self) -> numpy.typing.NDArray | None: ...

    @property
    def first_moment(self) -> numpy.typing.NDArray | None: ...

    @property
    def second_moment(self) -> numpy.typing.NDArray | None: ...

    @property
    def third(self) -> numpy.typing.NDArray | None: ...

    @property
    def step(self) -> numpy.typing.NDArray | None: ...

    @property
    def counters(self) -> Counters | None: ...

class Epoch:
    """
    An epoch that has ended: mean losses (validation: None without validation rows), the
    learning rate, whether it is the best so far, and, for each measured range, the root mean
    square of its parameters and of its last gradients, rounded to float32.
    """

    @property
    def training(self) -> float: ...

    @property
    def validation(self) -> float | None: ...

    @property
    def learning_rate(self) -> float: ...

    @property
    def best(self) -> bool: ...

    @property
    def weights(self) -> tuple[float, ...]: ...

    @property
    def gradients(self) -> tuple[float, ...]: ...

class Trainer:
    """The training loop of one network."""

    def __init__(self, program: Program, parameters: Annotated[NDArray, dict(device='cpu', writable=False)], rows: Rows, loss: Loss, optimizer: Optimizer, settings: Settings, validation: Rows | None = None) -> None: ...

    def feed(self, order: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, rates: Annotated[NDArray[numpy.float64], dict(shape=(None, None, None), order='C', device='cpu', writable=False)]) -> None:
        """
        The next steps: row numbers step after step (None: consecutive rows), and rates (steps,
        groups, 2): learning rate, and momentum or beta1.
        """

    def advance(self, seconds: float) -> str:
        """
        Run until the steps that were fed are done ("hungry"), the time is over ("time"), or
        training ends ("done", "patience", "diverged").
        """

    @property
    def steps(self) -> int: ...

    @property
    def epochs(self) -> int: ...

    @property
    def best_epoch(self) -> int: ...

    @property
    def best_score(self) -> float: ...

    def losses(self, first: int = 0) -> numpy.typing.NDArray:
        """The loss of each step from `first` on, float64."""

    def epochs_from(self, first: int = 0) -> list[Epoch]:
        """
        The epochs that have ended since this trainer was made, from `first` on.
        """

    def parameters(self) -> numpy.typing.NDArray: ...

    def gradients(self) -> numpy.typing.NDArray: ...

    def best(self) -> numpy.typing.NDArray: ...

    def state(self) -> State: ...

    def set_state(self, state: State) -> None: ...

def advance_many(trainers: Sequence[Trainer], seconds: float, threads: int = 0) -> list[str]:
    """Advance many trainers over all cores; the status of each."""

class Predictor:
    """Outputs of a network for rows."""

    def __init__(self, program: Program, parameters: Annotated[NDArray, dict(device='cpu', writable=False)], threads: int = 0) -> None: ...

    def __call__(self, x: numpy.typing.NDArray, out: numpy.typing.NDArray | None = None) -> numpy.typing.NDArray:
        """
        The outputs (rows, outputs) of x (rows, inputs), both of the network's dtype; written
        into `out` if it is given.
        """

class Squares:
    """
    The sum of squares of root (output - target) over rows, whose weights are the roots, in
    float64.  learning: [begin, end) of the parameters that learn, the columns of J.  threads: 0
    for all cores.
    """

    def __init__(self, program: Program, rows: Rows, learning: Sequence[tuple[int, int]], threads: int = 0) -> None: ...

    @property
    def columns(self) -> int: ...

    def value(self, parameters: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)]) -> float:
        """The sum of the squares."""

    def normal(self, parameters: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)], matrix: Annotated[NDArray[numpy.float64], dict(shape=(None, None), order='C', device='cpu')], gradient: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu')]) -> float:
        """
        The sum of the squares; J^T J goes into the matrix, on and below its diagonal, and J^T r
        into the gradient.
        """

class Cholesky:
    """A factorisation L L^T of matrices (size, size), kept for solving."""

    def __init__(self, size: int) -> None: ...

    def factor(self, matrix: Annotated[NDArray[numpy.float64], dict(shape=(None, None), order='C', device='cpu')], added: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)]) -> bool:
        """
        Factor the matrix, of which the lower triangle counts, with `added` (size,) on its
        diagonal.  Returns whether it is positive definite.
        """

    def solve(self, b: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu')]) -> None:
        """Replace b by x of L L^T x = b."""

    def inverse_trace(self) -> float:
        """The trace of (L L^T)^-1."""
