"""Layer norm as Rounded values, forward and backward.

y = (x - mean) / sqrt(variance + eps) * gamma + beta.  The engine computes the variance from
x - mean (native/norm.h), torch by Welford's rule.  Its relative error is of the order of n u kappa,
kappa^2 = 1 + mean^2 / variance (Chan, Golub and LeVeque 1983); 4 (n + 8) u kappa covers both.
torch computes x * a + b, a = 1 / root, b = -mean a, which rounds on the scale of x rather than of
x - mean; the bounds hold for both methods, forward and backward.
"""

from __future__ import annotations

import numpy as np
from flint import arb, ctx

from vetro.glass.verify.rounding import (
    DIVIDING,
    Floats,
    Format,
    Rounded,
    made,
    mapped,
    mean,
    minus,
    plus,
    times,
    total,
)
from vetro.networks.lowered import Operation

OWN = 8.0
"""Roundings of x * a + b beyond those of a and b."""


def forward(
    operation: Operation, gamma: Rounded | None, beta: Rounded | None, x: Rounded, format: Format
) -> Rounded:
    """y of x (features, rows); gamma, beta: (features, 1)."""
    y = _standard(operation, x, format)[0]
    if gamma is not None:
        y = times(y, gamma.spread(y.shape), format)
    return y if beta is None else plus(y, beta.spread(y.shape), format)


def backward(
    operation: Operation, gamma: Rounded | None, x: Rounded, d: Rounded, format: Format
) -> tuple[Rounded, Rounded]:
    """dLoss/dx (features, rows) and dLoss/dgamma (features,) of d = dLoss/dy.

    With n the standardised x and g = d gamma: inverse (g - mean(g) - n mean(g n)); torch computes
    mean(g n) from sum(g x) - mean sum(g).
    """
    n, middle, inverse = _standard(operation, x, format)
    features = x.shape[0]
    g = d if gamma is None else times(d, gamma.spread(d.shape), format)
    of_gamma = total(times(d, n, format), 1, format)
    along = mean(times(g, n, format), 0, format)
    level = mean(g, 0, format)
    inner = minus(g, level.spread(g.shape), format)
    back = times(n, along.spread(n.shape), format)
    inner = minus(inner, back, format)
    found = times(inner, inverse.spread(inner.shape), format)
    # torch's method: the cancellation in sum(g x) - mean sum(g), and in b x + c
    reach = x.size + middle.size
    cancelled = (g.size * reach).sum(axis=0) / features
    scale = inverse.size
    lost = (features + OWN) * format.u * (cancelled * scale * scale * reach + _mean(g)) * scale
    slope = (g.size * n.size).mean(axis=0)
    lost = lost + (middle.error * _mean(g) * scale**3 + 3.0 * inverse.error * slope * scale) * reach
    return made(found.exact, found.error + lost, format), of_gamma


def _mean(g: Rounded) -> Floats:
    found: Floats = g.size.mean(axis=0)
    return found


def _standard(operation: Operation, x: Rounded, format: Format) -> tuple[Rounded, Rounded, Rounded]:
    """(x - mean) inverse (features, rows), mean (rows,) and inverse = 1 / root (rows,)."""
    features = x.shape[0]
    middle = mean(x, 0, format)
    with ctx.workprec(DIVIDING):
        centred = x.exact - middle.exact
        variance = np.sum(centred * centred, axis=0) / features
        eps = operation.numbers[0]
        root = mapped(arb.sqrt, np.sqrt, variance + eps)
        standard = centred / root
        inverse = 1 / root
    spread = np.sqrt(np.abs(variance.astype(np.float64)))
    level = middle.size
    # of the variance: the effect of the errors of x, then the rounding of its sum
    carried = 2.0 * spread * _norm(x.error) + _norm(x.error) ** 2 + middle.error**2
    own = (
        4.0 * (features + OWN) * format.u * (spread * spread + level * spread + _norm(x.error) ** 2)
    )
    under = variance.astype(np.float64) + eps
    off = carried + own + 3.0 * format.u * under
    # of 1 / sqrt, where the radicand is smaller by its relative error, which must be below 1
    share = np.minimum(off / under, 0.5)
    relative = np.where(share < 0.5, np.expm1(-0.5 * np.log1p(-share)), np.inf) + 4.0 * format.u
    scale = np.abs(inverse.astype(np.float64))
    of_inverse = scale * relative
    reach = x.size + level
    moved = (x.error + middle.error) * (scale + of_inverse)
    rounded = OWN * format.u * reach * (scale + of_inverse)
    size = np.abs(centred.astype(np.float64))
    return (
        made(standard, moved + size * of_inverse + rounded, format),
        middle,
        made(inverse, of_inverse, format),
    )


def _norm(errors: Floats) -> Floats:
    """The root of the mean square over the features."""
    found: Floats = np.sqrt((errors * errors).mean(axis=0))
    return found
