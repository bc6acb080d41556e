"""Instants: days since 1970-01-01, and how they are shown.

A date is a number of days, the time of day as its fraction; a time of day alone is a fraction
in [0, 1); a duration is a number of seconds.  It reads no text: date_texts.py does.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import NamedTuple

ISO = "%Y-%m-%d"
"""The form of 2024-02-01 in all its variants: with a time, with slashes, with an offset."""

TIME = "%H:%M:%S"
"""The form of a time of day, also of one without seconds and of one with AM or PM."""

DURATION = "duration"
"""The form of texts such as 26:30:00 or P1DT2H: they are numbers, in seconds."""

HOURS, MINUTES = f"{DURATION} %H:%M", f"{DURATION} %M:%S"
"""The forms of durations some of which are two numbers, as in 75:30: hours or minutes first."""

SECONDS = "s"
"""The unit of durations."""

_EPOCH = datetime(1970, 1, 1)
_DAY = 86_400_000
_FIRST, _LAST = (end.toordinal() - _EPOCH.toordinal() for end in (date.min, date.max))


class Instant(NamedTuple):
    """Days since 1970-01-01 in UTC if zoned, that is, if the text has an offset; else as written.

    days is NaN for a reading that is not an instant: a day without a year.
    """

    days: float
    zoned: bool = False


def is_time(format_: str) -> bool:
    """Whether a format is that of a time of day without a date."""
    if is_duration(format_):
        return False
    directives = re.findall(r"%(.)", format_.replace("%%", ""))
    return bool(directives) and set(directives) <= set("HIMSfpXTR")


def is_duration(format_: str) -> bool:
    """Whether a format is that of durations."""
    return format_.split(" ")[0] == DURATION


def duration_form(format_: str) -> str:
    """The form of durations that a user's format names; "" if it is another format."""
    form = f"{DURATION} {format_}"
    return form if form in (HOURS, MINUTES) else ""


def instant_of(moment: datetime) -> Instant:
    """The instant of a datetime, to the microsecond."""
    zoned = moment.tzinfo is not None
    try:
        moment = moment.astimezone(UTC).replace(tzinfo=None) if zoned else moment
    except OverflowError as failure:
        raise ValueError("the instant lies outside the calendar") from failure
    passed = moment - _EPOCH
    microseconds = passed.days * 86_400 * 10**6 + passed.seconds * 10**6 + passed.microseconds
    return Instant(microseconds / 86400e6, zoned)


def date_text(days: float, format_: str = "") -> str:
    """A date as 2024-02-01 or 2024-02-01 12:30:00; in a format of times of day 12:30:00.

    It shows milliseconds, and the clock of a date only if it is not midnight.  A date outside the
    years of four digits is shown as "day 1e+06".
    """
    if is_time(format_):
        return _clock(round(days * _DAY) % _DAY)
    if not _FIRST <= days <= _LAST + 1:
        return f"day {days:.6g}"
    # The calendar's last microseconds would round to a day after its end.
    day, clock = divmod(min(round(days * _DAY), (_LAST + 1) * _DAY - 1), _DAY)
    text = date.fromordinal(day + _EPOCH.toordinal()).isoformat()
    return f"{text} {_clock(clock)}" if clock else text


def _clock(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{text}.{rest:03}" if rest else text
