"""Tables read in chunks for a model: the model gives the kinds, the source decides its reading."""

from __future__ import annotations

import difflib
import math
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.errors import (
    Notice,
    Setting,
    VetroError,
    counted,
    error,
    listed,
    shown,
    words,
)
from vetro.tables import kinds, scan
from vetro.tables.cells import Cells, Codes, Values
from vetro.tables.evidence import Case
from vetro.tables.number_notices import bare_notices, unit_of
from vetro.tables.opened import Opened
from vetro.tables.options import ReadOptions
from vetro.tables.plan import Plan
from vetro.tables.plans import evidence_of, first_plans, left_open
from vetro.tables.reviews import review
from vetro.tables.schema import KINDS, Column, Schema
from vetro.tables.settled import settle
from vetro.tables.table import Table
from vetro.tables.whole import check_named, opened_with
from vetro.twins import plain

CHUNK_ROWS = 100_000


def _check_kinds(schema: Schema, options: ReadOptions) -> None:
    """E405 for an option that names another kind than a model's column has."""
    for kind in KINDS:
        for name in getattr(options, kind):
            if name in schema and schema[name].role != "ignored" and schema[name].kind != kind:
                what = f'column "{shown(name)}" is a {schema[name].kind} of the model, not a {kind}'
                setting = Setting(kind, name, left_out=True)
                fix = words("Leave out {setting}, or fit again with it.", setting=setting)
                raise error("E405", what=what, fix=fix)


def read_chunks(
    source: object,
    options: ReadOptions,
    schema: Schema,
    chunk_rows: int = CHUNK_ROWS,
    only: range | None = None,
) -> Iterator[Table]:
    """The rows in order as Tables of at most `chunk_rows`, with constant memory.

    schema: a model's.  Its inputs must exist (E401); targets and weights are read if they
    do, and the group, of which only equality counts: its texts are numbered as they come.  Rows of
    weight 0 are left out where the schema has a weight that the source has.  The
    schema gives the kinds; how a text becomes a value is the source's own matter, as in
    read_table, whatever the model's table looked like: what the whole source leaves open is
    refused (E106, E120).  Texts that are no level of a category become -2 and stand in
    Table.unseen.  The fingerprint is known, and stands in the table, only with the last rows.
    only: the rows to give, counted from 0, as far as they are there; E702 where they begin beyond
    the last.  They are read as among all rows, but what is wrong in others is not told; no
    fingerprint.
    """
    opened = opened_with(source, options)
    check_named(opened, options)
    _check_kinds(schema, options)
    columns = _wanted(opened, schema)
    positions = {name: index for index, name in enumerate(opened.columns)}
    indices = [positions[name] for name in columns]
    plans, case = first_plans(opened, indices, options, columns)
    if left_open(plans, columns):
        plans, case = _settled_by_all(opened, plans, options, columns)
    present = Schema(tuple(columns.values()))

    def batches_from(start: int) -> Generator[scan.Batch]:
        return scan.stream(
            opened, plans, missing=options.missing, keep=options.keep, rows=chunk_rows, skip=start
        )

    start = 0
    groups: dict[str, int] = {}
    held: Table | None = None
    batches = batches_from(start)
    while (batch := next(batches, None)) is not None:
        cells = scan.cells_for(plans, most_levels=math.inf)
        scan.add(cells, batch, start=0)
        for cell in cells:
            cell.close()
        revised = review(case, plans, cells, final=case.whole)
        if left_open(revised, columns):
            # Only all rows together decide how to read these; the rest is then read in that way.
            batches.close()
            plans, case = _settled_by_all(opened, revised, options, columns)
            batches = batches_from(start)
            continue
        plans = revised
        rows, kept = range(start, start + batch.rows), batch.kept
        start = rows.stop
        if only is not None:
            wanted = range(max(rows.start, only.start), min(rows.stop, only.stop))
            if not wanted:
                continue
            first, last = wanted.start - rows.start, wanted.stop - rows.start
            cells = [cell.part(first, last) for cell in cells]
            kept = {name: column.slice(first, last - first) for name, column in kept.items()}
            rows = wanted
        if held is not None:
            yield held
        notices = opened.notices if held is None else ()
        notices = (*notices, *bare_notices(plans, columns))
        held = _chunk(opened, present, plans, cells, kept, rows, options, notices, groups)
        if only is not None and only.stop <= start:
            break
    if only is None:
        opened.finish()
    elif held is None and only.start >= start > 0:
        what = f"row {only.start + 1} not found: {opened.name} has {counted(start, 'row')}"
        raise error("E702", what=what, fix="Use another row; they are counted from 1.")
    if held is not None:
        yield replace(held, fingerprint=opened.fingerprint)


