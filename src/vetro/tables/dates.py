"""Dates in text: which form a column uses, and whether day and month can be told apart.

Dates become days since 1970-01-01, the time of day as a fraction; an offset from UTC
is applied, a text without one is taken as it stands.  Two-digit years and digits without
separators are read only with --date-format.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

ISO = "%Y-%m-%d"
_EPOCH = datetime(1970, 1, 1)
_TIME = r"(?P<time>[T ][0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)?"
_ISO = re.compile(
    rf"(?P<year>[0-9]{{4}})(?P<mark>[-/])(?P<month>[0-9]{{1,2}})(?P=mark)(?P<day>[0-9]{{1,2}})"
    rf"{_TIME}(?P<zone>Z|[+-][0-9]{{2}}:?[0-9]{{2}})?"
)
# What DuckDB's own cast reads as we do; the rest of _ISO (offsets) is read here.
_ISO_PLAIN = "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,6})?)?Z?)?"
_NUMERIC = re.compile(rf"([0-9]{{1,2}})([./-])([0-9]{{1,2}})\2([0-9]{{4}}){_TIME}")
_SHORT_YEAR = re.compile(r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{2}")
_MONTHS = "(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_FULL = "(?i:january|february|march|april|june|july|august|september|october|november|december)"
_NAMED: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(f"[0-9]{{1,2}} {_MONTHS} [0-9]{{4}}"), "%d %b %Y"),
    (re.compile(f"[0-9]{{1,2}} {_FULL} [0-9]{{4}}"), "%d %B %Y"),
    (re.compile(f"[0-9]{{1,2}}-{_MONTHS}-[0-9]{{4}}"), "%d-%b-%Y"),
    (re.compile(f"{_MONTHS} [0-9]{{1,2}}, [0-9]{{4}}"), "%b %d, %Y"),
    (re.compile(f"{_FULL} [0-9]{{1,2}}, [0-9]{{4}}"), "%B %d, %Y"),
)
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", "T%H:%M", "T%H:%M:%S", "T%H:%M:%S.%f")


@dataclass
class DateForms:
    """What the texts of a column tell: format -> first text that can only mean it.

    either: separator -> first text in which day and month may be exchanged and differ.
    neutral: separator -> first text such as 05/05/2024 that means the same either way.
    short: the first text with a two-digit year.  clock: the first text's time of day, as
    what stands behind the date in its format.
    """

    told: dict[str, str] = field(default_factory=dict)
    either: dict[str, str] = field(default_factory=dict)
    neutral: dict[str, str] = field(default_factory=dict)
    short: str = ""
    clock: str | None = None

    def add(self, text: str) -> bool:
        """Take a text in; False if it is not a date in any reading."""
        bare = text.strip()
        if _ISO.fullmatch(bare):
            if _iso_days(bare) is None:
                return False
            self.told.setdefault(ISO, text)
            return True
        found = _NUMERIC.fullmatch(bare)
        if found is not None:
            return self._numeric(found, text)
        if _SHORT_YEAR.fullmatch(bare):
            self.short = self.short or text
            return True
        for form, format_ in _NAMED:
            if form.fullmatch(bare):
                self.told.setdefault(format_, text)
                return True
        return False

    def _numeric(self, found: re.Match[str], text: str) -> bool:
        if self.clock is None:
            self.clock = _clock_of(found["time"] or "")
        first, mark, second = int(found[1]), found[2], int(found[3])
        if not (1 <= first <= 31 and 1 <= second <= 31) or (first > 12 and second > 12):
            return False
        if mark == "." or first > 12:
            # With dots the day stands first everywhere.
            if second > 12:
                return False
            self.told.setdefault(f"%d{mark}%m{mark}%Y", text)
        elif second > 12:
            self.told.setdefault(f"%m{mark}%d{mark}%Y", text)
        elif first == second:
            self.neutral.setdefault(mark, text)
        else:
            self.either.setdefault(mark, text)
        return True

    def decided(self) -> str:
        """The only format that the texts allow, or ""."""
        if len(self.told) != 1 or self.short:
            return ""
        (format_,) = self.told
        mark = format_[2]
        others = (set(self.either) | set(self.neutral)) - {mark}
        return "" if others else format_

    def ambiguous(self) -> tuple[str, str] | None:
        """A text that has two readings and the format to suggest, when nothing decides."""
        if self.short:
            return self.short, "%d/%m/%y"
        if not self.told:
            for mark, text in (self.either or self.neutral).items():
                return text, f"%d{mark}%m{mark}%Y"
        return None


def forms_of(texts: Iterable[str]) -> tuple[DateForms, list[str]]:
    """The date forms in the texts, and the texts that are no dates."""
    forms = DateForms()
    return forms, [text for text in texts if not forms.add(text)]


def days_of(text: str, format_: str) -> float | None:
    """Days since 1970-01-01 of a text in this format; None if it is no such date."""
    bare = text.strip()
    if format_ == ISO:
        return _iso_days(bare)
    for clock in _CLOCKS:
        try:
            return _days(datetime.strptime(bare, format_ + clock))
        except ValueError:
            continue
    return None


def date_text(days: float) -> str:
    """The ISO text of a date: 2024-02-01, with the time if it is not midnight."""
    moment = _EPOCH + timedelta(days=days)
    whole = days == int(days)
    return moment.strftime(ISO) if whole else moment.isoformat(sep=" ", timespec="seconds")


def sql(text: str, format_: str, clock: str = "") -> str:
    """A DuckDB expression: the text column as days, NULL where it is not such a date.

    One format and clock only, because DuckDB needs 0.5 us for each that does not fit; texts
    with another time of day are left to days_of.
    """
    if format_ == ISO:
        moment = (
            f"CASE WHEN regexp_full_match({text}, '{_ISO_PLAIN}') "
            f"THEN TRY_CAST({text} AS TIMESTAMP) END"
        )
    else:
        quoted = (format_ + clock).replace("'", "''")
        moment = f"try_strptime({text}, '{quoted}')"
    return f"(epoch_us({moment}) / 86400e6)"


def _clock_of(time: str) -> str:
    """The format of a time of day such as " 10:30", as one of _CLOCKS."""
    if not time:
        return ""
    parts = ("%H", "%M", "%S.%f" if "." in time else "%S")
    return time[0] + ":".join(parts[: time.count(":") + 1])


def _iso_days(bare: str) -> float | None:
    found = _ISO.fullmatch(bare)
    if found is None:
        return None
    hour, _, rest = (found["time"] or "T00:00")[1:].partition(":")
    date = f"{found['year']}-{int(found['month']):02}-{int(found['day']):02}"
    text = f"{date}T{hour:0>2}:{rest}{found['zone'] or ''}"
    try:
        return _days(datetime.fromisoformat(text))
    except ValueError:
        return None


def _days(moment: datetime) -> float:
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    passed = moment - _EPOCH
    return passed.days + (passed.seconds * 10**6 + passed.microseconds) / 86400e6
