"""Bayesian regularisation: its estimates against exact ones of a linear model, and its answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import vetro


def rows(count: int, noise: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(count)
    x = torch.rand(count, 1, generator=generator, dtype=torch.float64) * 2 - 1
    truth = torch.sin(5 * x) + 0.3 * x**2
    shape = (count, 1)
    return x, truth + noise * torch.randn(shape, generator=generator, dtype=torch.float64), truth


def train_on(x: torch.Tensor, y: torch.Tensor, **options: object):
    module = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1)).double()
    optimizer = vetro.optim.BayesianRegularisation(module)
    return module, vetro.train(module, x, y, loss=nn.MSELoss(), optimizer=optimizer, **options)


def train(hidden: int, seed: int, x: torch.Tensor, y: torch.Tensor, **options: object):
    torch.manual_seed(seed)
    module = nn.Sequential(nn.Linear(1, hidden), nn.Tanh(), nn.Linear(hidden, 1)).double()
    optimizer = vetro.optim.BayesianRegularisation(module)
    history = vetro.train(module, x, y, loss=nn.MSELoss(), optimizer=optimizer, **options)
    return module, history


def evidence_of_a_line(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """alpha, beta and gamma of a linear model at the fixed point of MacKay's equations."""
    rows, columns = x.shape
    values = np.linalg.eigvalsh(x.T @ x)
    alpha, beta = 1e-3, 1.0
    for _ in range(10_000):
        w = np.linalg.solve(beta * x.T @ x + alpha * np.eye(columns), beta * x.T @ y)
        gamma = float(np.sum(beta * values / (beta * values + alpha)))
        alpha = gamma / (2 * float(w @ w))
        beta = (rows - gamma) / (2 * float(np.sum((y - x @ w) ** 2)))
    return alpha, beta, gamma


@pytest.mark.parametrize("engine", ["native", "torch"])
def test_estimates_of_a_linear_model(engine: str) -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(60, 4)) * [1.0, 1.0, 0.1, 0.02]
    y = x @ [1.0, -2.0, 0.5, 0.0] + 0.3 * rng.normal(size=60)
    module = nn.Linear(4, 1, bias=False).double()
    history = vetro.train(
        module,
        torch.from_numpy(x),
        torch.from_numpy(y).reshape(-1, 1),
        loss=nn.MSELoss(),
        optimizer=vetro.optim.BayesianRegularisation(module),
        steps=300,
        engine=engine,
    )
    last = history.regularisation[-1]
    found = last.alpha, last.beta, last.effective
    assert history.engine == engine
    assert history.stopped == "change"
    assert found == pytest.approx(evidence_of_a_line(x, y), rel=2e-3)
    assert last.parameters == 4


@pytest.mark.parametrize(
    ("count", "noise", "hidden"), [(60, 0.1, 20), (200, 0.3, 10), (30, 0.2, 15)]
)
def test_every_start_finds_the_noise_and_does_not_overfit(
    count: int, noise: float, hidden: int
) -> None:
    x, y, _ = rows(count, noise)
    at = torch.linspace(-1, 1, 200, dtype=torch.float64).reshape(-1, 1)
    truth = torch.sin(5 * at) + 0.3 * at**2
    ends = []
    for seed in range(3):
        module, history = train(hidden, seed, x, y, steps=500)
        last = history.regularisation[-1]
        assert 4 < last.effective < 12 < last.parameters
        assert (2 * last.beta) ** -0.5 == pytest.approx(noise, rel=0.35)
        assert float(((module(at) - truth) ** 2).mean().detach()) < noise**2
        ends.append((last.effective, history.loss[-1]))
    assert np.ptp([end[0] for end in ends]) < 0.2


def test_weighted_rows_count_as_copies() -> None:
    x, y, _ = rows(40, 0.2)
    _, weighted = train(6, 0, x, y, steps=40, sample_weight=torch.full((40,), 2.0))
    _, copied = train(6, 0, torch.cat([x, x]), torch.cat([y, y]), steps=40)
    one, other = weighted.loss, copied.loss
    assert one[:10] == pytest.approx(other[:10], rel=1e-6)


def test_noise_leaves_weights_of_about_0() -> None:
    """alpha would grow without end, until float64 overflows."""
    for seed in (1, 3, 7, 8, 26):
        torch.manual_seed(seed)
        x, y = torch.randn(160, 2, dtype=torch.float64), torch.randn(160, 1, dtype=torch.float64)
        _, history = train_on(x, y - y.mean(), steps=600)
        found = history.regularisation[-1]
        assert np.isfinite(found.alpha) and found.alpha <= 1e8 * found.beta
        assert history.loss[-1] > 0.5 * float(y.var())
