"""One pass over an opened source: DuckDB casts the texts, and returns those that it could not cast.

A plan says how each column is tried.  A text that does not fit its plan is an exception: the pass
returns it with its row, so that the rules of numbers.py and dates.py decide on it without a second
pass.  reviews.py decides what the exceptions mean for the column.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vetro.tables.cells import MOST_EXCEPTIONS, MOST_LEVELS, Cells, Codes, Values
from vetro.tables.opened import Opened
from vetro.tables.plan import Plan
from vetro.tables.scan_sql import parts_of

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 65_536


@dataclass
class Batch:
    """Some rows: one Arrow array per plan, kept columns, exceptions as (plan, text, rows)."""

    rows: int
    columns: list[Any]
    kept: dict[str, Any]
    exceptions: list[tuple[int, str, list[int]]]


def stream(
    opened: Opened,
    plans: Sequence[Plan],
    *,
    missing: Sequence[str] = (),
    keep: Sequence[str] = (),
    rows: int = BATCH_ROWS,
    skip: int = 0,
) -> Generator[Batch]:
    """The rows in order, batch by batch, with constant memory; failures are explained.

    skip: number of rows left out at the beginning.
    """
    parts = parts_of(opened, plans, missing, keep)
    own, shared = parts.own, parts.shared
    first_own = len(plans) + len(keep)
    with opened.explaining():
        for record in _records(opened, parts.with_texts(), rows, skip):
            count = record.num_rows
            exceptions: list[tuple[int, str, list[int]]] = []
            for offset, position in enumerate(own):
                texts = record.column(first_own + offset)
                if texts.null_count < count:
                    exceptions.extend((position, *found) for found in _by_text(texts))
            if shared:
                lists = record.column(record.num_columns - 1)
                if lists.null_count < count:
                    where = np.flatnonzero(lists.is_valid().to_numpy(zero_copy_only=False))
                    for row, texts in zip(where, lists.drop_null().to_pylist(), strict=True):
                        exceptions.extend(
                            (position, text, [int(row)])
                            for position, text in zip(shared, texts, strict=True)
                            if text is not None
                        )
            columns = [record.column(position) for position in range(len(plans))]
            kept = {name: record.column(len(plans) + at) for at, name in enumerate(keep)}
            yield Batch(count, columns, kept, exceptions)


def _records(opened: Opened, query: str, rows: int, skip: int) -> Iterator[pa.RecordBatch]:
    """The rows of a query from `skip` on; it continues correctly after an interrupting query."""
    given, reader = skip, None
    while True:
        if reader is None or reader not in opened.readers:
            reader = opened.reader(query + (f" OFFSET {given}" if given else ""), rows)
        record = next(reader, None)
        if record is None:
            opened.interrupt()
            return
        yield record
        given += record.num_rows


def collect(
    opened: Opened, plans: Sequence[Plan], *, missing: Sequence[str] = (), keep: Sequence[str] = ()
) -> tuple[list[Cells], dict[str, Any], int, bool]:
    """All rows: the columns, the kept columns, the number of rows, and whether all were read."""
    if not keep and (clean := _clean_numbers(opened, plans, missing)) is not None:
        return clean, {}, clean[0].rows, True
    cells = cells_for(plans)
    kept: dict[str, list[Any]] = {name: [] for name in keep}
    rows, whole = 0, True
    for batch in stream(opened, plans, missing=missing, keep=keep):
        whole = add(cells, batch, rows)
        rows += batch.rows
        for name, column in batch.kept.items():
            kept[name].append(column)
        if not whole:
            break
    for column in cells:
        column.close()
    joined = {name: _joined(parts) for name, parts in kept.items()}
    return cells, joined, rows, whole


def _clean_numbers(
    opened: Opened, plans: Sequence[Plan], missing: Sequence[str]
) -> list[Cells] | None:
    """All rows of a source without texts, read at once, which takes half as long as in batches.

    None if there are texts, or exceptions, whose texts are then needed.
    """
    if not plans or any(plan.way == "text" for plan in plans):
        return None
    if not missing and _are_plain(opened, plans):
        return _read_as_numbers(opened, plans)
    parts = parts_of(opened, plans, missing, ())
    if parts.own:
        return None
    found = opened.arrays(parts.flagged())
    if parts.shared and bool(np.ma.getdata(found["x"]).any()):
        return None
    cells: list[Cells] = []
    for position in range(len(plans)):
        array = found.pop(f"v{position}")
        values: NDArray[np.float64] = np.ma.getdata(array)
        if np.ma.is_masked(array):
            values[np.ma.getmaskarray(array)] = np.nan
        column = Values(array=values, rows=len(values))
        column.close()
        cells.append(column)
    return cells


def _are_plain(opened: Opened, plans: Sequence[Plan]) -> bool:
    """Whether all columns of a text are numbers with one decimal mark, as far as is known."""
    return (
        opened.as_numbers is not None
        and not opened.loose
        and len(plans) == len(opened.columns)
        and len({plan.decimal for plan in plans}) == 1
        and not any(plan.own or plan.sparse or plan.whole for plan in plans)
        and not any(plan.thousands or plan.dress for plan in plans)
    )


def _read_as_numbers(opened: Opened, plans: Sequence[Plan]) -> list[Cells] | None:
    """The numbers, cast by the reader of the file itself, which saves a quarter of the time.

    None if a cell is empty, is not finite, or is no number.
    """
    import duckdb

    assert opened.as_numbers is not None
    opened.interrupt()
    with opened.explaining():
        try:
            rows = opened.connection.execute(f"FROM {opened.as_numbers(plans[0].decimal)}")
            found: dict[str, Any] = rows.fetchnumpy()
        except (duckdb.ConversionException, duckdb.InvalidInputException):
            return None
    cells: list[Cells] = []
    for plan in plans:
        values = found.pop(f"c{plan.index}")
        if np.ma.is_masked(values) or not math.isfinite(float(values.sum())):
            return None
        cells.append(Values(array=np.ma.getdata(values), rows=len(values)))
    return cells


def cells_for(plans: Sequence[Plan], most_levels: float = MOST_LEVELS) -> list[Cells]:
    """Empty columns for the plans."""
    return [
        Codes(limit=most_levels)
        if plan.way == "text"
        else Values(limit=MOST_EXCEPTIONS if plan.whole or not plan.final else math.inf)
        for plan in plans
    ]


def add(cells: Sequence[Cells], batch: Batch, start: int) -> bool:
    """Append a batch whose first row is `start`; False if a plan turned out wrong."""
    for column, array in zip(cells, batch.columns, strict=True):
        column.add(array)
    for position, text, rows in batch.exceptions:
        values = cells[position]
        assert isinstance(values, Values)
        values.exceptions.setdefault(text, []).extend(
            [start + row for row in rows] if start else rows
        )
    return not any(isinstance(column, Values) and column.overflowed for column in cells)


def count_texts(
    opened: Opened, indices: Sequence[int], *, missing: Sequence[str] = ()
) -> list[Counter[str]]:
    """The count of each text in text columns, over all rows, in order of appearance."""
    import pyarrow.compute as pc

    names, types = list(opened.columns), list(opened.columns.values())
    plans = [Plan(names[index], index, types[index], "text") for index in indices]
    counts: list[Counter[str]] = [Counter() for _ in indices]
    for batch in stream(opened, plans, missing=missing):
        for count, column in zip(counts, batch.columns, strict=True):
            found = pc.value_counts(column.drop_null())
            texts, numbers_ = found.field("values").to_pylist(), found.field("counts").to_pylist()
            for text, number in zip(texts, numbers_, strict=True):
                count[text] += number
    return counts


def _by_text(texts: pa.Array) -> Iterator[tuple[str, list[int]]]:
    """Each text with its rows, in order of first appearance."""
    rows = np.flatnonzero(texts.is_valid().to_numpy(zero_copy_only=False))
    encoded = texts.drop_null().dictionary_encode()
    codes = encoded.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(len(encoded.dictionary) + 1))
    for code, text in enumerate(encoded.dictionary.to_pylist()):
        yield text, rows[order[starts[code] : starts[code + 1]]].tolist()


def _joined(parts: list[Any]) -> Any:
    import pyarrow as pa

    return pa.chunked_array(parts) if parts else pa.array([], pa.string())
