"""Kinds: the kind of a column after reading, with the facts for its schema entry.

A number column of zeros and ones is a flag, two opposite words are a flag, other texts are a
category.  plans.py decides how the column is read; roles.py decides how it is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.errors import Notice, counted, error, notice, words
from vetro.tables import date_notices, date_plans, dates, dress, lookups, numbers
from vetro.tables.cells import LONGEST_LEVEL, MOST_LEVELS, Codes, Values
from vetro.tables.instants import SECONDS, date_text, is_duration
from vetro.tables.labels import LONG_TEXTS
from vetro.tables.level_blocks import MISSING
from vetro.tables.number_notices import respelled_notices, unit_of
from vetro.tables.opened import Opened
from vetro.tables.options import ReadOptions
from vetro.tables.plan import Plan
from vetro.tables.reviews import bad_values
from vetro.tables.schema import Column, Reading
from vetro.tables.spans import interval_ends
from vetro.tables.typed_plans import is_whole_type
from vetro.twins import plain

FALSE_WORDS = frozenset(("false", "no", "n", "f", "off", "falso", "0", "0.0"))
TRUE_WORDS = frozenset(("true", "yes", "y", "t", "on", "vero", "si", "sì", "1", "1.0"))
_PAIRS = (
    *(("false", "true"), ("no", "yes"), ("n", "y"), ("f", "t"), ("off", "on"), ("0", "1")),
    *(("falso", "vero"), ("no", "si"), ("no", "sì")),
)
_COUNTED = 10_000


def finish_values(
    opened: Opened, plan: Plan, column: Values, options: ReadOptions
) -> tuple[Column, NDArray[np.float64], list[Notice]]:
    """A number or date column's schema entry and values; E112, E113 or E129 for a bad one."""
    notices: list[Notice] = []
    missing = patch(opened, plan, column, notices, forced=plan.name in options.number)
    array = column.array
    absent = int(np.isnan(array).sum())
    present = len(array) - absent
    low = float(np.nanmin(array)) if present else None
    high = float(np.nanmax(array)) if present else None
    if plan.way == "number" and low is not None and high is not None:
        largest = max(-low, high)
        if np.isinf(largest):
            row = int(np.argmax(np.isinf(array)))
            text = lookups.text_at(opened, plan.index, row)
            raise error("E112", column=plan.name, place=opened.place_of(row), value=text)
        if largest > numbers.LARGEST_EXACT and (plan.is_text or is_whole_type(plan.type)):
            notices.extend(_digits_lost(opened, plan))
    distinct, exact = distinct_numbers(array, low, high)
    lasting = is_duration(plan.date_format)
    dated = plan.way == "date" and not lasting
    words = ("false", "true") if plan.type == "BOOLEAN" else ("", "")
    if _may_be_flag(plan, column, options) and (low, high, distinct) == (0.0, 1.0, 2):
        words = "0", "1"
    reading = Reading(
        decimal=plan.decimal,
        thousands=plan.thousands,
        date_format=plan.date_format,
        missing=tuple(dict.fromkeys(("", *options.missing, *missing))),
        flag_words=words,
        zoned=plan.zoned,
        unit=plan.dress.unit if plan.dress is not None else "",
    )
    unit = SECONDS if lasting else reading.unit or opened.units.get(plan.name)
    notices.extend(date_notices.of_values(opened, plan, array, low, high, options))
    example = ""
    if present:
        first = float(array[int(np.argmin(np.isnan(array)))])
        example = numbers.number_text(first)
        if dated:
            example = date_text(first, plan.date_format)
        elif plan.type == "BOOLEAN":
            example = "" if np.isnan(array[0]) else words[int(array[0])]
    entry = Column(
        name=plan.name,
        kind="flag" if any(words) else "date" if dated else "number",
        unit=unit or unit_of(plan.name),
        reading=reading,
        missing=absent,
        minimum=low,
        maximum=high,
        distinct=distinct,
        distinct_exact=exact,
        example=example,
    )
    return entry, array, notices


