"""What one operation in a floating-point format may be off by, for stated allowances.

To first order, as backprop counts it; the proven bounds are those of verify/rounding.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Precision:
    """unit: half the distance from 1 to the next number; tiny: the smallest normal number."""

    unit: float
    tiny: float

    @staticmethod
    def of(dtype: Any) -> Precision:
        """Of a format of NumPy."""
        info = np.finfo(dtype)
        return Precision(float(info.eps) / 2, float(info.tiny))

    def lost(self, count: float, size: Floats | float) -> Floats:
        """By so many operations with results up to `size`, which may underflow; 0 loses nothing."""
        sizes = np.asarray(size)
        return np.asarray(count * (self.unit * sizes + self.tiny * (sizes != 0)))
