"""Notices about how a column of dates or times was read, so that Vetro guesses nothing silently."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vetro.errors import Notice, notice, words
from vetro.tables import date_formats, instants, lookups, numbers
from vetro.tables.date_proposals import formats_of, reason_of, settings_of
from vetro.tables.date_texts import clear_period, looks_dated, readings
from vetro.tables.doubts import Doubt
from vetro.tables.instants import ISO, TIME, date_text, duration_form, is_duration
from vetro.tables.majority import is_column_of
from vetro.tables.opened import Opened
from vetro.tables.options import ReadOptions
from vetro.tables.plan import Plan
from vetro.tables.span_plans import choice_of_form, spans_of

_FIRST, _END = 19000101, 20991232
_LOOKED_AT = 1000
# In days: 1 January 1900, and 300 years, after which a year is another calendar's or a placeholder.
_MIDDLE, _FAR = -25567, 109573


def of_values(
    opened: Opened,
    plan: Plan,
    array: NDArray[np.float64],
    low: float | None,
    high: float | None,
    options: ReadOptions,
) -> list[Notice]:
    """I138 for years of two digits, I139 for numbers that could be dates, I151 for dates that could
    be numbers, I140 for times of day that could be durations, I141 for durations, I177 for dates
    with several offsets."""
    if low is None or high is None:
        return []
    if plan.way == "number":
        format_ = _format_of(array, low, high)
        if not format_ or plan.name in options.number:
            return []
        number = numbers.number_text(low)
        text = "Use {=date column} with {=date_format format_} if they are dates."
        if format_ == "%Y%m%d":
            text = "Use {=date column} if they are dates."
        fix = words(text, column=plan.name, format_=format_)
        return [notice("I139", column=plan.name, value=number, fix=fix)]
    if not plan.is_text or plan.way != "date":
        return []
    row = int(np.argmin(np.isnan(array)))
    text, value = lookups.text_at(opened, plan.index, row), float(array[row])
    if is_duration(plan.date_format):
        seconds = f"{numbers.number_text(value)} s"
        return [notice("I141", column=plan.name, value=text, seconds=seconds)]
    found = []
    if plan.name not in options.date and numbers.is_number(numbers.tidy(text)):
        date, format_ = date_text(value, plan.date_format), plan.date_format
        found.append(notice("I151", column=plan.name, format=format_, value=text, date=date))
    if plan.date_format == TIME and plan.name not in options.date:
        found += _may_last(opened, plan, text)
    if plan.zoned and len(offsets := lookups.offsets(opened, plan.index)) > 1:
        first, second = offsets[0], offsets[-1]
        found.append(notice("I177", column=plan.name, first=first, second=second))
    row = int(np.nanargmax(np.abs(array - _MIDDLE)))
    if plan.date_format != TIME and abs(array[row] - _MIDDLE) > _FAR:
        text = lookups.text_at(opened, plan.index, row)
        found.append(notice("W152", column=plan.name, value=text, year=date_text(array[row])[:4]))
    if any(directive in plan.date_format for directive in ("%y", "%x", "%c")):
        found.append(notice("I138", column=plan.name, value=text, date=date_text(value)))
    return found


def _may_last(opened: Opened, plan: Plan, text: str) -> list[Notice]:
    """I140 for times of day that could be durations; those with AM or PM are none."""
    (texts,), _ = lookups.sample(opened, [plan.index], _LOOKED_AT)
    spans = spans_of({text: 1 for text in texts if text and not numbers.means_missing(text)}, 0)
    if spans is None:
        return []
    fix = words("Use {=number column} if they are durations.", column=plan.name)
    if instants.DURATION not in spans.forms:
        fix = words("If they are durations, use {forms}.", forms=choice_of_form(plan.name))
    return [notice("I140", column=plan.name, value=text, fix=fix)]


def _format_of(array: NDArray[np.float64], low: float, high: float) -> str:
    """The format if all numbers are dates of 1900 to 2099 such as 20240131 or 20240131093000, and
    not all the same; else ""."""
    units = {"": 1, "%H%M": 10**4, "%H%M%S": 10**6}
    fitting = (c for c, unit in units.items() if _FIRST * unit <= low and high < _END * unit)
    clock = next(fitting, None)
    if clock is None or low == high:
        return ""
    different = np.unique(array[~np.isnan(array)])
    if not bool((different == np.floor(different)).all()):
        return ""
    format_ = "%Y%m%d" + clock
    read = (date_formats.formatted(str(int(value)), format_) for value in different)
    return format_ if all(found is not None for found in read) else ""


def of_format(opened: Opened, plans: Sequence[Plan], options: ReadOptions) -> list[Notice]:
    """W153 if the user's format reads no column."""
    given = options.date_format
    forms = given, duration_form(given)
    if not given or any(plan.way == "date" and plan.date_format in forms for plan in plans):
        return []
    return [notice("W153", source=opened.name, format=given)]


def of_texts(plan: Plan, texts: Sequence[str], options: ReadOptions) -> Doubt | None:
    """W142 if most texts look like dates, with formats that read them all if there are any."""
    looked_at = texts[:_LOOKED_AT]
    dated = [text for text in looked_at if looks_dated(text)]
    if not is_column_of(len(dated), len(looked_at) - len(dated)):
        return None
    value = next((text for text in dated if not readings(text)), dated[0])
    formats = [] if options.date_format else formats_of(texts)
    clear = clear_period(value) or "2024-01-31 12:00"
    fix = words("Write them as {clear}, or use {=category column}.", clear=clear, column=plan.name)
    if formats:
        text = "Use {formats}, or {=category column}."
        fix = words(text, formats=settings_of(formats), column=plan.name)
    reason = reason_of(value, ISO)
    return Doubt("W142", {"column": plan.name, "value": value, "reason": reason, "fix": fix})
