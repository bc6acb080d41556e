"""Plans: how each column is tried first, and what a pass over all rows makes of it.

The first rows propose; all rows dispose.  A plan that the rows refute is replaced and the
table read again; a column that allows two readings is refused (E106, E107, E120).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from vetro.errors import error
from vetro.tables import dates, numbers, scan
from vetro.tables.cells import Cells, Codes, Values
from vetro.tables.dates import DateForms
from vetro.tables.numbers import Marks
from vetro.tables.opened import Opened
from vetro.tables.options import ReadOptions
from vetro.tables.scan import Plan
from vetro.tables.schema import Column, Kind

MOST_BAD = 0.2
"""A column with a larger share of texts that are no numbers is a category."""

_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL")
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_TEXTS = ("VARCHAR", "ENUM", "UUID")


@dataclass
class Findings:
    """What is known of the text columns so far: marks of numbers, forms of dates."""

    marks: dict[str, Marks] = field(default_factory=dict)
    forms: dict[str, DateForms] = field(default_factory=dict)


def forced_kind(name: str, options: ReadOptions, schema: Mapping[str, Column]) -> Kind | None:
    """The kind that the user or a model's schema asks for."""
    if name in schema:
        return schema[name].kind
    if name in options.number:
        return "number"
    if name in options.category:
        return "category"
    if name in options.date:
        return "date"
    return "flag" if name in options.flag else None


def base_type(type_: str) -> str:
    """DuckDB's type without parameters and sign: DECIMAL(18,3) is DECIMAL."""
    return type_.split("(", 1)[0].removeprefix("U") if type_ != "UUID" else type_


def is_whole_type(type_: str) -> bool:
    """Whether the type holds whole numbers only."""
    return base_type(type_) in _WHOLE


def typed_plan(name: str, index: int, type_: str, kind: Kind | None) -> Plan:
    """The plan of a column whose type the source knows; E128 if Vetro does not read it."""
    base = base_type(type_)
    plan = Plan(name, index, type_, "text", final=True)
    if type_.endswith("]") or base not in (
        *_NUMBERS,
        *_TEXTS,
        "BOOLEAN",
        "DATE",
        "TIMESTAMP",
        "TIMESTAMP WITH TIME ZONE",
        "TIMESTAMP_NS",
        "TIMESTAMP_MS",
        "TIMESTAMP_S",
    ):
        fix = "Convert it to numbers or text."
        raise error("E128", column=name, type=type_, fix=fix)
    dated = base.startswith(("DATE", "TIMESTAMP"))
    if (kind == "number" and (dated or base in _TEXTS)) or (kind == "date" and not dated):
        raise error("E128", column=name, type=type_, fix=f"Convert it to a {kind}.")
    if kind == "category" or base in _TEXTS:
        return plan
    if dated:
        return plan if kind == "flag" else replace(plan, way="date")
    if kind == "flag" and base != "BOOLEAN":
        return plan
    return replace(plan, way="number")


def text_plan(
    plan: Plan, texts: Mapping[str, int], kind: Kind | None, found: Findings, options: ReadOptions
) -> Plan:
    """A text column's plan from texts with their counts, in order of first appearance.

    It notes in `found` what the texts tell about marks and dates.
    """
    if kind in ("category", "flag"):
        return replace(plan, way="text", final=True)
    present = {text: count for text, count in texts.items() if not numbers.means_missing(text)}
    rows = sum(present.values())
    if kind in (None, "number"):
        marks, others = numbers.marks_of(present)
        bad = sum(present[text] for text in others if not numbers.is_infinity(text))
        if kind == "number" or is_column_of(rows - bad, bad):
            found.marks.setdefault(plan.name, Marks()).merge(marks)
            marks = found.marks[plan.name]
            whole = not (marks.decimal or marks.either or marks.thousands)
            own = len(texts) > len(present) or bool(others)
            return replace(plan, way="number", whole=whole, own=own, final=kind == "number")
    if kind in (None, "date"):
        forms, others = dates.forms_of(present)
        if options.date_format:
            others = [t for t in present if dates.days_of(t, options.date_format) is None]
        bad = sum(present[text] for text in others)
        if kind == "date" or is_column_of(rows - bad, bad):
            found.forms[plan.name] = forms
            return replace(plan, way="date", own=True, final=kind == "date")
    return replace(plan, way="text")


