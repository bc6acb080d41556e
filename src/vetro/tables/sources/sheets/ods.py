"""What the reader of .ods files does not say of a sheet: its errors, merged cells and extent.

It reads no values.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_CALC = "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}"
_CELLS = (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell")

Range = tuple[tuple[int, int], tuple[int, int]]
"""The first and the last row and column of an area, counted from 0."""


@dataclass(frozen=True)
class _Cell:
    """A cell with its sheet, its row and column from 0, and how often it is repeated."""

    sheet: str
    row: int
    column: int
    rows: int
    columns: int
    item: ElementTree.Element


def errors(path: Path, sheet: str) -> list[tuple[int, int, str]]:
    """Row, column and text of each cell of a sheet that holds an error."""
    found = []
    for cell in _cells(path):
        if cell.sheet == sheet and cell.item.get(f"{_CALC}value-type") == "error":
            text = cell.item.find(f"{_TEXT}p")
            value = "".join(text.itertext()) if text is not None else "an error"
            found.append((cell.row, cell.column, value))
    return found


def merged_ranges(path: Path, sheet: str) -> list[Range]:
    """The areas of a sheet that span more than one row."""
    found: list[Range] = []
    for cell in _cells(path):
        high, wide = (_times(cell.item, f"number-{way}-spanned") for way in ("rows", "columns"))
        if cell.sheet == sheet and high > 1:
            last = (cell.row + high - 1, cell.column + wide - 1)
            found.append(((cell.row, cell.column), last))
    return found


def extent(path: Path) -> tuple[int, int, int]:
    """The rows and columns from the first cell to the last one with a value, and the number of
    cells with a value, of the sheet where this rectangle is largest."""
    extents: dict[str, tuple[int, int, int]] = {}
    for cell in _cells(path):
        if cell.item.get(f"{_OFFICE}value-type"):
            _, columns, cells = extents.get(cell.sheet, (0, 0, 0))
            right = max(columns, cell.column + cell.columns)
            extents[cell.sheet] = cell.row + cell.rows, right, cells + cell.rows * cell.columns
    return max(extents.values(), key=lambda found: found[0] * found[1], default=(0, 0, 0))


def _cells(path: Path) -> Iterator[_Cell]:
    """All cells, row by row, without the whole file in memory."""
    sheet, row = "", 0
    with zipfile.ZipFile(path) as book, book.open("content.xml") as content:
        for event, item in ElementTree.iterparse(content, events=("start", "end")):
            if event == "start":
                if item.tag == f"{_TABLE}table":
                    sheet, row = item.get(f"{_TABLE}name", ""), 0
            elif item.tag == f"{_TABLE}table-row":
                rows, column = _times(item, "number-rows-repeated"), 0
                for cell in item:
                    if cell.tag in _CELLS:
                        columns = _times(cell, "number-columns-repeated")
                        yield _Cell(sheet, row, column, rows, columns, cell)
                        column += columns
                row += rows
                item.clear()


def _times(item: ElementTree.Element, name: str) -> int:
    return int(item.get(f"{_TABLE}{name}", "1"))
