"""Intervals and periods of pandas: `pd.cut` gives categories such as (0, 10], a period is a date.

Other columns are not changed.  The module is used only if pandas is in use.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

from vetro.errors import Notice, notice
from vetro.tables.numbers import LARGEST_EXACT

if TYPE_CHECKING:
    import pyarrow as pa

_END = r"\s*(-?inf|[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)\s*"
_INTERVAL = re.compile(rf"[\[(]{_END},{_END}[\])]")


def plain_spans(values: Any, name: str) -> tuple[Any, list[Notice]]:
    """The values; intervals become labels, periods become datetimes (I173).

    ValueError if a column holds periods of different lengths.
    """
    kind = _kind(values)
    if kind == "interval":
        return _labels(values), []
    if kind == "period":
        return _starts(values, name)
    return values, []


def _kind(values: Any) -> str:
    """The kind of a column: "interval", "period" or "" for anything else."""
    dtype = getattr(values, "dtype", None)
    if dtype is not None and str(dtype) == "category":
        dtype = getattr(dtype, "categories", values).dtype
    text = str(dtype)
    for kind in ("interval", "period"):
        if text.startswith(kind):
            return kind
    if dtype is None or text == "object":
        names = {type(value).__name__ for value in values if not _is_missing(value)}
        if names in ({"Interval"}, {"Period"}):
            return names.pop().lower()
    return ""


def _is_missing(value: Any) -> bool:
    return (
        value is None or type(value).__name__ == "NaTType" or value is not value or _is_nan(value)
    )


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and value != value


def _labels(values: Any) -> pa.Array:
    import pandas as pd
    import pyarrow as pa

    found = pd.Series(list(values), dtype=object) if not hasattr(values, "dtype") else values
    column = pd.Series(found).astype("category").cat
    codes = column.codes.to_numpy()
    texts = [interval_text(item) for item in column.categories]
    indices = pa.array(codes, pa.int32(), mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(texts, pa.string()), ordered=True)


def interval_text(interval: Any) -> str:
    """An interval as pandas shows it, whole ends without a point: (0, 10]."""
    opening = "[" if interval.closed_left else "("
    closing = "]" if interval.closed_right else ")"
    return f"{opening}{_end(interval.left)}, {_end(interval.right)}{closing}"


def _end(value: Any) -> str:
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ").removesuffix(" 00:00:00")
    if isinstance(value, float):
        whole = value.is_integer() and abs(value) <= LARGEST_EXACT
        return str(int(value)) if whole else repr(float(value))
    return str(value)


def _starts(values: Any, name: str) -> tuple[Any, list[Notice]]:
    import pandas as pd

    present = [value for value in values if not _is_missing(value)]
    column = pd.PeriodIndex(list(values), freq=present[0].freq if present else "D")
    said = []
    if present:
        first = present[0]
        said = [notice("I173", column=name, value=str(first), date=str(first.start_time.date()))]
    return column.to_timestamp(how="start").to_numpy(), said


def interval_ends(text: str) -> tuple[float, float] | None:
    """The ends of a text such as (0, 10], None for any other text."""
    found = _INTERVAL.fullmatch(text.strip())
    try:
        return (float(found[1]), float(found[2])) if found else None
    except ValueError:
        return None
