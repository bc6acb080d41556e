"""The space of a subject's boxes: an axis for each input column, and how each part encodes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vetro.glass.bounds.box import Axis, Boxes, Range, Space
from vetro.glass.bounds.input_map import Binned, InputMap
from vetro.glass.plain import Floats
from vetro.glass.subject import Part, Subject
from vetro.tables.blocks import DateBlock, NumberBlock
from vetro.tables.level_blocks import MISSING, LevelBlock


def space_of(subject: Subject, ranges: Sequence[Range]) -> tuple[Space, Boxes]:
    """The space of the subject's input columns within these ranges, and the box that covers it."""
    axes = _axes_of(subject, ranges)
    numbers = [found for found, axis in zip(ranges, axes, strict=True) if axis.number >= 0]
    low = np.array([[found.low for found in numbers]])
    high = np.array([[found.high for found in numbers]])
    middle = low[0] / 2 + high[0] / 2
    variables = axes[-1].variables[1] if axes else 0
    alternatives = axes[-1].alternatives[1] if axes else 0
    maps = tuple(_input_map(part, axes, middle, variables, alternatives) for part in subject.parts)
    root = Boxes(low, high, np.ones((1, alternatives), dtype=bool))
    return Space(axes, middle, maps, variables, alternatives), root


def _axes_of(subject: Subject, ranges: Sequence[Range]) -> tuple[Axis, ...]:
    """One axis for each input column, in order."""
    encoder = subject.parts[0].encoder
    blocks = encoder.inputs if encoder is not None else (None,) * len(ranges)
    axes: list[Axis] = []
    numbers = variables = alternatives = 0
    for place, (block, found) in enumerate(zip(blocks, ranges, strict=True)):
        waves = block.cycles if isinstance(block, DateBlock) else ()
        category = isinstance(block, LevelBlock)
        borders = _borders(subject, place) if None in found.codes else ()
        used = 0 if category or borders else 1 + 2 * len(waves)
        codes = () if found.codes == (None,) else found.codes
        axes.append(
            Axis(
                subject.inputs[place],
                -1 if category else numbers,
                waves,
                (variables, variables + used),
                (alternatives, alternatives + len(codes)),
                codes,
                whole=is_flag(subject, place),
                borders=borders,
            )
        )
        numbers += not category
        variables += used
        alternatives += len(codes)
    return tuple(axes)


def _borders(subject: Subject, place: int) -> tuple[float, ...]:
    """The borders of a column's bins in any part, rising."""
    encoders = [part.encoder for part in subject.parts if part.encoder is not None]
    blocks = [encoder.inputs[place] for encoder in encoders]
    found = {b for block in blocks if isinstance(block, NumberBlock) for b in block.borders}
    return tuple(sorted(found))


def is_flag(subject: Subject, place: int) -> bool:
    """Whether an input column is a flag, 0 or 1."""
    return subject.model is not None and subject.model.schema.inputs[place].kind == "flag"


def _input_map(
    part: Part, axes: tuple[Axis, ...], middle: Floats, variables: int, alternatives: int
) -> InputMap:
    features = part.network.inputs
    found = InputMap(
        np.zeros((variables, features)), np.zeros((alternatives, features)), np.zeros(features)
    )
    if part.encoder is None:
        np.fill_diagonal(found.of_variables, 1.0)
        found.constant[:] = middle
        return found
    binned: list[Binned] = []
    for block, axis, start in zip(part.encoder.inputs, axes, part.encoder.offsets, strict=False):
        first = axis.alternatives[0]
        if isinstance(block, LevelBlock):
            for place, code in enumerate(axis.codes):
                known = MISSING if code is None or np.isnan(code) else int(code)
                found.of_alternatives[first + place, start : start + block.width] = block.row(known)
            continue
        end, gap = start + block.width, _missing(block)
        if axis.borders:
            assert isinstance(block, NumberBlock)
            binned.append(Binned(start, block))
            for place, code in enumerate(axis.codes):
                found.of_alternatives[first + place, start:end] = 0.0 if code is None else gap
            continue
        number, variable = _at(block, float(middle[axis.number])), axis.variables[0]
        if isinstance(block, NumberBlock) or block.days:
            found.of_variables[variable, start] = block.scale
        for offset in range(2 * len(axis.waves)):
            place = start + block.width - block.indicator - 2 * len(axis.waves) + offset
            found.of_variables[variable + 1 + offset, place] = 1.0
        if not axis.codes:
            found.constant[start:end] = number
        for place, code in enumerate(axis.codes):
            found.of_alternatives[first + place, start:end] = number if code is None else gap
    return replace(found, binned=tuple(binned))


def _at(block: NumberBlock | DateBlock, middle: float) -> Floats:
    """The features of a block without bins at t = 0."""
    number = np.zeros(block.width)
    if isinstance(block, NumberBlock) or block.days:
        number[0] = (middle - block.mean) * block.scale
    return number


def _missing(block: NumberBlock | DateBlock) -> Floats:
    """The features of a block if the column is missing."""
    found = np.empty(block.width)
    block.write(found[None], np.array([np.nan]))
    return found
