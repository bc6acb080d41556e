"""A table: typed, checked columns in memory, as arrays that the encoder reads directly.

Not a data frame: no indexing by label, no joins, no text beyond category levels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.errors import Notice
from vetro.tables.doubts import Doubt
from vetro.tables.faults import Faults
from vetro.tables.memory import empty_matrix
from vetro.tables.schema import Schema
from vetro.tables.table_html import table_as_html

BLOCK_ROWS = 4096


def row_place(row: int) -> str:
    """The place of a row (counted from 0) in a source that has no lines: "row 1" is the first."""
    return f"row {row + 1}"


@dataclass(frozen=True)
class Table:
    """Columns of equal length.

    values[name], each (rows,):
      number, date, flag: float64, NaN where missing (date: days since 1970-01-01 with
      the time of day as a fraction; flag: 0 or 1);
      category: int32 index into the schema column's levels, -1 where missing, and -2
      where the text is not among the levels (only when read with a model's schema).
    name: the source's name in messages ("concrete.csv").  fingerprint: SHA-256 of the source's
    bytes (or of the values, for frames and queries), "" if not computed.
    place_of: the place of a row (counted from 0), for messages: "line 9" of a text file,
    "row 8" of any other source.
    numbers: the number of each row in its source, counted from 0; None: 0, 1, 2, ...  A table made
    from rows of this one keeps their places and numbers.
    kept: columns copied without being read (predict --keep), as Arrow arrays.
    faults: columns that could not be read and whether that matters is not known yet; their
    values are empty, and roles.py refuses those that are needed.
    doubts: why a category may be a column of numbers or dates; in the notices as well.
    orders: the texts of columns that the source orders, rising.
    unseen: for values of -2, {column: {text: first row}} of unseen category texts.
    weightless: how many rows of weight 0 were left out here (only when read with a model's schema).
    """

    schema: Schema
    values: dict[str, NDArray[Any]]
    rows: int
    name: str
    fingerprint: str = ""
    notices: tuple[Notice, ...] = ()
    place_of: Callable[[int], str] = row_place
    numbers: NDArray[np.intp] | None = None
    kept: dict[str, Any] = field(default_factory=dict)
    faults: Faults = field(default_factory=dict)
    doubts: Mapping[str, Doubt] = field(default_factory=dict)
    orders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unseen: dict[str, dict[str, int]] = field(default_factory=dict)
    weightless: int = 0

    @property
    def weights(self) -> NDArray[np.float64] | None:
        """The weight of each row as in the table, None without a weight column."""
        columns = self.schema.with_role("weight")
        return self.values[columns[0].name] if columns else None

    def _repr_html_(self) -> str:
        return table_as_html(self.name, self.rows, self.schema, self.notices)

    def with_schema(self, schema: Schema, *notices: Notice) -> Table:
        """The same values under another schema (roles changed), with notices added."""
        return replace(self, schema=schema, notices=self.notices + notices)

    def matrix(self, names: Sequence[str] | None = None, dtype: Any = np.float64) -> NDArray[Any]:
        """The values of the columns (all by default), unchanged, (rows, columns), C order.

        Numbers in their unit, days, 0 or 1, category codes; no scaling (Encoder.encode scales).
        """
        columns = [self.values[name] for name in names or self.schema.names]
        out = empty_matrix((self.rows, len(columns)), dtype)
        # Block by block, so that the written lines of the matrix stay in the cache.
        for start in range(0, self.rows, BLOCK_ROWS):
            part = slice(start, start + BLOCK_ROWS)
            for number, values in enumerate(columns):
                out[part, number] = values[part]
        return out

    def numbered(self) -> tuple[str, ...]:
        """Every row as "row 17": its number in the source, counted from 1 as for --row.

        For a sheet it is the sheet's row.  It reads nothing.
        """
        if self.rows and self.place_of(0).startswith("row "):
            return tuple(map(self.place_of, range(self.rows)))
        return tuple(row_place(int(row)) for row in self.row_numbers)

    def take(self, rows: NDArray[np.intp]) -> Table:
        """The given rows, in that order; they keep their places and numbers in the source.

        An unseen text stays if its first row is among them.
        """
        place_of = self.place_of
        unseen = {
            name: {
                t: int(np.argmax(rows == row)) for t, row in texts.items() if (rows == row).any()
            }
            for name, texts in self.unseen.items()
        }
        return replace(
            self,
            values={name: column[rows] for name, column in self.values.items()},
            rows=len(rows),
            place_of=lambda row: place_of(int(rows[row])),
            numbers=self.row_numbers[rows],
            kept={name: column.take(rows) for name, column in self.kept.items()},
            unseen={name: texts for name, texts in unseen.items() if texts},
        )

    @property
    def row_numbers(self) -> NDArray[np.intp]:
        """The number of each row in its source, counted from 0."""
        return np.arange(self.rows) if self.numbers is None else self.numbers
