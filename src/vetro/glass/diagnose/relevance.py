"""The relevance of inputs: how far each moves the outputs over its range, and its weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from vetro.glass import plain
from vetro.glass.plain import Floats
from vetro.glass.subject import Part, Subject
from vetro.tables.blocks import NumberBlock
from vetro.tables.level_blocks import OrderedBlock

MOST_OUTPUTS = 16
"""Outputs whose slopes are computed."""


@dataclass(frozen=True, eq=False)
class Relevance:
    """For each input column: effect and weight as shares of the largest, (columns,).

    effect: mean |d output / d feature| over the rows x the feature's range in these rows, for the
    feature and output where this is largest; outputs are divided by their standard deviation over
    the rows; mean over the parts.  The features of a number in bins, or of a category whose levels
    have an order, count together: how far the column moves the output over its range in these
    rows, if the output were linear in the features with the row's slopes; mean over the rows.
    weight: the largest root mean square of a feature's weights in the layers that read it.
    """

    columns: tuple[str, ...]
    effect: Floats
    weight: Floats


def relevance(subject: Subject, values: Sequence[list[Floats]]) -> Relevance:
    """The relevance over rows.  values: of plain.forward on these rows, for each part."""
    effects, weights = [], []
    for part, own in zip(subject.parts, values, strict=True):
        groups = _groups(subject, part)
        effects.append(_effects(subject, part, own, groups))
        weight = _weights(part)
        weights.append([weight[group].max(initial=0.0) for group in groups])
    return Relevance(subject.inputs, _shares(effects), _shares(weights))


def _groups(subject: Subject, part: Part) -> list[slice]:
    """The features of each input column."""
    if part.encoder is None:
        return [slice(number, number + 1) for number in range(len(subject.inputs))]
    offsets = part.encoder.offsets
    return [slice(first, after) for first, after in pairwise(offsets)]


def _effects(
    subject: Subject, part: Part, values: list[Floats], groups: Sequence[slice]
) -> list[float]:
    """Of each group of features the largest effect on any output."""
    x, outputs = values[0], values[-1]
    if subject.kind == "classification" and outputs.shape[1] > 1:
        # only differences of scores matter
        outputs = outputs - outputs.mean(axis=1, keepdims=True)
    deviation = outputs.std(axis=0)
    knots = [_knots(part, place, x[:, group]) for place, group in enumerate(groups)]
    found = [0.0] * len(groups)
    for output in range(min(outputs.shape[1], MOST_OUTPUTS)):
        if deviation[output] == 0:
            continue
        delta = np.zeros_like(outputs)
        delta[:, output] = 1.0
        if subject.kind == "classification" and outputs.shape[1] > 1:
            delta -= 1.0 / outputs.shape[1]
        _, deltas = plain.backward(part, values, delta)
        slopes = deltas[0] / deviation[output]
        for place, group in enumerate(groups):
            moved = _moved(slopes[:, group], x[:, group], knots[place])
            found[place] = max(found[place], moved)
    return found


def _knots(part: Part, place: int, x: Floats) -> Floats | None:
    """The features of a number in bins at its borders, or of levels in order, and at the ends of
    the range in these rows, (knots, features without that of missing); None for another column.
    x: its features."""
    block = part.encoder.inputs[place] if part.encoder is not None else None
    if isinstance(block, OrderedBlock):
        knots, count = np.array([block.row(code) for code in range(len(block.levels))]), block.steps
    elif isinstance(block, NumberBlock) and block.bins:
        knots, count = np.empty((len(block.borders), block.width)), block.bins
        block.write(knots, np.array(block.borders))
    else:
        return None
    # every feature rises with the number, or with the rank
    low, high = x.min(axis=0), x.max(axis=0)
    return np.vstack([np.clip(knots, low, high), low, high])[:, : 1 + count]


def _moved(slopes: Floats, x: Floats, knots: Floats | None) -> float:
    """How far a column moves the output; slopes, x: of its features, (rows, features)."""
    first = 0 if knots is None else knots.shape[1]
    spread = x[:, first:].max(axis=0) - x[:, first:].min(axis=0)
    moved = float((np.abs(slopes[:, first:]).mean(axis=0) * spread).max(initial=0.0))
    if knots is None:
        return moved
    return max(moved, float(np.ptp(slopes[:, :first] @ knots.T, axis=1).mean()))


def _weights(part: Part) -> Floats:
    """(features,): from the affine layers that read the input, directly or through scalings."""
    network = part.network
    reached = {0}
    found = np.zeros(network.inputs)
    for operation in network.operations:
        if operation.inputs[0] not in reached:
            continue
        if operation.kind == "affine":
            assert operation.weight is not None
            weight = part.view(operation.weight).astype(np.float64)
            found = np.maximum(found, np.sqrt((weight**2).mean(axis=0)))
        elif operation.kind in ("scale", "dropout", "layer_norm"):
            reached.add(operation.output)
    return found


def _shares(rows: list[list[float]]) -> Floats:
    """The mean over the parts, each as a share of its part's largest."""
    values = np.array(rows, dtype=np.float64)
    largest = values.max(axis=1, keepdims=True, initial=0.0)
    found: Floats = (values / np.where(largest > 0, largest, 1.0)).mean(axis=0)
    return found
