"""A JSON file that is one object: its rows, where the object can be a table in one way only.

It reads no file and decides no kind.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TextIO

from vetro.errors import counted, listed, shown

_LONGEST = 1 << 28
"""Characters of an object that spans several lines."""
_FIX = 'Write the rows as a list of objects: [{"column": value, ...}, ...].'


class UndecidedError(ValueError):
    """An object that is no table in one certain way: what it holds, and a fix."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what, fix)
        self.what, self.fix = what, fix


def only_object(file: TextIO, decode: Callable[[str], Any]) -> dict[str, Any] | None:
    """The object that the text is as a whole; None for one object a line, and for broken JSON."""
    first = next((line for line in file if line.strip()), "")
    try:
        found = decode(first.strip())
    except json.JSONDecodeError:
        text = first + file.read(_LONGEST)
        if len(text) >= _LONGEST:
            return None
        try:
            found = decode(text.strip())
        except (ValueError, RecursionError):
            return None
    except (ValueError, RecursionError):
        return None
    else:
        if any(line.strip() for line in file):
            return None
    return found if isinstance(found, dict) else None


def rows_of_object(found: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
    """The rows, and how they were found ("" for an object that is itself a row).

    Equally long lists are columns; one list of objects among the values is the rows.
    UndecidedError for lists and objects that may be several things.
    """
    tables = [key for key, value in found.items() if _is_table(value)]
    lists = {key: value for key, value in found.items() if isinstance(value, list)}
    if len(tables) == 1:
        (key,) = tables
        others = [name for name in found if name != key]
        left_out = f"; left out: {listed(others, 5)}" if others else ""
        return found[key], f'the rows are the list "{shown(key)}"{left_out}'
    if len(tables) > 1:
        names = listed([f'"{name}"' for name in tables], 5)
        raise UndecidedError(f"several of its keys hold rows ({names})", "Write one of them alone.")
    if lists and len(lists) == len(found):
        lengths = sorted({len(value) for value in found.values()})
        if any(isinstance(item, dict | list) for value in found.values() for item in value):
            what = f"it is one object of lists of lists ({_keys(found)})"
            raise UndecidedError(what, _FIX)
        if len(lengths) > 1:
            what = f"its lists have {lengths[0]} to {lengths[-1]} values ({_keys(found)})"
            raise UndecidedError(what, "Give all lists the same length, or write the rows.")
        rows = [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)]
        return rows, "each key is a column"
    if lists or (found and all(isinstance(value, dict) for value in found.values())):
        held = "lists and other values" if lists else "objects: each may be a row or a column"
        what = f"it is one object that holds {held} ({counted(len(found), 'key')}: {_keys(found)})"
        raise UndecidedError(what, _FIX)
    return [found], ""


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(item) is dict for item in value)


def _keys(found: dict[str, Any]) -> str:
    return listed([f'"{key}"' for key in found], 4)
