"""Numbers in texts: two ends of a range are never written alike."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vetro.figures import among, ends, figure, outward

NUMBERS = st.floats(-1e18, 1e18, allow_nan=False) | st.floats(-1e-3, 1e-3)


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [
        (999999995.38, 1000000017.64, ("999999995.4", "1000000017.6")),
        (1e9, 1e9 + 20, ("1000000000", "1000000020")),
        (540.0, 540.0003, ("540.0000", "540.0003")),
        (-1e20, -1e20 + 1e12, ("-1.00000000000e+20", "-9.9999999000e+19")),
        (1e-9, 1e-9 + 2e-15, ("1.00000000e-09", "1.00000200e-09")),
    ],
)
def test_ends_of_a_narrow_range(low: float, high: float, shown: tuple[str, str]) -> None:
    assert ends(low, high) == shown


@pytest.mark.parametrize("low,high", [(0.05, 9.96), (102.0, 540.0), (0.0, 1e-12), (3.0, 3.0),
                                      (2001.0, 2003.0), (-1e6, 1e6), (-math.inf, 1e9)])  # fmt: skip
def test_ordinary_ends_are_as_a_single_number(low: float, high: float) -> None:
    assert ends(low, high) == (figure(low, 6), figure(high, 6))
    assert outward(low, high) == (figure(low, 6), figure(high, 6))


@given(NUMBERS, st.floats(1e-13, 1e3))
def test_ends_differ_wherever_doubles_of_15_digits_do(low: float, share: float) -> None:
    high = low + abs(low) * share
    assume(f"{low:.13g}" != f"{high:.13g}")
    first, last = ends(low, high)
    assert float(first) < float(last)


@given(NUMBERS, NUMBERS, st.floats(1e-16, 1.0))
def test_what_is_written_outward_holds_the_range(low: float, other: float, share: float) -> None:
    for high in (other, low + abs(low) * share):
        first, last = outward(min(low, high), max(low, high))
        assert float(first) <= min(low, high)
        assert float(last) >= max(low, high)


def test_the_limit_of_a_claim_may_be_the_only_end() -> None:
    assert outward(-math.inf, 1e9 + 10.941, width=1.06) == ("-infinity", "1000000010.95")


def test_a_value_of_a_narrow_range() -> None:
    assert among(1e9 + 12.19, 22.0) == "1000000012.2"
    assert among(12.19, 22.0) == "12.19"
    assert among(1e9 + 12.19, 0.0) == "1e+09"