def patch(
    opened: Opened,
    plan: Plan,
    column: Values,
    notices: list[Notice],
    known: Column | None = None,
    *,
    forced: bool = False,
) -> list[str]:
    """Put the values of the exceptions in their rows; returns the texts that were read as missing.

    E112, E113, E129, E135 or E136 if a text is neither a value nor a text for missing.
    """
    if plan.way == "date" and plan.is_text:
        date_plans.check_zones(opened, plan, column, known)
    missing: dict[str, int] = {}
    bad: dict[str, list[int]] = {}
    for text, rows in column.exceptions.items():
        value = _value(plan, text)
        if value is None and numbers.means_missing(text):
            if text.strip():
                missing[text] = len(rows)
            value = float("nan")
        elif plan.way == "number" and (
            numbers.is_infinity(text) or (value is not None and np.isinf(value))
        ):
            place = opened.place_of(rows[0])
            raise error("E112", column=plan.name, place=place, value=text)
        if value is None:
            bad[text] = rows
            continue
        column.array[rows] = value
    if bad:
        raise bad_values(opened, plan, column, bad, known, forced=forced)
    for text, count in missing.items():
        notices.append(notice("I132", column=plan.name, value=text, rows=counted(count, "row")))
    if plan.way == "number":
        notices.extend(respelled_notices(opened, plan, column))
    return list(missing)


def finish_codes(
    opened: Opened, plan: Plan, column: Codes, options: ReadOptions
) -> tuple[Column, NDArray[Any], list[Notice]]:
    """A text column's schema entry and values: a category, or a flag."""
    entry = Column(
        name=plan.name,
        kind="category",
        unit=opened.units.get(plan.name) or unit_of(plan.name),
        reading=Reading(missing=tuple(dict.fromkeys(("", *options.missing)))),
    )
    longest = max(map(len, column.levels), default=0)
    if column.overflowed or longest > LONGEST_LEVEL:
        if column.overflowed:
            distinct = lookups.distinct_texts(opened, plan.index)
            why, example = f"more than {MOST_LEVELS} different texts", next(iter(column.levels))
        else:
            distinct, why = len(column.levels), f"{LONG_TEXTS}{longest:,} characters"
            example = next(text for text in column.levels if text.strip())[:LONGEST_LEVEL]
        reason = f"{why}; they were not kept"
        nothing = np.broadcast_to(np.int32(MISSING), (column.rows,))
        return replace(entry, distinct=distinct, example=example, reason=reason), nothing, []
    missing = {plain(text) for text in options.missing}
    forms = {text: plain(text) for text in column.levels}
    texts = list(dict.fromkeys("" if form in missing else form for form in forms.values()))
    levels = sorted((text for text in texts if text), key=level_order(texts))
    order = {text: code for code, text in enumerate(levels)}
    lookup = np.array([order.get(form, -1) for form in forms.values()] + [-1], dtype=np.int32)
    codes: NDArray[np.int32] = lookup[column.array]
    absent = int((codes < 0).sum())
    entry = replace(
        entry,
        levels=tuple(levels),
        missing=absent,
        distinct=len(levels),
        example=next((text for text in texts if text.strip()), ""),
    )
    words = flag_words(levels) if plan.name not in options.category else None
    if words is not None or plan.name in options.flag:
        return _flag(opened, plan, entry, codes, words, list(forms))
    notices = [*twin_notices(plan.name, column, forms), *_missing_notices(plan, column, options)]
    return entry, codes, notices


def twin_notices(name: str, column: Codes, forms: Mapping[str, str]) -> list[Notice]:
    """I171 for levels that are written in several ways, I172 for those that differ in case only."""
    groups: dict[str, list[str]] = {}
    folded: dict[str, list[str]] = {}
    for text, form in forms.items():
        groups.setdefault(form, []).append(text)
    twins = [texts for form, texts in groups.items() if form and len(texts) > 1]
    for form in groups:
        folded.setdefault(form.casefold(), []).append(form)
    alike = [texts for form, texts in folded.items() if form and len(texts) > 1]
    found = []
    if twins:
        counts = column.counts()
        first, second = twins[0][:2]
        rows = sum(int(counts[column.levels[text]]) for texts in twins for text in texts[1:])
        numbers_of = {"levels": counted(len(twins), "level"), "rows": counted(rows, "row")}
        found.append(notice("I171", column=name, first=first, second=second, **numbers_of))
    if alike:
        first, second = alike[0][:2]
        found.append(notice("I172", column=name, first=first, second=second))
    return found


def level_order(texts: list[str]) -> Any:
    """The sort key of levels: by number if all are numbers, intervals by their ends, else by
    code point."""
    present = [text for text in texts if text.strip()]
    if present and all(interval_ends(text) is not None for text in present):
        return lambda text: (interval_ends(text), text)
    values = [numbers.value_of(text, ".", "") for text in present]
    if any(value is None for value in values):
        return lambda text: text
    return lambda text: (numbers.value_of(text, ".", ""), text)


