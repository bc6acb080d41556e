"""The dialect of a delimited text: line ends and separator, found in its bytes.

It reads the first quarter of a megabyte, and all bytes once for facts that must hold everywhere.
It does not read values: delimited.py does.
"""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from vetro.errors import Setting, error, words
from vetro.tables.numbers import marks_of, means_missing

HEAD_BYTES = 1 << 18
_CHUNK = 1 << 20
_SEPARATORS = (",", ";", "\t", "|")
_NAMES = {"\\t": "\t", "tab": "\t", "space": " ", "comma": ",", "semicolon": ";", "pipe": "|"}
BLANKS = (" ", "  ")
"""Runs of blanks; runs of two or more, in which a value may hold single blanks."""
_RARE = (":", "^", "~", "\x01", "\x1f", "¦", "§")
SPACED_SUFFIXES = (".txt", ".dat", ".data")
_COMMENTED = re.compile(r"\A\s*[#%]+ +")
_WIDE = re.compile(r" {2,}|\t+ *")
_NUMBER = re.compile(r"[+-]?[0-9]*[.,]?[0-9]+")
# A quote opens a quoted field only at the start of a field, for both csv and DuckDB.
QUOTE = '"'


@dataclass(frozen=True)
class ByteFacts:
    """Facts about all bytes of a file, from a separate pass, because a sample cannot show them.

    nul: offset of the first NUL byte, -1 if there is none.  loose: whether there may be numbers
    that only DuckDB reads (see opened.py).  mixed: whether lines end in different ways (or a quoted
    field holds another kind of line break).  blank: whether the file holds only blanks and line
    ends.
    """

    nul: int
    loose: bool
    mixed: bool
    blank: bool


def byte_facts(path: Path) -> ByteFacts:
    """Read the whole file once, with a single buffer: 30 ms for 170 MB."""
    nul, offset = -1, 0
    loose, blank, after_return = False, True, False
    returns = feeds = pairs = 0
    buffer = bytearray(_CHUNK)
    with path.open("rb", buffering=0) as file:
        while size := file.readinto(buffer):
            if size < len(buffer):
                del buffer[size:]
            if nul < 0 and (found := buffer.find(b"\0")) >= 0:
                nul = offset + found
            loose = loose or buffer.find(b"_") >= 0
            if not loose and buffer.find(b"+") >= 0:  # one byte is found ten times faster than two
                # "+-" may lie across the ends of two chunks
                loose = buffer.find(b"+-") >= 0 or buffer[-1:] == b"+"
            blank = blank and not buffer.strip()
            if returns or buffer.find(b"\r") >= 0:
                returns += buffer.count(b"\r")
                pairs += buffer.count(b"\r\n") + (after_return and buffer[0] == 10)
                feeds += buffer.count(b"\n")
            elif not feeds:
                feeds = int(buffer.find(b"\n") >= 0)
            after_return = buffer[-1] == 13
            offset += size
            if size < _CHUNK:
                buffer.extend(bytes(_CHUNK - size))
    mixed = returns > 0 and not (returns == feeds == pairs or feeds == 0)
    return ByteFacts(nul, loose, mixed, blank)


def separator_of(head: str, source: str, suffix: str, wanted: str) -> str:
    """The field separator of a text's head; E104 if two fit equally well.

    Returns one of BLANKS for fields separated by runs of blanks, and "," for a single column.
    """
    if wanted:
        name = _NAMES.get(wanted, wanted)
        if (name not in BLANKS and len(name) != 1) or name in '"\r\n':
            raise error(
                "E601",
                argument=Setting("sep"),
                value=wanted,
                reason="a separator is one character",
                fix=words('Use for example {=sep ";"} or {=sep "\\t"}.'),
            )
        return name
    counts = {mark: field_counts(head, mark) for mark in _SEPARATORS}
    exact = [mark for mark, found in counts.items() if found[0] > 1 and len(set(found)) == 1]
    if len(exact) > 1:
        first, second = (mark.replace("\t", "\\t") for mark in exact[:2])
        if "," in exact and ";" in exact:
            first, second = ";", ","
        raise error("E104", source=source, first=first, second=second)
    if exact:
        return exact[0]
    if suffix in SPACED_SUFFIXES:
        for blanks in BLANKS:
            if _splits(head, blanks):
                return blanks
    if _one_column_of_decimal_commas(head):
        return ";"
    if (below := _below_titles(counts)) is not None:
        return below
    # No separator fits everywhere.  Take the one whose header agrees with most rows, so that the
    # message about the other rows is based on the likely separator.
    fits = {
        mark: sum(count == found[0] for count in found[1:]) / max(len(found) - 1, 1)
        for mark, found in counts.items()
        if found[0] > 1
    }
    if fits:
        return max(fits, key=lambda mark: (fits[mark], counts[mark][0]))
    lone = _below_one_name(counts)
    refuse_lone_column(head, lone, source)
    return lone


