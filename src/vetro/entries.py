"""The check of every frozen record of settings when it is made: each entry has its declared type.

It is the same for settings from the command line, from Python and from a file.  The records
themselves check ranges, and which entries go together.
"""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from vetro.errors import Setting, Words, error, nearest, words

TOO_LARGE = "it is too large for a 64-bit number"
_WANTED = {
    str: "a text is needed",
    bool: "true or false is needed",
    int: "a whole number is needed",
    float: "a number is needed",
}


def check_entries(record: Any) -> None:
    """E601 for the first entry of a frozen dataclass whose value is not of its declared type.

    It checks str, bool, int, float, Literal, tuple[str, ...], one of these or None, and
    dataclasses; the record checks entries of other types.  Numbers of NumPy become Python's.
    """
    kinds = get_type_hints(type(record))
    for entry in fields(record):
        name, kind = entry.name, kinds[entry.name]
        value = getattr(record, name)
        if get_origin(kind) is UnionType and NoneType in get_args(kind):
            if value is None:
                continue
            kind = next(item for item in get_args(kind) if item is not NoneType)
        reason, fix = _wrong(kind, value)
        if reason:
            raise error("E601", argument=Setting(name), value=value, reason=reason, fix=fix)
        if kind is int and type(value) is not int:
            object.__setattr__(record, name, operator.index(value))
        elif kind is float and type(value) is not float:
            object.__setattr__(record, name, float(value))


def check_names(names: Iterable[str], known: Sequence[str], source: str) -> None:
    """E602 for the first name that is not known.  source: what names the entries."""
    for name in names:
        if name not in known:
            hint = nearest(name, known)
            raise error("E602", source=source, name=name, hint=hint, entries=", ".join(known))


def float_of(text: str) -> float:
    """The number of a text; ValueError if it is none, OverflowError if it is too large for 64 bits.

    "inf" is a number: a text that says so is not one that became so.
    """
    value = float(text)
    if math.isinf(value) and "inf" not in text.lower():
        raise OverflowError(text)
    return value


def as_declared(record: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as a record of this class holds them: one text or several become a tuple.

    Only where the class declares tuple[str, ...]; what is neither is left as it is, to be refused.
    """
    kinds = get_type_hints(record)
    return {
        name: _tuple_of(value) if kinds.get(name) == tuple[str, ...] else value
        for name, value in values.items()
    }


def _tuple_of(value: Any) -> Any:
    if isinstance(value, str):
        return (value,)
    several = isinstance(value, Iterable) and not isinstance(value, Mapping)
    return tuple(value) if several else value


def _wrong(kind: Any, value: object) -> tuple[str, str | Words]:
    """Why the value is not of the kind, and a fix; "" if it is."""
    if kind in _WANTED:
        if not _fits(kind, value):
            return _WANTED[kind], "Correct it."
        return (TOO_LARGE if kind is float and _overflows(value) else ""), "Correct it."
    if get_origin(kind) is Literal:
        known = get_args(kind)
        fix = words("Use one of: {known}.", known=", ".join(known))
        return ("" if isinstance(value, str) and value in known else "it is unknown", fix)
    if get_origin(kind) is tuple and get_args(kind) == (str, ...):
        fits = isinstance(value, tuple) and all(isinstance(item, str) for item in value)
        return ("" if fits else "a text or several are needed", "Correct it.")
    if isinstance(kind, type) and is_dataclass(kind) and not isinstance(value, kind):
        return f"a vetro {kind.__name__} is needed", "Give its entries as arguments, or make one."
    return "", ""


def _fits(kind: Any, value: object) -> bool:
    if kind in (str, bool):
        return isinstance(value, kind)
    if isinstance(value, bool):
        return False
    return isinstance(value, numbers.Integral if kind is int else numbers.Real)


def _overflows(value: Any) -> bool:
    try:
        float(value)
    except OverflowError:
        return True
    return False
