"""tanh, the hyperbolic tangent: an odd step from -1 to 1."""

from __future__ import annotations

import math

import numpy as np

from vetro.networks.activations.activation import ELEMENTARY, Activation, Curve, Torch


def tanh() -> Activation:
    """tanh z.  |f''| = 2 |t| (1 - t^2) is largest at t^2 = 1/3."""
    return Activation(
        formula="tanh(z)",
        torch=Torch("Tanh", "tanh", from_output=True, in_place_from_output=True),
        curves=(
            Curve(
                value=lambda a, z: a.tanh(z),
                slope=lambda a, z: a.sech2(z),
                bend=lambda a, z: -2 * a.tanh(z) * a.sech2(z),
            ),
        ),
        steepest=1.0,
        bent=4.0 / (3.0 * math.sqrt(3.0)) * (1.0 + 2e-6),
        rising=True,
        limits=(-1.0, 1.0),
        slope_roundings=lambda z: np.full(z.shape, 3.0 * ELEMENTARY + 4.0),  # of 1 - y^2
    )
