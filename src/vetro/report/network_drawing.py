"""The network of one prediction, drawn: inputs left, layers, answers right, as inline SVG.

Each unit shows its value; lines are weights, coloured by sign, thick where large.  Of large layers
only the units that contribute most and the largest weights are drawn, and `caption` says so.
Colours are the page's CSS variables, so that one drawing serves light, dark and paper.  No script.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vetro.errors import counted
from vetro.figures import figure
from vetro.glass.plain import Floats
from vetro.glass.trace.trace import Trace
from vetro.glass.trace.trace_record import Chain
from vetro.glass.trace.trace_steps import Stage
from vetro.report.markup import text
from vetro.report.merged_bins import terms_of
from vetro.report.svg_text import (
    NAME_SIZE,
    SMALL_SIZE,
    cut,
    svg_label,
    two_lines,
    value_text,
    width_of,
)

MOST_UNITS = 14
"""Units of a layer that are drawn."""

MOST_LINES = 90
"""Weights of a layer that are drawn."""

PITCH, TOP, BOTTOM = 36, 58, 16
WIDTH, HEIGHT, GAP = 96, 24, 104
_GAPS = ((4, GAP), (7, 88))
"""(columns, distance): up to this number of columns has this distance; more are closer."""

_NARROW_GAP = 64
_MARGIN, _LARGEST_MARGIN = 12, 230


@dataclass(frozen=True, eq=False)
class Column:
    """One layer as drawn.  values, off: of all its units; drawn: the numbers of those shown, in
    order; stages: what made it, () of the inputs.  x: its left edge."""

    title: str
    units: tuple[str, ...]
    values: Floats
    off: NDArray[np.bool_]
    drawn: tuple[int, ...]
    stages: tuple[Stage, ...]
    x: float

    @property
    def more(self) -> int:
        """How many units are not drawn."""
        return len(self.units) - len(self.drawn)

    @property
    def rows(self) -> int:
        """How many boxes are drawn, with the one for the units that are not."""
        return len(self.drawn) + bool(self.more)


@dataclass(frozen=True, eq=False)
class Drawing:
    """The columns from left to right, and the picture's size; holders: value number -> column."""

    trace: Trace
    chain: Chain
    columns: tuple[Column, ...]
    holders: dict[int, int]
    width: float
    height: float
    gap: float

    def place(self, column: int, unit: int) -> tuple[float, float]:
        """The left edge and the middle of a unit that is drawn."""
        found = self.columns[column]
        first = TOP + (self.height - TOP - BOTTOM - found.rows * PITCH) / 2
        return found.x, first + (found.drawn.index(unit) + 0.5) * PITCH

    def passing(self, column: int) -> Iterator[int]:
        """The values that pass to a column unit by unit: into an activation, or into a sum of two
        values."""
        for stage in self.columns[column].stages:
            if stage.kind != "affine" and stage is self.columns[column].stages[0]:
                yield stage.operation.inputs[0]
            if stage.kind == "add":
                yield from (v for v in stage.operation.inputs if self.holders[v] != column)


def drawing_of(trace: Trace, chain: Chain) -> Drawing:
    """The layout: the position of every column and unit."""
    names = trace.subject.features
    holders = {0: 0} | {
        stage.operation.output: number
        for number, stages in enumerate(chain.layers, start=1)
        for stage in stages
    }
    labels = [label for unit in range(len(names)) for label in _input_label(trace, chain, unit)]
    count = 1 + len(chain.layers)
    gap = next((gap for most, gap in _GAPS if count <= most), _NARROW_GAP)
    left = _margin(labels, "inputs", gap)
    columns = []
    for number, stages in enumerate([(), *chain.layers]):
        title, units, values, off = "inputs", names, chain.features, np.zeros(len(names), np.bool_)
        if stages:
            title = ", ".join(dict.fromkeys(stage.where for stage in stages))
            units, values = stages[-1].units, stages[-1].values
            off = np.any([stage.off for stage in stages], axis=0)
        drawn = _carrying_most(number, chain, values, holders)
        x = left + number * (WIDTH + gap)
        columns.append(Column(title, units, values, off, drawn, stages, x))
    last = columns[-1]
    answers = [
        label for unit in range(len(last.units)) for label in _answer_label(trace, chain, unit)
    ]
    width = last.x + WIDTH + _margin(answers, last.title, gap)
    height = TOP + max(column.rows for column in columns) * PITCH + BOTTOM
    return Drawing(trace, chain, tuple(columns), holders, width, height, gap)


def _carrying_most(
    column: int, chain: Chain, values: Floats, holders: dict[int, int]
) -> tuple[int, ...]:
    """The units with the largest products in the next layer's sums, in the layer's order."""
    if len(values) <= MOST_UNITS:
        return tuple(range(len(values)))
    carried = np.zeros(len(values))
    for stages in chain.layers:
        first = stages[0]
        if first.kind == "affine" and holders[first.operation.inputs[0]] == column:
            terms = terms_of(chain, first)
            carried[list(terms.sources)] += np.abs(terms.products).sum(axis=0)
    if not carried.any():
        carried = np.abs(values)
    ranked = np.argsort(-carried, kind="stable")[:MOST_UNITS]
    return tuple(sorted(unit for unit in ranked.tolist() if carried[unit] != 0)) or (0,)


