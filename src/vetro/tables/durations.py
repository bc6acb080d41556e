"""Durations in text: 26:30:00, "1 day, 2:03:04", P1DT2H, 1h 30min, as seconds.

Years and months have no fixed length: P1M is not read.  Two numbers, as in 75:30, may be hours
or minutes: they are not read either.
"""

from __future__ import annotations

import re

_CLOCK = r"(?P<hours>[0-9]+):(?P<minutes>[0-5][0-9]):(?P<seconds>[0-5][0-9](?:\.[0-9]{1,9})?)"
_FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"(?P<sign>[+-]?){_CLOCK}",
        # The text of Python, pandas, and DuckDB's INTERVAL: its sign belongs to the days.
        rf"(?P<days>[+-]?[0-9]+) days?(?:,? (?P<clock_sign>[+-]?){_CLOCK})?",
        r"(?P<sign>[+-]?)P(?=.)(?:(?P<weeks>[0-9]+)W)?(?:(?P<days>[0-9]+)D)?"
        r"(?:T(?=.)(?:(?P<hours>[0-9]+(?:[.,][0-9]+)?)H)?(?:(?P<minutes>[0-9]+(?:[.,][0-9]+)?)M)?"
        r"(?:(?P<seconds>[0-9]+(?:[.,][0-9]+)?)S)?)?",
        r"(?P<sign>[+-]?)(?:(?P<days>[0-9]+) ?d,? ?)?(?P<hours>[0-9]+) ?h,? ?"
        r"(?P<minutes>[0-5]?[0-9]) ?(?:m|min)\.?(?:,? ?(?P<seconds>[0-5]?[0-9]) ?(?:s|sec)\.?)?",
        r"(?P<sign>[+-]?)(?P<minutes>[0-9]+) ?(?:m|min)\.?,? ?"
        r"(?P<seconds>[0-5]?[0-9](?:\.[0-9]+)?) ?(?:s|sec)\.?",
    )
)
_UNITS = {"weeks": 604800, "days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}


def seconds_of(text: str) -> float | None:
    """The seconds of a text that is a duration; None for any other text."""
    bare = text.strip().replace("\u2212", "-")
    for form in _FORMS:
        found = form.fullmatch(bare)
        if found is not None:
            break
    else:
        return None
    parts = found.groupdict()
    total = 0.0
    for name, unit in _UNITS.items():
        value = float((parts.get(name) or "0").replace(",", ".")) * unit
        total += -value if name != "days" and parts.get("clock_sign") == "-" else value
    return -total if parts.get("sign") == "-" else total
