"""How the user wants a table to be read: the options shared by every source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from vetro.entries import as_declared, check_entries, check_names
from vetro.errors import Setting, error
from vetro.tables.schema import KINDS
from vetro.twins import plain_names

DECIMAL_MARKS = (".", ",")
THOUSANDS_MARKS = (".", ",", " ", "\u00a0", "\u2007", "\u2009", "\u202f", "'", "\u2019")


@dataclass(frozen=True)
class ReadOptions:
    """The user's options for reading; empty means: detect, and refuse if in doubt.

    sep, decimal, thousands, encoding, date_format: as on the command line.
    header: False when the first line is data (columns are then c1, c2, ...).
    missing: further texts that mean missing.  number, category, date, flag: columns to read
    as this kind.  query: SQL for databases and for files (the file is the
    view `data`).  sheet: of a spreadsheet.  bad_rows: "skip" leaves out rows with a wrong
    number of fields.  skip_rows: lines at the top that are left out; skip_footer: lines at the end
    that are left out, not counting blank ones (None: detect titles and footers; 0: there are none).
    comment: lines that begin with it are left out.  units_row: whether the line below the header
    holds units (None: detect).  keep: columns copied to Table.kept without being read.
    """

    sep: str = ""
    decimal: str = ""
    thousands: str = ""
    encoding: str = ""
    date_format: str = ""
    header: bool = True
    missing: tuple[str, ...] = ()
    bad_rows: Literal["refuse", "skip"] = "refuse"
    skip_rows: int | None = None
    comment: str = ""
    units_row: bool | None = None
    skip_footer: int | None = None
    number: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    date: tuple[str, ...] = ()
    flag: tuple[str, ...] = ()
    query: str = ""
    sheet: str = ""
    keep: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_entries(self)
        for role in (*KINDS, "keep"):
            object.__setattr__(self, role, plain_names(getattr(self, role)))
        self._check_marks()
        for name in ("skip_rows", "skip_footer"):
            value = getattr(self, name)
            if value is not None and value < 0:
                reason, fix = "it is below 0", "Use 0 or more."
                raise error("E601", argument=Setting(name), value=value, reason=reason, fix=fix)

    def _check_marks(self) -> None:
        """E601 for impossible or equal marks of numbers, and for a column with two kinds."""
        for name, marks in (("decimal", DECIMAL_MARKS), ("thousands", THOUSANDS_MARKS)):
            value = getattr(self, name)
            if value and value not in marks:
                fix = "Use one of: " + " ".join(f'"{mark}"' for mark in marks) + "."
                reason = "numbers are not written with it"
                raise error("E601", argument=Setting(name), value=value, reason=reason, fix=fix)
        if self.decimal and self.decimal == self.thousands:
            reason = "it is the decimal mark as well"
            raise error(
                "E601", argument=Setting("thousands"), value=self.thousands, reason=reason,
                fix="Use two different marks.",
            )  # fmt: skip
        kinds: dict[str, str] = {}
        for kind in KINDS:
            for column in getattr(self, kind):
                if kinds.setdefault(column, kind) != kind:
                    reason = f"it is named as a {kinds[column]} as well"
                    raise error(
                        "E601", argument=Setting(kind), value=column, reason=reason,
                        fix="Name it once.",
                    )  # fmt: skip

    @property
    def forced(self) -> tuple[str, ...]:
        """The columns whose kind the user gave; they are inputs even if they look useless."""
        return (*self.number, *self.category, *self.date, *self.flag)


def read_options(options: ReadOptions | None, settings: Mapping[str, Any]) -> ReadOptions:
    """The options with the entries that the caller gave by name; E602 for an unknown name."""
    base = options or ReadOptions()
    if not isinstance(base, ReadOptions):
        reason, fix = "a vetro ReadOptions is needed", "Give its entries as arguments, or make one."
        raise error("E601", argument=Setting("options"), value=options, reason=reason, fix=fix)
    check_names(settings, [entry.name for entry in fields(ReadOptions)], "reading")
    return replace(base, **as_declared(ReadOptions, settings))
