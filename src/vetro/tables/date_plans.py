"""Date columns: the format of a column's plan, and why a column of dates is refused.

The texts of the file, or an option, decide how it is read.  If the texts allow several readings, a
model's format does not decide either; the message only names it first.  A column is refused if only
some of its dates have an offset from UTC (E135), if its dates have several forms (E136), or if the
model's column has another kind of values (E137).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from vetro.errors import Setting, VetroError, Words, error, shown, words
from vetro.tables import date_formats, dates, durations, lookups, numbers, other_kinds
from vetro.tables.cells import Values
from vetro.tables.date_proposals import (
    formats_of,
    plausible,
    reason_of,
    rivals_of,
    settings_of,
)
from vetro.tables.date_texts import CROATIAN, croatian_month, readings
from vetro.tables.dates import DateForms
from vetro.tables.durations import Spans
from vetro.tables.evidence import Case
from vetro.tables.instants import (
    ISO,
    MINUTES,
    TIME,
    Instant,
    duration_form,
    is_duration,
    is_time,
)
from vetro.tables.majority import rows_refused
from vetro.tables.opened import Opened
from vetro.tables.options import ReadOptions
from vetro.tables.plan import Plan
from vetro.tables.schema import Column, Kind, Reading
from vetro.tables.span_plans import choice_of_form, spans_of


def read_forms(
    texts: Mapping[str, int], options: ReadOptions, known: Reading | None, most_bad: float
) -> tuple[DateForms, int]:
    """The forms of texts with their counts, and how many rows hold no date.

    It stops after `most_bad` such rows.  An option's format is used if it reads at least as many
    texts as the texts' own formats, a model's format only if it reads more.
    """
    forms = DateForms()
    bad = rows_refused(texts, forms.add, most_bad)
    for format_ in (options.date_format, known.date_format if known is not None else ""):
        if not format_ or is_duration(format_) or forms.given:
            continue
        limit = min(bad, most_bad) - (format_ != options.date_format)
        unread = rows_refused(texts, partial(dates.instant, format_=format_), limit)
        if unread <= limit:
            own = format_ == options.date_format
            forms.read_as(format_, texts, ("", ()) if own else rivals_of(texts, format_))
            bad = unread
    return forms, bad


def as_the_user_says(
    column: str, texts: Mapping[str, int], kind: Kind | None, options: ReadOptions
) -> DateForms | Spans | None:
    """The forms of texts all of which the user's format reads; None if it does not read them.

    Texts that are numbers must be dates of 1900 to 2099.  E601 for a date in a form of durations.
    """
    format_ = options.date_format
    if not format_ or not texts:
        return None
    form = duration_form(format_)
    if form and (kind == "number" or form == MINUTES):
        spans = spans_of(texts, 0)
        if spans is None or spans.decided(form) != form:
            return None
        if kind == "date":
            reason = f'it is the form of durations, and column "{shown(column)}" is to be a date'
            fix = words("Use {=number column} instead of {-date column}.", column=column)
            argument = Setting("date_format")
            raise error("E601", argument=argument, value=format_, reason=reason, fix=fix)
        return spans if kind in (None, "number") else None
    if kind is not None or not all(_is_formatted(text, format_) for text in texts):
        return None
    forms = DateForms()
    forms.read_as(format_, texts)
    return forms


def _is_formatted(text: str, format_: str) -> bool:
    found = date_formats.formatted(text.strip(), format_)
    if found is None:
        return False
    return plausible(found, format_) or not numbers.is_number(numbers.tidy(text))


def with_format(case: Case, plan: Plan, *, final: bool) -> Plan:
    """The plan with its format; a plan to read text if the format is open and `final` is false.

    E120, E135, E136 and E137 as the module says.
    """
    opened, given, known = case.opened, case.options.date_format, case.schema.get(plan.name)
    forms = case.columns[plan.name].forms or DateForms()
    format_ = forms.decided()
    # A model's own format counts only if no other one reads all rows.
    sure = format_ != "" and forms.given in ("", given)
    if known is not None and known.kind == "date" and not (case.whole or sure):
        return replace(plan, way="text")  # all rows are asked: a later one may decide
    if is_duration(plan.date_format):
        return plan
    if forms.apart is not None:
        raise _of_two_forms(plan, *lookups.in_order(opened, plan, forms.apart))
    if forms.zoned is not None and forms.naive is not None:
        both = forms.zoned, forms.naive
        zoned, naive = ((lookups.place_of(opened, plan, text), text) for text in both)
        raise lookups.of_two("E135", plan.name, zoned, naive)
    if not format_:
        ambiguous = forms.ambiguous()
        if ambiguous is not None:
            if not final:
                return replace(plan, way="text")
            raise _ambiguous(plan, *ambiguous, known)
        # No text decides yet: use the user's format, the model's, or ISO.
        reading = known.reading if known is not None and known.kind == "date" else Reading()
        return replace(plan, date_format=given or reading.date_format or ISO, zoned=reading.zoned)
    zone = forms.zoned is not None
    if known is not None and known.kind == "date":
        text = forms.zoned or forms.naive or ""
        other_kinds.check_as_known(
            known,
            format_,
            zoned=zone,
            what=lambda: f'{lookups.place_of(opened, plan, text)} "{shown(text)}"',
        )
    return replace(plan, date_format=format_, clock=forms.clock or "", zoned=zone)


def _form_of(text: str) -> str:
    return " or ".join(f'"{format_}"' for format_ in readings(text))


def _of_two_forms(plan: Plan, first: tuple[str, str], second: tuple[str, str]) -> VetroError:
    form, other_form = _form_of(first[1]) or f'"{plan.date_format}"', _form_of(second[1])
    return lookups.of_two("E136", plan.name, first, second, form=form, other_form=other_form)


def _ambiguous(
    plan: Plan, text: str, found: Mapping[str, Instant], known: Column | None
) -> VetroError:
    """E120 with every reading: its meaning, and the format to paste."""
    likely = known.reading.date_format if known is not None else ""
    other = croatian_month(text) if any(f.endswith(CROATIAN) for f in found) else ""
    dated = [f for f in found if ("%Y" in f or "%y" in f) and not f.endswith(CROATIAN)]
    formats = sorted(dated, key=lambda f: f != likely)
    meanings = [_meaning(found[format_], format_) for format_ in formats]
    if any("%Y" not in f and "%y" not in f for f in found):
        meanings.append("a day without a year")
    if other:
        meanings.append(f"{other} in Croatian")
    if len(set(meanings)) == 1:
        meanings = [f'{meanings[0]} in the form "{format_}"' for format_ in formats]
    settings = " or ".join(f"{{=date_format f{number}}}" for number in range(len(formats)))
    ending = ", or write the months as numbers." if other else "."
    fix = words(f"Use {settings}{ending}", **{f"f{number}": f for number, f in enumerate(formats)})
    if likely in found:
        fix = words('{fix} The model was trained with "{likely}".', fix=fix, likely=likely)
    return error("E120", column=plan.name, value=text, readings=" or ".join(meanings), fix=fix)


def _meaning(found: Instant, format_: str) -> str:
    """1 February 2024; for a format without a day, February 2024."""
    day = np.datetime64(int(np.floor(found.days)), "D").item()
    month = f"{day:%B} {day.year}"
    return f"{day.day} {month}" if "%d" in format_ else month


def check_zones(opened: Opened, plan: Plan, column: Values, known: Column | None) -> None:
    """E135 if only some texts of a column have an offset from UTC.

    E137 if the column differs from the model's in this.  Called before the exceptions are patched.
    """
    if plan.date_format == TIME or is_duration(plan.date_format):
        return
    rows: dict[bool, tuple[int, str]] = {}
    for text, at in column.exceptions.items():
        found = dates.instant(text, plan.date_format)
        if found is not None and (found.zoned not in rows or at[0] < rows[found.zoned][0]):
            rows[found.zoned] = at[0], text
    if (not plan.zoned) not in rows:
        return
    first = {zoned: (opened.place_of(row), text) for zoned, (row, text) in rows.items()}
    if plan.zoned not in first and (read := _first_read(opened, plan, column)) is not None:
        first[plan.zoned] = read
    if plan.zoned in first:
        raise lookups.of_two("E135", plan.name, first[True], first[False])
    if known is not None:
        place, text = first[not plan.zoned]
        what = f'{place} "{shown(text)}"'
        other_kinds.check_as_known(known, plan.date_format, zoned=not plan.zoned, what=lambda: what)


def otherwise(plan: Plan, value: str, known: Column | None) -> Words:
    """What may be done with a wrong text besides correcting it; a model's column keeps its kind."""
    template = ", or use {=missing value}"
    if known is None:
        template = ", use {=missing value}, or {=category column}"
    return words(template, value=value, column=plan.name)


