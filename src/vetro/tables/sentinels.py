"""Numbers that stand for a missing value: -999 and its like, again and again, far from others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.errors import Notice, counted, notice, words
from vetro.tables import lookups
from vetro.tables.opened import Opened
from vetro.tables.plan import Plan
from vetro.tables.schema import Column

_CODES = (-99.0, -999.0, -9999.0, -99999.0, 999.0, 9999.0, 99999.0, 999999.0)
_ROWS, _RARE, _OFTEN = 3, 0.01, 0.5
"""A number that stands in fewer rows is an outlier; one in more is the column."""
_OTHERS = 5
"""So many different other numbers show where the column lies."""
_BELOW, _ABOVE = 0.5, 2.0
"""So many times the spread of the others lies between them and a code; a price may be 999."""


def sentinel_notices(
    opened: Opened,
    plans: Sequence[Plan],
    columns: Mapping[str, Column],
    values: Mapping[str, NDArray[Any]],
) -> list[Notice]:
    """W154 for each column of numbers that repeats one of the codes, far from all others."""
    found: list[Notice] = []
    for plan in plans:
        column = columns.get(plan.name)
        if column is None or column.kind != "number":
            continue
        if column.minimum not in _CODES and column.maximum not in _CODES:
            continue
        codes = _codes_in(values[plan.name])
        if not codes:
            continue
        places = {int(np.argmax(values[plan.name] == code)): n for code, n in codes.items()}
        texts = [lookups.text_at(opened, plan.index, row) for row in places]
        first, rows = next(iter(places.items()))
        said = {"value": texts[0], "rows": counted(rows, "row"), "place": opened.place_of(first)}
        fix = words("Use {=missing texts} if no value is meant.", texts=tuple(texts))
        found.append(notice("W154", column=plan.name, **said, fix=fix))
    return found


def _codes_in(values: NDArray[Any]) -> dict[float, int]:
    """The codes with their numbers of rows; none if the others lie near or are too few."""
    present = values[~np.isnan(values)]
    counts = {code: int(np.count_nonzero(present == code)) for code in _CODES}
    limit = max(_ROWS, _RARE * len(present))
    counts = {code: count for code, count in counts.items() if count >= limit}
    others = present[~np.isin(present, list(counts))]
    if len(others) < (1 - _OFTEN) * len(present) or len(np.unique(others[:10_000])) < _OTHERS:
        return {}
    low, high = float(others.min()), float(others.max())
    least, most = low - _BELOW * (high - low), high + _ABOVE * (high - low)
    return {code: count for code, count in counts.items() if not least <= code <= most}
