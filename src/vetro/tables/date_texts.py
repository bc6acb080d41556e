"""All readings of a text as a date, each with its format.

A text holds a weekday, a date, a clock (a time of day) and an offset from UTC.  Only the date, or
only the clock, must be present.  The clock and the offset are read in all their usual forms, the
date by its shape.  If a shape leaves open which number is the day, all readings are returned; if
the text names a weekday, only the readings that fall on it.

Rules that decide:
- with dots (01.09.16) and with the month's name (01-Sep-16), the day comes first;
- a year of two digits is 1969 to 2068, as in POSIX; DateForms.short reports it;
- a month or a quarter is its first day; an ISO week is its Monday.

Of a month's name that is another month in Croatian, both readings are returned.

dates.py decides the format of a column.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date

from vetro.tables.date_words import croatian, month_of, weekdays_of
from vetro.tables.instants import ISO, TIME, Instant

_EPOCH = date(1970, 1, 1).toordinal()
_WORD = r"[^\W\d_]+"
_HALF = r"(?:\s?(?P<{}>[aApP])\.?[mM]\.?)"
_CLOCK = (
    r"(?P<hour>[0-9]{1,2})(?:"
    r":(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?"
    rf"(?:{_HALF.format('half')}|\s?Uhr)?|{_HALF.format('whole')}|\s?Uhr"
    r"|\s?[hH](?:\s?(?P<french>[0-9]{2}))?)"
)
_PACKED = (
    r"(?P<packed_hour>[0-9]{2})(?P<packed_minute>[0-9]{2})"
    r"(?:(?P<packed_second>[0-9]{2})(?:[.,](?P<packed_fraction>[0-9]{1,9}))?)?"
)
_OFFSET = re.compile(r"([+-])([0-9]{1,2})(?::?([0-9]{2}))?$")
_ZONE = r"\s?(?:Z|UTC|GMT|(?:UTC|GMT)[+-][0-9]{1,2}(?::?[0-9]{2})?|[+-][0-9]{2}(?::?[0-9]{2})?)"
# An offset after a date without a clock needs its colon: 2016-09 is a month.
_DAY_ZONE = r"(?:Z|\s?UTC|\s?GMT|[+-][0-9]{2}:[0-9]{2})"
_TAIL = re.compile(
    rf"(?:(?:^|(?<=[0-9])T|(?<=[a-zA-Z][0-9]{{4}}):|(?<=日)|,?\s+(?:(?:at|à|às|kl\.?|ore|um)\s+)?){_CLOCK}(?P<zone>{_ZONE})?"
    rf"|(?<=[0-9])T{_PACKED}(?P<packed_zone>{_ZONE})?"
    rf"|(?P<day_zone>{_DAY_ZONE}))?$"
)
# The year after the clock: Thu Sep  1 12:00:00 UTC 2016, as C's ctime and Unix's date write it.
_CTIME = re.compile(
    rf"({_WORD}\s+(?:{_WORD}\s+)?[0-9]{{1,2}})\s+(\S*:\S*)(?:\s+(UTC|GMT))?\s+([0-9]{{4}})"
)
_WEEKDAY = re.compile(rf"(?P<name>{_WORD}(?:-feira)?)\.?,?\s+(?=\S)")
_ORDINAL = "(?:st|nd|rd|th|er|º|°|\\.)?"

Dates = dict[str, int | None]

CROATIAN = " (Croatian)"
"""Follows the format of a reading with the Croatian names of months."""


def readings(text: str) -> dict[str, Instant]:
    """format -> the instant that the text means in it; {} if it is not a date."""
    bare = " ".join(text.split())
    moved = _CTIME.fullmatch(bare)
    if moved is not None:
        day, clock, zone, year = moved.groups()
        bare = f"{day} {year} {clock}{zone or ''}"
    tail = _TAIL.search(bare)
    assert tail is not None  # it may be empty
    clock_ = _clock(tail)
    if clock_ is None:
        return {}
    zone_ = _zone(tail)
    if zone_ is None:
        return {}
    offset, zoned = zone_
    before = bare[: tail.start()]
    if not before:
        alone = tail["hour"] is not None and not zoned
        return {TIME: Instant(clock_ / 86400e9)} if alone else {}
    found = {}
    for format_, day_ in _dated(before).items():
        if day_ is None:
            found[format_] = Instant(math.nan, zoned)
            continue
        nanoseconds = clock_ - offset * 60 * 10**9
        microseconds = day_ * 86_400 * 10**6 + nanoseconds // 1000
        found[format_] = Instant((microseconds + nanoseconds % 1000 / 1000) / 86400e6, zoned)
    return found


_PLAIN_CLOCK = re.compile(
    r"([T ])[0-9]{1,2}(:[0-9]{2})(:[0-9]{2})?(\.[0-9]{1,6})?( ?[+-][0-9]{2}:?[0-9]{2})?$"
)


def clock_format(text: str) -> str:
    """The part after the date in the format of a text: " %H:%M%z" of "1.2.2016 10:30+0200".

    "" also if DuckDB does not read the clock as this module does.
    """
    found = _PLAIN_CLOCK.search(text.strip())
    if found is None or (found[4] and not found[3]):
        return ""
    zone = "" if not found[5] else " %z" if found[5][0] == " " else "%z"
    return f"{found[1]}%H:%M{':%S' if found[3] else ''}{'.%f' if found[4] else ''}{zone}"


def _clock(tail: re.Match[str]) -> int | None:
    """Nanoseconds since midnight; None if there is no such time of day."""
    prefix = "packed_" if tail["packed_hour"] else ""
    if not prefix and tail["hour"] is None:
        return 0
    hour = int(tail[prefix + "hour"])
    minute, second = (int(tail[prefix + name] or 0) for name in ("minute", "second"))
    minute = minute if prefix else int(tail["french"] or minute)
    half = "" if prefix else (tail["half"] or tail["whole"] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "p" else 0)
    if hour > 23 or minute > 59 or second > 59:
        return None
    fraction = int((tail[prefix + "fraction"] or "0").ljust(9, "0"))
    return ((hour * 60 + minute) * 60 + second) * 10**9 + fraction


def _zone(tail: re.Match[str]) -> tuple[int, bool] | None:
    """(minutes ahead of UTC, whether there is a zone); None if there is no such offset."""
    text = tail["zone"] or tail["packed_zone"] or tail["day_zone"] or ""
    if not text:
        return 0, False
    found = _OFFSET.search(text)
    if found is None:
        return 0, True
    hours, minutes = int(found[2]), int(found[3] or 0)
    if hours > 23 or minutes > 59:
        return None
    return (hours * 60 + minutes) * (-1 if found[1] == "-" else 1), True


def _dated(text: str) -> Dates:
    """format -> days since 1970-01-01 of a date without a clock."""
    text = text.removeprefix("den ")  # Swedish and Norwegian, before the day
    found = _by_shape(text)
    named = _WEEKDAY.match(text)
    weekdays = weekdays_of(named["name"]) if named is not None else ()
    if named is not None and weekdays:
        # 1970-01-01 was a Thursday.
        rest = _by_shape(text[named.end() :].removeprefix("den "))
        found |= {f: d for f, d in rest.items() if d is not None and (d + 3) % 7 in weekdays}
    return found


def _by_shape(text: str) -> Dates:
    for shape, values, formats in _SHAPES:
        found = shape.fullmatch(text)
        if found is not None:
            return _in_formats(found, found.group(*values), formats)
    return {}


def _in_formats(
    found: re.Match[str], values: tuple[str, ...], formats: tuple[tuple[str, str], ...]
) -> Dates:
    """The days that a text of a shape means, in each of its formats in which it is a date."""
    marks = found.groupdict()
    if "mark" in marks:
        marks["mark"] = _mark(marks["mark"])
    days: Dates = {}
    for format_, letters in formats:
        try:
            days[format_.format(**marks)] = _day(dict(zip(letters, values, strict=True)))
        except ValueError:
            continue
    if "b" in formats[0][1] and any(map(croatian, values)):
        # No format reads Croatian: it is no instant.
        days |= {format_ + CROATIAN: None for format_ in days}
    return days


def croatian_month(text: str) -> str:
    """The month in Croatian if the text's name of a month is another one there, else ""."""
    return next(filter(None, map(croatian, re.findall(_WORD, text))), "")


