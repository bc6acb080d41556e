"""Formats of strptime that read given texts, for messages that propose one.

A format is made from the pieces of the first text, and counts if it reads all texts.  If several
formats are left that read them differently, all are proposed.  It decides no column.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from vetro.errors import Setting, Words
from vetro.tables import date_formats, date_texts, date_words, dates
from vetro.tables.instants import Instant, date_text, is_time

_MOST = 3
_STEPS = 5000
_FAULTS = (
    (re.compile("24:00(:00)?"), r"00:00\1", "24:00 is 00:00 of the next day"),
    (re.compile("(:[0-9]{2}):60"), r"\1:59", "the seconds of a minute are 00 to 59"),
    (
        re.compile(r"\s?\(?[A-Z]{3,5}\)?$"),
        "",
        "the name of a time zone may mean several offsets; write an offset such as +01:00",
    ),
)
_PIECE = re.compile(r"(?<=[0-9])\s?[+-][0-9]{2}:?[0-9]{2}$|\d+|[^\W\d_]+(?:-feira)?|\s+|.")
_OF_DIGITS = {
    1: ("d", "m", "H", "I", "M", "S"),
    2: ("d", "m", "H", "I", "M", "S", "y"),
    3: ("j",),
    4: ("Y", "HM"),
    5: ("yj",),
    6: ("ymd", "dmy", "mdy", "HMS", "Ym"),
    7: ("Yj",),
    8: ("Ymd", "dmY", "mdY"),
    10: ("ymdHM", "dmyHM"),
    12: ("YmdHM", "dmYHM", "ymdHMS", "dmyHMS"),
    14: ("YmdHMS", "dmYHMS", "mdYHMS"),
}
_CLOCK = frozenset("HIMSfp")
_DATES = tuple(
    map(frozenset, ("Ymd", "Ybd", "YBd", "ymd", "ybd", "yBd", "Yj", "yj", "Ym", "Yb", "YB"))
)
# What may not stand before minutes and seconds, nor before the other directives.
_TORN = re.compile(r"\s$|%H%M\W+$")
_JOINED = re.compile(r"%[HIMSf][.:]$")
_NAMED = dict(zip("年月日時分秒년월일시분초", "YmdHMS" * 2, strict=True))
_RANGES = {"d": range(1, 32), "m": range(1, 13), "H": range(24), "I": range(1, 13)}


def formats_of(texts: Sequence[str]) -> list[str]:
    """The formats that read all the texts as dates of 1900 to 2099, or as times of day.

    At most three, and only one of those that read them alike; [] if there is none.
    """
    if not texts or date_texts.clear_period(texts[0]):
        return []
    # Of names that are other months in Croatian alone, no format is sure.
    unsure = all(map(date_texts.croatian_month, texts))
    found: dict[tuple[Instant, ...], str] = {}
    for format_ in _candidates(texts[0].strip()):
        if date_formats.is_usable(format_) and not (unsure and "%b" in format_.lower()):
            instants = _read(texts, format_)
            if instants:
                found.setdefault(instants, format_)
    return list(found.values())[:_MOST]


def rivals_of(texts: Iterable[str], format_: str) -> tuple[str, tuple[str, ...]]:
    """A text, and the formats that read it in another way than this one and read all the others.

    Of the texts, those that the format does not read are passed over; ("", ()) if it has no rival.
    Dates and times of day are no rivals: the column's kind decides.
    """
    read = {text: found for text in texts if (found := dates.instant(text, format_)) is not None}
    others = [other for other in formats_of(list(read)) if is_time(other) == is_time(format_)]
    for text, instant in read.items():
        apart = tuple(other for other in others if dates.instant(text, other) != instant)
        if apart:
            return text, apart
    return "", ()


def settings_of(formats: Sequence[str]) -> Words:
    """'--date-format A or --date-format B', in the words of each door."""
    parts: list[str | Setting] = []
    for format_ in formats:
        parts += [" or ", Setting("date_format", format_)]
    return Words(tuple(parts[1:]))


def _read(texts: Sequence[str], format_: str) -> tuple[Instant, ...]:
    """What the texts mean in a format; () if one of them does not fit it."""
    found = []
    for text in texts:
        instant = date_formats.formatted(text.strip(), format_)
        if instant is None or not plausible(instant, format_):
            return ()
        if "%a" in format_.lower() and not _on_its_weekday(text, instant):
            return ()
        found.append(instant)
    return tuple(found)


def _on_its_weekday(text: str, instant: Instant) -> bool:
    """Whether a weekday that the text names is the date's, which strptime does not ask."""
    named = map(date_words.weekdays_of, _PIECE.findall(text))
    return any((int(instant.days) + 3) % 7 in weekdays for weekdays in named)


