"""Linear relaxation: bounds of a network's outputs over boxes by linear forms of its inputs.

Backward substitution as in CROWN (Zhang et al. 2018) and DeepPoly (Singh et al. 2019): a form of
the last value becomes a form of the value before it, with each activation replaced by a line below
or above.  The forms of several members are averaged before their extremes over the box are taken,
so that members with opposite errors do not each take their own worst corner.  Every rounding, the
engine's and ours, is in `room` (interval_bounds.py): a form's own products lose at most gamma times
|form| |W| |x|, which is |form| times the sizes that the layer's room is computed from.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vetro.glass.bounds import interval_bounds
from vetro.glass.bounds.activation_lines import Lines, lines
from vetro.glass.bounds.forms import Form, Region, times
from vetro.glass.bounds.interval_bounds import Norm, Step, own_roundings
from vetro.glass.bounds.rounding_bounds import OWN, SAFE, gamma, smallest, unit
from vetro.glass.subject import Part
from vetro.networks.lowered import Operation

Floats = NDArray[np.float64]

Known = dict[int, tuple[Floats, Floats]]
"""Number of a value -> a range that it is known to lie in, (features,) or (boxes, features)."""
Slopes = dict[int, Floats]
"""Operation -> slopes of the lines below units that bend, (units,) or (boxes, units)."""


@dataclass(frozen=True, eq=False)
class Enclosure:
    """A part over boxes.

    low, high: the range of every value, by number, (boxes, features).  room: each value's distance
    from the exact function of the values before it.  By operation: lines, norms, and forms, which
    are below the value that an activation reads and, in the second half of the rows, below its
    negative.
    """

    low: list[Floats]
    high: list[Floats]
    room: list[Floats]
    lines: dict[int, Lines]
    norms: dict[int, Norm]
    forms: dict[int, Form]


def enclose(part: Part, number: int, region: Region, known: Known | None = None) -> Enclosure:
    """Ranges of the values of part `number`, tightened where an activation or norm reads them, and
    cut to the known ranges."""
    low, high, room = _features(part, number, region)
    found = Enclosure([low], [high], [room], {}, {}, {})
    for place, operation in enumerate(part.network.operations):
        source = operation.inputs[0]
        if operation.bends:
            spec = np.eye(part.network.widths[source])
            low, high, found.forms[place] = _tightened(part, number, region, found, source, spec)
            found.low[source] = np.maximum(found.low[source], low)
            found.high[source] = np.minimum(found.high[source], high)
            if known and source in known:
                found.low[source] = np.maximum(found.low[source], known[source][0])
                found.high[source] = np.minimum(found.high[source], known[source][1])
            step = activated(operation, part, found, place)
        elif operation.kind == "activation":
            step = Step(found.low[source], found.high[source], np.zeros_like(found.low[source]))
        elif operation.kind == "layer_norm":
            spec = interval_bounds.centring(part.network.widths[source])
            low, high, _ = _tightened(part, number, region, found, source, spec)
            inputs = found.low[source], found.high[source]
            found.norms[place] = interval_bounds.layer_norm(operation, part, inputs, (low, high))
            step = found.norms[place].step
        elif operation.kind == "affine":
            step = interval_bounds.affine(operation, part, found.low[source], found.high[source])
        else:
            ranges = [(found.low[value], found.high[value]) for value in operation.inputs]
            step = interval_bounds.elementwise(operation, part, ranges)
        found.low.append(step.low)
        found.high.append(step.high)
        found.room.append(step.room)
    return found


def looseness(part: Part, region: Region, found: Enclosure, weights: dict[int, Floats]) -> Floats:
    """How much cutting each axis may gain, (boxes, rows, axes): from the distance between the lines
    of each activation, its weight, and how much the axis moves the activation's input."""
    rows = max((len(weight[0]) for weight in weights.values()), default=0)
    total = np.zeros((len(region.boxes), rows, len(region.space.axes)))
    for place, weight in weights.items():
        source = part.network.operations[place].inputs[0]
        low, high, line = found.low[source], found.high[source], found.lines[place]
        apart = (line.upper_slope - line.lower_slope) * (low / 2 + high / 2)
        apart += line.upper - line.lower
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where(high > low, apart / (high - low), 0.0)
        moved = found.forms[place].first(low.shape[1]).pull(region.space, region.boxes)
        total += (np.abs(weight) * share[:, None]) @ moved
    return total


def activated(operation: Operation, part: Part, found: Enclosure, place: int) -> Step:
    """The step of an activation; its lines are stored in `found`."""
    source = operation.inputs[0]
    low, high = found.low[source], found.high[source]
    line = lines(operation, low, high, part.network.dtype)
    found.lines[place] = line
    room = line.error + line_room(part, line, low, high)
    return Step(line.least - line.error, line.most + line.error, room)


