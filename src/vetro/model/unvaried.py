"""Columns that a member's own training rows do not vary: its network must not answer to them.

All members share the encoder of inputs.  So a flag, a level or a missing value may occur only in
rows that a member never learns from.  Their weights would keep their random start, and such a row
would get a random answer.  They are 0 instead, before training and after it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vetro.engines.job import Codes, Matrix


def unvaried(x: Matrix, codes: Codes) -> NDArray[np.bool_]:
    """For each column of a matrix x (n, width), whether all rows have the same number.

    Of codes only the columns that are 0 in all rows: a 1 in all rows is a bias, and other rows can
    move it by no more than its weight.
    """
    same: NDArray[np.bool_] = (x == x[:1]).all(axis=0)
    for first, count in (*codes.one_hot, *codes.piecewise):
        same[first : first + count] &= x[0, first : first + count] == 0
    return same


def silence(x: Matrix, weight: Matrix, columns: NDArray[np.bool_]) -> None:
    """Make these columns of a matrix 0, and the weights (out, in) that read them.

    A weight of 0 that reads 0 has the gradient 0: training leaves it 0.
    """
    x[:, columns] = 0
    weight[:, columns] = 0
