"""One pass over an opened source: DuckDB casts, and hands over what it could not cast.

A plan says how each column is tried.  A text that does not fit its plan is an exception:
its text comes along with its row, so that the rules of numbers.py and dates.py decide on
it without a second pass.  What the exceptions mean for the column is not decided here.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from vetro.errors import VetroError
from vetro.tables import dates, numbers
from vetro.tables.cells import MOST_EXCEPTIONS, MOST_LEVELS, Cells, Codes, Values
from vetro.tables.connection import unreadable
from vetro.tables.dress import Dress
from vetro.tables.opened import Opened

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 65_536


@dataclass(frozen=True)
class Plan:
    """How one column is tried.

    index: its position in the relation, -1 if it stands for no column.  type: as DuckDB
    names it; VARCHAR is text.  whole: the texts seen were whole numbers, so that any text
    but a plain whole number is looked at.  own: exceptions are expected often.
    sparse: missing values are expected.  zoned: dates have an offset from UTC.  final: not to be
    changed by what the pass finds.
    dress: what stands around the numbers; None where the digits are all.
    """

    name: str
    index: int
    type: str
    way: Literal["number", "date", "text"]
    decimal: str = "."
    thousands: str = ""
    date_format: str = ""
    clock: str = ""
    zoned: bool = False
    whole: bool = False
    own: bool = False
    sparse: bool = False
    final: bool = False
    dress: Dress | None = None

    @property
    def unit(self) -> str:
        """The key of the unit that stands beside the numbers, "" for none."""
        return self.dress.key if self.dress is not None else ""

    @property
    def is_text(self) -> bool:
        """Whether the source holds text here."""
        return self.type == "VARCHAR"


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

    skip: so many rows are left out at the beginning.
    """
    parts = _parts(opened, plans, missing, keep)
    own, shared = parts.own, parts.shared
    first_own = len(plans) + len(keep)
    try:
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
    except Exception as failure:
        raise _explained(opened, failure) from failure


def _records(opened: Opened, query: str, rows: int, skip: int) -> Iterator[pa.RecordBatch]:
    """The rows of a query from `skip` on; after another query it goes on where it was."""
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
    """All rows of a source without texts, handed over at once, which takes half as long as
    batch by batch; None where there are texts, or exceptions, whose texts are then needed."""
    parts = _parts(opened, plans, missing, ())
    if parts.own or not plans or any(plan.way == "text" for plan in plans):
        return None
    # Where neither gaps nor odd texts are expected, the values themselves tell of them.
    gapless = all(plan.is_text and not plan.sparse and not plan.whole for plan in plans)
    gapless = gapless and not opened.underscores
    try:
        found = opened.arrays(parts.values() if gapless else parts.flagged())
    except Exception as failure:
        raise _explained(opened, failure) from failure
    if not gapless and parts.shared and bool(np.ma.getdata(found["x"]).any()):
        return None
    cells: list[Cells] = []
    for position in range(len(plans)):
        array = found.pop(f"v{position}")
        values: NDArray[np.float64] = np.ma.getdata(array)
        if np.ma.is_masked(array):
            values[np.ma.getmaskarray(array)] = np.nan
        if gapless and not math.isfinite(float(values.sum())):
            return None
        column = Values(array=values, rows=len(values))
        if not gapless:
            column.close()
        cells.append(column)
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
    """Append a batch whose first row is `start`; False if a plan has proved wrong."""
    for column, array in zip(cells, batch.columns, strict=True):
        column.add(array)
    for position, text, rows in batch.exceptions:
        values = cells[position]
        assert isinstance(values, Values)
        values.exceptions.setdefault(text, []).extend(
            [start + row for row in rows] if start else rows
        )
    return not any(isinstance(column, Values) and column.overflowed for column in cells)


def sample(opened: Opened, indices: Sequence[int], rows: int) -> tuple[list[list[Any]], int]:
    """The values of the given text columns in the first rows, None where missing."""
    if not indices:
        return [], 0
    query = (
        f"SELECT {', '.join(f'c{index}' for index in indices)} FROM {_source(opened)} LIMIT {rows}"
    )
    try:
        found = opened.ask(query)
    except Exception as failure:
        raise _explained(opened, failure) from failure
    return [list(column) for column in zip(*found, strict=True)] or [[] for _ in indices], len(
        found
    )


