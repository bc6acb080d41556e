"""How fast the answers change along one column: ranges of the derivative over boxes.

The tangent network computes d/dv of every value: a layer multiplies the derivative before it by W,
an activation by f'(z), which lies in a known range.  At a bend this range holds every slope between
the two sides' (Clarke's derivative).  The tangent network is relaxed like the network itself.
Everything is in real numbers: the derivative of the function that the parameters describe, without
rounding.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vetro.glass.bounds import interval_bounds
from vetro.glass.bounds.activation_lines import Lines, slopes
from vetro.glass.bounds.answer_forms import margins_of, share_ranges, unscaling
from vetro.glass.bounds.box import Boxes, Space
from vetro.glass.bounds.forms import Region
from vetro.glass.bounds.interval_bounds import Step, own_roundings
from vetro.glass.bounds.relaxation import Enclosure, enclose, feature_forms, line_room
from vetro.glass.bounds.rounding_bounds import OWN, SAFE, gamma
from vetro.glass.subject import Part, Subject
from vetro.tables.blocks import PERIODS

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Slopes:
    """low, high: (boxes, answers), the derivative's range, in the answer's unit per unit of the
    column.  pull: (boxes, axes), how much each axis contributes to the width of that range."""

    low: Floats
    high: Floats
    pull: Floats


def slopes_over(subject: Subject, space: Space, boxes: Boxes, column: int) -> Slopes:
    """The derivative of every answer by one column, which must be a number in these boxes."""
    region = Region.of(space, boxes)
    low, high, size_low, size_high = np.zeros((4, len(boxes), len(subject.answers)))
    pull = np.zeros((len(boxes), len(space.axes)))
    for number, part in enumerate(subject.parts):
        values = enclose(part, number, region)
        direction = _direction(space, number, region, column)
        tangents = _tangents(part, values, direction)
        found = _of_part(subject, part, number, region, values, tangents)
        low, high = low + found[0], high + found[1]
        size_low, size_high = size_low + np.abs(found[0]), size_high + np.abs(found[1])
        pull += _pull(part, space, boxes, values, tangents)
    count = len(subject.parts)
    spare = OWN * 8 * (count + 2)
    return Slopes((low - spare * size_low) / count, (high + spare * size_high) / count, pull)


def _direction(space: Space, number: int, region: Region, column: int) -> tuple[Floats, Floats]:
    """d features / d column, its range (boxes, features)."""
    axis, matrix = space.axes[column], space.maps[number].of_variables
    first = axis.variables[0]
    low = np.tile(matrix[first], (len(region.boxes), 1))
    high = low.copy()
    for place, cycle in enumerate(axis.waves):
        sine, cosine = first + 1 + 2 * place, first + 2 + 2 * place
        rate = 2 * np.pi / PERIODS[cycle]
        # sin' = rate cos, cos' = -rate sin
        for variable, least, most in (
            (sine, region.low[:, cosine], region.high[:, cosine]),
            (cosine, -region.high[:, sine], -region.low[:, sine]),
        ):
            low += np.outer(rate * least, matrix[variable])
            high += np.outer(rate * most, matrix[variable])
    spare = 16 * OWN * np.maximum(np.abs(low), np.abs(high))
    return low - spare, high + spare


def _tangents(
    part: Part, values: Enclosure, direction: tuple[Floats, Floats]
) -> tuple[Part, Enclosure]:
    """The tangent network, without biases and shifts, and the known ranges of its values."""
    operations = [
        replace(
            operation,
            bias=None,
            kind="activation" if operation.kind == "layer_norm" else operation.kind,
            constants=tuple(
                constant if place == 0 else np.zeros_like(constant)
                for place, constant in enumerate(operation.constants)
            ),
        )
        for operation in part.network.operations
    ]
    network = replace(part.network, operations=tuple(operations), dtype="float64")
    tangent = replace(part, network=network)
    low, high = direction
    found = Enclosure([low], [high], [np.zeros_like(low)], {}, {}, {})
    for place, operation in enumerate(part.network.operations):
        source = operation.inputs[0]
        low, high = found.low[source], found.high[source]
        if operation.kind == "affine":
            assert operation.weight is not None
            step = _product(tangent, part.view(operation.weight).astype(np.float64), low, high)
        elif operation.kind == "activation" and operation.function == "identity":
            step = Step(low, high, np.zeros_like(low))
        elif operation.kind in ("activation", "layer_norm"):
            low, high = _tightened(tangent, found, source)
            found.low[source], found.high[source] = low, high
            if operation.kind == "activation":
                ends = slopes(operation, values.low[source], values.high[source])
                line = _product_lines(low, high, *ends)
            else:
                line = _norm_lines(part, place, values, low, high)
            found.lines[place] = line
            room = line_room(tangent, line, low, high)
            step = Step(line.least, line.most, room)
        else:
            ranges = [(found.low[value], found.high[value]) for value in operation.inputs]
            step = interval_bounds.elementwise(operations[place], tangent, ranges)
        found.low.append(step.low)
        found.high.append(step.high)
        found.room.append(step.room)
    return tangent, found


def _product(tangent: Part, weight: Floats, low: Floats, high: Floats) -> Step:
    """weight t.  An end that is 0 stays exactly 0: otherwise a rise with a flat part could not be
    proved.  The allowance for rounding is a share of each end's own terms."""
    rising, falling = np.maximum(weight, 0.0).T, np.minimum(weight, 0.0).T
    share = SAFE * gamma(own_roundings(tangent), OWN)
    size_low = np.abs(low) @ rising - np.abs(high) @ falling
    size_high = np.abs(high) @ rising - np.abs(low) @ falling
    return Step(
        low @ rising + high @ falling - share * size_low,
        high @ rising + low @ falling + share * size_high,
        share * np.maximum(size_low, size_high),
    )


