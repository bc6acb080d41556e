"""Plans: how each column is tried first, and what a pass over all rows makes of it.

The first rows propose; all rows dispose.  A plan that the rows refute is replaced and the
table read again; a column that allows two readings is refused (E106, E107, E120).  What is so of
dates stands in date_plans.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from vetro.errors import TableError, Words, error, words
from vetro.tables import date_plans, date_texts, dates, dress, numbers, scan
from vetro.tables.cells import Cells, Codes, Values
from vetro.tables.dates import DateForms
from vetro.tables.dress import Dress
from vetro.tables.dress_plans import DressFindings, late_dress, worn_by
from vetro.tables.dressed_columns import check_unit, mixed_units
from vetro.tables.faults import Fault
from vetro.tables.instants import DURATION, TIME
from vetro.tables.majority import is_column_of, most_bad_of
from vetro.tables.numbers import Marks
from vetro.tables.opened import Opened
from vetro.tables.options import ReadOptions
from vetro.tables.scan import Plan
from vetro.tables.schema import Column, Kind

_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL")
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_TEXTS = ("VARCHAR", "ENUM", "UUID")


@dataclass
class Findings:
    """What is known of the text columns so far: marks of numbers, forms of dates, dresses.

    whole: whether every row of every text column of the source was looked at.  spared: columns
    that may not be needed: what is wrong with one is kept in `faults` and refuses nothing.
    """

    marks: dict[str, Marks] = field(default_factory=dict)
    forms: dict[str, DateForms] = field(default_factory=dict)
    worn: DressFindings = field(default_factory=DressFindings)
    whole: bool = False
    spared: frozenset[str] = frozenset()
    faults: dict[str, Fault] = field(default_factory=dict)


def forced_kind(name: str, options: ReadOptions, schema: Mapping[str, Column]) -> Kind | None:
    """The kind that the user or a model's schema asks for."""
    if name in schema:
        return schema[name].kind
    if name in options.number:
        return "number"
    if name in options.category:
        return "category"
    if name in options.date:
        return "date"
    return "flag" if name in options.flag else None


def base_type(type_: str) -> str:
    """DuckDB's type without parameters and sign: DECIMAL(18,3) is DECIMAL."""
    return type_.split("(", 1)[0].removeprefix("U") if type_ != "UUID" else type_


def is_whole_type(type_: str) -> bool:
    """Whether the type holds whole numbers only."""
    return base_type(type_) in _WHOLE


def typed_plan(name: str, index: int, type_: str, kind: Kind | None) -> Plan:
    """The plan of a column whose type the source knows; E128 if Vetro does not read it."""
    base = base_type(type_)
    plan = Plan(name, index, type_, "text", final=True)
    if type_.endswith("]") or base not in (
        *_NUMBERS,
        *_TEXTS,
        "BOOLEAN",
        "DATE",
        "TIMESTAMP",
        "TIMESTAMP WITH TIME ZONE",
        "TIMESTAMP_NS",
        "TIMESTAMP_MS",
        "TIMESTAMP_S",
        "TIME",
        "TIME_NS",
        "INTERVAL",
    ):
        fix = "Convert it to numbers or text."
        raise error("E128", column=name, type=type_, fix=fix)
    if base == "INTERVAL":
        if kind not in (None, "number"):
            raise error("E128", column=name, type=type_, fix=f"Convert it to a {kind}.")
        return replace(plan, way="date", date_format=DURATION)
    dated = base.startswith(("DATE", "TIME"))
    if (kind == "number" and (dated or base in _TEXTS)) or (kind == "date" and not dated):
        raise error("E128", column=name, type=type_, fix=f"Convert it to a {kind}.")
    if kind == "category" or base in _TEXTS:
        return plan
    if dated:
        format_ = "" if base.startswith(("DATE", "TIMESTAMP")) else TIME
        zoned = "ZONE" in base
        dated_plan = replace(plan, way="date", date_format=format_, zoned=zoned)
        return plan if kind == "flag" else dated_plan
    if kind == "flag" and base != "BOOLEAN":
        return plan
    return replace(plan, way="number")


