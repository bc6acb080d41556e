"""The slopes of a trace as a table: for its text and for the report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

import numpy as np

from vetro.figures import aligned, ends
from vetro.glass.rows import measured
from vetro.glass.trace.slopes import Slope
from vetro.glass.trace.trace_record import TraceRecord

WIDTH = 96

ABOUT = (
    "how the answer changes with one column, over the middle of its values (0.67 standard "
    "deviations to both sides of the mean), while the others stay as in the row"
)


def slope_lines(trace: TraceRecord) -> Iterator[str]:
    """The table as lines of text, under a line that says what it shows."""
    yield from wrap(f"slopes: {ABOUT}", WIDTH, subsequent_indent="  ")
    yield from aligned(slope_rows(trace))


def slope_rows(trace: TraceRecord) -> list[list[str]]:
    """The heads, then a row for each column and answer."""
    several = len(trace.slopes[0].changes) > 1
    place_of = {name: place for place, name in enumerate(trace.answers)}
    text_of = trace.subject.answer_text
    heads = ["answer at from", "at to", "per unit", "at the row"]
    found = [["column", *["answer"] * several, "from", "to", *heads]]
    for slope in trace.slopes:
        for change in slope.changes:
            place = place_of[change.answer]
            here = "" if np.isnan(change.here) else f"{change.here:+.3g}"
            levels = [text_of(place, level) for level in (change.at_low, change.at_high)]
            own = [change.answer] * several
            average = f"{change.average:+.3g}"
            found.append([slope.column.name, *own, *_ends(slope), *levels, average, here])
    return found


def _ends(slope: Slope) -> Sequence[str]:
    """Both ends of a slope's range: rounded, with the unit; the words of a flag."""
    column = slope.column
    if column.kind == "flag":
        return [measured(column, end) for end in (slope.low, slope.high)]
    return [column.with_unit(text) for text in ends(slope.low, slope.high, 4)]
