"""Bounding all answers over a box from two sides: certain bounds by branching, rows by searching.

bounds.py and prove.py both use it, with different wanted bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vetro.glass.bounds.answer_forms import Tuned, answers_over, plain_intervals
from vetro.glass.bounds.axes import space_of
from vetro.glass.bounds.box import Boxes, Range, Space
from vetro.glass.bounds.branching import Bounded, branch
from vetro.glass.bounds.tuning import tune
from vetro.glass.bounds.witness import Search, centres
from vetro.glass.plain import Floats
from vetro.glass.stopping import Limit
from vetro.glass.subject import Subject

UNTUNED = 64
"""Boxes bounded before slopes are tuned; many searches end earlier."""
SEARCHING, TUNING = 0.25, 0.5
"""Shares of the remaining time that the first search and the tuning may take."""
PAUSE = 0.3
"""Seconds between two checks of the limit."""

Tell = Callable[[int, Floats], object]


@dataclass(frozen=True, eq=False)
class Explored:
    """search: the best rows.  plain, relaxed, certain: lower bounds (objectives,) of the answers
    and then of their negatives: by intervals, by one relaxation of the whole box, and at the end.
    halfway: the bounds after half of the boxes that were bounded since slopes were tuned.  boxes:
    how many were bounded.  settled: whether slopes were tuned and boxes bounded after that.  done:
    whether the wanted bounds were reached.  bound: bounds boxes by one relaxation each."""

    search: Search
    plain: Floats
    relaxed: Floats
    certain: Floats
    halfway: Floats
    boxes: int
    settled: bool
    done: bool
    space: Space
    root: Boxes
    bound: Callable[[Boxes], Bounded]


def explore(
    subject: Subject,
    ranges: list[Range],
    wanted: Callable[[Search], Floats],
    limit: Limit,
    tell: Tell = lambda boxes, certain: None,
) -> Explored:
    """Cut boxes until the certain bounds reach the wanted ones, or the limit ends the search.

    wanted: returns the bounds (objectives,) that suffice, given the best rows so far.  tell: called
    with the number of boxes bounded and the certain bounds.
    """
    space, root = space_of(subject, ranges)
    plain = plain_intervals(subject, space, root)
    bounding = _Bounding(subject, space, root, plain, limit)
    search = Search(subject, space, root)
    search.start(limit.part(SEARCHING).over)

    def still_wanted() -> Floats:
        goals = wanted(search)
        return np.where(bounding.floor >= goals, -np.inf, goals)

    passed: list[tuple[int, Floats]] = []

    def heard(boxes: int, certain: Floats) -> None:
        passed.append((boxes, np.maximum(certain, bounding.floor)))
        tell(*passed[-1])

    found = branch(
        space,
        root,
        bounding,
        lambda boxes: search.look(centres(space, boxes)),
        still_wanted,
        limit.over,
        tell=heard,
        pause=PAUSE,
    )
    search.confirm()
    certain = np.maximum(found.certain, bounding.floor)
    middle = (found.boxes + bounding.tuned_at) / 2
    halfway = next(bounds for boxes, bounds in passed if boxes >= middle)
    return Explored(
        search=search,
        plain=plain,
        relaxed=found.first[0],
        certain=certain,
        halfway=halfway,
        boxes=found.boxes,
        settled=bounding.tuned and bounding.tuned_at < middle,
        done=found.done,
        space=space,
        root=root,
        bound=lambda boxes: answers_over(subject, space, boxes),
    )


class _Bounding:
    """Bounds boxes within the root; after UNTUNED boxes, with slopes that suit the root.

    floor: lower bounds (objectives,) that hold in all boxes.  tuned_at: after how many boxes slopes
    were tuned.  tuned: whether the tuning ran to its end.
    """

    def __init__(
        self, subject: Subject, space: Space, root: Boxes, plain: Floats, limit: Limit
    ) -> None:
        self._subject, self._space, self._root, self._limit = subject, space, root, limit
        self._tuned: Tuned | None = None
        self._boxes = 0
        self.floor = plain
        self.tuned_at, self.tuned = 0, False

    def __call__(self, boxes: Boxes) -> Bounded:
        before = self._boxes < UNTUNED
        self._boxes += len(boxes)
        if before and self._boxes >= UNTUNED and not self._limit.over():
            over = self._limit.part(TUNING).over
            self.tuned_at = self._boxes
            self._tuned = tune(self._subject, self._space, self._root, over)
            self.tuned = not over()
            if self._tuned is not None:
                self.floor = np.maximum(self.floor, self._tuned.least)
        found = answers_over(self._subject, self._space, boxes, tuned=self._tuned)
        return Bounded(np.maximum(found.least, self.floor), found.pull)
