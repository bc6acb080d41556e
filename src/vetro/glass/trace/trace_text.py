"""A trace as lines of plain text: the largest units and terms first, or all of them in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

import numpy as np

from vetro.figures import figure, signed_sum
from vetro.glass.trace.slopes_text import slope_lines
from vetro.glass.trace.trace_cells import Cell
from vetro.glass.trace.trace_record import Chain, TraceRecord
from vetro.glass.trace.trace_steps import Stage
from vetro.glass.trace.trace_sums import sum_of

TERMS = 8
"""Terms of a sum that are shown; the others are given as one number."""

UNITS = 8
"""Units of a layer that are shown; a layer of at most FULL units is shown with all steps."""

FULL = 3
WIDTH, LONGEST = 96, 108
"""Line width of sentences, and of a sum in one line."""


def lines(trace: TraceRecord, member: int | None = None, everything: bool = False) -> list[str]:
    """The whole trace.

    member: the one shown in full, from 1; None: the one nearest the answers.  everything: every
    unit with every term, in the network's order.
    """
    chain = trace.chain if member is None else trace.member(member)
    found = [*wrap(sentence(trace), WIDTH), *wrap(actual(trace), WIDTH), ""]
    if len(trace.chains) > 1:
        nearest = member is None and len(trace.chains) > 2
        why = ", whose answer is nearest the mean" if nearest else ""
        found += [f"The answer is the mean of {len(trace.chains)} networks; "
                  f"member {chain.number} follows in full{why}.", ""]  # fmt: skip
    found += _cells(chain.cells, trace.subject.model is None, everything)
    for stages in chain.layers:
        found += ["", *_layer(stages, everything)]
    if chain.ending:
        found += ["", *_ending(trace, chain)]
    if len(trace.chains) > 1:
        found += ["", *_members(trace, chain)]
    if trace.slopes:
        found += ["", *slope_lines(trace)]
    return [*found, "", *wrap(engine(trace), WIDTH)]


def with_unit(text: str, unit: str) -> str:
    """ "12.5 m3/h"."""
    return f"{text} {unit}" if unit else text


def sentence(trace: TraceRecord, with_place: bool = True) -> str:
    """The answer in one line: "flow = 12.5 m3/h for row 17 of pumps.csv"."""
    where = f" for {trace.place}" if trace.place and with_place else ""
    if trace.label:
        assert trace.subject.model is not None
        share = figure(trace.answers[f"P({trace.label})"])
        target = trace.subject.model.targets[0]
        return f"{target} is {trace.label} with probability {share}{where}"
    text_of = trace.subject.answer_text
    answers = [
        f"{name} = {with_unit(text_of(place, value, 6), trace.units[name])}"
        for place, (name, value) in enumerate(trace.answers.items())
    ]
    return ", ".join(answers) + where


def actual(trace: TraceRecord) -> str:
    """The table's values of the row's targets as a sentence, "" if it holds none."""
    if not trace.actual:
        return ""
    held = [
        f"{name} {'is' if trace.label else '='} {with_unit(text, trace.units.get(name, ''))}"
        for name, text in trace.actual.items()
    ]
    return f"In the table {', '.join(held)}."


def _cells(cells: Sequence[Cell], plain: bool, everything: bool) -> Iterator[str]:
    if plain:
        yield "input: x as given"
        yield from _columns([[found.column, _Right(found.text)] for found in cells])
        return
    yield "input: each cell as the networks read it"
    if any(found.bin for found in cells):
        yield "  the bins below that of a number are full, 1; those above it are empty, 0"
    rows: list[list[str]] = []
    for found in cells:
        shown = found.features if everything else found.telling
        place = found.features[found.bin.number] if found.bin else None
        for number, step in enumerate(shown):
            working = step.working or step.formula.partition(" = ")[2]
            ahead = ["", ""] if number else [found.column, found.shown]
            if found.bin and step is place:
                ahead[1] = found.bin.text
            rows.append([*ahead, step.name, working, _Right(figure(step.value))])
        others = len(found.features) - len(shown)
        if others > 1 and not found.bin:
            rows.append(["", "", f"and {others} others", "", _Right("0")])
        if found.note:
            rows.append([f"  ({found.note})", *[""] * 4])
    yield from _columns(rows)


def _layer(stages: Sequence[Stage], everything: bool) -> Iterator[str]:
    """A sum and the operations that follow it, unit by unit."""
    last = stages[-1]
    off = np.any([stage.off for stage in stages], axis=0)
    what = "; ".join(f"{stage.where}: {stage.formula}" for stage in stages)
    yield from wrap(what, WIDTH, subsequent_indent="  ")
    count = f"{len(last)} units" if len(last) > 1 else ""
    if off.any():
        count += f", {int(off.sum())} of them off"
    order = range(len(last))
    if count and not everything and len(last) > UNITS:
        count += f"; the {min(UNITS, int((~off).sum()))} largest are"
    if count and len(last) > FULL:
        yield f"  {count}"
    if everything or len(last) <= FULL:
        for unit in order:
            yield from _unit(stages, unit, None if everything else TERMS)
        return
    ranked = [int(unit) for unit in np.argsort(-np.abs(last.values), kind="stable")]
    ranked = [unit for unit in ranked if not off[unit]]
    if ranked:
        yield from _unit(stages, ranked[0], TERMS)
    rows = [in_short(stages, unit) for unit in ranked[1:UNITS]]
    if rows:
        yield from _columns(rows)
    if len(ranked) > UNITS:
        yield f"  and {len(ranked) - UNITS} smaller"
    if off.any():
        names = " ".join(last.units[unit] for unit in np.flatnonzero(off))
        yield from wrap(f"off: {names}", WIDTH, initial_indent="  ", subsequent_indent="       ")


def _unit(stages: Sequence[Stage], unit: int, most: int | None) -> Iterator[str]:
    """One unit, one step per line: terms, bias, sum, activation."""
    rows: list[list[str]] = []
    for stage in stages:
        if stage.kind == "affine":
            rows += _terms(stage, unit, most)
        letters, working = stage.right(unit)
        name = f"  {stage.symbols[unit]} = {letters}"
        mark = "off" if stage.off[unit] else ""
        rows.append([name, working, _Right(figure(float(stage.values[unit]))), mark])
    yield f"  {stages[-1].units[unit]}"
    yield from _columns(rows)


def _terms(stage: Stage, unit: int, most: int | None) -> Iterator[list[str]]:
    summed = sum_of(stage, unit)
    ranked = summed.largest
    shown = ranked if most is None or len(ranked) <= most + 1 else ranked[:most]
    rest = ranked[len(shown) :]
    for line in summed.lines((np.sort(shown) if most is None else shown).tolist()):
        yield [f"  {line.parameter}", line.working, _Right(figure(line.product)), ""]
    if len(rest):
        total = _Right(figure(summed.total(rest)))
        yield [f"  {summed.sources(rest)} smaller terms", "", total, ""]
    if stage.bias is not None:
        name = f"{stage.bias_name}[{stage.units[unit]}]"
        yield [f"  {name}", "", _Right(figure(stage.bias_of(unit))), ""]


def in_short(stages: Sequence[Stage], unit: int) -> list[str]:
    """One unit in one line: its symbol, its value, and the largest products of its sum."""
    first, last = stages[0], stages[-1]
    row = [last.symbols[unit], _Right(figure(float(last.values[unit])))]
    if first.kind != "affine":
        return [*row, f"= {last.right(unit)[1]}"]
    few = 3 if len(first.read[0]) > 4 else 4
    made = _largest_in_line(first, unit, few)
    while few > 1 and len(made) > LONGEST:
        few -= 1
        made = _largest_in_line(first, unit, few)
    return [*row, made]


def _largest_in_line(stage: Stage, unit: int, few: int) -> str:
    """ "z3 = 0.42 (age) - 0.3 (water) + 0.1 (6 others) + 0.02 (bias)": products, not weights."""
    summed = sum_of(stage, unit)
    ranked = summed.largest
    parts = [(line.product, line.source) for line in summed.lines(ranked[:few].tolist())]
    rest = ranked[few:]
    if len(rest):
        parts.append((summed.total(rest), f"{summed.sources(rest)} others"))
    if stage.bias is not None:
        parts.append((stage.bias_of(unit), "bias"))
    sum_ = signed_sum([(value, f"{figure(abs(value), 3)} ({name})") for value, name in parts])
    return f"{stage.symbols[unit]} = {sum_}"


def _ending(trace: TraceRecord, chain: Chain) -> Iterator[str]:
    if trace.label:
        single = len(trace.subject.outputs) == 1
        how = "the sigmoid of the score" if single else "the softmax of the scores"
        yield f"probabilities: {how}"
    else:
        yield "answer: scaled * deviation + mean, in the target's unit"
    ranked = sorted(chain.ending, key=lambda step: -step.value) if trace.label else chain.ending
    shown = ranked[:UNITS] if trace.label else ranked
    text_of = trace.subject.answer_text
    rows = [
        [step.name, step.working, _Right(text_of(place, step.value, 6)), step.unit]
        for place, step in enumerate(shown)
    ]
    yield from _columns(rows)
    if len(ranked) > len(shown):
        yield f"  and {len(ranked) - len(shown)} less probable"


def _members(trace: TraceRecord, chain: Chain) -> Iterator[str]:
    names = list(trace.answers)
    means = list(trace.answers.values())
    text_of = trace.subject.answer_text
    order = list(range(len(names)))
    if trace.label:
        order = sorted(order, key=lambda place: -means[place])
    order = order[:5]
    rows = [["", *(names[place] for place in order)]]
    for other in trace.chains:
        values = [_Right(text_of(place, other.answers[place])) for place in order]
        rows.append([other.part.name, *values, *(["(above)"] if other is chain else [])])
    rows.append(["mean", *(_Right(text_of(place, means[place], 6)) for place in order)])
    width = max(map(len, rows))
    more = len(names) - len(order)
    yield "members: each network's answer, and the mean" + (f"; {more} more columns" * (more > 0))
    yield from _columns([[*row, *[""] * (width - len(row))] for row in rows])


def engine(trace: TraceRecord) -> str:
    """The engine's answer, and how far the trace lies from it."""
    names = list(trace.answers)
    place = max(
        range(len(names)), key=lambda k: abs(trace.answers[names[k]] - trace.engine[names[k]])
    )
    name = names[place]
    answered, own = trace.engine[name], trace.answers[name]
    answer, exact = (trace.subject.answer_text(place, value, 9) for value in (answered, own))
    module = trace.subject.model is None
    who, verify = (
        ("The module itself", "vetro.verify") if module else ("The engine", "vetro verify")
    )
    kind = trace.subject.network.dtype
    of = f" for {name}" if len(trace.answers) > 1 else ""
    largest = "at most " if len(trace.answers) > 1 else ""
    if not trace.deviation:
        return (
            f"{who} answered the same, {answer}{of}, computing in {kind}; this trace "
            f"is computed in float64. {verify} shows how much rounding could have changed."
        )
    return (
        f"{who} answered {answer}{of}, computing in {kind}; this trace, in float64 "
        f"from the same numbers, gives {exact}. They differ by {largest}"
        f"{figure(trace.deviation, 2)}; {verify} shows how much rounding can explain."
    )


class _Right(str):
    """A number: decimal points are aligned in its column."""

    __slots__ = ()


def _columns(rows: Sequence[Sequence[str]], indent: int = 2, gap: int = 3) -> Iterator[str]:
    """Rows of cells, each column as wide as its widest cell; a lone first cell may run over."""
    if not rows:
        return
    grid = [list(row) for row in rows]
    for place in range(len(grid[0])):
        numbers = [row[place] for row in grid if isinstance(row[place], _Right)]
        before = max((len(text.partition(".")[0]) for text in numbers), default=0)
        for row in grid:
            if isinstance(row[place], _Right):
                row[place] = " " * (before - len(row[place].partition(".")[0])) + row[place]
    filled = [row for row in grid if any(row[1:])]
    widths = [max(map(len, column)) for column in zip(*(filled or grid), strict=True)]
    for row in grid:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield (" " * indent + (" " * gap).join(cells)).rstrip()
