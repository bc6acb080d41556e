"""Sums of squares on the compiled core: the loss, J^T J and J^T r against torch, and their bits."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from vetro.engines.job import Rows
from vetro.engines.native_core import core
from vetro.engines.squares import NativeSquares, divisor_of
from vetro.networks.losses.rule import LossRule
from vetro.networks.lower_module import lower_module


class Residual(nn.Module):
    """A sum, a shared layer, a layer norm, and a fixed scaling."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.shared = nn.Linear(3, 5), nn.Linear(5, 5)
        self.norm, self.last = nn.LayerNorm(5), nn.Linear(5, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = torch.tanh(self.first(x))
        hidden = hidden + torch.sigmoid(self.shared(hidden))
        hidden = self.norm(torch.nn.functional.gelu(self.shared(hidden)))
        return self.last(hidden) * 2.0


def chain(*sizes: int, activation: type[nn.Module] = nn.Tanh, bias: bool = True) -> nn.Module:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs, bias=bias), activation()]
    return nn.Sequential(*layers[:-1])


MODULES = {
    "line": lambda: chain(2, 1),
    "1-20-1": lambda: chain(1, 20, 1),
    "deep": lambda: chain(4, 7, 6, 3, activation=nn.SiLU),
    "wide": lambda: chain(5, 40, 1, activation=nn.Softplus),
    "without bias": lambda: chain(3, 9, 2, activation=nn.ELU, bias=False),
    "relu": lambda: chain(3, 9, 2, activation=nn.ReLU),
    "residual": Residual,
}


def rows_for(module: nn.Module, rows: int, weighted: bool) -> Rows:
    generator = torch.Generator().manual_seed(5)
    inputs = next(module.parameters()).shape[1]
    x = torch.randn(rows, inputs, generator=generator, dtype=torch.float64)
    y = torch.randn(rows, module(x).shape[1], generator=generator, dtype=torch.float64)
    weights = torch.rand(rows, generator=generator, dtype=torch.float64)
    weights[::7] = 0
    return Rows(x.numpy(), y.numpy(), weights.numpy() if weighted else None)


def native(module: nn.Module, rows: Rows, loss: LossRule, threads: int = 1) -> NativeSquares:
    lowering = lower_module(module)
    learning = [
        (slot.offset, slot.offset + slot.size)
        for slot, parameter in zip(lowering.network.slots, lowering.parameters, strict=True)
        if parameter.requires_grad
    ]
    divisor = divisor_of(rows, lowering.network.outputs, loss, row_mean=True)
    return NativeSquares(lowering.network, lowering.flat(), rows, divisor, learning, threads)


def learning_values(module: nn.Module) -> np.ndarray:
    lowering = lower_module(module)
    parts = [p.detach().reshape(-1) for p in lowering.parameters if p.requires_grad]
    return torch.cat(parts).numpy().copy()


def by_torch(module: nn.Module, rows: Rows, loss: LossRule) -> tuple[float, ...]:
    x, y = torch.from_numpy(rows.x), torch.from_numpy(rows.y)
    weights = torch.ones(len(rows), dtype=x.dtype)
    if rows.weights is not None:
        weights = torch.from_numpy(rows.weights)
    parameters = [p for p in lower_module(module).parameters if p.requires_grad]
    divisor = float(weights.sum()) * y.shape[1] if loss.reduction == "mean" else 1.0
    residuals = ((module(x) - y) * torch.sqrt(weights / divisor).reshape(-1, 1)).reshape(-1)
    jacobian = torch.stack(
        [
            torch.cat(
                [g.reshape(-1) for g in torch.autograd.grad(r, parameters, retain_graph=True)]
            )
            for r in residuals
        ]
    )
    residuals = residuals.detach()
    return (
        float((residuals**2).sum()),
        (jacobian.T @ jacobian).numpy(),
        (jacobian.T @ residuals).numpy(),
    )


@pytest.mark.parametrize("kind", MODULES)
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_equals_torch(kind: str, weighted: bool, reduction: str) -> None:
    torch.manual_seed(1)
    module = MODULES[kind]().double()
    loss = LossRule("mse", reduction=reduction)
    for count in (1, 19, 300):
        rows = rows_for(module, count, weighted and count > 1)
        value, matrix, gradient = by_torch(module, rows, loss)
        squares = native(module, rows, loss)
        w = learning_values(module)
        found, size = np.full(matrix.shape, np.nan), np.full(gradient.shape, np.nan)
        assert squares.normal(w, found, size) == squares.value(w) == pytest.approx(value, rel=1e-12)
        lower = np.tril_indices(len(w))
        scale = np.abs(matrix).max()
        assert np.abs(found[lower] - matrix[lower]).max() <= 1e-12 * scale
        assert np.abs(size - gradient).max() <= 1e-12 * max(np.abs(gradient).max(), scale * 1e-3)


