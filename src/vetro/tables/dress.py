"""Dressed numbers: "5%", "$8.00", "36 months", "(0.3)", "0.3-", "1 1/2".

The dress of a column is the text around the numbers in its cells: one unit, in any of its spellings
and on either side, and the usual forms of signs and fractions.  unit_spellings.py decides whether a
text is a unit or a part of a name.  numbers.py decides which digits are a number, so that
"1,200 kg" is as ambiguous as "1,200".  The rules of a column:

- All cells share one unit, or none: "5%" and "5", "8 mm" and "3 in" are refused (E143), because
  the meaning of the 5 without a unit is unknown.  Units that may be labels never refuse a table:
  "3A" and "3B" stay texts.
- The value is the number as it is written.  "5%" is 5 with the unit "%", not 0.05.
- "(0.3)" and "0.3-" are -0.3, as accountants write it; "(1)", "(2)", "(3)" alone number things.
- "1 1/2" is 1.5 and makes "3/4" in the same column a fraction; "1/2" alone may be a date or a
  score, and stays a text.  "12.-" is a price of 12.
- "10+", "<5", "~5" and "5 ± 1" say less than a number; "10-20" says more.  They stay texts.

Under a model, the same rules read the column.  A unit other than the model's is refused (E416),
because Vetro never converts units.  If the model has a unit and the numbers have none, they are
read in the model's unit with a warning (W417), because typed columns and single rows cannot carry a
unit.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from vetro.tables import numbers
from vetro.tables import unit_spellings as units
from vetro.tables.numbers import Marks
from vetro.tables.unit_spellings import NONE, Unit

_BLANKS = " \u00a0\u2007\u2009\u202f"
_VULGAR = re.compile(rf"[{_BLANKS}]*([½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞])")
_NUMBER = rf"(?:[0-9](?:[0-9'’{_BLANKS}]|[.,](?![-—–]))*|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?"
_FRACTION = rf"(?:[0-9]{{1,9}}[{_BLANKS}]+)?[0-9]{{1,2}}[/\u2044][0-9]{{1,2}}(?![0-9.,/])"
_MONEY = r"[^\W\d_]{0,3}(?:[$£¥￥¢฿\u20a0-\u20bf]|[^\W\d_]\.?)"
_CELL = re.compile(
    rf"""(?P<sign>[+-]?)\s*(?P<before>{_MONEY}\s*)?(?P<inner>[+-]?)(?P<open>\(?)
    (?P<body>{_FRACTION}|{_NUMBER})(?P<price>[.,](?:--?|—|–))?(?P<close>\)?)(?P<after>.*)""",
    re.VERBOSE | re.DOTALL,
)
_FRACTIONS_OF = frozenset((2, 3, 4, 5, 6, 8, 10, 12, 16, 32, 64))
_HALVES = frozenset((2, 4, 8, 16, 32, 64))
"""The usual denominators of fractions.  With a unit such as the inch, only repeated halves (1/2,
1/4, ...) count: "3/5 stars" is not a fraction, and neither is "120/80 mmHg"."""
LONGEST_CELL = 80
_LOOKED_AT = 200
_LARGEST_LABEL = 50


@dataclass(frozen=True)
class Dressed:
    """A cell taken apart: the number's text, its unit, and how it is written.

    before, after: the texts around the digits, including blanks.  marked: whether the cell has
    brackets, a minus at the end or a fraction.  fraction: (whole, upper, lower) of "1 1/2".
    measured: whether it cannot be a label: it has a sign, a decimal or thousands mark, an
    exponent or a fraction, or is larger than usual labels.
    """

    body: str
    unit: Unit
    before: str
    after: str
    negative: bool = False
    marked: bool = False
    fraction: tuple[int, int, int] | None = None
    measured: bool = False

    @property
    def mixed(self) -> bool:
        """Whether it is a whole number and a fraction."""
        return self.fraction is not None and self.fraction[0] > 0


@dataclass(frozen=True)
class Dress:
    """The dress of a column's cells.  key, unit: key and text of the unit (see Unit), "" for none.

    before, after: the most frequent texts around the digits, including blanks; only for speed.
    fractions: whether "3/4" is a number here: always, only with halves of halves, or never.
    example: a cell.
    """

    key: str = ""
    unit: str = ""
    before: str = ""
    after: str = ""
    fractions: Literal["none", "halves", "all"] = "none"
    example: str = ""

    def reads(self, found: Dressed) -> bool:
        """Whether a cell is a number in this dress."""
        if found.unit.key != self.key:
            return False
        if found.fraction is None or self.fractions == "all":
            return True
        return self.fractions == "halves" and found.fraction[2] in _HALVES


NAKED = Dress()


@dataclass(frozen=True)
class Found:
    """The result for a column's texts: one dress, or two texts with different units, or one dress
    that may be labels.  good, bad: the numbers of rows that fit the dress and that do not."""

    dress: Dress | None = None
    mixed: tuple[str, str] | None = None
    offered: Dress | None = None
    good: int = 0
    bad: int = 0


@lru_cache(maxsize=65_536)
def undress(text: str) -> Dressed | None:
    """The parts of a cell that holds one number and at most one unit; None if it does not.

    A number without a unit is such a cell too: its unit is units.NONE.
    """
    bare = numbers.tidy(text)
    if len(bare) > LONGEST_CELL or not any(map(str.isnumeric, bare)):
        return None
    if not bare.isascii():
        bare = _VULGAR.sub(
            lambda found: " " + unicodedata.normalize("NFKC", found[1]), bare
        ).strip()
    brackets = bare.startswith("(") and bare.endswith(")") and bare.count("(") == 1
    bare = bare[1:-1].strip() if brackets else bare
    behind = bare.endswith("-") and bare[-2:-1] not in ("", ".", ",", "-")
    bare = bare[:-1].rstrip() if behind else bare
    found = _CELL.fullmatch(bare)
    if found is None or bool(found["open"]) != bool(found["close"]):
        return None
    body = found["body"].rstrip(_BLANKS + "'’")  # an apostrophe may be the unit: 5 feet
    before, after = found["before"] or "", found["body"][len(body) :] + found["after"]
    signs = (found["sign"], found["inner"], brackets or bool(found["open"]), behind)
    if sum(map(bool, signs)) > 1 or (found["price"] and any(signs)):
        return None
    if found["inner"] and before.isalpha():
        return None  # "EUR-5" may be a name
    fraction = _fraction(body) if set(body) & {"/", "\u2044"} else None
    if fraction is None and not numbers.is_number(body):
        return None
    unit = _unit(before, after)
    if unit is None:
        return None
    signed = bool(found["sign"] or found["inner"] or found["price"])
    large = body.isdigit() and not 0 < int(body) <= _LARGEST_LABEL
    return Dressed(
        body=body,
        unit=unit,
        before=before,
        after=after,
        negative=any(sign and sign != "+" for sign in signs),
        marked=bool(signs[2] or behind or fraction or found["price"]),
        fraction=fraction,
        measured=(
            signed
            or (fraction[0] > 0 if fraction else not body.isdigit())
            or (large and (after[:1].isspace() or unit.text == "°"))
        ),
    )


def _plain_fraction(found: re.Match[str]) -> str:
    return " " + unicodedata.normalize("NFKC", found[1])


def _fraction(body: str) -> tuple[int, int, int] | None:
    """(1, 1, 2) of "1 1/2"; None if it is not a usual fraction."""
    *whole, part = body.replace("\u2044", "/").split()
    upper, lower = map(int, part.split("/"))
    if lower not in _FRACTIONS_OF or not 0 < upper < lower:
        return None
    return int(whole[0]) if whole else 0, upper, lower


# "1-10", "1 ± 0.1", "1 x 2" and "1 ft 3 in" hold two numbers; "W m-2" holds one.
_SECOND_NUMBER = re.compile(r"(?<![A-Za-zµΩ°])[-\u2013\u2014±~×*+x]\s*\d|\s\d")


def _unit(before: str, after: str) -> Unit | None:
    """The unit of the texts before and after a number; None if they are not a unit."""
    if ":" in after:
        return None  # a clock, a duration or a ratio, whatever option the user gave
    if not before.strip():
        found = units.unit_after(after) if after.strip() else NONE
        return None if found.strength == "none" and _SECOND_NUMBER.search(after) else found
    if after.strip():
        return units.money_and(before, after)
    return units.money_before(before)


def dressed_value(text: str, decimal: str, thousands: str, dress: Dress | None) -> float | None:
    """The number of a cell in a column of this dress; None if the cell does not fit."""
    dress = dress or NAKED
    found = undress(text)
    if found is None and not dress.key:
        return numbers.value_of(
            text, decimal, thousands
        )  # numbers without a unit may be of any length
    if found is None or not dress.reads(found):
        return None
    if found.fraction is None:
        value = numbers.value_of(found.body, decimal, thousands)
    else:
        whole, upper, lower = found.fraction
        value = (whole * lower + upper) / lower
    return -value if value is not None and found.negative else value


def dressed_marks(texts: Iterable[str], dress: Dress | None) -> tuple[Marks, list[str]]:
    """The marks in the texts of a column of this dress, and the texts that do not fit it."""
    dress = dress or NAKED
    marks, others = Marks(), []
    for text in texts:
        if not dress.key and marks.add(text):
            continue
        found = undress(text)
        if found is None or not dress.reads(found):
            others.append(text)
        elif found.fraction is None:
            marks.add(text, found.body)
    return marks, others


@dataclass
class _Group:
    """The cells of one unit: rows, the first text, and how they are written.

    around: the texts before and after the digits, and the unit's spelling, with numbers of rows.
    """

    unit: Unit
    first: str
    rows: int = 0
    marked: int = 0
    simple: int = 0
    mixed: bool = False
    halves: bool = True
    measured: bool = False
    around: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    marked_text: str = ""

    def add(self, text: str, found: Dressed, rows: int) -> None:
        """Add a cell that occurs in this many rows."""
        self.rows += rows
        self.measured = self.measured or found.measured
        if found.fraction is not None:
            self.mixed = self.mixed or found.mixed
            self.simple += 0 if found.mixed else rows
            self.halves = self.halves and found.fraction[2] in _HALVES
        if found.marked:
            self.marked += rows
            self.marked_text = self.marked_text or text
        self.around[found.before, found.after, found.unit.text] += 0 if found.marked else rows

    @property
    def is_sure(self) -> bool:
        """Whether its cells are numbers and not labels."""
        if self.unit.key:
            return self.unit.strength in ("sure", "word") or (
                self.unit.strength == "weak" and self.measured
            )
        return self.measured or self.rows > self.marked

    def dress(self, fractions: Literal["none", "halves", "all"]) -> Dress:
        """The column's dress."""
        before, after, unit = max(
            self.around,
            key=lambda item: (self.around[item], len(item[2]) if item[2].isalpha() else 0),
        )
        example = self.first if self.unit.key else self.marked_text
        return Dress(self.unit.key, unit, before, after, fractions, example)


