"""The schema: a table's columns with kinds, roles, units and how each value is read.

Plain frozen data with a JSON form.  It decides nothing: kinds.py and roles.py do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

Kind = Literal["number", "category", "date", "flag"]
Role = Literal["input", "target", "weight", "group", "ignored"]
KINDS: tuple[Kind, ...] = ("number", "category", "date", "flag")
ROLES: tuple[Role, ...] = ("input", "target", "weight", "group", "ignored")


@dataclass(frozen=True)
class Reading:
    """How the text of a column becomes values.

    `missing` holds the texts read as missing (the empty text always is).
    `date_format` is a strptime format, or DURATION of instants.py; `zoned`: whether the dates have
    an offset from UTC; `flag_words` is (false text, true text).  `unit` is the
    unit that the cells hold with the number; "" if they hold only numbers.
    """

    decimal: str = "."
    thousands: str = ""
    date_format: str = ""
    missing: tuple[str, ...] = ("",)
    flag_words: tuple[str, str] = ("", "")
    zoned: bool = False
    unit: str = ""


@dataclass(frozen=True)
class Column:
    """One column: name as in the header, kind, role, unit and facts about its values.

    unit: of the cells, or else of the header's brackets.

    minimum, maximum: of the present values, for numbers (in `unit`) and dates (days
    since 1970-01-01).  levels: for categories, sorted, only those kept.  order: the levels, rising,
    of an input whose levels have an order; else ().  distinct: the number
    of different present values, or a lower bound if distinct_exact is false.  reason: why the
    column is ignored, or how its kind was decided, for display.
    """

    name: str
    kind: Kind
    role: Role = "input"
    unit: str = ""
    reading: Reading = field(default_factory=Reading)
    missing: int = 0
    minimum: float | None = None
    maximum: float | None = None
    levels: tuple[str, ...] = ()
    distinct: int = 0
    distinct_exact: bool = True
    example: str = ""
    reason: str = ""
    order: tuple[str, ...] = ()

    @property
    def joined(self) -> bool:
        """Whether only its frequent texts are levels, and the others were read as one."""
        return 0 < len(self.levels) < self.distinct

    def with_unit(self, text: str) -> str:
        """A value's text followed by the column's unit: "5 %"."""
        return f"{text} {self.unit}" if self.unit and self.kind == "number" else text


@dataclass(frozen=True)
class Schema:
    """The columns in the table's order."""

    columns: tuple[Column, ...]

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def __contains__(self, name: object) -> bool:
        return any(column.name == name for column in self.columns)

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def with_role(self, role: Role) -> tuple[Column, ...]:
        """The columns of a role, in order."""
        return tuple(column for column in self.columns if column.role == role)

    @property
    def inputs(self) -> tuple[Column, ...]:
        return self.with_role("input")

    @property
    def targets(self) -> tuple[Column, ...]:
        return self.with_role("target")

    def replaced(self, column: Column) -> Schema:
        """The schema with the column of the same name replaced."""
        return Schema(tuple(column if old.name == column.name else old for old in self.columns))

    def to_json(self) -> list[dict[str, Any]]:
        """A list of plain dicts, one per column."""
        return [asdict(column) for column in self.columns]

    @staticmethod
    def from_json(data: list[dict[str, Any]]) -> Schema:
        """The inverse of to_json; KeyError, TypeError or ValueError if the data do not fit."""
        columns = []
        for item in data:
            entry = dict(item)
            reading = dict(entry.pop("reading"))
            reading["missing"] = tuple(reading["missing"])
            low, high = reading["flag_words"]
            reading["flag_words"] = (low, high)
            entry["levels"] = tuple(entry["levels"])
            entry["order"] = tuple(entry.get("order", ()))
            column = Column(**entry, reading=Reading(**reading))
            if column.kind not in KINDS or column.role not in ROLES:
                raise ValueError(f"kind {column.kind!r} or role {column.role!r} is unknown")
            columns.append(column)
        return Schema(tuple(columns))


def with_role(column: Column, role: Role, reason: str = "") -> Column:
    """The column with another role, and the reason if one is given."""
    return replace(column, role=role, reason=reason or column.reason)
