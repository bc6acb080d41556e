"""A formula as LaTeX, with the inequalities of its region."""

from __future__ import annotations

from collections.abc import Sequence

from vetro.figures import ends
from vetro.glass.formula.formula_record import FormulaRecord
from vetro.glass.formula.formula_sums import Sum, bound_text, region_remarks, sides_of, sum_of
from vetro.glass.formula.region import Region
from vetro.glass.rows import measured
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
_SIGNS = {"<=": r"\le", ">=": r"\ge"}
TERMS_A_LINE = 4


def latex(
    formula: FormulaRecord, digits: int = 3, *, every: bool = False, borders: bool = False
) -> str:
    """An align* of all outputs, a few terms per line; a second one of the region's inequalities."""
    equals = "&=" if formula.kind == "exact" else r"&\approx"
    rows = [
        rf"\text{{{tex(name)}}} {equals} {_sum(sum_of(formula, output, every), digits)}"
        for output, name in enumerate(formula.outputs)
    ]
    found = _aligned(rows)
    if borders:
        exact = formula.kind == "exact"
        found += "\n" + (_region(formula.region, digits + 1) if exact else _box(formula))
    for number, member in enumerate(formula.members if borders else (), start=1):
        found += f"\n% member{number}: its scores, and where their formula holds\n"
        found += latex(member, digits, every=every, borders=True)
    return found


def _region(region: Region, digits: int) -> str:
    """The inequalities; the display may break across pages."""
    if region.everywhere:
        return "% No unit bends: the formula holds everywhere."
    remarks = [f"% {remark}" for remark in region_remarks(region)]
    rows = []
    for item in region.inequalities:
        left, sign, bound = sides_of(region, item)
        right = _tex_number(bound_text(left, bound, digits))
        rows.append(rf"& {_sum(left, digits)} {_SIGNS[sign]} {right}")
    if not rows:
        return "\n".join(remarks)
    return "\n".join([*remarks, "\\begingroup\\allowdisplaybreaks", _aligned(rows), "\\endgroup"])


def _box(formula: FormulaRecord) -> str:
    """The box in which the error of a tangent or law is bounded."""
    rows = []
    for name, sides in formula.box.items():
        low, high = _ends(formula, name, sides)
        rows.append(rf"{low} &\le \text{{{tex(name)}}} \le {high}")
    return "% The box in which the error is bounded; other columns are fixed.\n" + _aligned(rows)


def _ends(formula: FormulaRecord, name: str, sides: tuple[float, float]) -> tuple[str, ...]:
    model = formula.subject.model
    column = model.schema[name] if model is not None else None
    if column is None or column.kind == "number":
        return tuple(map(_tex_number, ends(*sides, 7)))
    return tuple(rf"\text{{{tex(measured(column, side))}}}" for side in sides)


def _aligned(rows: Sequence[str]) -> str:
    return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"


def _sum(sum_: Sum, digits: int) -> str:
    """A sum, TERMS_A_LINE terms per line."""
    texts: list[str] = []
    for value, size, term in sum_.parts(digits):
        sign = "-" if value < 0 else ("+" if texts else "")
        name = "" if term is None else rf"\,\text{{{tex(term.name)}}}"
        texts.append(f"{sign} {_tex_number(size)}{name}".strip())
    starts = range(0, len(texts), TERMS_A_LINE)
    return " \\\\\n&\\quad ".join(" ".join(texts[n : n + TERMS_A_LINE]) for n in starts)


def tex(text: str) -> str:
    """The text with LaTeX's special characters escaped."""
    return "".join(_TEX.get(c, c) for c in visible(text))


def _tex_number(text: str) -> str:
    mantissa, e, exponent = text.partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if e else text
