"""The exact range of a small relu network over a box of two inputs, in rationals.

The box is cut along each unit's line into polygons on which the network is affine: its range is
that of the corners, its slopes those of the pieces.  Slow, and independent of what it tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from vetro.glass.subject import Part

Point = tuple[Fraction, Fraction]
Affine = tuple[Fraction, Fraction, Fraction]  # a x0 + b x1 + c


@dataclass(frozen=True)
class Exact:
    """Per output: least, most over the box, and the slopes by each input that occur."""

    least: list[Fraction]
    most: list[Fraction]
    slopes: list[list[set[Fraction]]]
    pieces: int


def exact_range(
    part: Part, low: np.ndarray, high: np.ndarray, features: list[Affine] | None = None
) -> Exact:
    """Of layers and relus alone, for two numbers within [low, high].

    features: what the network reads, of these numbers; None: the numbers themselves.
    """
    (a, b), (c, d) = ([Fraction(float(v)) for v in ends] for ends in (low, high))
    start = features or [
        (Fraction(1), Fraction(0), Fraction(0)),
        (Fraction(0), Fraction(1), Fraction(0)),
    ]
    corners: list[Point] = [(a, b), (c, b), (c, d), (a, d)]
    outputs = part.network.outputs
    least: list[Fraction | None] = [None] * outputs
    most: list[Fraction | None] = [None] * outputs
    slopes: list[list[set[Fraction]]] = [[set(), set()] for _ in range(outputs)]
    pending = [(0, 0, start, corners)]
    pieces = 0
    while pending:
        place, unit, values, polygon = pending.pop()
        if place == len(part.network.operations):
            pieces += 1
            for number, value in enumerate(values):
                at = [_at(value, point) for point in polygon]
                least[number] = min([*at, *([] if least[number] is None else [least[number]])])
                most[number] = max([*at, *([] if most[number] is None else [most[number]])])
                if _area(polygon):
                    slopes[number][0].add(value[0])
                    slopes[number][1].add(value[1])
            continue
        operation = part.network.operations[place]
        if operation.kind == "affine":
            weight, bias = part.view(operation.weight), part.view(operation.bias)
            values = [
                _combined([Fraction(float(w)) for w in row], values, Fraction(float(shift)))
                for row, shift in zip(weight, bias, strict=True)
            ]
            pending.append((place + 1, 0, values, polygon))
            continue
        assert operation.function == "relu"
        if unit == len(values):
            pending.append((place + 1, 0, values, polygon))
            continue
        at = [_at(values[unit], point) for point in polygon]
        off = [*values]
        off[unit] = (Fraction(0), Fraction(0), Fraction(0))
        if max(at) <= 0:
            pending.append((place, unit + 1, off, polygon))
        elif min(at) >= 0:
            pending.append((place, unit + 1, values, polygon))
        else:
            pending.append((place, unit + 1, values, _clip(polygon, at, 1)))
            pending.append((place, unit + 1, off, _clip(polygon, at, -1)))
    return Exact([v for v in least if v is not None], [v for v in most if v is not None], slopes,
                 pieces)  # fmt: skip


def _combined(weights: list[Fraction], values: list[Affine], shift: Fraction) -> Affine:
    parts = [
        sum((w * value[k] for w, value in zip(weights, values, strict=True)), Fraction(0))
        for k in range(3)
    ]
    return parts[0], parts[1], parts[2] + shift


def _at(value: Affine, point: Point) -> Fraction:
    return value[0] * point[0] + value[1] * point[1] + value[2]


def _clip(polygon: list[Point], at: list[Fraction], sign: int) -> list[Point]:
    """The part where sign * at >= 0."""
    found: list[Point] = []
    for place, point in enumerate(polygon):
        after = (place + 1) % len(polygon)
        if sign * at[place] >= 0:
            found.append(point)
        if at[place] * at[after] < 0:
            share = at[place] / (at[place] - at[after])
            other = polygon[after]
            found.append(
                (
                    point[0] + share * (other[0] - point[0]),
                    point[1] + share * (other[1] - point[1]),
                )
            )
    return found


def _area(polygon: list[Point]) -> Fraction:
    total = Fraction(0)
    for place, (x, y) in enumerate(polygon):
        other = polygon[(place + 1) % len(polygon)]
        total += x * other[1] - other[0] * y
    return abs(total)
