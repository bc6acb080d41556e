"""Short queries to a source: its first rows, the place of a text, the text in a row.

They may run in the middle of a stream, which continues afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from vetro.errors import VetroError, error
from vetro.tables import numbers
from vetro.tables.opened import Opened
from vetro.tables.plan import Plan
from vetro.tables.scan import BATCH_ROWS
from vetro.tables.scan_sql import undressed


def sample(opened: Opened, indices: Sequence[int], rows: int) -> tuple[list[list[Any]], int]:
    """The values of the given text columns in the first rows, None where missing."""
    if not indices:
        return [], 0
    columns = ", ".join(f"c{index}" for index in indices)
    found = opened.ask(f"SELECT {columns} FROM {opened.numbered} LIMIT {rows}")
    return [list(column) for column in zip(*found, strict=True)] or [[] for _ in indices], len(
        found
    )


def first_row(opened: Opened, index: int, texts: Sequence[str]) -> int:
    """The first row, counted as for place_of, in which a column holds one of the texts; else -1."""
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = pa.array(list(texts), pa.string())
    query = f"SELECT CAST(c{index} AS VARCHAR) FROM {opened.numbered}"
    start = 0
    for record in opened.reader(query, BATCH_ROWS):
        found = pc.index(pc.is_in(record.column(0), wanted), True).as_py()
        if found >= 0:
            start += int(found)
            break
        start += record.num_rows
    else:
        start = opened.start - 1
    opened.interrupt()
    return start - opened.start


def place_of(opened: Opened, plan: Plan, *texts: str) -> str:
    """The place of the first of the texts in a column."""
    return opened.place_of(first_row(opened, plan.index, texts))


def in_order(opened: Opened, plan: Plan, texts: Iterable[str]) -> list[tuple[str, str]]:
    """(place, text) for texts of a column, by their first rows in the source."""
    rows = sorted((first_row(opened, plan.index, [text]), text) for text in texts)
    return [(opened.place_of(row), text) for row, text in rows]


def of_two(
    code: str, column: str, first: tuple[str, Any], second: tuple[str, Any], **more: Any
) -> VetroError:
    """The refusal of a column for two values that contradict each other, each after its place."""
    (place, value), (other_place, other) = first, second
    places = {"place": place, "value": value, "other_place": other_place, "other": other}
    return error(code, column=column, **places, **more)


def large_texts(opened: Opened, plan: Plan) -> list[str]:
    """The texts of some of the numbers that are too large to be exact."""
    text = f"CAST(c{plan.index} AS VARCHAR)"
    value = f"TRY_CAST({undressed(plan.dress, text)} AS DOUBLE)"
    query = (
        f"SELECT {text} FROM {opened.numbered} "
        f"WHERE abs({value}) > {numbers.LARGEST_EXACT} LIMIT 100"
    )
    return [str(row[0]) for row in opened.ask(query)]


def vanished(opened: Opened, plans: Sequence[Plan]) -> dict[str, str]:
    """A text of each column of numbers that is not 0 and too small for a double, if it has one."""
    parts = []
    for plan in plans:
        text = f"c{plan.index}"
        value = numbers.sql(undressed(plan.dress, text), plan.decimal, plan.thousands)
        parts.append(
            f"min({text}) FILTER (WHERE abs({value}) < {numbers.SMALLEST_EXACT} "
            f"AND regexp_matches({text}, '^[^eE]*[1-9]'))"
        )
    found = opened.ask(f"SELECT {', '.join(parts)} FROM {opened.numbered}")[0] if parts else ()
    return {plan.name: text for plan, text in zip(plans, found, strict=True) if text is not None}


def offsets(opened: Opened, index: int) -> list[str]:
    """A text for each offset from UTC in a column of dates that have one, sorted by the offset."""
    text = f"rtrim(c{index})"
    offset = f"regexp_extract({text}, '(?:Z|UTC|GMT|[+-][0-9]{{2}}:?(?:[0-9]{{2}})?)$')"
    form = (
        f"CASE WHEN {offset} IN ('Z', 'UTC', 'GMT') THEN '+0000' "
        f"ELSE replace(rpad(replace({offset}, ':', ''), 5, '0'), '-0000', '+0000') END"
    )
    query = (
        f"SELECT {form} AS form, min({text}) FROM {opened.numbered} "
        f"WHERE {offset} <> '' GROUP BY form ORDER BY form"
    )
    return [str(row[1]) for row in opened.ask(query)]


def text_at(opened: Opened, index: int, row: int) -> str:
    """The text of one value; row: counted as for the source's place_of."""
    text = f"CAST(c{index} AS VARCHAR)"
    query = f"SELECT {text} FROM {opened.numbered} LIMIT 1 OFFSET {opened.start + row}"
    return str(opened.ask(query)[0][0])


def has_months(opened: Opened, index: int) -> bool:
    """Whether an INTERVAL of a column has months or years."""
    query = (
        f"SELECT count(*) FROM {opened.numbered} "
        f"WHERE datepart('month', c{index}) <> 0 OR datepart('year', c{index}) <> 0"
    )
    return bool(opened.ask(query)[0][0])


def distinct_texts(opened: Opened, index: int) -> int:
    """The exact number of different texts in a column."""
    query = f"SELECT count(DISTINCT c{index}) FROM {opened.numbered}"
    return int(opened.ask(query)[0][0])
