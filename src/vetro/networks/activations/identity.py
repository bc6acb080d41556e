"""identity: no activation."""

from __future__ import annotations

from vetro.networks.activations.activation import STRAIGHT, Activation, Torch


def identity() -> Activation:
    """z."""
    return Activation(
        formula="z",
        torch=Torch("Identity", ""),
        curves=(STRAIGHT,),
        steepest=1.0,
        bent=0.0,
        rising=True,
        below=1.0,
        exact=True,
    )