def with_slopes(part: Part, found: Enclosure, slopes: Slopes) -> Enclosure:
    """The same with other lines below the units that bend within their range.

    For relu, and leaky_relu up to a slope of 1: any slope from the left side's to 1 gives a line
    below.
    """
    lines, room = dict(found.lines), list(found.room)
    for place, slope in slopes.items():
        operation, line = part.network.operations[place], lines[place]
        source = operation.inputs[0]
        low, high = found.low[source], found.high[source]
        least = operation.activation.below
        bends = (low < 0) & (high > 0)
        own = np.where(bends, np.clip(slope, least, 1.0), line.lower_slope)
        lines[place] = replace(line, lower_slope=own)
        room[operation.output] = line.error + line_room(part, lines[place], low, high)
    return replace(found, lines=lines, room=room)


def line_room(part: Part, line: Lines, low: Floats, high: Floats) -> Floats:
    """The rounding of our own products with the lines, for each unit of a form."""
    size = np.maximum(np.abs(low), np.abs(high))
    slope = np.maximum(np.abs(line.lower_slope), np.abs(line.upper_slope))
    own = slope * size + np.maximum(np.abs(line.lower), np.abs(line.upper))
    room: Floats = SAFE * gamma(own_roundings(part), OWN) * own
    return room


def _tightened(
    part: Part, number: int, region: Region, found: Enclosure, value: int, spec: Floats
) -> tuple[Floats, Floats, Form]:
    """The range of spec x for the value x: by intervals and by the forms, whichever is tighter."""
    rows = len(spec)
    both = np.concatenate([spec, -spec])[None]
    forms = lower_forms(part, number, region, found, both, value)
    least = forms.least(region)
    plain = interval_bounds.product(spec, np.zeros(rows), part, found.low[value], found.high[value])
    low, high = np.maximum(plain.low, least[:, :rows]), np.minimum(plain.high, -least[:, rows:])
    return low, high, forms


def lower_forms(
    part: Part,
    number: int,
    region: Region,
    found: Enclosure,
    spec: Floats,
    value: int,
    weights: dict[int, Floats] | None = None,
) -> Form:
    """Forms below spec x for a value x of part `number`: spec (boxes or 1, rows, features).

    weights: filled with the form of each activation's result, by operation, (boxes or 1, rows,
    units).
    """
    features, constant = feature_forms(part, found, spec, value, weights)
    map_ = region.space.maps[number]
    of_variables, of_alternatives = map_.back(features)
    shape = constant.shape
    return Form(
        np.broadcast_to(of_variables, (*shape, region.space.variables)),
        np.broadcast_to(of_alternatives, (*shape, region.space.alternatives)),
        constant + features @ map_.constant,
    )


def feature_forms(
    part: Part,
    found: Enclosure,
    spec: Floats,
    value: int,
    weights: dict[int, Floats] | None = None,
) -> tuple[Floats, Floats]:
    """spec x >= form . features + constant: form (boxes or 1, rows, features), constant (boxes,
    rows); true for any rounding."""
    count, rows = len(found.low[0]), spec.shape[1]
    constant, lost = np.zeros((2, count, rows))
    pending: dict[int, Floats] = {value: spec}
    for place in range(value - 1, -1, -1):
        operation = part.network.operations[place]
        form = pending.pop(operation.output, None)
        if form is None:
            continue
        lost += times(np.abs(form), found.room[operation.output])
        source = operation.inputs[0]
        if weights is not None and place in found.lines:
            weights[place] = form
        if place in found.lines and len(form) == 1 and _only_reader(part, source, place, pending):
            layer = part.network.operations[source - 1]
            before = _through_pair(part, layer, found, place, form, constant, lost)
            _pend(pending, layer.inputs[0], before)
            continue
        match operation.kind:
            case "affine":
                assert operation.weight is not None
                if operation.bias is not None:
                    constant += form @ part.view(operation.bias).astype(np.float64)
                before = _flat(form, part.view(operation.weight).astype(np.float64))
            case "activation" if place in found.lines:
                line = found.lines[place]
                rising, falling = np.maximum(form, 0.0), np.minimum(form, 0.0)
                before = rising * line.lower_slope[:, None]
                before += falling * line.upper_slope[:, None]
                constant += times(rising, line.lower) + times(falling, line.upper)
            case "layer_norm":
                before = _through_norm(operation, part, found.norms[place], form)
                if operation.bias is not None:
                    constant += form @ part.view(operation.bias).astype(np.float64)
            case "scale":
                before = form * operation.constants[0]
                constant += form @ operation.constants[1]
            case "add":
                before = form
                _pend(pending, operation.inputs[1], form)
            case _:
                before = form
        _pend(pending, source, before)
    features = pending.get(0, np.zeros((1, rows, part.network.inputs)))
    lost += times(np.abs(features), found.room[0])
    return features, constant - SAFE * lost


