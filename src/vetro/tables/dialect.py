"""The dialect of a delimited text: encoding, line ends and separator, found in its bytes.

It reads the first quarter of a megabyte, and all bytes once for facts that must hold everywhere.
It does not read values: delimited.py does.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from vetro.errors import Setting, error, shown, words
from vetro.tables.numbers import marks_of, means_missing

HEAD_BYTES = 1 << 18
_CHUNK = 1 << 20
_SEPARATORS = (",", ";", "\t", "|")
_NAMES = {"\\t": "\t", "tab": "\t", "space": " ", "comma": ",", "semicolon": ";", "pipe": "|"}
SPACED_SUFFIXES = (".txt", ".dat", ".data")
# A quote opens a quoted field only at the start of a field, for both csv and DuckDB.
QUOTE = '"'


@dataclass(frozen=True)
class ByteFacts:
    """Facts about all bytes of a file, from a separate pass, because a sample cannot show them.

    nul: offset of the first NUL byte, -1 if there is none.  mixed: whether lines end in
    different ways (or a quoted field holds another kind of line break).  blank: whether the file
    holds only blanks and line ends.
    """

    nul: int
    underscores: bool
    mixed: bool
    blank: bool


def byte_facts(path: Path) -> ByteFacts:
    """Read the whole file once, with a single buffer: 30 ms for 170 MB."""
    nul, offset = -1, 0
    underscores, blank, after_return = False, True, False
    returns = feeds = pairs = 0
    buffer = bytearray(_CHUNK)
    with path.open("rb", buffering=0) as file:
        while size := file.readinto(buffer):
            if size < len(buffer):
                del buffer[size:]
            if nul < 0 and (found := buffer.find(b"\0")) >= 0:
                nul = offset + found
            underscores = underscores or buffer.find(b"_") >= 0
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
    return ByteFacts(nul, underscores, mixed, blank)


def encoding_of(head: bytes, wanted: str) -> str:
    """The encoding to decode with: the given one, that of a byte order mark, or UTF-8."""
    if wanted:
        name = _known_encoding(wanted)
        if name == "utf-16" and not head.startswith(_MARKS_OF_16):
            reason = "the file does not begin with a byte-order mark"
            fix = words("Use {=encoding utf-16-le}, utf-16-be, or the encoding of the file.")
            raise error("E601", argument=Setting("encoding"), value=wanted, reason=reason, fix=fix)
        if name == "utf-8" and head.startswith(codecs.BOM_UTF8):
            return "utf-8-sig"
        return name
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF32_BE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if head.startswith(mark):
            return name
    return "utf-8"


_MARKS_OF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# Codecs of Python that are not encodings of a file: of domain names, and one that always fails.
_NOT_OF_FILES = frozenset(("idna", "punycode", "undefined"))


def _known_encoding(wanted: str) -> str:
    """Python's name of an encoding of text; E601."""
    try:
        found = codecs.lookup(wanted)
        "".encode(found.name)  # a LookupError for base64 and others that are not of text
        if found.name not in _NOT_OF_FILES:
            return found.name
    except (LookupError, UnicodeError):
        pass
    raise error(
        "E601",
        argument=Setting("encoding"),
        value=wanted,
        reason="Python has no such encoding of text",
        fix="Use for example utf-8, cp1252 or utf-16.",
    )


def encoding_error(path: Path, source: str, encoding: str) -> Exception | None:
    """E103 with the place of the first byte that is not of the encoding; None if all are."""
    decoder = codecs.getincrementaldecoder(encoding)()
    offset = lines = 0
    with path.open("rb") as file:
        while True:
            chunk = file.read(_CHUNK)
            held = len(decoder.getstate()[0]) if chunk or offset else 0
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as failure:
                at = offset - held + failure.start
                return _not_decodable(path, source, encoding, at)
            lines += chunk.count(b"\n")
            offset += len(chunk)
            if not chunk:
                return None


def _not_decodable(path: Path, source: str, encoding: str, at: int) -> Exception:
    with path.open("rb") as file:
        before = file.read(at)
        around = before[-200:] + (rest := file.read(200))
    line = before.count(b"\n") + 1
    byte = rest[0] if rest else before[-1]
    guess, fix = "", words("Use {=encoding} with the file's encoding.")
    if encoding.startswith("utf-8"):
        start = min(len(before), 200)
        low, high = start, start + 1
        while low > 0 and (around[low - 1] >= 0x80 or chr(around[low - 1]).isalnum()):
            low -= 1
        while high < len(around) and (around[high] >= 0x80 or chr(around[high]).isalnum()):
            high += 1
        try:
            word = around[low:high].decode("cp1252")
            guess, fix = (
                f' (looks like Windows-1252, "{shown(word)}")',
                words("Use {=encoding cp1252}."),
            )
        except UnicodeDecodeError:
            pass
    label = "UTF-8" if encoding.startswith("utf-8") else encoding
    return error(
        "E103",
        source=source,
        line=line,
        byte=byte,
        offset=at,
        encoding=label,
        guess=guess,
        fix=fix,
    )


def separator_of(head: str, source: str, suffix: str, wanted: str) -> str:
    """The field separator of a text's head; E104 if two fit equally well.

    Returns " " for fields separated by runs of blanks, and "," for a single column.
    """
    if wanted:
        name = _NAMES.get(wanted, wanted)
        if len(name) != 1 or name in '"\r\n':
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
        blanks = field_counts(head, " ")
        if blanks[0] > 1 and len(set(blanks)) == 1:
            return " "
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
    return _below_one_name(counts)


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
    if sep == " ":
        found = [len(split_blanks(line)) for line in head.splitlines() if line.strip()]
    else:
        reader = csv.reader(io.StringIO(head, newline=""), delimiter=sep, quotechar=QUOTE)
        found = []
        # If a field is too long for csv, the records before it decide.
        with contextlib.suppress(csv.Error):
            found.extend(len(fields) for fields in reader if fields)
    return found or [0]


def split_blanks(line: str) -> list[str]:
    """The fields of a line that are separated by runs of blanks; quotes protect blanks."""
    text = " ".join(line.split("\t")).strip()
    if QUOTE not in text:
        return text.split()
    return next(csv.reader([text], delimiter=" ", quotechar=QUOTE, skipinitialspace=True), [])
