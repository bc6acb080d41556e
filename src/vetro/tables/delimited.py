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
from dataclasses import replace
from pathlib import Path

from vetro.atomic import NO_SPACE, cannot_save
from vetro.errors import Notice, VetroError, counted, error, notice, words
from vetro.tables import dialect as dialects
from vetro.tables import encodings, textfaults
from vetro.tables.connection import connect, file_literal, literal
from vetro.tables.csv_lines import csv_writer
from vetro.tables.head import Head, free_name
from vetro.tables.numbers import value_of
from vetro.tables.opened import Opened, check_column_count
from vetro.tables.options import ReadOptions
from vetro.tables.packed import unpacked
from vetro.tables.signatures import content_of
from vetro.tables.source_kinds import TEXT
from vetro.tables.textfaults import LONGEST_FIELD, TextFile
from vetro.tables.trimmed import preface_of, surroundings, top_notices, write_trimmed

# Small buffers keep DuckDB's memory low; they must exceed the longest line.
_BUFFER = 4 * LONGEST_FIELD


def open_delimited(path: Path, options: ReadOptions) -> Opened:
    """Open a delimited text file: dialect, header and relation; no value is read yet."""
    with contextlib.ExitStack() as undo:
        try:
            opened = _open(path, options, undo)
        except OSError as failure:
            if failure.errno in NO_SPACE:
                raise _no_room(path, failure) from failure
            raise
        # From here on, the folder lives as long as the opened source.
        undo.pop_all()
        return opened


def _open(path: Path, options: ReadOptions, undo: contextlib.ExitStack) -> Opened:
    source = path.name
    size = path.stat().st_size
    if size == 0:
        raise error("E101", source=source, size="0 bytes")
    fingerprint = _Fingerprint(path)
    suffix = path.suffix.lower()
    work = path
    folder: Path | None = None
    if suffix == ".gz":
        suffix = Path(path.stem).suffix.lower()
        folder = _folder(undo)
        work = _unpacked(path, folder, source)
    with work.open("rb") as file:
        head = file.read(dialects.HEAD_BYTES)
    encoding = encodings.encoding_of(head, options.encoding)
    if encoding not in ("utf-8", "utf-8-sig"):
        folder = folder or _folder(undo)
        work = _transcoded(work, folder, encoding, source)
        with work.open("rb") as file:
            head = file.read(dialects.HEAD_BYTES)
    if folder is not None and (packed := content_of(work, head)) and packed.opens is not TEXT:
        what = f"it holds {packed.what}, not delimited text"
        raise error("E125", source=source, what=what, fix="Unpack it first.")
    facts = dialects.byte_facts(work)
    if facts.blank or not head.removeprefix(b"\xef\xbb\xbf").strip():
        raise error("E101", source=source, size="only blank lines" if size else "0 bytes")
    if facts.nul >= 0:
        raise textfaults.nul_error(work, source, facts.nul)
    text = _head_text(head, work, source)
    preface = preface_of(text, options)
    if not preface.text.strip():
        raise error("E101", source=source, size="only lines that are left out")
    sep = dialects.separator_of(preface.text, source, suffix, options.sep or preface.sep)
    if not options.sep and preface.sep:
        dialects.refuse_lone_column(preface.text, sep, source)
    cut = len(head) == dialects.HEAD_BYTES
    around = surroundings(work, preface, sep, options, source, cut=cut)
    decoded = work
    if around.lines or around.end is not None or options.comment:
        folder = folder or _folder(undo)
        work = folder / "trimmed"
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
        folder = folder or _folder(undo)
        work, skipped = _rewritten(original, folder, skip=options.bad_rows == "skip")
        if skipped:
            lines, first = skipped
            notices.append(
                notice(
                    "W130",
                    source=source,
                    rows=counted(lines, "row"),
                    were="was" if lines == 1 else "were",
                    place=f"line {first}",
                )
            )
        original = replace(original, skips=options.bad_rows == "skip")
    work_sep = "\t" if sep in dialects.BLANKS else sep
    opened = _opened(work, work_sep, names, original, facts, rewritten=rewritten)
    opened.notices.extend(notices)
    if sep == dialects.BLANKS[1] and not options.sep:
        opened.notices.append(notice("I175", source=source))
    opened.units = around.units
    fingerprint.complete(opened)
    if folder is not None:
        weakref.finalize(original, shutil.rmtree, folder, ignore_errors=True)
    return opened


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

    def relation(type_: str) -> str:
        columns = ", ".join(f"'c{index}': '{type_}'" for index in range(original.width))
        return (
            f"read_csv([{file_literal(work)}], auto_detect = false, "
            f"delim = {literal(sep)}, quote = '\"', escape = '\"', {line_end}"
            f"header = {str(original.header).lower()}, strict_mode = true, "
            f"buffer_size = {_BUFFER}, max_line_size = {LONGEST_FIELD}, columns = {{{columns}}})"
        )

    texts, as_numbers = relation("VARCHAR"), relation("DOUBLE")
    if original.nameless:
        # The values of a column without a name would be lost silently.
        empty = " AND ".join(f"c{index} IS NULL" for index in original.nameless)
        named = (index for index in range(original.width) if index not in original.nameless)
        shown = ", ".join(f"c{index}" for index in named)
        checked = f"CASE WHEN {empty} THEN true ELSE error('a value without a name') END"
        texts, as_numbers = f"(SELECT {shown} FROM {texts} WHERE {checked})", ""
    elif len(names) == 1:
        # If there is only one column, DuckDB reads a blank line as a missing value.
        texts, as_numbers = f"(SELECT * FROM {texts} WHERE c0 IS NOT NULL)", ""
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
        as_numbers=as_numbers,
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
    places: dict[str, int] = {}
    gaps = head.gaps if head is not None else ()
    for position, name in enumerate(names, 1):
        if position - 1 in gaps:
            continue
        if not name:
            raise error("E131", source=file.source, line=line, position=position)
        if name in places:
            value = value_of(name, ".", "") is not None
            advice = words(
                "Rename one, or use {=skip_rows line} with {=header no} for the names c1, c2, ...",
                line=line,
            )
            if value:
                advice = words("Use {=header no} if that line holds values.")
            raise error("E110", first=places[name], second=position, name=name, fix=advice)
        places[name] = position
    return list(places)


