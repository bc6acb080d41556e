"""The second-order optimizers that users make, vetro.optim: settings, and the damping reached.

They are torch optimizers, so that they hold parameters and save their state as others do.  Only
vetro.train takes their steps, because a step needs the residual of every row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from vetro.errors import Setting, error
from vetro.networks.solvers import Damping, SolverKind, SolverRule


class Solver(torch.optim.Optimizer):
    """An optimizer that takes all rows in every step.

    param_groups[0]["damping"] is the damping that training has reached; the next call begins
    with it.
    """

    kind: SolverKind
    title: str

    def __init__(
        self, parameters: nn.Module | Iterable[Tensor], damping: Damping, least_gradient: float
    ) -> None:
        for name in ("start", "up", "down", "limit"):
            _check("damping" if name == "start" else name, getattr(damping, name), 0.0)
        _check("up", damping.up, 1.0)
        if damping.down >= 1.0:
            raise _invalid("down", damping.down, "it must be below 1", 0.1)
        _check("least_gradient", least_gradient, 0.0, inclusive=True)
        self._damping, self._least_gradient = damping, least_gradient
        held = parameters.parameters() if isinstance(parameters, nn.Module) else parameters
        super().__init__(list(held), {"lr": 1.0, "damping": damping.start})

    def rule(self, ranges: tuple[tuple[int, int], ...]) -> SolverRule:
        """Its settings for the parameters in these ranges, with the damping reached."""
        damping = replace(self._damping, start=float(self.param_groups[0]["damping"]))
        return SolverRule(self.kind, ranges, damping, self._least_gradient)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """E604: only vetro.train takes its steps."""
        raise error(
            "E604",
            what=f"{self.title} needs the residual of every row, which step() does not get",
            fix=f"Use vetro.train(module, x, y, loss=nn.MSELoss(), optimizer={type(self).__name__}"
            "(module), steps=100).",
        )


class LevenbergMarquardt(Solver):
    """Damped least squares (Levenberg 1944, Marquardt 1963) for nn.MSELoss.

    A step solves (J^T J + mu I) step = -J^T r, where r are the residuals of all rows and J their
    derivatives by the parameters, in float64.  It is taken only if it lowers the loss; else mu
    grows and another one is tried.  For smooth problems with up to some hundred parameters it
    reaches losses that gradient methods do not reach.

    parameters: the module, or the parameters that learn.  damping, up, down, limit, by_diagonal:
    see Damping.  least_gradient: training ends when no derivative of the loss is larger.
    """

    kind = "lm"
    title = "Levenberg-Marquardt"

    def __init__(
        self,
        parameters: nn.Module | Iterable[Tensor],
        damping: float = 1e-3,
        *,
        up: float = 1.5,
        down: float = 0.1,
        limit: float = 1e10,
        by_diagonal: bool = False,
        least_gradient: float = 1e-7,
    ) -> None:
        super().__init__(parameters, Damping(damping, up, down, limit, by_diagonal), least_gradient)


class BayesianRegularisation(Solver):
    """Levenberg-Marquardt that estimates the weight decay itself.

    MacKay 1992; Foresee and Hagan 1997.  It minimises beta E_D + alpha E_W, the sums of the squared
    errors and of the squared parameters, and finds alpha and beta from the rows that it trains on,
    so that no rows are needed for validation.  history.regularisation has alpha, beta and the
    effective number of parameters after every step.

    The settings are those of LevenbergMarquardt; least_gradient is of that sum.
    """

    kind = "br"
    title = "Bayesian regularisation"

    def __init__(
        self,
        parameters: nn.Module | Iterable[Tensor],
        damping: float = 5e-3,
        *,
        up: float = 1.5,
        down: float = 0.1,
        limit: float = 1e10,
        least_gradient: float = 1e-7,
    ) -> None:
        super().__init__(parameters, Damping(damping, up, down, limit), least_gradient)


class LBFGS(Solver):
    """Steps along an estimate of the second derivatives from the last 20 gradients, in float64.

    Any smooth loss, and any number of parameters, of a module that the native engine knows.  The
    step lengths satisfy the strong Wolfe conditions.  (torch.optim.LBFGS runs as torch's own.)
    least_gradient: training ends when no derivative of the loss is larger.
    """

    kind = "lbfgs"
    title = "L-BFGS"

    def __init__(
        self, parameters: nn.Module | Iterable[Tensor], *, least_gradient: float = 1e-7
    ) -> None:
        super().__init__(parameters, Damping(), least_gradient)


def _check(name: str, value: float, above: float, *, inclusive: bool = False) -> None:
    fine = math.isfinite(value) and (value > above or (inclusive and value == above))
    if not fine:
        least = "at least" if inclusive else "above"
        raise _invalid(name, value, f"it must be {least} {above:g}", above + 1e-3)


def _invalid(name: str, value: float, reason: str, example: float) -> Exception:
    return error(
        "E601",
        argument=Setting(name),
        value=value,
        reason=reason,
        fix=f"Use for example {name}={example:g}.",
    )