def _settled_by_all(
    opened: Opened, plans: list[Plan], options: ReadOptions, columns: dict[str, Column]
) -> tuple[list[Plan], Case]:
    """The plans, decided by all rows of all columns; E106, E107 or E120 if they stay ambiguous."""
    again = [
        replace(plan, way="date" if columns[plan.name].kind == "date" else "number", own=True)
        if left_open([plan], columns)
        else plan
        for plan in plans
    ]
    case = evidence_of(opened, options, columns)
    return settle(case, again, final=True), case


def _wanted(opened: Opened, schema: Schema) -> dict[str, Column]:
    """The schema's columns that the source has; E401 if it lacks an input."""
    wanted = {
        column.name: column
        for column in schema
        if column.role != "ignored" and column.name in opened.columns
    }
    missing = [column.name for column in schema.inputs if column.name not in wanted]
    if missing:
        raise columns_missing(missing, [column.name for column in schema.inputs], opened.columns)
    for name, column in wanted.items():
        unit = opened.units.get(name, "")
        if unit and column.unit and unit != column.unit:
            raise error("E419", source=opened.name, column=name, unit=unit, known=column.unit)
    return wanted


def columns_missing(
    missing: Sequence[str], needs: Sequence[str], present: Iterable[str]
) -> VetroError:
    """E401: all columns that a table lacks, each with a name of the table that may be meant."""
    present = list(present)
    free = [name for name in present if name not in needs]
    parts, renamed = [], False
    for name in missing:
        near = _meant(name, free)
        renamed = renamed or near != ""
        parts.append(f'"{shown(name)}"' + (f' (the table has "{shown(near)}")' if near else ""))
    most = 20
    more = f" and {len(parts) - most} more" if len(parts) > most else ""
    one = len(missing) == 1
    listing = ", ".join(parts[:most]) + more
    return error(
        "E401",
        columns=f"column {listing} is" if one else f"columns {listing} are",
        needs=listed(needs),
        fix=("Add it" if one else "Add them") + (", or rename the table's." if renamed else "."),
    )


def _meant(name: str, names: Sequence[str]) -> str:
    """The name that differs only in case, blanks and the like, or in that one of both has a unit;
    or else the most similar one.  Never one with another unit: its values are others."""
    unit = unit_of(name)
    names = [other for other in names if not unit or unit_of(other) in ("", unit)]
    for form in (_letters, _unitless):
        known = {form(other): other for other in reversed(names)}
        if same := known.get(form(name), ""):
            return same
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.75)
    return near[0] if near else ""


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name)).casefold()


def _unitless(name: str) -> str:
    unit = unit_of(name)
    return _letters(name[: name.rindex(unit)] if unit else name)


def _chunk(
    opened: Opened,
    schema: Schema,
    plans: list[Plan],
    cells: list[Cells],
    kept: dict[str, Any],
    rows: range,
    options: ReadOptions,
    told: Iterable[Notice],
    groups: dict[str, int],
) -> Table:
    values: dict[str, NDArray[Any]] = {}
    unseen: dict[str, dict[str, int]] = {}
    notices = list(told)
    first = rows.start
    shifted = replace(opened, place_of=lambda row: opened.place_of(first + row), start=first)
    for plan, cell in zip(plans, cells, strict=True):
        column = schema[plan.name]
        if isinstance(cell, Values):
            kinds.patch(shifted, plan, cell, notices, column)
            values[plan.name] = cell.array
        elif column.role == "weight":
            everything = np.ones(len(rows), dtype=np.bool_)
            values[plan.name] = known_codes(column, cell, options, everything)[0]
    count = _that_count(schema, values, len(rows))
    for plan, cell in zip(plans, cells, strict=True):
        if plan.name in values or isinstance(cell, Values):
            continue
        if schema[plan.name].role == "group":
            values[plan.name] = _group_codes(cell, options, groups)
            continue
        array, others = known_codes(schema[plan.name], cell, options, count)
        values[plan.name] = array
        if others:
            unseen[plan.name] = others
    table = Table(
        schema=schema,
        values=values,
        rows=len(rows),
        name=opened.name,
        notices=tuple(notices),
        place_of=shifted.place_of,
        kept=kept,
        unseen=unseen,
        numbers=np.arange(rows.start, rows.stop),
    )
    if count.all():
        return table
    left = table.take(np.flatnonzero(count))
    return replace(left, weightless=len(rows) - left.rows)


