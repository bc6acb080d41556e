"""Faults of columns: why a column cannot be read, stored until it is known whether it is needed.

The table must not be refused for a column that is left out.  This module decides no role.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vetro.errors import Notice, VetroError, Words, error, notice, words
from vetro.tables.schema import Column


@dataclass(frozen=True)
class Fault:
    """Why a column cannot be read.

    of_type: whether its type holds no numbers, texts, dates or flags.  Then there is nothing to
    correct, and the column is left out with a warning unless the user names it.  advice: how it can
    be read nevertheless.
    """

    error: VetroError
    of_type: bool = False
    advice: Words | None = None


def refused_type(column: str, kind: str) -> VetroError:
    """The E128 for a column whose type cannot be converted."""
    fix = "Make it numbers or text, or leave it out."
    return error("E128", column=column, type=kind, fix=fix)


Faults = Mapping[str, Fault]
NOT_READ = "not read"


def unread(name: str) -> Column:
    """The schema entry of a column that cannot be read, without facts."""
    return Column(name=name, kind="category", role="ignored", reason=NOT_READ)


def left_out(name: str, fault: Fault) -> Notice:
    """W170: Vetro does not read the column's type, and the user has not named the column."""
    fix = words(" {advice}", advice=fault.advice) if fault.advice is not None else ""
    return notice("W170", column=name, type=fault.error.values["type"], fix=fix)
