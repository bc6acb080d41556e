"""Faults of columns: why one cannot be read, kept until it is known whether it is needed.

A column that is left out must not be able to refuse the table.  It decides no role.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vetro.errors import Notice, VetroError, notice
from vetro.tables.schema import Column


@dataclass(frozen=True)
class Fault:
    """Why a column cannot be read.

    of_type: its type holds no numbers, texts, dates or flags, so that there is nothing to
    correct: the column is left out with a warning unless the user names it.
    """

    error: VetroError
    of_type: bool = False


Faults = Mapping[str, Fault]
NOT_READ = "not read"


def unread(name: str) -> Column:
    """The schema entry of a column that cannot be read: nothing is known of it."""
    return Column(name=name, kind="category", role="ignored", reason=NOT_READ)


def left_out(name: str, fault: Fault) -> Notice:
    """W170: the column's type is none that Vetro reads, and nobody has named it."""
    return notice("W170", column=name, type=fault.error.values["type"])
