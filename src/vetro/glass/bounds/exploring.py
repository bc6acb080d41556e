"""Bounding all answers over a box from two sides: certain bounds by branching, rows by searching.

What both bounds.py and prove.py do; they differ in how much they want.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vetro.glass.bounds.answer_forms import answers_over, plain_intervals
from vetro.glass.bounds.box import Range, space_of
from vetro.glass.bounds.branching import branch
from vetro.glass.bounds.witness import Search, centres
from vetro.glass.subject import Subject

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Explored:
    """search: the best rows.  plain, relaxed, certain: lower bounds (objectives,) of the answers
    and then of their negatives, by intervals, by one relaxation of the whole box, and in the
    end.  boxes: how many were bounded.  done: whether what was wanted was reached."""

    search: Search
    plain: Floats
    relaxed: Floats
    certain: Floats
    boxes: int
    done: bool


def explore(
    subject: Subject, ranges: list[Range], wanted: Callable[[Search], Floats], until: float
) -> Explored:
    """Cut boxes until the certain bounds reach what is wanted, or time.monotonic() is `until`.

    wanted: from the rows found so far, the bounds (objectives,) that suffice.
    """
    space, root = space_of(subject, ranges)
    plain = plain_intervals(subject, space, root)
    search = Search(subject, space, root)
    search.start()
    found = branch(
        space,
        root,
        lambda boxes: answers_over(subject, space, boxes),
        lambda boxes: search.look(centres(space, boxes)),
        lambda: wanted(search),
        until,
    )
    search.confirm()
    certain = np.maximum(found.certain, plain)
    return Explored(search, plain, found.first[0], certain, found.boxes, found.done)