def text_plan(
    plan: Plan,
    texts: Mapping[str, int],
    kind: Kind | None,
    found: Findings,
    options: ReadOptions,
    known: Column | None = None,
) -> Plan:
    """A text column's plan from texts with their counts, in order of first appearance.

    It notes in `found` what the texts tell about marks and dates.  known: a model's column.
    """
    if kind in ("category", "flag"):
        return replace(plan, way="text", final=True)
    present = {text: count for text, count in texts.items() if not numbers.means_missing(text)}
    rows = sum(present.values())
    if kind in (None, "number"):
        marks, others = numbers.marks_of(present)
        worn: Dress | None = None
        if others and (kind == "number" or dress.looks_dressed(present)):
            worn = worn_by(plan, present, found.worn, forced=kind == "number")
            if worn is not None:
                marks, others = dress.marks_of(present, worn)
                if others and date_plans.lasting(present, 0):  # "5 days" and "1 day, 2:00:00"
                    worn, (marks, others) = None, numbers.marks_of(present)
        bad = sum(present[text] for text in others if not numbers.is_infinity(text))
        most_bad = most_bad_of(rows)
        spans = bad and kind == "number"
        if spans and date_plans.lasting(present, min(bad - 1, most_bad)):
            if known is not None and known.reading.date_format != DURATION:
                first = next(iter(present))
                raise date_plans.not_durations(known, f'"{first}"')
            return replace(plan, way="date", date_format=DURATION, own=True, final=True)
        if kind == "number" and known is not None and known.reading.date_format == DURATION:
            if present:
                raise date_plans.not_durations(known, f'"{next(iter(present))}"')
            return replace(plan, way="date", date_format=DURATION, own=True, final=True)
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
        forms, bad = date_plans.read_forms(present, options, reading, most_bad)
        if kind is None and bad and date_plans.lasting(present, min(bad - 1, most_bad)):
            return replace(plan, way="date", date_format=DURATION, own=True)
        if kind == "date" or is_column_of(rows - bad, bad):
            found.forms[plan.name] = forms
            return replace(plan, way="date", date_format="", own=True, final=kind == "date")
    return replace(plan, way="text")


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

    A column with a fault that may be left out has none.

    What these rows leave open is read as text for now; it is refused where they are all rows and
    no schema is given, since then every column was seen.
    """
    names, types = list(opened.columns), list(opened.columns.values())
    found = Findings(spared=spared)
    rows = rows or max(200, min(2000, 20_000 // max(len(indices), 1)))
    texts = [index for index in indices if types[index] == "VARCHAR"]
    columns, count = scan.sample(opened, texts, rows)
    samples = dict(zip(texts, columns, strict=True))
    all_seen = count < rows
    faults = dict(opened.faults)
    plans = []
    for index in indices:
        name = names[index]
        kind = forced_kind(name, options, schema)
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
                faults[name] = Fault(refusal, of_type=refusal.code == "E128")
        if name in faults:
            fault = faults[name]
            if not _may_wait(name, fault, spared, kind):
                raise fault.error
            found.faults[name] = fault
            continue
        plans.append(plan)
    final = all_seen and not schema
    return settle(opened, plans, found, options, schema, final=final), found


def _may_wait(name: str, fault: Fault, spared: frozenset[str], kind: Kind | None) -> bool:
    """Whether nothing needs the column yet; one whose kind was named is needed."""
    return name in spared or (fault.of_type and kind is None)


def _known_type(opened: Opened, plan: Plan, known: Column | None) -> Plan:
    """The plan of a typed column, checked: E128 for months, E137 where a model has other dates."""
    if plan.type == "INTERVAL" and scan.has_months(opened, plan.index):
        fix = "Convert it to days or seconds: a month has no fixed length."
        raise error("E128", column=plan.name, type="INTERVAL with months", fix=fix)
    what = f"the type {plan.type}"
    if known is not None and known.kind == "number":
        if (plan.date_format == DURATION) != (known.reading.date_format == DURATION):
            raise date_plans.not_durations(known, what)
    elif known is not None and known.kind == "date" and plan.way == "date":
        date_plans.check_known(known, plan.date_format, zoned=plan.zoned, what=lambda: what)
    return plan


def left_open(plans: Sequence[Plan], schema: Mapping[str, Column]) -> bool:
    """Whether a number or date of a model's schema is still read as text: nothing decides yet."""
    return any(
        plan.way == "text" and plan.is_text and schema[plan.name].kind in ("number", "date")
        for plan in plans
    )