def _flat(forms: Floats, matrix: Floats) -> Floats:
    """forms (boxes, rows, n) @ matrix (n, m) as one matrix product."""
    product: Floats = forms.reshape(-1, forms.shape[-1]) @ matrix
    return product.reshape(*forms.shape[:-1], matrix.shape[1])


def _only_reader(part: Part, value: int, place: int, pending: dict[int, Floats]) -> bool:
    """Whether a layer computes the value and only operation `place` reads it."""
    operations = part.network.operations
    return (
        value > 0
        and operations[value - 1].kind == "affine"
        and value not in pending
        and not any(value in between.inputs for between in operations[value:place])
    )


def _through_pair(
    part: Part,
    layer: Operation,
    found: Enclosure,
    place: int,
    form: Floats,
    constant: Floats,
    lost: Floats,
) -> Floats:
    """The form before a layer and its activation, for a form that all boxes share.

    m and d are the middle and half the difference of the two slopes.  form (m W) - |form| (d W) is
    computed as matrix products, so no array of (boxes, rows, units) is written.  A second half of
    rows that is the negative of the first half costs nothing.
    """
    assert layer.weight is not None
    line, rows = found.lines[place], form[0]
    half = len(rows) // 2
    mirrored = np.array_equal(rows[:half], -rows[half:])
    own = rows[:half] if mirrored else rows
    weight = part.view(layer.weight).astype(np.float64)
    middle = line.lower_slope / 2 + line.upper_slope / 2
    apart = line.upper_slope / 2 - line.lower_slope / 2
    shift, gap = line.lower / 2 + line.upper / 2, line.upper / 2 - line.lower / 2
    if layer.bias is not None:
        bias = part.view(layer.bias).astype(np.float64)
        shift, gap = shift + middle * bias, gap + apart * bias
    steepest = np.maximum(np.abs(line.lower_slope), np.abs(line.upper_slope))
    lost += (steepest * found.room[layer.output]) @ np.abs(rows).T
    centre, spread = _spread(own, middle, weight), _spread(np.abs(own), apart, weight)
    at, around = shift @ own.T, gap @ np.abs(own).T
    if not mirrored:
        constant += at - around
        return centre - spread
    constant += np.concatenate([at - around, -at - around], axis=1)
    return np.concatenate([centre - spread, -centre - spread], axis=1)


def _spread(rows: Floats, slopes: Floats, weight: Floats) -> Floats:
    """rows (slopes weight) for each box, (boxes, rows, inputs), as one matrix product."""
    count, inputs = len(slopes), weight.shape[1]
    sloped = np.ascontiguousarray(slopes.T)[..., None] * weight[:, None]
    found = rows @ sloped.reshape(len(weight), count * inputs)
    return np.ascontiguousarray(found.reshape(-1, count, inputs).transpose(1, 0, 2))


def _pend(pending: dict[int, Floats], value: int, form: Floats) -> None:
    pending[value] = pending[value] + form if value in pending else form


def _through_norm(operation: Operation, part: Part, norm: Norm, form: Floats) -> Floats:
    """The form of x where y = (x - mean) * factor * weight + bias."""
    if operation.weight is not None:
        form = form * part.view(operation.weight)
    form = form * norm.factor[:, None]
    centred: Floats = form - form.mean(axis=-1, keepdims=True)
    return centred


def _features(part: Part, number: int, region: Region) -> tuple[Floats, Floats, Floats]:
    """The range of the features that the engine computes, and their room: one cast to the network's
    dtype after a few roundings; sine and cosine as in box.py."""
    space, map_ = region.space, region.space.maps[number]
    rising, falling = np.maximum(map_.of_variables, 0), np.minimum(map_.of_variables, 0)
    low = region.low @ rising + region.high @ falling + map_.constant
    high = region.high @ rising + region.low @ falling + map_.constant
    far = np.maximum(np.abs(region.low), np.abs(region.high)) @ np.abs(map_.of_variables)
    far = far + np.abs(map_.constant) + np.abs(map_.of_alternatives).max(axis=0, initial=0.0)
    for axis in space.axes:
        if not axis.codes:
            continue
        places = slice(*axis.alternatives)
        allowed = region.boxes.allowed[:, places, None]
        touched = map_.of_alternatives[places].any(axis=0)
        touched |= map_.of_variables[slice(*axis.variables)].any(axis=0)
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
    return low - room, high + room, room
