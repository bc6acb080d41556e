"""The unpacked size of a workbook, computed before a reader allocates memory for it.

A reader allocates the rectangle from the first cell to the last: one stray cell in the last corner
of a sheet makes it allocate 17 billion cells.  This module reads no values.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO, BinaryIO

from vetro.tables.sources.sheets import ods
from vetro.tables.sources.sheets.sheetfaults import column_letters, column_number

MOST_BYTES = 1 << 30
"""The most bytes that the parts of a workbook may have when unpacked."""
MOST_CELLS = 1 << 26
"""The most cells that the rectangle around a sheet's values may have."""
_SPARSE_CELLS = 1 << 22
_SPARSE_SHARE = 0.02

_CHUNK = 1 << 20
_LONGEST_TAG = 1 << 12
# A cell with content: its tag does not close itself.
_CELL = re.compile(rb"<(?:\w+:)?c\s[^>]*?\br=[\"']([A-Z]{1,3})([0-9]{1,7})[\"'][^>]*(?<!/)>")


def too_large(path: Path) -> tuple[str, str] | None:
    """The part of a workbook that is too large, and a fix; None if it can be read."""
    with zipfile.ZipFile(path) as book, path.open("rb") as file:
        total = 0
        for part in book.infolist():
            total += _unpacked_size(file, part, MOST_BYTES - total)
            if total > MOST_BYTES:
                what = f"its parts are larger than {MOST_BYTES >> 30} GiB unpacked"
                return what, "Save the sheet as CSV."
        if path.suffix.lower() == ".ods":
            return _span(*ods.extent(path)) if "content.xml" in book.namelist() else None
        for name in book.namelist():
            if name.startswith("xl/worksheets/") and name.endswith(".xml"):
                with book.open(name) as sheet:
                    found = _span(*_extent(sheet))
                if found is not None:
                    return found
    return None


def _span(rows: int, columns: int, cells: int) -> tuple[str, str] | None:
    area, last = rows * columns, f"{column_letters(columns - 1)}{rows}"
    if area <= _SPARSE_CELLS or (area <= MOST_CELLS and cells >= _SPARSE_SHARE * area):
        return None
    what = f"its {cells:,} cells span {rows:,} rows and {columns:,} columns (up to {last})"
    if cells < _SPARSE_SHARE * area:
        return what, f"Clear cell {last} if it is a mistake, or save the table as CSV."
    return what, "Save the sheet as CSV."


def _unpacked_size(file: BinaryIO, part: zipfile.ZipInfo, most: int) -> int:
    """The true number of unpacked bytes of a part, whatever its header says; if it exceeds `most`,
    any larger number."""
    if part.compress_type != zipfile.ZIP_DEFLATED:
        return part.compress_size
    if part.compress_size * 1040 <= 1 << 24:  # deflate packs 1032 bytes into one at most
        return part.file_size
    file.seek(part.header_offset + 26)
    name, extra = struct.unpack("<HH", file.read(4))
    file.seek(name + extra, 1)
    unpacking = zlib.decompressobj(-15)
    left, size = part.compress_size, 0
    while left > 0 and size <= most and not unpacking.eof:
        data = file.read(min(_CHUNK, left))
        if not data:
            break
        left -= len(data)
        while data and size <= most:
            size += len(unpacking.decompress(data, _CHUNK))
            data = unpacking.unconsumed_tail
    return size


def _extent(sheet: IO[bytes]) -> tuple[int, int, int]:
    """The rectangle from A1 to the last cell: rows, columns, and its filled cells."""
    rows, cells = 0, 0
    letters = {b"A"}
    held = b""
    while data := sheet.read(_CHUNK):
        data = held + data
        found = _CELL.findall(data)
        cells += len(found)
        letters.update(column for column, _ in found)
        rows = max(rows, max((int(row) for _, row in found), default=0))
        # A tag may continue in the next piece.
        start = data.rfind(b"<")
        held = data[start:] if start >= 0 and b">" not in data[start:] else b""
        held = held if len(held) <= _LONGEST_TAG else b""
    return rows, max(map(column_number, letters)), cells
