"""softplus: a smooth relu (Dugas et al. 2001), as torch has it, with a threshold."""

from __future__ import annotations

import math

import numpy as np

from vetro.networks.activations.activation import (
    ELEMENTARY,
    STRAIGHT,
    Activation,
    Curve,
    Torch,
)
from vetro.networks.arithmetic import Array


def softplus(beta: float = 1.0, threshold: float = 20.0) -> Activation:
    """log(1 + e^(beta z)) / beta, and z itself where beta z > threshold."""
    sharp = abs(beta)
    flat = 1.0 / sharp if sharp else math.inf

    def roundings(z: Array, size: Array) -> Array:
        """log1p is off by its result, exp by at most 1 or the result; the rounding of x = beta z by
        2 |x| / (1 + e^-x), which is at most |x| times the result, and at most x or 0.28."""
        of_exp = ELEMENTARY * np.minimum(size, flat)
        of_product = 2.0 * np.minimum(sharp * z * size, size + 0.28 * flat)
        return (ELEMENTARY + 6.0) * size + of_exp + of_product

    below = Curve(
        value=lambda a, z: a.log1p_exp(beta * z) / beta,
        slope=lambda a, z: a.sigmoid(beta * z),
        bend=lambda a, z: a.sech2(beta * z / 2) * beta / 4,
    )
    return Activation(
        formula="ln(1 + exp({0}z)) / {0}, z where {0}z > {1}",
        torch=Torch("Softplus", "softplus"),
        curves=(below, STRAIGHT),
        edges=(threshold,),
        steep=beta,
        steepest=1.0,
        bent=sharp / 4.0,
        gap=float(np.logaddexp(0.0, -threshold)) * flat,
        slope_gap=1.0 / (1.0 + math.exp(min(threshold, 700.0))),
        side_agreed=False,
        rising=True,
        roundings=roundings,
        slope_roundings=lambda z: np.full(z.shape, 2.0 * ELEMENTARY + 4.0),  # of sigmoid(beta z)
    )
