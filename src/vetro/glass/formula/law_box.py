"""The box of a law: ranges of some columns, while the others stay as in the row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from vetro.errors import error
from vetro.glass.bounds.axes import is_flag
from vetro.glass.bounds.box import Range
from vetro.glass.bounds.departures import held
from vetro.glass.bounds.over import ranges_of
from vetro.glass.formula.terms import Place, place_at, plain_rows
from vetro.glass.rows import Rows
from vetro.glass.subject import Subject
from vetro.tables.level_blocks import LevelBlock


@dataclass(frozen=True, eq=False)
class LawBox:
    """ranges: of every column.  place: the row, with a fixed value of the box where it names one,
    and the middle of each range (of a flag its lower end).  rows: the same row."""

    ranges: tuple[Range, ...]
    place: Place
    rows: Rows

    @property
    def moving(self) -> dict[int, int]:
        """The columns that take a range -> the number of their term."""
        return {
            term.column: number
            for number, term in enumerate(self.place.terms)
            if term.kind in ("number", "days", "flag") and _moves(self.ranges[term.column])
        }


def law_box(subject: Subject, rows: Rows, over: Any) -> LawBox:
    """The box around a row; E114, E731 and E732 for a box that cannot be read, E721 for one over
    which no straight line exists."""
    here = plain_rows(subject, rows.raw)[0]
    blocks = subject.blocks or (None,) * len(here)
    fixed = [
        held(float(value), isinstance(block, LevelBlock))
        for value, block in zip(here, blocks, strict=True)
    ]
    ranges, notices = ranges_of(subject, over, fixed)
    raw = here.copy()
    for column, own in enumerate(ranges):
        if own is not fixed[column]:
            raw[column] = _value(subject, column, own)
    place = place_at(subject, raw)
    found = LawBox(
        tuple(ranges), place, replace(rows, raw=raw[None], notices=(*rows.notices, *notices))
    )
    for column, own in enumerate(ranges):
        if _moves(own) and column not in found.moving:
            what = f"column {subject.inputs[column]!r} is a time of day, which has no straight line"
            raise error("E721", what=what, fix="Give one time.")
    return found


def _moves(own: Range) -> bool:
    return own.low < own.high


def _value(subject: Subject, column: int, own: Range) -> float:
    if len(own.codes) != 1:
        name = subject.inputs[column]
        what = f"column {name!r} takes several levels in the box, or may be missing"
        raise error("E721", what=what, fix="Give one level, or a range, and a formula for each.")
    (code,) = own.codes
    if code is not None:
        return code
    return own.low if is_flag(subject, column) else own.low / 2 + own.high / 2
