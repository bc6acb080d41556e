"""The beginning of a table, as records of texts: its header, its units and its first rows.

around.py finds it; head_words.py holds the messages about it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from vetro.tables.unit_spellings import unit_in


@dataclass(frozen=True)
class Record:
    """One record, as texts: the lines (or the sheet's rows) from `line` to `end`, counted from 1.

    after_blank: whether the line directly above it is blank.
    """

    line: int
    end: int
    fields: tuple[str, ...]
    after_blank: bool = False

    @property
    def cells(self) -> tuple[str, ...]:
        """The fields without the empty ones at the end."""
        last = len(self.fields)
        while last and not self.fields[last - 1].strip():
            last -= 1
        return self.fields[:last]

    @property
    def blank(self) -> bool:
        """Whether all fields are blank."""
        return not any(cell and not cell.isspace() for cell in self.fields)

    @property
    def filled(self) -> int:
        """The number of fields that are not empty."""
        return sum(bool(cell.strip()) for cell in self.fields)

    @property
    def text(self) -> str:
        """The record in one text, for messages."""
        return " ".join(cell.strip() for cell in self.fields if cell.strip())


@dataclass(frozen=True)
class Place:
    """The names of the source and of its lines in messages: "line" in a text, "row" in a sheet."""

    source: str
    word: str = "line"


@dataclass(frozen=True)
class Head:
    """The beginning of a table.

    header: None if the table has none.  names: of its columns, as they are written, without
    blanks around them.  titles: the records left out above.  units: the row of units.  rows: the
    records from the first row of values on.  width: fields of a row; the last `spare` of them have
    no name and are empty in every row.  gaps: the positions of such fields between the columns;
    their names are empty.
    """

    header: Record | None
    names: tuple[str, ...]
    titles: tuple[Record, ...]
    units: Record | None
    rows: tuple[Record, ...]
    width: int
    spare: int
    gaps: tuple[int, ...] = ()

    @property
    def nameless(self) -> tuple[int, ...]:
        """The positions of the fields that have no name and are empty in every row."""
        return (*self.gaps, *range(self.width - self.spare, self.width))

    @property
    def short(self) -> bool:
        """Whether some rows end before the separators that others have at their end."""
        named = self.width - self.spare
        return bool(self.spare) and any(len(row.fields) == named for row in self.rows)

    @property
    def plain(self) -> bool:
        """Whether the first line is the header, or the first row, and nothing is to be left out."""
        indexed = bool(self.names) and self.names[0] == "" and 0 not in self.gaps
        uneven = self.header is not None and (
            len(self.header.fields) != self.width or self.header.line > 1
        )
        return not (self.titles or self.units or self.spare or self.gaps or indexed or uneven)


def units_of(head: Head) -> dict[str, str]:
    """The unit of each column that has one in the row of units; an unknown unit as written."""
    units = {}
    fields = head.units.fields if head.units is not None else ()
    for name, text in zip(head.names, fields, strict=False):
        unit = unit_in(text)
        if said := text.strip() if unit is None else unit:
            units[name] = said
    return units


def free_name(name: str, names: Sequence[str]) -> str:
    """The name; if another column has it, with a number after it."""
    numbered = (f"{name} {number}" for number in itertools.count(2))
    return next(one for one in (name, *itertools.islice(numbered, len(names))) if one not in names)
