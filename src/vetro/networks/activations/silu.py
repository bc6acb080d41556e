"""silu, also called swish: z times its sigmoid (Elfwing, Uchibe and Doya 2018)."""

from __future__ import annotations

from typing import Any

from vetro.networks.activations.activation import ELEMENTARY, Activation, Curve, Torch
from vetro.networks.arithmetic import Arithmetic


def _slope(a: Arithmetic, z: Any) -> Any:
    share = a.sigmoid(z)
    return share * (1.0 + z * a.rest(share, z))


def silu() -> Activation:
    """z s, s = 1 / (1 + e^-z).  The slope is largest at z = 2.3994, |f''| at 0."""
    return Activation(
        formula="z / (1 + exp(-z))",
        torch=Torch("SiLU", "silu", in_place=True),
        curves=(
            Curve(
                value=lambda a, z: z * a.sigmoid(z),
                slope=_slope,
                bend=lambda a, z: a.sech2(z / 2) / 4 * (2 - z * a.tanh(z / 2)),
            ),
        ),
        steepest=1.09984,
        bent=0.5,
        rectified=True,
        slope_roundings=lambda z: (3.0 * ELEMENTARY + 6.0) * (1.0 + z),
    )
