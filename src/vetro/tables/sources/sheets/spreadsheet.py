"""Spreadsheets: one sheet of an .xlsx, .xlsm or .ods file.

Cells keep their types, dates and numbers.  The first row that is not blank is the header, unless
titles are above it.  Rows are counted as in the spreadsheet.  Formulas are not computed: their
stored values count.  Blank rows and columns around the table are left out; those inside stay.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from vetro.errors import VetroError, Words, error, nearest, notice, shown, words
from vetro.tables.connection import files_fingerprint, reason
from vetro.tables.faults import Fault
from vetro.tables.opened import Opened
from vetro.tables.options import ReadOptions
from vetro.tables.sources.head import Place, free_name, units_of
from vetro.tables.sources.head_words import distinct_names, head_notices
from vetro.tables.sources.sheets.ods import Range, merged_ranges
from vetro.tables.sources.sheets.sheetfaults import CellFault, cell_faults, column_letters
from vetro.tables.sources.sheets.sheetformats import padded_cells, write_zeros
from vetro.tables.sources.sheets.sheetrows import fill_down, filled_notice, rows_of_sheet
from vetro.tables.sources.sheets.sheetsize import too_large
from vetro.tables.sources.values import EXACT, ValueColumn, finished

_SUFFIXES = (".xlsx", ".xlsm", ".ods")


def open_spreadsheet(source: str | os.PathLike[str], options: ReadOptions) -> Opened:
    """The rows of the sheet options.sheet, or of the only one with data.

    E125 for a damaged file and an unknown or undecided sheet; E110 and E131 for the header;
    E101 for an empty sheet.  A cell with an error or a formula that was never computed is a
    fault of its column.
    """
    from vetro.tables.sources.arrow import open_arrow

    path = Path(source)
    if path.stat().st_size == 0:
        raise error("E101", source=path.name, size="0 bytes")
    if path.suffix.lower() not in _SUFFIXES:
        what = f"{path.suffix} files do not distinguish errors from blank cells"
        raise _refused(path, what, "Save it as .xlsx.")
    try:
        excess = too_large(path)
    except (zipfile.BadZipFile, ElementTree.ParseError, ValueError, OSError):
        excess = None  # the fault of the file is reported below
    if excess is not None:
        raise _refused(path, *excess)
    sheet_name, cells, (top, left), merged = _sheet(path, options.sheet)
    try:
        faulty = cell_faults(path, sheet_name)
    except (KeyError, zipfile.BadZipFile, ElementTree.ParseError) as failure:
        what = f"it is no whole spreadsheet ({shown(reason(failure))})"
        raise _refused(path, what, "Save it again.") from failure
    if not cells:
        for fault in faulty:
            raise _refused(path, fault.what, fault.fix)
        raise error("E101", source=path.name, size="a sheet without values")
    letters = [column_letters(left + position) for position in range(len(cells[0]))]
    place = Place(path.name, "row")
    filled = fill_down(cells, merged, (top, left))
    found = rows_of_sheet(cells, top, options, place)
    head, rows = found.head, found.rows
    if head.header is None:
        names, gaps = list(head.names), []
    else:
        header = [*head.names, *([""] * (len(letters) - len(head.names)))]
        spare = any(_filled(v) for at in rows for v in cells[at - top][len(head.names) :])
        if not spare:
            header = header[: len(head.names)]
        body = [cells[number - top] for number in rows]
        gaps = [at for at in head.gaps if not any(_filled(row[at]) for row in body)]
        indexed = head.names[0] == "" and 0 not in gaps
        if indexed and len(header) > 1 and not head.plain:
            header[0] = free_name("index", header)
        for fault in faulty:
            if fault.row == head.header.line - 1:
                raise _refused(path, fault.what, fault.fix)
        named = ((letters[at], name) for at, name in enumerate(header) if at not in gaps)
        names = distinct_names(named, path.name, head.header.line, lambda name: "Rename one.")
    places = [at for at in range(len(names) + len(gaps)) if at not in gaps]
    positions = dict(zip(places, names, strict=True))
    faults = _column_faults(path, faulty, rows, positions, (top, left), len(cells))
    write_zeros(cells, padded_cells(path, sheet_name), (top, left))
    columns = {name: ValueColumn() for name in names}
    for at, name in positions.items():
        columns[name].append(_whole([cells[number - top][at] for number in rows]))
    table, casts = finished(columns)
    opened = open_arrow(
        table,
        path.name,
        fingerprint=files_fingerprint([path]),
        place_of=lambda row: f"row {rows[row] + 1}",
        casts=casts,
        faults=faults,
    )
    opened.headed = True
    opened.units = units_of(head)
    opened.notices += head_notices(head, names, place) + found.notices
    opened.notices += filled_notice(filled, rows, place)
    if gaps:
        found_at = ", ".join(letters[at] for at in gaps)
        word = "column" if len(gaps) == 1 else "columns"
        opened.notices.append(notice("I174", source=path.name, columns=f"{word} {found_at}"))
    return opened


def _column_faults(
    path: Path,
    faulty: Sequence[CellFault],
    rows: Sequence[int],
    names: Mapping[int, str],
    start: tuple[int, int],
    height: int,
) -> dict[str, Fault]:
    """The first fault of each column; E125 for a fault in the header, or outside the columns.

    A faulty cell reads as blank.  Rows with only faulty cells, below or above the table, are
    checked too.  Titles, totals and other rows that are left out are not.
    height: the number of rows from `top` to the last one with a value.
    """
    top, left = start
    inside, places = range(top, top + height), set(rows)
    found: dict[str, Fault] = {}
    for fault in faulty:
        refusal = _refused(path, fault.what, fault.fix)
        at = fault.column - left
        if fault.row in inside and fault.row not in places and not _heads(fault.row, rows):
            continue
        if fault.row < 0 or _heads(fault.row, rows) or at not in names:
            raise refusal
        found.setdefault(names[at], Fault(refusal))
    return found


def _heads(row: int, rows: Sequence[int]) -> bool:
    """Whether a row stands directly above the table's first: its header, or its units."""
    return not rows or row == rows[0] - 1


