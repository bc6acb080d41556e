"""A formula as a Python program and as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from vetro.glass.as_json import as_json, plain
from vetro.glass.formula.formula_record import FormulaRecord
from vetro.glass.formula.formula_text import heading
from vetro.glass.formula.terms import Term
from vetro.glass.rows import cell, row_of
from vetro.tables.blocks import PERIODS
from vetro.tables.level_blocks import UNSEEN


def python(formula: FormulaRecord, *, exact: bool = False) -> str:
    """A program without imports of Vetro: formula(row) and holds(row)."""
    numbers = formula.exact() if exact else (formula.coefficients, formula.intercept)
    write = _fraction if exact else _float
    body: list[str] = []
    for name, row, constant in zip(formula.outputs, *numbers, strict=True):
        body += [f"        {name!r}: (", f"            {write(constant)}"]
        body += [
            f"            + {write(value)} * {_expression(formula, term, exact)}"
            for value, term in zip(row, formula.terms, strict=True)
            if value != 0
        ]
        body.append("        ),")
    about = heading(formula) + (" Fractions." if exact else "")
    found = [f'"""{_quoted(about)}"""', "", *_imports(formula, exact), ""]
    found += [
        "def formula(row):",
        '    """row: column -> value, None where missing; returns output -> value."""',
        "    return {",
        *body,
        "    }",
        "",
        "",
        *_holds(formula),
    ]
    return "\n".join(found) + "\n"


def _imports(formula: FormulaRecord, exact: bool) -> list[str]:
    kinds = {term.kind for term in formula.terms}
    lines = []
    if "wave" in kinds:
        lines.append("import math")
    if kinds & {"days", "wave"}:
        lines.append("from datetime import datetime, timedelta")
    if exact:
        lines.append("from fractions import Fraction")
    if kinds & {"days", "wave"}:
        lines += [
            "",
            "",
            "def days(moment):",
            '    """Days since 1970-01-01 of a text such as "2024-01-31 12:00" or "12:00"."""',
            '    moment = moment if "-" in moment else "1970-01-01 " + moment',
            "    return (datetime.fromisoformat(moment) - datetime(1970, 1, 1)) / "
            "timedelta(days=1)",
        ]
    return [*lines, ""] if lines else []


def _expression(formula: FormulaRecord, term: Term, exact: bool = False) -> str:
    """The term's value at a row, as Python code."""
    name = formula.subject.inputs[term.column]
    entry = f"row[{name!r}]"
    wrap = "Fraction({})" if exact else "{}"
    match term.kind:
        case "missing":
            return f"({entry} is None)"
        case "level" if term.code == UNSEEN:
            levels = [t.name for t in formula.terms if t.column == term.column]
            known = tuple(_level(text) for text in levels[:-1])
            return f"({entry} not in {known!r})"
        case "level" | "flag":
            return f"({entry} == {_level(term.name)!r})"
        case "number":
            value = wrap.format(entry)
        case "days":
            value = wrap.format(f"days({entry})")
        case "wave":
            wave, _, cycle = term.detail.partition(" ")
            period = PERIODS[cycle]
            value = wrap.format(f"math.{wave}(2 * math.pi * (days({entry}) % {period}) / {period})")
    missing = any(t.kind == "missing" and t.column == term.column for t in formula.terms)
    return f"(0 if {entry} is None else {value})" if missing else value


def _level(name: str) -> str:
    """Rome of [city = Rome]."""
    return name.partition(" = ")[2][:-1]


