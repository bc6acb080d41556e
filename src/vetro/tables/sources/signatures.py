"""The kind of a file by its first bytes: its name may say another kind.

It opens no table.
"""

from __future__ import annotations

import codecs
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

from vetro.errors import error, shown
from vetro.tables.sources.source_kinds import DATABASE, FILES, JSON, SHEET, TEXT, SourceKind

_HEAD = 1 << 12
_SPECIAL = (
    ("is_fifo", "a pipe"),
    ("is_socket", "a socket"),
    ("is_char_device", "a device"),
    ("is_block_device", "a device"),
)


@dataclass(frozen=True)
class Content:
    """What a file holds.

    opens: the kind that reads it.  suffix: of a name under which Vetro reads it; without one, fix
    says what to do.
    """

    what: str
    opens: SourceKind | None = None
    suffix: str = ""
    fix: str = ""


_UNPACK, _EXPORT = "Unpack it first.", "Export the table as CSV or Parquet."
_STARTS: tuple[tuple[bytes, Content], ...] = (
    *((start, Content(what, kind, end)) for kind in FILES for start, what, end in kind.starts),
    (b"BZh", Content("a bzip2 file", fix=_UNPACK)),
    (b"\xfd7zXZ\0", Content("an xz file", fix=_UNPACK)),
    (b"\x28\xb5\x2f\xfd", Content("a zstd file", fix=_UNPACK)),
    (b"7z\xbc\xaf\x27\x1c", Content("a 7z archive", fix=_UNPACK)),
    (b"Rar!", Content("a RAR archive", fix=_UNPACK)),
    (b"ARROW1", Content("an Arrow (Feather) file", fix="Write the table as Parquet.")),
    (b"ORC", Content("an ORC file", fix="Write the table as Parquet.")),
    (b"Obj\x01", Content("an Avro file", fix="Write the table as Parquet.")),
    (b"\x93NUMPY", Content("a NumPy array", fix=_EXPORT)),
    (b"\x89HDF", Content("an HDF5 file", fix=_EXPORT)),
    (b"MATLAB 5", Content("a MATLAB file", fix=_EXPORT)),
    *((b"\x80" + bytes([protocol]), Content("a pickle", fix=_EXPORT)) for protocol in range(2, 6)),
    (b"%PDF-", Content("a PDF document", fix=_EXPORT)),
    (b"\x89PNG", Content("a picture (PNG)", fix="Check the path.")),
    (b"\xff\xd8\xff", Content("a picture (JPEG)", fix="Check the path.")),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        Content(
            "an old or encrypted Office document", SHEET, fix="Save the sheet as .xlsx or CSV."
        ),
    ),
    (
        b"version https://git-lfs",
        Content("a Git LFS pointer, which stands for the file", fix="Run git lfs pull."),
    ),
)
_SHEETS = {".xlsx": (".xlsx", ".xlsm"), ".xlsb": (".xlsb",), ".ods": (".ods",)}
_GZIP = b"\x1f\x8b"
_JSON = re.compile(rb'\s*(?:\[\s*)?\{\s*"(?:[^"\\]|\\.)*"\s*:')
_MARKUP = re.compile(rb"\s*<(?:!doctype|\?xml|!--|html|head|body|table|svg)\b", re.IGNORECASE)
_PAGE = re.compile(rb"<!doctype html|<html|<table|<body", re.IGNORECASE)


def check_content(path: Path, kind: SourceKind | None) -> None:
    """E125 for what is no file at all, and for a file that is not what its name says."""
    for test, what in _SPECIAL:
        if getattr(path, test)():
            fix = "Write its content to a file first."
            raise error("E125", source=path.name, what=f"it is {what}, not a file", fix=fix)
    if not path.is_file():
        return
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if path.suffix.lower() == ".gz":
        if head and not head.startswith(_GZIP):
            fix = f"Rename it to {path.stem} if it was never packed."
            raise error("E125", source=path.name, what="it is not packed with gzip", fix=fix)
        return
    found = content_of(path, head)
    if found is None:
        return
    if found.opens is not None and found.opens is kind:
        fitting = _SHEETS.get(found.suffix)
        if fitting is not None and path.suffix.lower() not in fitting:
            what = f"it is {found.what}, not {path.suffix}"
            fix = f"Rename it to {path.stem}{found.suffix}."
            raise error("E125", source=path.name, what=what, fix=fix)
        return
    if found.opens is TEXT and kind in (None, TEXT, JSON):
        return
    what = f"it is {found.what}" + (f", not {kind.label}" if kind else "")
    fix = found.fix or f"Rename it to {path.stem}{found.suffix}."
    raise error("E125", source=path.name, what=what, fix=fix)


def content_of(path: Path, head: bytes) -> Content | None:
    """What a file with these first bytes holds; None for what is not known."""
    if head.startswith(_GZIP):
        return Content("a gzip file", suffix=f"{path.suffix}.gz")
    if head.startswith(b"PK\x03\x04"):
        return _archive(path)
    if head[8:12] == b"DUCK":
        return Content("a DuckDB database", DATABASE, ".duckdb")
    if head[8:10] == b'{"' and head[5:8] == b"\0\0\0":
        return Content("a model file (.safetensors)", fix="Name the table instead.")
    for start, content in _STARTS:
        if head.startswith(start):
            return content
    return text_of(head)


def text_of(head: bytes) -> Content | None:
    """What kind of text begins with these bytes: JSON, markup or any other; None if it is none."""
    text = head.removeprefix(codecs.BOM_UTF8)
    if not text.strip() or b"\0" in text:
        return None
    if _MARKUP.match(text):
        if _PAGE.search(text):
            fix = "Download the table itself; such a page is often a sign-in or an error page."
            return Content("a web page (HTML)", fix=fix)
        return Content("XML", fix=_EXPORT)
    if _JSON.match(text):
        return Content("JSON", JSON, ".json" if text.lstrip().startswith(b"[") else ".jsonl")
    return Content("text", TEXT, ".csv")


def _archive(path: Path) -> Content | None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return None  # what opens it says what is wrong
    if "xl/workbook.xml" in names:
        return Content("an Excel workbook", SHEET, ".xlsx")
    if "xl/workbook.bin" in names:
        return Content("a binary Excel workbook", SHEET, ".xlsb")
    if "content.xml" in names:
        return Content("an OpenDocument file", SHEET, ".ods")
    if path.suffix.lower() in _SHEETS:
        return None  # a workbook without its parts
    holds = f" (it holds {shown(names[0])})" if names else ""
    return Content(f"a zip archive{holds}", fix="Unpack it first, and name the table in it.")
