"""Odd rows: values that a model gets when predicting and never saw in training.

They are collected chunk by chunk and reported once: W403 outside the training range; for each
column W404 texts not seen (E402 if they are refused), W406 empty although never empty in training,
and W409 values that meant missing in the model's table; W410 answers that are not finite.

One unseen text does not refuse a table of thousands of rows: the other rows have their answers, and
the message names the text, counts the rows and says what the text is read as.  A single row that is
looked at is refused, because there the text is rather a mistake of writing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from vetro.errors import Notice, Setting, counted, error, notice, shown, words
from vetro.tables.encoder import Encoder
from vetro.tables.instants import date_text
from vetro.tables.level_blocks import MISSING, UNSEEN, LevelBlock
from vetro.tables.numbers import value_of
from vetro.tables.schema import Column
from vetro.tables.table import Table

Unknown = Literal["ignore", "refuse"]


@dataclass
class _Found:
    """The odd values of one column: texts in order of appearance, counts of rows, places."""

    column: Column
    texts: dict[str, None] = field(default_factory=dict)
    first_text: str = ""
    unseen: int = 0
    outside: int = 0
    empty: int = 0
    first_empty: str = ""
    words: dict[str, int] = field(default_factory=dict)


MOST_PLACES = 5
MOST_COLUMNS = 8


@dataclass
class OddRows:
    """Looks at the input columns of every chunk, in order.

    encoder: of the model.  unknown "refuse" raises E402 at the first text that training did not
    see.  reading: the notices that came with the chunks.
    """

    encoder: Encoder
    unknown: Unknown
    found: dict[str, _Found] = field(default_factory=dict)
    reading: list[Notice] = field(default_factory=list)
    endless: int = 0
    endless_places: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        known = get_args(Unknown)
        if self.unknown not in known:
            fix = words("Use one of: {known}.", known=", ".join(known))
            argument, reason = Setting("unknown"), "it is unknown"
            raise error("E601", argument=argument, value=self.unknown, reason=reason, fix=fix)

    def look(self, table: Table) -> None:
        """Take a chunk into account."""
        self.reading += table.notices
        if self.unknown == "refuse":
            _refuse_unseen(table)
        for column in table.schema.inputs:
            values = table.values[column.name]
            odd = self.found.setdefault(column.name, _Found(column))
            texts = {} if column.joined else table.unseen.get(column.name, {})
            if texts:
                odd.first_text = odd.first_text or table.place_of(min(texts.values()))
                odd.texts.update(dict.fromkeys(sorted(texts, key=texts.__getitem__)))
            if column.kind == "category":
                odd.unseen += int(np.count_nonzero(values == UNSEEN))
                _count_empty(odd, table, values == MISSING)
            else:
                # An unseen word of a flag is NaN as well: its column has both or neither.
                if not odd.texts:
                    _count_empty(odd, table, np.isnan(values))
                odd.outside += _outside(column, values)
            _count_words(odd, values)

    def look_at_answers(self, table: Table, numbers: NDArray[Any], most: float = np.inf) -> None:
        """Note the rows of a chunk with a number (rows, n) that is not finite, or beyond `most`."""
        rows = np.flatnonzero((~np.isfinite(numbers) | (np.abs(numbers) > most)).any(axis=1))
        self.endless += len(rows)
        for row in rows[: MOST_PLACES - len(self.endless_places)].tolist():
            self.endless_places.append(table.place_of(row))

    def refuse_answers(self) -> None:
        """E408 if an answer was not finite: no metric can be computed with it."""
        if self.endless:
            raise error("E408", **self._endless())

    def _endless(self) -> dict[str, str]:
        more = ", ..." if self.endless > len(self.endless_places) else ""
        return {
            "rows": counted(self.endless, "row"),
            "places": ", ".join(self.endless_places) + more,
        }

    def notices(self) -> list[Notice]:
        """The notices: of reading, then W404, W406 and W409 column by column, W403 and W410."""
        told = list(dict.fromkeys(self.reading))
        for name, odd in self.found.items():
            column = odd.column
            if odd.texts:
                told.append(self._unseen(odd))
            if odd.empty:
                rows, place = counted(odd.empty, "row"), odd.first_empty
                reading = self._read_as(column) or "the median"
                told.append(notice("W406", column=name, rows=rows, place=place, reading=reading))
            for text, count in odd.words.items():
                told.append(notice("W409", column=name, value=text, rows=counted(count, "row")))
        told += self._outside()
        if self.endless:
            told.append(notice("W410", **self._endless()))
        return told

    def _unseen(self, odd: _Found) -> Notice:
        """W404 of one column."""
        column = odd.column
        first, *more = odd.texts
        rows = f"{counted(odd.unseen, 'row')}, " if column.kind == "category" else ""
        meant = [text for text in odd.texts if text in column.reading.missing]
        likely = "In the model's table {meant!q} meant missing: likely {=missing meant}."
        return notice(
            "W404",
            column=column.name,
            value=first,
            others=f" and {counted(len(more), 'other text')}" if more else "",
            were="were" if more else "was",
            rows=f"{rows}first {odd.first_text}",
            reading=self._read_as(column) or "missing",
            fix=words(likely, meant=meant[0]) if meant else "Check the spelling.",
        )

    def _read_as(self, column: Column) -> str:
        """What an unseen text of a category counts as; "" for another kind of column."""
        for block in self.encoder.inputs:
            if isinstance(block, LevelBlock) and block.name == column.name:
                return block.unseen
        return ""

    def _outside(self) -> list[Notice]:
        """One W403 for all columns."""
        found = []
        for name, odd in self.found.items():
            if odd.outside:
                column = odd.column
                low, high = _shown(column, column.minimum), _shown(column, column.maximum)
                rows = counted(odd.outside, "row")
                span = column.with_unit(f"[{low}, {high}]")
                found.append(f'"{shown(name)}" in {rows} {span}')
        if not found:
            return []
        more = len(found) - MOST_COLUMNS
        rest = f" and {counted(more, 'more column')}" if more > 0 else ""
        columns = ", ".join(found[:MOST_COLUMNS]) + rest
        return [notice("W403", columns=columns)]


def _count_words(odd: _Found, values: NDArray[Any]) -> None:
    """Numbers that the model's table read as missing because an option said so ("-999")."""
    if odd.column.kind != "number":
        return
    for text in odd.column.reading.missing:
        value = value_of(text, ".", "")
        if value is not None and (rows := int(np.count_nonzero(values == value))):
            odd.words[text] = odd.words.get(text, 0) + rows


