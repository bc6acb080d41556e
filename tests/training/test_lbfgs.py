"""L-BFGS: minima of known functions, and of networks against torch's and SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import optimize
from torch import Tensor, nn

import vetro
from vetro.errors import VetroError
from vetro.networks.solvers import SolverRule
from vetro.training.lbfgs import Lbfgs


class Function:
    """A function of SciPy's with its gradient."""

    def __init__(self) -> None:
        self.calls = 0

    def value(self, w: np.ndarray) -> float:
        return float(optimize.rosen(w))

    def gradient(self, w: np.ndarray) -> tuple[float, np.ndarray]:
        self.calls += 1
        return self.value(w), optimize.rosen_der(w)


@pytest.mark.parametrize("size", [2, 5, 40])
def test_rosenbrock(size: int) -> None:
    function, start = Function(), np.full(size, -1.2)
    solver = Lbfgs(function, start, SolverRule("lbfgs", ((0, size),), least_gradient=1e-9))
    reason = ""
    while not reason:
        before = solver.value
        reason = solver.step()
        assert solver.value <= before
    peer = optimize.minimize(
        optimize.rosen, start, jac=optimize.rosen_der, method="L-BFGS-B",
        options={"maxcor": 20, "ftol": 0, "gtol": 1e-9, "maxiter": 10_000, "maxfun": 100_000},
    )  # fmt: skip
    assert np.abs(optimize.rosen_der(solver.w)).max() < 1e-6
    assert solver.value <= peer.fun + 1e-12
    assert function.calls < 2 * peer.nfev + 20


def problem() -> tuple[nn.Module, Tensor, Tensor]:
    torch.manual_seed(0)
    x = torch.randn(80, 2, dtype=torch.float64)
    y = torch.sin(x[:, :1]) * x[:, 1:] + 0.1 * torch.randn(80, 1, dtype=torch.float64)
    return nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1)).double(), x, y


def by_scipy(module: nn.Module, x: Tensor, y: Tensor, loss: nn.Module, steps: int) -> float:
    """The loss after as many steps of SciPy's L-BFGS-B."""
    start = nn.utils.parameters_to_vector(module.parameters()).detach().numpy().copy()

    def value(w: np.ndarray) -> tuple[float, np.ndarray]:
        nn.utils.vector_to_parameters(torch.from_numpy(w.copy()), module.parameters())
        module.zero_grad()
        found = loss(module(x), y)
        found.backward()
        slopes = torch.cat([p.grad.reshape(-1) for p in module.parameters()])
        return float(found.detach()), slopes.numpy().copy()

    options = {"maxcor": 20, "ftol": 0, "gtol": 0, "maxiter": steps}
    return float(optimize.minimize(value, start, jac=True, method="L-BFGS-B", options=options).fun)


@pytest.mark.parametrize("loss", [nn.MSELoss(), nn.SmoothL1Loss(beta=0.5), nn.L1Loss()])
def test_as_far_as_scipy_in_as_many_steps(loss: nn.Module) -> None:
    module, x, y = problem()
    history = vetro.train(module, x, y, loss=loss, optimizer=vetro.optim.LBFGS(module), steps=200)
    assert history.engine == "native"
    assert history.loss == sorted(history.loss, reverse=True)
    assert float(loss(module(x), y).detach()) < 1.1 * by_scipy(problem()[0], x, y, loss, 200)


def test_minimum_of_a_linear_model() -> None:
    _, x, y = problem()
    module = nn.Linear(2, 1).double()
    history = vetro.train(
        module, x, y, loss=nn.MSELoss(), optimizer=vetro.optim.LBFGS(module), steps=100
    )
    assert history.stopped == "gradient"
    design = np.column_stack([x.numpy(), np.ones(80)])
    best = np.linalg.lstsq(design, y.numpy(), rcond=None)[0].reshape(-1)
    found = [*module.weight.detach().numpy().reshape(-1), float(module.bias.detach())]
    assert found == pytest.approx(best, rel=1e-6, abs=1e-8)


def test_classes_and_weights() -> None:
    module, x, y = problem()
    module[2] = nn.Linear(5, 2).double()  # type: ignore[operator]
    weights = torch.rand(80, dtype=torch.float64)
    target = (y[:, 0] > 0).long()
    history = vetro.train(
        module, x, target, loss=nn.CrossEntropyLoss(), sample_weight=weights,
        optimizer=vetro.optim.LBFGS(module), steps=20,
    )  # fmt: skip
    each = nn.functional.cross_entropy(module(x), target, reduction="none")
    found = float(((each * weights).sum() / weights.sum()).detach())
    assert found <= history.loss[-1] < history.loss[0] / 2


def test_other_modules_are_left_to_torch() -> None:
    module = nn.Sequential(nn.Linear(2, 3), nn.Softsign(), nn.Linear(3, 1)).double()
    _, x, y = problem()
    with pytest.raises(VetroError, match=r"torch\.optim\.LBFGS"):
        vetro.train(module, x, y, loss=nn.MSELoss(), optimizer=vetro.optim.LBFGS(module), steps=3)