def _tightened(tangent: Part, found: Enclosure, value: int) -> tuple[Floats, Floats]:
    spec = np.eye(tangent.network.widths[value])
    least = _least(tangent, found, np.concatenate([spec, -spec])[None], value)
    return (
        np.maximum(found.low[value], least[:, : len(spec)]),
        np.minimum(found.high[value], -least[:, len(spec) :]),
    )


def _least(tangent: Part, found: Enclosure, spec: Floats, value: int) -> Floats:
    """The smallest spec x for the tangent value x, (boxes, rows)."""
    form, constant = feature_forms(tangent, found, spec, value)
    low, high = found.low[0], found.high[0]
    middle, radius = low / 2 + high / 2, high / 2 - low / 2
    size = np.abs(form)
    total = (size @ np.maximum(np.abs(low), np.abs(high))[..., None])[..., 0] + np.abs(constant)
    least: Floats = (form @ middle[..., None] - size @ radius[..., None])[..., 0] + constant
    lowered: Floats = least - SAFE * gamma(form.shape[-1] + 64, OWN) * total
    return lowered


def _product_lines(low: Floats, high: Floats, least: Floats, most: Floats) -> Lines:
    """Lines for d z, d in [least, most], z in [low, high].  The lower limit min(least z, most z) is
    concave, so its chord is a line below; the line above is its mirror image."""

    def bent(values: Floats, up: bool) -> Floats:
        products = np.stack([least * values, most * values])
        ends: Floats = products.max(axis=0) if up else products.min(axis=0)
        return ends

    width = high - low

    def line(up: bool) -> tuple[Floats, Floats]:
        first, last = bent(low, up), bent(high, up)
        with np.errstate(invalid="ignore", divide="ignore"):
            chord = (last - first) / width
        crossing = (low < 0) & (high > 0) & np.isfinite(chord)
        positive = most if up else least
        negative = least if up else most
        slope = np.where(crossing, chord, np.where(low >= 0, positive, negative))
        rest = np.where(crossing, last - chord * high, 0.0)
        spare = 2.0**-48 * (np.abs(first) + np.abs(last) + np.abs(chord * high))
        spare = np.where(crossing, spare, 0.0)
        return slope, rest + spare if up else rest - spare

    ends = np.stack([least * low, least * high, most * low, most * high])
    return Lines(*line(False), *line(True), ends.min(axis=0), ends.max(axis=0), np.zeros_like(low))


