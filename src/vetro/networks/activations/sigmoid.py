"""sigmoid, the logistic function: a step from 0 to 1."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from vetro.networks.activations.activation import ELEMENTARY, Activation, Curve, Torch
from vetro.networks.arithmetic import Arithmetic


def _slope(a: Arithmetic, z: Any) -> Any:
    share = a.sigmoid(z)
    return share * a.rest(share, z)


def sigmoid() -> Activation:
    """s = 1 / (1 + e^-z).  |f''| = s (1 - s) |1 - 2 s| is largest where tanh(z / 2)^2 = 1/3."""
    return Activation(
        formula="1 / (1 + exp(-z))",
        torch=Torch("Sigmoid", "sigmoid", from_output=True, in_place_from_output=True),
        curves=(
            Curve(
                value=lambda a, z: a.sigmoid(z),
                slope=_slope,
                bend=lambda a, z: -a.tanh(z / 2) * a.sech2(z / 2) / 4,
            ),
        ),
        steepest=0.25,
        bent=1.0 / (6.0 * math.sqrt(3.0)) * (1.0 + 2e-6),
        rising=True,
        limits=(0.0, 1.0),
        slope_roundings=lambda z: np.full(z.shape, 3.0 * ELEMENTARY + 4.0),  # of (1 - y) y
    )
