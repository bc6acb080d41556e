"""The arithmetics in which activations and losses are written: what each must be able to do.

`Floats` is float64 arrays, for display and counts.  The glass has balls with proven radii and
ranges; floor 1 knows neither.  The steps of optimizers have their own, in updates/update.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Numbers = NDArray[Any]
"""Numbers of an arithmetic, in arrays that add, subtract, multiply and divide."""
Piece = Callable[[Any, Any], Any]
"""A formula in an arithmetic and z."""


class Arithmetic(Protocol):
    """Functions of one number, for activations.  Sums and products are the numbers' operators."""

    @property
    def pi(self) -> Any:
        """The circle's number."""

    def decimal(self, text: str) -> Any:
        """A decimal number, as exactly as this arithmetic can."""

    def root(self, number: Any) -> Any:
        """The square root of a constant."""

    def exp(self, z: Any) -> Any:
        """e^z."""

    def expm1(self, z: Any) -> Any:
        """e^z - 1."""

    def bell(self, z: Any) -> Any:
        """e^(-z^2 / 2)."""

    def log1p_exp(self, z: Any) -> Any:
        """log(1 + e^z)."""

    def tanh(self, z: Any) -> Any:
        """The hyperbolic tangent."""

    def sech2(self, z: Any) -> Any:
        """1 - tanh(z)^2, the slope of tanh."""

    def sigmoid(self, z: Any) -> Any:
        """1 / (1 + e^-z)."""

    def rest(self, share: Any, z: Any) -> Any:
        """1 - share, where share = sigmoid(z)."""

    def erf(self, z: Any) -> Any:
        """The error function."""

    def power(self, z: Any, exponent: int) -> Any:
        """z^exponent."""

    def rising(self, function: Callable[[Any], Any], z: Any) -> Any:
        """function(z), which rises with z."""

    def constant(self, z: Any, value: float) -> Any:
        """The value, in the shape of z."""

    def piece(self, z: Any, scaled: Any, edges: Sequence[float], pieces: Sequence[Piece]) -> Any:
        """pieces[k](self, z) where `scaled` is above k of the rising edges, and not at them."""


class Slopes(Protocol):
    """The functions in which a loss's slopes are written, on arrays (rows, outputs)."""

    def number(self, values: ArrayLike) -> Numbers:
        """Stored floats as such numbers, without rounding."""

    def sign(self, x: Numbers) -> Numbers:
        """-1, 0 or 1."""

    def limited(self, x: Numbers, limit: float) -> Numbers:
        """The nearest number from -limit to limit."""

    def sigmoid(self, z: Numbers) -> Numbers:
        """1 / (1 + e^-z)."""

    def softmax(self, x: Numbers) -> Numbers:
        """exp(x) / (the row's sum of it)."""


class Terms(Protocol):
    """The functions in which a loss's terms are written, on arrays (rows, outputs)."""

    def number(self, values: ArrayLike) -> Numbers:
        """Stored floats as such numbers."""

    def where(self, holds: Any, x: Any, y: Any) -> Numbers:
        """x where it holds, else y."""

    def log1p_exp(self, z: Numbers) -> Numbers:
        """log(1 + e^z)."""

    def log_softmax(self, x: Numbers) -> Numbers:
        """The logarithm of a row's softmax."""


class Floats:
    """float64 arrays: each arithmetic above; the functions of losses do not overflow."""

    pi = math.pi

    def number(self, values: ArrayLike) -> Array:
        return np.asarray(values, dtype=np.float64)

    def where(self, holds: Any, x: Any, y: Any) -> Array:
        return np.asarray(np.where(holds, x, y))

    def sign(self, x: Array) -> Array:
        return np.sign(x)

    def limited(self, x: Array, limit: float) -> Array:
        return np.clip(x, -limit, limit)

    def softmax(self, x: Array) -> Array:
        return np.asarray(np.exp(self.log_softmax(x)))

    def log_softmax(self, x: Array) -> Array:
        moved = x - x.max(axis=-1, keepdims=True)
        return np.asarray(moved - np.log(np.exp(moved).sum(axis=-1, keepdims=True)))

    def decimal(self, text: str) -> float:
        return float(text)

    def root(self, number: float) -> float:
        return math.sqrt(number)

    def exp(self, z: Array) -> Array:
        return np.exp(z)

    def expm1(self, z: Array) -> Array:
        return np.expm1(z)

    def bell(self, z: Array) -> Array:
        return np.exp(-0.5 * z * z)

    def log1p_exp(self, z: Array) -> Array:
        return np.logaddexp(0.0, z)

    def tanh(self, z: Array) -> Array:
        return np.tanh(z)

    def sech2(self, z: Array) -> Array:
        return 1.0 - np.tanh(z) ** 2

    def sigmoid(self, z: Array) -> Array:
        e = np.exp(-np.abs(z))
        return np.where(z >= 0, 1.0 / (1.0 + e), e / (1.0 + e))

    def rest(self, share: Array, z: Array) -> Array:
        return 1.0 - share

    def erf(self, z: Array) -> Array:
        return np.array([math.erf(value) for value in z.reshape(-1)]).reshape(z.shape)

    def power(self, z: Array, exponent: int) -> Array:
        return z**exponent

    def rising(self, function: Callable[[Array], Array], z: Array) -> Array:
        return function(z)

    def constant(self, z: Array, value: float) -> Array:
        return np.full_like(z, value)

    def piece(
        self, z: Array, scaled: Array, edges: Sequence[float], pieces: Sequence[Piece]
    ) -> Array:
        found: Array = pieces[-1](self, z)
        with np.errstate(over="ignore", invalid="ignore"):  # of pieces far beyond their edges
            for edge, own in reversed(list(zip(edges, pieces, strict=False))):
                found = np.where(scaled <= edge, own(self, z), found)
        return found


FLOATS = Floats()