def is_column_of(good: int, bad: int) -> bool:
    """Whether so many good values make a column of their kind in spite of the bad ones."""
    return good >= 2 and (bad <= MOST_BAD * (good + bad) or bad == 1)


def first_plans(
    opened: Opened,
    indices: Sequence[int],
    options: ReadOptions,
    schema: Mapping[str, Column],
    *,
    rows: int = 0,
) -> tuple[list[Plan], Findings]:
    """The plans of the columns at these positions, from the first rows of the source."""
    names, types = list(opened.columns), list(opened.columns.values())
    found = Findings()
    rows = rows or max(200, min(2000, 20_000 // max(len(indices), 1)))
    texts = [index for index in indices if types[index] == "VARCHAR"]
    columns, count = scan.sample(opened, texts, rows)
    samples = dict(zip(texts, columns, strict=True))
    all_seen = count < rows
    plans = []
    for index in indices:
        name = names[index]
        kind = forced_kind(name, options, schema)
        if index in samples:
            seen = Counter(text for text in samples[index] if text is not None)
            for text in options.missing:
                seen.pop(text, None)
            plan = text_plan(Plan(name, index, "VARCHAR", "text"), seen, kind, found, options)
            plan = replace(plan, sparse=sum(seen.values()) < count)
        else:
            plan = typed_plan(name, index, types[index], kind)
        plans.append(plan)
    final = all_seen or bool(schema)
    return settle(opened, plans, found, options, schema, final=final), found


def settle(
    opened: Opened,
    plans: Sequence[Plan],
    found: Findings,
    options: ReadOptions,
    schema: Mapping[str, Column],
    *,
    final: bool,
) -> list[Plan]:
    """The plans with marks and date formats filled in.

    What the texts leave open is read as text for now, or refused if `final`.
    """
    settled = []
    for plan in plans:
        if plan.is_text and plan.way == "number":
            plan = _with_marks(opened, plan, found, options, schema, final)
        elif plan.is_text and plan.way == "date":
            plan = _with_format(opened, plan, found, options, schema, final)
        settled.append(plan)
    return settled


def _with_marks(
    opened: Opened,
    plan: Plan,
    found: Findings,
    options: ReadOptions,
    schema: Mapping[str, Column],
    final: bool,
) -> Plan:
    marks = found.marks.get(plan.name) or Marks()
    decimal = options.decimal or ({".": ",", ",": "."}.get(options.thousands, ""))
    if not decimal and marks.mixed:
        first, second = list((marks.decimal or marks.either).values())[:2]
        row, other = sorted(
            (scan.first_row(opened, plan.index, [text]), text) for text in (first, second)
        )
        raise error(
            "E107",
            column=plan.name,
            place=opened.place_of(row[0]),
            value=row[1],
            other_place=opened.place_of(other[0]),
            other=other[1],
        )
    decimal = decimal or marks.decided or numbers.file_decision(found.marks)
    if not decimal and marks.open and plan.name in schema:
        decimal = schema[plan.name].reading.decimal
    if not decimal and marks.open:
        if not final:
            return replace(plan, way="text")
        ((_, text),) = marks.either.items()
        row_ = scan.first_row(opened, plan.index, [text])
        readings = {
            numbers.value_of(text, mark, "," if mark == "." else ".") for mark in (".", ",")
        }
        first_value, second_value = sorted(value for value in readings if value is not None)
        raise error(
            "E106",
            column=plan.name,
            place=opened.place_of(row_),
            value=text,
            first=numbers.number_text(first_value),
            second=numbers.number_text(second_value),
        )
    decimal = decimal if marks.decimal or marks.either or options.decimal else "."
    thousands = options.thousands or numbers.thousands_for(marks, decimal)
    return replace(plan, decimal=decimal, thousands=thousands)


def _with_format(
    opened: Opened,
    plan: Plan,
    found: Findings,
    options: ReadOptions,
    schema: Mapping[str, Column],
    final: bool,
) -> Plan:
    forms = found.forms.get(plan.name) or DateForms()
    format_ = options.date_format or forms.decided()
    ambiguous = forms.ambiguous()
    if not format_ and plan.name in schema:
        # A model's format settles what the texts leave open, if they can have it.
        known = schema[plan.name].reading.date_format
        open_ = {*forms.either, *forms.neutral}
        format_ = known if not forms.told and open_ <= set(known) else ""
    clock = "" if options.date_format else forms.clock or ""
    if format_:
        return replace(plan, date_format=format_, clock=clock)
    if ambiguous is None:
        # Several formats, each clear: the first is taken, the others are refused later.
        return replace(plan, date_format=next(iter(forms.told), dates.ISO))
    if not final:
        return replace(plan, way="text")
    text, suggestion = ambiguous
    raise error("E120", column=plan.name, value=text, format=suggestion)


def review(
    opened: Opened,
    plans: Sequence[Plan],
    cells: Sequence[Cells],
    found: Findings,
    options: ReadOptions,
    schema: Mapping[str, Column],
) -> list[Plan]:
    """The plans after a pass: the same list if the columns can stay as they were read."""
    revised = []
    for plan, column in zip(plans, cells, strict=True):
        if not plan.is_text:
            revised.append(plan)
        elif isinstance(column, Codes):
            revised.append(_review_codes(plan, column, found, options))
        else:
            revised.append(_review_values(plan, column, found))
    settled = settle(opened, revised, found, options, schema, final=True)
    kept = []
    for plan, new, column in zip(plans, settled, cells, strict=True):
        if new == plan and isinstance(column, Values) and column.overflowed:
            new = replace(new, final=True)  # many exceptions, and all of them values
        elif not column.overflowed:
            # A thousands separator found late needs no new pass: its texts are exceptions.
            late = replace(plan, thousands=new.thousands)
            if replace(new, whole=plan.whole, own=plan.own, final=plan.final) == late:
                new = late
        kept.append(new)
    return kept


def _review_codes(plan: Plan, column: Codes, found: Findings, options: ReadOptions) -> Plan:
    if plan.final:
        return plan
    counts = column.counts()
    texts: dict[str, int] = {
        text: int(counts[code]) if not column.overflowed else 1
        for text, code in column.levels.items()
    }
    return text_plan(plan, texts, None, found, options)


def _review_values(plan: Plan, column: Values, found: Findings) -> Plan:
    texts = {
        text: len(rows)
        for text, rows in column.exceptions.items()
        if not numbers.means_missing(text)
    }
    if plan.way == "date":
        bad = sum(n for text, n in texts.items() if dates.days_of(text, plan.date_format) is None)
    else:
        marks, others = numbers.marks_of(texts)
        found.marks.setdefault(plan.name, Marks()).merge(marks)
        bad = sum(texts[text] for text in others if not numbers.is_infinity(text))
        known = found.marks[plan.name]
        zeros = any(numbers.LEADING_ZEROS.fullmatch(numbers.tidy(text)) for text in texts)
        if zeros and not plan.final and not (known.decimal or known.either or known.thousands):
            return replace(plan, way="text", final=True)
        if column.overflowed and plan.whole and is_column_of(column.rows - bad, bad):
            return replace(plan, whole=False, own=True)
    present = present_values(column)
    if plan.final or is_column_of(present - bad, bad) or not bad:
        return plan
    return replace(plan, way="text", final=True)


def present_values(column: Values) -> int:
    """How many values are not missing, those that could not be read included."""
    words = sum(
        len(rows) for text, rows in column.exceptions.items() if numbers.means_missing(text)
    )
    return column.rows - column.empty - words


def bad_values(
    opened: Opened, plan: Plan, column: Values, bad: Mapping[str, Sequence[int]]
) -> Exception:
    """The error for texts that are no numbers or dates: E112, E113 or E129."""
    value, rows = min(bad.items(), key=lambda item: item[1][0])
    place = opened.place_of(rows[0])
    if plan.way == "date":
        return error("E129", column=plan.name, place=place, value=value, format=plan.date_format)
    count = sum(map(len, bad.values()))
    return error(
        "E113",
        column=plan.name,
        bad=count,
        rows=present_values(column),
        value=value,
        place=place,
        them="it" if count == 1 else "them",
    )
