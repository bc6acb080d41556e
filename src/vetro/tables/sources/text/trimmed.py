"""A delimited text without the lines around its table: a copy in which those lines are blank.

In this copy every row keeps its line number.  around.py and footer.py decide from the first and
last lines which lines are left out.  Every line is checked only if there is a comment mark.
"""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vetro.errors import Notice, TableError
from vetro.tables.options import ReadOptions
from vetro.tables.sources.around import find_head
from vetro.tables.sources.footer import empty_notice, find_footer, footer_notice
from vetro.tables.sources.head import Head, Place, Record
from vetro.tables.sources.head_words import head_notices
from vetro.tables.sources.text import dialect as dialects

_HEAD_LINES = 500
_TAIL_BYTES = 1 << 16
_CHUNK = 1 << 20
_SEP_LINE = re.compile(r'\ufeff?"?sep=(?P<sep>[^\r\n])"?(?P=sep)*[ ]*(?:\r\n|\r|\n)', re.IGNORECASE)
_BREAKS = "\r\n"


@dataclass(frozen=True)
class Preface:
    """Lines to leave out before the separator is known: those of the options, and `sep=;`.

    text: the head with those lines blank.  lines: their numbers.  sep: the sep= line's separator.
    """

    text: str
    lines: frozenset[int]
    sep: str = ""


@dataclass(frozen=True)
class Surroundings:
    """The lines around a table.

    head: None if no line at the top is left out.  lines: those to leave out at the top, counted
    from 1.  end: the number of bytes before the footer, or None.
    """

    head: Head | None
    lines: frozenset[int]
    end: int | None
    notices: tuple[Notice, ...] = ()


def preface_of(text: str, options: ReadOptions) -> Preface:
    """The head of a file without its `sep=` line, the lines to skip, and the user's comments."""
    lines = _lines(text)
    left_out: set[int] = set()
    found = _SEP_LINE.fullmatch(lines[0]) if lines else None
    if found is not None:
        left_out.add(1)
    left_out.update(range(1, (options.skip_rows or 0) + 1))
    if options.comment:
        left_out.update(
            number for number, line in enumerate(lines, 1) if is_comment(line, options.comment)
        )
    if not left_out:
        return Preface(text, frozenset())
    shown = "".join(
        _blank(line) if number in left_out else line for number, line in enumerate(lines, 1)
    )
    skipped = range(1, (options.skip_rows or 0) + 1)
    kept = frozenset(left_out & {1, *skipped}) if found else frozenset(skipped)
    return Preface(shown, kept, found["sep"] if found else "")


def is_comment(line: str, mark: str) -> bool:
    """Whether a line is a comment: it begins with the mark, perhaps after blanks or a quote."""
    return line.lstrip(' \t"').startswith(mark)


def surroundings(
    path: Path, preface: Preface, sep: str, options: ReadOptions, source: str, *, cut: bool
) -> Surroundings:
    """The lines around a file's table.  cut: whether the preface's text ends before the file."""
    place = Place(source)
    lines = _lines(preface.text)
    records = list(records_of(lines[:_HEAD_LINES], sep))
    if cut or len(lines) > _HEAD_LINES:
        records = records[:-1]
    head = find_head(records, options, place)
    if head is None:
        return Surroundings(None, preface.lines, None)
    left_out = set(preface.lines)
    if not head.plain:
        last = head.units or head.header or (head.titles[-1] if head.titles else None)
        left_out.update(range(1, last.end + 1 if last else 1))
    tail = _Tail.of(path, sep, options, left_out, head)
    try:
        footer = find_footer(tail.records, head, tail.whole, options, place)
        doubtful = bool(footer)
    except TableError:
        doubtful = True
    if doubtful:
        # The lines of the file are counted only here, because it takes time.
        tail = tail.numbered(path)
        footer = find_footer(tail.records, head, tail.whole, options, place)
    notices = [footer_notice(footer, head, place)] if footer else []
    if not footer and head.titles and tail.empty and options.skip_footer is None:
        # The spreadsheet program also saved the blank rows below the table.
        notices = [empty_notice(tail.empty, place)]
    cut_off = bool(notices) or tail.padded
    end = tail.end_of(len(tail.records) - len(footer)) if cut_off else None
    return Surroundings(head, frozenset(left_out), end, tuple(notices))


def write_trimmed(path: Path, target: Path, found: Surroundings, comment: str) -> None:
    """The copy, with the lines that are left out blank and without the footer.

    comment: lines that begin with this mark outside quotes become blank too; without one, what
    follows the last line to leave out is copied as it is.
    """
    last, mark = max(found.lines, default=0), comment.encode()
    number = removed = 0
    inside = False
    with path.open("rb") as given, target.open("wb") as plain:
        for lines in given:
            for line in lines.splitlines(keepends=True):
                number += 1
                commented = mark and line.lstrip(b'\xef\xbb\xbf \t"').startswith(mark)
                if number in found.lines or (commented and not inside):
                    ending = line[len(line.rstrip(b"\r\n")) :]
                    removed += len(line) - len(ending)
                    line = ending
                else:
                    inside ^= bool(line.count(b'"') % 2)
                plain.write(line)
            if number >= last and not mark:
                break
        shutil.copyfileobj(given, plain, _CHUNK)
        if found.end is not None:
            plain.truncate(found.end - removed)


