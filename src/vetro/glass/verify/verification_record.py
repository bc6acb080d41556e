"""The content of a verification: its checks.  verify_text.py words it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from vetro.errors import Notice
from vetro.glass.as_json import as_json
from vetro.glass.check import Check


@dataclass(frozen=True, eq=False)
class VerificationRecord:
    """The result of verify.  bool() is true only if every check passed.

    title: the network as text; rows: how many were recomputed; checks: in order; notes: what was
    not checked, and why; notices: the messages of reading the rows.
    """

    title: str
    rows: int
    checks: tuple[Check, ...]
    notes: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()

    def __bool__(self) -> bool:
        return all(self.checks)

    @property
    def share(self) -> float:
        """The largest deviation as a share of its bound, NaN if nothing was compared."""
        shares = [check.share for check in self.checks if not math.isnan(check.share)]
        return max(shares, default=math.nan)

    def to_json(self) -> dict[str, Any]:
        """The checks with their deviations and bounds, as plain data."""
        names = "network=title rows largest_share=share checks notes"
        return {"passed": bool(self), **as_json(self, names)}
