"""A module's residuals as a sum of squares, by torch: any module, one derivative at a time.

The native engine's squares.py is much faster for the networks that it knows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev, vmap

from vetro.engines.squares import Floats

_AGREE = 1e-9
"""The largest relative difference between a row's output alone and among all rows."""


class TorchSquares:
    """Squares of the rows of a module whose output has the shape of y; see engines/squares.py.

    learning: names of the parameters that learn, in the order of the columns.  roots: (rows,)
    factors of the residuals.  In float64, unless the forward mixes in tensors of its own dtype.
    """

    def __init__(
        self,
        module: nn.Module,
        x: Tensor,
        y: Tensor,
        roots: Floats,
        learning: Mapping[str, nn.Parameter],
        divisor: float,
    ) -> None:
        self._module, self._learning = module, dict(learning)
        fixed = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        self._fixed = {
            name: _double(value.detach().clone())
            for name, value in fixed.items()
            if name not in self._learning
        }
        self._x, self._y = _double(x.detach()), y.detach().to(torch.float64)
        spread = torch.from_numpy(roots).to(y.device)
        self._roots = spread.reshape(-1, *[1] * (y.dim() - 1)).expand(y.shape)
        self._cast: torch.dtype | None = None
        self.divisor = divisor
        self.residuals = int(torch.count_nonzero(self._roots))
        start = {name: value.detach() for name, value in self._learning.items()}
        self._output = self._in_double(start)
        self._by_rows = self._rows_are_apart(start)

    def value(self, w: Floats) -> float:
        """See Squares."""
        with torch.no_grad():
            return float(torch.sum(self._residuals(self._named(w)) ** 2))

    def normal(self, w: Floats, matrix: Floats, gradient: Floats) -> float:
        """See Squares."""
        named = self._named(w)
        with torch.no_grad():
            residuals = self._residuals(named).reshape(-1)
        jacobian = self._jacobian_by_rows(named) if self._by_rows else self._jacobian(named)
        jacobian = jacobian * self._roots.reshape(-1, 1)
        matrix[:] = (jacobian.T @ jacobian).cpu().numpy()
        gradient[:] = (jacobian.T @ residuals).cpu().numpy()
        return float(torch.sum(residuals**2))

    def _named(self, w: Floats) -> dict[str, Tensor]:
        named, place = {}, 0
        for name, parameter in self._learning.items():
            part = torch.from_numpy(w[place : place + parameter.numel()].copy())
            dtype = self._cast or torch.float64
            named[name] = part.reshape(parameter.shape).to(parameter.device, dtype)
            place += parameter.numel()
        return named

    def _residuals(self, named: Mapping[str, Tensor]) -> Tensor:
        return (self._output(named, self._x) - self._y) * self._roots

    def _in_double(self, start: Mapping[str, Tensor]) -> Callable[..., Tensor]:
        """The module's output in float64, of parameters and rows."""

        def output(named: Mapping[str, Tensor], x: Tensor) -> Tensor:
            found: Tensor = functional_call(self._module, {**self._fixed, **named}, (x,))
            return found.to(torch.float64)

        try:
            with torch.no_grad():
                output({name: value.to(torch.float64) for name, value in start.items()}, self._x)
        except RuntimeError:  # of different dtypes: the forward holds tensors of its own
            self._cast = next(iter(self._learning.values())).dtype
            self._fixed = {name: _as(value, self._cast) for name, value in self._fixed.items()}
            self._x = _as(self._x, self._cast)
        return output

    def _rows_are_apart(self, start: Mapping[str, Tensor]) -> bool:
        """Whether vmap gives each row's output by itself, as all rows together have it."""
        named = {name: value.to(self._cast or torch.float64) for name, value in start.items()}
        try:
            with torch.no_grad():
                together = self._output(named, self._x)
                apart = vmap(lambda row: self._output(named, row.unsqueeze(0))[0])(self._x)
        except (RuntimeError, NotImplementedError, ValueError, IndexError, TypeError):
            return False
        size = float(together.abs().max())
        near = torch.finfo(self._cast).eps * 1e3 if self._cast else _AGREE
        return apart.shape == together.shape and bool(
            ((apart - together).abs() <= near * max(size, 1e-300)).all()
        )

    def _jacobian_by_rows(self, named: dict[str, Tensor]) -> Tensor:
        """(residuals, columns): of each row alone."""

        def one(values: dict[str, Tensor], row: Tensor) -> Tensor:
            return self._output(values, row.unsqueeze(0)).reshape(-1)

        parts = vmap(jacrev(one), in_dims=(None, 0))(named, self._x)
        rows = len(self._x)
        flat = [part.reshape(rows, part.shape[1], -1) for part in parts.values()]
        return torch.cat(flat, dim=2).reshape(-1, sum(p.shape[2] for p in flat)).double()

    def _jacobian(self, named: dict[str, Tensor]) -> Tensor:
        """(residuals, columns): one residual after another."""
        leaves = {name: value.detach().requires_grad_() for name, value in named.items()}
        output = self._output(leaves, self._x).reshape(-1)
        rows = []
        for number in range(output.numel()):
            parts = torch.autograd.grad(
                output[number], list(leaves.values()), retain_graph=True, materialize_grads=True
            )
            rows.append(torch.cat([part.reshape(-1) for part in parts]))
        return torch.stack(rows).double()


def roots_of(weights: Tensor | None, rows: int, divisor: float) -> Floats:
    """The factor of each row's residuals, (rows,)."""
    if weights is None:
        return np.full(rows, 1.0 / np.sqrt(divisor))
    return np.sqrt(weights.detach().cpu().double().numpy().reshape(-1) / divisor)


def _double(value: Tensor) -> Tensor:
    return _as(value, torch.float64)


def _as(value: Tensor, dtype: torch.dtype) -> Tensor:
    return value.to(dtype) if value.is_floating_point() else value
