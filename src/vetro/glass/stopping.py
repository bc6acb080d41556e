"""Ending a search before it is done: when its time is over, or Ctrl-C was pressed.

The results until then hold.  A second Ctrl-C raises KeyboardInterrupt at once.
"""

from __future__ import annotations

import math
import numbers
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from vetro.engines.interruption import ctrl_c
from vetro.errors import Setting, error


@dataclass(frozen=True)
class Limit:
    """until: the time.monotonic() at which the time is over.  interruption: asked why to end
    before."""

    until: float
    interruption: Callable[[], str]

    def interrupted(self) -> bool:
        """Whether Ctrl-C was pressed."""
        return bool(self.interruption())

    def over(self) -> bool:
        """Whether to end now."""
        return self.interrupted() or time.monotonic() >= self.until

    def part(self, share: float) -> Limit:
        """A limit after this share of the remaining time."""
        now = time.monotonic()
        return Limit(now + share * max(self.until - now, 0.0), self.interruption)


@contextmanager
def limited(seconds: float = math.inf) -> Iterator[Limit]:
    """A limit from now on."""
    with ctrl_c() as interruption:
        yield Limit(time.monotonic() + seconds, interruption)


def check_seconds(name: str, value: float) -> None:
    """E601 for a value that is not a number of at least 0."""
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not (number and math.isfinite(value) and value >= 0):
        reason, fix = "it must be a number of at least 0", "Correct it."
        raise error("E601", argument=Setting(name), value=value, reason=reason, fix=fix)
