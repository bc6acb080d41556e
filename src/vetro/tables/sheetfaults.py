"""Cells that a spreadsheet reader silently leaves blank: errors, and formulas never computed.

python-calamine returns an empty cell for both, so this module searches the sheet's XML for them.
It reads no values.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_CALC = "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}"

# Tags may carry a namespace prefix, as in <x:c r="B2" t="e">.
_ERROR = re.compile(
    rb"<(?:\w+:)?c\s(?P<cell>[^>]*?\bt=[\"']e[\"'][^>]*)>(?P<inside>.*?)</(?:\w+:)?c>", re.DOTALL
)
_FORMULA = re.compile(
    rb"<(?:\w+:)?c\s(?P<cell>[^>]*[^/>])>\s*"
    rb"<(?:\w+:)?f\b(?:[^>]*/>|[^>]*>[^<]*</(?:\w+:)?f>)\s*"
    rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
_ADDRESS = re.compile(rb"\br=[\"']([A-Z]+)([0-9]+)[\"']")
_VALUE = re.compile(rb"<(?:\w+:)?v>([^<]*)<")
_EMPTY_TEXT = re.compile(rb"\bt=[\"']str[\"']")


@dataclass(frozen=True)
class CellFault:
    """A faulty cell: row and column are counted from 0, -1 where the file does not say."""

    row: int
    column: int
    what: str
    fix: str


def cell_faults(path: Path, sheet: str) -> list[CellFault]:
    """The sheet's faulty cells, row by row; errors before formulas that were never computed."""
    with zipfile.ZipFile(path) as book:
        if path.suffix.lower() == ".ods":
            return [_error(*found) for found in _ods_errors(book, sheet)]
        part = sheet_part(book, sheet)
        if part is None:
            return []
        data = book.read(part)
    faults = []
    for found in _ERROR.finditer(data):
        value = _VALUE.search(found["inside"])
        faults.append(_error(*address(found["cell"]), value[1].decode() if value else "an error"))
    for found in _FORMULA.finditer(data):
        if not _EMPTY_TEXT.search(found["cell"]):
            row, column = address(found["cell"])
            what = f"the formula in cell {_name(row, column)} was never computed"
            fix = "Open the file in a spreadsheet program and save it."
            faults.append(CellFault(row, column, what, fix))
    return faults


def _error(row: int, column: int, value: str) -> CellFault:
    what = f"cell {_name(row, column)} holds {value}"
    return CellFault(row, column, what, "Correct the formula, or clear the cell.")


def _name(row: int, column: int) -> str:
    return f"{column_letters(column)}{row + 1}" if column >= 0 else "without an address"


def address(cell: bytes) -> tuple[int, int]:
    """The row and column of a cell, counted from 0; -1 where it has no address."""
    found = _ADDRESS.search(cell)
    if found is None:
        return -1, -1
    column = 0
    for letter in found[1].decode():
        column = 26 * column + ord(letter) - ord("A") + 1
    return int(found[2]) - 1, column - 1


def sheet_part(book: zipfile.ZipFile, sheet: str) -> str | None:
    """The name of the sheet's part in an .xlsx file."""
    workbook = ElementTree.fromstring(book.read("xl/workbook.xml"))
    relations = ElementTree.fromstring(book.read("xl/_rels/workbook.xml.rels"))
    targets = {item.get("Id"): item.get("Target", "") for item in relations}
    for item in workbook.iter(f"{_MAIN}sheet"):
        if item.get("name") == sheet:
            target = targets.get(item.get(_RELATION), "")
            return posixpath.normpath(posixpath.join("/xl", target)).lstrip("/")
    return None


def _ods_errors(book: zipfile.ZipFile, sheet: str) -> Iterator[tuple[int, int, str]]:
    """Row, column and text of each cell of an .ods sheet that holds an error."""
    content = ElementTree.fromstring(book.read("content.xml"))
    for table in content.iter(f"{_TABLE}table"):
        if table.get(f"{_TABLE}name") != sheet:
            continue
        row_number = 0
        for row in table.iter(f"{_TABLE}table-row"):
            column = 0
            for cell in row:
                if cell.get(f"{_CALC}value-type") == "error":
                    text = cell.find(f"{_TEXT}p")
                    value = "".join(text.itertext()) if text is not None else "an error"
                    yield row_number, column, value
                column += int(cell.get(f"{_TABLE}number-columns-repeated", "1"))
            row_number += int(row.get(f"{_TABLE}number-rows-repeated", "1"))


def column_letters(column: int) -> str:
    """The letters of a column counted from 0: 0 is A, 26 is AA."""
    letters = ""
    column += 1
    while column:
        column, digit = divmod(column - 1, 26)
        letters = chr(ord("A") + digit) + letters
    return letters
