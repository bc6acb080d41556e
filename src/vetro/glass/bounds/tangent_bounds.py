"""How fast the answers change along one column: ranges of the derivative over boxes.

The tangent network computes d/dv of every value: a layer multiplies the derivative before it by W,
an activation by f'(z), which lies in a known range.  At a bend this range holds every slope between
the two sides' (Clarke's derivative).  The tangent network is relaxed like the network itself.
Everything is in real numbers: the derivative of the function that the parameters describe, without
rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from vetro.glass.bounds.activation_lines import Lines, slopes
from vetro.glass.bounds.answer_forms import margins_of, share_ranges, unscaling
from vetro.glass.bounds.box import Boxes, Space
from vetro.glass.bounds.forms import Region
from vetro.glass.bounds.forms_below import Below, Sloped
from vetro.glass.bounds.input_map import Binned
from vetro.glass.bounds.interval_bounds import (
    Ends,
    Intervals,
    Norm,
    Reading,
    Span,
    centring,
    own_roundings,
    product,
    scaled,
)
from vetro.glass.bounds.relaxation import Enclosure, both, enclose
from vetro.glass.bounds.rounding_bounds import OWN, SAFE, gamma
from vetro.glass.plain import Floats
from vetro.glass.subject import Part, Subject
from vetro.networks.lowered import Operation
from vetro.tables.blocks import PERIODS


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
        tangents = Tangents(part.in_reals, of=values, column=column, direction=direction)
        tangents.through(direction.span)
        found = _of_part(subject, values, tangents)
        low, high = low + found[0], high + found[1]
        size_low, size_high = size_low + np.abs(found[0]), size_high + np.abs(found[1])
        pull += tangents.pull()
    count = len(subject.parts)
    spare = OWN * 8 * (count + 2)
    return Slopes((low - spare * size_low) / count, (high + spare * size_high) / count, pull)


@dataclass(frozen=True, eq=False)
class _Direction:
    """d features / d column.  span: its range (boxes, features).

    Of a column with bins, features: its places; pieces: the values that the direction takes there,
    (boxes, pieces, its features).  So it is for a number without, if other columns have bins.
    """

    span: Span
    features: slice
    pieces: Floats | None = None

    def readings(self, values: Enclosure) -> dict[int, Reading]:
        """The layers that read the direction, as functions of the piece that it is."""
        if self.pieces is None or not values.readings:
            return {}
        found = {}
        for output in values.readings:
            weight = _weight(values.part, output)[:, self.features]
            places = weight @ self.pieces.transpose(0, 2, 1)
            none = np.zeros(places.shape[:2])
            found[output] = Reading(places, none[0], none)
        return found


def _direction(space: Space, number: int, region: Region, column: int) -> _Direction:
    axis, map_ = space.axes[column], space.maps[number]
    if axis.borders:
        binned = map_.binned[space.binned.index(column)]
        return _through_bins(region, space.binned.index(column), binned, map_.constant.size)
    matrix, first = map_.of_variables, axis.variables[0]
    low = np.tile(matrix[first], (len(region.boxes), 1))
    high = low.copy()
    if space.binned and not axis.waves:
        place = int(np.argmax(matrix[first] != 0))
        pieces = low[:, None, place : place + 1]
        return _Direction(_spared(low, high), slice(place, place + 1), pieces)
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
    return _Direction(_spared(low, high), slice(0, 0))


def _through_bins(region: Region, column: int, binned: Binned, features: int) -> _Direction:
    """Between two neighbouring knots the direction is constant: the scale, and 1 / width for the
    share of the bin that holds both.  At a border it is any mix of both sides'."""
    block, knots = binned.block, region.knots.values[column]
    borders, own = np.array(block.borders), binned.features
    first, last = knots[:, :-1], knots[:, 1:]
    # two equal knots are the range's end, repeated: what is on its left again
    right = np.searchsorted(borders, first, side="right")
    bins = np.where(first < last, right, np.searchsorted(borders, last, side="left")) - 1
    pieces = np.zeros((*bins.shape, block.width))
    pieces[..., 0] = block.scale
    box, piece = np.nonzero((bins >= 0) & (bins < block.bins))
    place = bins[box, piece]
    pieces[box, piece, 1 + place] = 1.0 / np.diff(borders)[place]
    low, high = np.zeros((2, len(bins), features))
    low[:, own], high[:, own] = pieces.min(axis=1), pieces.max(axis=1)
    return _Direction(_spared(low, high), own, pieces)


def _spared(low: Floats, high: Floats) -> Span:
    """A range, widened by the rounding of its ends."""
    spare = 16 * OWN * np.maximum(np.abs(low), np.abs(high))
    return Span(low - spare, high + spare, np.zeros_like(low))


def _weight(part: Part, output: int) -> Floats:
    """The weight of the layer that computes a value."""
    slot = part.network.operations[output - 1].weight
    assert slot is not None
    weight: Floats = part.view(slot).astype(np.float64)
    return weight