def century(year: int) -> int:
    """The full year of two digits: 69 to 99 are 1969 to 1999, 00 to 68 are 2000 to 2068 (POSIX)."""
    return year + (1900 if year >= 69 else 2000)


def _day(parts: Mapping[str, str]) -> int | None:
    """Days since 1970-01-01 of a date's parts, given by their directives.

    None for a day without a year; ValueError if there is no such date.
    """
    if "G" in parts:
        monday = date.fromisocalendar(int(parts["G"]), int(parts["V"]), int(parts.get("u", 1)))
        return monday.toordinal() - _EPOCH
    month, day = _month(parts), int(parts.get("d", 1))
    year = parts.get("Y") or parts.get("y")
    if year is None:
        if not 1 <= day <= 31:
            raise ValueError
        return None
    if len(year) != (4 if "Y" in parts else 2):
        raise ValueError
    full = int(year) if len(year) == 4 else century(int(year))
    return date(full, month, day).toordinal() - _EPOCH


def _month(parts: Mapping[str, str]) -> int:
    if "b" not in parts:
        return int(parts["m"]) if "m" in parts else 3 * int(parts["q"]) - 2
    month = month_of(parts["b"], alone=len(parts) == 2)
    if month is None:
        raise ValueError
    return month


def _mark(separator: str) -> str:
    bare = separator.strip()
    return bare if bare in ("-", "/", ".") and bare == separator else " " if separator else ""


