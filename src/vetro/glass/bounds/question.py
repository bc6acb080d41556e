"""A question about a box: what bounds, prove and monotonicity have in common before and after their
searches.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from vetro.errors import Notice, issue_warnings
from vetro.glass.bounds.box import Range
from vetro.glass.bounds.branching import one_thread
from vetro.glass.bounds.over import data_of, inputs_of, ranges_of, text_of
from vetro.glass.stopping import Limit, check_seconds, limited
from vetro.glass.subject import Subject, subject_of

SECONDS = 8.0
"""The time for a search, if the user names none."""


@dataclass(frozen=True)
class Question:
    """A subject, a box, and the seconds for a search since `start`.  notices: about the box."""

    subject: Subject
    ranges: list[Range]
    notices: tuple[Notice, ...]
    seconds: float
    start: float

    @contextmanager
    def searching(self) -> Iterator[Limit]:
        """The limit of the search; the notices are issued as warnings."""
        issue_warnings(self.notices)
        with one_thread(), limited(self.seconds - (time.monotonic() - self.start)) as limit:
            yield limit

    def facts(self, *, interrupted: bool) -> dict[str, Any]:
        """The fields of a SearchRecord."""
        subject = self.subject
        columns = subject.model.schema.inputs if subject.model else (None,) * len(self.ranges)
        box = list(zip(subject.inputs, columns, self.ranges, strict=True))
        units = zip(subject.inputs, subject.units, strict=True)
        return {
            "over": {name: text_of(column, found) for name, column, found in box},
            "box": {name: data_of(column, found) for name, column, found in box},
            "units": {name: unit for name, unit in units if unit},
            "seconds": time.monotonic() - self.start,
            "interrupted": interrupted,
            "notices": self.notices,
        }


def asked(thing: Any, over: Any, seconds: float) -> Question:
    """The question about a model or module and a box as a user gives them."""
    start = time.monotonic()
    check_seconds("seconds", seconds)
    subject = subject_of(thing, inputs=inputs_of(over))
    return Question(subject, *ranges_of(subject, over), seconds, start)
