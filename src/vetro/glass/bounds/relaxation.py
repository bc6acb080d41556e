"""Linear relaxation: bounds of a network's outputs over boxes by linear forms of its inputs.

The spans of interval_bounds.py are tightened by forms (forms_below.py) where an activation or norm
reads them.  Every rounding, the engine's and ours, is in their `room`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from vetro.glass.bounds.forms import Form, Region
from vetro.glass.bounds.forms_below import Below, Weights
from vetro.glass.bounds.interval_bounds import (
    Intervals,
    Reading,
    Span,
    centring,
    line_room,
    own_roundings,
    product,
)
from vetro.glass.bounds.rounding_bounds import OWN, SAFE, gamma, smallest, unit
from vetro.glass.plain import Floats
from vetro.glass.subject import Part
from vetro.networks.lowered import Operation

Known = dict[int, tuple[Floats, Floats]]
"""Number of a value -> a range that it is known to lie in, (features,) or (boxes, features)."""
Slopes = dict[int, Floats]
"""Result of an activation -> slopes of the lines below units that bend, (units,) or (boxes,
units)."""


@dataclass(eq=False, kw_only=True)
class Enclosure(Intervals):
    """The arithmetic of part `number` over a region, cut to the known ranges.

    forms: by the result of an activation, forms below what it reads.
    """

    number: int
    region: Region
    known: Known = field(default_factory=dict)
    forms: dict[int, Form] = field(default_factory=dict)

    def activation(self, operation: Operation, x: Span) -> Span:
        source, units = operation.inputs[0], x.low.shape[1]
        low, high, form = self.tightened(np.eye(units), source, x)
        x.narrow(low, high)
        if source in self.known:
            x.narrow(*self.known[source])
        self.forms[operation.output] = form.first(units)
        return super().activation(operation, x)

    def layer_norm(self, operation: Operation, x: Span) -> Span:
        low, high, _ = self.tightened(centring(x.low.shape[1]), operation.inputs[0], x)
        return self._normed(operation, x, (low, high))

    def tightened(
        self, spec: Floats, value: int, x: Span, weights: Weights | None = None
    ) -> tuple[Floats, Floats, Form]:
        """The range of spec x for a value x, by intervals and by forms, whichever is tighter; and
        the forms below spec x and -spec x.  weights: as in `below`."""
        rows = len(spec)
        forms = self.below(both(spec), value, weights)
        least = forms.least(self.region)
        plain = product(self.part, spec, np.zeros(rows), x)
        low, high = np.maximum(plain.low, least[:, :rows]), np.minimum(plain.high, -least[:, rows:])
        return low, high, forms

    def below(self, spec: Floats, value: int, weights: Weights | None = None) -> Form:
        """Forms below spec x for a value x: spec (boxes or 1, rows, features).

        weights: filled with the form of each activation's result.
        """
        found, constant = Below(self, spec, weights).back(spec, value)
        space = self.region.space
        if self.readings:
            ends = [space.variables, space.variables + space.alternatives]
            return self.region.form(np.split(found, ends, axis=-1), constant)
        terms = self.region.back(self.number, found)
        return self.region.form(terms, constant + found @ space.maps[self.number].constant)

    def with_slopes(self, slopes: Slopes) -> Enclosure:
        """The same with other lines below the units that bend within their range.

        For relu, and leaky_relu up to a slope of 1: any slope from the left side's to 1 gives a
        line below.
        """
        values, lines = dict(self.values), dict(self.lines)
        for output, slope in slopes.items():
            x, line = self.read(output), lines[output]
            least = self.part.network.operations[output - 1].activation.below
            bends = (x.low < 0) & (x.high > 0)
            own = np.where(bends, np.clip(slope, least, 1.0), line.lower_slope)
            lines[output] = replace(line, lower_slope=own)
            room = line.error + line_room(self.part, lines[output], x)
            values[output] = replace(values[output], room=room)
        return replace(self, values=values, lines=lines)

    def looseness(self, weights: Weights) -> Floats:
        """How much cutting each axis may gain, (boxes, rows, axes): from the distance between the
        lines of each activation, its weight, and how much the axis moves the activation's input."""
        rows = max((len(weight[0]) for weight in weights.values()), default=0)
        total = np.zeros((len(self.region.boxes), rows, len(self.region.space.axes)))
        for output, weight in weights.items():
            x, line = self.read(output), self.lines[output]
            apart = (line.upper_slope - line.lower_slope) * (x.low / 2 + x.high / 2)
            apart += line.upper - line.lower
            with np.errstate(invalid="ignore", divide="ignore"):
                share = np.where(x.high > x.low, apart / (x.high - x.low), 0.0)
            total += (np.abs(weight) * share[:, None]) @ self.forms[output].pull(self.region)
        return total


