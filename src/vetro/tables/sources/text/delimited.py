"""Delimited text files (CSV, TSV and similar), opened for DuckDB with an explicit dialect.

DuckDB reads the values.  It guesses nothing, and none of its messages is shown.  Files that it
cannot read directly (other encodings, gzip, mixed line ends, runs of blanks, rows to be skipped)
are first rewritten to a temporary file.  textfaults.py finds the place of a fault.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import shutil
import tempfile
import threading
import weakref
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from vetro.atomic import NO_SPACE, cannot_save
from vetro.errors import Notice, Words, counted, error, notice, words
from vetro.tables.connection import connect, file_literal, literal
from vetro.tables.csv_lines import csv_writer
from vetro.tables.numbers import value_of
from vetro.tables.opened import Opened, check_column_count
from vetro.tables.options import ReadOptions
from vetro.tables.sources.head import Head, free_name, units_of
from vetro.tables.sources.head_words import distinct_names
from vetro.tables.sources.packed import unpacked
from vetro.tables.sources.signatures import content_of
from vetro.tables.sources.source_kinds import TEXT
from vetro.tables.sources.text import dialect as dialects
from vetro.tables.sources.text import encodings, textfaults
from vetro.tables.sources.text.textfaults import LONGEST_FIELD, TextFile
from vetro.tables.sources.text.trimmed import preface_of, surroundings, top_notices, write_trimmed

# Small buffers keep DuckDB's memory low; they must exceed the longest line.
_BUFFER = 4 * LONGEST_FIELD


def open_delimited(path: Path, options: ReadOptions) -> Opened:
    """Open a delimited text file: dialect, header and relation; no value is read yet."""
    with contextlib.ExitStack() as undo:
        try:
            opened = _open(path, options, undo)
        except OSError as failure:
            if failure.errno in NO_SPACE:
                copy = f"a temporary copy of {path.name}"
                raise cannot_save(tempfile.gettempdir(), failure, copy) from failure
            raise
        # From here on, the folder lives as long as the opened source.
        undo.pop_all()
        return opened


class _Copies:
    """Temporary copies of a file, in a folder that is made for the first one."""

    def __init__(self, undo: contextlib.ExitStack) -> None:
        self._undo = undo
        self.folder: Path | None = None

    def new(self, name: str) -> Path:
        """The path of the next copy."""
        if self.folder is None:
            self.folder = Path(tempfile.mkdtemp(prefix="vetro-"))
            self._undo.callback(shutil.rmtree, self.folder, ignore_errors=True)
        return self.folder / name


def _open(path: Path, options: ReadOptions, undo: contextlib.ExitStack) -> Opened:
    source = path.name
    if path.stat().st_size == 0:
        raise error("E101", source=source, size="0 bytes")
    digest, copies = _digest_of(path), _Copies(undo)
    work, head = _decoded(path, options, copies)
    facts = dialects.byte_facts(work)
    if facts.blank or not head.removeprefix(b"\xef\xbb\xbf").strip():
        raise error("E101", source=source, size="only blank lines")
    if facts.nul >= 0:
        raise textfaults.nul_error(work, source, facts.nul)
    text = _head_text(head, work, source)
    preface = preface_of(text, options)
    if not preface.text.strip():
        raise error("E101", source=source, size="only lines that are left out")
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    sep = dialects.separator_of(preface.text, source, suffix, options.sep or preface.sep)
    if not options.sep and preface.sep:
        dialects.refuse_lone_column(preface.text, sep, source)
    cut = len(head) == dialects.HEAD_BYTES
    around = surroundings(work, preface, sep, options, source, cut=cut)
    decoded = work
    if around.lines or around.end is not None or options.comment:
        work = copies.new("trimmed")
        write_trimmed(decoded, work, around, options.comment)
    original = TextFile(work, source, sep, options.header, decoded=decoded)
    names = _names(original, around.head)
    notices: list[Notice] = top_notices(around, names, source)
    if around.head is not None:
        original = original.with_head(around.head)
    original = replace(original, width=len(names) + len(original.nameless))
    if around.head is not None and around.head.header is not None and not around.head.plain:
        original = replace(original, header=False)
    if options.bad_rows == "refuse" and any(
        count == original.width + 1 for count in dialects.field_counts(text, sep)
    ):
        # DuckDB accepts one separator too many at the end of a row.
        original.refuse_wrong_widths()
    rewritten = (
        facts.mixed or sep in dialects.BLANKS or options.bad_rows == "skip" or original.short > 0
    )
    if rewritten:
        work = copies.new("records")
        notices += _rewrite(original, work, skip=options.bad_rows == "skip")
        original = replace(original, skips=options.bad_rows == "skip")
    work_sep = "\t" if sep in dialects.BLANKS else sep
    opened = _opened(work, work_sep, names, original, facts, rewritten=rewritten)
    opened.notices.extend(notices)
    if sep == dialects.BLANKS[1] and not options.sep:
        opened.notices.append(notice("I175", source=source))
    if around.head is not None:
        opened.units = units_of(around.head)
    opened.digest = digest
    if copies.folder is not None:
        weakref.finalize(original, shutil.rmtree, copies.folder, ignore_errors=True)
    return opened


def _decoded(path: Path, options: ReadOptions, copies: _Copies) -> tuple[Path, bytes]:
    """The file, or a copy of it, as unpacked text in UTF-8, and its first bytes."""
    work = path
    if path.suffix.lower() == ".gz":
        work = _unpacked(path, copies.new("unpacked"))
    head = _first_bytes(work)
    encoding = encodings.encoding_of(head, options.encoding)
    if encoding not in ("utf-8", "utf-8-sig"):
        work = _transcoded(work, copies.new("utf8"), encoding, path.name)
        head = _first_bytes(work)
    if work != path and (packed := content_of(work, head)) and packed.opens is not TEXT:
        what = f"it holds {packed.what}, not delimited text"
        raise error("E125", source=path.name, what=what, fix="Unpack it first.")
    return work, head


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(dialects.HEAD_BYTES)


def _opened(
    work: Path,
    sep: str,
    names: list[str],
    original: TextFile,
    facts: dialects.ByteFacts,
    *,
    rewritten: bool,
) -> Opened:
    check_column_count(original.width, original.source)
    # DuckDB takes the first line break for the line end, and it may be one within quotes.
    line_end = r"new_line = '\n', " if rewritten else ""

    def relation(type_: str, decimal: str = ".") -> str:
        columns = ", ".join(f"'c{index}': '{type_}'" for index in range(original.width))
        return (
            f"read_csv([{file_literal(work)}], auto_detect = false, "
            f"delim = {literal(sep)}, quote = '\"', escape = '\"', {line_end}"
            f"header = {str(original.header).lower()}, strict_mode = true, "
            f"decimal_separator = '{decimal}', "
            f"buffer_size = {_BUFFER}, max_line_size = {LONGEST_FIELD}, columns = {{{columns}}})"
        )

    texts = relation("VARCHAR")
    if original.nameless:
        # The values of a column without a name would be lost silently.
        empty = " AND ".join(f"c{index} IS NULL" for index in original.nameless)
        named = (index for index in range(original.width) if index not in original.nameless)
        shown = ", ".join(f"c{index}" for index in named)
        checked = f"CASE WHEN {empty} THEN true ELSE error('a value without a name') END"
        texts = f"(SELECT {shown} FROM {texts} WHERE {checked})"
    elif len(names) == 1:
        # If there is only one column, DuckDB reads a blank line as a missing value.
        texts = f"(SELECT * FROM {texts} WHERE c0 IS NOT NULL)"
    return Opened(
        connection=connect([work]),
        relation=texts,
        columns=dict.fromkeys(names, "VARCHAR"),
        name=original.source,
        is_text=True,
        headed=True,
        sep=original.sep,
        place_of=original.place_of,
        loose=facts.loose,
        as_numbers=None if texts != relation("VARCHAR") else partial(relation, "DOUBLE"),
        explain=original.explain,
    )


def _names(file: TextFile, head: Head | None) -> list[str]:
    """The columns' names, from the detected header or else from the first record."""
    if head is not None and not head.plain:
        if head.header is None:
            return list(head.names)
        line, names = head.header.line, list(head.names)
        if names[0] == "" and 0 not in head.gaps:
            names[0] = free_name("index", names)
    else:
        try:
            line, first = next(file.records(strict=True), (1, []))
        except csv.Error as failure:
            raise file.explain(failure) from None
        if not file.header:
            return [f"c{position}" for position in range(1, len(first) + 1)]
        names = [name.strip() for name in first]
    if all(len(name) > 1 and name[0] == name[-1] == "'" for name in names):
        what, fix = "the fields are quoted with ' and not with \"", 'Quote them with ".'
        raise error("E111", source=file.source, line=line, what=what, fix=fix)
    gaps = head.gaps if head is not None else ()
    cells = ((at, name) for at, name in enumerate(names, 1) if at - 1 not in gaps)
    return distinct_names(cells, file.source, line, partial(_not_twice, line))