def _count_empty(odd: _Found, table: Table, missing: NDArray[Any]) -> None:
    """Missing values, of a column that was never empty in training."""
    if odd.column.missing == 0 and missing.any():
        odd.first_empty = odd.first_empty or table.place_of(int(np.argmax(missing)))
        odd.empty += int(np.count_nonzero(missing))


def _outside(column: Column, values: NDArray[Any]) -> int:
    """How many values lie outside the training range; of a number or a date."""
    if column.kind == "flag" or column.minimum is None or column.maximum is None:
        return 0
    return int(np.count_nonzero((values < column.minimum) | (values > column.maximum)))


def _refuse_unseen(table: Table) -> None:
    """E402 for the first row with an unseen text in an input column."""
    inputs = {column.name for column in table.schema.inputs if not column.joined}
    places = [
        (row, name, text)
        for name, texts in table.unseen.items()
        if name in inputs
        for text, row in texts.items()
    ]
    if places:
        row, name, text = min(places)
        meant = text in table.schema[name].reading.missing
        fix = words("In the model's table it meant missing: likely {=missing value}.", value=text)
        usual = words("Correct it, or use {=unknown ignore}.")
        place = table.place_of(row)
        raise error("E402", column=name, place=place, value=text, fix=fix if meant else usual)


def _shown(column: Column, value: float | None) -> str:
    """A bound of the training range as people write it: a date as 2024-01-31."""
    if column.kind == "date" and value is not None:
        return date_text(value, column.reading.date_format)
    return f"{value:.10g}"
