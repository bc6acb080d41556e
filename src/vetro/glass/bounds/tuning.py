"""Tuning the slopes of the lines below relu units for a whole box: this narrows its certain ranges,
and those of every box within it.

Any slope between those of both sides gives a line below a convex bend, hence a certain bound.
Gradient ascent finds the best slopes (alpha-CROWN, Xu et al. 2021, "Fast and complete").  The
derivative of a bound by a unit's slope is the unit's weight times its value where the bound is
reached.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vetro.glass import plain
from vetro.glass.bounds.answer_forms import Tuned, unscaling
from vetro.glass.bounds.box import Boxes, Space
from vetro.glass.bounds.forms import Form, Region
from vetro.glass.bounds.relaxation import (
    Enclosure,
    Known,
    Slopes,
    enclose,
    lower_forms,
    with_slopes,
)
from vetro.glass.subject import Part, Subject

Floats = NDArray[np.float64]

STEPS, RATE, DECAY = 30, 0.3, 0.9
_MOST_ROWS = 16
"""Up to this number of objectives, boxes are bounded with separate slopes for each objective."""


@dataclass(frozen=True, eq=False)
class _Target:
    """One part's term in the sum that is bounded: spec (rows, features) of a value, times factor
    plus shift, (rows,)."""

    number: int
    part: Part
    found: Enclosure
    spec: Floats
    value: int
    factor: Floats
    shift: Floats


def tune(subject: Subject, space: Space, root: Boxes, over: Callable[[], bool]) -> Tuned | None:
    """The slopes that suit a box, tuned until `over` returns true; None if no slope is free."""
    if not _bends(subject.parts[0]):
        return None
    region = Region.of(space, root)
    known = tuple(_ranges(part, number, region, over) for number, part in enumerate(subject.parts))
    objectives = 2 * len(subject.answers)
    least: Floats = np.full(objectives, -np.inf)
    slopes: tuple[tuple[Slopes, ...], ...] = ()
    if subject.kind != "classification" and objectives <= _MOST_ROWS:
        targets = []
        for number, part in enumerate(subject.parts):
            found = enclose(part, number, region, known[number])
            eye = np.eye(part.network.outputs)
            factor, shift, room = unscaling(part, found)
            targets.append(
                _Target(
                    number, part, found, np.concatenate([eye, -eye]),
                    len(part.network.operations), factor, (shift - room)[0],
                )
            )  # fmt: skip
        least, of_parts = _climb(targets, region, over)
        slopes = tuple(
            tuple({place: rows[k] for place, rows in chosen.items()} for chosen in of_parts)
            for k in range(objectives)
        )
    return Tuned(known, slopes, least)


def _bends(part: Part) -> list[int]:
    """The activations with a convex bend: relu, and leaky_relu up to a slope of 1."""
    return [
        place
        for place, operation in enumerate(part.network.operations)
        if operation.bends and operation.activation.below is not None
        and operation.activation.below <= 1
    ]  # fmt: skip


def _ranges(part: Part, number: int, region: Region, over: Callable[[], bool]) -> Known:
    """The ranges of the inputs of activations that follow other activations."""
    known: Known = {}
    bends = _bends(part)
    for place, operation in enumerate(part.network.operations):
        if not operation.bends:
            continue
        source = operation.inputs[0]
        if not any(bend < place for bend in bends) or over():
            continue
        found = enclose(part, number, region, known)
        low, high = found.low[source][0].copy(), found.high[source][0].copy()
        units = np.flatnonzero((low < 0) & (high > 0))
        if len(units):
            eye = np.eye(len(low))[units]
            rows, none = np.ones(2 * len(eye)), np.zeros(2 * len(eye))
            spec = np.concatenate([eye, -eye])
            target = _Target(number, part, found, spec, source, rows, none)
            least, _ = _climb([target], region, over)
            low[units] = np.maximum(low[units], least[: len(eye)])
            high[units] = np.minimum(high[units], -least[len(eye) :])
        known[source] = low, high
    return known


def _climb(
    targets: Sequence[_Target], region: Region, over: Callable[[], bool]
) -> tuple[Floats, list[Slopes]]:
    """The best lower bounds of the mean of the targets, (rows,), and each part's slopes that give
    them, by operation (rows, units)."""
    rows = len(targets[0].spec)
    several = _repeated(region, rows)
    found = [_spread(target.found, rows) for target in targets]
    places = [
        [place for place in _bends(target.part) if place in target.found.lines
         and place < target.value]
        for target in targets
    ]  # fmt: skip
    slopes = [
        {place: one.lines[place].lower_slope.copy() for place in own}
        for one, own in zip(found, places, strict=True)
    ]
    best, kept = np.full(rows, -np.inf), [dict(own) for own in slopes]
    moves = [_Moves() for _ in targets]
    rate = RATE
    for _ in range(STEPS):
        forms, weights, lined = [], [], []
        for target, one, own in zip(targets, found, slopes, strict=True):
            with_own = with_slopes(target.part, one, own)
            weight: dict[int, Floats] = {}
            form = lower_forms(
                target.part, target.number, several, with_own, target.spec[:, None],
                target.value, weight,
            )  # fmt: skip
            forms.append(form.scaled(target.factor[:, None], target.shift[:, None]))
            weights.append(weight)
            lined.append(with_own)
        mean = Form.mean(forms, several)
        least = mean.least(several)[:, 0]
        better = least > best
        best = np.where(better, least, best)
        kept = [
            {place: np.where(better[:, None], own[place], old[place]) for place in own}
            for own, old in zip(slopes, kept, strict=True)
        ]
        if over():
            break
        numbers, chosen = mean.reached(several)
        for k, target in enumerate(targets):
            map_ = region.space.maps[target.number]
            features = numbers @ map_.of_variables + chosen @ map_.of_alternatives + map_.constant
            reads = _along_lines(target.part, lined[k], weights[k], features, target.value)
            for place in places[k]:
                if place not in weights[k]:
                    continue
                source = target.part.network.operations[place].inputs[0]
                up = np.maximum(weights[k][place][:, 0], 0.0) * reads[source]
                slopes[k][place] = moves[k].moved(place, slopes[k][place], up, rate)
        rate *= DECAY
    return best, kept


class _Moves:
    """Ascending steps of numbers in [0, 1], with lengths from their past slopes (Adam, Kingma and
    Ba 2015)."""

    def __init__(self) -> None:
        self._mean: dict[int, Floats] = {}
        self._square: dict[int, Floats] = {}
        self._count: dict[int, int] = {}

    def moved(self, place: int, numbers: Floats, slope: Floats, rate: float) -> Floats:
        count = self._count[place] = self._count.get(place, 0) + 1
        mean = 0.9 * self._mean.get(place, 0.0) + 0.1 * slope
        square = 0.999 * self._square.get(place, 0.0) + 0.001 * slope**2
        self._mean[place], self._square[place] = mean, square
        root = np.sqrt(square / (1 - 0.999**count))
        with np.errstate(invalid="ignore", divide="ignore"):
            step = np.where(root > 0, mean / (1 - 0.9**count) / root, 0.0)
        return np.clip(numbers + rate * step, 0.0, 1.0)


def _repeated(region: Region, rows: int) -> Region:
    """One box, repeated for each row, each copy with its own slopes."""
    first = np.zeros(rows, dtype=np.intp)
    return Region(region.space, region.boxes.take(first), region.low[first], region.high[first])


def _spread(found: Enclosure, rows: int) -> Enclosure:
    """The known ranges of one box, repeated for as many."""

    def wide(values: Floats) -> Floats:
        return np.broadcast_to(values, (rows, *values.shape[1:]))

    lines = {
        place: replace(line, **{name: wide(value) for name, value in vars(line).items()})
        for place, line in found.lines.items()
    }
    norms = {
        place: replace(norm, factor=wide(norm.factor), radius=wide(norm.radius))
        for place, norm in found.norms.items()
    }
    low, high, room = ([wide(x) for x in xs] for xs in (found.low, found.high, found.room))
    return Enclosure(low, high, room, lines, norms, {})


def _along_lines(
    part: Part, found: Enclosure, weights: dict[int, Floats], features: Floats, value: int
) -> list[Floats]:
    """The values that the lines give for features (rows, features): every value up to `value`."""
    values = [features]
    for place, operation in enumerate(part.network.operations[:value]):
        inputs = [values[number] for number in operation.inputs]
        if place in found.lines:
            line = found.lines[place]
            form = weights[place][:, 0] if place in weights else np.zeros_like(inputs[0])
            made = np.where(
                form > 0,
                line.lower_slope * inputs[0] + line.lower,
                line.upper_slope * inputs[0] + line.upper,
            )
        elif place in found.norms:
            x = inputs[0] - inputs[0].mean(axis=1, keepdims=True)
            made = x * found.norms[place].factor
            if operation.weight is not None:
                made = made * part.view(operation.weight)
            if operation.bias is not None:
                made = made + part.view(operation.bias)
        else:
            made = plain.apply(operation, part, inputs)
        values.append(made)
    return values
