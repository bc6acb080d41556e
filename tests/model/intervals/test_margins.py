"""Scores, margins and sets: against exact counting, and the promise of split conformal itself."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vetro.errors import PredictionError
from vetro.model.intervals.local_scale import constant_scale
from vetro.model.intervals.margins import MOST_SCORES, Margins, Scores

numbers = st.integers(-1000, 1000).map(float)


def counted_upper(values, weights, share):
    """The smallest value with at least `share` of all weight, one mean weight more, at most it."""
    order = sorted(range(len(values)), key=lambda i: values[i])
    total = sum(weights) * (1 + Fraction(1, len(values)))
    for i, below in zip(order, accumulate(weights[i] for i in order), strict=True):
        if below >= share * total:
            return values[i]
    return None


@given(st.lists(st.tuples(numbers, st.integers(1, 5)), min_size=1, max_size=60), st.integers(1, 99))
def test_quantiles_are_those_of_exact_counting(rows, percent):
    values, weights = zip(*rows, strict=True)
    scores = Scores.of(np.array(values), np.array(weights, dtype=float))
    exact = [Fraction(weight) for weight in weights]
    share = Fraction(percent, 100)
    upper = counted_upper(values, exact, share)
    lower = counted_upper([-value for value in values], exact, share)
    assert (upper is None) == (float(share) > scores.most + 1e-12)
    if upper is not None:
        assert scores.upper(float(share)) == upper
        assert scores.lower(float(share)) == -lower


@given(st.lists(numbers, min_size=20, max_size=60, unique=True), st.sampled_from((0.5, 0.8, 0.9)))
def test_a_new_row_is_covered_at_least_as_often_as_promised(errors, level):
    """Any of exchangeable rows may be the new one: leave each out in turn, and count."""
    held = 0
    for place, error in enumerate(errors):
        rest = np.array(errors[:place] + errors[place + 1 :])
        margins = Margins(Scores.of(rest), constant_scale(0))
        low, high = margins.bounds(level, np.array([7.0]), np.ones(1))
        held += low[0] <= 7.0 - error <= high[0]
    assert held >= level * len(errors) - 1e-9
    # with distinct errors, not more than one row too many on each side
    assert held <= level * len(errors) + 2


def test_a_level_beyond_the_rows_is_refused_and_the_proposal_works():
    margins = Margins(Scores.of(np.arange(30.0)), constant_scale(0))
    with pytest.raises(PredictionError) as caught:
        margins.bounds(0.95, np.zeros(1), np.ones(1))
    assert caught.value.code == "E418"
    assert "interval=0.935" in str(caught.value)
    low, high = margins.bounds(0.935, np.zeros(1), np.ones(1))
    assert (low[0], high[0]) == (-29.0, 0.0)  # all 30 of 31


def test_bounds_turn_with_the_sign_of_the_error():
    # the answer is always too high, by 1 to 99: the truth lies below it
    margins = Margins(Scores.of(np.arange(1.0, 100.0)), constant_scale(0), shrink=0.5)
    low, high = margins.bounds(0.8, np.array([50.0]), np.array([2.0]))
    assert (low[0], high[0]) == (50 - 90, 50 - 10)


def test_many_scores_are_thinned_outwards():
    generator = np.random.default_rng(1)
    drawn = generator.normal(size=5 * MOST_SCORES)
    whole = np.sort(drawn)
    scores = Scores.of(drawn)
    assert len(scores.values) == MOST_SCORES
    for share in (0.55, 0.9, 0.95, 0.9995):
        place = int(np.ceil(share * (len(drawn) + 1))) - 1
        assert whole[place] <= scores.upper(share) <= whole[min(place + 6, len(drawn) - 1)]
        mirrored = len(drawn) - 1 - place
        assert whole[max(mirrored - 6, 0)] <= scores.lower(share) <= whole[mirrored]


def test_sets_hold_the_likeliest_class_and_all_above_the_quantile():
    margins = Margins(Scores.of(np.linspace(0.01, 0.99, 99)), constant_scale(0))
    likely = np.array([[0.9, 0.06, 0.04], [0.4, 0.35, 0.25], [0.05, 0.05, 0.9]])
    assert margins.sets(0.7, likely).tolist() == [
        [True, False, False],
        [True, True, False],
        [False, False, True],
    ]
    # at 0.1 no class reaches the quantile of 0.9 but the first and the last
    assert margins.sets(0.05, likely).sum(axis=1).tolist() == [1, 1, 1]
