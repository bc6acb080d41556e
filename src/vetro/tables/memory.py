"""Memory for large matrices, not for small arrays.  It is not a pool: freed memory is returned."""

from __future__ import annotations

import math
import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGE_BYTES = 1 << 22


def empty_matrix(shape: tuple[int, int], dtype: Any) -> NDArray[Any]:
    """An uninitialised C-order matrix, like that of numpy.empty.

    numpy asks the kernel for huge pages from 4 MB on.  If memory is fragmented, the kernel
    then stops to compact it: 160 MB took 0.25 to 0.6 s to fill, and 0.1 s with plain pages.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size < LARGE_BYTES:
        return np.empty(shape, dtype)
    return np.frombuffer(mmap.mmap(-1, size), dtype).reshape(shape)
