"""Orders: the rising order of a column's texts, where their words or their numbers show one.

Words: low, medium, high (scales.toml).  Numbers: 18-29, 30-39, 60+; Stage I, Stage II.  Two texts
have none: any two inputs of a network say the same of them.  An order is never guessed from the
alphabet, from the number in front of a label ("2. Married"), or from the target.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from itertools import pairwise

MOST = 50
"""Columns with more texts hold names."""
_FEWEST = 3
_NUMBERED = re.compile(r"^(?:\d{1,2}|[a-z])\s*[.):]\s+")
_JOINED = re.compile(r"[_\-\s]+")
_ROMAN = ("0", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x")
_COUNTED = frozenset(
    ("stage", "grade", "level", "phase", "tier", "degree", "class", "rank", "category", "step")
)
"""Words before a number that make it a rank: of "Type II" there is no order."""

_NUMBER = r"[^\d\w<>=+-]?\s*(-?\d+(?:[.,]\d+)*)\s*((?:[km](?![a-z]))?)"
_UNIT = r"\s*[a-z%/²³€$£\s]*"
_RANGE = re.compile(rf"{_NUMBER}\s*(?:-|–|—|to|\.\.)\s*{_NUMBER}{_UNIT}")
_ALONE = re.compile(rf"{_NUMBER}{_UNIT}")
_BELOW = re.compile(
    rf"(?:<=?|≤|under|below|less than|fewer than|up to|at most|younger than){_NUMBER}{_UNIT}"
)
_ABOVE = re.compile(
    rf"(?:>=?|≥|over|above|more than|at least|older than){_NUMBER}{_UNIT}"
    rf"|{_NUMBER}{_UNIT}(?:\+|and (?:over|above|more|older|up)|or (?:more|over|older)){_UNIT}"
)


def order_of(texts: Sequence[str]) -> tuple[str, ...]:
    """The texts, rising, if they have an order; else ()."""
    if not _FEWEST <= len(texts) <= MOST:
        return ()
    return _by_words(texts) or _by_numbers(texts)


def _by_words(texts: Sequence[str]) -> tuple[str, ...]:
    """By a scale that holds all texts; () if two scales disagree."""
    words, shared = _words(texts)
    found = set()
    for places in _scales():
        if all(word in places for word in words):
            found.add(_sorted(texts, [float(places[word]) for word in words]))
    if shared in _COUNTED and all(word in _ROMAN for word in words):
        found.add(_sorted(texts, [float(_ROMAN.index(word)) for word in words]))
    if shared in _COUNTED and all(word.isdecimal() for word in words):
        found.add(_sorted(texts, [float(word) for word in words]))
    return found.pop() if len(found) == 1 else ()


def _sorted(texts: Sequence[str], places: Sequence[float]) -> tuple[str, ...]:
    """The texts by their places; () if two have the same."""
    if len(set(places)) < len(places):
        return ()
    return tuple(text for _, text in sorted(zip(places, texts, strict=True)))


def _words(texts: Sequence[str]) -> tuple[list[str], str]:
    """The texts in small letters, without what all have in common, and that word."""
    plain = [_NUMBERED.sub("", text.casefold().strip()) for text in texts]
    split = [_JOINED.sub(" ", text).strip().split(" ") for text in plain]
    shared = ""
    for end in (0, -1):
        if all(len(each) > 1 for each in split) and len({each[end] for each in split}) == 1:
            shared = split[0][end]
            for each in split:
                del each[end]
    return [" ".join(each) for each in split], shared


@cache
def _scales() -> tuple[dict[str, int], ...]:
    """For each scale, the place of each word."""
    text = files("vetro.tables").joinpath("scales.toml").read_text(encoding="utf-8")
    return tuple(
        {word: place for place, words in enumerate(scale) for word in words}
        for scale in tomllib.loads(text).values()
    )


def _by_numbers(texts: Sequence[str]) -> tuple[str, ...]:
    """By ranges of numbers that do not overlap, such as <18, 18-64 and 65+; at least one is no
    single number."""
    ranges = [_ends(_NUMBERED.sub("", text.casefold().strip())) for text in texts]
    known = [ends for ends in ranges if ends is not None]
    if len(known) < len(texts) or all(low == high for low, high in known):
        return ()
    pairs = sorted(zip(known, texts, strict=True))
    for ((_, high), _), ((low, _), _) in pairwise(pairs):
        if high > low:
            return ()
    return tuple(text for _, text in pairs) if len(set(known)) == len(known) else ()


def _ends(text: str) -> tuple[float, float] | None:
    """The ends of a range, a bound or a single number; None for any other text."""
    if found := _RANGE.fullmatch(text):
        low, high = _value(found[1], found[2] or found[4]), _value(found[3], found[4])
        return (low, high) if low < high else None
    if found := _BELOW.fullmatch(text):
        return -math.inf, _value(found[1], found[2])
    if found := _ABOVE.fullmatch(text):
        return _value(found[1] or found[3], found[2] or found[4] or ""), math.inf
    if found := _ALONE.fullmatch(text):
        value = _value(found[1], found[2])
        return value, value
    return None


def _value(number: str, factor: str) -> float:
    """A number; a comma before three digits separates thousands, another one is a decimal mark."""
    plain = re.sub(r",(?=\d{3}(?:\D|$))", "", number).replace(",", ".")
    try:
        return float(plain) * {"k": 1e3, "m": 1e6}.get(factor, 1.0)
    except ValueError:
        return math.nan
