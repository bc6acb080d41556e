"""What a spreadsheet reader leaves blank in silence: errors, and formulas never computed.

python-calamine gives an empty cell for both, so the sheet's own XML is searched for them.
It reads no values.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
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
_ADDRESS = re.compile(rb"\br=[\"']([A-Z]+[0-9]+)[\"']")
_VALUE = re.compile(rb"<(?:\w+:)?v>([^<]*)<")
_EMPTY_TEXT = re.compile(rb"\bt=[\"']str[\"']")


def first_fault(path: Path, sheet: str) -> tuple[str, str] | None:
    """What is wrong with the sheet's first faulty cell and how to fix it; None if all is well."""
    with zipfile.ZipFile(path) as book:
        if path.suffix.lower() == ".ods":
            found = _ods_error(book, sheet)
            return found and _error(*found)
        part = _sheet_part(book, sheet)
        if part is None:
            return None
        data = book.read(part)
    found_error = _ERROR.search(data)
    if found_error is not None:
        value = _VALUE.search(found_error["inside"])
        return _error(_address(found_error["cell"]), value[1].decode() if value else "an error")
    for found_formula in _FORMULA.finditer(data):
        if not _EMPTY_TEXT.search(found_formula["cell"]):
            what = f"the formula in cell {_address(found_formula['cell'])} was never computed"
            return what, "Open the file in a spreadsheet program and save it."
    return None


def _error(address: str, value: str) -> tuple[str, str]:
    return f"cell {address} holds {value}", "Correct the formula, or clear the cell."


def _address(cell: bytes) -> str:
    found = _ADDRESS.search(cell)
    return found[1].decode() if found else "without an address"


def _sheet_part(book: zipfile.ZipFile, sheet: str) -> str | None:
    """The name of the sheet's part in an .xlsx file."""
    workbook = ElementTree.fromstring(book.read("xl/workbook.xml"))
    relations = ElementTree.fromstring(book.read("xl/_rels/workbook.xml.rels"))
    targets = {item.get("Id"): item.get("Target", "") for item in relations}
    for item in workbook.iter(f"{_MAIN}sheet"):
        if item.get("name") == sheet:
            target = targets.get(item.get(_RELATION), "")
            return posixpath.normpath(posixpath.join("/xl", target)).lstrip("/")
    return None


def _ods_error(book: zipfile.ZipFile, sheet: str) -> tuple[str, str] | None:
    """The address and text of the first cell of an .ods sheet that holds an error."""
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
                    return f"{column_letters(column)}{row_number + 1}", value
                column += int(cell.get(f"{_TABLE}number-columns-repeated", "1"))
            row_number += int(row.get(f"{_TABLE}number-rows-repeated", "1"))
    return None


def column_letters(column: int) -> str:
    """The letters of a column counted from 0: 0 is A, 26 is AA."""
    letters = ""
    column += 1
    while column:
        column, digit = divmod(column - 1, 26)
        letters = chr(ord("A") + digit) + letters
    return letters
