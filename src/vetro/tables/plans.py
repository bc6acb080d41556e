"""Plans: how each column is tried first, and how the texts decide the plan.

The first rows propose a plan; all rows decide (reviews.py).  Each reading of texts proposes a plan
or passes, in a fixed order: what the user says, the model's durations, numbers, dates; other texts
stay texts.  settled.py fills in marks and formats, and refuses a column that allows two readings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from vetro.errors import TableError, VetroError, Words, error, shown
from vetro.tables import date_plans, dress, durations, lookups, numbers, other_kinds, scan
from vetro.tables.digits import as_digits
from vetro.tables.dress import Dress
from vetro.tables.durations import Spans
from vetro.tables.evidence import Case, Evidence
from vetro.tables.faults import Fault
from vetro.tables.instants import DURATION, is_duration
from vetro.tables.majority import is_column_of, most_bad_of
from vetro.tables.opened import Opened
from vetro.tables.options import ReadOptions
from vetro.tables.plan import Plan
from vetro.tables.schema import Column, Kind
from vetro.tables.settled import settle
from vetro.tables.span_plans import spans_beyond_a_day, spans_of
from vetro.tables.typed_plans import typed_plan


@dataclass(frozen=True)
class _Texts:
    """The texts of a column that are not missing, with their rows, in order of first appearance.

    gaps: whether other texts mean missing values.  known: a model's column.
    """

    plan: Plan
    counts: Mapping[str, int]
    gaps: bool
    kind: Kind | None
    known: Column | None

    @property
    def rows(self) -> int:
        return sum(self.counts.values())

    def lasting(self, spans: Spans, own: Evidence) -> Plan:
        """The plan of durations; settle gives it its form."""
        own.spans = spans
        final = self.kind == "number"
        return replace(self.plan, way="date", date_format=DURATION, own=True, final=final)


def text_plan(
    case: Case,
    plan: Plan,
    texts: Mapping[str, int],
    kind: Kind | None,
    known: Column | None = None,
) -> Plan:
    """A text column's plan from its texts with their rows, in order of first appearance.

    It records the texts' evidence in `case`.  known: a model's column.
    """
    if kind in ("category", "flag"):
        return replace(plan, way="text", final=True)
    present = {text: count for text, count in texts.items() if not numbers.means_missing(text)}
    column = _Texts(plan, present, len(texts) > len(present), kind, known)
    own = case.columns[plan.name]
    own.spans = None
    for reading in _READINGS:
        found = reading(column, own, case.options)
        if found is not None:
            return found
    return replace(plan, way="text")


def _as_the_user_says(column: _Texts, own: Evidence, options: ReadOptions) -> Plan | None:
    said = date_plans.as_the_user_says(column.plan.name, column.counts, column.kind, options)
    if said is None:
        return None
    if isinstance(said, Spans):
        return column.lasting(said, own)
    own.forms = said
    marks, others = numbers.marks_of(column.counts)
    if not others:
        own.numbers = marks
    return replace(column.plan, way="date", date_format="", own=True)


def _as_the_models_durations(column: _Texts, own: Evidence, _: ReadOptions) -> Plan | None:
    """What a model's column of durations allows; E137 if most texts are none."""
    if column.known is None or not is_duration(column.known.reading.date_format):
        return None
    spans = spans_of(column.counts, most_bad_of(column.rows), known=True)
    if spans is None and column.counts:
        text = next(text for text in column.counts if not durations.seconds_by_form(text))
        raise other_kinds.not_durations(column.known, f'"{shown(text)}"')
    return column.lasting(spans or Spans(), own)


def _as_numbers(column: _Texts, own: Evidence, _: ReadOptions) -> Plan | None:
    if column.kind not in (None, "number"):
        return None
    texts, rows, forced = column.counts, column.rows, column.kind == "number"
    marks, others = numbers.marks_of(texts)
    worn: Dress | None = None
    if others and (forced or dress.looks_dressed(texts)):
        worn = _worn_by(texts, own, forced=forced)
        if worn is not None:
            marks, others = dress.dressed_marks(texts, worn)
        if others and spans_of(texts, 0) is not None:  # "5 days" and "1 day, 2:00:00"
            own.mixed = None
            worn, (marks, others) = None, numbers.marks_of(texts)
    bad = sum(texts[text] for text in others if not numbers.is_infinity(text))
    spans = spans_of(texts, min(bad - 1, most_bad_of(rows))) if bad and forced else None
    if spans is not None:
        if column.known is not None:
            raise other_kinds.not_durations(column.known, f'"{shown(next(iter(texts)))}"')
        return column.lasting(spans, own)
    if not (forced or own.mixed or is_column_of(rows - bad, bad)):
        return None
    own.marks.merge(marks)
    refused = set(others)
    own.first = own.first or next((text for text in texts if text not in refused), "")
    return replace(
        column.plan,
        way="number",
        whole=not (own.marks.seen or worn),
        own=column.gaps or bool(others) or worn is not None,
        dress=worn,
        final=forced,
    )


def _worn_by(present: Mapping[str, int], own: Evidence, *, forced: bool) -> Dress | None:
    """The dress of a column's texts, None if they have none; units that contradict are recorded."""
    worn = dress.dress_of(present, forced=forced)
    own.offered = None
    if not (forced or is_column_of(worn.good, worn.bad)):
        return None
    own.offered, own.mixed = worn.offered, worn.mixed or own.mixed
    return worn.dress


