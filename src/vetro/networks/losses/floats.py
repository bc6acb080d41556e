"""The float64 arithmetic of losses."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

_Floats = NDArray[np.float64]


class Float64:
    """Losses' functions in float64, without overflow."""

    def number(self, values: ArrayLike) -> _Floats:
        return np.asarray(values, dtype=np.float64)

    def sign(self, x: _Floats) -> _Floats:
        return np.sign(x)

    def limited(self, x: _Floats, limit: float) -> _Floats:
        return np.clip(x, -limit, limit)

    def sigmoid(self, x: _Floats) -> _Floats:
        return np.exp(-np.logaddexp(0.0, -x))

    def softmax(self, x: _Floats) -> _Floats:
        return np.exp(log_softmax(x))


FLOATS = Float64()


def log_softmax(x: _Floats) -> _Floats:
    """The logarithm of a row's softmax."""
    moved = x - x.max(axis=-1, keepdims=True)
    return np.asarray(moved - np.log(np.exp(moved).sum(axis=-1, keepdims=True)))
