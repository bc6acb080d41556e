"""Merged cells of an .ods sheet, which the sheet's reader does not report.

It reads no values.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from xml.etree import ElementTree

_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
Range = tuple[tuple[int, int], tuple[int, int]]


def merged_ranges(path: Path, sheet: str) -> list[Range]:
    """The first and last row and column, from 0, of each area that spans more than one row."""
    found: list[Range] = []
    with zipfile.ZipFile(path) as book, book.open("content.xml") as content:
        inside = False
        row = column = 0
        for event, item in ElementTree.iterparse(content, events=("start", "end")):
            if event == "start":
                if item.tag == f"{_TABLE}table":
                    inside, row = item.get(f"{_TABLE}name") == sheet, 0
                elif item.tag == f"{_TABLE}table-row":
                    column = 0
                continue
            if item.tag in (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
                high = int(item.get(f"{_TABLE}number-rows-spanned", "1"))
                wide = int(item.get(f"{_TABLE}number-columns-spanned", "1"))
                if inside and high > 1:
                    found.append(((row, column), (row + high - 1, column + wide - 1)))
                column += int(item.get(f"{_TABLE}number-columns-repeated", "1"))
            elif item.tag == f"{_TABLE}table-row":
                row += int(item.get(f"{_TABLE}number-rows-repeated", "1"))
                item.clear()
    return found