_Sheet = tuple[str, list[list[Any]], tuple[int, int], list[Range]]


def _sheet(path: Path, wanted: str) -> _Sheet:
    """The sheet's name, its cells without the blank edges, where they start (from 0), and the
    merged areas."""
    import python_calamine as calamine

    try:
        with calamine.CalamineWorkbook.from_path(path) as book:
            names = [
                item.name
                for item in book.sheets_metadata
                if item.typ == calamine.SheetTypeEnum.WorkSheet
            ]
            if wanted and wanted not in names:
                listing = ", ".join(f'"{shown(name)}"' for name in names)
                hint = nearest(wanted, names)
                what = f'it has no sheet "{shown(wanted)}"'
                raise _refused(path, what, f"{hint}Sheets: {listing}.")
            shown_sheets = [
                item.name
                for item in book.sheets_metadata
                if item.name in names and item.visible == calamine.SheetVisibleEnum.Visible
            ]
            found = {}
            for name in [wanted] if wanted else shown_sheets:
                sheet = book.get_sheet_by_name(name)
                cells, offset = _trimmed(sheet.to_python(skip_empty_area=True))
                start = sheet.start or (0, 0)
                if cells or wanted:
                    corner = (start[0] + offset[0], start[1] + offset[1])
                    found[name] = cells, corner, list(sheet.merged_cell_ranges or ())
    except calamine.PasswordError as failure:
        raise _refused(path, "it is protected by a password", "Save it without.") from failure
    except (calamine.CalamineError, OSError) as failure:
        what = f"it is no whole spreadsheet ({shown(reason(failure))})"
        raise _refused(path, what, "Save it again.") from failure
    if len(found) > 1:
        listing = ", ".join(f'"{shown(name)}"' for name in found)
        largest = max(found, key=lambda name: sum(map(len, found[name][0])))
        fix = words("Use {=sheet largest}.", largest=largest)
        raise _refused(path, f"several sheets hold data ({listing})", fix)
    if not found:
        return "", [], (0, 0), []
    ((name, (cells, corner, merged)),) = found.items()
    if path.suffix.lower() == ".ods":
        merged = merged_ranges(path, name)
    return name, cells, corner, merged


def _trimmed(cells: list[list[Any]]) -> tuple[list[list[Any]], tuple[int, int]]:
    """The cells without blank rows and columns at the edges, and how many were cut before."""
    filled_rows = [place for place, row in enumerate(cells) if any(map(_filled, row))]
    if not filled_rows:
        return [], (0, 0)
    top, bottom = filled_rows[0], filled_rows[-1] + 1
    columns = list(zip(*cells[top:bottom], strict=True))
    filled = [place for place, column in enumerate(columns) if any(map(_filled, column))]
    left, right = filled[0], filled[-1] + 1
    return [row[left:right] for row in cells[top:bottom]], (top, left)


def _filled(value: Any) -> bool:
    return not isinstance(value, str) or bool(value.strip())


def _whole(values: list[Any]) -> list[Any]:
    """The values, with blanks as missing values, and numbers as integers if all are whole.

    A spreadsheet stores every number as a float.
    """
    values = [None if value == "" else value for value in values]
    if {type(value) for value in values} <= {float, type(None)} and all(
        value is None or (value.is_integer() and abs(value) <= EXACT) for value in values
    ):
        return [None if value is None else int(value) for value in values]
    return values


def _refused(path: Path, what: str, fix: str | Words) -> VetroError:
    return error("E125", source=path.name, what=what, fix=fix)
