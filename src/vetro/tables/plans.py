"""Plans: how each column is tried first, and how the texts decide the final plan.

The first rows propose a plan; all rows decide (reviews.py).  A column that allows two readings is
refused (E106, E107, E120).  The plans of dates are in date_plans.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from vetro.errors import TableError, VetroError, Words, error, shown, words
from vetro.tables import date_plans, dress, durations, lookups, numbers, other_kinds, scan
from vetro.tables.dates import DateForms
from vetro.tables.digits import as_digits
from vetro.tables.dress import Dress
from vetro.tables.dress_plans import DressFindings, worn_by
from vetro.tables.dressed_columns import check_unit, mixed_units
from vetro.tables.durations import Spans
from vetro.tables.faults import Fault
from vetro.tables.instants import DURATION, is_duration
from vetro.tables.majority import is_column_of, most_bad_of
from vetro.tables.numbers import Marks
from vetro.tables.opened import Opened
from vetro.tables.options import ReadOptions
from vetro.tables.plan import Plan
from vetro.tables.schema import Column, Kind
from vetro.tables.span_plans import spans_beyond_a_day, spans_of, with_spans
from vetro.tables.typed_plans import typed_plan


@dataclass
class Findings:
    """What is known of the text columns so far: marks of numbers, forms of dates and durations,
    dresses.

    numbers: the marks of columns that the user's format makes dates; they are numbers again if one
    of their texts does not fit it.  whole: whether every row of every text column of the source was
    looked at.  spared: columns that may not be needed: what is wrong with one is kept in `faults`
    and refuses nothing.
    """

    marks: dict[str, Marks] = field(default_factory=dict)
    forms: dict[str, DateForms] = field(default_factory=dict)
    spans: dict[str, Spans] = field(default_factory=dict)
    worn: DressFindings = field(default_factory=DressFindings)
    numbers: dict[str, Marks] = field(default_factory=dict)
    whole: bool = False
    spared: frozenset[str] = frozenset()
    faults: dict[str, Fault] = field(default_factory=dict)


def forced_kind(name: str, options: ReadOptions, schema: Mapping[str, Column]) -> Kind | None:
    """The kind that the user or a model's schema gives."""
    if name in schema:
        return schema[name].kind
    if name in options.number:
        return "number"
    if name in options.category:
        return "category"
    if name in options.date:
        return "date"
    return "flag" if name in options.flag else None


def text_plan(
    plan: Plan,
    texts: Mapping[str, int],
    kind: Kind | None,
    found: Findings,
    options: ReadOptions,
    known: Column | None = None,
) -> Plan:
    """A text column's plan from texts with their counts, in order of first appearance.

    It records in `found` the texts' evidence about marks and dates.  known: a model's column.
    """
    if kind in ("category", "flag"):
        return replace(plan, way="text", final=True)
    present = {text: count for text, count in texts.items() if not numbers.means_missing(text)}
    rows = sum(present.values())
    found.spans.pop(plan.name, None)
    said = date_plans.as_the_user_says(plan.name, present, kind, options)
    if isinstance(said, Spans):
        return _lasting(plan, said, found, kind)
    if said is not None:
        found.forms[plan.name] = said
        marks, others = numbers.marks_of(present)
        if not others:
            found.numbers[plan.name] = marks
        return replace(plan, way="date", date_format="", own=True)
    if known is not None and is_duration(known.reading.date_format):
        return _lasting(plan, _known_spans(present, known), found, kind)
    if kind in (None, "number"):
        marks, others = numbers.marks_of(present)
        worn: Dress | None = None
        if others and (kind == "number" or dress.looks_dressed(present)):
            worn = worn_by(plan, present, found.worn, forced=kind == "number")
            if worn is not None:
                marks, others = dress.dressed_marks(present, worn)
            if others and spans_of(present, 0) is not None:  # "5 days" and "1 day, 2:00:00"
                found.worn.mixed.pop(plan.name, None)
                worn, (marks, others) = None, numbers.marks_of(present)
        bad = sum(present[text] for text in others if not numbers.is_infinity(text))
        most_bad = most_bad_of(rows)
        spans = spans_of(present, min(bad - 1, most_bad)) if bad and kind == "number" else None
        if known is not None and spans is not None:
            raise other_kinds.not_durations(known, f'"{shown(next(iter(present)))}"')
        if spans is not None:
            return _lasting(plan, spans, found, kind)
        if kind == "number" or plan.name in found.worn.mixed or is_column_of(rows - bad, bad):
            found.marks.setdefault(plan.name, Marks()).merge(marks)
            marks = found.marks[plan.name]
            whole = not (marks.decimal or marks.either or marks.thousands or worn)
            own = len(texts) > len(present) or bool(others) or worn is not None
            refused = set(others)
            first = next((text for text in present if text not in refused), "")
            if first:
                found.worn.first.setdefault(plan.name, first)
            return replace(
                plan, way="number", whole=whole, own=own, dress=worn, final=kind == "number"
            )
    if kind in (None, "date"):
        most_bad = rows if kind == "date" else most_bad_of(rows)
        reading = known.reading if known is not None else None
        if known is not None and (refusal := other_kinds.digits_instead(present, options, known)):
            raise refusal
        forms, bad = date_plans.read_forms(present, options, reading, most_bad)
        spans = (
            spans_beyond_a_day(present, min(bad - 1, most_bad)) if kind is None and bad else None
        )
        if spans is not None:
            return _lasting(plan, spans, found, kind)
        if kind == "date" or is_column_of(rows - bad, bad):
            found.forms[plan.name] = forms
            return replace(plan, way="date", date_format="", own=True, final=kind == "date")
    return replace(plan, way="text")


