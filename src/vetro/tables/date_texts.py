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
from collections.abc import Callable
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
_DAY = "(?P<day>[0-9]{1,2})"
_MONTH_NAME = rf"(?P<name>{_WORD})\.?"

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
    for shape, read in _SHAPES:
        found = shape.fullmatch(text)
        if found is not None:
            days = read(found)
            if croatian(found.groupdict().get("name") or ""):
                # No format reads Croatian: it is no instant.
                days |= {format_ + CROATIAN: None for format_ in days}
            return days
    return {}


def croatian_month(text: str) -> str:
    """The month in Croatian if the text's name of a month is another one there, else ""."""
    return next(filter(None, map(croatian, re.findall(_WORD, text))), "")


def century(year: int) -> int:
    """The full year of two digits: 69 to 99 are 1969 to 1999, 00 to 68 are 2000 to 2068 (POSIX)."""
    return year + (1900 if year >= 69 else 2000)


def _day(year: int, month: int, day: int) -> int | None:
    try:
        return date(year, month, day).toordinal() - _EPOCH
    except ValueError:
        return None


def _valid(days: Dates) -> Dates:
    return {format_: day for format_, day in days.items() if day is not None}


def _iso(found: re.Match[str]) -> Dates:
    return _valid({ISO: _day(int(found[1]), int(found[3]), int(found[4]))})


def _numeric(found: re.Match[str]) -> Dates:
    first, mark, second, year = int(found[1]), found[2], int(found[3]), int(found[4])
    days = {f"%d{mark}%m{mark}%Y": _day(year, second, first)}
    if mark[0] != ".":
        days[f"%m{mark}%d{mark}%Y"] = _day(year, first, second)
    return _valid(days)


def _short(found: re.Match[str]) -> Dates:
    first, mark, second, third = int(found[1]), found[2], int(found[3]), int(found[4])
    days = {f"%d{mark}%m{mark}%y": _day(century(third), second, first)}
    if mark != ".":
        days[f"%m{mark}%d{mark}%y"] = _day(century(third), first, second)
        if len(found[1]) == 2:
            days[f"%y{mark}%m{mark}%d"] = _day(century(first), second, third)
    return _valid(days)


def _digits(found: re.Match[str]) -> Dates:
    return _valid({"%Y%m%d": _day(int(found[1]), int(found[2]), int(found[3]))})


def _month(found: re.Match[str]) -> Dates:
    return _valid({f"%Y{found[2]}%m": _day(int(found[1]), int(found[3]), 1)})


def _month_first(found: re.Match[str]) -> Dates:
    return _valid({f"%m{found[2]}%Y": _day(int(found[3]), int(found[1]), 1)})


def _quarter(found: re.Match[str]) -> Dates:
    return _valid({f"%Y{found[2]}Q%q": _day(int(found[1]), 3 * int(found[3]) - 2, 1)})


def _quarter_first(found: re.Match[str]) -> Dates:
    return _valid({f"Q%q{found[2]}%Y": _day(int(found[3]), 3 * int(found[1]) - 2, 1)})


def _week(found: re.Match[str]) -> Dates:
    mark, day = found[2], found[4]
    format_ = f"%G{mark}W%V" + (f"{mark}%u" if day else "")
    try:
        moment = date.fromisocalendar(int(found[1]), int(found[3]), int(day or 1))
    except ValueError:
        return {}
    return {format_: moment.toordinal() - _EPOCH}


def _east_asian(found: re.Match[str]) -> Dates:
    year, month, day = found[2] + found[3], found[5] + found[3], found[7]
    return _valid({f"%Y{year}%m{month}%d{day}": _day(int(found[1]), int(found[4]), int(found[6]))})


def _mark(separator: str) -> str:
    bare = separator.strip()
    return bare if bare in ("-", "/", ".") and bare == separator else " " if separator else ""


def _named(found: re.Match[str]) -> Dates:
    month = month_of(found["name"])
    if month is None:
        return {}
    mark, year = _mark(found["mark"]), found["year"]
    whole = int(year) if len(year) == 4 else century(int(year))
    format_ = f"%d{mark}%b{mark}{'%Y' if len(year) == 4 else '%y'}"
    return _valid({format_: _day(whole, month, int(found["day"]))})


def _named_first(found: re.Match[str]) -> Dates:
    month = month_of(found["name"])
    if month is None:
        return {}
    format_ = "%b %d, %Y" if "," in found["mark"] else f"%b{found['first']}%d{found['first']}%Y"
    return _valid({format_: _day(int(found["year"]), month, int(found["day"]))})


