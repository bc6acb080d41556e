"""A whole table from an opened source, typed and checked by the source's own evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.errors import (
    Notice,
    Setting,
    TableError,
    counted,
    error,
    notice,
    words,
)
from vetro.named import known_name
from vetro.tables import date_notices, kinds, lookups, numbers, scan
from vetro.tables.cells import Cells, Codes
from vetro.tables.date_formats import check_format
from vetro.tables.doubts import CATEGORY, Doubt
from vetro.tables.evidence import Case
from vetro.tables.faults import Fault, left_out, unread
from vetro.tables.headers import header_notices
from vetro.tables.level_blocks import MISSING
from vetro.tables.number_notices import dress_notices, marks_notice
from vetro.tables.opened import Opened
from vetro.tables.options import ReadOptions
from vetro.tables.plan import Plan
from vetro.tables.plans import first_plans
from vetro.tables.reviews import review
from vetro.tables.schema import KINDS, Column, Schema
from vetro.tables.sentinels import sentinel_notices
from vetro.tables.sources.opening import open_source
from vetro.tables.subtotals import subtotal_notices
from vetro.tables.table import Table
from vetro.tables.text_doubts import doubt_of
from vetro.tables.time_codes import time_code_notices
from vetro.twins import plain

_MOST_PASSES = 6
_SOON_READ, _VERY_SMALL = 50_000, 1e-100


def opened_with(source: object, options: ReadOptions) -> Opened:
    """The source, or the rows of the query over it; a query over text sees typed columns."""
    opened = open_source(source, options)
    if not options.query or not opened.is_text:
        return opened
    from vetro.tables.sources.queries import query_table, without_query  # pyarrow takes 0.1 s

    beneath = frozenset(opened.columns)
    table = read_whole(opened, without_query(opened, options))
    return replace(query_table(table, options.query), beneath=beneath)


def read_whole(opened: Opened, options: ReadOptions, spared: frozenset[str] = frozenset()) -> Table:
    check_named(opened, options)
    indices = [i for i, name in enumerate(opened.columns) if name not in options.keep]
    plans, case = first_plans(opened, indices, options, {}, spared=spared)
    if not plans:
        for fault in case.faults.values():
            raise fault.error
    for _ in range(_MOST_PASSES):
        cells, kept, rows, whole = scan.collect(
            opened, plans, missing=options.missing, keep=options.keep
        )
        revised = review(case, plans, cells)
        # Whether everything that the pass depended on is unchanged.
        if [
            old.with_late(new) for old, new in zip(plans, revised, strict=True)
        ] == revised and whole:
            break
        plans = revised
    else:
        raise error("E900", reason="the kinds of the columns do not settle")
    opened.finish()
    if rows < 2:
        raise too_few(opened.name, rows, headed=opened.headed and options.header)
    return _table(case, revised, cells, kept, rows)


def too_few(source: str, rows: int, *, headed: bool) -> Exception:
    """E102; headed: whether the first line was read as a header."""
    fix = words("Add rows, or use {=header no} if the first line holds data.")
    said = fix if headed else words("Add rows.")
    return error("E102", source=source, rows=counted(rows, "row"), fix=said)


def _table(
    case: Case, plans: list[Plan], cells: list[Cells], kept: dict[str, Any], rows: int
) -> Table:
    opened, options = case.opened, case.options
    columns: dict[str, Column] = {}
    values: dict[str, NDArray[Any]] = {}
    notices = dress_notices(opened, plans)
    notices += date_notices.of_format(opened, plans, options)
    doubts: dict[str, Doubt] = {}
    for plan, column in zip(plans, cells, strict=True):
        try:
            if isinstance(column, Codes):
                entry, array, told = kinds.finish_codes(opened, plan, column, options)
                if entry.kind == "category" and (doubt := doubt_of(case, plan, column)):
                    doubts[plan.name] = doubt
                    told.append(doubt.said(CATEGORY))
            else:
                entry, array, told = kinds.finish_values(opened, plan, column, options)
        except TableError as refusal:
            if plan.name not in case.spared:
                raise
            case.faults.setdefault(plan.name, Fault(refusal))
            continue
        if plan.name not in case.faults:
            columns[plan.name], values[plan.name] = entry, array
            notices.extend(told)
    if opened.headed and options.header:
        notices[:0] = header_notices(opened.name, plans, columns)
    notices.extend(_too_small(opened, plans, values, rows))
    notices.extend(sentinel_notices(opened, plans, columns, values))
    notices.extend(time_code_notices(opened, list(columns.values()), values, options))
    notices.extend(subtotal_notices(opened, list(columns.values()), values))
    for name, fault in case.faults.items():
        columns[name] = unread(name)
        values[name] = np.broadcast_to(np.int32(MISSING), (rows,))
        if name not in case.spared:
            notices.append(left_out(name, fault))
    return Table(
        schema=Schema(tuple(columns[name] for name in opened.columns if name in columns)),
        values=values,
        rows=rows,
        name=opened.name,
        fingerprint=opened.fingerprint,
        # A query's table repeats what was said of the table that it reads.
        notices=tuple(dict.fromkeys((*opened.notices, *marks_notice(case, plans), *notices))),
        place_of=opened.place_of,
        kept=kept,
        faults=case.faults,
        orders={name: tuple(map(plain, texts)) for name, texts in opened.orders.items()},
        doubts=doubts,
    )


def _too_small(
    opened: Opened, plans: Sequence[Plan], values: Mapping[str, NDArray[Any]], rows: int
) -> list[Notice]:
    """W149 for numbers in text that became 0, or nearly.

    Looking for them takes another pass over the source: in a large one only where a column holds
    zeros and numbers that come near to that size.
    """
    looked_at = []
    for plan in plans:
        if plan.way == "number" and plan.is_text and not plan.whole and plan.name in values:
            sizes = np.abs(values[plan.name])
            if bool((sizes < numbers.SMALLEST_EXACT).any()):
                smallest = sizes.min(where=sizes > 0, initial=1.0)
                if rows <= _SOON_READ or smallest < _VERY_SMALL:
                    looked_at.append(plan)
    found = []
    for name, text in lookups.vanished(opened, looked_at).items():
        plan = next(plan for plan in looked_at if plan.name == name)
        row = lookups.first_row(opened, plan.index, [text])
        number = numbers.number_text(float(values[name][row]))
        place = opened.place_of(row)
        found.append(notice("W149", column=name, place=place, value=text, number=number))
    return found


def check_named(opened: Opened, options: ReadOptions) -> None:
    """E114 if an option names a column that the source lacks, E601 for a wrong date format."""
    if options.date_format:
        check_format(options.date_format)
    for role in (*KINDS, "keep"):
        known = opened.columns if role == "keep" else [*opened.columns, *opened.beneath]
        for name in getattr(options, role):
            known_name(name, known, Setting(role))
            if name in opened.faults:
                raise opened.faults[name].error