def _not_twice(line: int, name: str) -> Words:
    """How to correct a name that the header has twice; a value is no name."""
    if value_of(name, ".", "") is not None:
        return words("Use {=header no} if that line holds values.")
    text = "Rename one, or use {=skip_rows line} with {=header no} for the names c1, c2, ..."
    return words(text, line=line)


def _head_text(head: bytes, path: Path, source: str) -> str:
    whole = head if len(head) < dialects.HEAD_BYTES else head[: head.rfind(b"\n") + 1] or head
    try:
        return whole.decode("utf-8-sig")
    except UnicodeDecodeError:
        failure = encodings.encoding_error(path, source, "utf-8")
        if failure is not None:
            raise failure from None
        return whole.decode("utf-8-sig", errors="ignore")


def _unpacked(path: Path, target: Path) -> Path:
    try:
        with unpacked(path) as packed, target.open("wb") as plain:
            shutil.copyfileobj(packed, plain, 1 << 20)
    except (OSError, EOFError, zlib.error) as failure:
        if isinstance(failure, OSError) and failure.errno in NO_SPACE:
            raise
        raise error(
            "E125",
            source=path.name,
            what=f"not a complete gzip file ({str(failure).rstrip('.')})",
            fix="Provide the file again.",
        ) from failure
    if target.stat().st_size == 0:
        raise error("E101", source=path.name, size="0 bytes")
    return target