def _that_count(schema: Schema, values: dict[str, NDArray[Any]], rows: int) -> NDArray[np.bool_]:
    """Which rows count: all, except rows of weight 0 if a weight column is read."""
    count = np.ones(rows, dtype=np.bool_)
    for column in schema.with_role("weight"):
        count &= values[column.name] != 0 if column.name in values else True
    return count


def _group_codes(cell: Codes, options: ReadOptions, groups: dict[str, int]) -> NDArray[Any]:
    """The number of each row's group, -1 where it is missing; new groups are added to the known."""
    missing = _missing_texts(options)
    lookup = np.full(len(cell.levels) + 1, -1, dtype=np.int64)
    for text, code in cell.levels.items():
        form = plain(text)
        if form and form not in missing:
            lookup[code] = groups.setdefault(form, len(groups))
    return lookup[cell.array]


def _missing_texts(options: ReadOptions) -> set[str]:
    return {*options.missing, *map(plain, options.missing)}


def known_codes(
    column: Column, cell: Codes, options: ReadOptions, count: NDArray[np.bool_]
) -> tuple[NDArray[Any], dict[str, int]]:
    """A category's or flag's values by a model's schema, and unseen texts with first rows.

    count: which rows count; texts that occur only in other rows are not reported.
    """
    missing = _missing_texts(options)
    flag = column.kind == "flag"
    levels = {text: code for code, text in enumerate(column.levels)}
    lookup = np.full(len(cell.levels) + 1, np.nan if flag else -1.0)
    others: dict[str, int] = {}
    for text, code in cell.levels.items():
        form = plain(text)
        if not form or form in missing:
            continue
        value = kinds.flag_value(text, column.reading.flag_words) if flag else levels.get(form)
        if value is None:
            there = (cell.array == code) & count
            if there.any():
                others[text] = int(np.argmax(there))
            value = np.nan if flag else -2
        lookup[code] = value
    found = lookup[cell.array]
    return (found if flag else found.astype(np.int32)), others


def joined(chunks: list[Table]) -> Table:
    """One table from its chunks."""
    import pyarrow as pa

    first = chunks[0]
    starts = np.cumsum([0, *(chunk.rows for chunk in chunks)]).tolist()

    def place_of(row: int) -> str:
        chunk = int(np.searchsorted(starts, row, side="right")) - 1
        return chunks[chunk].place_of(row - starts[chunk])

    unseen: dict[str, dict[str, int]] = {}
    for start, chunk in zip(starts, chunks, strict=False):
        for name, texts in chunk.unseen.items():
            known = unseen.setdefault(name, {})
            for text, row in texts.items():
                known.setdefault(text, start + row)
    return replace(
        first,
        values={
            name: np.concatenate([chunk.values[name] for chunk in chunks]) for name in first.values
        },
        rows=starts[-1],
        numbers=np.concatenate([chunk.row_numbers for chunk in chunks]),
        place_of=place_of,
        fingerprint=chunks[-1].fingerprint,
        notices=tuple(dict.fromkeys(item for chunk in chunks for item in chunk.notices)),
        kept={
            name: pa.concat_arrays([chunk.kept[name] for chunk in chunks]) for name in first.kept
        },
        weightless=sum(chunk.weightless for chunk in chunks),
        unseen=unseen,
    )
