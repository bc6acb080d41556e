"""gelu: z times the normal distribution's share below z (Hendrycks and Gimpel 2016)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from vetro.networks.activations.activation import ELEMENTARY, Activation, Curve, Torch
from vetro.networks.arithmetic import Arithmetic


def _density(a: Arithmetic, z: Any) -> Any:
    return a.bell(z) / a.root(2.0 * a.pi)


def _share(a: Arithmetic, z: Any) -> Any:
    """Twice the share."""
    return 1.0 + a.erf(z / a.root(2.0))


def gelu() -> Activation:
    """z Phi(z).  The slope is largest at sqrt 2; f'' = phi(z) (2 - z^2) is largest at 0.

    Phi is off by half of erf's error and its argument's rounding; z^3 phi(z) < 0.5.
    """
    return Activation(
        formula="z (1 + erf(z / sqrt(2))) / 2",
        torch=Torch("GELU", "gelu", {"approximate": "none"}),
        curves=(
            Curve(
                value=lambda a, z: 0.5 * z * _share(a, z),
                slope=lambda a, z: 0.5 * _share(a, z) + z * _density(a, z),
                bend=lambda a, z: _density(a, z) * (2 - a.power(z, 2)),
            ),
        ),
        steepest=1.128905,
        bent=math.sqrt(2.0 / math.pi) * (1.0 + 2e-6),
        rectified=True,
        roundings=lambda z, size: (ELEMENTARY + 4.0) * z,
        slope_roundings=lambda z: np.full(z.shape, 2.0 * ELEMENTARY + 12.0),
    )