def _head_text(head: bytes, path: Path, source: str) -> str:
    whole = head if len(head) < dialects.HEAD_BYTES else head[: head.rfind(b"\n") + 1] or head
    try:
        return whole.decode("utf-8-sig")
    except UnicodeDecodeError:
        failure = encodings.encoding_error(path, source, "utf-8")
        if failure is not None:
            raise failure from None
        return whole.decode("utf-8-sig", errors="ignore")


def _folder(undo: contextlib.ExitStack) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="vetro-"))
    undo.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _no_room(path: Path, failure: OSError) -> VetroError:
    """The E503 of a copy of the file that the temporary folder cannot hold."""
    return cannot_save(tempfile.gettempdir(), failure, f"a temporary copy of {path.name}")


def _unpacked(path: Path, folder: Path, source: str) -> Path:
    target = folder / "unpacked"
    try:
        with unpacked(path) as packed, target.open("wb") as plain:
            shutil.copyfileobj(packed, plain, 1 << 20)
    except (OSError, EOFError, zlib.error) as failure:
        if isinstance(failure, OSError) and failure.errno in NO_SPACE:
            raise
        raise error(
            "E125",
            source=source,
            what=f"not a complete gzip file ({str(failure).rstrip('.')})",
            fix="Provide the file again.",
        ) from failure
    if target.stat().st_size == 0:
        raise error("E101", source=source, size="0 bytes")
    return target


def _transcoded(path: Path, folder: Path, encoding: str, source: str) -> Path:
    target = folder / "utf8"
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


def _rewritten(file: TextFile, folder: Path, *, skip: bool) -> tuple[Path, tuple[int, int] | None]:
    """The records in a plain dialect; with skip, also the number of records left out and the line
    of the first."""
    target = folder / "records"
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
    return target, (left_out, first) if left_out else None


class _Fingerprint:
    """SHA-256 of a file, computed during the reading: hashing needs no interpreter lock."""

    def __init__(self, path: Path) -> None:
        # Opened here, so that the file may be renamed or removed from now on.
        self._file = path.open("rb")
        self._digest = ""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        # DuckDB also fails on an unreadable file, and that failure is reported.
        with self._file, contextlib.suppress(OSError):
            self._digest = hashlib.file_digest(self._file, "sha256").hexdigest()

    def complete(self, opened: Opened) -> None:
        """Have `finish` wait for the digest and write it into the opened source."""

        def finish() -> None:
            self._thread.join()
            opened.fingerprint = self._digest

        opened.finish = finish