def _known_spans(texts: Mapping[str, int], known: Column) -> Spans:
    """What the texts of a model's column of durations allow; E137 if most are none."""
    spans = spans_of(texts, most_bad_of(sum(texts.values())), known=True)
    if spans is None and texts:
        text = next(text for text in texts if not durations.seconds_by_form(text))
        raise other_kinds.not_durations(known, f'"{shown(text)}"')
    return spans or Spans()


def _lasting(plan: Plan, spans: Spans, found: Findings, kind: Kind | None) -> Plan:
    """The plan of durations; settle gives it its form."""
    found.spans[plan.name] = spans
    return replace(plan, way="date", date_format=DURATION, own=True, final=kind == "number")


def first_plans(
    opened: Opened,
    indices: Sequence[int],
    options: ReadOptions,
    schema: Mapping[str, Column],
    *,
    rows: int = 0,
    spared: frozenset[str] = frozenset(),
) -> tuple[list[Plan], Findings]:
    """The plans of the columns at these positions, from the first rows of the source.

    A column that has a fault and may be left out has no plan.

    A column that these rows leave open is read as text for now.  It is refused if these are all
    rows and no schema is given, since then every column was seen.
    """
    names = list(opened.columns)
    kinds = {names[index]: forced_kind(names[index], options, schema) for index in indices}
    as_digits(opened, kinds, options)
    types = list(opened.columns.values())
    found = Findings(spared=spared)
    rows = rows or max(200, min(2000, 20_000 // max(len(indices), 1)))
    texts = [index for index in indices if types[index] == "VARCHAR"]
    columns, count = lookups.sample(opened, texts, rows)
    samples = dict(zip(texts, columns, strict=True))
    all_seen = count < rows
    faults = dict(opened.faults)
    plans = []
    for index in indices:
        name = names[index]
        kind = kinds[name]
        if index in samples:
            seen = Counter(text for text in samples[index] if text is not None)
            for text in options.missing:
                seen.pop(text, None)
            first = Plan(name, index, "VARCHAR", "text")
            plan = text_plan(first, seen, kind, found, options, schema.get(name))
            plan = replace(plan, sparse=sum(seen.values()) < count)
        else:
            try:
                plan = _known_type(
                    opened, typed_plan(name, index, types[index], kind), schema.get(name)
                )
            except TableError as refusal:
                faults[name] = _fault(refusal, opened.advice.get(name))
        if name in faults:
            fault = faults[name]
            if not _may_wait(name, fault, spared, kind):
                raise fault.error
            found.faults[name] = fault
            continue
        plans.append(plan)
    final = all_seen and not schema
    return settle(opened, plans, found, options, schema, final=final), found


def _fault(refusal: VetroError, advice: Words | None) -> Fault:
    """The fault of a column that its type refuses; advice: how it can be read nevertheless."""
    if refusal.code == "E128" and advice is not None:
        refusal = error("E128", **{**refusal.values, "fix": advice})
        return Fault(refusal, of_type=True, advice=advice)
    return Fault(refusal, of_type=refusal.code == "E128")


def _may_wait(name: str, fault: Fault, spared: frozenset[str], kind: Kind | None) -> bool:
    """Whether the column may turn out not to be needed; a column whose kind was given is needed."""
    return name in spared or (fault.of_type and kind is None)


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


def evidence_of(opened: Opened, options: ReadOptions, schema: Mapping[str, Column]) -> Findings:
    """The evidence of all rows of all text columns, the same as when the source is inspected.

    schema: the kinds of a model's columns; the other columns have the kinds of their texts.
    """
    names, types = list(opened.columns), list(opened.columns.values())
    indices = [index for index, type_ in enumerate(types) if type_ == "VARCHAR"]
    found = Findings(whole=True)
    for index, counts in zip(
        indices, scan.count_texts(opened, indices, missing=options.missing), strict=True
    ):
        plan = Plan(names[index], index, "VARCHAR", "text")
        kind, known = forced_kind(plan.name, options, schema), schema.get(plan.name)
        text_plan(plan, counts, kind, found, options, known)
    return found


def settle(
    opened: Opened,
    plans: Sequence[Plan],
    found: Findings,
    options: ReadOptions,
    schema: Mapping[str, Column],
    *,
    final: bool,
) -> list[Plan]:
    """The plans with marks and date formats filled in.

    A column that the texts leave open is read as text for now, or refused if `final`.
    """
    settled = []
    for plan in plans:
        try:
            plan = _settled(opened, plan, found, options, schema, final)
        except TableError as refusal:
            if plan.name not in found.spared:
                raise
            found.faults[plan.name] = Fault(refusal)
            plan = replace(plan, way="text", final=True)
        settled.append(plan)
    return settled


def _settled(
    opened: Opened,
    plan: Plan,
    found: Findings,
    options: ReadOptions,
    schema: Mapping[str, Column],
    final: bool,
) -> Plan:
    if plan.is_text and plan.way != "text" and plan.name in found.spans:
        spans, known = found.spans[plan.name], schema.get(plan.name)
        return with_spans(plan, spans, options, known, final=final, whole=found.whole)
    if plan.is_text and plan.way == "number":
        if plan.name in found.worn.mixed:
            raise mixed_units(opened, plan, found.worn.mixed[plan.name])
        if plan.name in schema:
            check_unit(opened, plan, schema[plan.name])
        return _with_marks(opened, plan, found, options, schema, final)
    if plan.is_text and plan.way == "date":
        return _with_format(opened, plan, found, options, schema, final)
    return plan


def _with_marks(
    opened: Opened,
    plan: Plan,
    found: Findings,
    options: ReadOptions,
    schema: Mapping[str, Column],
    final: bool,
) -> Plan:
    marks = found.marks.get(plan.name) or Marks()
    decimal = options.decimal or ({".": ",", ",": "."}.get(options.thousands, ""))
    if not decimal and marks.mixed:
        if schema and not final:
            return replace(plan, way="text")
        first, second = list((marks.decimal or marks.either).values())[:2]
        (place, value), (other_place, other) = lookups.in_order(opened, plan.index, (first, second))
        raise error(
            "E107",
            column=plan.name,
            place=place,
            value=value,
            other_place=other_place,
            other=other,
        )
    decimal = decimal or marks.decided
    # Under a schema only some columns are planned: the file has decided once all were seen.
    if not decimal and (found.whole or not schema):
        decimal = numbers.file_decision(found.marks)
    if not decimal and marks.thousands and schema and not found.whole:
        return replace(plan, way="text")  # a later row may show the mark
    if not decimal and marks.open:
        if not final:
            return replace(plan, way="text")
        ((_, text),) = marks.either.items()
        row = lookups.first_row(opened, plan.index, [text])
        readings = {
            dress.dressed_value(text, mark, "," if mark == "." else ".", plan.dress)
            for mark in (".", ",")
        }
        first_value, second_value = sorted(value for value in readings if value is not None)
        raise error(
            "E106",
            column=plan.name,
            place=opened.place_of(row),
            value=text,
            first=numbers.number_text(first_value),
            second=numbers.number_text(second_value),
            fix=_choice_of_mark(found, schema),
        )
    decimal = decimal if marks.decimal or marks.either or options.decimal else "."
    thousands = options.thousands or numbers.thousands_for(marks, decimal)
    return replace(plan, decimal=decimal, thousands=thousands)


def _with_format(
    opened: Opened,
    plan: Plan,
    found: Findings,
    options: ReadOptions,
    schema: Mapping[str, Column],
    final: bool,
) -> Plan:
    known = schema.get(plan.name)
    forms = found.forms.get(plan.name) or DateForms()
    # A model's own format counts only if no other one reads all rows.
    sure = forms.decided() != "" and forms.given in ("", options.date_format)
    if known is not None and known.kind == "date" and not (found.whole or sure):
        return replace(plan, way="text")  # all rows are asked: a later one may decide
    return date_plans.with_format(opened, plan, forms, known, options.date_format, final=final)


def _choice_of_mark(found: Findings, schema: Mapping[str, Column]) -> Words:
    """The fix of E106: either mark, and the likely one under a model.  If other columns need both
    marks, it proposes neither."""
    sure = {marks.decided: name for name, marks in found.marks.items() if marks.decided}
    if len(sure) > 1:
        text = (
            "Column {point!q} has decimal points and column {comma!q} decimal commas: use one mark."
        )
        return words(text, point=sure["."], comma=sure[","])
    return words('Use {=decimal "."} or {=decimal ","}{likely}.', likely=_likely_mark(schema))


def _likely_mark(schema: Mapping[str, Column]) -> Words | str:
    """The likely decimal mark by the model's table, as a proposal, never as a decision."""
    columns = [column for column in schema.values() if column.kind == "number"]
    marks = {column.reading.decimal for column in columns if _shows_mark(column)}
    if len(marks) != 1:
        return ""
    return words("; the model's table used {mark!q}: likely {=decimal mark}", mark=marks.pop())


def _shows_mark(column: Column) -> bool:
    """Whether a model's column was written with a decimal mark; whole numbers show none."""
    ends = (column.minimum, column.maximum)
    fraction = any(end is not None and end != int(end) for end in ends)
    return column.reading.decimal == "," or column.reading.thousands != "" or fraction
