"""Terms: the variables of a formula, in the user's columns, and the features in terms of them.

A number column is a term; so are [city = Rome], [age is missing] and the waves of a date.  Every
feature that any member's network reads is exactly an affine function of the terms: of a number
with codes, within its bin (bins.py).  The formula itself is in formula.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from flint import arb, arb_mat, ctx

from vetro.errors import error, shown
from vetro.glass.exact import EXACT_PRECISION, ball
from vetro.glass.formula.bins import Bin, BinEnd, Chart, chart_at
from vetro.glass.rows import Floats
from vetro.glass.subject import Subject
from vetro.tables.blocks import PERIODS, Block, DateBlock, NumberBlock, phase
from vetro.tables.level_blocks import MISSING, UNSEEN, LevelBlock

TermKind = Literal["number", "flag", "days", "wave", "level", "missing"]


@dataclass(frozen=True)
class Term:
    """column: its place among the inputs.  A number counts as 0 where it is missing.

    number: the column's value.  flag: 1 for the true word.  days: since 1970-01-01.
    wave: the sine or cosine `detail` ("sin year") of a date, as the encoder rounds it.
    level: 1 where the category's code is `code`.  missing: 1 where the value is missing.
    """

    name: str
    column: int
    kind: TermKind
    code: int = 0
    detail: str = ""

    @property
    def moves(self) -> bool:
        """Whether it takes a range of numbers and moves in a straight line."""
        return self.kind in ("number", "days")

    def value(self, raw: float) -> float:
        """The term's value at a raw value of its column."""
        absent = math.isnan(raw)
        match self.kind:
            case "missing":
                return float(absent)
            case "level":
                return float(raw == self.code)
            case "wave":
                return 0.0 if absent else _wave(raw, self.detail)
        return 0.0 if absent else raw


@dataclass(frozen=True, eq=False)
class Place:
    """One row of a subject, and the terms of its formula there.

    raw: (inputs,), of plain_rows.  at: the terms' exact values.  chart: the bins of the row.
    """

    subject: Subject
    raw: Floats
    terms: tuple[Term, ...]
    at: tuple[Fraction, ...]
    chart: Chart


def place_at(subject: Subject, raw: Floats) -> Place:
    """The place of one row (inputs,), of plain_rows."""
    terms = terms_of(subject, raw[None])
    blocks = subject.blocks
    chart = chart_at(blocks, raw.tolist(), gaps_of(terms)) if blocks else Chart()
    return Place(subject, raw, terms, term_values(terms, raw), chart)


def bin_ends(place: Place) -> tuple[BinEnd, ...]:
    """The ends of the bins of a row's numbers, those that are missing left out."""
    found = []
    with ctx.workprec(EXACT_PRECISION):
        for number, term in enumerate(place.terms):
            bin_ = place.chart.bin_at(term.column)
            if bin_ is None or term.kind != "number" or math.isnan(place.raw[term.column]):
                continue
            for end in filter(math.isfinite, (bin_.low, bin_.high)):
                row = [arb(n == number) for n in range(len(place.terms))]
                at = ball(place.at[number]) - arb(end)
                upper = end == bin_.high
                found.append(BinEnd(term.name, bin_, upper, (*row, -arb(end)), at))
    return tuple(found)


def gaps_of(terms: Sequence[Term]) -> frozenset[int]:
    """The columns with a term for missing values."""
    return frozenset(term.column for term in terms if term.kind == "missing")


def plain_rows(subject: Subject, raw: Floats) -> Floats:
    """Raw rows (rows, inputs) with every category a level's code, -2 or NaN."""
    plain = raw.copy()
    for place, block in enumerate(subject.blocks):
        if isinstance(block, LevelBlock):
            codes = block.codes(raw[:, place])
            plain[:, place] = np.where(codes == MISSING, np.nan, codes)
    return plain


def terms_of(subject: Subject, raw: Floats) -> tuple[Term, ...]:
    """The terms of a subject's formula at raw rows (rows, inputs), column by column: [age is
    missing] only if it was missing in training or is in a row, [city = an unseen text] only if a
    row has one."""
    if subject.model is None:
        return tuple(Term(name, place, "number") for place, name in enumerate(subject.inputs))
    found: list[Term] = []
    for place, column in enumerate(subject.model.schema.inputs):
        block, name = subject.blocks[place], column.name
        values = raw[:, place]
        if isinstance(block, LevelBlock):
            codes = list(range(len(block.levels)))
            if (values == UNSEEN).any():
                codes.append(UNSEEN)
            found += [
                Term(f"[{name} = {_text(block, code)}]", place, "level", code=code)
                for code in codes
            ]
        elif isinstance(block, DateBlock):
            if block.days:
                found.append(Term(name, place, "days"))
            found += [
                Term(f"{wave}({cycle} of {name})", place, "wave", detail=f"{wave} {cycle}")
                for cycle in block.cycles
                for wave in ("sin", "cos")
            ]
        elif column.kind == "flag":
            word = column.reading.flag_words[1] or "1"
            found.append(Term(f"[{name} = {word}]", place, "flag"))
        else:
            found.append(Term(name, place, "number"))
        if np.isnan(values).any() or _has_missing(block):
            found.append(Term(f"[{name} is missing]", place, "missing", code=MISSING))
    return tuple(found)