_YEAR, _DAY = "([0-9]{4})", "([0-9]{1,2})"
_NAME = rf"({_WORD})\.?"


def _shape(
    pattern: str, *formats: str
) -> tuple[re.Pattern[str], tuple[int, ...], tuple[tuple[str, str], ...]]:
    """The shape, its groups that are values, and its formats with the letters of directives."""
    shape = re.compile(pattern, re.IGNORECASE)
    marks = shape.groupindex.values()
    values = tuple(group for group in range(1, shape.groups + 1) if group not in marks)
    letters = ("".join(part[0] for part in format_.split("%")[1:]) for format_ in formats)
    return shape, values, tuple(zip(formats, letters, strict=True))


_SHAPES = tuple(
    _shape(*item)
    for item in (
        (rf"{_YEAR}(?P<mark>[-/. ]){_DAY}(?P=mark){_DAY}", ISO),
        (
            rf"{_DAY}(?P<mark>[-/ ]){_DAY}(?P=mark){_YEAR}",
            "%d{mark}%m{mark}%Y",
            "%m{mark}%d{mark}%Y",
        ),
        (rf"{_DAY}(?P<dot>\. ?){_DAY}(?P=dot){_YEAR}", "%d{dot}%m{dot}%Y"),
        (
            rf"{_DAY}(?P<mark>[-/]){_DAY}(?P=mark)([0-9]{{2}})",
            "%d{mark}%m{mark}%y",
            "%m{mark}%d{mark}%y",
            "%y{mark}%m{mark}%d",
        ),
        (rf"{_DAY}\.{_DAY}\.([0-9]{{2}})", "%d.%m.%y"),
        (rf"{_YEAR}([0-9]{{2}})([0-9]{{2}})", "%Y%m%d"),
        (rf"{_YEAR}(?P<mark>[-/])([0-9]{{2}})", "%Y{mark}%m"),
        (rf"{_DAY}(?P<mark>[-/]){_YEAR}", "%m{mark}%Y"),
        (rf"{_YEAR}(?P<mark>[- ]?)Q([1-4])", "%Y{mark}Q%q"),
        (rf"Q([1-4])(?P<mark>[-/ ]?){_YEAR}", "Q%q{mark}%Y"),
        (rf"{_YEAR}(?P<mark>-?)W([0-9]{{2}})", "%G{mark}W%V"),
        (rf"{_YEAR}(?P<mark>-?)W([0-9]{{2}})(?P=mark)([1-7])", "%G{mark}W%V{mark}%u"),
        (
            rf"{_YEAR}(?P<year>[年년])(?P<blank> ?){_DAY}(?P<month>[月월])(?P=blank)"
            rf"{_DAY}(?P<day>[日일])",
            "%Y{year}{blank}%m{month}{blank}%d{day}",
        ),
        (
            rf"{_DAY}(?P<mark>{_ORDINAL}\s+(?:de\s+|of\s+)?|\.?[-/]|\.|){_NAME}"
            # "r." and "г.": year, as Polish and Russian write it.
            r"(?:,?\s+(?:del?\s+)?'?|[-/]|)([0-9]{4}|[0-9]{2})(?:\s(?:r|г|р)\.?)?",
            "%d{mark}%b{mark}%Y",
            "%d{mark}%b{mark}%y",
        ),
        (rf"{_NAME}[-/\s]{_DAY}(?:st|nd|rd|th)?,\s?{_YEAR}", "%b %d, %Y"),
        (
            rf"{_NAME}(?P<mark>[-/\s]){_DAY}(?:st|nd|rd|th)?[-/\s]{_YEAR}",
            "%b{mark}%d{mark}%Y",
        ),
        (rf"{_YEAR}(?P<mark>[-/\s]){_NAME}(?P=mark){_DAY}", "%Y{mark}%b{mark}%d"),
        (rf"{_YEAR}\. {_NAME} {_DAY}\.", "%Y. %b %d."),
        (rf"{_YEAR}\. {_DAY}\. {_DAY}\.", "%Y. %m. %d."),
        (rf"{_NAME}(?P<mark>[-/]|,?\s(?:de[l]?\s)?|){_YEAR}", "%b{mark}%Y"),
        (rf"{_NAME}(?P<mark>[-/]|\s)'?([0-9]{{2}})", "%b{mark}%y", "%b{mark}%d"),
        (rf"{_YEAR}(?P<mark>[-/\s]){_NAME}", "%Y{mark}%b"),
    )
)
"""The shapes of dates, each with the formats that may read it.

A named group is what stands between the numbers and returns in the format, `mark` without words;
the other groups are the values of the format's directives, in order.
"""

