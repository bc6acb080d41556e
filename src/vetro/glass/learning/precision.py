"""The rounding of one operation in a floating-point format, for backprop's allowances.

To first order only; the proven bounds are in verify/rounding.py.
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
        """The precision of a NumPy dtype."""
        info = np.finfo(dtype)
        return Precision(float(info.eps) / 2, float(info.tiny))

    def lost(self, count: float, size: Floats | float) -> Floats:
        """The error of `count` operations with results up to `size`, which may underflow; results
        of 0 have no error."""
        sizes = np.asarray(size)
        return np.asarray(count * (self.unit * sizes + self.tiny * (sizes != 0)))
