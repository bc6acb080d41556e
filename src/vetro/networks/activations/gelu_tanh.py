"""gelu_tanh: gelu with a tanh in place of erf (Hendrycks and Gimpel 2016)."""

from __future__ import annotations

import math
from typing import Any

from vetro.networks.activations.activation import ELEMENTARY, Activation, Curve, Torch
from vetro.networks.arithmetic import Arithmetic, Array


def _step(a: Arithmetic, z: Any) -> Any:
    steep, cubic = a.root(2.0 / a.pi), a.decimal("0.044715")
    return a.rising(lambda x: a.tanh(steep * (x + cubic * a.power(x, 3))), z)


def _slope(a: Arithmetic, z: Any) -> Any:
    step = _step(a, z)
    inner = a.root(2.0 / a.pi) * (1.0 + 3.0 * a.decimal("0.044715") * z * z)
    return 0.5 * (1.0 + step) + 0.5 * z * (1.0 - step * step) * inner


def _bend(a: Arithmetic, z: Any) -> Any:
    steep, cubic = a.root(2.0 / a.pi), a.decimal("0.044715")
    step = _step(a, z)
    inner = steep * (1 + 3 * cubic * a.power(z, 2))
    turn = 1 - a.power(step, 2)
    second = turn * 6 * steep * cubic * z - 2 * step * turn * a.power(inner, 2)
    return turn * inner + z * second / 2


def _slope_roundings(z: Array) -> Array:
    """Of (1 + t) / 2 + z (1 - t^2) inner' / 2."""
    inner = 0.8 * (1.0 + 0.14 * z * z)
    return (2.0 * ELEMENTARY + 16.0) * (1.0 + 0.5 * z * inner)


def gelu_tanh() -> Activation:
    """z (1 + t) / 2, t = tanh(sqrt(2 / pi) (z + 0.044715 z^3)).  |f''| is largest at 0.

    tanh's argument, of 5 roundings, counts by at most x sech^2 x < 0.5.
    """
    return Activation(
        formula="z (1 + tanh(sqrt(2 / pi) (z + 0.044715 z^3))) / 2",
        torch=Torch("GELU", "gelu", {"approximate": "tanh"}),
        curves=(
            Curve(
                value=lambda a, z: 0.5 * z * (1.0 + _step(a, z)),
                slope=_slope,
                bend=_bend,
            ),
        ),
        steepest=1.128994,
        bent=math.sqrt(2.0 / math.pi) * (1.0 + 2e-6),
        rectified=True,
        roundings=lambda z, size: (ELEMENTARY + 8.0) * z,
        slope_roundings=_slope_roundings,
    )
