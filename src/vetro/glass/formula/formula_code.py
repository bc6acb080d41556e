"""A formula as a Python program and as JSON."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from vetro.glass.formula.formula_record import FormulaRecord
from vetro.glass.formula.formula_text import heading
from vetro.glass.formula.terms import Term
from vetro.glass.rows import cell
from vetro.tables.blocks import PERIODS, UNSEEN


def python(formula: FormulaRecord, *, exact: bool = False) -> str:
    """A program without imports of Vetro: formula(row) and holds(row)."""
    fractions = formula.exact() if exact else None
    body: list[str] = []
    for output, name in enumerate(formula.outputs):
        if fractions is not None:
            numbers = [_fraction(value) for value in fractions.coefficients[output]]
            constant = _fraction(fractions.intercept[output])
        else:
            numbers = [repr(float(value)) for value in formula.coefficients[output]]
            constant = repr(float(formula.intercept[output]))
        body += [f"        {name!r}: (", f"            {constant}"]
        body += [
            f"            + {number} * {_expression(formula, term, exact)}"
            for number, term in zip(numbers, formula.terms, strict=True)
            if number not in ("0.0", "-0.0", "Fraction(0, 1)")
        ]
        body.append("        ),")
    about = heading(formula) + (" Fractions." if exact else "")
    found = [f'"""{_plain(about)}"""', "", *_imports(formula, exact), ""]
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
    row = formula.rows.raw[0]
    conditions: list[str] = []
    exact = formula.kind == "exact"
    moving = {formula.terms[n].column for n in formula.region.free} if exact else set()
    inequalities = formula.region.inequalities if exact else ()
    used = {n for item in inequalities for n, value in enumerate(item.coefficients) if value != 0}
    everywhere = exact and formula.region.everywhere
    for place, name in enumerate(formula.subject.inputs):
        if name in formula.box:
            low, high = formula.box[name]
            conditions.append(f"{low!r} <= row[{name!r}] <= {high!r}")
        elif not everywhere and place not in moving:
            conditions.append(f"row[{name!r}] == {_value(formula, place, float(row[place]))!r}")
    for item in inequalities:
        left = " + ".join(
            f"{float(item.coefficients[n])!r} * {_expression(formula, formula.terms[n])}"
            for n in sorted(used)
            if item.coefficients[n] != 0
        )
        conditions.append(f"{left} <= {float(item.bound)!r}")
    what = "in the region where the formula holds" if exact else "in the tangent's box"
    lines = ["def holds(row):", f'    """Whether a row is {what}."""']
    if not conditions:
        return [*lines, "    return True"]
    joined = [f"        {text}," for text in conditions]
    return [*lines, "    return all((", *joined, "    ))"]


def _value(formula: FormulaRecord, place: int, value: float) -> Any:
    model = formula.subject.model
    if math.isnan(value):
        return None
    if model is None or model.schema.inputs[place].kind == "number":
        return value
    return cell(model.schema.inputs[place], value)


def _plain(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', "'")


def _fraction(value: Fraction) -> str:
    return f"Fraction({value.numerator}, {value.denominator})"


def as_json(
    formula: FormulaRecord, *, exact: bool = False, borders: bool = False
) -> dict[str, Any]:
    """See Formula.to_json."""
    names = [term.name for term in formula.terms]
    # a tangent of piecewise linear members has no fractions of its own; the members have them
    fractions = formula.exact() if exact and not formula.members else None
    outputs = []
    for number, name in enumerate(formula.outputs):
        entry: dict[str, Any] = {
            "name": name,
            "unit": formula.units[number],
            "value": float(formula.value[number]),
            "intercept": float(formula.intercept[number]),
            "coefficients": dict(zip(names, map(float, formula.coefficients[number]), strict=True)),
        }
        if fractions is not None:
            entry["exact"] = {
                "intercept": str(fractions.intercept[number]),
                "coefficients": dict(
                    zip(names, map(str, fractions.coefficients[number]), strict=True)
                ),
            }
        if formula.error:
            entry["error"] = list(formula.error[number])
        outputs.append(entry)
    found: dict[str, Any] = {
        "kind": formula.kind,
        "what": formula.what,
        "row": {
            name: _value(formula, place, float(formula.rows.raw[0, place]))
            for place, name in enumerate(formula.subject.inputs)
        },
        "terms": {name: float(value) for name, value in zip(names, formula.at, strict=True)},
        "outputs": outputs,
    }
    if formula.kind == "exact":
        region = formula.region
        found["region"] = {
            "everywhere": region.everywhere,
            "bends": len(region.bends),
            "on_border": list(region.on_border),
            "distance": region.distance.to_json(),
        }
        if borders:
            found["region"]["inequalities"] = [
                {**item.to_json(), "coefficients": dict(zip(names, map(str, item.coefficients),
                                                            strict=True))}
                for item in region.inequalities
            ]  # fmt: skip
            found["region"]["undecided"] = region.undecided
    else:
        found["box"] = {name: list(ends) for name, ends in formula.box.items()}
    if formula.members:
        found["members"] = [as_json(m, exact=exact, borders=borders) for m in formula.members]
    return found
