"""relu: 0 below 0, z above."""

from __future__ import annotations

from vetro.networks.activations.activation import STRAIGHT, Activation, Curve, Torch, nothing

_OFF = Curve(*[lambda a, z: a.constant(z, 0.0)] * 3)


def relu() -> Activation:
    """max(0, z)."""
    return Activation(
        formula="max(0, z)",
        torch=Torch("ReLU", "relu", in_place=True, from_output=True, in_place_from_output=True),
        curves=(_OFF, STRAIGHT),
        edges=(0.0,),
        steepest=1.0,
        bent=0.0,
        slope_gap=1.0,
        rising=True,
        grows=True,
        below=0.0,
        rectified=True,
        roundings=lambda z, size: nothing(z),
        exact=True,
    )
