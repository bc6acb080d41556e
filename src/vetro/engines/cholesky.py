"""Cholesky's factorisation of J^T J with damping: in the compiled core, else by SciPy.

The core's has the same bits on every machine; SciPy's are those of its LAPACK.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vetro.engines.native_core import core, why_not_native

Floats = NDArray[np.float64]


class Cholesky(Protocol):
    """A factorisation L L^T of matrices (size, size), kept for solving."""

    def factor(self, matrix: Floats, added: Floats) -> bool:
        """Factor the matrix, whose lower triangle counts, with `added` on its diagonal; whether it
        is positive definite."""
        ...

    def solve(self, b: Floats) -> None:
        """Replace b by x of L L^T x = b."""
        ...

    def inverse_trace(self) -> float:
        """The trace of (L L^T)^-1."""
        ...


def cholesky(size: int) -> Cholesky:
    """A factorisation for matrices of this size."""
    return _Lapack() if why_not_native() else core().Cholesky(size)


class _Lapack:
    def factor(self, matrix: Floats, added: Floats) -> bool:

        whole = np.tril(matrix)
        whole[np.diag_indices_from(whole)] += added
        try:
            self._factor = np.linalg.cholesky(whole)
        except np.linalg.LinAlgError:
            return False
        return True

    def solve(self, b: Floats) -> None:
        from scipy import linalg  # its import takes as long as a small fit

        b[:] = linalg.cho_solve((self._factor, True), b)

    def inverse_trace(self) -> float:
        from scipy import linalg

        inverse = linalg.solve_triangular(self._factor, np.eye(len(self._factor)), lower=True)
        return float(np.sum(inverse * inverse))
