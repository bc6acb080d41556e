"""The sums of a formula and its inequalities as they are written: which terms, and which digits.

formula_text.py and formula_latex.py put them into their own signs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from vetro.errors import counted
from vetro.figures import among, figure
from vetro.glass.formula.bins import BinEnd
from vetro.glass.formula.formula_record import FormulaRecord
from vetro.glass.formula.region import Inequality, Region
from vetro.glass.formula.terms import Term, training_range

SMALL = 0.005
"""Small terms are gathered if together they never reach this share of the largest variation."""


@dataclass(frozen=True)
class Sum:
    """coefficients . terms + constant.

    width: the largest variation of a term that is written, 0 if unknown; the constant shows as much
    of it as the terms.  small: the number of terms that are left out because they are small; most:
    the largest sum that these can have.
    """

    terms: tuple[Term, ...]
    coefficients: tuple[float, ...]
    constant: float = 0.0
    width: float = 0.0
    small: int = 0
    most: float = 0.0

    def parts(self, digits: int) -> Iterator[tuple[float, str, Term | None]]:
        """(value, its size as a text, term); the term is None for the constant, which is left out
        where it is 0."""
        for term, value in zip(self.terms, self.coefficients, strict=True):
            yield value, rounded(abs(value), digits), term
        if self.constant != 0 or not self.terms:
            yield self.constant, amid(abs(self.constant), self.width, digits), None


def sum_of(formula: FormulaRecord, output: int, every: bool) -> Sum:
    """One output: without levels other than the row's, and without terms that are small over the
    training range, or with `every` one."""
    row = formula.coefficients[output].tolist()
    numbers = range(len(row))
    reach = {n: variation(formula, n) for n in numbers}
    shown, small = list(numbers), list[int]()
    sizes = {n: abs(row[n]) * reach[n][0] for n in numbers}
    if not every:
        now = [n for n in numbers if row[n] != 0 and not _idle(formula, n)]
        least = SMALL * max((abs(row[n]) * reach[n][1] for n in now), default=0.0)
        for n in sorted(now, key=sizes.__getitem__):
            if math.fsum(sizes[k] for k in (*small, n)) > least:
                break
            small.append(n)
        shown = [n for n in now if n not in small]
    return Sum(
        terms=tuple(formula.terms[n] for n in shown),
        coefficients=tuple(row[n] for n in shown),
        constant=float(formula.intercept[output]),
        width=max((abs(row[n]) * reach[n][1] for n in shown), default=0.0),
        small=len(small),
        most=math.fsum(sizes[n] for n in small),
    )


def _idle(formula: FormulaRecord, number: int) -> bool:
    """Whether a term is always 0 here: another level, or a number that is missing."""
    term = formula.terms[number]
    if formula.subject.inputs[term.column] in formula.box:
        return False
    if math.isnan(formula.rows.raw[0, term.column]):
        return term.kind != "missing"
    return term.kind in ("level", "missing", "flag") and formula.at[number] == 0


def variation(formula: FormulaRecord, number: int) -> tuple[float, float]:
    """The largest |term| in training, and the width of its range, of a law in its box; for a module
    both are the largest |value| of all terms at the row, at least 1."""
    name = formula.subject.inputs[formula.terms[number].column]
    if formula.kind == "law" and name in formula.box:
        low, high = formula.box[name]
        return max(abs(low), abs(high)), high - low
    ends = training_range(formula.subject, formula.terms[number])
    if ends is None:
        most = max(1.0, *(abs(float(value)) for value in formula.at))
        return most, most
    return max(abs(ends[0]), abs(ends[1])), ends[1] - ends[0]


def sides_of(region: Region, item: Inequality) -> tuple[Sum, str, float]:
    """An inequality of the terms that move: left side, "<=" or for the lower end of a bin ">=", and
    its bound less the fixed terms.  It is scaled: the coefficient with the largest effect per
    scaled unit becomes 1."""
    free = set(region.free)
    held = sum(c * x for n, (c, x) in enumerate(zip(item.coefficients, region.at, strict=True))
               if x and n not in free)  # fmt: skip
    numbers = [n for n in region.free if item.coefficients[n] != 0]
    weights = [abs(float(item.coefficients[n])) * float(region.units[n]) for n in numbers]
    scale = abs(item.coefficients[numbers[weights.index(max(weights))]])
    sign = "<="
    if isinstance(item.side, BinEnd) and not item.side.upper:
        sign, scale = ">=", -scale
    coefficients = [_quotient(item.coefficients[n], scale) for n in numbers]
    left = Sum(
        terms=tuple(region.terms[n] for n in numbers),
        coefficients=tuple(coefficients),
        width=max(
            abs(c) * float(region.units[n]) for n, c in zip(numbers, coefficients, strict=True)
        ),
    )
    return left, sign, _quotient(item.bound - held, scale)


def _quotient(value: Fraction, scale: Fraction) -> float:
    """The nearest float64, without a common divisor."""
    return (value.numerator * scale.denominator) / (value.denominator * scale.numerator)


def bound_text(left: Sum, bound: float, digits: int) -> str:
    """The right side of an inequality, with the decimals that its left side varies by."""
    return ("-" if bound < 0 else "") + amid(abs(bound), left.width, digits)


def region_remarks(region: Region) -> Iterator[str]:
    """How many inequalities are shown, why the others are not, and what stays as in the row."""
    shown = len(region.inequalities)
    every = counted(len(region.sides), "inequality", "inequalities")
    if region.undecided:
        yield (
            f"Region: {shown} of {every}; the others follow from them. "
            f"{region.undecided} of those shown may follow as well; this was not decided."
        )
    else:
        yield f"Region: {shown} of {every} matter; the others follow from them."
    if any(term.kind in ("level", "flag", "missing") for term in region.terms):
        yield "Categories, flags and missing values stay as in the row."


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
