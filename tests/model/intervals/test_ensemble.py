"""The error of a mean of parts: against parts whose errors are drawn with known moments."""

from __future__ import annotations

import numpy as np
import pytest

from vetro.model.intervals.ensemble import shrink_of_mean


@pytest.mark.parametrize("parts", [2, 5, 10])
@pytest.mark.parametrize(("variance", "pulled"), [(0.0, 0.0), (0.3, 0.0), (0.3, 0.4), (0.05, 0.7)])
def test_the_error_of_the_mean_is_found_from_the_parts_apart(parts, variance, pulled):
    """answer of a part = centre + its own deviation, pulled to the truth if it saw the row."""
    generator = np.random.default_rng(5)
    rows = 400_000
    left = generator.normal(size=rows)  # truth - centre, S = 1
    own = generator.normal(size=rows) * np.sqrt(variance)
    others = generator.normal(size=(parts - 1, rows)) * np.sqrt(variance) + pulled * left
    found = shrink_of_mean(own - left, others.mean(axis=0) - left, parts)
    assert found == pytest.approx(np.sqrt((1 + variance / parts) / (1 + variance)), abs=0.012)


def test_weights_count_as_rows():
    generator = np.random.default_rng(6)
    own, others = generator.normal(size=(2, 300)) * [[1.0], [0.9]]
    own, others = own + others, 0.8 * others
    twice = generator.random(300) < 0.5
    repeated = shrink_of_mean(np.r_[own, own[twice]], np.r_[others, others[twice]], 5)
    weighed = shrink_of_mean(own, others, 5, 1.0 + twice)
    assert weighed == pytest.approx(repeated, rel=0.02)
    assert shrink_of_mean(own, others, 5) < 0.95


def test_there_is_nothing_to_shrink_without_other_parts_or_errors():
    own = np.array([1.0, -1.0, 0.5])
    assert shrink_of_mean(own, own, 1) == 1.0
    assert shrink_of_mean(np.zeros(5), np.zeros(5), 5) == 1.0
    # parts that answer the same are their own mean
    assert shrink_of_mean(own, own, 5) == 1.0
