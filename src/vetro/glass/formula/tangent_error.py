"""A tangent's error on its box by branch and bound: tighter than tangent.py for a wide box.

tangent.py's Taylor models lose much precision through several layers; here boxes are cut in two,
and network - tangent is bounded in each (bounds/departures.py).  Both bounds hold; the narrower is
used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from flint import arb, ctx

from vetro.glass import exact
from vetro.glass.bounds.box import Range
from vetro.glass.bounds.departures import departures, held, middles
from vetro.glass.formula.tangent import PRECISION, Model, closer
from vetro.glass.formula.tangent_box import Sides
from vetro.glass.formula.terms import Place
from vetro.tables.level_blocks import LevelBlock


def narrowed(place: Place, sides: Sides, models: Sequence[Model]) -> list[Model]:
    """The models of a subject's answers, with the narrower of both bounds as their rest."""
    subject, terms, at = place.subject, place.terms, place.at
    if not sides:
        return list(models)
    ranges = _ranges(place, sides)
    middle = middles(ranges)
    slopes = np.zeros((len(models), len(ranges)))
    levels = np.zeros(len(models))
    rounding = []
    with ctx.workprec(PRECISION):
        for k, model in enumerate(models):
            level = model.centre
            for n in sides:
                column = terms[n].column
                slopes[k, column] = float(model.slopes[n])
                level += model.slopes[n] * (arb(middle[column]) - exact.ball(at[n]))
            levels[k] = float(level)
            # tangent - line: the effect over the box of rounding slopes and level to float64
            change = level - arb(levels[k])
            for n, (low, high) in sides.items():
                column = terms[n].column
                way = (exact.ball(low).union(exact.ball(high))) - arb(middle[column])
                change += (model.slopes[n] - arb(slopes[k, column])) * way
            rounding.append(change)
        if not (np.isfinite(slopes).all() and np.isfinite(levels).all()):
            return list(models)
        least, most = departures(subject, ranges, slopes, levels, rounded=False)
        return [
            _with(model, low, high, change)
            for model, low, high, change in zip(models, least, most, rounding, strict=True)
        ]


def _with(model: Model, low: float, high: float, change: arb) -> Model:
    if not (math.isfinite(low) and math.isfinite(high)):
        return model
    return replace(model, rest=closer(model.rest, arb(low).union(arb(high)) - change))


def _ranges(place: Place, sides: Sides) -> list[Range]:
    blocks = place.subject.blocks or (None,) * len(place.raw)
    ranges = [
        held(float(value), isinstance(block, LevelBlock))
        for value, block in zip(place.raw, blocks, strict=True)
    ]
    for n, (low, high) in sides.items():
        ranges[place.terms[n].column] = Range(float(low), float(high))
    return ranges
