"""A formula as lines of plain text, rounded for reading; it says which terms are left out."""

from __future__ import annotations

import math
import re
import textwrap
from decimal import ROUND_CEILING, ROUND_FLOOR, Context

from vetro.errors import Door, Setting, counted, listed
from vetro.figures import aligned, ends, figure, signed_sum
from vetro.glass.formula.formula_record import FormulaRecord
from vetro.glass.formula.formula_sums import (
    Sum,
    bound_text,
    region_remarks,
    rounded,
    sides_of,
    sum_of,
    variation,
)
from vetro.glass.formula.region import Inequality, Region
from vetro.glass.formula.terms import Term
from vetro.glass.rows import cell, measured
from vetro.tables.schema import Column

WIDTH = 96
GLUE = "\u00a0"


def term_text(term: Term) -> str:
    """The term's name, in quotes if it could be read as more than a name."""
    if term.moves and not re.fullmatch(r"[\w.]+", term.name):
        return f'"{term.name}"'
    return term.name


def sum_text(sum_: Sum, digits: int, glue: str = " ") -> str:
    """1.00 x0 - 0.250 x1 + 12.0; glue: the space inside a term, where no line may break."""
    parts = [
        (value, f"{size} {term_text(term)}".replace(" ", glue) if term is not None else size)
        for value, size, term in sum_.parts(digits)
    ]
    return signed_sum(parts, glue)


def lines(
    formula: FormulaRecord,
    digits: int = 3,
    *,
    every: bool = False,
    borders: bool = False,
    door: Door = "python",
) -> list[str]:
    """The whole text: the formula of each output, where it holds, how far the borders are."""
    found = [heading(formula), ""]
    for output in range(len(formula.outputs)):
        found += output_lines(formula, output, digits, every)
    found += [*_dates(formula), "", *_columns(formula)]
    if formula.kind != "exact":
        found += _error_lines(formula, digits)
    else:
        found += _region_lines(formula, digits, borders)
    if formula.members and not every:
        count = len(formula.members)
        all_of_them = Setting("every", True).worded(door)
        found += [
            "",
            f"The scores of each of the {count} members have an exact formula ({all_of_them}).",
        ]
    for number, member in enumerate(formula.members if every else (), start=1):
        found += ["", f"member{number}: the exact formula of its scores around the row"]
        for output in range(len(member.outputs)):
            found += output_lines(member, output, digits, every)
        found += _nearest(member)
    return found


def heading(formula: FormulaRecord) -> str:
    """The kind of formula, in one sentence."""
    members = len(formula.subject.parts)
    of = f" of the mean of {members} members" if members > 1 else ""
    if formula.what == "probabilities":
        mean = f"mean probability of {members} members" if members > 1 else "probability"
        of = f" of the {mean}"
    if formula.kind == "tangent":
        return f"Tangent{of} at the row: not exact elsewhere."
    if formula.kind == "law":
        return f"Linear formula{of} that fits best over the box: not exact."
    if formula.region.everywhere:
        return f"Exact formula{of}: no unit bends, so it holds everywhere."
    if formula.what == "scores":
        return "Exact formula of the scores around the row."
    return f"Exact formula{of} around the row."


