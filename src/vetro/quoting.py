"""Quoting a text as one word of a shell's command, and as a literal of Python.

It knows texts only; settings.py says which of them are quoted.
"""

from __future__ import annotations

import re
import shlex

_BARE = re.compile(r"[A-Za-z0-9_./](?:[A-Za-z0-9_./:+@%-]*[A-Za-z0-9_])?")
_CHANGED_IN_QUOTES = re.compile(r'["$`!]|\\(?:\\|$)')
_NUMBER = re.compile(r"[+-]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?")


def quoted(text: str, *, always: bool = False) -> str:
    """A text as one word of a shell command, in double quotes if these keep it unchanged.

    What cannot be printed is escaped in $'...', which bash, zsh and ksh understand.
    """
    if _BARE.fullmatch(text) and not always:
        return text
    if not text.isprintable():
        return "$'" + "".join(map(_in_ansi_c, text)) + "'"
    return f'"{text}"' if _CHANGED_IN_QUOTES.search(text) is None else shlex.quote(text)


def _in_ansi_c(character: str) -> str:
    if character in "\\'":
        return "\\" + character
    if character.isprintable():
        return character
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", "surrogatepass"))


def column_list(names: tuple[str, ...]) -> str:
    """Names of columns as one comma list; those with a comma, a quote, a line break or a blank at
    an end are quoted as in CSV."""
    return ",".join(
        '"' + name.replace('"', '""') + '"'
        if set(name) & set(',"\r\n') or name != name.strip()
        else name
        for name in names
    )


def number_or_literal(text: str) -> str:
    """A number as it stands, any other text as a literal."""
    return text if _NUMBER.fullmatch(text) else literal(text)


def literal(text: str) -> str:
    """A text as Python writes it, in double quotes where it can be printed."""
    if not text.isprintable():
        return repr(text)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
