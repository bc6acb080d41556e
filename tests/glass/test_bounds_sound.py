"""Nothing lies outside a bound: random networks and boxes, sampled, at corners, by ascent."""

from __future__ import annotations

import numpy as np
import pytest
from glass.bounds_cases import (
    ascend,
    boxes_of,
    module_subject,
    outputs_at,
    random_boxes,
)

from vetro.glass.bounds.answer_forms import answers_over
from vetro.glass.bounds.tangent_bounds import slopes_over


def violations(seed: int, networks: int, boxes: int, samples: int) -> tuple[int, float]:
    """How many engine outputs lie outside their box's bounds, and the smallest distance to a
    bound as a share of the bound's width, of boxes that are no points."""
    random = np.random.default_rng(seed)
    outside, nearest = 0, np.inf
    for _ in range(networks):
        subject = module_subject(random)
        inputs, count = len(subject.inputs), len(subject.answers)
        space, several = boxes_of(subject, random_boxes(random, inputs, boxes))
        least = answers_over(subject, space, several).least
        low, high = least[:, :count], -least[:, count:]
        for box in range(boxes):
            below, above = several.low[box], several.high[box]
            raw = below + (above - below) * random.random((samples, inputs))
            corners = np.where(random.random((2**inputs, inputs)) < 0.5, below, above)
            raw = np.clip(np.concatenate([raw, corners]), below, above)
            if subject.model is None:
                starts = raw[: min(16, len(raw))]
                for answer in range(count):
                    for sign in (-1.0, 1.0):
                        risen = ascend(subject, starts, below, above, sign, answer)
                        raw = np.concatenate([raw, risen])
            for found in outputs_at(subject, raw):
                outside += int((found < low[box]).sum() + (found > high[box]).sum())
                spread = high[box] - low[box]
                if (above > below).any() and (spread > 0).all():
                    nearest = min(nearest, float(((found.min(axis=0) - low[box]) / spread).min()))
    return outside, nearest


def test_nothing_lies_outside() -> None:
    outside, nearest = violations(seed=1, networks=14, boxes=8, samples=40)
    assert outside == 0
    assert nearest < 1e-3  # and some bounds are touched: they are not merely wide


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
def test_nothing_lies_outside_ten_thousand_boxes(seed: int) -> None:
    outside, _ = violations(seed=100 + seed, networks=50, boxes=20, samples=1000)
    assert outside == 0


@pytest.mark.parametrize("seed", [0])
def test_slopes_hold(seed: int) -> None:
    assert steeper(seed, networks=20, boxes=6, samples=40) == 0


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 5))
def test_slopes_hold_often(seed: int) -> None:
    assert steeper(seed, networks=100, boxes=10, samples=200) == 0


def steeper(seed: int, networks: int, boxes: int, samples: int) -> int:
    """How many derivatives, from plain.py in float64, lie outside their bounds."""
    from vetro.glass import plain

    random = np.random.default_rng(seed)
    outside = 0
    for _ in range(networks):
        subject = module_subject(random)
        inputs, count = len(subject.inputs), len(subject.answers)
        space, several = boxes_of(subject, random_boxes(random, inputs, boxes))
        column = int(random.integers(inputs))
        found = slopes_over(subject, space, several, column)
        part = subject.parts[0]
        for box in range(boxes):
            below, above = several.low[box], several.high[box]
            raw = np.clip(below + (above - below) * random.random((samples, inputs)), below, above)
            values = plain.forward(part, raw)
            for answer in range(count):
                delta = np.zeros_like(values[-1])
                delta[:, answer] = 1.0
                slope = plain.backward(part, values, delta)[1][0][:, column]
                room = 1e-12 * (1 + np.abs(slope))  # plain.py rounds, too
                outside += int((slope + room < found.low[box, answer]).sum())
                outside += int((slope - room > found.high[box, answer]).sum())
    return outside
