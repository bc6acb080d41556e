"""Numbers that a spreadsheet shows with leading zeros: a postal code 00501 is stored as 501.

Only the format of the cell says so.  It reads no values.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from vetro.tables.sources.sheets.sheetfaults import MAIN, address, sheet_xml

_ZEROS = re.compile(r"0{2,15}")
_CELL = re.compile(rb"<(?:\w+:)?c\s([^>]*\bs=[\"']([0-9]+)[\"'][^>]*)>")

Padded = dict[tuple[int, int], int]
"""The digits that the format of a cell shows at least, by its row and column from 0."""


def padded_cells(path: Path, sheet: str) -> Padded:
    """The cells of an .xlsx sheet whose format is several zeros, as 00000."""
    if path.suffix.lower() == ".ods":
        return {}
    with zipfile.ZipFile(path) as book:
        digits = _digits_of_styles(book)
        data = sheet_xml(book, sheet) if digits else b""
    return {
        address(found[1]): digits[int(found[2])]
        for found in _CELL.finditer(data)
        if int(found[2]) in digits
    }


def _digits_of_styles(book: zipfile.ZipFile) -> dict[int, int]:
    """How many digits the cell styles show whose format is only zeros, by their numbers."""
    if "xl/styles.xml" not in book.namelist():
        return {}
    root = ElementTree.fromstring(book.read("xl/styles.xml"))
    formats = {
        item.get("numFmtId"): len(code)
        for item in root.iter(f"{MAIN}numFmt")
        if _ZEROS.fullmatch(code := item.get("formatCode", ""))
    }
    styles = root.find(f"{MAIN}cellXfs")
    return {
        place: formats[style.get("numFmtId")]
        for place, style in enumerate(styles if styles is not None else ())
        if style.get("numFmtId") in formats
    }


def write_zeros(cells: Sequence[list[Any]], padded: Padded, start: tuple[int, int]) -> None:
    """Make texts with their zeros of such cells, in columns where some number has fewer digits."""
    top, left = start
    found: dict[int, list[tuple[int, str]]] = {}
    short: set[int] = set()
    for (row, column), digits in padded.items():
        at, place = row - top, column - left
        if not (0 <= at < len(cells) and 0 <= place < len(cells[0])):
            continue
        value = cells[at][place]
        if type(value) is float and value.is_integer() and 0 <= value < 10**digits:
            text = f"{int(value):0{digits}}"
            found.setdefault(place, []).append((at, text))
            short.update([place] if text.startswith("0") else ())
    for place in short:
        for at, text in found[place]:
            cells[at][place] = text
