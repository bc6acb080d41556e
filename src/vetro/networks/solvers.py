"""Second-order optimizers: their settings, as plain data that every floor passes on.

A solver takes all rows in every step.  training/levenberg.py and its neighbours compute the steps;
torch_solvers.py has the objects that users make.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

SolverKind = Literal["lm", "br", "lbfgs"]
"""Levenberg-Marquardt, Bayesian regularisation, L-BFGS."""

OF_SQUARES: tuple[SolverKind, ...] = ("lm", "br")
"""Those that need a sum of squares, and hold a matrix."""


@dataclass(frozen=True)
class Damping:
    """How the damping mu of (J^T J + mu I) step = -J^T r changes (Marquardt 1963).

    It begins at `start`, is multiplied by `up` after an attempt that does not lower the loss, and
    by `down` after one that does.  Above `limit` training ends.  (Factors of 10 and 0.1 take about
    ten times the steps on networks: the damping then swings between too little and too much.)
    by_diagonal: mu multiplies the diagonal of J^T J instead of I, so that the units of the
    parameters do not matter.
    """

    start: float = 1e-3
    up: float = 1.5
    down: float = 0.1
    limit: float = 1e10
    by_diagonal: bool = False


@dataclass(frozen=True)
class SolverRule:
    """kind: the solver.  least_gradient: training ends when no derivative of the loss is larger.
    ranges: [begin, end) of the parameters that learn."""

    kind: SolverKind
    ranges: tuple[tuple[int, int], ...]
    damping: Damping = field(default_factory=Damping)
    least_gradient: float = 1e-7

    @property
    def columns(self) -> int:
        """The number of parameters that learn."""
        return sum(end - begin for begin, end in self.ranges)


@dataclass(frozen=True)
class Regularisation:
    """alpha: precision of the parameters.  beta: precision of the errors, 1 / (2 their variance).
    effective: gamma, the number of parameters that the data determine, of `parameters`."""

    alpha: float
    beta: float
    effective: float
    parameters: int


MOST_COLUMNS = 3000
"""The most parameters of a solver with a matrix: a step costs rows times their square."""
