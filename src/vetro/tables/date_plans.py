"""Date columns: the format of a column's plan, and why a column of dates is refused.

The texts of the file, or an option, decide how it is read.  If the texts allow several readings, a
model's format does not decide either; the message only names it first.  A column is refused if only
some of its dates have an offset from UTC (E135), if its dates have several forms (E136), or if the
model's column has another kind of values (E137).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from vetro.errors import VetroError, Words, error, shown, words
from vetro.tables import dates, durations, lookups
from vetro.tables.cells import Values
from vetro.tables.date_texts import readings
from vetro.tables.dates import DateForms
from vetro.tables.instants import DURATION, ISO, TIME, Instant, is_time
from vetro.tables.opened import Opened
from vetro.tables.options import ReadOptions
from vetro.tables.plan import Plan
from vetro.tables.schema import Column, Reading


def read_forms(
    texts: Mapping[str, int], options: ReadOptions, known: Reading | None, most_bad: float
) -> tuple[DateForms, int]:
    """The forms of texts with their counts, and how many rows hold no date.

    It stops after `most_bad` such rows.  An option's format is used if it reads at least as many
    texts as the texts' own formats, a model's format only if it reads more.
    """
    forms, bad = DateForms(), 0
    for text, count in texts.items():
        if not forms.add(text):
            bad += count
            if bad > most_bad:
                break
    for format_ in (options.date_format, known.date_format if known is not None else ""):
        if not format_ or format_ == DURATION or forms.given:
            continue
        limit = min(bad, most_bad) - (format_ != options.date_format)
        unread = _unread(texts, format_, limit)
        if unread <= limit:
            forms.read_as(format_, texts)
            bad = unread
    return forms, bad


def _unread(texts: Mapping[str, int], format_: str, limit: float) -> int:
    """The rows whose texts a format does not read; counting stops past the limit."""
    unread = 0
    for text, count in texts.items():
        if dates.instant(text, format_) is None:
            unread += count
            if unread > limit:
                break
    return unread


def lasting(texts: Mapping[str, int], most_bad: float) -> bool:
    """Whether the texts are durations, but for `most_bad` rows."""
    bad = 0
    for text, count in texts.items():
        if durations.seconds_of(text) is None:
            bad += count
            if bad > most_bad:
                return False
    return bool(texts)


def with_format(
    opened: Opened, plan: Plan, forms: DateForms, known: Column | None, *, final: bool
) -> Plan:
    """The plan with its format; a plan to read text if the format is open and `final` is false.

    E120, E135, E136 and E137 as the module says.
    """
    if plan.date_format == DURATION:
        return plan
    if forms.apart is not None:
        raise _apart(opened, plan, *forms.apart)
    if forms.zoned is not None and forms.naive is not None:
        zoned = forms.zoned, lookups.first_row(opened, plan.index, [forms.zoned])
        naive = forms.naive, lookups.first_row(opened, plan.index, [forms.naive])
        raise _mixed_zones(opened, plan, zoned, naive)
    format_ = forms.decided()
    if not format_:
        ambiguous = forms.ambiguous()
        if ambiguous is not None:
            if not final:
                return replace(plan, way="text")
            raise _ambiguous(plan, *ambiguous, known)
        # No text decides yet: use the model's format, or ISO.
        reading = known.reading if known is not None and known.kind == "date" else Reading()
        return replace(plan, date_format=reading.date_format or ISO, zoned=reading.zoned)
    zone = forms.zoned is not None
    if known is not None and known.kind == "date":
        text = forms.zoned or forms.naive or ""

        def what() -> str:
            return (
                f'{opened.place_of(lookups.first_row(opened, plan.index, [text]))} "{shown(text)}"'
            )

        check_known(known, format_, zoned=zone, what=what)
    return replace(plan, date_format=format_, clock=forms.clock or "", zoned=zone)


def check_known(known: Column, format_: str, *, zoned: bool, what: Callable[[], str]) -> None:
    """E137 if one of table and model has dates and the other times of day, or only one has offsets.

    what: returns the name of the table's first such value.
    """
    reading = known.reading
    if is_time(format_) != is_time(reading.date_format):
        kinds = ("is a date", "times of day") if is_time(reading.date_format) else (
            "is a time of day", "dates")  # fmt: skip
        raise _not_as_known(known.name, f"{what()} {kinds[0]}", kinds[1])
    if zoned != reading.zoned:
        has, had = ("has no", "with one") if reading.zoned else ("has an", "without one")
        raise _not_as_known(known.name, f"{what()} {has} offset from UTC", f"dates {had}")


def not_durations(known: Column, what: str) -> VetroError:
    """E137 for numbers where a model has durations, or the reverse."""
    if known.reading.date_format == DURATION:
        return _not_as_known(known.name, f"{what} is not a duration", "durations")
    return _not_as_known(known.name, f"{what} is a duration", "plain numbers")


def _not_as_known(column: str, what: str, other: str) -> VetroError:
    return error("E137", column=column, what=what, known=other)


def _form_of(text: str) -> str:
    return " or ".join(f'"{format_}"' for format_ in readings(text))


def _apart(opened: Opened, plan: Plan, *texts: str) -> VetroError:
    first, second = lookups.in_order(opened, plan.index, texts)
    return _of_two_forms(plan, first, second)


def _of_two_forms(plan: Plan, first: tuple[str, str], second: tuple[str, str]) -> VetroError:
    return error(
        "E136",
        column=plan.name,
        place=first[0],
        value=first[1],
        form=_form_of(first[1]) or f'"{plan.date_format}"',
        other_place=second[0],
        other=second[1],
        other_form=_form_of(second[1]),
    )


def _mixed_zones(
    opened: Opened, plan: Plan, zoned: tuple[str, int], naive: tuple[str, int]
) -> VetroError:
    return error(
        "E135",
        column=plan.name,
        place=opened.place_of(zoned[1]),
        value=zoned[0],
        other_place=opened.place_of(naive[1]),
        other=naive[0],
    )


def _ambiguous(
    plan: Plan, text: str, found: Mapping[str, Instant], known: Column | None
) -> VetroError:
    """E120 with every reading: its meaning, and the format to paste."""
    likely = known.reading.date_format if known is not None else ""
    formats = sorted((f for f in found if "%Y" in f or "%y" in f), key=lambda f: f != likely)
    meanings = [_meaning(found[format_], format_) for format_ in formats]
    if len(found) > len(formats):
        meanings.append("a day without a year")
    elif len(set(meanings)) == 1:
        meanings = [f'{meanings[0]} in the form "{format_}"' for format_ in formats]
    settings = " or ".join(f"{{=date_format f{number}}}" for number in range(len(formats)))
    fix = words(f"Use {settings}.", **{f"f{number}": f for number, f in enumerate(formats)})
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
    if plan.date_format in (TIME, DURATION):
        return
    first: dict[bool, tuple[str, int]] = {}
    for text, rows in column.exceptions.items():
        found = dates.instant(text, plan.date_format)
        if found is not None and (found.zoned not in first or rows[0] < first[found.zoned][1]):
            first[found.zoned] = text, rows[0]
    if (not plan.zoned) not in first:
        return
    odd = first[not plan.zoned]
    good = np.flatnonzero(~np.isnan(column.array[: column.rows]))
    if len(good) and plan.zoned not in first:
        row = int(good[0])
        first[plan.zoned] = lookups.text_at(opened, plan.index, row), row
    if plan.zoned in first:
        raise _mixed_zones(opened, plan, first[True], first[False])
    if known is not None:
        what = f'{opened.place_of(odd[1])} "{shown(odd[0])}"'
        check_known(known, plan.date_format, zoned=not plan.zoned, what=lambda: what)


def not_a_date(
    opened: Opened, plan: Plan, column: Values, bad: Mapping[str, Sequence[int]]
) -> VetroError:
    """E136 for a text that is a date in another form, else E129."""
    value, rows = min(bad.items(), key=lambda item: item[1][0])
    if plan.date_format not in (TIME, DURATION) and readings(value):
        for text, at in column.exceptions.items():
            if text not in bad and dates.instant(text, plan.date_format) is not None:
                other = opened.place_of(at[0]), text
                return _of_two_forms(plan, other, (opened.place_of(rows[0]), value))
        good = np.flatnonzero(~np.isnan(column.array[: column.rows]))
        if len(good):
            row = int(good[0])
            first = opened.place_of(row), lookups.text_at(opened, plan.index, row)
            return _of_two_forms(plan, first, (opened.place_of(rows[0]), value))
    place = opened.place_of(rows[0])
    what: str | Words = f'a date of the form "{plan.date_format}"'
    if plan.date_format == DURATION:
        what = "a duration such as 26:30:00 or P1DT2H"
    elif is_time(plan.date_format):
        what = "a time of day such as 14:30 or 2:30 PM"
    return error("E129", column=plan.name, place=place, value=value, what=what)
