"""Columns that a member's own training rows do not vary: its network must not answer to them.

All members share the encoder of inputs.  So a flag, a level or a missing value may occur only in
rows that a member never learns from.  Their weights would keep their random start, and such a row
would get a random answer.  They are 0 instead, before training and after it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.engines.job import Codes, Matrix, Rows

_ROWS_AT_ONCE = 8192  # of the matrix that all members share: no member copies it whole


def unvaried(x: Matrix, rows: NDArray[Any], codes: Codes) -> NDArray[np.bool_]:
    """For each column of a matrix x (n, width), whether these rows have the same number.

    Of codes only the columns that are 0 in all rows: a 1 in all rows is a bias, and other rows can
    move it by no more than its weight.
    """
    first_row = x[rows[0]]
    same = np.ones(x.shape[1], np.bool_)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        same &= (x[rows[start : start + _ROWS_AT_ONCE]] == first_row).all(axis=0)
    for first, count in (*codes.one_hot, *codes.piecewise):
        same[first : first + count] &= first_row[first : first + count] == 0
    return same


def silenced(learnt: Rows, weight: Matrix, codes: Codes) -> Rows:
    """The rows to train on, and in place the weights (out, in) that read them, with 0 for the
    columns that these rows do not vary.

    A weight of 0 that reads 0 has the gradient 0: training leaves it 0.  A copy of the matrix
    is made only where such a column is not 0 already.
    """
    assert learnt.numbers is not None
    columns = unvaried(learnt.matrix, learnt.numbers, codes)
    weight[:, columns] = 0
    if not learnt.matrix[learnt.numbers[0], columns].any():
        return learnt
    own = learnt.x
    own[:, columns] = 0
    return replace(learnt, matrix=own, numbers=None)
