"""Forms of a network's features below combinations of a value: the network walked back.

Backward substitution as in CROWN (Zhang et al. 2018) and DeepPoly (Singh et al. 2019): a form of
the last value becomes a form of the value before it, with each activation replaced by a line below
or above.  The forms of several members are averaged before their extremes over the box are taken,
so that members with opposite errors do not each take their own worst corner.  A form's own products
lose at most gamma times |form| |W| |x|, which is |form| times the sizes that the layer's room is
computed from (interval_bounds.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vetro.glass.bounds.activation_lines import Lines
from vetro.glass.bounds.forms import times
from vetro.glass.bounds.interval_bounds import Intervals
from vetro.glass.bounds.rounding_bounds import SAFE
from vetro.glass.plain import Floats
from vetro.networks import walk
from vetro.networks.lowered import Operation

Weights = dict[int, Floats]
"""Result of an activation -> the form of it, (boxes or 1, rows, units)."""


@dataclass(frozen=True, eq=False)
class Sloped:
    """A form that all boxes share, of the result of an activation, and its lines.  A layer before
    it multiplies them out without an array of (boxes, rows, units)."""

    form: Floats
    line: Lines


class Below:
    """The arithmetic: d is a form (boxes or 1, rows, features).

    constant, lost: (boxes, rows), what the operations add to the forms, and their rounding.
    weights: filled with the form of each activation's result.
    """

    def __init__(self, found: Intervals, spec: Floats, weights: Weights | None = None) -> None:
        self._found, self._part = found, found.part
        self._weights = {} if weights is None else weights
        self._constant, self._lost = np.zeros((2, len(found.values[0].low), spec.shape[1]))

    def back(self, spec: Floats, value: int) -> tuple[Floats, Floats]:
        """spec x >= form . features + constant for a value x, for any rounding: form (boxes or 1,
        rows, features), constant (boxes, rows).  If there are readings, form is of the region's
        places instead of the features."""
        network = self._part.network
        before = replace(network, operations=network.operations[:value])
        found = self._whole(walk.backward(before, spec, self)[0][0])
        if not self._found.readings:
            self._lose(0, found)
        return found, self._constant - SAFE * self._lost

    def learned(self, operation: Operation, d: Any, learn: Any) -> None:
        """Nothing: the parameters are fixed."""

    def affine_back(self, operation: Operation, d: Floats | Sloped) -> Floats:
        assert operation.weight is not None
        reading = self._found.readings.get(operation.output)
        if reading is None:
            weight = self._part.view(operation.weight).astype(np.float64)
        else:
            weight = reading.weight
        if isinstance(d, Sloped):
            return self._through_pair(operation, weight, d)
        self._lose(operation.output, d)
        self._shift(d, self._bias(operation))
        return _flat(d, weight) if reading is None else _each(d, weight)

    def activation_back(self, operation: Operation, d: Floats | Sloped) -> Floats | Sloped:
        form = self._whole(d)
        self._lose(operation.output, form)
        self._weights[operation.output] = form
        sloped = Sloped(form, self._found.lines[operation.output])
        return sloped if len(form) == 1 else self._whole(sloped)

    def layer_norm_back(
        self, operation: Operation, d: Floats | Sloped, learn: Any
    ) -> Floats | Sloped:
        """y = (x - mean) * factor * weight + bias."""
        form = self._whole(d)
        self._lose(operation.output, form)
        self._shift(form, self._bias(operation))
        if operation.weight is not None:
            form = form * self._part.view(operation.weight)
        form = form * self._found.norms[operation.output].factor[:, None]
        centred: Floats = form - form.mean(axis=-1, keepdims=True)
        return centred

    def scale_back(self, operation: Operation, d: Floats | Sloped) -> Floats:
        form = self._whole(d)
        self._lose(operation.output, form)
        self._shift(form, operation.constants[1])
        scaled: Floats = form * operation.constants[0]
        return scaled

    def add_back(self, operation: Operation, d: Floats | Sloped) -> Floats:
        form = self._whole(d)
        self._lose(operation.output, form)
        return form

    def plus(self, held: Floats | Sloped | None, found: Floats | Sloped) -> Floats | Sloped:
        return found if held is None else self._whole(held) + self._whole(found)

    def _bias(self, operation: Operation) -> Floats | None:
        reading = self._found.readings.get(operation.output)
        if reading is not None:
            return reading.bias
        slot = operation.bias
        return None if slot is None else self._part.view(slot).astype(np.float64)

    def _shift(self, form: Floats, shift: Floats | None) -> None:
        """Of a result that is shifted by this much, (features,)."""
        if shift is not None:
            self._constant += form @ shift

    def _lose(self, output: int, form: Floats) -> None:
        self._lost += times(np.abs(form), self._room(output))

    def _room(self, output: int) -> Floats:
        room, reading = self._found.values[output].room, self._found.readings.get(output)
        return room if reading is None else room + reading.room

    def _whole(self, d: Floats | Sloped) -> Floats:
        """A form of what the activation reads, multiplied out."""
        if not isinstance(d, Sloped):
            return d
        rising, falling = np.maximum(d.form, 0.0), np.minimum(d.form, 0.0)
        before: Floats = rising * d.line.lower_slope[:, None]
        before += falling * d.line.upper_slope[:, None]
        self._constant += times(rising, d.line.lower) + times(falling, d.line.upper)
        return before

    def _through_pair(self, layer: Operation, weight: Floats, after: Sloped) -> Floats:
        """The form before a layer and its activation.

        m and d are the middle and half the difference of the two slopes.  form (m W) - |form| (d W)
        is computed as matrix products.  A second half of rows that is the negative of the first
        half costs nothing.
        """
        line, rows = after.line, after.form[0]
        half = len(rows) // 2
        mirrored = np.array_equal(rows[:half], -rows[half:])
        own = rows[:half] if mirrored else rows
        middle = line.lower_slope / 2 + line.upper_slope / 2
        apart = line.upper_slope / 2 - line.lower_slope / 2
        shift, gap = line.lower / 2 + line.upper / 2, line.upper / 2 - line.lower / 2
        bias = self._bias(layer)
        if bias is not None:
            shift, gap = shift + middle * bias, gap + apart * bias
        steepest = np.maximum(np.abs(line.lower_slope), np.abs(line.upper_slope))
        self._lost += (steepest * self._room(layer.output)) @ np.abs(rows).T
        centre, spread = _spread(own, middle, weight), _spread(np.abs(own), apart, weight)
        at, around = shift @ own.T, gap @ np.abs(own).T
        if not mirrored:
            self._constant += at - around
            return centre - spread
        self._constant += np.concatenate([at - around, -at - around], axis=1)
        return np.concatenate([centre - spread, -centre - spread], axis=1)


def _flat(forms: Floats, matrix: Floats) -> Floats:
    """forms (boxes, rows, n) @ matrix (n, m) as one matrix product."""
    product: Floats = forms.reshape(-1, forms.shape[-1]) @ matrix
    return product.reshape(*forms.shape[:-1], matrix.shape[1])


def _each(forms: Floats, matrices: Floats) -> Floats:
    """forms (boxes or 1, rows, n) @ matrices (boxes, n, m)."""
    rows = forms[0]
    half = len(rows) // 2
    if len(forms) > 1 or not np.array_equal(rows[:half], -rows[half:]):
        return forms @ matrices
    own = matrices if np.array_equal(rows[:half], np.eye(half)) else rows[:half] @ matrices
    return np.concatenate([own, -own], axis=1)


def _spread(rows: Floats, slopes: Floats, weight: Floats) -> Floats:
    """rows (slopes weight) for each box, (boxes, rows, inputs), as one matrix product; weight
    (units, inputs), or (boxes, units, inputs)."""
    count, inputs = len(slopes), weight.shape[-1]
    own = weight[:, None] if weight.ndim == 2 else weight.transpose(1, 0, 2)
    sloped = np.ascontiguousarray(slopes.T)[..., None] * own
    found = rows @ sloped.reshape(len(own), count * inputs)
    return np.ascontiguousarray(found.reshape(-1, count, inputs).transpose(1, 0, 2))
