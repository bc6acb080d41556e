"""The one lookup of every name that a user gives: of a column, of a target.

A name means the known one that it equals, or whose twin it is (twins.py): "red " means "red".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from vetro.errors import Setting, error, listed, nearest
from vetro.twins import match


def known_name(name: object, known: Collection[str], role: str | Setting = "column") -> str:
    """The known name that is meant; E114 if there is none."""
    found = match(str(name), known)
    if found in known:
        return found
    hint = nearest(str(name), known)
    raise error("E114", role=role, name=str(name), hint=hint, columns=listed(known))


def named_value(text: str, known: Iterable[str]) -> tuple[str, str] | None:
    """(name, value) of NAME=VALUE; None if no known name stands before an "=".

    A name may itself hold "=": the longest that fits is meant.
    """
    known = tuple(known)
    places = [place for place, character in enumerate(text) if character == "="]
    for place in reversed(places):
        name = match(text[:place], known)
        if name in known:
            return name, text[place + 1 :]
    return None
