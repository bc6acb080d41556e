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
from typing import Any

import numpy as np

from vetro.glass import plain
from vetro.glass.bounds.answer_forms import Tuned, unscaling
from vetro.glass.bounds.box import Boxes, Space
from vetro.glass.bounds.forms import Form, Region
from vetro.glass.bounds.forms_below import Weights
from vetro.glass.bounds.relaxation import Enclosure, Known, Slopes, both, enclose
from vetro.glass.plain import Floats
from vetro.glass.subject import Part, Subject
from vetro.networks import walk
from vetro.networks.lowered import Operation

STEPS, RATE, DECAY = 30, 0.3, 0.9
_MOST_ROWS = 16
"""Up to this number of objectives, boxes are bounded with separate slopes for each objective."""


@dataclass(frozen=True, eq=False)
class _Target:
    """One part's term in the sum that is bounded: spec (rows, features) of a value, times factor
    plus shift, (rows,)."""

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
            factor, shift, room = unscaling(part, found.last)
            spec, last = both(np.eye(part.network.outputs))[0], len(part.network.operations)
            targets.append(_Target(found, spec, last, factor, (shift - room)[0]))
        least, of_parts = _climb(targets, over)
        slopes = tuple(
            tuple({place: rows[k] for place, rows in chosen.items()} for chosen in of_parts)
            for k in range(objectives)
        )
    return Tuned(known, slopes, least)


def _bends(part: Part) -> list[int]:
    """The results of activations with a convex bend: relu, and leaky_relu up to a slope of 1."""
    return [
        operation.output
        for operation in part.network.operations
        if operation.bends and operation.activation.below is not None
        and operation.activation.below <= 1
    ]  # fmt: skip


def _ranges(part: Part, number: int, region: Region, over: Callable[[], bool]) -> Known:
    """The ranges of the inputs of activations that follow other activations."""
    known: Known = {}
    first = min(_bends(part))
    for operation in part.network.operations:
        if not operation.bends or operation.output <= first or over():
            continue
        source = operation.inputs[0]
        found = enclose(part, number, region, known)
        x = found.values[source]
        low, high = x.low[0].copy(), x.high[0].copy()
        units = np.flatnonzero((low < 0) & (high > 0))
        if len(units):
            spec = both(np.eye(len(low))[units])[0]
            target = _Target(found, spec, source, np.ones(len(spec)), np.zeros(len(spec)))
            least, _ = _climb([target], over)
            low[units] = np.maximum(low[units], least[: len(units)])
            high[units] = np.minimum(high[units], -least[len(units) :])
        known[source] = low, high
    return known


def _climb(targets: Sequence[_Target], over: Callable[[], bool]) -> tuple[Floats, list[Slopes]]:
    """The best lower bounds of the mean of the targets, (rows,), and each part's slopes that give
    them, by result (rows, units)."""
    rows = len(targets[0].spec)
    spread = [_spread(target.found, rows) for target in targets]
    region = spread[0].region
    slopes = [
        {
            output: found.lines[output].lower_slope.copy()
            for output in _bends(found.part)
            if output <= target.value
        }
        for found, target in zip(spread, targets, strict=True)
    ]
    best, kept = np.full(rows, -np.inf), [dict(own) for own in slopes]
    moves = [_Moves() for _ in targets]
    rate = RATE
    for _ in range(STEPS):
        lined = [found.with_slopes(own) for found, own in zip(spread, slopes, strict=True)]
        weights: list[Weights] = [{} for _ in targets]
        forms = [
            found.below(target.spec[:, None], target.value, weight).scaled(
                target.factor[:, None], target.shift[:, None]
            )
            for target, found, weight in zip(targets, lined, weights, strict=True)
        ]
        mean = Form.mean(forms, region)
        least = mean.least(region)[:, 0]
        better = least > best
        best = np.where(better, least, best)
        kept = [
            {place: np.where(better[:, None], own[place], old[place]) for place in own}
            for own, old in zip(slopes, kept, strict=True)
        ]
        if over():
            break
        reached = mean.reached(region)
        for k, found in enumerate(lined):
            features = region.features(found.number, reached)
            network = found.part.network
            before = replace(network, operations=network.operations[: targets[k].value])
            reads = walk.forward(before, features, _AlongLines(found.part, found, weights[k]))
            for place in slopes[k].keys() & weights[k].keys():
                source = network.operations[place - 1].inputs[0]
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


def _spread(found: Enclosure, rows: int) -> Enclosure:
    """The enclosure of one box, repeated for each row, each copy with its own slopes."""

    def wide(record: Any) -> Any:
        arrays = {
            name: np.broadcast_to(x, (rows, *x.shape[1:])) for name, x in vars(record).items()
        }
        return replace(record, **arrays)

    first = np.zeros(rows, dtype=np.intp)
    return replace(
        found,
        region=found.region.take(first),
        values={place: wide(span) for place, span in found.values.items()},
        lines={place: wide(line) for place, line in found.lines.items()},
        norms={place: wide(norm) for place, norm in found.norms.items()},
    )


@dataclass(frozen=True, eq=False)
class _AlongLines(plain.Forward):
    """The values that the lines give: of each line, the one that the activation's form takes."""

    found: Enclosure
    weights: Weights

    def activation(self, operation: Operation, x: Floats) -> Floats:
        line, form = self.found.lines[operation.output], self.weights.get(operation.output)
        rising = form[:, 0] > 0 if form is not None else np.zeros(x.shape, dtype=bool)
        return np.where(
            rising, line.lower_slope * x + line.lower, line.upper_slope * x + line.upper
        )

    def standard(self, operation: Operation, x: Floats) -> Floats:
        centred: Floats = x - x.mean(axis=1, keepdims=True)
        return centred * self.found.norms[operation.output].factor