def output_lines(formula: FormulaRecord, output: int, digits: int, every: bool) -> list[str]:
    """The equation of one output, wrapped, and its value at the row."""
    sum_ = sum_of(formula, output, every)
    name, unit = formula.outputs[output], formula.units[output]
    equals = "=" if formula.kind == "exact" else "~"
    wrapped = textwrap.wrap(
        f"{name} {equals} {sum_text(sum_, digits, glue=GLUE)}", WIDTH, subsequent_indent="    ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    found = [line.replace(GLUE, " ") for line in wrapped]
    if sum_.small:
        reach = f"while no |x| exceeds {figure(variation(formula, 0)[0])}"
        if formula.kind == "law":
            reach = "over the box"
        elif formula.subject.model is not None:
            reach = "over the training range"
        found.append(
            f"    and {counted(sum_.small, 'smaller term')}, at most "
            f"{rounded(sum_.most, 2)} together {reach}"
        )
    if formula.kind == "law":
        return found
    value = _value(formula, output, max(digits, 5)) + (f" {unit}" if unit else "")
    also = ""
    if formula.what == "scores":
        also = f", probability {figure(chances(formula)[output], max(digits, 5))}"
    found.append(f"    = {value} at the row{also}")
    return found


def _value(formula: FormulaRecord, output: int, digits: int) -> str:
    value = float(formula.value[output])
    if formula.what == "answers":
        return formula.subject.answer_text(output, value, digits)
    return figure(value, digits)


def chances(formula: FormulaRecord) -> list[float]:
    """The probabilities of the scores at the row, in float64; of a single score, its own."""
    scores = [0.0, *formula.value] if len(formula.value) == 1 else list(formula.value)
    powers = [math.exp(score - max(scores)) for score in scores]
    found = [power / math.fsum(powers) for power in powers]
    return found[-len(formula.value) :]


def _columns(formula: FormulaRecord) -> list[str]:
    """A table of the row's values and, for an exact formula, how far each column alone can go."""
    subject = formula.subject
    if formula.kind == "law":
        return _law_columns(formula)
    bounded = formula.kind == "exact" and not formula.region.everywhere
    heads = ["column", "at the row", "bin"] if formula.chart.bins else ["column", "at the row"]
    if bounded:
        heads += ["holds alone from", "to"]
    elif formula.kind == "tangent":
        heads += ["box from", "to"]
    table = [heads]
    for place, name in enumerate(subject.inputs):
        value = float(formula.rows.raw[0, place])
        column = subject.model.schema.inputs[place] if subject.model is not None else None
        table.append([name, figure(value, 7) if column is None else measured(column, value)])
        if formula.chart.bins:
            table[-1].append(_bin(formula, place))
        if bounded:
            table[-1] += _reach(formula, column, name, value)
        elif formula.kind == "tangent":
            table[-1] += ends(*formula.box[name], 7) if name in formula.box else ("held", "")
    return aligned(table, indent=0, gap=3)


def _law_columns(formula: FormulaRecord) -> list[str]:
    """A table of the ranges of the columns that move, and the values of the others."""
    subject, table = formula.subject, [["column", "from", "to"]]
    for place, name in enumerate(subject.inputs):
        column = subject.model.schema.inputs[place] if subject.model is not None else None
        sides = formula.box.get(name, (float(formula.rows.raw[0, place]),))
        if column is None or (column.kind == "number" and len(sides) == 2):
            texts = [figure(side, 7) for side in sides] if len(sides) == 1 else [*ends(*sides, 7)]
        else:
            texts = [measured(column, side) for side in sides]
        table.append([name, *texts, *["held"] * (2 - len(sides))])
    return aligned(table, indent=0, gap=3)


def _bin(formula: FormulaRecord, place: int) -> str:
    """The bin of a column's number, "5 of 16"; "" for a column without codes or a missing value."""
    found = formula.chart.bins[place]
    if found is None or math.isnan(formula.rows.raw[0, place]):
        return ""
    return str(found).replace("bin ", "" if found.width is not None else "bin ", 1)


def _dates(formula: FormulaRecord) -> list[str]:
    days = {term.column: term.name for term in formula.terms if term.kind == "days"}
    waves = {term.column for term in formula.terms if term.kind == "wave"}
    times = [formula.subject.inputs[column] for column in sorted(waves - set(days))]
    found = []
    if days:
        also = (
            "; sin and cos are of its position in the year, week or day"
            if waves & set(days)
            else ""
        )
        found = ["", f"{', '.join(days.values())}: days since 1970-01-01{also}."]
    if times:
        found += [
            "",
            f"{', '.join(times)}: sin and cos are of the time of day, 24 hours per circle.",
        ]
    return found


def _reach(
    formula: FormulaRecord, column: Column | None, name: str, value: float
) -> tuple[str, str]:
    distance = formula.distance
    if name in distance.columns:
        down, up = distance.columns[name]
        if column is None or column.kind != "date":
            return inward(value - down, value + up, value)
        low, high = ((cell(column, end) if math.isfinite(end) else "")
                     for end in (value - down, value + up))  # fmt: skip
        return low, high
    if name in distance.stays:
        return ", or ".join(filter(None, ("as it is", ", ".join(distance.stays[name])))), ""
    return "missing", ""


def inward(low: float, high: float, here: float) -> tuple[str, str]:
    """The ends of an interval, rounded inward to the fewest digits that keep the row inside; "" for
    an infinite end."""
    texts = []
    for end, way in ((low, ROUND_CEILING), (high, ROUND_FLOOR)):
        if not math.isfinite(end):
            texts.append("")
            continue
        text = repr(end)
        for digits in range(5, 17):
            number = Context(prec=digits, rounding=way).create_decimal(repr(end))
            if (number <= here) if way is ROUND_CEILING else (number >= here):
                text = figure(float(number), digits)
                break
        texts.append(text)
    return texts[0], texts[1]


def _region_lines(formula: FormulaRecord, digits: int, borders: bool) -> list[str]:
    region = formula.region
    if region.everywhere:
        return []
    found = ["", *_nearest(formula)]
    if region.on_border:
        units = ", ".join(region.on_border[:5]) + (", ..." if len(region.on_border) > 5 else "")
        found.append(f"The row is exactly on the border of {units}: counted as off, as in torch.")
    if region.on_bin_border:
        bins = listed(region.on_bin_border)
        found.append(f"The row is exactly at an end of {bins}: counted as inside.")
    if borders:
        found += ["", *region_remarks(region)]
        found += [f"  {inequality_text(region, item, digits + 1)}" for item in region.inequalities]
    return found


def _nearest(formula: FormulaRecord) -> list[str]:
    distance = formula.distance
    if not math.isfinite(distance.overall):
        return []
    unit = "standard deviations" if formula.subject.model is not None else "units of x"
    return [f"Nearest border: {figure(distance.overall, 3)} {unit} away, at {distance.where}."]


def inequality_text(region: Region, item: Inequality, digits: int) -> str:
    """0.0131 cement - 0.220 water <= 4.20   (h3 of relu1 stays off)"""
    left, sign, bound = sides_of(region, item)
    right = bound_text(left, bound, digits)
    return f"{sum_text(left, digits)} {sign} {right}   ({item.side.stays})"


def _error_lines(formula: FormulaRecord, digits: int) -> list[str]:
    found = [""]
    every = zip(formula.outputs, formula.error, formula.error_seen().tolist(), strict=True)
    for name, (low, high), seen in every:
        most = max(abs(low), abs(high))
        if formula.kind == "law":
            varies = formula.varies[formula.outputs.index(name)]
            found.append(
                f"Over the box, {name} is off by at most {rounded(most, digits)} (proven; "
                f"the largest error at 1000 points is {rounded(seen, digits)}), while it varies by "
                f"at least {rounded(varies, digits)}."
            )
            continue
        found.append(
            f"In the box the tangent of {name} is off by at most {rounded(most, digits)} (proven; "
            f"the largest error at 1000 points is {rounded(seen, digits)})."
        )
    return found