def dress_of(texts: Mapping[str, int], *, forced: bool = False) -> Found:
    """The dress of a column's texts, given with their numbers of rows.

    forced: whether the user or a model declares them to be numbers; then possible labels are units.
    """
    groups: dict[str, _Group] = {}
    bad = 0
    for text, rows in texts.items():
        found = undress(text)
        if found is None or (found.unit.strength == "none" and not forced):
            bad += 0 if numbers.is_infinity(text) else rows
            continue
        group = groups.get(found.unit.key)
        if group is None:
            group = groups[found.unit.key] = _Group(found.unit, text)
        group.add(text, found, rows)
    if not any(key or group.marked for key, group in groups.items()):
        return Found()
    main = max(groups.values(), key=lambda group: group.rows)
    others = [group for group in groups.values() if group is not main]
    for group in others:
        if _contradict(main.unit, group.unit):
            return Found(mixed=(main.first, group.first), good=main.rows + group.rows, bad=bad)
    if main.unit.strength == "word" and any(group.unit.key for group in others):
        return Found()  # "3 cats" and "5 dogs"
    bad += sum(group.rows for group in others)
    good = main.rows
    if forced or main.mixed:
        dress = main.dress("all")
    elif main.unit.key and main.halves:
        dress = main.dress("halves")
    elif main.simple == main.rows:
        return Found(offered=main.dress("all"), good=good, bad=bad)
    else:
        dress = main.dress("none")
        good, bad = good - main.simple, bad + main.simple
        if not main.unit.key and main.marked == main.simple:
            return Found()
    if not main.unit.key and not main.marked:
        return Found()
    if forced or main.is_sure:
        return Found(dress=dress, good=good, bad=bad)
    return Found(offered=dress, good=good, bad=bad)