def network_svg(drawing: Drawing, interactive: bool = False) -> str:
    """The picture.  interactive: units can be reached by keyboard and carry data for a script."""
    trace, chain = drawing.trace, drawing.chain
    what = f"The network with the values of this prediction, {len(drawing.columns)} columns"
    width, height = round(drawing.width), round(drawing.height)
    parts = [
        f'<svg class="network" viewBox="0 0 {width} {height}" style="--natural:{width}px" '
        f'role="{"group" if interactive else "img"}" aria-label="{text(what)}">',
        f'<g class="weights">{"".join(_lines(drawing))}</g><g class="picked"></g>',
    ]
    for number, column in enumerate(drawing.columns):
        middle = column.x + WIDTH / 2
        wide = WIDTH + drawing.gap - _MARGIN
        parts.append(svg_label(middle, 20, column.title, "layer", wide, "middle"))
        parts.append(svg_label(middle, 37, _count(column), "small", wide, "middle"))
        last = number == len(drawing.columns) - 1
        for unit in column.drawn:
            parts.append(_unit(drawing, number, unit, interactive))
            x, y = drawing.place(number, unit)
            if not number:
                parts.append(two_lines(x - 9, y, *_input_label(trace, chain, unit), "end", x - 12))
            if last:
                x += WIDTH
                label = _answer_label(trace, chain, unit)
                parts.append(two_lines(x + 9, y, *label, "start", drawing.width - x - 12))
        if column.more:
            parts.append(_more(drawing, number, interactive))
    return "".join(parts) + "</svg>"


def caption(drawing: Drawing) -> str:
    """One or two sentences about the picture's content and about what it leaves out."""
    found = "Each line is a weight: blue is positive, orange is negative, and thick is large."
    if any(cell.bin for cell in drawing.chain.cells):
        found += " The line of a number's bin is what all bins of the number add together."
    if any(column.off[list(column.drawn)].any() for column in drawing.columns):
        found += " Dashed units are off: their activation is 0."
    cut = [column for column in drawing.columns if column.more]
    if cut:
        found += f" Of a large layer, the {MOST_UNITS} units that contribute most to the next " \
                 "layer are drawn"  # fmt: skip
    fewer = any(
        column.stages and column.stages[0].weight is not None
        and len(_pairs(drawing, number)) > MOST_LINES
        for number, column in enumerate(drawing.columns)
    )  # fmt: skip
    if fewer:
        found += f"{'. Only' if cut else ' Only'} the {MOST_LINES} largest weights between two " \
                 "layers are drawn"  # fmt: skip
    return found + ("." if cut or fewer else "")


def _pairs(drawing: Drawing, number: int) -> list[tuple[float, int, int]]:
    """(weight, unit, source) between drawn units of a column and of the one that it sums."""
    column = drawing.columns[number]
    stage = column.stages[0]
    terms = terms_of(drawing.chain, stage)
    drawn = drawing.columns[drawing.holders[stage.operation.inputs[0]]].drawn
    return [(float(terms.weights[unit, place]), unit, other)
            for unit in column.drawn
            for place, other in enumerate(terms.sources) if other in drawn]  # fmt: skip


def _lines(drawing: Drawing) -> list[str]:
    found = []
    for number, column in enumerate(drawing.columns):
        for stage in column.stages:
            if stage.kind == "affine":
                found += _weights(drawing, number, stage)
        for value in drawing.passing(number):
            source = drawing.holders[value]
            both = set(drawing.columns[source].drawn) & set(column.drawn)
            found += [
                f'<path class="passed" d="{_curve(drawing, source, unit, number, unit)}"/>'
                for unit in sorted(both)
            ]
    return found


def _weights(drawing: Drawing, number: int, stage: Stage) -> list[str]:
    source = drawing.holders[stage.operation.inputs[0]]
    pairs = sorted(_pairs(drawing, number), key=lambda pair: -abs(pair[0]))[:MOST_LINES]
    largest = max((abs(weight) for weight, _, _ in pairs), default=0.0) or 1.0
    found = []
    for weight, unit, other in reversed(pairs):
        share = abs(weight) / largest if np.isfinite(weight) else 1.0
        sign = "minus" if weight < 0 else "plus"
        idle = drawing.columns[source].off[other] or drawing.columns[number].off[unit]
        found.append(
            f'<path class="{sign}" d="{_curve(drawing, source, other, number, unit)}" '
            f'stroke-width="{0.5 + 3 * share:.2f}" '
            f'opacity="{(0.1 if idle else 0.22) + (0.15 if idle else 0.5) * share:.2f}"/>'
        )
    return found