def refuse_lone_column(head: str, sep: str, source: str) -> None:
    """E104 for a text that this separator leaves in one column, if another one divides each line,
    the header too, into equally many fields."""
    counts = field_counts(head, sep)
    if max(counts) > 1 or len(counts) < 3:
        return
    for mark in (*_SEPARATORS, *_RARE, BLANKS[1], BLANKS[0]):
        if _splits(head, mark) and (mark != BLANKS[0] or _has_numbers(head)):
            raise error("E104", source=source, first=sep, second=mark.replace("\t", "\\t"))


def _splits(head: str, mark: str) -> bool:
    """Whether the mark divides all lines equally; a comment sign before the header apart."""
    counts = field_counts(_COMMENTED.sub("", head), mark)
    return counts[0] > 1 and len(set(counts)) == 1


def _has_numbers(head: str) -> bool:
    """Whether some field is a number in each line but the first, and a word there."""
    fields = [split_blanks(line) for line in head.splitlines() if line.strip()]
    names, rows = fields[0], fields[1:]
    return any(
        not _NUMBER.match(name) and all(_NUMBER.match(row[at]) for row in rows)
        for at, name in enumerate(names)
    )


def _below_titles(counts: dict[str, list[int]]) -> str | None:
    """The separator that fits all rows except some at the top and the end, if one fits best."""
    bodies: dict[str, int] = {}
    for mark, found in counts.items():
        width = Counter(found).most_common(1)[0][0]
        first = found.index(width)
        last = len(found) - found[::-1].index(width)
        body = last - first
        if width > 1 and set(found[first:last]) == {width} and 2 < body >= len(found) // 2:
            bodies[mark] = body
    most = max(bodies.values(), default=0)
    best = [mark for mark, body in bodies.items() if body == most]
    return best[0] if len(best) == 1 else None


def _one_column_of_decimal_commas(head: str) -> bool:
    """Whether each line below a name (and perhaps titles) is one number, some with a comma."""
    lines = [line.strip().strip(QUOTE) for line in head.splitlines() if line.strip()]
    first = next((at for at, line in enumerate(lines) if "," in line), 0)
    rows = [line for line in lines[first:] if not means_missing(line)]
    return first > 0 and not marks_of(rows)[1]


def _below_one_name(counts: dict[str, list[int]]) -> str:
    """The separator if the header is a single name: the separator of the rows, if they have one."""
    for mark, found in counts.items():
        common, times = Counter(found[1:]).most_common(1)[0] if len(found) > 1 else (1, 0)
        if common > 1 and times > len(found) // 2:
            return mark
    return ","


def field_counts(head: str, sep: str) -> list[int]:
    """The number of fields of each record with this separator, without blank lines."""
    if sep in BLANKS:
        found = [len(split_blanks(line, sep)) for line in head.splitlines() if line.strip()]
    else:
        reader = csv.reader(io.StringIO(head, newline=""), delimiter=sep, quotechar=QUOTE)
        found = []
        # If a field is too long for csv, the records before it decide.
        with contextlib.suppress(csv.Error):
            found.extend(len(fields) for fields in reader if fields)
    return found or [0]


def split_blanks(line: str, sep: str = " ") -> list[str]:
    """The fields of a line that are separated by runs of blanks; quotes protect single blanks."""
    if sep != " ":
        return _WIDE.split(line.strip()) if line.strip() else []
    text = " ".join(line.split("\t")).strip()
    if QUOTE not in text:
        return text.split()
    return next(csv.reader([text], delimiter=" ", quotechar=QUOTE, skipinitialspace=True), [])