def count_texts(
    opened: Opened, indices: Sequence[int], *, missing: Sequence[str] = ()
) -> list[Counter[str]]:
    """How often each text occurs in text columns, over all rows, in order of appearance."""
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


def _explained(opened: Opened, failure: Exception) -> Exception:
    """What to raise for a failure while reading: never DuckDB's own text if it can be helped."""
    if isinstance(failure, VetroError):
        return failure
    explained = opened.explain(failure)
    if isinstance(explained, VetroError):
        return explained
    return unreadable(opened.name)(failure)


def first_row(opened: Opened, index: int, texts: Sequence[str]) -> int:
    """The first row in which a column holds one of the texts, as place_of counts; -1 if none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = pa.array(list(texts), pa.string())
    query = f"SELECT CAST(c{index} AS VARCHAR) FROM {_source(opened)}"
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


def large_texts(opened: Opened, plan: Plan) -> list[str]:
    """The texts of some of the numbers that are too large to be exact."""
    text = f"CAST(c{plan.index} AS VARCHAR)"
    digits = text if plan.dress is None else _undressed(plan.dress, text)
    query = (
        f"SELECT {text} FROM {_source(opened)} "
        f"WHERE abs(TRY_CAST({digits} AS DOUBLE)) > {numbers.LARGEST_EXACT} LIMIT 100"
    )
    return [str(row[0]) for row in opened.ask(query)]


def text_at(opened: Opened, index: int, row: int) -> str:
    """The text of one value, in the row that the source's place_of knows by this number."""
    text = f"CAST(c{index} AS VARCHAR)"
    query = f"SELECT {text} FROM {_source(opened)} LIMIT 1 OFFSET {opened.start + row}"
    return str(opened.ask(query)[0][0])


def has_months(opened: Opened, index: int) -> bool:
    """Whether an INTERVAL of a column has months or years."""
    query = (
        f"SELECT count(*) FROM {_source(opened)} "
        f"WHERE datepart('month', c{index}) <> 0 OR datepart('year', c{index}) <> 0"
    )
    return bool(opened.ask(query)[0][0])


def distinct_texts(opened: Opened, index: int) -> int:
    """How many different texts a column holds, exactly."""
    query = f"SELECT count(DISTINCT c{index}) FROM {_source(opened)}"
    return int(opened.ask(query)[0][0])


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


def _source(opened: Opened) -> str:
    names = ", ".join(f"c{index}" for index in range(len(opened.columns)))
    return f"(SELECT * FROM {opened.relation}) AS t({names})"


@dataclass(frozen=True)
class _Parts:
    """The pass in parts of SQL, and which plans have exceptions of their own or share a list.

    shown: the values.  suspect: true for every row with an exception in a shared column,
    and cheap; bad: the exact condition of each plan.
    """

    shown: list[str]
    source: str
    own: list[int]
    shared: list[int]
    suspect: str
    bad: dict[int, str]

    def with_texts(self) -> str:
        """The values, then the texts of exceptions."""
        texts = [f"CASE WHEN {self.bad[at]} THEN t{at} END AS x{at}" for at in self.own]
        if self.shared:
            each = ", ".join(f"CASE WHEN {self.bad[at]} THEN t{at} END" for at in self.shared)
            texts.append(f"CASE WHEN {self.suspect} THEN [{each}] END AS x")
        return f"SELECT {', '.join([*self.shown, *texts])} FROM ({self.source})"

    def values(self) -> str:
        """The values alone."""
        return f"SELECT {', '.join(self.shown)} FROM ({self.source})"

    def flagged(self) -> str:
        """The values, then x: whether the row has an exception."""
        some = " OR ".join(f"({self.bad[at]})" for at in self.shared)
        flag = f", CASE WHEN {self.suspect} THEN {some} ELSE false END AS x" if some else ""
        return f"SELECT {', '.join(self.shown)}{flag} FROM ({self.source})"


