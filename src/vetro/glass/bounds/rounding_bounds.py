"""How far floating point sums can be off, as plain float64 numbers, vectorised.

Higham 2002, "Accuracy and Stability of Numerical Algorithms", section 3.1: a sum of n products
in any order differs from the exact one by at most gamma_n times the sum of the products' sizes,
gamma_n = n u / (1 - n u), u the unit roundoff.  Two uses: the rounding of an engine's layer, and
the rounding of our own float64 products (OWN).  Every allowance is multiplied by SAFE, which covers
the rounding in computing the allowance itself.
"""

from __future__ import annotations

import numpy as np

OWN = 2.0**-53
"""The unit roundoff of our own arithmetic."""

SAFE = 1.0 + 2.0**-20
"""Allowances are sums of positive numbers, off by a few thousand roundings at most."""


def unit(dtype: str) -> float:
    """The unit roundoff of a dtype: half the distance from 1 to the next number."""
    return float(np.finfo(dtype).eps) / 2


def smallest(dtype: str) -> float:
    """The smallest normal number: a bound of the loss by underflow, with or without denormals."""
    return float(np.finfo(dtype).tiny)


def largest(dtype: str) -> float:
    """Half the largest number: a sum that stays below it overflows in no order."""
    return float(np.finfo(dtype).max) / 2


def gamma(count: int, roundoff: float) -> float:
    """gamma_n, rounded up; infinite if n u reaches 1."""
    share = count * roundoff
    return SAFE * share / (1.0 - share) if share < 1 else np.inf
