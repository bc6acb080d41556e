"""A formula as lines of plain text, rounded for reading; it says which terms are left out."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context
from fractions import Fraction
from typing import TYPE_CHECKING

from vetro.errors import Door, Setting, counted
from vetro.figures import among, ends, figure
from vetro.glass.formula.formula_record import FormulaRecord
from vetro.glass.formula.terms import Term, training_range
from vetro.glass.rows import cell

if TYPE_CHECKING:
    from vetro.glass.formula.region import Inequality, Region

WIDTH = 96
HELD = "Categories, flags and missing values stay as in the row."
SMALL = 0.005
"""Small terms are gathered if together they never reach this share of the largest variation."""


@dataclass(frozen=True)
class Sum:
    """The terms to write for one output, and a bound of the gathered ones.

    shown: the numbers of the terms to write; small: of the gathered ones; most: the largest sum
    that the gathered ones can have.
    """

    shown: tuple[int, ...]
    small: tuple[int, ...]
    most: float


def summed(formula: FormulaRecord, output: int, every: bool) -> Sum:
    """The terms of an output to write: without levels other than the row's, and without terms that
    are small over the training range."""
    terms, row = formula.terms, formula.coefficients[output]
    if every:
        return Sum(tuple(range(len(terms))), (), 0.0)
    now = [n for n in range(len(terms)) if row[n] != 0 and not _idle(formula, n)]
    sizes = {n: abs(float(row[n])) * largest(formula, n) for n in now}
    least = SMALL * max((abs(float(row[n])) * _width(formula, n) for n in now), default=0.0)
    small: set[int] = set()
    for n in sorted(now, key=sizes.__getitem__):
        if math.fsum(sizes[k] for k in (*small, n)) > least:
            break
        small.add(n)
    shown = tuple(n for n in now if n not in small)
    return Sum(shown, tuple(sorted(small)), math.fsum(sizes[n] for n in small))


def _idle(formula: FormulaRecord, number: int) -> bool:
    """Whether a term is always 0 here: another level, or a number that is missing."""
    term = formula.terms[number]
    if math.isnan(formula.rows.raw[0, term.column]):
        return term.kind != "missing"
    return term.kind in ("level", "missing", "flag") and formula.at[number] == 0


def largest(formula: FormulaRecord, number: int) -> float:
    """The largest |term| in training; for a module the largest of all at the row, at least 1."""
    ends = training_range(formula.subject, formula.terms[number])
    if ends is None:
        return max(1.0, *(abs(float(value)) for value in formula.at))
    return max(abs(ends[0]), abs(ends[1]))


def _width(formula: FormulaRecord, number: int) -> float:
    ends = training_range(formula.subject, formula.terms[number])
    return largest(formula, number) if ends is None else ends[1] - ends[0]


def variation(formula: FormulaRecord, output: int, sum_: Sum) -> float:
    """The largest variation of a term that is written, over the training range."""
    row = formula.coefficients[output]
    return max((abs(float(row[n])) * _width(formula, n) for n in sum_.shown), default=0.0)


def rounded(value: float, digits: int) -> str:
    """The value to `digits` significant digits, with trailing zeros: 1.00, 105, 12346."""
    size = abs(value)
    if size == 0 or not math.isfinite(value):
        return figure(value)
    if 10 ** (digits - 1) <= size < 1e9:
        return f"{value:.0f}"
    if 1e-4 <= size < 1e9:
        text = f"{value:#.{digits}g}"
        return text.rstrip(".") if "e" not in text else f"{value:.0f}"
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    return f"{mantissa}e{int(exponent):+03d}"


def amid(value: float, width: float, digits: int) -> str:
    """The value as `rounded` writes it, or with more decimals if the terms beside it vary so little
    (`width`) that these would hide them."""
    narrow = among(value, width, digits + 1)
    return rounded(value, digits) if narrow == figure(value, digits + 1) else narrow


def term_text(term: Term) -> str:
    """The term's name, in quotes if it could be read as more than a name."""
    if term.moves and not re.fullmatch(r"[\w.]+", term.name):
        return f'"{term.name}"'
    return term.name


