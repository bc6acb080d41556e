"""The user's date formats, in the form of Python's strptime, and checks of them.

The result is the one of Python's strptime.  Vetro also reads some texts that Python does not: names
of months in five languages, seven to nine digits of a second, UTC and GMT for %Z, %q for the
quarter (2016-Q3), and weeks (%G-W%V) without a day.  A format that leaves the date open is refused.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache

from vetro.errors import error
from vetro.settings import Setting
from vetro.tables import date_words
from vetro.tables.instants import Instant, duration_form, instant_of, is_time

_OWN = re.compile(r"%Y[- ]?Q%q|Q%q[-/ ]?%Y|%G-?W%V")
_PROBE = datetime(2016, 11, 23, 15, 7, 48, 123456)
_COMPOSED = {
    "c": "abdHMSY",
    "x": "mdy",
    "X": "HMS",
    "D": "mdy",
    "F": "Ymd",
    "T": "HMS",
    "R": "HM",
    "r": "IMSp",
}
_WORD = re.compile(r"[^\W\d_]+(?:-feira)?\.?")
_LONG_FRACTION = re.compile(r"(\.[0-9]{6})([0-9]{1,3})(?![0-9])")


def check_format(format_: str) -> None:
    """E601 for a format that can read no text, or that does not fix one date."""
    reason = _reason(format_)
    if reason:
        fix = 'Use a format of Python\'s strptime, such as "%d/%m/%Y %H:%M".'
        argument = Setting("date_format")
        raise error("E601", argument=argument, value=format_, reason=reason, fix=fix)


def is_usable(format_: str) -> bool:
    """Whether check_format accepts a format."""
    return not _reason(format_)


@lru_cache(maxsize=64)
def _reason(format_: str) -> str:
    """Why a format cannot be used; "" if it can."""
    if _OWN.fullmatch(format_) or duration_form(format_):
        return ""
    used = re.findall(r"%(.)", format_.replace("%%", ""))
    said = [(letter, part) for letter in used for part in _COMPOSED.get(letter, letter)]
    parts = [part for _, part in said]
    for letter, part in said:
        if parts.count(part) > 1:
            again = "".join(f" (%{letter} says it too)" if letter != part else "")
            return f"it has %{part} twice{again}"
    if "q" in parts:
        return "%q needs %Y and nothing else, as in %Y-Q%q"
    if not parts:
        return "it has no directive such as %Y"
    plain = format_.replace("%Z", "UTC")
    if set(parts) & set("mbBj"):
        # With a month, the weekday decides nothing.
        plain = re.sub("%[aA]", "", plain)
    try:
        text = _PROBE.strftime(plain.replace("%z", "+0000"))
        found = datetime.strptime(text, plain)
        again = found.strftime(plain.replace("%z", "+0000"))
    except (ValueError, re.error) as failure:
        return f"Python's strptime refuses it ({failure})"
    return _open_reason(set(parts)) or (
        "" if again == text else f"Python's strptime reads {text} as {found:%Y-%m-%d %H:%M:%S}"
    )


def _open_reason(parts: set[str]) -> str:
    """The part that the directives leave open and strptime would fill in silently."""
    if "I" in parts and "p" not in parts:
        return "%I needs %p (AM or PM); use %H for 24 hours"
    if "p" in parts and ("H" in parts or "I" not in parts):
        return "%p needs %I instead of %H" if "H" in parts else "%p needs %I"
    if "M" in parts and not parts & set("HI"):
        return "it has minutes without hours (%H)"
    if "S" in parts and "M" not in parts:
        return "it has seconds without minutes (%M)"
    if "f" in parts and "S" not in parts:
        return "it has fractions of a second without seconds (%S)"
    if parts <= set("HIMSfp"):
        return ""
    if not parts & set("YyG"):
        return "it has no year (%Y)"
    if "d" in parts and not parts & set("mbB"):
        return "it has a day without a month (%m)"
    return ""


def formatted(text: str, format_: str) -> Instant | None:
    """The instant of a text by strptime; None if it does not fit the format.

    For a format without a date, it is the time of day.
    """
    width = _width(format_)
    if width is not None and width.fullmatch(text.strip()) is None:
        return None
    found = _read(text, format_)
    if found is None and ("%b" in format_.lower() or "%a" in format_.lower()):
        found = _read(_english(text, format_), format_)
    if found is None and "%f" in format_:
        digits = _LONG_FRACTION.search(text)
        if digits is not None:
            short = text[: digits.end(1)] + text[digits.end(2) :]
            rest = int(digits[2].ljust(3, "0"))
            found = _read(short, format_)
            found = found and found._replace(days=found.days + rest / 86400e9)
    return found


_DIGITS = {"Y": 4, "j": 3, **dict.fromkeys("ymdHIMSUWV", 2)}


@lru_cache(maxsize=64)
def _width(format_: str) -> re.Pattern[str] | None:
    """What the texts of a format with directives side by side have: all their digits.

    Of 10203, without the zero of 010203, strptime makes 10-2-03.  None for the other formats.
    """
    if not any(run.count("%") > 1 for run in re.findall(r"(?:%[YymdjHIMSUWV])+", format_)):
        return None
    parts = re.findall(r"%%|(?:%[YymdjHIMSUWV])+|%.|\s+|[^%\s]+", format_)
    shape = ""
    for part in parts:
        if part == "%%" or part[0] != "%":
            shape += r"\s+" if part.isspace() else re.escape(part.replace("%%", "%"))
        elif part.count("%") > 1:
            shape += "[0-9]" * sum(_DIGITS[letter] for letter in part[1::2])
        else:
            shape += ".+"
    return re.compile(shape, re.IGNORECASE)


def digits_of(format_: str) -> int:
    """How many digits the texts of a format of digits alone have; 0 for another format."""
    letters = re.fullmatch(r"(?:%[YymdjHIMSUWV]){2,}", format_)
    return sum(_DIGITS[letter] for letter in format_[1::2]) if letters else 0


def is_of_numbers(format_: str) -> bool:
    """Whether the texts of a format are numbers: %Y%m%d, or %Y.%m."""
    return re.fullmatch(r"(?:%[YymdjHIMSUWVG])+(?:[.,](?:%[YymdjHIMSUWVf])+)?", format_) is not None


def _read(text: str, format_: str) -> Instant | None:
    for zone in ("UTC", "GMT", "Z") if "%Z" in format_ else ("",):
        try:
            moment = datetime.strptime(text, format_.replace("%Z", zone))
        except (ValueError, re.error):
            continue
        if is_time(format_):
            moment = moment.replace(year=1970, month=1, day=1)
        try:
            found = instant_of(moment)
        except ValueError:
            return None
        return Instant(found.days, zoned=True) if zone else found
    return None


def _english(text: str, format_: str) -> str:
    """The text with the names of months and weekdays as strptime knows them.

    They are looked for in the order of the format's directives: "mar. 5 mars" is a
    Tuesday in March.
    """
    wanted = re.findall("%([aAbB])", format_.replace("%%", ""))

    def english(found: re.Match[str]) -> str:
        if not wanted:
            return found[0]
        kind = "months" if wanted[0] in "bB" else "weekdays"
        month, weekdays = date_words.month_of(found[0]), date_words.weekdays_of(found[0])
        places = weekdays if kind == "weekdays" else () if month is None else (month - 1,)
        if not places:
            return found[0]
        return date_words.english(kind, long=wanted.pop(0) in "AB")[places[0]]

    return _WORD.sub(english, text)