def _as_dates(column: _Texts, own: Evidence, options: ReadOptions) -> Plan | None:
    if column.kind not in (None, "date"):
        return None
    texts, rows, known = column.counts, column.rows, column.known
    forced = column.kind == "date"
    if known is not None and (refusal := other_kinds.digits_instead(texts, options, known)):
        raise refusal
    most_bad = rows if forced else most_bad_of(rows)
    reading = known.reading if known is not None else None
    forms, bad = date_plans.read_forms(texts, options, reading, most_bad)
    spans = spans_beyond_a_day(texts, min(bad - 1, most_bad)) if bad and not forced else None
    if spans is not None:
        return column.lasting(spans, own)
    if not (forced or is_column_of(rows - bad, bad)):
        return None
    own.forms = forms
    return replace(column.plan, way="date", date_format="", own=True, final=forced)


_READINGS: tuple[Callable[[_Texts, Evidence, ReadOptions], Plan | None], ...] = (
    _as_the_user_says,
    _as_the_models_durations,
    _as_numbers,
    _as_dates,
)


def first_plans(
    opened: Opened,
    indices: Sequence[int],
    options: ReadOptions,
    schema: Mapping[str, Column],
    *,
    rows: int = 0,
    spared: frozenset[str] = frozenset(),
) -> tuple[list[Plan], Case]:
    """The plans of the columns at these positions, from the first rows of the source.

    A column that has a fault and may be left out has no plan.

    A column that these rows leave open is read as text for now.  It is refused if these are all
    rows and no schema is given, since then every column was seen.
    """
    case = Case(opened, options, schema, spared)
    names = list(opened.columns)
    kinds = {names[index]: case.forced_kind(names[index]) for index in indices}
    as_digits(opened, kinds, options)
    types = list(opened.columns.values())
    rows = rows or max(200, min(2000, 20_000 // max(len(indices), 1)))
    texts = [index for index in indices if types[index] == "VARCHAR"]
    columns, count = lookups.sample(opened, texts, rows)
    samples = dict(zip(texts, columns, strict=True))
    faults = dict(opened.faults)
    plans = []
    for index in indices:
        name = names[index]
        kind = kinds[name]
        if index in samples:
            seen = Counter(text for text in samples[index] if text is not None)
            for text in options.missing:
                seen.pop(text, None)
            plan = Plan(name, index, "VARCHAR", "text", sparse=sum(seen.values()) < count)
            plan = text_plan(case, plan, seen, kind, schema.get(name))
        else:
            try:
                plan = _known_type(
                    opened, typed_plan(name, index, types[index], kind), schema.get(name)
                )
            except TableError as refusal:
                faults[name] = _fault(refusal, opened.advice.get(name))
        if name in faults:
            fault = faults[name]
            if not (name in spared or (fault.of_type and kind is None)):
                raise fault.error  # a column whose kind was given is needed
            case.faults[name] = fault
            continue
        plans.append(plan)
    return settle(case, plans, final=count < rows and not schema), case


def _fault(refusal: VetroError, advice: Words | None) -> Fault:
    """The fault of a column that its type refuses; advice: how it can be read nevertheless."""
    if refusal.code == "E128" and advice is not None:
        refusal = error("E128", **{**refusal.values, "fix": advice})
        return Fault(refusal, of_type=True, advice=advice)
    return Fault(refusal, of_type=refusal.code == "E128")


def _known_type(opened: Opened, plan: Plan, known: Column | None) -> Plan:
    """The checked plan of a typed column: E128 for months, E137 if the model has other dates."""
    if plan.type == "INTERVAL" and lookups.has_months(opened, plan.index):
        fix = "Convert it to days or seconds: a month has no fixed length."
        raise error("E128", column=plan.name, type="INTERVAL with months", fix=fix)
    what = f"the type {plan.type}"
    if known is not None and known.kind == "number":
        if is_duration(plan.date_format) != is_duration(known.reading.date_format):
            raise other_kinds.not_durations(known, what)
    elif known is not None and known.kind == "date" and plan.way == "date":
        other_kinds.check_as_known(known, plan.date_format, zoned=plan.zoned, what=lambda: what)
    return plan


def left_open(plans: Sequence[Plan], schema: Mapping[str, Column]) -> bool:
    """Whether a number or date of a model's schema is undecided, and so still read as text."""
    return any(
        plan.way == "text" and plan.is_text and schema[plan.name].kind in ("number", "date")
        for plan in plans
    )


def evidence_of(opened: Opened, options: ReadOptions, schema: Mapping[str, Column]) -> Case:
    """The evidence of all rows of all text columns, the same as when the source is inspected.

    schema: the kinds of a model's columns; the other columns have the kinds of their texts.
    """
    names, types = list(opened.columns), list(opened.columns.values())
    indices = [index for index, type_ in enumerate(types) if type_ == "VARCHAR"]
    case = Case(opened, options, schema, whole=True)
    all_counts = scan.count_texts(opened, indices, missing=options.missing)
    for index, counts in zip(indices, all_counts, strict=True):
        plan = Plan(names[index], index, "VARCHAR", "text")
        text_plan(case, plan, counts, case.forced_kind(plan.name), schema.get(plan.name))
    return case
