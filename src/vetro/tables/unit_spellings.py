"""Units: which texts next to a number are units, and which are parts of a name.

A unit belongs to an amount ("8 mm"), a label names a thing ("Grade 1", "3B").  If a column does not
show which of the two is meant, these rules decide:

1. Before a number, only a currency is a unit: "$8", "CHF 5".  Any other word there makes a label.
2. After a number a known unit is a unit, attached or not: "5%", "8mm", "36 months", "9.8 m/s²".
3. After a number and a blank, one unknown word in lower case is a unit: "3 bedrooms", "23 kmpl".
   Labels are written with a capital: "3 Series".
4. A single letter that is a unit and attached (and a capital even with a blank) needs a number in
   the column that no label has, such as a fraction: "1.5A" and "2A" are amperes, "3A" and "4A"
   may be rooms.  dress.py looks for such a number.
5. Ordinals, months, am and pm, and words of versions are never units: "1st", "3 May", "7 pm".

This module knows spellings only, and converts nothing: "10 k" is 10 with the unit "k".
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from vetro.tables.unit_lists import (
    AFTER_ONLY,
    ATTACHED_WEAK,
    KNOWN,
    KNOWN_WORDS,
    LABEL_LETTERS,
    MONEY_CODES,
    NEVER,
    NO_UNIT,
    RAISED,
    ROW_ONLY,
    SAME,
    SCALED,
    SCALES,
    SIGNS_OF_MONEY,
)

Strength = Literal["sure", "word", "weak", "none"]
"""sure: a known unit.  word: one unknown word in lower case, after a blank.  weak: a unit or a
label.  none: a unit only if the user declares the column to be numbers."""


@dataclass(frozen=True)
class Unit:
    """key: the same for all spellings of a unit; text: as it is written; see Strength."""

    key: str
    text: str
    strength: Strength


NONE = Unit("", "", "sure")

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_FACTOR = re.compile(
    r"(?:(?P<many>1?0+|1|2) ?)?(?P<name>[^\W\d_]+|°[CF]?|[%‰ΩÅ$€£¥])(?P<power>(?:\^|\*\*)?-?[1-9])?"
)
_JOIN = re.compile(r" ?[/·⋅*.×] ?| per |-| ")
_WORD = re.compile(r"[^\W\d_]{2,}")
_PART_OF_PERCENT = re.compile(r"%[ ]?\(?[A-Za-z/. ]{1,12}\)?|[A-Za-z]{1,6}[.]?[- ]?%")
MOST_CHARACTERS = 40
_BRACKETED = re.compile(r"\[[^\[\]]*\]|\([^()]*\)|\{[^{}]*\}|<[^<>]*>")
_DATE_FORM = re.compile(r"[%ymdhsT:/., -]*(?:yy|dd|hh|%[YmdHMS])[%ymdhsT:/., -]*", re.IGNORECASE)
_NUMBER = re.compile(r"[-+−]?[0-9][0-9.,' ]*")
_POWER_OF_TEN = re.compile(r"10\^?[0-9]+[ ·*]?|1(?=/)")
_MEASURED = frozenset((*SAME, *SAME.values(), "%"))
"""Words for units that have a symbol, or that measure time."""


@lru_cache(maxsize=4096)
def money_before(text: str) -> Unit | None:
    """The currency of a text before a number: "$", "CHF"; None if it is not a currency."""
    bare = text.strip()
    if bare in SIGNS_OF_MONEY and bare not in ("lei", "¢"):
        return Unit(SIGNS_OF_MONEY[bare], bare, "sure")
    if bare in MONEY_CODES and bare not in AFTER_ONLY:
        return Unit(_same(bare), bare, "sure")
    return None


@lru_cache(maxsize=4096)
def unit_after(text: str) -> Unit:
    """The unit of a text after a number, with its leading blanks, by the rules above."""
    attached = not text[:1].isspace()
    bare = " ".join(unicodedata.normalize("NFC", text).split())
    if len(bare) > 2 and bare[0] + bare[-1] in ("[]", "()"):
        bare, attached = bare[1:-1].strip(), False
    shown = bare
    if bare.endswith(".") and not bare.endswith("a.") and len(bare) > 2:
        bare = bare[:-1]
    bare = bare.translate(_SUPERSCRIPTS).replace("μ", "µ").replace("\u2126", "Ω").replace("º", "°")
    bare = re.sub(r"° ([CF])\b", r"°\1", bare)
    if not bare or bare.casefold() in NEVER:
        return Unit(bare.casefold(), shown, "none")
    known = _known(bare)
    if known:
        weak = bare in (ATTACHED_WEAK if attached else ()) or bare in LABEL_LETTERS
        return Unit(known, shown, "weak" if weak else "sure")
    compound = _compound(bare)
    if compound and not (attached and re.fullmatch("/ ?[A-Za-z]", bare)):
        return Unit(compound, shown, "sure")
    if _PART_OF_PERCENT.fullmatch(bare):
        return Unit(bare.replace(" ", "").casefold(), shown, "sure")
    if not attached and _WORD.fullmatch(bare) and bare.islower():
        return Unit(bare.removesuffix("s"), shown, "word")
    return Unit(bare.casefold(), shown, "none")


def same_unit(first: str, second: str) -> bool:
    """Whether two texts name one unit: "mm" and "MM", "€" and "EUR", "$" and "USD"."""
    one, other = key_of(first), key_of(second)
    dollars = {"$", "USD", "AUD", "CAD", "NZD", "HKD", "SGD", "dollar"}
    return one == other or ("$" in (one, other) and {one, other} <= dollars)


def key_of(text: str) -> str:
    """The key of a unit's text, before or after a number; "" for none."""
    if not text:
        return ""
    found = re.fullmatch(r"([^ /]+)(?: |(?=/))(.+)", text)
    both = money_and(found[1], found[2]) if found else None
    unit = both or money_before(text) or unit_after(" " + text)
    return unit.key


