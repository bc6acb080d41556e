"""Products of a matrix, summed column by column.

The bits of a row do not depend on the other rows, on threads or on instruction sets, as they would
with a BLAS: intervals of a table are those of its rows, however it is cut into chunks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_BLOCK = 4096


def product(matrix: NDArray[Any], weights: Floats) -> Floats:
    """matrix (n, c) @ weights (c, k), in float64: (n, k)."""
    total = np.zeros((len(matrix), weights.shape[1]))
    used = np.flatnonzero(weights.any(axis=1))
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, len(matrix), _BLOCK):
            part = slice(start, start + _BLOCK)
            columns = np.ascontiguousarray(matrix[part, used].T, dtype=np.float64)
            for column, row in zip(columns, weights[used], strict=True):
                total[part] += column[:, None] * row
    return total
