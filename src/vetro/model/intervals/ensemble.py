"""How much smaller the error of a mean of members is than that of members that never saw a row.

A model answers by the mean of K parts (folds).  A held-out row is predicted by one of them, whose
error is larger.  Three moments of held-out rows, with e = truth - own and D = own - mean of the
others, which saw the row:

    E e^2 = S + V        -E e D = V + p S        E D^2 = V K / (K - 1) + p^2 S

V is the variance of a part's answer at rows that it never saw, S what is left of the error with
infinitely many parts, and p how far parts that saw a row are pulled to its truth.  The error of the
mean of K parts is S + V / K.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_TRIMMED = 0.99
"""The largest errors are left out: a few would decide everything."""


def shrink_of_mean(own: Floats, others: Floats, parts: int, weights: Floats | None = None) -> float:
    """sqrt((S + V / K) / (S + V)), at most 1.

    own (n,): answers minus truths of held-out rows, by the part that never saw them; others (n,):
    the same by the mean of the other parts.  All may be divided by a scale of each row.
    """
    if parts < 2 or len(own) < 2:
        return 1.0
    usual = np.abs(own) <= np.quantile(np.abs(own), _TRIMMED)
    shares = np.ones(len(own)) if weights is None else weights
    error, apart, shares = own[usual], (own - others)[usual], shares[usual]
    if not error.any():
        return 1.0
    whole = float(np.average(error**2, weights=shares))
    # e = truth - own has the other sign than `own`
    common = min(max(float(np.average(error * apart, weights=shares)), 0.0), whole)
    spread = float(np.average(apart**2, weights=shares))

    def excess(variance: float) -> float:
        left = whole - variance
        pulled = (common - variance) ** 2 / left if left > 0 else 0.0
        return variance * parts / (parts - 1) + pulled - spread

    if excess(0.0) >= 0:
        variance = 0.0
    elif excess(common) <= 0:
        variance = common
    else:
        low, high = 0.0, common  # excess rises from below 0 to above it
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if excess(middle) < 0 else (low, middle)
        variance = high
    return float(np.sqrt((whole - variance + variance / parts) / whole))