def enclose(part: Part, number: int, region: Region, known: Known | None = None) -> Enclosure:
    """The spans of part `number` over a region."""
    found = Enclosure(part, number=number, region=region, known=known or {})
    features = _features(part, number, region)
    if region.knots.count:
        found.readings = _readings(part, number, region, features)
    return found.through(features)


def both(spec: Floats) -> Floats:
    """The rows of spec, then their negatives, for all boxes: (1, 2 rows, features)."""
    return np.concatenate([spec, -spec])[None]


def features_reach(part: Part) -> dict[int, Operation] | None:
    """The layers that read the features, by their results; None if another operation reads them."""
    passed, found = {0}, {}
    for operation in part.network.operations:
        if not passed.intersection(operation.inputs):
            continue
        if operation.passes:
            passed.add(operation.output)
        elif operation.kind == "affine":
            found[operation.output] = operation
        else:
            return None
    return found if len(part.network.operations) not in passed else None


def _readings(part: Part, number: int, region: Region, features: Span) -> dict[int, Reading]:
    """The layers that read the features, of which there may be many more than knots."""
    found, constant = {}, region.space.maps[number].constant
    for output, operation in (features_reach(part) or {}).items():
        assert operation.weight is not None
        weight = part.view(operation.weight).astype(np.float64)
        bias = 0.0 if operation.bias is None else part.view(operation.bias).astype(np.float64)
        terms = region.back(number, weight[None])
        shape = len(region.boxes), len(weight)
        places = np.concatenate([np.broadcast_to(t, (*shape, t.shape[-1])) for t in terms], axis=2)
        found[output] = Reading(places, bias + weight @ constant, features.room @ np.abs(weight).T)
    return found


def _features(part: Part, number: int, region: Region) -> Span:
    """The range of the features that the engine computes, and their room: one cast to the network's
    dtype after a few roundings; sine and cosine as in box.py."""
    space, map_ = region.space, region.space.maps[number]
    rising, falling = np.maximum(map_.of_variables, 0), np.minimum(map_.of_variables, 0)
    low = region.low @ rising + region.high @ falling + map_.constant
    high = region.high @ rising + region.low @ falling + map_.constant
    far = np.maximum(np.abs(region.low), np.abs(region.high)) @ np.abs(map_.of_variables)
    far = far + np.abs(map_.constant) + np.abs(map_.of_alternatives).max(axis=0, initial=0.0)
    for column, binned in enumerate(map_.binned):  # scaled and shares rise with the column
        own, ends = binned.features, region.knots.features(map_.binned, column)
        low[:, own], high[:, own] = ends[:, 0], ends[:, -1]
        far[:, own] += np.abs(ends).max(axis=1)
    binned_features = dict(zip(space.binned, (own.features for own in map_.binned), strict=True))
    for place, axis in enumerate(space.axes):
        if not axis.codes:
            continue
        places = slice(*axis.alternatives)
        allowed = region.boxes.allowed[:, places, None]
        touched = np.array(map_.of_alternatives[places].any(axis=0))
        touched |= map_.of_variables[slice(*axis.variables)].any(axis=0)
        if place in binned_features:
            touched[binned_features[place]] = True
        constants = map_.of_alternatives[places][:, touched]
        numbers = np.array([code is None for code in axis.codes])[:, None]
        below = constants + np.where(numbers, low[:, None, touched], 0.0)
        above = constants + np.where(numbers, high[:, None, touched], 0.0)
        low[:, touched] = np.where(allowed, below, np.inf).min(axis=1)
        high[:, touched] = np.where(allowed, above, -np.inf).max(axis=1)
    dtype = part.network.dtype
    size = np.maximum(np.abs(low), np.abs(high))
    room = 2 * unit(dtype) * size + gamma(own_roundings(part), OWN) * (far + 1) + smallest(dtype)
    room *= SAFE
    return Span(low - room, high + room, room)
