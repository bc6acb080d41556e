"""Twins: texts that look alike and are not the same characters, such as "red" and "red ".

One form stands for all of them: accents composed, blanks of any kind as single spaces and none
at the ends, no characters without a width.  Line breaks inside stay, and capitals: "Red" and
"red" are two texts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

# Zero-width space, word joiner, byte-order mark, soft hyphen, marks of direction.  The joiners of
# Persian and of emoji (U+200C, U+200D) mean something inside a text, and nothing at its ends.
_NOTHING = dict.fromkeys((0x200B, 0x2060, 0xFEFF, 0xAD, 0x200E, 0x200F, 0x180E))
_ENDS = "\u200c\u200d"
_BLANKS = re.compile(r"[^\S\r\n]+")


def plain(text: str) -> str:
    """The form of a text that all its twins share."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text.translate(_NOTHING))
        text = text.strip().strip(_ENDS)
    return _BLANKS.sub(" ", text).strip()


def plain_names(names: Iterable[str]) -> tuple[str, ...]:
    """The plain form of each."""
    return tuple(map(plain, names))


def match(text: str, known: Iterable[str]) -> str:
    """The known text that is this one, or its twin; the text itself where there is none."""
    known = tuple(known)
    if text in known:
        return text
    form = plain(text)
    return next((other for other in known if plain(other) == form), text)


def marked(text: str) -> str:
    """The text with what the eye does not see written out: "red\\u00a0", "cafe\\u0301"."""
    if text.isascii() and text.isprintable() and text == text.strip():
        return text
    decomposed = unicodedata.normalize("NFC", text) != text
    inner = range(len(text) - len(text.lstrip()), len(text.rstrip()))
    return "".join(
        _escaped(character) if _is_hidden(character, decomposed) or at not in inner else character
        for at, character in enumerate(text)
    )


def _is_hidden(character: str, decomposed: bool) -> bool:
    if character in _ENDS:
        return False
    if decomposed and (
        unicodedata.combining(character) or unicodedata.normalize("NFC", character) != character
    ):
        return True
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") or (
        character != " " and unicodedata.category(character) == "Zs"
    )


def _escaped(character: str) -> str:
    short = {"\t": "\\t", "\r": "\\r", "\n": "\\n", "\0": "\\0"}.get(character)
    code = ord(character)
    return short or (f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
