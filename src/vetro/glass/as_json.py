"""Records of the glass as plain data for JSON: the work of every to_json() here.

The data are strict JSON: a number that is not finite, or was not computed, becomes None.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from fractions import Fraction
from operator import attrgetter
from typing import Any


def as_json(record: Any, names: str = "") -> dict[str, Any]:
    """The named attributes of a record as plain data, in this order; without names, all fields.

    names: separated by spaces.  "nearest=where" gives the attribute `where` under another name, and
    "member=part.name" an attribute of an attribute.
    """
    found = {}
    for entry in names.split() or [field.name for field in fields(record)]:
        name, _, place = entry.partition("=")
        found[name] = plain(attrgetter(place or name)(record))
    return found


def plain(value: Any) -> Any:
    """A value as plain data.

    A record becomes its to_json(), or all its fields; an array, tuple or list a list; a mapping a
    dict; a fraction its text; a number that is not finite None.
    """
    kind = type(value)  # first: most values are floats and texts
    if kind is float:
        return value if math.isfinite(value) else None
    if value is None or kind is str or kind is int or kind is bool:
        return value
    if kind is list:
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):  # of NumPy, which is not loaded here
        return plain(value.tolist())
    if hasattr(value, "to_json"):
        return value.to_json()
    if is_dataclass(value):
        return as_json(value)
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Fraction) else value