def sum_text(
    names: Sequence[str],
    coefficients: Sequence[float],
    constant: float,
    digits: int,
    glue: str = " ",
    width: float = 0.0,
) -> str:
    """1.00 x0 - 0.250 x1 + 12.0; glue: the space inside a term, where no line may break.

    width: the largest variation of a term, 0 if unknown; the constant shows as much of it as the
    terms.
    """
    parts: list[tuple[float, str]] = [
        (value, f"{rounded(abs(value), digits)} {name}".replace(" ", glue))
        for name, value in zip(names, coefficients, strict=True)
    ]
    if constant != 0 or not parts:
        parts.append((constant, amid(abs(constant), width, digits)))
    first, *rest = parts
    text = ("-" if first[0] < 0 else "") + first[1]
    return text + "".join(f" {'-' if value < 0 else '+'}{glue}{part}" for value, part in rest)


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
    if formula.kind == "tangent":
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
    if formula.kind == "tangent":
        mean = f"mean probability of {members} members" if members > 1 else "probability"
        of = f" of the {mean}" if formula.what == "probabilities" else of
        return f"Tangent{of} at the row: not exact elsewhere."
    if formula.region.everywhere:
        return f"Exact formula{of}: no unit bends, so it holds everywhere."
    if formula.what == "scores":
        return "Exact formula of the scores around the row."
    return f"Exact formula{of} around the row."