@dataclass(eq=False, kw_only=True)
class Tangents(Intervals):
    """The arithmetic of the tangent network.  of: the values of the network itself.  direction: the
    tangent of the features, by a column."""

    of: Enclosure
    column: int
    direction: _Direction

    def __post_init__(self) -> None:
        self.readings = self.direction.readings(self.of)

    def affine(self, operation: Operation, x: Span) -> Span:
        """W t.  An end that is 0 stays exactly 0: otherwise a rise with a flat part could not be
        proved.  The allowance for rounding is a share of each end's own terms."""
        assert operation.weight is not None
        weight = _weight(self.part, operation.output)
        rising, falling = np.maximum(weight, 0.0).T, np.minimum(weight, 0.0).T
        share = SAFE * gamma(own_roundings(self.part), OWN)
        size_low = np.abs(x.low) @ rising - np.abs(x.high) @ falling
        size_high = np.abs(x.high) @ rising - np.abs(x.low) @ falling
        low = x.low @ rising + x.high @ falling - share * size_low
        high = x.high @ rising + x.low @ falling + share * size_high
        return self._kept(operation, Span(low, high, share * np.maximum(size_low, size_high)))

    def activation(self, operation: Operation, x: Span) -> Span:
        self._tighten(operation, x)
        z = self.of.read(operation.output)
        ends = slopes(operation, z.low, z.high)
        return self._lined(operation, x, _product_lines(x.low, x.high, *ends))

    def layer_norm(self, operation: Operation, x: Span) -> Span:
        self._tighten(operation, x)
        norm = self.of.norms[operation.output]
        return self._lined(operation, x, _norm_lines(self.part, operation, norm, x))

    def scale(self, operation: Operation, x: Span) -> Span:
        factor, shift = operation.constants
        return self._kept(operation, scaled(self.part, x, factor, np.zeros_like(shift)))

    def least(self, spec: Floats, value: int) -> Floats:
        """The smallest spec t for the value t, (boxes, rows)."""
        form, constant = _BelowTangent(self, spec).back(spec, value)
        pieces = self.direction.pieces
        if pieces is not None:  # form . direction for each of them
            if not self.readings:
                form = form[..., self.direction.features] @ pieces.transpose(0, 2, 1)
            least, size = form.min(axis=-1), np.abs(form).max(axis=-1)
        else:
            x = self.values[0]
            middle, radius = x.low / 2 + x.high / 2, x.high / 2 - x.low / 2
            far = np.abs(form)
            least = (form @ middle[..., None] - far @ radius[..., None])[..., 0]
            size = (far @ x.size[..., None])[..., 0]
        share = SAFE * gamma(form.shape[-1] + 64, OWN)
        lowered: Floats = least + constant - share * (size + np.abs(constant))
        return lowered

    def pull(self) -> Floats:
        """How much each axis moves the inputs of activations with an open slope, (boxes, axes)."""
        region = self.of.region
        total = np.zeros((len(region.boxes), len(region.space.axes)))
        for output, form in self.of.forms.items():
            z, t = self.of.read(output), self.read(output)
            least, most = slopes(self.part.network.operations[output - 1], z.low, z.high)
            with np.errstate(invalid="ignore", divide="ignore"):
                weight = np.where(z.high > z.low, (most - least) * t.size / (z.high - z.low), 0.0)
            total += np.einsum("bu,bua->ba", weight, form.pull(region))
        for reading in self.readings.values():  # cutting the column leaves fewer pieces
            total[:, self.column] += np.ptp(reading.weight, axis=-1).sum(axis=1)
        return total

    def _tighten(self, operation: Operation, x: Span) -> None:
        units = x.low.shape[1]
        least = self.least(both(np.eye(units)), operation.inputs[0])
        x.narrow(least[:, :units], -least[:, units:])


class _BelowTangent(Below):
    """The tangent network has no biases and shifts, and lines for a layer norm."""

    def layer_norm_back(
        self, operation: Operation, d: Floats | Sloped, learn: Any
    ) -> Floats | Sloped:
        return self.activation_back(operation, d)

    def _bias(self, operation: Operation) -> None:
        return None

    def _shift(self, form: Floats, shift: Floats | None) -> None:
        pass


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


def _norm_lines(part: Part, operation: Operation, norm: Norm, x: Span) -> Lines:
    """The tangent of a layer norm, factor (c - n mean(n c)) weight with c = t - mean(t), as a
    constant range: it has no lines."""
    own = product(part, centring(x.low.shape[1]), np.zeros(x.low.shape[1]), x)
    unit = norm.least, norm.most
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
    zero = np.zeros_like(x.low)
    return Lines(zero, least, zero, most, least, most, zero)


def _times(first: Ends, second: Ends) -> Ends:
    """The product of two ranges."""
    ends = np.stack(np.broadcast_arrays(*(x * y for x in first for y in second)))
    return ends.min(axis=0), ends.max(axis=0)


def _of_part(subject: Subject, values: Enclosure, tangents: Tangents) -> Ends:
    """The range of d answer of a member, (boxes, answers) each."""
    part = values.part
    last, outputs = len(part.network.operations), part.network.outputs
    if subject.kind != "classification":
        least = tangents.least(both(np.eye(outputs)), last)
        low = np.maximum(least[:, :outputs], tangents.last.low)
        high = np.minimum(-least[:, outputs:], tangents.last.high)
        factor = unscaling(part, values.last)[0][:outputs]
        ends = np.stack([low * factor, high * factor])
        spare = 2.0**-50 * np.abs(ends)
        return (ends - spare)[0], (ends + spare)[1]
    # p_i = softmax: dp_i = -p_i sum over j of p_j d(z_j - z_i)
    matrix = margins_of(outputs)
    least = tangents.least(both(matrix), last)
    rows, classes = len(matrix), len(subject.answers)
    shape = (len(least), classes, classes - 1)
    margin = least[:, :rows].reshape(shape), -least[:, rows:].reshape(shape)
    shares = share_ranges(values, classes)
    own = shares[0][..., None], shares[1][..., None]
    order = [[j for j in range(classes) if j != i] for i in range(classes)]
    others = shares[0][:, order], shares[1][:, order]
    terms = _times(_times(own, others), margin)
    share = 2.0**-46
    return (
        -terms[1].sum(axis=2) - share * np.abs(terms[1]).sum(axis=2),
        -terms[0].sum(axis=2) + share * np.abs(terms[0]).sum(axis=2),
    )
