"""Whether a column of texts may be one of numbers or dates: which doubt it has, if any."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

from vetro.errors import Words, words
from vetro.tables import date_notices, dress, lookups, numbers
from vetro.tables.cells import Codes
from vetro.tables.doubts import Doubt
from vetro.tables.evidence import Case
from vetro.tables.majority import is_column_of
from vetro.tables.plan import Plan
from vetro.tables.unread_numbers import holds_number

SHARE = 0.25
"""A column in which a smaller share of the values are numbers holds labels."""
SEVERAL, MEASURED = 3, 2
"""So many different numbers are no label by chance; whole ones, and with a fraction or exponent."""
FEW = 3
"""Up to so many other texts may all mean that a value is missing."""
_LOOKED_AT = 1000


def doubt_of(case: Case, plan: Plan, column: Codes) -> Doubt | None:
    """Why a text column may not be one of labels: W142, W118, I145, W147 or W148."""
    options, offered = case.options, case.columns[plan.name].offered
    if not plan.is_text or plan.name in (*options.category, *options.flag):
        return None
    counts = column.counts()
    texts = {
        text: 1 if column.overflowed else int(counts[code])
        for text, code in column.levels.items()
        if not numbers.means_missing(text) and text not in options.missing
    }
    looked_at = dict(islice(texts.items(), _LOOKED_AT))
    dated = date_notices.of_texts(plan, list(texts), options)
    if dated is not None:
        return dated
    if texts and all(numbers.WHOLE.fullmatch(numbers.tidy(text)) for text in texts):
        codes = [text for text in texts if numbers.is_code(text)]
        return Doubt("W118", {"column": plan.name, "value": codes[0]}) if codes else None
    if offered is not None:
        return Doubt("I145", {"column": plan.name, "value": offered.example})
    return _of_numbers(case, plan, texts) if any(map(_is_numeric, looked_at)) else None


def _is_numeric(text: str) -> bool:
    return _is_number(text) or holds_number(text)


def _is_number(text: str) -> bool:
    """Whether a text is a number, with a unit or without one, and not a code."""
    if numbers.is_code(text):
        return False
    found = dress.undress(text)
    return numbers.is_number(numbers.tidy(text)) if found is None else (
        found.unit.strength in ("sure", "word")
    )  # fmt: skip


def _of_numbers(case: Case, plan: Plan, texts: Mapping[str, int]) -> Doubt | None:
    """W148 for numbers in spellings that are not read, W147 for numbers among other texts."""
    read = {text for text in texts if _is_number(text)}
    others = [text for text in texts if text not in read]
    unread = [text for text in others if holds_number(text)]
    rows = sum(texts.values())
    count = sum(texts[text] for text in read)
    held = count + sum(texts[text] for text in unread)
    if not others:
        return None
    if (len(read) >= SEVERAL or _measured(read) >= MEASURED) and count >= SHARE * rows:
        code, other = "W147", others[0]
        more = {"count": f"{count:,}", "of": f"{rows:,}", "share": count / rows}
        more["fix"] = _of_others(plan, others)
    elif len(unread) >= SEVERAL and is_column_of(held, rows - held):
        code, other, more = "W148", unread[0], {}
    else:
        return None
    place = lookups.place_of(case.opened, plan, other)
    return Doubt(code, {"column": plan.name, "place": place, "value": other, **more})


def _measured(texts: Iterable[str]) -> int:
    """How many texts are numbers without a unit and not whole, such as "1.5" and "1e5"."""
    bare = list(map(numbers.tidy, texts))
    return sum(numbers.is_number(text) and not numbers.WHOLE.fullmatch(text) for text in bare)


def _of_others(plan: Plan, others: list[str]) -> Words:
    if len(others) > FEW:
        text = "Correct the other {count} texts, or use {=category column} if all are labels."
        return words(text, column=plan.name, count=f"{len(others):,}")
    return words(
        "Use {=missing others} if no value is meant, or {=category column} if all are labels.",
        column=plan.name,
        others=tuple(others),
    )