def evidence_of(opened: Opened, options: ReadOptions, schema: Mapping[str, Column]) -> Findings:
    """What all rows of all text columns tell, as inspecting the source finds it.

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

    What the texts leave open is read as text for now, or refused if `final`.
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
        row, other = sorted(
            (scan.first_row(opened, plan.index, [text]), text) for text in (first, second)
        )
        raise error(
            "E107",
            column=plan.name,
            place=opened.place_of(row[0]),
            value=row[1],
            other_place=opened.place_of(other[0]),
            other=other[1],
        )
    decimal = decimal or marks.decided
    # Under a schema only some columns are planned: the file has decided once all were seen.
    if not decimal and (found.whole or not schema):
        decimal = numbers.file_decision(found.marks)
    if not decimal and marks.thousands and schema and not found.whole:
        return replace(plan, way="text")  # a later row may tell the mark
    if not decimal and marks.open:
        if not final:
            return replace(plan, way="text")
        ((_, text),) = marks.either.items()
        row_ = scan.first_row(opened, plan.index, [text])
        readings = {
            dress.value_of(text, mark, "," if mark == "." else ".", plan.dress)
            for mark in (".", ",")
        }
        first_value, second_value = sorted(value for value in readings if value is not None)
        raise error(
            "E106",
            column=plan.name,
            place=opened.place_of(row_),
            value=text,
            first=numbers.number_text(first_value),
            second=numbers.number_text(second_value),
            likely=_likely_mark(schema),
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
    if known is not None and known.kind == "date" and not (found.whole or forms.decided()):
        return replace(plan, way="text")  # all rows are asked: a later one may decide
    return date_plans.with_format(opened, plan, forms, known, final=final)


def _likely_mark(schema: Mapping[str, Column]) -> Words | str:
    """What the table of a model says of the mark: a likely option, never a decision."""
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


def review(
    opened: Opened,
    plans: Sequence[Plan],
    cells: Sequence[Cells],
    found: Findings,
    options: ReadOptions,
    schema: Mapping[str, Column],
    *,
    final: bool = True,
) -> list[Plan]:
    """The plans after a pass: the same list if the columns can stay as they were read.

    final: whether what the texts leave open is refused.
    """
    revised = []
    for plan, column in zip(plans, cells, strict=True):
        if not plan.is_text:
            revised.append(plan)
        elif isinstance(column, Codes):
            revised.append(_review_codes(plan, column, found, options))
        else:
            revised.append(_review_values(plan, column, found, options))
    settled = settle(opened, revised, found, options, schema, final=final)
    kept = []
    for plan, new, column in zip(plans, settled, cells, strict=True):
        if new == plan and isinstance(column, Values) and column.overflowed:
            new = replace(new, final=True)  # many exceptions, and all of them values
        elif not column.overflowed:
            # A thousands separator found late needs no new pass: its texts are exceptions.
            late = replace(plan, thousands=new.thousands)
            if not plan.unit and not new.unit:
                late = replace(late, dress=new.dress)
            if replace(new, whole=plan.whole, own=plan.own, final=plan.final) == late:
                new = late
        kept.append(new)
    return kept


def _review_codes(plan: Plan, column: Codes, found: Findings, options: ReadOptions) -> Plan:
    if plan.final:
        return plan
    counts = column.counts()
    texts: dict[str, int] = {
        text: int(counts[code]) if not column.overflowed else 1
        for text, code in column.levels.items()
    }
    return text_plan(plan, texts, None, found, options)


def _review_values(plan: Plan, column: Values, found: Findings, options: ReadOptions) -> Plan:
    texts = {
        text: len(rows)
        for text, rows in column.exceptions.items()
        if not numbers.means_missing(text)
    }
    if plan.way == "date":
        forms = found.forms.get(plan.name)
        if forms is not None and texts and not forms.formats and not forms.given:
            # The first rows had no dates: these decide.
            return text_plan(plan, texts, "date", found, options)
        bad = sum(n for text, n in texts.items() if not _is_dated(text, plan))
    else:
        plan, others, marks = late_dress(plan, column, texts, found.worn)
        found.marks.setdefault(plan.name, Marks()).merge(marks)
        bad = sum(texts[text] for text in others if not numbers.is_infinity(text))
        known = found.marks[plan.name]
        if plan.name in found.worn.mixed:
            return plan
        zeros = any(numbers.LEADING_ZEROS.fullmatch(numbers.tidy(text)) for text in texts)
        if zeros and not plan.final and not (known.decimal or known.either or known.thousands):
            return replace(plan, way="text", final=True)
        if column.overflowed and plan.whole and is_column_of(column.rows - bad, bad):
            return replace(plan, whole=False, own=True)
    present = present_values(column)
    if plan.final or is_column_of(present - bad, bad) or not bad:
        return plan
    return replace(plan, way="text", final=True)


def _is_dated(text: str, plan: Plan) -> bool:
    """Whether a text is a value of a column of dates, or a date in another form."""
    if dates.instant(text, plan.date_format) is not None:
        return True
    return plan.date_format != DURATION and bool(date_texts.readings(text))


def present_values(column: Values) -> int:
    """How many values are not missing, those that could not be read included."""
    words = sum(
        len(rows) for text, rows in column.exceptions.items() if numbers.means_missing(text)
    )
    return column.rows - column.empty - words


def bad_values(
    opened: Opened, plan: Plan, column: Values, bad: Mapping[str, Sequence[int]]
) -> Exception:
    """The error for texts that are no numbers or dates: E112, E113 or E129."""
    if plan.way == "date":
        return date_plans.not_a_date(opened, plan, column, bad)
    value, rows = min(bad.items(), key=lambda item: item[1][0])
    place = opened.place_of(rows[0])
    count = sum(map(len, bad.values()))
    return error(
        "E113",
        column=plan.name,
        bad=count,
        rows=present_values(column),
        value=value,
        place=place,
        them="it" if count == 1 else "them",
    )
