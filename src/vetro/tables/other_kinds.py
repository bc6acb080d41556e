"""Columns whose values are of another kind than the model's (E137): dates, times of day, durations
or numbers.

The model gives a column's kind, the table how its texts are read.  Texts that inspecting reads as
another kind are refused: digits where the model has dates, times of day where it has durations.
Digits are dates if those of the training were digits of the same form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vetro.errors import VetroError, Words, error, shown, words
from vetro.tables import date_formats, dates, numbers
from vetro.tables.date_proposals import formats_of, reason_of, settings_of
from vetro.tables.instants import is_duration, is_time
from vetro.tables.options import ReadOptions
from vetro.tables.schema import Column

_AS_IN_TRAINING = "Write the column as it was in training."


def check_as_known(known: Column, format_: str, *, zoned: bool, what: Callable[[], str]) -> None:
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
    if is_duration(known.reading.date_format):
        return _not_as_known(known.name, f"{what} is not a duration", "durations")
    return _not_as_known(known.name, f"{what} is a duration", "plain numbers")


def times_instead(known: Column, text: str, choice: Words) -> VetroError:
    """E137 for times of day where a model has durations; choice: the options that read these."""
    fix = words("Use {choice} if they are durations.", choice=choice)
    what = f'"{shown(text)}" and all other values may be times of day'
    return _not_as_known(known.name, what, "durations", fix)


def digits_instead(
    texts: Mapping[str, int], options: ReadOptions, known: Column
) -> VetroError | None:
    """E137 for numbers where a model has dates; None if the dates that it was trained on were
    numbers of this form, or if the user says that these are dates."""
    if options.date_format or known.name in options.date or not texts:
        return None
    if not all(numbers.is_number(numbers.tidy(text)) for text in texts):
        return None
    format_ = known.reading.date_format
    if date_formats.is_of_numbers(format_) and any(dates.instant(t, format_) for t in texts):
        return None
    text = next(iter(texts))
    what = f'"{shown(text)}" is a number{reason_of(text, format_)}'
    formats = [f for f in formats_of(list(texts)) if is_time(f) == is_time(format_)]
    fix: Words | str = _AS_IN_TRAINING
    if formats and not date_formats.digits_of(format_) > len(text.strip()):
        fix = words("Use {formats} if they are dates.", formats=settings_of(formats))
    dates_known = f'dates of the form "{format_}"' if format_ else "dates"
    return _not_as_known(known.name, what, dates_known, fix)


def _not_as_known(
    column: str, what: str, other: str, fix: Words | str = _AS_IN_TRAINING
) -> VetroError:
    return error("E137", column=column, what=what, known=other, fix=fix)
