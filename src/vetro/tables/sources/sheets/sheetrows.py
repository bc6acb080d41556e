"""Which rows of a sheet belong to the table, and cells that are merged over rows.

The rules are those of text files (around.py, footer.py).  It reads no file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from vetro.errors import Notice, counted, error, notice
from vetro.tables.options import ReadOptions
from vetro.tables.sources.around import find_head
from vetro.tables.sources.footer import find_footer, footer_notice
from vetro.tables.sources.head import Head, Place, Record
from vetro.tables.sources.sheets.ods import Range
from vetro.tables.sources.sheets.sheetfaults import column_letters
from vetro.tables.sources.values import as_text

_HEAD_ROWS = 200
_TAIL_ROWS = 5000


@dataclass(frozen=True)
class SheetRows:
    """head: the top of the sheet.  rows: the sheet's row, counted from 0, of each table row."""

    head: Head
    rows: list[int]
    notices: list[Notice]


def rows_of_sheet(
    cells: Sequence[Sequence[Any]], top: int, options: ReadOptions, place: Place
) -> SheetRows:
    """The rows of the table in a sheet.  top: the number of the first row given, counted from 0.

    E101 if every row is left out; E160, E161 and E166 if in doubt.
    """
    kept = [
        top + at
        for at, row in enumerate(cells)
        if top + at >= (options.skip_rows or 0)
        and not (options.comment and _comment(row, options.comment))
    ]
    records = list(_records(cells, top, kept[:_HEAD_ROWS]))
    if not records:
        raise error("E101", source=place.source, size="only rows that are left out")
    head = find_head(records, options, place) or _as_it_is(records)
    last = head.units or head.header or (head.titles[-1] if head.titles else None)
    first = last.line if last else records[0].line - 1
    rows = [number for number in kept if number >= first]
    tail = list(_records(cells, top, rows[-_TAIL_ROWS:]))
    footer = find_footer(tail, head, len(rows) <= _TAIL_ROWS, options, place)
    notices = [footer_notice(footer, head, place)] if footer else []
    remaining = tail[: len(tail) - len(footer)]
    end = remaining[-1].line if remaining else first
    return SheetRows(head, [number for number in rows if number < end], notices)


def _comment(row: Sequence[Any], mark: str) -> bool:
    first = next((value for value in row if as_text(value).strip()), "")
    return isinstance(first, str) and first.lstrip().startswith(mark)


def _as_it_is(records: Sequence[Record]) -> Head:
    """The first row as the header, whatever it holds."""
    names = tuple(cell.strip() for cell in records[0].fields)
    return Head(records[0], names, (), None, tuple(records[1:]), len(names), 0)


def _records(cells: Sequence[Sequence[Any]], top: int, numbers: Sequence[int]) -> Iterator[Record]:
    blank = False
    for number in numbers:
        fields = tuple(map(as_text, cells[number - top]))
        if any(map(str.strip, fields)):
            yield Record(number + 1, number + 1, fields, blank)
            blank = False
        else:
            blank = True


def fill_down(
    cells: list[list[Any]], merged: Sequence[Range], start: tuple[int, int]
) -> list[Range]:
    """Give every row of a merged area the value of its first cell; returns the filled areas.

    A spreadsheet keeps the value only in the first cell.  Cells to its right stay empty.
    """
    top, left = start
    filled = []
    for (first, column), (last, _) in sorted(merged):
        at = column - left
        rows = range(max(first, top), min(last + 1, top + len(cells)))
        if last == first or not rows or not 0 <= at < len(cells[0]) or first < top:
            continue
        value = cells[first - top][at]
        if as_text(value).strip() == "":
            continue
        for number in rows:
            cells[number - top][at] = value
        filled.append(((first, column), (rows[-1], column)))
    return filled


def filled_notice(filled: Sequence[Range], rows: Sequence[int], place: Place) -> list[Notice]:
    """I168 if merged cells of the table's rows were filled."""
    inside = [area for area in filled if rows and area[1][0] >= rows[0] and area[0][0] <= rows[-1]]
    if not inside:
        return []
    (first, column), (last, _) = inside[0]
    letters = column_letters(column)
    return [
        notice(
            "I168",
            source=place.source,
            areas=counted(len(inside), "merged cell"),
            first=f"{letters}{first + 1}:{letters}{last + 1}",
        )
    ]
