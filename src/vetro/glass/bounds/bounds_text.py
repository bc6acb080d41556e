"""Bounds and proofs as lines of plain text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from vetro.errors import Door, Setting, counted, words
from vetro.figures import among, ends, figure, outward
from vetro.glass.bounds.records import (
    AnswerRange,
    BoundsRecord,
    MonotonicityRecord,
    ProofRecord,
)

MOST_PERCENT = 200
"""Percent above which the text gives a factor ("3.5 times as wide") instead of a percentage."""
SLOW = 0.05
"""If the second half of the time narrowed the ranges by less than this share, more time would
hardly help."""


def bounds_lines(bounds: BoundsRecord, door: Door = "python") -> list[str]:
    """The ranges, the rows with the lowest and highest answer, and how the ranges were computed."""
    found: list[str] = []
    for item in bounds.ranges.values():
        unit = f" {item.unit}" if item.unit else ""
        width = item.highest - item.lowest or item.width
        rows = (item.lowest_row, item.highest_row)
        lowest, highest = (row_text(row, bounds.units) for row in rows)
        found += [
            f"{item.name}: certainly between " + " and ".join(outward(item.low, item.high)) + unit,
            f"  lowest found   {among(item.lowest, width)}{unit} at {lowest}",
            f"  highest found  {among(item.highest, width)}{unit} at {highest}",
            f"  {_loose(item)}; intervals alone give " + " to ".join(outward(*item.plain)),
        ]
    found.append("")
    found += _box_lines(bounds.over)
    return [*found, "", *_how(bounds, door)]


def proof_lines(proof: ProofRecord, door: Door = "python") -> list[str]:
    """The verdict, the row or range that shows it, and the box."""
    unit = f" {proof.unit}" if proof.unit else ""
    found = [f"{proof.verdict}: {proof.claim}"]
    if proof.pair is not None:
        pair = proof.pair
        first, second = ends(pair.first_answer, pair.second_answer, 8)
        found += [
            f"  {proof.about} goes from {first} to {second}{unit} "
            "between two rows that differ in one column:",
            f"  {row_text(pair.first, proof.units)}",
            f"  {row_text(pair.second, proof.units)}",
        ]
    elif proof.counterexample is not None:
        found += [
            f"  {proof.about} is {among(proof.answer or 0.0, abs(proof.margin), 8)}{unit} at",
            f"  {row_text(proof.counterexample, proof.units)}",
        ]
    elif " with " in proof.claim:
        found.append(f"  its slope is certainly {_between(proof)}{unit} per unit")
    else:
        found.append(f"  {proof.about} is certainly {_between(proof)}{unit}")
    if proof.verdict == "undecided":
        more = words("more time ({=seconds}) or a smaller box ({=over}) may decide").worded(door)
        if proof.interrupted:
            found.append(f"  interrupted after {proof.seconds:.1f} s; more time may decide")
        else:
            found.append(f"  in {proof.seconds:.1f} s; {more}")
    return [*found, "", *_box_lines(proof.over)]


def _between(proof: ProofRecord) -> str:
    """The certain range, whose ends may be infinite, in words."""
    low, high = proof.certain
    if math.isfinite(low) and math.isfinite(high):
        return "between " + " and ".join(outward(low, high))
    first, last = outward(low, high, width=abs(proof.margin))
    return f"at most {last}" if low == -math.inf else f"at least {first}"


def trend_lines(found: MonotonicityRecord) -> list[str]:
    """A table: each answer and column with its direction and slope."""
    rows = [("answer", "column", "direction", "slope, certain")]
    for trend in found.values():
        low, high = outward(*trend.slope)
        slope = "-" if trend.direction == "neither" else f"{low} to {high}"
        rows.append((trend.answer, trend.column, trend.direction, slope))
    widths = [max(len(row[place]) for row in rows) for place in range(4)]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    for trend in found.values():
        if trend.direction == "neither" and trend.up and trend.down:
            lines += ["", f"{trend.answer} neither rises nor falls with {trend.column}:"]
            for pair in (trend.up, trend.down):
                unit = found.units.get(trend.column, "")
                first = _value(pair.first[trend.column], unit)
                second = _value(pair.second[trend.column], unit)
                others = {key: value for key, value in pair.first.items() if key != trend.column}
                answers = " -> ".join(ends(pair.first_answer, pair.second_answer))
                lines.append(
                    f"  {answers} for "
                    f"{trend.column} {first} -> {second} at {row_text(others, found.units)}"
                )
    if found.interrupted:
        lines += [
            "",
            f"Interrupted after {found.seconds:.1f} s: the other columns were not reached.",
        ]
    return [*lines, "", *_box_lines(found.over)]


def _box_lines(over: dict[str, str]) -> list[str]:
    width = max((len(name) for name in over), default=0)
    return ["for every row with", *(f"  {name:<{width}}  {text}" for name, text in over.items())]


def row_text(row: dict[str, Any], units: Mapping[str, str]) -> str:
    """A row in one line: "cement 540, water 121.8 kg, city missing"."""
    return ", ".join(f"{name} {_value(value, units.get(name, ''))}" for name, value in row.items())


def _value(value: Any, unit: str) -> str:
    if value is None:
        return "missing"
    return f"{figure(value, 8)} {unit}".rstrip() if isinstance(value, float) else str(value)


def _loose(item: AnswerRange) -> str:
    if item.highest <= item.lowest:
        return "all rows that were tried give the same answer"
    if item.loose > MOST_PERCENT / 100:
        times = item.loose + 1
        text = f"{times:.1f}" if times < 10 else f"{times:,.0f}"
        return f"the certain range is {text} times as wide as the range found"
    return f"the certain range is {_percent(item.loose)} wider than the range found"


def _percent(share: float) -> str:
    percent = 100 * share
    return f"{percent:.0f}%" if percent >= 1 else f"{figure(percent, 1)}%"


def _how(bounds: BoundsRecord, door: Door) -> list[str]:
    """How the ranges were computed, and what would make them tighter."""
    cuts = f"{counted(bounds.boxes, 'box', 'boxes')} in {bounds.seconds:.1f} s"
    if bounds.interrupted:
        return [f"Interrupted after {cuts}. The certain ranges hold all the same."]
    found = [f"Bounded with {cuts}."]
    if bounds.tight:
        return found
    slow = bounds.late < SLOW
    more = words("More time ({=seconds})").worded(door)
    if slow:
        found.append(
            f"{more} would hardly narrow the range: the second half of the time narrowed it by "
            f"{_percent(bounds.late)}."
        )
    else:
        why = f": the second half of the time narrowed it by {_percent(bounds.late)}"
        why = why if bounds.late > 0 else ""
        found.append(f"{more} narrows the range{why}.")
    if bounds.narrowings:
        over = Setting("over").worded(door)
        ranges = f"Narrower ranges of columns ({over}) help{'' if slow else ' too'}"
        first, *others = bounds.narrowings
        also = "".join(f", of {item.column} by {_percent(item.gain)}" for item in others)
        found.append(
            f"{ranges}: half the range of {first.column} alone would narrow it by "
            f"{_percent(first.gain)}{also}."
        )
    return found
