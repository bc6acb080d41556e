"""The encoding of a text file: given, marked or UTF-8; and where its bytes are not of it.

For a file that is not UTF-8 the message names the encodings that give plausible words
(alphabets.py).  Nothing is guessed silently: the user chooses.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vetro.errors import Setting, Words, error, shown, words
from vetro.tables.sources.text import alphabets

_CHUNK = 1 << 20
# Of those that give the same text, the first is named.
_CANDIDATES = (
    *("cp1252", "iso-8859-15", "mac-roman", "cp850", "cp437"),
    *("cp1250", "iso-8859-2", "cp852", "cp1257", "cp1254", "cp857"),
    *("cp1251", "koi8-r", "koi8-u", "cp866"),
    *("cp1253", "iso-8859-7", "cp1255", "cp1256", "cp874"),
    *("cp932", "euc-jp", "gb18030", "big5", "cp949", "iso-8859-5"),
)
_LATER = 0.05  # bits a byte for each place in this list: without evidence, the earlier one
_LINES, _LONGEST, _MOST_BYTES = 300, 2000, 1 << 24
_PLAUSIBLE = 7.5
"""The bits a byte beyond ASCII at which a decoding is not named at all."""
_AHEAD = 1.0
"""How many more bits a byte the second best needs to be left out of the message."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MARKS_OF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# Codecs of Python that are not encodings of a file: of domain names, and one that always fails.
_NOT_OF_FILES = frozenset(("idna", "punycode", "undefined"))


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
    return next((name for mark, name in _MARKS if head.startswith(mark)), "utf-8")


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


def wide_encoding(head: bytes) -> str:
    """UTF-16 or UTF-32 without a mark, by where the zero bytes are; "" for neither."""
    sample = head[: len(head) // 4 * 4][:4000]
    zeros = [sample[place::4].count(0) for place in range(4)]
    most = len(sample) // 4
    few = 0.2 * most
    for name, filled in (("utf-32-le", (0,)), ("utf-32-be", (3,))):
        if most and all(zeros[at] < few if at in filled else zeros[at] == most for at in range(4)):
            return name
    even, odd = zeros[0] + zeros[2], zeros[1] + zeros[3]
    for name, text, empty in (("utf-16-le", even, odd), ("utf-16-be", odd, even)):
        if most and text < few and empty > most:
            return name
    return ""


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
        rest = file.read(1)
    guess, fix = _advice(path, encoding, before.rfind(b"\n") + 1)
    return error(
        "E103",
        source=source,
        line=before.count(b"\n") + 1,
        byte=rest[0] if rest else before[-1],
        offset=at,
        encoding="UTF-8" if encoding.startswith("utf-8") else encoding,
        guess=guess,
        fix=fix,
    )


@dataclass(frozen=True)
class _Sample:
    """Lines with bytes beyond ASCII, from the faulty one on.

    lines: each with its number.  before: whether such lines in UTF-8 stand above.
    """

    lines: list[tuple[int, bytes]]
    before: bool

    @property
    def broken(self) -> list[tuple[int, bytes]]:
        return [(number, line) for number, line in self.lines if not _is_utf8(line)]


def _advice(path: Path, encoding: str, start: int) -> tuple[str, str | Words]:
    """What the file may be, and the fix; start: of the faulty line."""
    unknown = words("Use {=encoding} with the file's encoding.")
    if encoding.startswith(("utf-16", "utf-32")):
        return "", unknown
    sample = _sample(path, start)
    utf8 = sample.before or len(sample.broken) < len(sample.lines)
    if not encoding.startswith("utf-8") and utf8 and not sample.broken:
        word = alphabets.first_word(sample.lines[0][1].decode("utf-8", "ignore"))
        return f' (looks like UTF-8, "{shown(word)}")', words("Use {=encoding utf-8}.")
    mixed = encoding.startswith("utf-8") and utf8
    found = likely_encodings(
        [line for _, line in sample.broken] or [line for _, line in sample.lines]
    )
    looks = " or ".join(f'{name}, "{shown(word)}"' for name, word in found)
    if mixed:
        numbers = [number for number, _ in sample.broken]
        listing = ", ".join(map(str, numbers[:5])) + (", ..." if len(numbers) > 5 else "")
        noun = "line" if len(numbers) == 1 else "lines"
        guess = ", but other lines are" + (f" (this one looks like {looks})" if looks else "")
        return guess, f"Convert {noun} {listing} to UTF-8."
    if not found:
        return "", unknown
    proposals = " or ".join(f"{{=encoding e{place}}}" for place in range(len(found)))
    values = {f"e{place}": name for place, (name, _) in enumerate(found)}
    return f" (looks like {looks})", words(f"Use {proposals}.", **values)


def _sample(path: Path, start: int) -> _Sample:
    lines: list[tuple[int, bytes]] = []
    before, place, read = False, 0, 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if place < start:
                before = before or not line.isascii()
            elif not line.isascii():
                lines.append((number, line))
            place += len(line)
            read += len(line) * (place > start)
            if len(lines) == _LINES or read > _MOST_BYTES:
                break
    return _Sample(lines, before)


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def likely_encodings(lines: Sequence[bytes]) -> list[tuple[str, str]]:
    """The encoding that makes words of the lines, with the first of them; two where the second is
    nearly as plausible; none where no encoding is."""
    different = [line[:_LONGEST] for line in dict.fromkeys(lines)]
    count = sum(byte >= 0x80 for line in different for byte in line)
    costs: dict[tuple[str, ...], tuple[float, str]] = {}
    for place, name in enumerate(_CANDIDATES):
        texts = _decoded(different, name)
        if texts is not None and texts not in costs:
            costs[texts] = alphabets.cost(texts) / max(count, 1) + _LATER * place, name
    best = sorted((bits, name, texts[0]) for texts, (bits, name) in costs.items())[:2]
    return [
        (name, alphabets.first_word(text))
        for bits, name, text in best
        if bits <= _PLAUSIBLE and bits <= best[0][0] + _AHEAD
    ]


def _decoded(lines: Sequence[bytes], name: str) -> tuple[str, ...] | None:
    """The lines as texts; None if a byte is not of the encoding.  A cut line may end anywhere."""
    decode = codecs.getincrementaldecoder(name)
    try:
        return tuple(decode().decode(line, final=len(line) < _LONGEST) for line in lines)
    except UnicodeDecodeError:
        return None