def flag_words(levels: list[str]) -> tuple[str, str] | None:
    """(false word, true word) if the levels are one pair of opposites, in any letter case."""
    folded = {plain(text).casefold(): text for text in reversed(levels)}
    if len(folded) != 2:
        return None
    for false, true in _PAIRS:
        if folded.keys() == {false, true}:
            return folded[false], folded[true]
    return None


def flag_value(text: str, words: tuple[str, str]) -> float | None:
    """0 or 1 for a flag's text, by the column's words or else by the common ones."""
    folded = plain(text).casefold()
    for value, word in enumerate(words):
        if folded == plain(word).casefold():
            return float(value)
    if folded in TRUE_WORDS:
        return 1.0
    return 0.0 if folded in FALSE_WORDS else None


def distinct_numbers(
    array: NDArray[np.float64], low: float | None, high: float | None
) -> tuple[int, bool]:
    """The number of different values, and whether it is exact; if not, it is a lower bound.

    It is exact for whole numbers, up to 10,000 rows, and if few of the first 10,000 rows differ.

    Sorting a million measured values takes longer than reading them, and their exact number is not
    needed.  For whole numbers it is needed, to recognise identifiers.
    """
    if low is None or high is None:
        return 0, True
    if low == high:
        return 1, True
    head = np.unique(array[:_COUNTED])
    head = head[~np.isnan(head)]
    whole = bool(np.all(head == np.floor(head)))
    if not whole and len(head) > _COUNTED // 10 and len(array) > _COUNTED:
        return len(head), False
    if whole and high - low < 4 * len(array):
        present = array[~np.isnan(array)]
        if np.all(present == np.floor(present)):
            seen = np.zeros(int(high - low) + 1, dtype=bool)
            seen[(present - low).astype(np.int64)] = True
            return int(seen.sum()), True
    found = np.unique(array)
    return len(found) - int(np.isnan(found[-1])), True


def _value(plan: Plan, text: str) -> float | None:
    if plan.way == "date":
        return dates.days_of(text, plan.date_format)
    return dress.dressed_value(text, plan.decimal, plan.thousands, plan.dress)


def _digits_lost(opened: Opened, plan: Plan) -> list[Notice]:
    """W119 if one of the large numbers is a whole number that a double cannot hold exactly."""
    for text in lookups.large_texts(opened, plan):
        value, worn = _value(plan, text), dress.undress(text)
        digits = worn.body if worn is not None else text
        if value is not None and numbers.loses_digits(digits, value):
            return [notice("W119", column=plan.name, value=text.strip())]
    return []


def _may_be_flag(plan: Plan, column: Values, options: ReadOptions) -> bool:
    """Whether the column is a flag if it holds exactly the numbers 0 and 1: they are whole."""
    if plan.way != "number" or plan.name in options.number:
        return False
    if not plan.is_text:
        return is_whole_type(plan.type)
    return plan.whole and all(numbers.means_missing(text) for text in column.exceptions)


def _flag(
    opened: Opened,
    plan: Plan,
    entry: Column,
    codes: NDArray[np.int32],
    flag_words: tuple[str, str] | None,
    texts: Sequence[str],
) -> tuple[Column, NDArray[np.float64], list[Notice]]:
    found = [flag_value(level, flag_words or ("", "")) for level in entry.levels]
    if None in found:
        other = entry.levels[found.index(None)]
        place = lookups.place_of(opened, plan, *(t for t in texts if plain(t) == other))
        fix = words("Use words such as yes and no, or leave out {-flag column}.", column=plan.name)
        source, what = f'column "{plan.name}", {place}', f'"{other}" is not a flag value'
        raise error("E125", source=source, what=what, fix=fix)
    if flag_words is None:
        pair = {value: level for level, value in zip(entry.levels, found, strict=True)}
        flag_words = pair.get(0.0, "false"), pair.get(1.0, "true")
    lookup = np.array([*found, np.nan], dtype=np.float64)
    values: NDArray[np.float64] = lookup[codes]
    present = values[~np.isnan(values)]
    flag = replace(
        entry,
        kind="flag",
        levels=(),
        reading=replace(entry.reading, flag_words=flag_words),
        minimum=float(present.min()) if len(present) else None,
        maximum=float(present.max()) if len(present) else None,
        distinct=len(set(found)),
    )
    return flag, values, []


def _missing_notices(plan: Plan, column: Codes, options: ReadOptions) -> list[Notice]:
    """W121 for each level that may mean a missing value."""
    if plan.name in options.category or not plan.is_text:
        return []
    counts = column.counts()
    return [
        notice("W121", column=plan.name, value=text, rows=counted(int(counts[code]), "row"))
        for text, code in column.levels.items()
        if numbers.word_for_missing(text)
    ]