def _transcoded(path: Path, target: Path, encoding: str, source: str) -> Path:
    try:
        with (
            path.open(encoding=encoding, newline="") as given,
            target.open("w", encoding="utf-8", newline="") as plain,
        ):
            shutil.copyfileobj(given, plain, 1 << 20)
    except UnicodeError as failure:
        raise (encodings.encoding_error(path, source, encoding) or failure) from None
    if target.stat().st_size == 0:
        raise error("E101", source=source, size="only a byte-order mark")
    return target


def _rewrite(file: TextFile, target: Path, *, skip: bool) -> list[Notice]:
    """Write the records in a plain dialect; with skip, leave out those that do not fit (W130)."""
    left_out, first = 0, 0
    sep = "\t" if file.sep in dialects.BLANKS else file.sep
    with target.open("w", encoding="utf-8", newline="") as plain:
        writer = csv_writer(plain, sep)
        for line, fields in file.records():
            if skip and not file.fits(fields):
                left_out, first = left_out + 1, first or line
                continue
            if len(fields) == file.width - file.short:
                fields = [*fields, *[""] * file.short]
            writer.writerow(fields)
    if not left_out:
        return []
    were, rows = "was" if left_out == 1 else "were", counted(left_out, "row")
    return [notice("W130", source=file.source, rows=rows, were=were, place=f"line {first}")]


def _digest_of(path: Path) -> Callable[[], str]:
    """A function that returns the file's SHA-256, which a thread computes from now on.

    Hashing needs no interpreter lock.  The file may be renamed or removed from now on.
    """
    file = path.open("rb")
    found = [""]

    def run() -> None:
        # DuckDB also fails on an unreadable file, and that failure is reported.
        with file, contextlib.suppress(OSError):
            found[0] = hashlib.file_digest(file, "sha256").hexdigest()

    def digest() -> str:
        thread.join()
        return found[0]

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return digest