def _curve(drawing: Drawing, source: int, other: int, column: int, unit: int) -> str:
    (x, y), (end, height) = drawing.place(source, other), drawing.place(column, unit)
    x += WIDTH
    bend = (end - x) * 0.45
    return f"M{x:g} {y:g}C{x + bend:g} {y:g} {end - bend:g} {height:g} {end:g} {height:g}"


def _unit(drawing: Drawing, number: int, unit: int, interactive: bool) -> str:
    column = drawing.columns[number]
    x, y = drawing.place(number, unit)
    value = float(column.values[unit])
    finite = np.abs(column.values[np.isfinite(column.values)])
    largest = float(finite.max()) if len(finite) else 0.0
    share = min(1.0, abs(value) / largest) if largest else 0.0
    off = bool(column.off[unit])
    sign = "off" if off else ("minus" if value < 0 else "plus")
    name, shown = column.units[unit], "off" if off else value_text(value)
    says = f"{name} of {column.title}: {'off, ' if off else ''}{figure(value)}"
    content = _inside(x + WIDTH / 2, y, "middle", shown)
    if 0 < number < len(drawing.columns) - 1:
        label = text(cut(name, 36, SMALL_SIZE))
        content = f'<text x="{x + 9:g}" y="{y + 4:g}" class="name">{label}</text>'
        content += _inside(x + WIDTH - 9, y, "end", shown)
    data = f'data-at="{number},{unit}"' if interactive else ""
    return _box(x, y, sign, f' style="--share:{share:.2f}"', data, says, content)


def _more(drawing: Drawing, number: int, interactive: bool) -> str:
    column = drawing.columns[number]
    x, y = drawing.place(number, column.drawn[-1])
    others = [unit for unit in range(len(column.units)) if unit not in column.drawn]
    off = int(column.off[others].sum())
    shown = f"{column.more} more"
    says = f"{shown} units of {column.title}" + (f", {off} of them off" if off else "")
    data = f'data-more="{number}"' if interactive else ""
    content = _inside(x + WIDTH / 2, y + PITCH, "middle", shown)
    return _box(x, y + PITCH, "more", "", data, says, content)


def _inside(x: float, y: float, side: str, shown: str) -> str:
    return f'<text x="{x:g}" y="{y + 4:g}" text-anchor="{side}">{text(shown)}</text>'


def _box(x: float, y: float, kind: str, style: str, data: str, says: str, content: str) -> str:
    """A box around a content.  data: for a script; the box can then be reached by keyboard."""
    button = f' {data} tabindex="0" role="button"' if data else ""
    return (
        f'<g class="unit {kind}"{style}{button} aria-label="{text(says)}">'
        f"<title>{text(says)}</title>"
        f'<rect x="{x:g}" y="{y - HEIGHT / 2:g}" width="{WIDTH}" height="{HEIGHT}" rx="12"/>'
        f"{content}</g>"
    )


def _count(column: Column) -> str:
    count = counted(len(column.units), "unit" if column.stages else "feature")
    off = int(column.off.sum())
    return f"{count}, {off} off" if off else count


def _input_label(trace: Trace, chain: Chain, unit: int) -> tuple[str, str]:
    """The name of a feature and the cell that it comes from."""
    cell = next(cell for cell in reversed(chain.cells) if cell.first <= unit)
    step = cell.features[unit - cell.first]
    # a 0 for another level, or for a value that is not missing, says nothing about the cell
    silent = len(cell.features) > 1 and not step.value and not step.working
    if trace.subject.model is None or silent:
        return trace.subject.features[unit], ""
    if cell.bin is not None and unit == cell.first + cell.bin.number:
        return f"{cell.column} {cell.bin.text.partition(':')[0]}", cell.shown
    return trace.subject.features[unit], cell.shown


def _answer_label(trace: Trace, chain: Chain, unit: int) -> tuple[str, str]:
    """An output's name, and what it becomes: the answer in its unit, or a probability."""
    name = chain.layers[-1][-1].units[unit] if chain.layers else chain.cells[unit].column
    if not chain.ending:
        return name, ""
    if trace.label:
        step = chain.ending[unit if len(chain.ending) == len(trace.subject.outputs) else 1]
        return name, f"{step.value:.1%}"
    step = chain.ending[unit]
    return name, f"{trace.subject.answer_text(unit, step.value, 4)} {step.unit}".rstrip()


def _margin(labels: Sequence[str], title: str, gap: float) -> float:
    """The room next to the first or last column, for its labels and for the title above it."""
    widest = max((width_of(label, NAME_SIZE) for label in labels if label), default=0.0)
    above = (min(width_of(title, NAME_SIZE), WIDTH + gap - _MARGIN) - WIDTH) / 2
    return max(min(_LARGEST_MARGIN, widest) + 2 * _MARGIN, above)
