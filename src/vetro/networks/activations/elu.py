"""elu, the exponential linear unit (Clevert, Unterthiner and Hochreiter 2016)."""

from __future__ import annotations

import numpy as np

from vetro.networks.activations.activation import ELEMENTARY, STRAIGHT, Activation, Curve, Torch


def elu(alpha: float = 1.0) -> Activation:
    """z above 0, alpha (e^z - 1) below."""
    size = abs(alpha)
    below = Curve(
        value=lambda a, z: a.expm1(z) * alpha,
        slope=lambda a, z: a.exp(z) * alpha,  # as alpha e^z, or y + alpha
        bend=lambda a, z: a.exp(z) * alpha,
    )
    return Activation(
        formula="z where z > 0, else {0}(exp(z) - 1)",
        torch=Torch("ELU", "elu", in_place=True, in_place_from_output=True),
        curves=(below, STRAIGHT),
        edges=(0.0,),
        steepest=max(1.0, size),
        bent=size,
        slope_gap=abs(1.0 - alpha),
        side_agreed=False,
        rising=alpha >= 0,
        grows=True,
        roundings=lambda z, size: (ELEMENTARY + 3.0) * size,
        slope_roundings=lambda z: np.full(z.shape, (ELEMENTARY + 6.0) * abs(alpha)),
    )
