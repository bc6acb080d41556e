"""Numbers in text: decimal marks, thousands separators, and texts that may mean two numbers.

The rule: a text that may mean two numbers is refused unless its column, or else the file, decides.
This module does not handle dates or categories, and reads no files.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from functools import lru_cache

from vetro.tables.connection import literal, matching
from vetro.tables.respelled import respelled

MISSING_WORDS = frozenset(
    ("na", "n/a", "n.a.", "#n/a", "<na>", "nan", "null", "none", "nil", "missing", "nd", "n.d.")
)
MISSING_SIGNS = frozenset(("-", "--", "---", "—", "–", "?", ".", "..", "…"))
_INFINITY = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)
LEADING_ZEROS = re.compile(r"[+-]?0[0-9]+")
WHOLE = re.compile(r"[+-]?[0-9]+")
SMALLEST_EXACT = 2.2250738585072014e-308
"""Below this, doubles have fewer digits, and then none."""
LARGEST_EXACT = 2**53 - 1
"""Up to here every whole number is a different double; 2^53 + 1 becomes 2^53."""

_SPACES = " \u00a0\u2007\u2009\u202f"
_APOSTROPHES = "'\u2019"
_GROUPS = "[1-9][0-9]{0,2}"
_LAKHS = "[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}"
"""Groups of two digits above the thousands, as in India: 1,11,101."""
_EXPONENT = "(?:[eE][+-]?[0-9]+)?"
# The alternatives are tried in order; the name of the matching one is the case of the text.
_FORM = re.compile(
    rf"""[+-]?(?:
      (?P<plain>[0-9]+{_EXPONENT})
    | (?P<either_dot>{_GROUPS}\.[0-9]{{3}})
    | (?P<either_comma>{_GROUPS},[0-9]{{3}})
    | (?P<decimal_dot>(?:[0-9]+\.[0-9]*|\.[0-9]+){_EXPONENT})
    | (?P<decimal_comma>(?:[0-9]+,[0-9]+|,[0-9]+){_EXPONENT})
    | (?P<grouped_comma>{_GROUPS}(?:,[0-9]{{3}}){{2,}}|{_GROUPS}(?:,[0-9]{{3}})+\.[0-9]*
        |{_LAKHS}(?:\.[0-9]*)?)
    | (?P<grouped_dot>{_GROUPS}(?:\.[0-9]{{3}}){{2,}}|{_GROUPS}(?:\.[0-9]{{3}})+,[0-9]*)
    | (?P<spaced>{_GROUPS}(?:(?P<mark>[{_SPACES}{_APOSTROPHES}])[0-9]{{3}})
        (?:(?P=mark)[0-9]{{3}})*(?P<fraction>[.,][0-9]*)?)
    )""",
    re.VERBOSE,
)
_SHOWN_BY = {
    "either_dot": (("either", "."),),
    "either_comma": (("either", ","),),
    "decimal_dot": (("decimal", "."),),
    "decimal_comma": (("decimal", ","),),
    "grouped_comma": (("thousands", ","), ("decimal", ".")),
    "grouped_dot": (("thousands", "."), ("decimal", ",")),
}
"""The marks that a text of each case shows; see Marks."""


@dataclass
class Marks:
    """The evidence of a column's texts about its marks: the first example of each case.

    decimal: mark -> a text in which it can only be the decimal mark.  either: mark -> a
    text in which it may be the decimal mark or a thousands separator.  thousands: mark
    -> a text in which it can only separate thousands.
    """

    decimal: dict[str, str] = field(default_factory=dict)
    either: dict[str, str] = field(default_factory=dict)
    thousands: dict[str, str] = field(default_factory=dict)

    def add(self, text: str, body: str = "") -> bool:
        """Add a text; False if it is not a number in any reading.

        body: the number in the text, if the text also holds a unit or the like (dress.py).
        """
        found = _FORM.fullmatch(tidy(body or text))
        if found is None:
            return False
        for role, mark in _SHOWN_BY.get(found.lastgroup or "", ()):
            getattr(self, role).setdefault(mark, text)
        if found["spaced"] is not None:
            self.thousands.setdefault(found["mark"], text)
            if found["fraction"]:
                self.decimal.setdefault(found["fraction"][0], text)
        return True

    def merge(self, other: Marks) -> None:
        """Add the marks of other texts that come after these."""
        for entry in fields(self):
            for mark, text in getattr(other, entry.name).items():
                getattr(self, entry.name).setdefault(mark, text)

    @property
    def decided(self) -> str:
        """The only decimal mark that the texts allow, or "" if they leave it open."""
        return next(iter(self.decimal)) if len(self.decimal) == 1 else ""

    @property
    def mixed(self) -> bool:
        """Whether the texts contradict each other."""
        return len(self.decimal) > 1 or (not self.decimal and len(self.either) > 1)

    @property
    def seen(self) -> bool:
        """Whether a text has a mark."""
        return bool(self.decimal or self.either or self.thousands)

    @property
    def open(self) -> bool:
        """Whether the texts mean different numbers with one mark and with the other."""
        return not self.decimal and len(self.either) == 1


def is_number(text: str) -> bool:
    """Whether a text is a number in some reading."""
    return _FORM.fullmatch(text) is not None


def tidy(text: str) -> str:
    """The text without surrounding blanks, and a number in it in the usual spelling."""
    return respelled(text.strip())


def is_code(text: str) -> bool:
    """Whether the digits begin with zeros that a number would lose: "007"."""
    return LEADING_ZEROS.fullmatch(tidy(text)) is not None


def means_missing(text: str) -> bool:
    """Whether this text usually means a missing number or date."""
    bare = text.strip()
    return not bare or bare.casefold() in MISSING_WORDS or bare in MISSING_SIGNS


def word_for_missing(text: str) -> bool:
    """Whether the text is a word for missing (not a sign such as "-")."""
    return text.strip().casefold() in MISSING_WORDS


def is_infinity(text: str) -> bool:
    """Whether the text is a word for infinity."""
    return _INFINITY.fullmatch(text.strip()) is not None


def marks_of(texts: Iterable[str]) -> tuple[Marks, list[str]]:
    """The marks in the texts, and the texts that are not numbers."""
    marks = Marks()
    return marks, [text for text in texts if not marks.add(text)]


def in_doubt(text: str, decimal: str) -> bool:
    """Whether a number given to a command or function may mean two numbers.

    A point is the decimal mark there.  But if `decimal`, the mark of the model's table, is a comma,
    "1.200" may mean 1.2 or 1200.  "1,200" may always mean both.
    """
    marks, _ = marks_of([text])
    return marks.open and ("," in text or decimal == ",")


def thousands_for(marks: Marks, decimal: str) -> str:
    """The thousands separators that the texts use once the decimal mark is known."""
    other = "," if decimal == "." else "."
    used = [mark for mark in marks.thousands if mark != decimal]
    if other in marks.either and other not in used:
        used.append(other)
    return "".join(used)


@lru_cache(maxsize=256)
def pattern(decimal: str, thousands: str) -> str:
    """A regular expression, of Python and of RE2, for numbers written with these marks."""
    point = re.escape(decimal)
    grouped = f"|{_GROUPS}(?:[{re.escape(thousands)}][0-9]{{3}})+" if thousands else ""
    grouped += f"|{_LAKHS}" if "," in thousands else ""
    return f"[+-]?(?:(?:[0-9]+{grouped})(?:{point}[0-9]*)?|{point}[0-9]+){_EXPONENT}"


def value_of(text: str, decimal: str, thousands: str) -> float | None:
    """The number that the text means with these marks; None if it is not a number.

    It may be infinite if the digits overflow a double.
    """
    bare = tidy(text)
    if re.fullmatch(pattern(decimal, thousands), bare) is None:
        return None
    for mark in thousands:
        bare = bare.replace(mark, "")
    return float(bare.replace(decimal, "."))


def loses_digits(text: str, value: float) -> bool:
    """Whether a whole number is too large to be held exactly."""
    bare = tidy(text)
    return (
        abs(value) > LARGEST_EXACT
        and WHOLE.fullmatch(bare) is not None
        and math.isfinite(value)
        and int(bare) != int(value)
    )


def number_text(value: float) -> str:
    """A number in the form of messages: 1234.56, 7, 7000."""
    if math.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return repr(value)


def sql(text: str, decimal: str, thousands: str) -> str:
    """A DuckDB expression: the text column as a double, NULL where it is not a number.

    It accepts more than value_of if the text holds "_" or "+-" or overflows; scan.py checks such
    texts again.
    """
    if decimal == "." and not thousands:
        return f"TRY_CAST({text} AS DOUBLE)"
    if not thousands:
        return (
            f"CASE WHEN contains({text}, '.') THEN NULL "
            f"ELSE TRY_CAST(replace({text}, ',', '.') AS DOUBLE) END"
        )
    digits = text
    for mark in thousands:
        digits = f"replace({digits}, {literal(mark)}, '')"
    if decimal == ",":
        digits = f"replace({digits}, ',', '.')"
    return matching(text, pattern(decimal, thousands), f"TRY_CAST({digits} AS DOUBLE)")


def file_decision(columns: Iterable[Marks]) -> str:
    """The decimal mark on which a file's columns agree; "" if they differ or none shows one."""
    told = {marks.decided for marks in columns if marks.decided}
    return told.pop() if len(told) == 1 else ""
