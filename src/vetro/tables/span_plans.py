"""Plans of durations: when texts are durations, and in which form two numbers of them are read.

75:30 may be hours and minutes or minutes and seconds.  A column of such texts is refused (E120)
unless one of its texts, or the user's format, decides.  Below 24:00 they are times of day, unless
the user names the column as a number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from vetro.errors import Words, error, words
from vetro.tables import durations
from vetro.tables.date_texts import readings
from vetro.tables.durations import Spans
from vetro.tables.evidence import Case
from vetro.tables.instants import DURATION, HOURS, MINUTES, duration_form
from vetro.tables.majority import rows_refused
from vetro.tables.other_kinds import times_instead
from vetro.tables.plan import Plan

_ONE_UNIT = re.compile(r"[+-]?[0-9]+(?:[.][0-9]+)? ?([a-z]+)", re.IGNORECASE)
_MIDNIGHT = re.compile("24:00(?::00(?:[.]0+)?)?")


def spans_of(texts: Mapping[str, int], most_bad: float, *, known: bool = False) -> Spans | None:
    """What the texts allow as durations; None if more than `most_bad` rows hold none.

    known: the column holds durations, so that `90 min` in all rows is one too.
    """
    if (
        not known
        and len({_unit_of(text) for text in texts} - {""}) == 1
        and all(map(_unit_of, texts))
    ):
        return None  # numbers with a unit: dress.py decides whether they are labels, such as 90s
    spans = Spans()

    def accepts(text: str) -> bool:
        if not spans.add(text):
            return False
        if _is_clock(text):
            spans.clock = spans.clock or text
        else:
            spans.lasting = True
        return True

    return spans if texts and rows_refused(texts, accepts, most_bad) <= most_bad else None


def _is_clock(text: str) -> bool:
    """Whether a duration may be a time of day as well."""
    bare = text.strip()
    return not _unit_of(bare) and (bool(readings(bare)) or _MIDNIGHT.fullmatch(bare) is not None)


def _unit_of(text: str) -> str:
    """The unit of a text that is one number with a unit; "" of any other text."""
    found = _ONE_UNIT.fullmatch(text.strip())
    return found[1] if found else ""


def spans_beyond_a_day(texts: Mapping[str, int], most_bad: float) -> Spans | None:
    """spans_of for texts some of which are no times of day; None if only 24:00 is none."""
    others = (text.strip() for text in texts if not readings(text))
    return None if all(map(_MIDNIGHT.fullmatch, others)) else spans_of(texts, most_bad)


def with_spans(case: Case, plan: Plan, spans: Spans, *, final: bool) -> Plan:
    """The plan of durations with its form; as text where it is open and not `final` (E120).

    E137 for a model's column if all texts may be times of day, as inspecting reads them.
    """
    options, known = case.options, case.schema.get(plan.name)
    said = plan.name in options.number or duration_form(options.date_format)
    if known is not None and not spans.lasting and not said:
        if not case.whole:
            return replace(plan, way="text")  # a later row may decide
        if spans.clock:
            two = DURATION not in spans.forms
            choice = choice_of_form if two else _as_number
            raise times_instead(known, spans.clock, choice(plan.name))
    form = spans.decided(duration_form(options.date_format))
    if form:
        return replace(plan, way="date", date_format=form, own=True)
    if not final:
        return replace(plan, way="text")
    found = [durations.meaning(spans.telling, form) for form in (HOURS, MINUTES)]
    likely = known.reading.date_format if known is not None else ""
    fix = words(
        "Use {forms}{likely}." if known is not None else "Use {forms}, or {=category column}.",
        forms=choice_of_form(plan.name),
        column=plan.name,
        likely=f'; the model was trained with "{likely.split(" ")[1]}"'
        if likely in (HOURS, MINUTES)
        else "",
    )
    raise error("E120", column=plan.name, value=spans.telling, readings=" or ".join(found), fix=fix)


def _as_number(column: str) -> Words:
    return words("{=number column}", column=column)


def choice_of_form(column: str) -> Words:
    """What a message proposes for a duration of two numbers."""
    return words(
        "{=number column} with {=date_format hours} or {=date_format minutes}",
        column=column,
        hours="%H:%M",
        minutes="%M:%S",
    )