def records_of(lines: Sequence[str], sep: str, first: int = 1) -> Iterator[Record]:
    """The records of lines that are not blank; `first` is the number of the first line."""
    blank = False
    if sep in dialects.BLANKS:
        for number, line in enumerate(lines, first):
            fields = dialects.split_blanks(line, sep)
            if fields:
                yield Record(number, number, tuple(fields), blank)
            blank = not fields
        return
    reader = csv.reader(lines, delimiter=sep, quotechar=dialects.QUOTE)
    start = 0
    while True:
        try:
            fields = next(reader)
        except (StopIteration, csv.Error):
            return  # if a field is too long for csv, the records before it decide
        if any(cell.strip() for cell in fields):
            yield Record(first + start, first + reader.line_num - 1, tuple(fields), blank)
            blank = False
        else:
            blank = True
        start = reader.line_num


@dataclass(frozen=True)
class _Tail:
    """The last records of a file, and the places where their lines begin."""

    records: list[Record]
    whole: bool
    first: int
    starts: list[int]
    lines: list[str]
    texts: list[str]
    sep: str

    @staticmethod
    def of(path: Path, sep: str, options: ReadOptions, left_out: set[int], head: Head) -> _Tail:
        size = path.stat().st_size
        wanted = options.skip_footer or 0
        length = max(_TAIL_BYTES, 2048 * wanted)
        while True:
            tail = _Tail._last(path, sep, options, left_out, head, max(0, size - length))
            if tail.whole or len(tail.records) >= wanted:
                return tail
            length *= 4

    @staticmethod
    def _last(
        path: Path, sep: str, options: ReadOptions, left_out: set[int], head: Head, begin: int
    ) -> _Tail:
        with path.open("rb") as file:
            file.seek(begin)
            data = file.read()
        first = 1
        if begin:
            cut = data.find(b"\n") + 1
            begin, data = begin + cut, data[cut:]
        lines = data.splitlines(keepends=True)
        starts = [begin]
        for line in lines:
            starts.append(starts[-1] + len(line))
        texts = [line.decode("utf-8", errors="replace") for line in lines]
        if options.comment:
            texts = [_blank(line) if is_comment(line, options.comment) else line for line in texts]
        after = 0 if begin else max(left_out, default=0)
        if head.header is not None and not begin:
            after = max(after, head.header.end)
        texts = [
            _blank(line) if first + number <= after else line for number, line in enumerate(texts)
        ]
        records = list(records_of(texts, sep, first))
        if begin:
            fitting = sum(len(record.fields) == head.width for record in records)
            if fitting < 0.8 * len(records):
                records = []  # perhaps the inside of a quoted field
        return _Tail(
            records, begin == 0, first, starts, [line.strip() for line in texts], texts, sep
        )

    def numbered(self, path: Path) -> _Tail:
        """The same records with their line numbers in the file."""
        before = _count_lines(path, self.starts[0]) + 1 - self.first
        moved = [
            replace(record, line=record.line + before, end=record.end + before)
            for record in self.records
        ]
        return replace(self, records=moved, first=self.first + before)

    @property
    def empty(self) -> int:
        """The number of lines below the last record that hold only separators."""
        if not self.records:
            return 0
        return sum(map(bool, self.lines[self.records[-1].end + 1 - self.first :]))

    @property
    def padded(self) -> bool:
        """Whether a line below the last record holds blanks alone; tabs may separate fields."""
        below = self.texts[self.records[-1].end + 1 - self.first :] if self.records else []
        blank = [line for line in below if line.strip(_BREAKS) and not line.strip()]
        return any(self.sep != "\t" or "\t" not in line for line in blank)

    def end_of(self, count: int) -> int:
        """The number of bytes of the file up to the end of the first `count` records."""
        if count == 0:
            return self.starts[self.records[0].line - self.first]
        return self.starts[self.records[count - 1].end + 1 - self.first]


def _count_lines(path: Path, end: int) -> int:
    """The number of lines that end in the first `end` bytes."""
    count = 0
    with path.open("rb") as file:
        while end > 0:
            data = file.read(min(1 << 20, end))
            if not data:
                break
            count += data.count(b"\n")
            end -= len(data)
    return count


def _lines(text: str) -> list[str]:
    return io.StringIO(text, newline="").readlines()


def _blank(line: str) -> str:
    return line[len(line.rstrip(_BREAKS)) :]


def top_notices(found: Surroundings, names: Sequence[str], source: str) -> list[Notice]:
    """The messages: about the lines at the top, then about those below."""
    top = head_notices(found.head, names, Place(source)) if found.head is not None else []
    return [*top, *found.notices]
