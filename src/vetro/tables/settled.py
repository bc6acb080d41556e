"""Plans of text columns with their marks, formats and units filled in.

A column that allows two readings is refused (E106, E107, E120), and so is one that mixes units
(E143) or has another unit than the model's (E416).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vetro.errors import TableError, VetroError, Words, error, words
from vetro.tables import date_plans, dress, lookups, numbers
from vetro.tables.evidence import Case
from vetro.tables.faults import Fault
from vetro.tables.number_notices import check_unit
from vetro.tables.plan import Plan
from vetro.tables.schema import Column
from vetro.tables.span_plans import with_spans


def settle(case: Case, plans: Sequence[Plan], *, final: bool) -> list[Plan]:
    """The plans with marks and date formats filled in.

    A column that the texts leave open is read as text for now, or refused if `final`.
    """
    settled = []
    for plan in plans:
        try:
            plan = _settled(case, plan, final)
        except TableError as refusal:
            if plan.name not in case.spared:
                raise
            case.faults[plan.name] = Fault(refusal)
            plan = replace(plan, way="text", final=True)
        settled.append(plan)
    return settled


def _settled(case: Case, plan: Plan, final: bool) -> Plan:
    if not plan.is_text or plan.way == "text":
        return plan
    own, known = case.columns[plan.name], case.schema.get(plan.name)
    if own.spans is not None:
        return with_spans(case, plan, own.spans, final=final)
    if plan.way == "date":
        return date_plans.with_format(case, plan, final=final)
    if own.mixed is not None:
        raise lookups.of_two("E143", plan.name, *lookups.in_order(case.opened, plan, own.mixed))
    if known is not None:
        check_unit(case.opened, plan, known)
    return _with_marks(case, plan, final)


def _with_marks(case: Case, plan: Plan, final: bool) -> Plan:
    marks, options, schema = case.columns[plan.name].marks, case.options, case.schema
    decimal = options.decimal or {".": ",", ",": "."}.get(options.thousands, "")
    if not decimal and marks.mixed:
        if schema and not final:
            return replace(plan, way="text")
        two = list((marks.decimal or marks.either).values())[:2]
        raise lookups.of_two("E107", plan.name, *lookups.in_order(case.opened, plan, two))
    decimal = decimal or marks.decided
    # Under a schema only some columns are planned: the file has decided once all were seen.
    if not decimal and (case.whole or not schema):
        decimal = numbers.file_decision(own.marks for own in case.columns.values())
    if not decimal and marks.thousands and schema and not case.whole:
        return replace(plan, way="text")  # a later row may show the mark
    if not decimal and marks.open:
        if not final:
            return replace(plan, way="text")
        raise _ambiguous(case, plan, *marks.either.values())
    decimal = decimal if marks.decimal or marks.either or options.decimal else "."
    thousands = options.thousands or numbers.thousands_for(marks, decimal)
    return replace(plan, decimal=decimal, thousands=thousands)


def _ambiguous(case: Case, plan: Plan, text: str) -> VetroError:
    """E106 with both readings of a text."""
    readings = {
        dress.dressed_value(text, decimal, thousands, plan.dress)
        for decimal, thousands in ((".", ","), (",", "."))
    }
    first, second = sorted(value for value in readings if value is not None)
    return error(
        "E106",
        column=plan.name,
        place=lookups.place_of(case.opened, plan, text),
        value=text,
        first=numbers.number_text(first),
        second=numbers.number_text(second),
        fix=_choice_of_mark(case),
    )


def _choice_of_mark(case: Case) -> Words:
    """The fix of E106: either mark, and the likely one under a model.  If other columns need both
    marks, it proposes neither."""
    sure = {own.marks.decided: name for name, own in case.columns.items() if own.marks.decided}
    if len(sure) > 1:
        text = (
            "Column {point!q} has decimal points and column {comma!q} decimal commas: use one mark."
        )
        return words(text, point=sure["."], comma=sure[","])
    return words('Use {=decimal "."} or {=decimal ","}{likely}.', likely=_likely_mark(case))


def _likely_mark(case: Case) -> Words | str:
    """The likely decimal mark by the model's table, as a proposal, never as a decision."""
    columns = [column for column in case.schema.values() if column.kind == "number"]
    marks = {column.reading.decimal for column in columns if _shows_mark(column)}
    if len(marks) != 1:
        return ""
    return words("; the model's table used {mark!q}: likely {=decimal mark}", mark=marks.pop())


def _shows_mark(column: Column) -> bool:
    """Whether a model's column was written with a decimal mark; whole numbers show none."""
    ends = (column.minimum, column.maximum)
    fraction = any(end is not None and end != int(end) for end in ends)
    return column.reading.decimal == "," or column.reading.thousands != "" or fraction