def output_lines(formula: FormulaRecord, output: int, digits: int, every: bool) -> list[str]:
    """The equation of one output, wrapped, and its value at the row."""
    sum_ = summed(formula, output, every)
    row = formula.coefficients[output]
    text = sum_text(
        [term_text(formula.terms[n]) for n in sum_.shown],
        [float(row[n]) for n in sum_.shown],
        float(formula.intercept[output]),
        digits,
        glue="\u00a0",
        width=variation(formula, output, sum_),
    )
    name, unit = formula.outputs[output], formula.units[output]
    equals = "~" if formula.kind == "tangent" else "="
    start = f"{name} {equals} "
    wrapped = textwrap.wrap(
        start + text, WIDTH, subsequent_indent="    ", break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
    found = [line.replace("\u00a0", " ") for line in wrapped]
    if sum_.small:
        reach = (
            "over the training range"
            if formula.subject.model is not None
            else f"while no |x| exceeds {figure(largest(formula, 0))}"
        )
        found.append(
            f"    and {counted(len(sum_.small), 'smaller term')}, at most "
            f"{rounded(sum_.most, 2)} together {reach}"
        )
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
    raw = formula.rows.raw[0]
    heads = ["column", "at the row"]
    exact = formula.kind == "exact" and not formula.region.everywhere
    if exact:
        heads += ["holds alone from", "to"]
    elif formula.kind == "tangent":
        heads += ["box from", "to"]
    table: list[list[str]] = []
    for place, name in enumerate(subject.inputs):
        value = float(raw[place])
        if subject.model is not None:
            shown = cell(subject.model.schema.inputs[place], value)
        else:
            shown = figure(value, 7)
        unit = subject.units[place]
        table.append([name, f"{shown} {unit}".rstrip()])
        if exact:
            table[-1] += _reach(formula, place, name, value)
        elif formula.kind == "tangent":
            table[-1] += ends(*formula.box[name], 7) if name in formula.box else ("held", "")
    return grid([heads, *table])


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


def _reach(formula: FormulaRecord, place: int, name: str, value: float) -> list[str]:
    distance = formula.distance
    if name in distance.columns:
        down, up = distance.columns[name]
        low, high = inward(value - down, value + up, value)
        column = formula.subject.model.schema.inputs[place] if formula.subject.model else None
        if column is not None and column.kind == "date":
            sides = [cell(column, value - down), cell(column, value + up)]
            return [side if math.isfinite(x) else "" for side, x in zip(sides, (down, up),
                                                                      strict=True)]  # fmt: skip
        return [low, high]
    if name in distance.stays:
        levels = distance.stays[name]
        return ["as it is" + (f", or {', '.join(levels)}" if levels else ""), ""]
    return ["missing", ""]


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
    if borders:
        inequalities = region.inequalities
        found += ["", region_heading(region)]
        if any(term.kind in ("level", "flag", "missing") for term in region.terms):
            found.append(HELD)
        found += [f"  {inequality_text(formula, item, digits + 1)}" for item in inequalities]
    return found


def region_heading(region: Region) -> str:
    """How many inequalities are shown, and why the others are not."""
    every = counted(len(region.bends), "inequality", "inequalities")
    if region.undecided:
        return (
            f"Region: {len(region.inequalities)} of {every}; the others follow from them. "
            f"{region.undecided} of those shown may follow as well; this was not decided."
        )
    return f"Region: {len(region.inequalities)} of {every} matter; the others follow from them."


def _nearest(formula: FormulaRecord) -> list[str]:
    distance = formula.distance
    if not math.isfinite(distance.overall):
        return []
    unit = "standard deviations" if formula.subject.model is not None else "units of x"
    return [f"Nearest border: {figure(distance.overall, 3)} {unit} away, at {distance.where}."]


def inequality_text(formula: FormulaRecord, item: Inequality, digits: int) -> str:
    """0.0131 cement - 0.220 water <= 4.20   (h3 of relu1 stays off)"""
    numbers, coefficients, bound = inequality_parts(formula, item)
    names = [term_text(formula.region.terms[n]) for n in numbers]
    left = sum_text(names, coefficients, 0.0, digits)
    right = bound_text(formula.region, numbers, coefficients, bound, digits)
    stays = "stays on" if item.on else "stays off"
    return f"{left} <= {right}   ({item.where} {stays})"


def bound_text(
    region: Region, numbers: Sequence[int], coefficients: Sequence[float], bound: float, digits: int
) -> str:
    """The right side of an inequality, with the decimals that its left side varies by."""
    pairs = zip(numbers, coefficients, strict=True)
    width = max(abs(c) * float(region.units[n]) for n, c in pairs)
    return ("-" if bound < 0 else "") + amid(abs(bound), width, digits)


def inequality_parts(
    formula: FormulaRecord, item: Inequality
) -> tuple[list[int], list[float], float]:
    """The numbers of the terms that move, their coefficients, and the bound less the fixed terms;
    scaled."""
    region = formula.region
    free = set(region.free)
    held = sum(c * x for n, (c, x) in enumerate(zip(item.coefficients, region.at, strict=True))
               if x and n not in free)  # fmt: skip
    numbers = [n for n in region.free if item.coefficients[n] != 0]
    # the coefficient with the largest effect per scaled unit becomes 1
    weights = [abs(float(item.coefficients[n])) * float(region.units[n]) for n in numbers]
    scale = abs(item.coefficients[numbers[weights.index(max(weights))]])
    coefficients = [_quotient(item.coefficients[n], scale) for n in numbers]
    return numbers, coefficients, _quotient(item.bound - held, scale)


def _quotient(value: Fraction, scale: Fraction) -> float:
    """The nearest float64, without a common divisor."""
    return (value.numerator * scale.denominator) / (value.denominator * scale.numerator)


def _error_lines(formula: FormulaRecord, digits: int) -> list[str]:
    found = [""]
    every = zip(formula.outputs, formula.error, formula.error_seen().tolist(), strict=True)
    for name, (low, high), seen in every:
        most = max(abs(low), abs(high))
        found.append(
            f"In the box the tangent of {name} is off by at most {rounded(most, digits)} (proven; "
            f"the largest error at 1000 points is {rounded(seen, digits)})."
        )
    return found


def grid(rows: Iterable[Sequence[str]]) -> list[str]:
    """A table as text lines: the first column left-aligned, numbers right-aligned."""
    table = [list(row) for row in rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    found = []
    for row in table:
        first, *others = row
        cells = [first.ljust(widths[0])] + [
            text.rjust(width) for text, width in zip(others, widths[1:], strict=True)
        ]
        found.append("   ".join(cells).rstrip())
    return found