def not_a_date(
    opened: Opened,
    plan: Plan,
    column: Values,
    bad: Mapping[str, Sequence[int]],
    known: Column | None,
) -> VetroError:
    """E136 for a text that is a date in another form, else E129.

    If no text of the column has the form, E129 proposes the formats that read them all.
    """
    value, rows = min(bad.items(), key=lambda item: item[1][0])
    other = _a_date(opened, plan, column, bad)
    place = opened.place_of(rows[0])
    lasting = is_duration(plan.date_format)
    if other and plan.date_format != TIME and not lasting and readings(value):
        return _of_two_forms(plan, other, (place, value))
    fix = words("Correct it{otherwise}.", otherwise=otherwise(plan, value, known))
    as_labels = words(", or use {=category column}." if known is None else ".", column=plan.name)
    what = f'a date of the form "{plan.date_format}"'
    if lasting:
        what = "a duration such as 26:30:00 or P1DT2H"
        if durations.seconds_by_form(value):
            fix = words("Use {forms}.", forms=choice_of_form(plan.name))
    elif is_time(plan.date_format):
        what = "a time of day such as 14:30 or 2:30 PM"
        as_durations = known is None and all(map(durations.seconds_by_form, bad))
        if as_durations and not reason_of(value, plan.date_format):
            fix = words("Correct it, or use {=number column} for durations.", column=plan.name)
    elif other is None:
        if plan.date_format == ISO:
            what = "a date of a form that Vetro knows"
        fix = words("Write it as 2024-01-31 12:00{as_labels}", as_labels=as_labels)
    lost = value.strip().isdigit() and date_formats.digits_of(plan.date_format) > len(value.strip())
    if other is None and lost:
        fix = words("Write all its digits{as_labels}", as_labels=as_labels)
    elif other is None and (formats := formats_of(list(bad))):
        fix = words("Use {formats}.", formats=settings_of(formats))
    reason = reason_of(value, plan.date_format)
    return error(
        "E129", column=plan.name, place=place, value=value, what=what, reason=reason, fix=fix
    )


def _a_date(
    opened: Opened, plan: Plan, column: Values, bad: Mapping[str, Sequence[int]]
) -> tuple[str, str] | None:
    """A text of the column that has its form, after its place; None if there is none."""
    for text, at in column.exceptions.items():
        if text not in bad and dates.instant(text, plan.date_format) is not None:
            return opened.place_of(at[0]), text
    return _first_read(opened, plan, column)


def _first_read(opened: Opened, plan: Plan, column: Values) -> tuple[str, str] | None:
    """The first text that the pass itself has read, after its place; None if there is none."""
    good = np.flatnonzero(~np.isnan(column.array[: column.rows]))
    if not len(good):
        return None
    return opened.place_of(int(good[0])), lookups.text_at(opened, plan.index, int(good[0]))
