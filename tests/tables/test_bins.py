"""Bins of numbers against plain Python and exact fractions: borders, shares, encoded columns."""

from __future__ import annotations

import math
from bisect import bisect_left
from fractions import Fraction
from itertools import accumulate, pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tables.build import table

from vetro.tables.blocks import NumberBlock, quantile_borders
from vetro.tables.encoder import Encoder

HALF_ULP = Fraction(1, 2**53)
LEAST = Fraction(5e-324)
NARROWEST = 1e-290

any_number = st.floats(allow_nan=False, allow_infinity=False)
few = st.sampled_from([-2.0, 0.0, 0.5, 1.0, 3.0])  # many ties
huge = st.floats(1e300, 1.7e308) | st.floats(-1.7e308, -1e300)
tiny = st.floats(-1e-300, 1e-300)
values_of = st.one_of(
    st.lists(few, max_size=40),
    st.lists(st.integers(-50, 50).map(float), max_size=60),
    st.lists(any_number, max_size=40),
    st.lists(huge, max_size=20),
    st.lists(tiny, max_size=20),
    st.lists(few | huge | tiny, max_size=30),
)
weights_of = st.integers(1, 64).map(lambda item: item / 8)


def expected_borders(values: list[float], bins: int, weights: list[Fraction]) -> list[float]:
    """The least value with at least k of `bins` parts of the weight at or below it, for each k."""
    if bins < 2 or len(values) < 3:
        return []
    order = sorted(range(len(values)), key=values.__getitem__)
    below = list(accumulate(weights[row] for row in order))
    places = [bisect_left(below, Fraction(part, bins) * below[-1]) for part in range(1, bins)]
    kept = sorted({values[order[place]] for place in [0, *places, len(values) - 1]})
    widths = [high - low for low, high in pairwise(kept)]
    if len(kept) < 3 or max(widths) == math.inf or min(widths) < NARROWEST:
        return []
    return kept


@settings(max_examples=400, deadline=None)
@given(values_of, st.integers(0, 40), st.data())
def test_borders_are_the_quantiles(values, bins, data):
    weights = data.draw(
        st.none() | st.lists(weights_of, min_size=len(values), max_size=len(values))
    )
    found = quantile_borders(np.array(values), bins, None if weights is None else np.array(weights))
    exact = [Fraction(1)] * len(values) if weights is None else list(map(Fraction, weights))
    assert list(found) == expected_borders(values, bins, exact)


@settings(max_examples=200, deadline=None)
@given(st.lists(few | st.integers(0, 9).map(float), min_size=3, max_size=30), st.data())
def test_a_weight_counts_as_equal_values(values, data):
    counts = data.draw(st.lists(st.integers(1, 4), min_size=len(values), max_size=len(values)))
    repeated = np.repeat(values, counts)
    bins = data.draw(st.integers(2, 20))
    weighted = quantile_borders(np.array(values), bins, np.array(counts, float) * 0.1)
    assert weighted == quantile_borders(repeated, bins)


@pytest.mark.parametrize(
    "values",
    [[], [1.0], [1.0, 2.0], [3.0] * 50, [0.0, 1.0] * 30, [-1.7e308, 0.0, 1.7e308, 1.75e308],
     [0.0, 5e-324, 1e-323, 1.5e-323]],
)  # fmt: skip
def test_there_are_no_bins_of_a_few_values_nor_beyond_float64(values):
    """A constant, two values, ranges beyond float64, and numbers of few bits."""
    expected = [-1.7e308, 0.0, 1.7e308, 1.75e308] if len(values) == 4 and values[0] else []
    assert list(quantile_borders(np.array(values), 8)) == expected


def exact_share(value: float, low: float, high: float) -> Fraction:
    share = (Fraction(value) - Fraction(low)) / (Fraction(high) - Fraction(low))
    return min(max(share, Fraction(0)), Fraction(1))


borders_of = st.lists(any_number | few | huge | tiny, min_size=3, max_size=20, unique=True).map(
    sorted
)


@settings(max_examples=400, deadline=None)
@given(borders_of, st.lists(any_number | few | huge | tiny, max_size=20))
@example([-1e308, 0.0, 1e308], [1.79e308, -1.79e308])
@example([1.0, math.nextafter(1.0, 2.0), 2.0], [1.0, 1.5])
def test_shares_are_those_of_exact_fractions(borders, values):
    if any(not NARROWEST <= high - low < math.inf for low, high in pairwise(borders)):
        return
    values = [*values, *borders]
    block = NumberBlock("x", 0.0, 1.0, 0.0, borders=tuple(borders))
    found = block.shares(np.array(values))
    assert found.shape == (len(values), block.bins)
    for row, value in zip(found.tolist(), values, strict=True):
        broken = [share for share in row if 0 < share < 1]
        assert len(broken) <= 1
        assert row == sorted(row, reverse=True), "full bins first, then a share, then empty ones"
        for share, (low, high) in zip(row, pairwise(borders), strict=True):
            exact = exact_share(value, low, high)
            # a difference, a width and a quotient are rounded
            assert abs(Fraction(share) - exact) <= 4 * HALF_ULP * exact + LEAST


@settings(max_examples=100, deadline=None)
@given(borders_of)
def test_a_border_fills_the_bins_below_it_and_none_above(borders):
    if any(not NARROWEST <= high - low < math.inf for low, high in pairwise(borders)):
        return
    block = NumberBlock("x", 0.0, 1.0, 0.0, borders=tuple(borders))
    expected = np.tri(len(borders), block.bins, -1)
    np.testing.assert_array_equal(block.shares(np.array(borders)), expected)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.none() | st.integers(-30, 30).map(lambda item: item / 4), min_size=4, max_size=50),
    st.integers(2, 12),
    st.sampled_from([np.float32, np.float64]),
)
def test_a_column_is_its_scaled_value_its_shares_and_the_indicator(values, bins, dtype):
    built = table({"x": values, "y": [float(row) for row in range(len(values))]}, target="y")
    encoder = Encoder.fit(built, bins=bins)
    (block,) = encoder.inputs
    given_ = [value for value in values if value is not None]
    assert list(block.borders) == expected_borders(given_, bins, [Fraction(1)] * len(given_))
    matrix = encoder.encode(built, dtype=dtype)
    assert matrix.shape == (len(values), len(encoder.input_names))
    assert encoder.input_names == block.names
    assert encoder.piecewise == (((1, block.bins),) if block.borders else ())
    for row, value in zip(matrix.tolist(), values, strict=True):
        filled = block.median if value is None else value
        shares = [float(exact_share(filled, *ends)) for ends in pairwise(block.borders)]
        wanted = [(filled - block.mean) * block.scale, *shares]
        if block.indicator:
            wanted.append(float(value is None and block.indicator_trained))
        np.testing.assert_allclose(row, wanted, rtol=2e-7 if dtype == np.float32 else 4e-16)


def test_a_flag_has_no_bins():
    built = table({"x": [True, False] * 8, "y": [float(row) for row in range(16)]}, target="y")
    (block,) = Encoder.fit(built, bins=4).inputs
    assert (block.borders, block.width, Encoder.fit(built, bins=4).piecewise) == ((), 1, ())