def _named_middle(found: re.Match[str]) -> Dates:
    month = month_of(found["name"])
    mark = found["mark"]
    days = _day(int(found["year"]), month, int(found["day"])) if month is not None else None
    return _valid({f"%Y{mark}%b{mark}%d": days})


def _hungarian(found: re.Match[str]) -> Dates:
    month = month_of(found["name"])
    days = _day(int(found["year"]), month, int(found["day"])) if month is not None else None
    return _valid({"%Y. %b %d.": days})


def _dotted(found: re.Match[str]) -> Dates:
    return _valid({"%Y. %m. %d.": _day(int(found[1]), int(found[2]), int(found[3]))})


def _named_month(found: re.Match[str]) -> Dates:
    month = month_of(found["name"], alone=True)
    if month is None:
        return {}
    mark = _mark(found["mark"])
    if len(found["year"]) == 4:
        return _valid({f"%b{mark}%Y": _day(int(found["year"]), month, 1)})
    year = int(found["year"])
    days: Dates = {f"%b{mark}%y": _day(century(year), month, 1)}
    if 1 <= year <= 31:
        days[f"%b{mark}%d"] = None  # a day without a year
    return days


def _year_month(found: re.Match[str]) -> Dates:
    month = month_of(found["name"], alone=True)
    days = _day(int(found["year"]), month, 1) if month is not None else None
    return _valid({f"%Y{found['mark']}%b": days})


_YEAR = "(?P<year>[0-9]{4})"
_SHAPES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Dates]], ...] = tuple(
    (re.compile(shape, re.IGNORECASE), read)
    for shape, read in (
        (r"([0-9]{4})([-/. ])([0-9]{1,2})\2([0-9]{1,2})", _iso),
        (r"([0-9]{1,2})([-/. ])([0-9]{1,2})\2([0-9]{4})", _numeric),
        (r"([0-9]{1,2})(\. )([0-9]{1,2})\2([0-9]{4})", _numeric),
        (r"([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{2})", _short),
        (r"([0-9]{4})([0-9]{2})([0-9]{2})", _digits),
        (r"([0-9]{4})([-/])([0-9]{2})", _month),
        (r"([0-9]{1,2})([-/])([0-9]{4})", _month_first),
        (r"([0-9]{4})([- ]?)Q([1-4])", _quarter),
        (r"Q([1-4])([-/ ]?)([0-9]{4})", _quarter_first),
        (r"([0-9]{4})(-?)W([0-9]{2})(?:\2([1-7]))?", _week),
        (r"([0-9]{4})([年년])( ?)([0-9]{1,2})([月월])\3([0-9]{1,2})([日일])", _east_asian),
        (
            rf"{_DAY}(?P<mark>{_ORDINAL}\s+(?:de\s+|of\s+)?|\.?[-/]|\.|){_MONTH_NAME}"
            # "r." and "г.": year, as Polish and Russian write it.
            rf"(?:,?\s+(?:del?\s+)?'?|[-/]|)(?P<year>[0-9]{{4}}|[0-9]{{2}})(?:\s(?:r|г|р)\.?)?",
            _named,
        ),
        (
            rf"{_MONTH_NAME}(?P<first>[-/\s]){_DAY}(?:st|nd|rd|th)?(?P<mark>,\s?|[-/\s]){_YEAR}",
            _named_first,
        ),
        (rf"{_YEAR}(?P<mark>[-/\s]){_MONTH_NAME}(?P=mark){_DAY}", _named_middle),
        (rf"{_YEAR}\. {_MONTH_NAME} {_DAY}\.", _hungarian),
        (r"([0-9]{4})\. ([0-9]{1,2})\. ([0-9]{1,2})\.", _dotted),
        (rf"{_MONTH_NAME}(?P<mark>[-/]|,?\s(?:de[l]?\s)?|){_YEAR}", _named_month),
        (rf"{_MONTH_NAME}(?P<mark>[-/]|\s)'?(?P<year>[0-9]{{2}})", _named_month),
        (rf"{_YEAR}(?P<mark>[-/\s]){_MONTH_NAME}", _year_month),
    )
)

_CLOCKED = re.compile(r"(?<![0-9:])[0-9]{1,3}:[0-9]{2}(?![0-9])")
_APART = r"\s?[-/.–—_ ]\s?"
_NUMBERED = re.compile(
    # 2023-123: a day of the year.
    r"^(?:19|20)[0-9]{2}[-/.][0-3][0-9]{2}$|年.*月"
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
