"""The columns whose narrower ranges would make certain ranges tighter, and by how much.

The gain is measured: each column is narrowed alone, and the answers are bounded again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vetro.glass.bounds.box import Boxes, halves, widths
from vetro.glass.bounds.exploring import Explored
from vetro.glass.plain import Floats

TRIED, NAMED = 16, 4


@dataclass(frozen=True)
class Narrowing:
    """column: the one whose range is halved; numbers keep the middle half.  gain: the share by
    which the certain ranges then narrow before any cut, as the mean over the answers; for levels,
    the smaller gain of the two halves."""

    column: str
    gain: float


def narrowings(found: Explored) -> tuple[Narrowing, ...]:
    """The columns that help most, the best first; empty if no column can be narrowed."""
    space, root = found.space, found.root
    bounded = found.bound(root)
    whole = _widths(bounded.least)[0]
    share = bounded.pull[0] / np.maximum(bounded.pull[0].sum(axis=1, keepdims=True), 1e-300)
    pull = np.where(widths(space, root)[0] > 0, share.mean(axis=0), 0.0)
    tried = [int(axis) for axis in np.argsort(-pull)[:TRIED] if pull[axis] > 0]
    if not tried or not (whole > 0).any():
        return ()
    boxes: list[Boxes] = []
    for number in tried:
        axis = space.axes[number]
        if axis.number >= 0 and not axis.whole:
            low, high = root.low.copy(), root.high.copy()
            quarter = (high[0, axis.number] - low[0, axis.number]) / 4
            low[0, axis.number] += quarter
            high[0, axis.number] -= quarter
            boxes += [Boxes(low, high, root.allowed)] * 2
        else:
            cut = halves(space, root, np.array([number]))
            boxes += [cut.take(slice(0, 1)), cut.take(slice(1, 2))]
    narrow = _widths(found.bound(Boxes.joined(boxes)).least).reshape(len(tried), 2, -1).max(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        gains = np.where(whole > 0, 1 - narrow / whole, 0.0).mean(axis=1)
    best = sorted(zip(gains.tolist(), tried, strict=True), reverse=True)[:NAMED]
    return tuple(Narrowing(space.axes[axis].name, gain) for gain, axis in best if gain >= 0.001)


def _widths(least: Floats) -> Floats:
    """The widths of the ranges given by lower bounds (boxes, objectives), (boxes, answers)."""
    ends = least.shape[1] // 2
    found: Floats = -(least[:, :ends] + least[:, ends:])
    return found
