"""Spreadsheets: one sheet of an .xlsx, .xlsm or .ods file.

Dates are dates, numbers numbers; the first row that is not blank is the header, and rows
are counted as the spreadsheet counts them.  Formulas are not computed: their stored values
count.  Blank rows and columns around the table are left out, those inside stay.
"""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from vetro.errors import VetroError, Words, error, nearest, shown, words
from vetro.tables.connection import files_fingerprint, reason
from vetro.tables.opened import Opened
from vetro.tables.options import ReadOptions
from vetro.tables.sheetfaults import column_letters, first_fault
from vetro.tables.values import EXACT, ValueColumn, as_text, finished

_SUFFIXES = (".xlsx", ".xlsm", ".ods")


def open_spreadsheet(source: str | os.PathLike[str], options: ReadOptions) -> Opened:
    """The rows of the sheet options.sheet, or of the only one with data.

    E125 for a damaged file, an unknown or undecided sheet, and a cell with an error or a
    formula that was never computed; E110 and E131 for the header; E101 for an empty sheet.
    """
    from vetro.tables.arrow import open_arrow

    path = Path(source)
    if path.stat().st_size == 0:
        raise error("E101", source=path.name, size="0 bytes")
    if path.suffix.lower() not in _SUFFIXES:
        what = f"in {path.suffix} files errors cannot be told from blank cells"
        raise _refused(path, what, "Save it as .xlsx.")
    sheet_name, cells, (top, left) = _sheet(path, options.sheet)
    try:
        fault = first_fault(path, sheet_name)
    except (KeyError, zipfile.BadZipFile, ElementTree.ParseError) as failure:
        what = f"it is no whole spreadsheet ({shown(reason(failure))})"
        raise _refused(path, what, "Save it again.") from failure
    if fault is not None:
        raise _refused(path, *fault)
    if not cells:
        raise error("E101", source=path.name, size="a sheet without values")
    header = [column_letters(left + position) for position in range(len(cells[0]))]
    if options.header:
        names = _names(path, cells[0], header, top + 1)
        cells = cells[1:]
        top += 1
    else:
        names = [f"c{position + 1}" for position in range(len(header))]
    columns = {name: ValueColumn() for name in names}
    for position, column in enumerate(columns.values()):
        column.append(_whole([row[position] for row in cells]))
    table, casts = finished(columns)
    return open_arrow(
        table,
        path.name,
        fingerprint=files_fingerprint([path]),
        place_of=lambda row: f"row {top + row + 1}",
        casts=casts,
    )


def _sheet(path: Path, wanted: str) -> tuple[str, list[list[Any]], tuple[int, int]]:
    """The sheet's name, its cells without the blank edges, and where they start (from 0)."""
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
                    found[name] = cells, (start[0] + offset[0], start[1] + offset[1])
    except calamine.PasswordError as failure:
        raise _refused(path, "it is protected by a password", "Save it without.") from failure
    except (calamine.CalamineError, OSError) as failure:
        what = f"it is no whole spreadsheet ({shown(reason(failure))})"
        raise _refused(path, what, "Save it again.") from failure
    if len(found) > 1:
        listing = ", ".join(f'"{shown(name)}"' for name in found)
        first = next(iter(found))
        raise _refused(
            path, f"several sheets hold data ({listing})", words("Use {=sheet first}.", first=first)
        )
    if not found:
        return "", [], (0, 0)
    ((name, (cells, start)),) = found.items()
    return name, cells, start


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


def _names(path: Path, row: list[Any], letters: list[str], line: int) -> list[str]:
    """The header's texts; a number or a date in it is a name as it would be written."""
    names: dict[str, str] = {}
    for value, letter in zip(row, letters, strict=True):
        name = as_text(value).strip()
        if not name:
            raise error("E131", source=path.name, line=line, position=letter)
        if name in names:
            raise error("E110", first=names[name], second=letter, name=name)
        names[name] = letter
    return list(names)


def _whole(values: list[Any]) -> list[Any]:
    """The values with blanks missing; numbers as integers where all are whole.

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