def _contradict(first: Unit, second: Unit) -> bool:
    """Whether cells of both units are numbers, in different units.

    An unknown word counts as a unit only within its own column, compared with numbers without one.
    """
    strengths = {first.strength, second.strength}
    if strengths == {"sure"}:
        return first.key != second.key
    return strengths == {"sure", "word"} and second is NONE


def contradiction(dress: Dress | None, texts: Iterable[str]) -> str | None:
    """The first text that is a number in a unit other than the column's."""
    own = undress(dress.example) if dress is not None and dress.key else None
    unit = own.unit if own is not None else NONE
    for text in texts:
        found = undress(text)
        if found is not None and _contradict(unit, found.unit):
            return text
    return None


def looks_dressed(texts: Iterable[str]) -> bool:
    """Whether any of the first texts is dressed, so that all texts must be examined."""
    seen = [undress(text) for _, text in zip(range(_LOOKED_AT), texts, strict=False)]
    return 2 * sum(item is not None for item in seen) >= len(seen) > 0


def marked_text(texts: Iterable[str]) -> str:
    """The first text without a unit that is not a bare number: "(0.3)", "0.3-", "1 1/2"."""
    seen = ((text, undress(text)) for text in texts)
    return next((text for text, item in seen if item and item.marked and not item.unit.key), "")


def has_mixed(texts: Iterable[str]) -> bool:
    """Whether one of the texts is a whole number and a fraction, "1 1/2"."""
    return any(item is not None and item.mixed for item in map(undress, texts))
