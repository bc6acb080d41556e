"""The case of a source: what is asked of its columns, and what their texts have shown so far."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from vetro.tables.dates import DateForms
from vetro.tables.dress import Dress
from vetro.tables.durations import Spans
from vetro.tables.faults import Fault
from vetro.tables.numbers import Marks
from vetro.tables.opened import Opened
from vetro.tables.options import ReadOptions
from vetro.tables.schema import KINDS, Column, Kind


@dataclass
class Evidence:
    """What the texts of one column have shown.

    marks: of its numbers.  forms: of its dates.  spans: of its durations, if it holds them.
    numbers: the marks of a column that the user's format makes dates; it holds numbers again if
    one of its texts does not fit the format.  first: a text that is a number.  mixed: two texts in
    different units, for which the column is refused.  offered: a dress that was not used because
    the texts may be labels.
    """

    marks: Marks = field(default_factory=Marks)
    forms: DateForms | None = None
    spans: Spans | None = None
    numbers: Marks | None = None
    first: str = ""
    mixed: tuple[str, str] | None = None
    offered: Dress | None = None


@dataclass
class Case:
    """A source, the options and the model's columns under which it is read, and the evidence.

    whole: whether every row of every text column of the source was looked at.  spared: columns that
    may not be needed: what is wrong with one is kept in `faults` and refuses nothing.
    """

    opened: Opened
    options: ReadOptions
    schema: Mapping[str, Column]
    spared: frozenset[str] = frozenset()
    whole: bool = False
    columns: dict[str, Evidence] = field(default_factory=lambda: defaultdict(Evidence))
    faults: dict[str, Fault] = field(default_factory=dict)

    def forced_kind(self, name: str) -> Kind | None:
        """The kind that the user or the model's schema gives a column."""
        if name in self.schema:
            return self.schema[name].kind
        return next((kind for kind in KINDS if name in getattr(self.options, kind)), None)
