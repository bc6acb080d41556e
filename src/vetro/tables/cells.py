"""Columns while they are read: doubles with exceptions, or codes with levels, batch by batch.

They grow in place; other modules decide their kinds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

MOST_LEVELS = 100_000
# A longer text is free text and not a level: the model file would hold all of it.
LONGEST_LEVEL = 1000
# If a column has more different exceptions than this, its plan was wrong: the pass stops.
MOST_EXCEPTIONS = 20_000
_FIRST_CAPACITY = 1 << 18
_ARROW_NAMES = {np.float64: "double", np.int32: "int32"}


def buffered(column: pa.Array, dtype: Any, empty: float) -> NDArray[Any]:
    """A column of that type, `empty` where it is null, from its buffers.

    pyarrow's own conversions to NumPy import pandas if it is installed: a third of a second.
    """
    if not len(column):
        return np.empty(0, dtype)
    if str(column.type) != _ARROW_NAMES[dtype]:
        column = column.cast(_ARROW_NAMES[dtype])
    validity, data = column.buffers()
    start, count = column.offset, len(column)
    values = np.frombuffer(data, dtype, count, start * np.dtype(dtype).itemsize)
    if not column.null_count:
        return values
    bits = np.unpackbits(np.frombuffer(validity, np.uint8), bitorder="little")
    return np.where(bits[start : start + count].astype(bool), values, dtype(empty))


@dataclass
class Values:
    """A number or date column while it is read: doubles, and exceptions with their rows.

    empty: the number of missing values that are not exceptions, once closed.
    """

    array: NDArray[np.float64] = field(default_factory=lambda: np.empty(_FIRST_CAPACITY))
    exceptions: dict[str, list[int]] = field(default_factory=dict)
    rows: int = 0
    limit: float = MOST_EXCEPTIONS
    empty: int = 0

    @property
    def overflowed(self) -> bool:
        """Whether there were too many different exceptions to go on."""
        return len(self.exceptions) > self.limit

    def add(self, column: pa.Array) -> None:
        """Append a batch."""
        end = self.rows + len(column)
        if end > len(self.array):
            self.array.resize(int(end * 1.25), refcheck=False)
        self.array[self.rows : end] = buffered(column, np.float64, np.nan)
        self.rows = end

    def close(self) -> None:
        """Release the memory that was reserved and not used."""
        if len(self.array) > self.rows:
            self.array.resize(self.rows, refcheck=False)
        # DuckDB's value of an exception ("007", "1_000", "inf") is not used.
        for rows in self.exceptions.values():
            self.array[rows] = np.nan
        self._count_empty()

    def part(self, first: int, last: int) -> Values:
        """Its rows from `first` until before `last`, once closed."""
        here = {
            text: [row - first for row in rows if first <= row < last]
            for text, rows in self.exceptions.items()
        }
        exceptions = {text: rows for text, rows in here.items() if rows}
        found = Values(self.array[first:last], exceptions, last - first, self.limit)
        found._count_empty()
        return found

    def _count_empty(self) -> None:
        self.empty = int(np.isnan(self.array).sum()) - sum(map(len, self.exceptions.values()))


@dataclass
class Codes:
    """A text column while it is read: codes into `levels`, -1 where missing.

    levels: text -> code, in order of first appearance.  After `limit` levels, collecting stops and
    `overflowed` is set.
    """

    array: NDArray[np.int32] = field(
        default_factory=lambda: np.empty(_FIRST_CAPACITY, dtype=np.int32)
    )
    levels: dict[str, int] = field(default_factory=dict)
    rows: int = 0
    overflowed: bool = False
    limit: float = MOST_LEVELS

    def add(self, column: pa.Array) -> None:
        """Append a batch."""
        end = self.rows + len(column)
        if not self.overflowed:
            if end > len(self.array):
                self.array.resize(int(end * 1.25), refcheck=False)
            self.array[self.rows : end] = self._codes(column)
        self.rows = end

    def _codes(self, column: pa.Array) -> NDArray[np.int32]:
        encoded = column.dictionary_encode()
        texts = encoded.dictionary.to_pylist()
        levels = self.levels
        lookup = np.empty(len(texts) + 1, dtype=np.int32)
        for position, text in enumerate(texts):
            lookup[position] = levels.setdefault(text, len(levels))
        lookup[-1] = -1
        self.overflowed = len(levels) > self.limit
        found: NDArray[np.int32] = lookup[buffered(encoded.indices, np.int32, -1)]
        return found

    def close(self) -> None:
        """Release the memory that was reserved and not used."""
        if self.overflowed:
            self.array = np.empty(0, dtype=np.int32)
        else:
            self.array.resize(self.rows, refcheck=False)

    def part(self, first: int, last: int) -> Codes:
        """Its rows from `first` until before `last`, once closed, with the levels in them."""
        old = self.array[first:last]
        found = np.unique(old[old >= 0])
        codes = np.where(old >= 0, np.searchsorted(found, old), -1).astype(np.int32)
        numbers = {code: number for number, code in enumerate(found.tolist())}
        levels = {text: numbers[code] for text, code in self.levels.items() if code in numbers}
        return Codes(codes, levels, last - first, self.overflowed, self.limit)

    def counts(self) -> NDArray[np.intp]:
        """How often each level occurs, by code."""
        present = self.array[: self.rows if not self.overflowed else 0]
        return np.bincount(present[present >= 0], minlength=len(self.levels))

    @property
    def empty(self) -> int:
        """How many values are missing."""
        return int((self.array == -1).sum())


Cells = Values | Codes