def money_and(before: str, after: str) -> Unit | None:
    """The unit of "$5 million", "€5/kg" and "$5 USD": money before the number, text after it."""
    money = money_before(before)
    rest = " ".join(after.split())
    if money is None:
        return None
    if rest in SCALES:
        return Unit(f"{money.key} {rest}", f"{money.text} {rest}", "sure")
    per = re.fullmatch(r"(?:/ ?|per )([^\W\d_][\w. ²³]{0,20})", rest)
    if per is not None:
        return Unit(f"{money.key}/{key_of(per[1])}", f"{money.text}/{per[1]}", "sure")
    code = rest in MONEY_CODES or rest in SIGNS_OF_MONEY
    return Unit(key_of(rest), rest, "sure") if code and same_unit(money.text, rest) else None


def is_known(text: str) -> bool:
    """Whether a text, for example of a header, is certainly a unit."""
    return bool(text) and (
        money_before(text) is not None or unit_after(" " + text).strength == "sure"
    )


def unit_in(text: str) -> str | None:
    """The unit in a cell of a row of units, without brackets; None if the cell is not a unit.

    "" if the cell shows that there is no unit: "-", a kind such as "text", the form of a date.
    Words that count things, such as "pages", may be part of a header.
    """
    text = text.strip()
    if text.casefold() in NO_UNIT or _DATE_FORM.fullmatch(text):
        return ""
    if _BRACKETED.fullmatch(text):
        inside = text[1:-1].strip()
        return None if _NUMBER.fullmatch(inside) else inside
    bare = _POWER_OF_TEN.sub("", text) if text[:1] == "1" else text
    if not bare or text in ROW_ONLY or money_before(bare):
        return text
    word = KNOWN_WORDS.get(bare.casefold().replace("-", " "), "")
    counts = word and bare not in KNOWN and word not in _MEASURED
    if counts or bare in ("k", "x") or unit_after(" " + bare).strength in ("none", "word"):
        return None
    return text


def _same(key: str) -> str:
    return SAME.get(key, key)


_SPELLINGS = {
    **{code: _same(code) for code in MONEY_CODES},
    **SIGNS_OF_MONEY,
    **{text: _same(key) for text, key in KNOWN.items()},
}


def _known(text: str) -> str:
    """The key of a unit in the lists; "" if it is in none."""
    if text in _SPELLINGS:
        return _SPELLINGS[text]
    if SCALED.fullmatch(text) and not (len(text) == 2 and text.isupper()):
        return text
    folded = text.casefold().replace("-", " ")
    if folded in KNOWN_WORDS:
        return _same(KNOWN_WORDS[folded])
    found = re.fullmatch(r"(sq|cu)\.? ?(\w+)\.?", folded)
    if found and (factor := _known(found[2])):
        return f"{factor}{'2' if found[1] == 'sq' else '3'}"
    return ""


def _compound(text: str) -> str:
    """The key of units that are multiplied, divided or raised: "m/s²", "kWh/m²", "/min"."""
    rest = re.sub(r"/ ?\(([^()]+)\)$", r"/\1", text)
    key, known, factors, whole = "", 0, 0, True
    if rest.startswith("/"):
        key, rest = "/", rest[1:].lstrip()
    while True:
        found = _FACTOR.match(rest)
        if found is None or (found["many"] and not key.endswith("/")):
            return ""
        name = _known(found["name"])
        factors += 1
        known += bool(name) and found["name"] not in LABEL_LETTERS
        power = (found["power"] or "").lstrip("^*")
        if power and not name:
            return ""
        whole = whole and bool(name)
        key += f"{found['many'] or ''}{name or found['name'].casefold()}{power}"
        rest = rest[found.end() :]
        if not rest:
            break
        joint = _JOIN.match(rest)
        if joint is None and not power:
            return ""
        mark = joint[0].strip() if joint else ""
        key += "/" if mark in ("/", "per") else "·"
        rest = rest[joint.end() if joint else 0 :]
    if "/" in key:
        return key if known and len(text) <= MOST_CHARACTERS else ""
    if factors == 1:
        return key if whole and re.sub("[-0-9]+$", "", key) in RAISED else ""
    return key if whole and known else ""