def _parts(
    opened: Opened, plans: Sequence[Plan], missing: Sequence[str], keep: Sequence[str]
) -> _Parts:
    """The pass as SQL: each column's text t, its value v, and what could not be cast."""
    texts = ", ".join("'" + text.replace("'", "''") + "'" for text in missing)
    masked, cast, shown = [], [], []
    own: list[int] = []
    shared: list[int] = []
    bad: dict[int, str] = {}
    positions = {name: index for index, name in enumerate(opened.columns)}
    for at, plan in enumerate(plans):
        raw = f"c{plan.index}"
        if texts:
            raw = f"CASE WHEN CAST({raw} AS VARCHAR) IN ({texts}) THEN NULL ELSE {raw} END"
        masked.append(f"{raw} AS t{at}")
        value, refused = _expressions(plan, f"t{at}", f"v{at}", opened.underscores)
        cast.append(f"t{at}, {value} AS v{at}")
        shown.append(f"v{at}")
        if refused:
            bad[at] = refused
            (own if plan.own else shared).append(at)
    for name in keep:
        masked.append(f"c{positions[name]} AS k{positions[name]}")
        cast.append(f"k{positions[name]}")
        shown.append(f"k{positions[name]}")
    suspect = ""
    if shared:
        dense = [
            at for at in shared if not (opened.underscores or plans[at].sparse or plans[at].whole)
        ]
        checks = [f"({bad[at]})" for at in shared if at not in dense]
        if dense:
            # One sum finds a row with anything but finite numbers, cheaper than twenty tests.
            total = " + ".join(f"v{at}" for at in dense)
            checks.append(f"NOT coalesce(isfinite({total}), false)")
        suspect = " OR ".join(checks)
    inner = f"SELECT {', '.join(masked)} FROM {_source(opened)}"
    source = f"SELECT {', '.join(cast)} FROM ({inner})"
    return _Parts(shown, source, own, shared, suspect, bad)


def _expressions(plan: Plan, text: str, value: str, underscores: bool) -> tuple[str, str]:
    """A plan's value as SQL, and the condition under which its text is an exception."""
    if plan.way == "text":
        if plan.type in ("DOUBLE", "FLOAT"):
            # 1.0 is the level "1", as it is where the source holds whole numbers.
            return f"regexp_replace(CAST({text} AS VARCHAR), '\\.0$', '')", ""
        return (text if plan.is_text else f"CAST({text} AS VARCHAR)"), ""
    if plan.way == "date":
        if plan.is_text:
            refused = f"{value} IS NULL AND {text} IS NOT NULL"
            return dates.sql(text, plan.date_format, plan.clock, zoned=plan.zoned), refused
        if plan.type == "INTERVAL":
            return f"epoch({text})", ""
        return f"(epoch_us({_moment(plan.type, text)}) / 86400e6)", ""
    if not plan.is_text:
        return f"CAST({text} AS DOUBLE)", ""
    if plan.whole:
        # A text that is not the whole number's own text: zeros in front, marks, blanks.
        return f"CAST(TRY_CAST({text} AS BIGINT) AS DOUBLE)", (
            f"NOT coalesce({value} BETWEEN -{numbers.LARGEST_EXACT} AND {numbers.LARGEST_EXACT} "
            f"AND CAST(CAST({value} AS BIGINT) AS VARCHAR) = {text}, {text} IS NULL)"
        )
    refused = f"NOT coalesce(isfinite({value}), {text} IS NULL)"
    if underscores or plan.dress is not None:
        refused += f" OR contains({text}, '_')"
    digits = text if plan.dress is None else _undressed(plan.dress, text)
    return numbers.sql(digits, plan.decimal, plan.thousands), refused


def _undressed(dress: Dress, text: str) -> str:
    """The digits of a cell in the column's usual dress as SQL, NULL in any other: an exception."""
    if not dress.key:
        return text
    before, after = (part.replace("'", "''") for part in (dress.before, dress.after))
    first, last = len(dress.before) + 1, len(dress.before) + len(dress.after)
    if not last:
        return "CAST(NULL AS VARCHAR)"
    fits = [f"starts_with({text}, '{before}')"] if before else []
    fits += [f"ends_with({text}, '{after}')"] if after else []
    digits = f"substr({text}, {first}, length({text}) - {last})"
    # Digits at both ends: what else a cell may hold is for dress.py to say.
    fits.append(f"regexp_full_match({digits}, '[+-]?[0-9].*[0-9]|[0-9]')")
    return f"CASE WHEN {' AND '.join(fits)} THEN {digits} END"


def _moment(type_: str, text: str) -> str:
    return (
        text
        if "ZONE" in type_ or type_.startswith(("TIME_", "TIME(")) or type_ == "TIME"
        else (f"CAST({text} AS TIMESTAMP)")
    )
