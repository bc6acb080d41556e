"""A trace as lines of plain text: the largest terms and units first, or all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

import numpy as np

from vetro.glass.figures import figure
from vetro.glass.trace import Chain, Trace
from vetro.glass.trace_cells import Cell
from vetro.glass.trace_steps import Stage

TERMS = 8
"""Terms of a sum that are shown; the others are one sum."""

UNITS = 8
"""Units of a layer that are shown; a layer of so few is shown whole."""

WIDTH = 96


def lines(trace: Trace, member: int | None = None, everything: bool = False) -> list[str]:
    """The whole trace.  member: the one shown in full, from 1, else the one nearest the answers.
    everything: every unit and every term."""
    chain = trace.chain if member is None else trace.member(member)
    found = [*_answers(trace), "", *_which(trace, chain, member is None)]
    found += _cells(chain.cells, everything, trace.subject.model is None)
    for stages in chain.layers:
        found += ["", *_layer(stages, everything)]
    if chain.ending:
        found += ["", *_ending(trace, chain)]
    if len(trace.chains) > 1:
        found += ["", *_members(trace, chain)]
    return [*found, "", *engine_lines(trace)]


def _answers(trace: Trace) -> Iterator[str]:
    where = f" for {trace.place}" if trace.place else ""
    if trace.label:
        target = trace.subject.model.targets[0] if trace.subject.model else ""
        share = trace.answers[f"P({trace.label})"]
        yield f"{target} is {trace.label}{where}, with probability {figure(share)}"
    else:
        answers = [
            f"{name} = {with_unit(figure(value, 6), trace.units[name])}"
            for name, value in trace.answers.items()
        ]
        yield from wrap(", ".join(answers) + where, WIDTH)
    if trace.actual:
        held = [
            text if trace.label else f"{name} = {with_unit(text, trace.units.get(name, ''))}"
            for name, text in trace.actual.items()
        ]
        yield f"the table says {', '.join(held)}"


def _which(trace: Trace, chain: Chain, chosen: bool) -> Iterator[str]:
    if len(trace.chains) > 1:
        why = ", whose answer is nearest the mean" if chosen else ""
        yield f"The answer is the mean of {len(trace.chains)} networks. Here is member " \
              f"{chain.number} in full{why}."  # fmt: skip
        yield ""


def _cells(cells: Sequence[Cell], everything: bool, plain: bool) -> Iterator[str]:
    if plain:
        yield "input   what the module was given"
    else:
        yield "input   each cell as the network reads it: x = (value - mean) * scale, or 0 and 1"
    rows = []
    for found in cells:
        if plain:
            rows.append((found.column, found.text, "", ""))
            continue
        on = [step for step in found.features if step.value or step.working]
        off = len(found.features) - len(on)
        shown = list(found.features) if everything else on
        if not shown:
            rows.append((found.column, found.shown, "", ""))
        for number, step in enumerate(shown):
            name, value = ("", "") if number else (found.column, found.shown)
            rows.append((name, value, step.name, f"{step.working or ''} = {figure(step.value)}"))
        if off and not everything and not (off == 1 and len(found.features) == 2 and on):
            rows.append(("", "", "", f"its other {off} are 0" if on else f"all its {off} are 0"))
        if found.note:
            rows.append(("", found.note, "", ""))
    yield from aligned(rows, indent=2)


def aligned(rows: Sequence[Sequence[str]], indent: int = 0, gap: int = 3) -> Iterator[str]:
    """Rows of cells, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield (" " * indent + (" " * gap).join(cells)).rstrip()
