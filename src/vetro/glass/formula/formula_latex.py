"""A formula as LaTeX, with the inequalities of its region."""

from __future__ import annotations

from collections.abc import Sequence

from vetro.figures import ends
from vetro.glass.formula.formula_record import FormulaRecord
from vetro.glass.formula.formula_text import (
    HELD,
    amid,
    bound_text,
    inequality_parts,
    region_heading,
    rounded,
    summed,
    variation,
)
from vetro.visible import visible

_TEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "%": r"\%",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
}
TERMS_A_LINE = 4


def latex(
    formula: FormulaRecord, digits: int = 3, *, every: bool = False, borders: bool = False
) -> str:
    """An align* of all outputs, a few terms per line; a second one of the region's inequalities."""
    equals = r"&\approx" if formula.kind == "tangent" else "&="
    rows: list[str] = []
    for output, name in enumerate(formula.outputs):
        sum_ = summed(formula, output, every)
        coefficients = formula.coefficients[output]
        lines = _sum_lines(
            [formula.terms[n].name for n in sum_.shown],
            [float(coefficients[n]) for n in sum_.shown],
            float(formula.intercept[output]),
            digits,
            variation(formula, output, sum_),
        )
        head = rf"\text{{{tex(name)}}} {equals} "
        rows.append(head + " \\\\\n&\\quad ".join(lines))
    found = _aligned(rows)
    if borders:
        region = _tangent_box(formula) if formula.kind == "tangent" else _region(formula, digits)
        found += "\n" + region
    for number, member in enumerate(formula.members if borders else (), start=1):
        found += f"\n% member{number}: its scores, and where their formula holds\n"
        found += latex(member, digits, every=every, borders=True)
    return found


def _region(formula: FormulaRecord, digits: int) -> str:
    """The inequalities; the display may break across pages."""
    region = formula.region
    if region.everywhere:
        return "% No unit bends: the formula holds everywhere."
    remarks = [f"% {region_heading(region)}"]
    if any(term.kind in ("level", "flag", "missing") for term in region.terms):
        remarks.append(f"% {HELD}")
    rows = []
    for item in region.inequalities:
        numbers, coefficients, bound = inequality_parts(formula, item)
        names = [region.terms[n].name for n in numbers]
        lines = _sum_lines(names, coefficients, 0.0, digits + 1)
        text = _tex_number(bound_text(region, numbers, coefficients, bound, digits + 1))
        rows.append("& " + " \\\\\n&\\quad ".join(lines) + rf" \le {text}")
    if not rows:
        return "\n".join(remarks)
    return "\n".join([*remarks, "\\begingroup\\allowdisplaybreaks", _aligned(rows), "\\endgroup"])


def _tangent_box(formula: FormulaRecord) -> str:
    """The box in which a tangent's error is bounded."""
    rows = []
    for name, sides in formula.box.items():
        low, high = map(_tex_number, ends(*sides, 7))
        rows.append(rf"{low} &\le \text{{{tex(name)}}} \le {high}")
    return "% The box in which the error is bounded; other columns are fixed.\n" + _aligned(rows)


def _aligned(rows: Sequence[str]) -> str:
    return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"


def _sum_lines(
    names: Sequence[str],
    coefficients: Sequence[float],
    constant: float,
    digits: int,
    width: float = 0.0,
) -> list[str]:
    """A sum, TERMS_A_LINE terms per line."""
    parts = [
        (value, rf"\,\text{{{tex(name)}}}") for name, value in zip(names, coefficients, strict=True)
    ]
    if constant != 0 or not parts:
        parts.append((constant, ""))
    texts = []
    for place, (value, what) in enumerate(parts):
        sign = "-" if value < 0 else ("+" if place else "")
        size = rounded(abs(value), digits) if what else amid(abs(value), width, digits)
        number = _tex_number(size)
        texts.append(f"{sign} {number}{what}".strip())
    return [
        " ".join(texts[start : start + TERMS_A_LINE])
        for start in range(0, len(texts), TERMS_A_LINE)
    ]


def tex(text: str) -> str:
    """The text with LaTeX's special characters escaped."""
    return "".join(_TEX.get(c, c) for c in visible(text))


def _tex_number(text: str) -> str:
    mantissa, e, exponent = text.partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if e else text
