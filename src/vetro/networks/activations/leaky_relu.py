"""leaky_relu: z above 0, a part of z below."""

from __future__ import annotations

import numpy as np

from vetro.networks.activations.activation import STRAIGHT, Activation, Torch, line


def leaky_relu(negative_slope: float = 0.01) -> Activation:
    """z above 0, negative_slope z below: one product, of a slope that is rounded when stored."""
    size = abs(negative_slope)
    return Activation(
        formula="z where z > 0, else {0}z",
        torch=Torch("LeakyReLU", "leaky_relu", in_place=True, in_place_from_output=True),
        curves=(line(negative_slope), STRAIGHT),
        edges=(0.0,),
        steepest=max(1.0, size),
        bent=0.0,
        slope_gap=abs(1.0 - negative_slope),
        rising=negative_slope >= 0,
        grows=True,
        below=negative_slope,
        rectified=True,
        roundings=lambda z, size: 2.0 * size,
        slope_roundings=lambda z: np.full(z.shape, size),
    )
