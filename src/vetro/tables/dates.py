"""Dates in a column of texts: the format that all texts allow, and the date of each text.

The texts decide (date_texts.py): a column has a format if it is the only one that all its texts
allow.  If several formats or none are left, the column is refused.  DuckDB reads the common
formats (sql); this module reads the other texts, and its result decides.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations

from vetro.tables import date_formats, date_texts, durations
from vetro.tables.connection import literal, matching
from vetro.tables.instants import ISO, TIME, Instant, is_duration

_MONTHS = "(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_FIELDS = {
    # Python reads years of other millennia, including DuckDB's year 0.
    "%Y": "[12][0-9]{3}",
    "%y": "[0-9]{2}",
    "%m": "[0-9]{1,2}",
    "%d": "[0-9]{1,2}",
    "%b": _MONTHS,
    "%H": "[0-9]{1,2}",
    "%M": "[0-9]{2}",
    "%S": "[0-9]{2}",
    "%f": "[0-9]{1,6}",
    "%z": "[+-][0-9]{2}:?[0-9]{2}",
}
_CLOCK = "([01][0-9]|2[0-3]):[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,6})?)?"
_ISO_DATE = "[12][0-9]{3}-[0-9]{1,2}-[0-9]{1,2}"


@dataclass
class DateForms:
    """The formats that the texts of a column allow.

    formats: those that all texts allow so far.  narrowing: the texts that reduced them, with the
    formats that each allows.  apart: two texts that have no format in common.  zoned, naive: the
    first text with an offset from UTC and the first without.  clock: the first clock, as
    clock_format gives it.  given: the user's format, or a model's if it reads more texts than
    these.  rivals: a text that other formats read differently than a model's, and these formats.
    telling: the first text that two formats read differently, for each such two.
    """

    formats: tuple[str, ...] = ()
    narrowing: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    apart: tuple[str, str] | None = None
    zoned: str | None = None
    naive: str | None = None
    clock: str | None = None
    given: str = ""
    rivals: tuple[str, tuple[str, ...]] = ("", ())
    telling: dict[frozenset[str], str] = field(default_factory=dict)

    def add(self, text: str) -> bool:
        """Add a text; False if it is not a date in any reading."""
        found = date_texts.readings(text)
        if not found:
            return False
        self._note_zone(text, next(iter(found.values())).zoned)
        if self.clock is None:
            self.clock = date_texts.clock_format(text)
        allowed = tuple(found)
        left = tuple(f for f in self.formats if f in found) if self.formats else allowed
        if not left:
            if self.apart is None:
                others = (t for t, formats in reversed(self.narrowing) if not {*formats} & {*found})
                self.apart = next(others, self.narrowing[-1][0]), text
        elif left != self.formats:
            self.narrowing.append((text, allowed))
            self.formats = left
        for two in combinations(left, 2):
            if found[two[0]] != found[two[1]]:
                self.telling.setdefault(frozenset(two), text)
        return True

    def read_as(
        self, format_: str, texts: Iterable[str], rivals: tuple[str, tuple[str, ...]] = ("", ())
    ) -> None:
        """Let a format decide for these texts, whatever else they allow, if it has no rivals."""
        self.rivals = rivals
        self.given, self.apart, self.zoned, self.naive = format_, None, None, None
        for text in texts:
            found = instant(text, format_)
            if found is not None:
                self._note_zone(text, found.zoned)

    def _note_zone(self, text: str, zoned: bool) -> None:
        if zoned and self.zoned is None:
            self.zoned = text
        elif not zoned and self.naive is None:
            self.naive = text

    def decided(self) -> str:
        """The given format, or the only one that the texts allow, or ""."""
        if self.given:
            return "" if self.rivals[1] else self.given
        return self.formats[0] if len(self.formats) == 1 and self.apart is None else ""

    def ambiguous(self) -> tuple[str, dict[str, Instant]] | None:
        """A text and its readings, if nothing decides between them; different ones if it can be."""
        if self.rivals[1]:
            text, others = self.rivals
            read = {format_: instant(text, format_) for format_ in (self.given, *others)}
            return text, {format_: each for format_, each in read.items() if each is not None}
        if self.given or self.apart is not None or len(self.formats) < 2:
            return None
        texts = [self.telling.get(frozenset(two)) for two in combinations(self.formats, 2)]
        # The last text that reduced them allows all that are left, as any text before it.
        text = next((text for text in texts if text is not None), self.narrowing[-1][0])
        found = date_texts.readings(text)
        return text, {format_: found[format_] for format_ in self.formats}


def instant(text: str, format_: str) -> Instant | None:
    """The instant that a text means in this format; None if it is not such a date.

    A clock and an offset after the date are read even if the format has none.
    """
    bare = text.strip()
    if is_duration(format_):
        seconds = durations.seconds_of(bare, format_)
        return None if seconds is None else Instant(seconds)
    found = date_texts.readings(bare).get(format_) or date_formats.formatted(bare, format_)
    return None if found is None or math.isnan(found.days) else found


def days_of(text: str, format_: str) -> float | None:
    """Days since 1970-01-01 of a text in this format (seconds of a duration), or None."""
    found = instant(text, format_)
    return None if found is None else found.days


def days_sql(text: str, format_: str, clock: str = "", *, zoned: bool = False) -> str:
    """A DuckDB expression: the result of days_of for the text column, or NULL.

    It is NULL if the text is not a date in this format, or if only `instant` can read it.  DuckDB
    casts a text only after its shape was tested, because it reads some others differently (24:00,
    the year 16, any zone as none).  It is also NULL if a text has an offset from UTC and zoned is
    false, or the reverse.  The expression has one format and clock only, because DuckDB needs
    0.5 us for each one that does not fit.
    """
    if is_duration(format_):
        shape = "[0-9]{1,4}:[0-5][0-9]:[0-5][0-9]"
        return matching(text, shape, f"epoch(TRY_CAST({text} AS INTERVAL))")
    if format_ == TIME:
        return _days(matching(text, _CLOCK, f"TRY_CAST({text} AS TIME)"))
    if format_ == ISO:
        zone = "(Z|[+]00:?00)" if zoned else ""
        shape = f"{_ISO_DATE}[T ]{_CLOCK}{zone}" if zoned else f"{_ISO_DATE}([T ]{_CLOCK})?"
        plain = _days(matching(text, shape, f"TRY_CAST({text} AS TIMESTAMP)"))
        if not zoned or "%z" not in clock:
            return plain
        return f"coalesce({plain}, {_parsed(text, format_ + clock)})"
    if "%H" not in format_:
        format_ += clock
    return _parsed(text, format_) if ("%z" in format_) == zoned else "CAST(NULL AS DOUBLE)"


def _days(moment: str) -> str:
    return f"(epoch_us({moment}) / 86400e6)"


def _parsed(text: str, format_: str) -> str:
    """An expression with DuckDB's strptime, for formats in which it agrees with Python's."""
    shape = _shape(format_)
    if not shape:
        return "CAST(NULL AS DOUBLE)"
    return _days(matching(text, shape, f"try_strptime({text}, {literal(format_)})"))


def _shape(format_: str) -> str:
    """A regular expression of the texts that DuckDB reads as Python does; "" if there is none.

    Each directive occurs once, and literals are plain marks.
    """
    parts = [part for part in re.split(r"(%.)", format_) if part]
    directives = [part for part in parts if part[0] == "%"]
    if not {"%Y", "%y"} & {*directives} or len({*directives}) < len(directives):
        return ""
    adjacent = re.search(r"%.%[^z]", format_) is not None
    shape = ""
    for part in parts:
        if part in _FIELDS:
            # Without marks between them, both read only full widths in the same way.
            shape += _FIELDS[part].replace("{1,2}", "{2}") if adjacent else _FIELDS[part]
        elif re.fullmatch(r"[-/.,: T]+", part):
            shape += part.replace(".", "[.]")
        else:
            return ""
    return shape
