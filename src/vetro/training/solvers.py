"""Every second-order solver by its kind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vetro.engines.squares import Squares
from vetro.networks.solvers import SolverRule
from vetro.training.bayesian import Bayesian
from vetro.training.lbfgs import Gradients, Lbfgs
from vetro.training.levenberg import Levenberg
from vetro.training.solving import Steps


def of_squares(rule: SolverRule, squares: Squares, start: NDArray[np.float64]) -> Steps:
    """The solver of a sum of squares, "lm" or "br"."""
    return (Bayesian if rule.kind == "br" else Levenberg)(squares, start, rule)


def of_gradients(rule: SolverRule, objective: Gradients, start: NDArray[np.float64]) -> Steps:
    """The solver of any smooth loss, "lbfgs"."""
    return Lbfgs(objective, start, rule)
