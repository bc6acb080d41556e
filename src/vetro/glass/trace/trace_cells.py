"""The two ends of a trace: from a raw cell into the network, and from the network to an answer.

The formulas are those of tables/blocks.py and targets.py, written out with their numbers; the
values are the ones that the network really reads.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from vetro.figures import ends, figure
from vetro.glass.as_json import as_json
from vetro.glass.plain import Floats
from vetro.glass.rows import cell
from vetro.glass.subject import Part, Subject
from vetro.glass.trace.trace_steps import Step, signed
from vetro.model.predict import probabilities_of
from vetro.tables.blocks import PERIODS, Block, DateBlock, NumberBlock, phase
from vetro.tables.level_blocks import CategoryBlock, OrderedBlock


@dataclass(frozen=True)
class Bin:
    """The bin that a number is in: all bins below it are full (1), and all above are empty (0).

    number: from 1.  of: how many bins there are.  low, high: its ends.  share: how far the number
    fills it, from 0 to 1: (x - low) / (high - low).
    """

    number: int
    of: int
    low: float
    high: float
    share: float

    @property
    def text(self) -> str:
        """ "bin 3 of 16: 22.1 to 31.4"."""
        return f"bin {self.number} of {self.of}: {' to '.join(ends(self.low, self.high))}"


@dataclass(frozen=True)
class Cell:
    """One column's value and the features that the network reads for it.

    text: the value as in the table, "missing" if there is none.  note: what replaces a missing or
    unseen value.  first: the number of its first feature.  bin: of a number with bins.
    """

    column: str
    text: str
    unit: str
    note: str
    first: int
    features: tuple[Step, ...]
    bin: Bin | None = None

    @property
    def telling(self) -> tuple[Step, ...]:
        """The features that say something: of bins only the one that the number is in, of a
        category only the one that is 1."""
        steps = self.features
        if self.bin is not None:
            steps = (steps[0], steps[self.bin.number], *steps[1 + self.bin.of :])
        return tuple(step for step in steps if step.value or step.working) or steps[:1]

    @property
    def shown(self) -> str:
        """The value with its unit: "540 kg/m3"."""
        with_unit = self.unit and self.text != "missing"
        return f"{self.text} {self.unit}" if with_unit else self.text

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        return as_json(self, "column value=text unit note features" + " bin" * bool(self.bin))


def cells_of(subject: Subject, part: Part, raw: Floats, features: Floats) -> tuple[Cell, ...]:
    """The cells of a row.  raw: (inputs,) as Rows.raw; features: (features,) as encoded."""
    model, encoder = subject.model, part.encoder
    if model is None or encoder is None:
        return tuple(
            Cell(
                name,
                f"{raw[n]:.15g}",
                "",
                "",
                n,
                (Step(f"x[{name}]", f"x[{name}] = {name}", float(features[n])),),
            )
            for n, name in enumerate(subject.inputs)
        )
    found = []
    for column, block, first, value in zip(
        model.schema.inputs, encoder.inputs, encoder.offsets, raw, strict=False
    ):
        made = zip(block.names, features[first : first + block.width], _formulas(block, value),
                   strict=True)  # fmt: skip
        steps = tuple(
            Step(f"x[{name}]", f"x[{name}] = {right}", float(number), working)
            for name, number, (right, working) in made
        )
        text, note = cell(column, float(value)), _note(block, cell(column, float(value)))
        place = _bin(block, value, steps)
        found.append(Cell(column.name, text, column.unit, note, first, steps, place))
    return tuple(found)


def _bin(block: Block, value: float, steps: tuple[Step, ...]) -> Bin | None:
    """The bin of a value, or the nearest one if it is outside; a border begins its bin."""
    if not isinstance(block, NumberBlock) or not block.bins:
        return None
    number = _bin_number(block, block.median if np.isnan(value) else float(value))
    low, high = block.borders[number - 1 : number + 1]
    return Bin(number, block.bins, low, high, steps[number].value)


def _bin_number(block: NumberBlock, given: float) -> int:
    return min(max(bisect(block.borders, given), 1), block.bins)


def _note(block: Block, text: str) -> str:
    """What replaces a value that is missing or was never seen."""
    if isinstance(block, OrderedBlock):
        return f"counts as {block.unseen}" if text in ("missing", "unseen") else ""
    if isinstance(block, CategoryBlock):
        if text == "missing" and not block.missing:
            return "counts as <other>"
        rare = text in block.levels and not block.kept[block.levels.index(text)]
        if rare or text == "unseen":
            return "counts as <other>" + (", which no training row had" * (not block.other_trained))
        return ""
    return f"replaced by the median, {figure(block.median)}" if text == "missing" else ""


def _formulas(block: Block, value: float) -> Iterator[tuple[str, str]]:
    """For each feature of a block, the right side of its formula, in symbols and in numbers."""
    if isinstance(block, CategoryBlock):
        yield from _of_category(block)
        return
    if isinstance(block, OrderedBlock):
        yield from _of_order(block, value)
        return
    given = block.median if np.isnan(value) else float(value)
    if isinstance(block, NumberBlock) or block.days:
        yield _standardised(block, given)
    if isinstance(block, NumberBlock):
        for number in range(1, block.bins + 1):
            yield _share(block, number, given)
    if isinstance(block, DateBlock):
        for cycle in block.cycles:
            period, days = figure(PERIODS[cycle], 7), figure(given, 12)
            inner = f"2 pi ({{}} mod {period}) / {period}"
            angle = figure(float(phase(np.array([given]), PERIODS[cycle])[0]))
            for wave in ("sin", "cos"):
                working = f"{wave}({inner.format(days)}) = {wave}({angle})"
                yield f"{wave}({inner.format(block.name)})", working
    if block.indicator:
        always = "0: it was never missing in training"
        yield (f"1 if {block.name} is missing" if block.indicator_trained else always), ""


def _standardised(block: NumberBlock | DateBlock, given: float) -> tuple[str, str]:
    if block.scale == 0.0:
        return "0: it never varied in training", ""
    mean = signed(-block.mean, 1.0 / block.scale)
    working = f"({figure(given, 12)} {mean}) * {figure(block.scale)}"
    return f"({block.name} - mean) * scale", working


def _share(block: NumberBlock, number: int, given: float) -> tuple[str, str]:
    """The share of a bin; only the bin that the number is in has a working."""
    low, high = block.borders[number - 1 : number + 1]
    least, most = ends(low, high)
    formula = f"min(max(({block.name} - {least}) / ({most} - {least}), 0), 1)"
    if number != _bin_number(block, given) or not low <= given <= high:
        return formula, ""
    width = high - low
    return formula, f"({figure(given, 12)} {signed(-low, width)}) / {figure(width)}"


def _of_category(block: CategoryBlock) -> Iterator[tuple[str, str]]:
    for level, kept in zip(block.levels, block.kept, strict=True):
        yield (f"1 if {block.name} is {level}" if kept else "0: too rare in training"), ""
    other = f"1 if {block.name} is another text"
    yield (other if block.other_trained else "0: no training row had another text"), ""
    if block.missing:
        missing = f"1 if {block.name} is missing"
        yield (missing if block.missing_trained else "0: it was never missing in training"), ""


def _of_order(block: OrderedBlock, value: float) -> Iterator[tuple[str, str]]:
    code = int(block.codes(np.array([value]))[0])
    level = block.levels[code] if code >= 0 else block.median
    place = f"{block.order.index(level)} of 0 to {block.steps}"
    yield f"rank of {block.name}, centred and scaled", f"{level}: {place}"
    first, last = (block.order.index(end) for end in (block.low, block.high))
    for number, level in enumerate(block.order[1:], start=1):
        rare = "too rare in training to tell from its neighbour"
        if first < number <= last:
            yield f"1 if {block.name} is {level} or higher", ""
        else:
            yield (f"1: lower levels are {rare}" if number <= first else f"0: it is {rare}"), ""
    if block.missing:
        missing = f"1 if {block.name} is missing"
        yield (missing if block.missing_trained else "0: it was never missing in training"), ""


def ending_of(subject: Subject, part: Part, outputs: Floats) -> tuple[Step, ...]:
    """One step for each answer, from a part's outputs (outputs,); a module answers its outputs."""
    encoder = part.encoder
    if encoder is None:
        return ()
    if not encoder.classes:
        steps = []
        for target, unit, scaled in zip(
            encoder.number_targets, subject.answer_units, outputs, strict=True
        ):
            mean = signed(target.mean, target.deviation)
            working = f"{figure(scaled)} * {figure(target.deviation)} {mean}"
            formula = f"{target.name} = scaled * deviation + mean"
            value = float(target.decode(np.array([scaled]))[0])
            steps.append(Step(target.name, formula, value, working, unit))
        return tuple(steps)
    return tuple(_probabilities(encoder.classes, subject.outputs, outputs))


def _probabilities(
    classes: tuple[str, ...], names: tuple[str, ...], scores: Floats
) -> Iterator[Step]:
    values = probabilities_of(scores[None])[0]
    if len(scores) == 1:
        first, second = classes
        sigmoid = f"1 / (1 + exp(-score of {names[0]}))"
        yield Step(f"P({first})", f"P({first}) = 1 - P({second})", float(values[0]),
                   f"1 - {figure(float(values[1]))}")  # fmt: skip
        yield Step(f"P({second})", f"P({second}) = {sigmoid}", float(values[1]),
                   f"1 / (1 + exp({figure(-float(scores[0]))}))")  # fmt: skip
        return
    # softmax does not change when the same number is subtracted from every score
    top = float(scores.max())
    total = float(np.exp(scores - top).sum())
    for label, score_of, value in zip(classes, scores, values, strict=True):
        working = f"exp({figure(float(score_of))} {signed(-top)}) / {figure(total)}"
        formula = f"P({label}) = exp(score - largest) / sum of all exp(score - largest)"
        yield Step(f"P({label})", formula, float(value), working)