def _norm_lines(part: Part, place: int, values: Enclosure, low: Floats, high: Floats) -> Lines:
    """The tangent of a layer norm, factor (c - n mean(n c)) weight with c = t - mean(t), as a
    constant range: it has no lines."""
    operation, norm = part.network.operations[place], values.norms[place]
    features = low.shape[1]
    centre = interval_bounds.centring(features)
    own = interval_bounds.product(centre, np.zeros(features), replace(
        part, network=replace(part.network, dtype="float64")), low, high)  # fmt: skip
    unit = norm.standard
    along = _times((own.low, own.high), unit)
    mean = along[0].mean(axis=1, keepdims=True), along[1].mean(axis=1, keepdims=True)
    second = _times(unit, mean)
    inner = own.low - second[1], own.high - second[0]
    factor = norm.factor - norm.radius, norm.factor + norm.radius
    result = _times(inner, factor)
    if operation.weight is not None:
        weight = part.view(operation.weight).astype(np.float64)
        result = _times(result, (weight, weight))
    spare = 2.0**-46 * (np.abs(result[0]) + np.abs(result[1]))
    least, most = result[0] - spare, result[1] + spare
    zero = np.zeros_like(low)
    return Lines(zero, least, zero, most, least, most, zero)


def _times(first: tuple[Floats, Floats], second: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """The product of two ranges."""
    ends = np.stack(np.broadcast_arrays(*(x * y for x in first for y in second)))
    return ends.min(axis=0), ends.max(axis=0)


def _of_part(
    subject: Subject,
    part: Part,
    number: int,
    region: Region,
    values: Enclosure,
    tangents: tuple[Part, Enclosure],
) -> tuple[Floats, Floats]:
    """The range of d answer of a member, (boxes, answers) each."""
    tangent, found = tangents
    last = len(part.network.operations)
    outputs = part.network.outputs
    if subject.kind != "classification":
        spec = np.concatenate([np.eye(outputs), -np.eye(outputs)])[None]
        least = _least(tangent, found, spec, last)
        low = np.maximum(least[:, :outputs], found.low[-1])
        high = np.minimum(-least[:, outputs:], found.high[-1])
        factor = unscaling(part, values)[0][:outputs]
        ends = np.stack([low * factor, high * factor])
        spare = 2.0**-50 * np.abs(ends)
        return (ends - spare)[0], (ends + spare)[1]
    # p_i = softmax: dp_i = -p_i sum over j of p_j d(z_j - z_i)
    matrix = margins_of(outputs)
    least = _least(tangent, found, np.concatenate([matrix, -matrix])[None], last)
    rows, classes = len(matrix), len(subject.answers)
    shape = (len(least), classes, classes - 1)
    margin = least[:, :rows].reshape(shape), -least[:, rows:].reshape(shape)
    shares = share_ranges(part, number, region, values, classes)
    own = shares[0][..., None], shares[1][..., None]
    order = [[j for j in range(classes) if j != i] for i in range(classes)]
    others = shares[0][:, order], shares[1][:, order]
    terms = _times(_times(own, others), margin)
    share = 2.0**-46
    return (
        -terms[1].sum(axis=2) - share * np.abs(terms[1]).sum(axis=2),
        -terms[0].sum(axis=2) + share * np.abs(terms[0]).sum(axis=2),
    )


def _pull(
    part: Part, space: Space, boxes: Boxes, values: Enclosure, tangents: tuple[Part, Enclosure]
) -> Floats:
    """How much each axis moves the inputs of activations with an open slope, (boxes, axes)."""
    total = np.zeros((len(boxes), len(space.axes)))
    for place, form in values.forms.items():
        operation = part.network.operations[place]
        source = operation.inputs[0]
        least, most = slopes(operation, values.low[source], values.high[source])
        found = tangents[1]
        size = np.maximum(np.abs(found.low[source]), np.abs(found.high[source]))
        width = values.high[source] - values.low[source]
        with np.errstate(invalid="ignore", divide="ignore"):
            weight = np.where(width > 0, (most - least) * size / width, 0.0)
        units = weight.shape[1]
        moved = form.first(units).pull(space, boxes)
        total += np.einsum("bu,bua->ba", weight, moved)
    return total