_CLOCKED = re.compile(r"(?<![0-9:])[0-9]{1,3}:[0-9]{2}(?![0-9])")
_APART = r"\s?[-/.–—_ ]\s?"
_NUMBERED = re.compile(
    # 2023-123: a day of the year.  3.5.: a day without a year, as German writes it.
    r"^(?:19|20)[0-9]{2}[-/.][0-3][0-9]{2}$|年.*月|^[0-3]?[0-9]\.\s?[01]?[0-9]\.$"
    rf"|(?<!\d)(?:\d{{4}}{_APART}\d{{1,2}}{_APART}\d{{1,2}}"
    rf"|\d{{1,2}}{_APART}\d{{1,2}}{_APART}(?:\d{{4}}|\d{{2}}))(?!\d)"
)
_YEAR_OF = "(?:19|20)[0-9]{2}"
_PERIODS = tuple(
    (re.compile(shape, re.IGNORECASE), clear)
    for shape, clear in (
        (rf"(?:KW|CW|WK?|week|Woche)\.?\s?[0-9]{{1,2}}\s?[-/., ]\s?{_YEAR_OF}", "2024-W05"),
        (rf"{_YEAR_OF}\s?[-/., ]?\s?(?:KW|CW|WK|week|Woche)\s?[0-9]{{1,2}}", "2024-W05"),
        (r"KW\s?[0-9]{1,2}[-/ ][0-9]{2}", "2024-W05"),
        (rf"Q[1-4](?:/|\s?'|\s)[0-9]{{2}}|[1-4]\s?Q\s?'?(?:{_YEAR_OF}|[0-9]{{2}})", "2024-Q1"),
    )
)
_YEAR_ALONE = re.compile(r"\b(?:19|20)[0-9]{2}\b")


def clear_period(text: str) -> str:
    """How a week or a quarter such as KW 5/2024 or Q1/24 is written so that it is read; else ""."""
    bare = text.strip()
    return "" if readings(bare) else next((c for p, c in _PERIODS if p.fullmatch(bare)), "")


def looks_dated(text: str) -> bool:
    """Whether a text looks like a date or a time, whether Vetro can read it or not."""
    if len(text) > 60 or not any(letter.isdigit() for letter in text):
        return False
    if _NUMBERED.search(text) or _CLOCKED.search(text) or clear_period(text):
        return True
    words = re.findall(_WORD, text)
    alone = _YEAR_ALONE.search(text) is None
    return len(words) <= 3 and any(
        len(word) > 2 and (month_of(word, alone=alone) or weekdays_of(word)) for word in words
    )
