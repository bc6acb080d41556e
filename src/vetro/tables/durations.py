"""Durations in text: 26:30:00, "1 day, 2:03:04", P1DT2H, 1h 30min, "90 min", as seconds.

Years and months have no fixed length: P1M is not read.  Two numbers, as in 75:30, may be hours and
minutes or minutes and seconds: their column or the user's format decides (Spans).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from vetro.tables.instants import DURATION, HOURS, MINUTES

_CLOCK = r"(?P<hours>[0-9]+):(?P<minutes>[0-5][0-9]):(?P<seconds>[0-5][0-9](?:\.[0-9]{1,9})?)"
_NUMBER = r"[0-9]+(?:\.[0-9]{1,2})?"
_FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"(?P<sign>[+-]?){_CLOCK}",
        # The text of Python, pandas, and DuckDB's INTERVAL: its sign belongs to the days.
        rf"(?P<days>[+-]?[0-9]+) days?(?:,? (?P<clock_sign>[+-]?){_CLOCK})?",
        r"(?P<sign>[+-]?)P(?=.)(?:(?P<weeks>[0-9]+)W)?(?:(?P<days>[0-9]+)D)?"
        r"(?:T(?=.)(?:(?P<hours>[0-9]+(?:[.,][0-9]+)?)H)?(?:(?P<minutes>[0-9]+(?:[.,][0-9]+)?)M)?"
        r"(?:(?P<seconds>[0-9]+(?:[.,][0-9]+)?)S)?)?",
        # After hours or before seconds, m is minutes; alone it is metres.
        r"(?P<sign>[+-]?)(?:(?P<days>[0-9]+) ?d,? ?)?(?P<hours>[0-9]+) ?h,? ?"
        r"(?P<minutes>[0-5]?[0-9]) ?(?:m|min)\.?(?:,? ?(?P<seconds>[0-5]?[0-9]) ?(?:s|sec)\.?)?",
        r"(?P<sign>[+-]?)(?P<minutes>[0-9]+) ?(?:m|min)\.?,? ?"
        r"(?P<seconds>[0-5]?[0-9](?:\.[0-9]+)?) ?(?:s|sec)\.?",
        r"(?P<sign>[+-]?)(?P<hours>[0-9]+) ?h ?(?P<minutes>[0-5][0-9])",
        rf"(?P<sign>[+-]?)(?=.)(?:(?P<days>{_NUMBER}) ?(?:(?-i:d)|days?))?"
        rf"(?:(?:^|,? ?)(?P<hours>{_NUMBER}) ?(?:(?-i:h)|hrs?|hours?)\.?)?"
        rf"(?:(?:^|,? ?)(?:and )?(?P<minutes>{_NUMBER}) ?(?:mins?|minutes?)\.?)?"
        rf"(?:(?:^|,? ?)(?:and )?(?P<seconds>{_NUMBER}) ?(?:(?-i:s)|secs?|seconds?)\.?)?",
        r"(?P<sign>[+-]?)(?P<hours>[0-9]+):(?P<minutes>[0-5][0-9]) ?(?:h|hrs?|hours?)",
        r"(?P<sign>[+-]?)(?P<minutes>[0-9]+):(?P<seconds>[0-5][0-9]) ?(?:mins?|minutes?)",
    )
)
_TWO_NUMBERS = {
    HOURS: re.compile(r"(?P<sign>[+-]?)(?P<hours>[0-9]+):(?P<minutes>[0-5][0-9])"),
    MINUTES: re.compile(
        r"(?P<sign>[+-]?)(?P<minutes>[0-9]+):(?P<seconds>[0-5][0-9](?:\.[0-9]{1,9})?)"
    ),
}
_UNITS = {"weeks": 604800, "days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}


@dataclass
class Spans:
    """What the durations of a column allow.

    forms: how two numbers may be read so far; DURATION: no text has two numbers.  telling: the
    first text that the forms read differently.  clock: the first text that may be a time of day
    as well.  lasting: whether a text cannot be one, so that the column holds durations.
    """

    forms: set[str] = field(default_factory=lambda: {DURATION, HOURS, MINUTES})
    telling: str = ""
    clock: str = ""
    lasting: bool = False

    def add(self, text: str) -> bool:
        """Add a text; False if it is not a duration."""
        found = seconds_by_form(text)
        self.forms &= found.keys() or self.forms
        if not self.telling and len({*found.values()}) > 1:
            self.telling = text
        return bool(found)

    def decided(self, given: str) -> str:
        """The form: the given one, the only one, or "" where the forms differ."""
        if DURATION in self.forms:
            return given or DURATION
        if given in self.forms:
            return given
        if self.telling and len(self.forms) > 1:
            return ""
        return min(self.forms)


def seconds_by_form(text: str) -> dict[str, float]:
    """form -> the seconds of a text in it; {} if the text is not a duration."""
    bare = text.strip().replace("\u2212", "-")
    for form in _FORMS:
        found = form.fullmatch(bare)
        if found is not None:
            return dict.fromkeys((DURATION, HOURS, MINUTES), _seconds(found))
    both = {name: form.fullmatch(bare) for name, form in _TWO_NUMBERS.items()}
    return {name: _seconds(found) for name, found in both.items() if found is not None}


def seconds_of(text: str, form: str = DURATION) -> float | None:
    """The seconds of a text that is a duration of this form; None for any other text."""
    return seconds_by_form(text).get(form)


def meaning(text: str, form: str) -> str:
    """What two numbers mean: "75 h 30 min"."""
    first, second = text.strip().split(":")
    units = ("h", "min") if form == HOURS else ("min", "s")
    return f"{first} {units[0]} {second} {units[1]}"


def _seconds(found: re.Match[str]) -> float:
    parts = found.groupdict()
    total = 0.0
    for name, unit in _UNITS.items():
        value = float((parts.get(name) or "0").replace(",", ".")) * unit
        total += -value if name != "days" and parts.get("clock_sign") == "-" else value
    return -total if parts.get("sign") == "-" else total
