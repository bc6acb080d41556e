"""Frozen dataclasses as plain JSON data, and back with every entry checked by its type.

There is one pair of functions for schema, recipe, request and evidence.  The data may come from an
edited file, so a wrong entry is a ValueError that says where.  This is not a general serialiser: it
knows only the types that those classes use.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from vetro.errors import shown


def to_plain(value: Any) -> Any:
    """Dicts, lists, texts, numbers, true, false and None; a figure that is not finite is None."""
    if is_dataclass(value):
        return {entry.name: to_plain(getattr(value, entry.name)) for entry in written(value)}
    if isinstance(value, dict):
        return {str(name): to_plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def written(value: Any) -> tuple[Field[Any], ...]:
    """The fields of a dataclass, or of a value of it, that its JSON form holds."""
    return _written(value if isinstance(value, type) else type(value))


@cache
def _written(kind: type) -> tuple[Field[Any], ...]:
    return tuple(entry for entry in fields(kind) if entry.metadata.get("written", True))


def from_plain(kind: Any, data: Any, where: str, without: frozenset[str] = frozenset()) -> Any:
    """The dataclass `kind` from a dict; ValueError if an entry is unknown or of a wrong type.

    Entries with a default may be missing.  without: fields that the dict never holds.
    """
    hints = _hints(kind)
    if not isinstance(data, dict):
        raise ValueError(f"{where} is not an object")
    known = [entry for entry in written(kind) if entry.name not in without]
    names = {entry.name for entry in known}
    for name in data:
        if name not in names:
            raise ValueError(f'{where} has the unknown entry "{shown(name)}"')
    values = {}
    for entry in known:
        if entry.name in data:
            values[entry.name] = _value(
                hints[entry.name], data[entry.name], f"{where}.{entry.name}"
            )
        elif entry.default is MISSING and entry.default_factory is MISSING:
            raise ValueError(f'{where} lacks the entry "{entry.name}"')
    return kind(**values)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _value(kind: Any, data: Any, where: str) -> Any:
    if is_dataclass(kind):
        return from_plain(kind, data, where)
    if kind in _SIMPLE:
        return _SIMPLE[kind](data, where)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        if not isinstance(data, str) or data not in arguments:
            raise ValueError(f"{where} is not one of {', '.join(map(str, arguments))}")
        return data
    if origin is tuple:
        return _tuple(arguments, data, where)
    if origin is dict:
        if not isinstance(data, dict):
            raise ValueError(f"{where} is not an object")
        return {name: _value(arguments[1], item, f"{where}.{name}") for name, item in data.items()}
    if origin in (Union, types.UnionType):
        return _one_of(arguments, data, where)
    raise TypeError(f"{where}: no rule for the type {kind}")


def _one_of(kinds: tuple[Any, ...], data: Any, where: str) -> Any:
    """The data by the first of the kinds that takes it."""
    if data is None and type(None) in kinds:
        return None
    *others, last = (kind for kind in kinds if kind is not type(None))
    for kind in others:
        try:
            return _value(kind, data, where)
        except ValueError:
            continue
    return _value(last, data, where)


def _tuple(arguments: tuple[Any, ...], data: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(data, list):
        raise ValueError(f"{where} is not a list")
    if arguments[-1] is Ellipsis:
        arguments = (arguments[0],) * len(data)
    if len(arguments) != len(data):
        raise ValueError(f"{where} has {len(data)} entries where {len(arguments)} are expected")
    pairs = zip(arguments, data, strict=True)
    return tuple(_value(kind, item, f"{where}[{i}]") for i, (kind, item) in enumerate(pairs))


def _text(data: Any, where: str) -> str:
    if not isinstance(data, str):
        raise ValueError(f"{where} is not a text")
    return data


def _whole(data: Any, where: str) -> int:
    if isinstance(data, bool) or not isinstance(data, int):
        raise ValueError(f"{where} is not a whole number")
    return data


def _number(data: Any, where: str) -> float:
    """A float; null is NaN."""
    if data is None:
        return math.nan
    if isinstance(data, bool) or not isinstance(data, (int, float)):
        raise ValueError(f"{where} is not a number")
    return float(data)


def _flag(data: Any, where: str) -> bool:
    if not isinstance(data, bool):
        raise ValueError(f"{where} is not true or false")
    return data


_SIMPLE: dict[Any, Callable[[Any, str], Any]] = {
    str: _text,
    int: _whole,
    float: _number,
    bool: _flag,
    Any: lambda data, where: data,
}