def _holds(formula: FormulaRecord) -> list[str]:
    """The text of holds(row): whether a row is in the region, with the same levels, flags and
    missing values; for a tangent, whether it is in the box."""
    exact = formula.kind == "exact"
    region = formula.region if exact else None
    moving = {formula.terms[n].column for n in region.free} if region is not None else set()
    conditions: list[str] = []
    for place, (name, value) in enumerate(_row(formula).items()):
        if name in formula.box:
            low, high = formula.box[name]
            conditions.append(f"{low!r} <= {_moving(formula, place)} <= {high!r}")
        elif place not in moving and not (region is not None and region.everywhere):
            conditions.append(f"row[{name!r}] == {value!r}")
    for item in region.inequalities if region is not None else ():
        left = " + ".join(
            f"{_float(value)} * {_expression(formula, term)}"
            for value, term in zip(item.coefficients, formula.terms, strict=True)
            if value != 0
        )
        conditions.append(f"{left} <= {_float(item.bound)}")
    what = "in the region where the formula holds" if exact else "in the box"
    lines = ["def holds(row):", f'    """Whether a row is {what}."""']
    if not conditions:
        return [*lines, "    return True"]
    joined = [f"        {text}," for text in conditions]
    return [*lines, "    return all((", *joined, "    ))"]


def _ends(formula: FormulaRecord, name: str, sides: tuple[float, float]) -> list[Any]:
    """A range of the box: numbers, or texts as in the table."""
    column = formula.subject.model.schema[name] if formula.subject.model is not None else None
    if column is None or column.kind == "number":
        return list(sides)
    return [cell(column, side) for side in sides]


def _moving(formula: FormulaRecord, place: int) -> str:
    """The number of a column of a box, as Python code."""
    kinds = ("number", "days", "flag")
    (term,) = (t for t in formula.terms if t.column == place and t.kind in kinds)
    if term.kind == "number":
        return f"row[{formula.subject.inputs[place]!r}]"
    return _expression(formula, term)


def _row(formula: FormulaRecord) -> dict[str, Any]:
    return row_of(formula.subject, formula.rows.raw[0])


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', "'")


def _fraction(value: Fraction) -> str:
    return f"Fraction({value.numerator}, {value.denominator})"


def _float(value: Any) -> str:
    return repr(float(value))


def to_json(
    formula: FormulaRecord, *, exact: bool = False, borders: bool = False
) -> dict[str, Any]:
    """See Formula.to_json."""
    names = [term.name for term in formula.terms]

    def by_term(values: Iterable[Any]) -> dict[str, Any]:
        return dict(zip(names, map(plain, values), strict=True))

    # a tangent of piecewise linear members has no fractions of its own; the members have them
    fractions = formula.exact() if exact and not formula.members else None
    outputs = []
    for number, name in enumerate(formula.outputs):
        entry: dict[str, Any] = {
            "name": name,
            "unit": formula.units[number],
            "value": float(formula.value[number]),
            "intercept": float(formula.intercept[number]),
            "coefficients": by_term(formula.coefficients[number]),
        }
        if fractions is not None:
            entry["exact"] = {
                "intercept": str(fractions.intercept[number]),
                "coefficients": by_term(fractions.coefficients[number]),
            }
        if formula.error:
            entry["error"] = list(formula.error[number])
        outputs.append(entry)
    found: dict[str, Any] = {
        **as_json(formula, "kind what"),
        "row": _row(formula),
        "terms": by_term(map(float, formula.at)),
        "bins": {
            name: bin_.to_json()
            for name, bin_ in zip(formula.subject.inputs, formula.chart.bins, strict=False)
            if bin_ is not None
        },
        "outputs": outputs,
    }
    if formula.kind == "exact":
        region = formula.region
        found["region"] = {
            "everywhere": region.everywhere,
            "bends": len(region.bends),
            **as_json(region, "on_border on_bin_border distance"),
        }
        if borders:
            found["region"]["inequalities"] = [
                {**item.to_json(), "coefficients": by_term(item.coefficients)}
                for item in region.inequalities
            ]
            found["region"]["undecided"] = region.undecided
    else:
        found["box"] = {name: _ends(formula, name, ends) for name, ends in formula.box.items()}
    if formula.kind == "law":
        found["varies"] = plain(formula.varies)
    if formula.members:
        found["members"] = [to_json(m, exact=exact, borders=borders) for m in formula.members]
    return found
