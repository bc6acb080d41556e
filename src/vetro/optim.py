"""Optimizers for vetro.train that torch does not have: second-order ones, which take all rows in
every step."""

from __future__ import annotations

from vetro.networks.torch_solvers import LBFGS as LBFGS
from vetro.networks.torch_solvers import BayesianRegularisation as BayesianRegularisation
from vetro.networks.torch_solvers import LevenbergMarquardt as LevenbergMarquardt

__all__ = ["LBFGS", "BayesianRegularisation", "LevenbergMarquardt"]
