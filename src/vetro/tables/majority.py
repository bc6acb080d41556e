"""Whether a column has a kind although some values do not fit it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

MOST_BAD = 0.2
"""A column with a larger share of texts that are not numbers is a category."""


def most_bad_of(rows: int) -> float:
    """The largest number of bad values that a column of a kind may hold in these rows."""
    return max(1.0, MOST_BAD * rows)


def is_column_of(good: int, bad: int) -> bool:
    """Whether this many good values give the column their kind in spite of the bad ones."""
    return good >= 2 and (bad <= MOST_BAD * (good + bad) or bad == 1)


def rows_refused(texts: Mapping[str, int], accepts: Callable[[str], object], most: float) -> int:
    """The rows whose texts, given with their rows, are not accepted; counting stops past `most`."""
    refused = 0
    for text, rows in texts.items():
        if not accepts(text):
            refused += rows
            if refused > most:
                break
    return refused