def term_values(terms: Sequence[Term], raw: Floats) -> tuple[Fraction, ...]:
    """The terms' exact values at a raw row (inputs,); E721 for an infinite number."""
    found = []
    for term in terms:
        value = term.value(float(raw[term.column]))
        if math.isinf(value):
            what = f"column {shown(term.name)} is infinite: no formula holds there"
            raise error("E721", what=what, fix="Give a finite number.")
        found.append(Fraction(value))
    return tuple(found)


def term_table(terms: Sequence[Term], raw: Floats) -> Floats:
    """The terms' values at raw rows, (terms, rows)."""
    return np.array([[term.value(float(row[term.column])) for row in raw] for term in terms])


def feature_map(subject: Subject, terms: Sequence[Term], chart: Chart) -> arb_mat:
    """The networks' inputs as affine functions of the terms in the chart's bins, times its `one`,
    (features, terms + 1): the last column is the constant.  Exact: the encoder's stored numbers are
    taken as real numbers."""
    size = len(terms)
    if not subject.blocks:
        return arb_mat([[arb(f == t) for t in range(size + 1)] for f in range(size)])
    rows: list[list[arb]] = []
    with ctx.workprec(EXACT_PRECISION):
        for place, block in enumerate(subject.blocks):
            own = [(number, term) for number, term in enumerate(terms) if term.column == place]
            made = [[arb(0)] * (size + 1) for _ in range(block.width)]
            _fill(block, own, made)
            made = [[entry * chart.unit for entry in row] for row in made]
            bin_ = chart.bin_at(place)
            if bin_ is not None:
                _fill_codes(bin_, chart.one, own, made)
            rows += made
    return arb_mat(rows) if rows else arb_mat(0, size + 1)


def _fill(block: Block, own: list[tuple[int, Term]], rows: list[list[arb]]) -> None:
    """Write the coefficients of one block's features."""
    if isinstance(block, LevelBlock):
        for number, term in own:
            for position, value in enumerate(block.row(term.code)):
                rows[position][number] = arb(float(value))
        return
    waves = _waves(block)
    straight = isinstance(block, NumberBlock) or block.days
    scale, mean, median = arb(block.scale), arb(block.mean), arb(block.median)
    first = int(straight)
    if straight:
        rows[0][-1] = -mean * scale
    for number, term in own:
        if term.kind == "missing":
            if straight:
                rows[0][number] = median * scale
            for place, wave in enumerate(waves):
                rows[first + place][number] = arb(_wave(block.median, wave))
            if block.indicator and block.indicator_trained:
                rows[-1][number] = arb(1)
        elif term.kind == "wave":
            rows[first + waves.index(term.detail)][number] = arb(1)
        else:
            rows[0][number] = scale


def _fill_codes(
    bin_: Bin, one: Fraction, own: list[tuple[int, Term]], rows: list[list[arb]]
) -> None:
    """Write the coefficients of the shares, times `one`."""
    codes, missing = bin_.codes(one), bin_.at_median(one) if gaps_of([t for _, t in own]) else ()
    for place, (slope, level) in enumerate(codes):
        row = rows[1 + place]
        row[-1] = ball(level)
        for number, term in own:
            row[number] = ball(missing[place] - level if term.kind == "missing" else slope)


def _waves(block: NumberBlock | DateBlock) -> list[str]:
    if isinstance(block, NumberBlock):
        return []
    return [f"{wave} {cycle}" for cycle in block.cycles for wave in ("sin", "cos")]


def _wave(days: float, detail: str) -> float:
    """sin or cos of 2 pi (d mod p) / p in float64, as DateBlock.write computes it."""
    kind, _, cycle = detail.partition(" ")
    angle = phase(np.array([days]), PERIODS[cycle])
    return float((np.sin if kind == "sin" else np.cos)(angle)[0])


def _text(block: LevelBlock, code: int) -> str:
    return "an unseen text" if code == UNSEEN else block.levels[code]


def _has_missing(block: Block) -> bool:
    return block.missing if isinstance(block, LevelBlock) else block.indicator


def deviations(subject: Subject, terms: Sequence[Term]) -> Floats:
    """The length of one scaled unit of each term: of a number its standard deviation in training;
    else 1."""
    found = np.ones(len(terms))
    for number, term in enumerate(terms if subject.blocks else ()):
        block = subject.blocks[term.column]
        if term.moves and not isinstance(block, LevelBlock) and block.scale > 0:
            found[number] = 1 / block.scale
    return found


def training_range(subject: Subject, term: Term) -> tuple[float, float] | None:
    """The smallest and largest value of a term in training; None if that is not known."""
    if subject.model is None:
        return None
    if not term.moves:
        return (-1.0, 1.0) if term.kind == "wave" else (0.0, 1.0)
    column = subject.model.schema.inputs[term.column]
    if column.minimum is None or column.maximum is None:
        return None
    return column.minimum, column.maximum
