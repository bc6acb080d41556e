"""What is true of an activation, whatever computes it: one record, filled in by one file each.

A function consists of smooth curves between edges.  Each curve is written once, generic over the
arithmetic.  Nothing here computes: plain.py, exact.py and the rest of the glass do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from vetro.networks.arithmetic import Arithmetic, Array

Formula = Callable[[Arithmetic, Any], Any]

ELEMENTARY = 8.0
"""The error of tanh, exp and similar functions, in units of u: 4 units in the last place.

The engine's are off by at most 2 (native/elementary.h); torch documents 1 for its vector functions,
and its composed ones stay within 4.
"""


@dataclass(frozen=True)
class Curve:
    """A smooth function of z: its value, its slope f' and its bend f''."""

    value: Formula
    slope: Formula
    bend: Formula


def line(slope: float) -> Curve:
    """The straight line z * slope."""
    return Curve(
        value=lambda a, z: z * slope,
        slope=lambda a, z: a.constant(z, slope),
        bend=lambda a, z: a.constant(z, 0.0),
    )


STRAIGHT = Curve(
    value=lambda a, z: z,
    slope=lambda a, z: a.constant(z, 1.0),
    bend=lambda a, z: a.constant(z, 0.0),
)
"""z itself, not rounded."""


@dataclass(frozen=True)
class Torch:
    """Torch's names: torch.nn.`layer`, torch.nn.functional.`function`, for these values of its
    `options`.

    in_place: whether the function takes `inplace`.  from_output: whether torch computes the
    derivative from the output; in_place_from_output: whether the in-place form does.
    """

    layer: str
    function: str
    options: Mapping[str, str] = field(default_factory=dict)
    in_place: bool = False
    from_output: bool = False
    in_place_from_output: bool = False


def smooth(z: Array, size: Array) -> Array:
    """The usual count of roundings: one elementary function and a few operations around it."""
    return (ELEMENTARY + 4.0) * size


def nothing(z: Array) -> Array:
    """No number."""
    return np.zeros_like(z)


@dataclass(frozen=True, kw_only=True, eq=False)
class Activation:
    """An activation with its settings.

    formula: text in z; {0} and {1} are the settings.

    curves: one more than edges, from left to right.  A curve begins above its edge, which `steep`
    times z is compared with.
    steepest, bent: the largest |f'|, and the largest |f''| apart from the edges, rounded up.
    gap, slope_gap: how far f and f' jump at an edge.  side_agreed: whether torch and the engine
    take the same side exactly at an edge.
    rising: whether f never falls.  grows: whether |f'| never falls as z rises up to the first edge.
    below: the slope below 0 of a piecewise linear function that is z above 0, else None.
    limits: what f approaches on both sides, if it does.  rectified: whether f passes on about half
    of a centred z, so that He's initialisation suits it.

    roundings, slope_roundings: how far a computed f or f' may be off by its own roundings, in units
    of u, of an upper bound of |z| (and for f, of |f(z)|); they do not fall as these grow.
    exact: whether f rounds nothing.
    """

    formula: str
    torch: Torch
    curves: tuple[Curve, ...]
    edges: tuple[float, ...] = ()
    steep: float = 1.0
    steepest: float
    bent: float
    gap: float = 0.0
    slope_gap: float = 0.0
    side_agreed: bool = True
    rising: bool = False
    grows: bool = False
    below: float | None = None
    limits: tuple[float, float] | None = None
    rectified: bool = False
    roundings: Callable[[Array, Array], Array] = smooth
    slope_roundings: Callable[[Array], Array] = nothing
    exact: bool = False

    @property
    def straight_above(self) -> bool:
        """Whether f is z itself, not rounded, above the last edge."""
        return bool(self.edges) and self.curves[-1] is STRAIGHT

    def value(self, arithmetic: Arithmetic, z: Any) -> Any:
        """f(z)."""
        return self._piecewise(arithmetic, z, self._values)

    def slope(self, arithmetic: Arithmetic, z: Any) -> Any:
        """f'(z); at an edge the slope below, as in torch."""
        return self._piecewise(arithmetic, z, self._slopes)

    @cached_property
    def _values(self) -> tuple[Formula, ...]:
        return tuple(curve.value for curve in self.curves)

    @cached_property
    def _slopes(self) -> tuple[Formula, ...]:
        return tuple(curve.slope for curve in self.curves)

    def _piecewise(self, arithmetic: Arithmetic, z: Any, formulas: tuple[Formula, ...]) -> Any:
        if not self.edges:
            return formulas[0](arithmetic, z)
        scaled = z if self.steep == 1.0 else self.steep * z
        return arithmetic.piece(z, scaled, self.edges, formulas)