def plausible(instant: Instant, format_: str) -> bool:
    """Whether an instant is a time of day, or a date of 1900 to 2099."""
    return is_time(format_) or "1900" <= date_text(instant.days)[:4] <= "2099"


def reason_of(text: str, format_: str) -> str:
    """Why a text is no date of a format, for the end of a clause; "" if it cannot be said."""
    for wrong, right, reason in _FAULTS:
        other = wrong.sub(right, text.strip(), count=1)
        if other != text.strip() and (dates.instant(other, format_) or date_texts.readings(other)):
            return f" ({reason})"
    digits = date_formats.digits_of(format_)
    if text.strip().isdigit() and digits > len(text.strip()):
        return f" (it has {len(text.strip())} digits instead of {digits}; zeros may be lost)"
    return ""


def _candidates(text: str) -> Iterator[str]:
    """The formats that the pieces of a text allow, the usual order of a date first."""
    pieces = _PIECE.findall(text)
    steps = iter(range(_STEPS))

    def grown(at: int, format_: str, used: str) -> Iterator[str]:
        if next(steps, None) is None:
            return
        if at == len(pieces):
            if _whole(set(used)):
                yield format_
            return
        for directive in _directives(pieces, at, used):
            letters = re.findall("%(.)", directive)
            torn = letters and (_TORN if letters[0] in "MSf" else _JOINED).search(format_)
            if not torn and _follows(used, letters):
                yield from grown(at + 1, format_ + directive, used + "".join(letters))

    return grown(0, "", "")


def _directives(pieces: Sequence[str], at: int, used: str) -> Iterator[str]:
    """How one piece of a text may be written in a format."""
    piece = pieces[at]
    if piece.isdigit():
        if used.endswith("S") and pieces[at - 1] in ".," and len(piece) <= 9:
            yield "%f"
        if at and pieces[at - 1] == "W" and len(piece) == 2:
            yield "%V"
        named = _NAMED.get(pieces[at + 1][0], "") if at + 1 < len(pieces) else ""
        for letters in [named] if named else _OF_DIGITS.get(len(piece), ()):
            if len(letters) > 1 or int(piece) in _RANGES.get(letters, range(10000)):
                yield "".join("%" + letter for letter in letters)
    elif piece.strip()[:1] in ("+", "-") and len(piece.strip()) > 4:
        yield piece[: len(piece) - len(piece.lstrip())] + "%z"
    elif piece[0].isalpha():
        yield from _words(piece)
    else:
        yield piece.replace("%", "%%")


def _words(word: str) -> Iterator[str]:
    """A name, a half of the day, a zone, or letters that mean themselves."""
    month, weekdays = date_words.month_of(word), date_words.weekdays_of(word)
    for kind, letter, found in (("months", "b", month), ("weekdays", "a", weekdays)):
        if found:
            long = word.capitalize() in date_words.english(kind, long=True) and len(word) > 3
            yield "%" + (letter.upper() if long else letter)
    if word.upper() in ("AM", "PM"):
        yield "%p"
    elif word.upper() in ("UTC", "GMT", "Z"):
        yield "%Z"
    elif not month and (word.isupper() or not weekdays):  # CET is not Slovenian's Thursday
        yield word


def _whole(letters: set[str]) -> bool:
    """Whether directives fix a date or a time of day."""
    if letters & _CLOCK and "M" not in letters:
        return False
    return letters <= _CLOCK or letters - _CLOCK - set("aAzZ") in _DATES


def _follows(used: str, letters: Sequence[str]) -> bool:
    """Whether directives may follow others: each once, a clock in its order and in one piece."""
    for letter in letters:
        if letter in used or {"Y": "y", "y": "Y", "H": "I", "I": "H"}.get(letter, letter) in used:
            return False
        if letter == "d" and used[:1] in ("Y", "y") and not {*used} & set("mbB"):
            return False
        before = {"M": "HI", "S": "M", "f": "S"}.get(letter)
        if before and used[-1:] not in [*before]:
            return False
        used += letter
    return True