def test_frozen_parameters_have_no_column() -> None:
    torch.manual_seed(2)
    module = chain(3, 6, 2).double()
    module[0].weight.requires_grad_(False)  # type: ignore[index,union-attr]
    module[2].bias.requires_grad_(False)  # type: ignore[index,union-attr]
    loss, rows = LossRule("mse"), rows_for(module, 50, weighted=False)
    value, matrix, gradient = by_torch(module, rows, loss)
    assert matrix.shape == (18, 18)  # type: ignore[attr-defined]
    found, size = np.zeros((18, 18)), np.zeros(18)
    squares = native(module, rows, loss)
    assert squares.normal(learning_values(module), found, size) == pytest.approx(value, rel=1e-12)
    assert np.allclose(np.tril(found), np.tril(matrix), rtol=1e-11, atol=1e-14)
    assert np.allclose(size, gradient, rtol=1e-11, atol=1e-14)


def test_threads_change_no_bit() -> None:
    torch.manual_seed(3)
    module = chain(4, 40, 2).double()
    rows = rows_for(module, 3000, weighted=True)
    w = learning_values(module)
    results = []
    for threads in (1, 2, 3, 7):
        squares = native(module, rows, LossRule("mse"), threads)
        matrix, gradient = np.zeros((len(w), len(w))), np.zeros(len(w))
        value = squares.normal(w, matrix, gradient)
        results.append((value, np.tril(matrix).tobytes(), gradient.tobytes()))
    assert all(one == results[0] for one in results)


_BITS = """
import hashlib, numpy as np, torch
from engines.test_squares import Residual, learning_values, native, rows_for
from vetro.engines.native_core import core
from vetro.networks.losses.rule import LossRule
torch.manual_seed(0)
module = Residual().double()
rows = rows_for(module, 500, True)
w = learning_values(module) * 0 + np.linspace(-1, 1, len(learning_values(module)))
matrix, step = np.zeros((len(w), len(w))), np.zeros(len(w))
value = native(module, rows, LossRule("mse")).normal(w, matrix, step)
digest = hashlib.sha256(np.tril(matrix).tobytes() + step.tobytes() + np.float64(value).tobytes())
for size in (5, len(w), 150):
    base = np.sin(np.arange(size * size, dtype=float).reshape(size, size))
    whole = base.T @ np.eye(size) + base + 4 * size * np.eye(size)
    factor, b = core().Cholesky(size), np.cos(np.arange(size, dtype=float))
    assert factor.factor(np.ascontiguousarray(whole), np.full(size, 0.5))
    factor.solve(b)
    digest.update(b.tobytes() + np.float64(factor.inverse_trace()).tobytes())
print(core().isa(), digest.hexdigest())
"""


@pytest.mark.skipif(core().isa() != "avx512", reason="another instruction set is needed to compare")
def test_instruction_sets_change_no_bit() -> None:
    found = []
    for isa in ("avx512", "avx2"):
        answer = subprocess.run(
            [sys.executable, "-c", _BITS],
            env={**os.environ, "VETRO_ISA": isa, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        found.append(answer.stdout.split())
    assert [one[0] for one in found] == ["avx512", "avx2"]
    assert found[0][1] == found[1][1]


@pytest.mark.parametrize("size", [1, 2, 7, 8, 9, 61, 97, 200, 530])
def test_cholesky_against_lapack(size: int) -> None:
    rng = np.random.default_rng(size)
    base = rng.normal(size=(size + 3, size))
    matrix, added = base.T @ base, rng.uniform(0.1, 1, size)
    whole = matrix + np.diag(added)
    garbage = np.tril(matrix) + np.triu(np.full((size, size), np.nan), 1)
    factor = core().Cholesky(size)
    assert factor.factor(garbage, added)
    b = rng.normal(size=size)
    x = b.copy()
    factor.solve(x)
    assert np.abs(whole @ x - b).max() <= 1e-10 * max(1.0, np.abs(x).max() * np.abs(whole).max())
    assert factor.inverse_trace() == pytest.approx(np.trace(np.linalg.inv(whole)), rel=1e-9)


def test_cholesky_refuses_what_is_not_positive_definite() -> None:
    factor = core().Cholesky(3)
    assert not factor.factor(np.diag([1.0, -1.0, 2.0]), np.zeros(3))
    assert not factor.factor(np.full((3, 3), np.nan), np.zeros(3))
    with pytest.raises(ValueError, match="no factor"):
        factor.solve(np.zeros(3))
