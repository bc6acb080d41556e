"""Doubts: why a column of texts may be one of numbers or dates, said once.

The column stays a category, or is ignored; roles.py decides that, and the message says which.  A
column has one doubt at most; text_doubts.py finds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vetro.errors import Notice, notice

CATEGORY, IGNORED = "read as a category", "ignored"


@dataclass(frozen=True)
class Doubt:
    """code: of the message.  values: what it says besides what became of the column."""

    code: str
    values: Mapping[str, Any]

    def said(self, outcome: str) -> Notice:
        """The message; outcome: what became of the column."""
        return notice(self.code, **self.values, outcome=outcome)
