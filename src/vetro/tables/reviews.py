"""The plans after a pass over the rows: they stay, or the table is read again.

If a plan stays and a text of its column could not be read, the table is refused (E112, E113, E129).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from vetro.errors import error, words
from vetro.tables import date_plans, date_texts, dates, dress, numbers
from vetro.tables.cells import Cells, Codes, Values
from vetro.tables.dress import Dress
from vetro.tables.evidence import Case, Evidence
from vetro.tables.instants import is_duration
from vetro.tables.majority import is_column_of
from vetro.tables.numbers import Marks
from vetro.tables.opened import Opened
from vetro.tables.plan import Plan
from vetro.tables.plans import text_plan
from vetro.tables.schema import Column
from vetro.tables.settled import settle


def review(
    case: Case, plans: Sequence[Plan], cells: Sequence[Cells], *, final: bool = True
) -> list[Plan]:
    """The plans after a pass: the same list if the columns need not be read again.

    final: whether a column that the texts leave open is refused.
    """
    revised = []
    for plan, column in zip(plans, cells, strict=True):
        if not plan.is_text:
            revised.append(plan)
        elif isinstance(column, Codes):
            revised.append(_review_codes(case, plan, column))
        else:
            revised.append(_review_values(case, plan, column))
    settled = settle(case, revised, final=final)
    kept = []
    for plan, new, column in zip(plans, settled, cells, strict=True):
        if new == plan and isinstance(column, Values) and column.overflowed:
            new = replace(new, final=True)  # many exceptions, and all of them values
        elif not column.overflowed:
            # A thousands separator found late needs no new pass: its texts are exceptions.
            late = plan.with_late(new)
            if replace(new, whole=plan.whole, own=plan.own, final=plan.final) == late:
                new = late
        kept.append(new)
    return kept


def _review_codes(case: Case, plan: Plan, column: Codes) -> Plan:
    if plan.final:
        return plan
    counts = column.counts()
    texts: dict[str, int] = {
        text: int(counts[code]) if not column.overflowed else 1
        for text, code in column.levels.items()
    }
    return text_plan(case, plan, texts, None)


def _review_values(case: Case, plan: Plan, column: Values) -> Plan:
    own, known = case.columns[plan.name], case.schema.get(plan.name)
    texts = {
        text: len(rows)
        for text, rows in column.exceptions.items()
        if not numbers.means_missing(text)
    }
    if plan.way == "date":
        forms = own.forms
        if forms is not None and texts and not forms.formats and not forms.given:
            # The first rows had no dates, so these texts decide.
            return text_plan(case, plan, texts, "date", known)
        if own.numbers is not None and not all(dates.instant(t, plan.date_format) for t in texts):
            # The user's format fits only some of these numbers: it is not meant for them.
            own.marks.merge(own.numbers)
            own.numbers = None
            return replace(plan, way="number", date_format="", clock="", zoned=False)
        bad = sum(n for text, n in texts.items() if not _is_dated(text, plan))
    elif not own.first and column.empty + sum(texts.values()) == column.rows:
        # The rows so far held no number: the exceptions are the column.
        return text_plan(case, plan, texts, "number", known)
    else:
        plan, others, marks = _late_dress(plan, texts, own)
        own.marks.merge(marks)
        bad = sum(texts[text] for text in others if not numbers.is_infinity(text))
        if own.mixed is not None:
            return plan
        zeros = any(map(numbers.is_code, texts))
        if zeros and not plan.final and not own.marks.seen:
            return replace(plan, way="text", final=True)
        if column.overflowed and plan.whole and is_column_of(column.rows - bad, bad):
            return replace(plan, whole=False, own=True)
    present = present_values(column)
    if plan.final or is_column_of(present - bad, bad) or not bad:
        return plan
    return replace(plan, way="text", final=True)


def _late_dress(
    plan: Plan, texts: Mapping[str, int], own: Evidence
) -> tuple[Plan, list[str], Marks]:
    """The plan with the dress of the exceptions, the exceptions that do not fit, and all marks."""
    marks, others = dress.dressed_marks(texts, plan.dress)
    other = dress.contradiction(plan.dress, others)
    if other is not None and own.first:
        own.mixed = own.first, other
        return plan, others, marks
    open_ = plan.dress is None or (bool(others) and plan.dress.fractions == "none")
    if open_ and not plan.unit and (marked := dress.marked_text(texts)):
        worn = Dress(fractions="all" if dress.has_mixed(texts) else "none", example=marked)
        plan = replace(plan, dress=worn)
        marks, others = dress.dressed_marks(texts, plan.dress)
    return plan, others, marks


def _is_dated(text: str, plan: Plan) -> bool:
    """Whether a text is a value of a column of dates, or a date in another form."""
    if dates.instant(text, plan.date_format) is not None:
        return True
    return not is_duration(plan.date_format) and bool(date_texts.readings(text))


def present_values(column: Values) -> int:
    """The number of values that are not missing, including those that could not be read."""
    words = sum(
        len(rows) for text, rows in column.exceptions.items() if numbers.means_missing(text)
    )
    return column.rows - column.empty - words


def bad_values(
    opened: Opened,
    plan: Plan,
    column: Values,
    bad: Mapping[str, Sequence[int]],
    known: Column | None,
    *,
    forced: bool,
) -> Exception:
    """The error for texts that are not numbers or dates: E112, E113 or E129.

    known: a model's column.  forced: whether the user says that the column holds numbers.
    """
    if plan.way == "date":
        return date_plans.not_a_date(opened, plan, column, bad, known)
    value, rows = min(bad.items(), key=lambda item: item[1][0])
    place = opened.place_of(rows[0])
    count, of = sum(map(len, bad.values())), present_values(column)
    text = "Correct {them}{otherwise}."
    if forced and 2 * count > of:
        text = "Write plain numbers, or leave out {-number column}: it does not fit this column."
    otherwise = date_plans.otherwise(plan, value, known)
    them = "it" if count == 1 else "them"
    fix = words(text, column=plan.name, them=them, otherwise=otherwise)
    return error("E113", column=plan.name, bad=count, rows=of, value=value, place=place, fix=fix)
