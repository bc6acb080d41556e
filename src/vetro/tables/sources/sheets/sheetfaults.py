"""Cells that a spreadsheet reader silently leaves blank: errors, and formulas never computed.

python-calamine returns an empty cell for both, so this module searches the sheet's XML for them.
It reads no values.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from vetro.tables.sources.sheets import ods

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"

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
    if path.suffix.lower() == ".ods":
        return [_error(*found) for found in ods.errors(path, sheet)]
    with zipfile.ZipFile(path) as book:
        data = sheet_xml(book, sheet)
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
    return int(found[2]) - 1, column_number(found[1]) - 1


def sheet_xml(book: zipfile.ZipFile, sheet: str) -> bytes:
    """The sheet's part of an .xlsx file; empty if it has none."""
    workbook = ElementTree.fromstring(book.read("xl/workbook.xml"))
    relations = ElementTree.fromstring(book.read("xl/_rels/workbook.xml.rels"))
    targets = {item.get("Id"): item.get("Target", "") for item in relations}
    for item in workbook.iter(f"{MAIN}sheet"):
        if item.get("name") == sheet:
            target = targets.get(item.get(_RELATION), "")
            return book.read(posixpath.normpath(posixpath.join("/xl", target)).lstrip("/"))
    return b""


def column_number(letters: bytes) -> int:
    """The number of a column, counted from 1: A is 1, AA is 27."""
    number = 0
    for letter in letters:
        number = 26 * number + letter - ord("A") + 1
    return number


def column_letters(column: int) -> str:
    """The letters of a column counted from 0: 0 is A, 26 is AA."""
    letters = ""
    column += 1
    while column:
        column, digit = divmod(column - 1, 26)
        letters = chr(ord("A") + digit) + letters
    return letters
