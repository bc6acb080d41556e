"""Activations and their derivatives as Rounded values: exact, with a bound for a float computation.

An error e in z changes f(z) by at most e times the largest slope within e of z, which is at most
|f'(z)| + e max|f''|, and never more than max|f'|.  The rounding of f itself is counted by the
activation (networks/activations), from the operations in the engine and in torch.  torch's erf in
float32 is a polynomial (Abramowitz and Stegun 7.1.26) with an absolute error of 1.5e-7, counted as
4 u.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from flint import arb, ctx
from numpy.typing import NDArray

from vetro.glass import exact, plain
from vetro.glass.verify.rounding import (
    SLACK,
    TINY,
    ZERO,
    Floats,
    Format,
    Rounded,
    each,
    lifted,
    like,
    mapped,
)
from vetro.networks.activations.activation import Activation
from vetro.networks.arithmetic import FLOATS
from vetro.networks.lowered import Operation

Flags = NDArray[np.bool_]


def activation(operation: Operation, z: Rounded, format: Format) -> Rounded:
    """function(z)."""
    known, e = operation.activation, z.error
    if not operation.bends:
        return z
    above, below = _sides(z)
    sure = bool((above | below).all())
    values = _values(known, z, above, sure)
    if known.below == 0:
        # an error that may lift z above 0 changes the result only by the part above 0
        return Rounded(values, np.where(above, e, lifted(np.maximum(z.near + e, 0.0))))
    size = np.abs(values.astype(np.float64)) * SLACK + TINY
    carried = steepness(operation, z) * e
    own = format.u * known.roundings(z.size, size) + format.tiny * (1.0 + z.size)
    near = _near_an_edge(known, z, format)
    if known.straight_above:
        own = np.where(_above(known, z) & ~near, 0.0, own)
    nothing = z.nothing & np.equal(values, 0).astype(np.bool_)
    own = np.where(near, own + known.gap, own)
    return Rounded(values, lifted(np.where(nothing, 0.0, carried + own)))


def _values(known: Activation, z: Rounded, above: Flags, sure: bool) -> Any:
    """The values of the function; a piecewise linear one of fractions is a fraction where the sign
    of z is sure."""
    if z.computed or known.below is None or (known.below and not sure):
        return mapped(partial(known.value, exact.BALLS), partial(known.value, FLOATS), z.exact)
    if sure:
        return np.where(above, z.exact, z.exact * arb(known.below) if known.below else ZERO)
    return each(lambda value: value.max(ZERO), z.exact)


def derivative(operation: Operation, z: Rounded, format: Format) -> Rounded:
    """function'(z), at a bend as in torch: 0 for relu, the slope below for leaky_relu and elu.

    Where the sign of z is not certain, either side's slope may be returned.
    """
    known = operation.activation
    if known.below is None:
        with ctx.workprec(exact.PRECISION):
            values = mapped(
                partial(known.slope, exact.BALLS), partial(known.slope, FLOATS), z.exact
            )
        carried = np.minimum(2.0 * known.steepest, known.bent * z.error)
        own = format.u * known.slope_roundings(z.size) + format.tiny * (1.0 + z.size)
    else:
        steep, flat = like(z, [1.0, known.below]).exact
        values = np.where(_sides(z)[0], steep, flat)
        carried, own = np.zeros(z.shape), format.u * known.slope_roundings(z.size)
    near = _near_an_edge(known, z, format)
    if known.straight_above:
        sure = _above(known, z) & ~near
        own, carried = np.where(sure, 0.0, own), np.where(sure, 0.0, carried)
    if known.side_agreed:
        near &= z.error > 0
    return Rounded(values, lifted(carried + (own + np.where(near, known.slope_gap, 0.0))))


def steepness(operation: Operation, z: Rounded) -> Floats:
    """A bound of |function'| within the error of z; across a gap, that of the nearest curve."""
    known = operation.activation
    near, e = z.near, z.error * SLACK
    if known.below is not None:
        found = np.full(z.shape, abs(known.below))
    elif known.grows:
        highest = np.minimum(near + e, known.edges[0])
        found = np.abs(known.curves[0].slope(FLOATS, highest)) * SLACK
    else:
        here = np.abs(plain.derivative(operation, near)) * SLACK + 2.0**-40
        found = np.minimum(known.steepest, here + known.bent * e)
    if known.straight_above:
        found = np.where(_above(known, z), 1.0, found)
    if known.gap == 0.0:
        for edge in known.edges:
            found = np.where(np.abs(near - edge) <= e, known.steepest, found)
    return found


def _above(known: Activation, z: Rounded) -> Flags:
    """Where the nearest z is above the last edge."""
    found: Flags = known.steep * z.near > known.edges[-1]
    return found


def _near_an_edge(known: Activation, z: Rounded, format: Format) -> Flags:
    """Where rounding may put z, or its product with the activation's own number, on the other side
    of an edge."""
    scaled = known.steep * z.near
    own = 0.0 if known.steep == 1.0 else 4.0 * format.u * np.abs(scaled)
    room = (abs(known.steep) * z.error + own) * SLACK + TINY
    found = np.zeros(z.shape, dtype=np.bool_)
    for edge in known.edges:
        found |= np.abs(scaled - edge) <= room
    return found


def _sides(z: Rounded) -> tuple[Flags, Flags]:
    """Where the exact value is certainly above 0, and where it is certainly not above 0."""
    above = np.greater(z.exact, 0).astype(np.bool_)
    return above, np.less_equal(z.exact, 0).astype(np.bool_)
