"""Orders of texts: those that people write, and texts that have none."""

from __future__ import annotations

import tomllib
from collections import Counter
from importlib.resources import files
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vetro.tables.orders import MOST, order_of

RISING = (
    "Fair, Good, Very Good, Premium, Ideal",
    "I1, SI2, SI1, VS2, VS1, VVS2, VVS1, IF",
    "Po, Fa, TA, Gd, Ex",
    "No, Mn, Av, Gd",
    "Low, Medium, High, Very_High",
    "low, medium, high",
    "Low risk, Medium risk, High risk",
    "Bad, Good, Better, Best",
    "none, mild, moderate, severe",
    "S, M, L, XL",
    "never, sometimes, always",
    "Month-to-month, One year, Two year",
    "1. < HS Grad, 2. HS Grad, 3. Some College, 4. College Grad, 5. Advanced Degree",
    "Below_College, College, Bachelor, Master, Doctor",
    "AsstProf, AssocProf, Prof",
    "1st, 2nd, 3rd",
    "1st Class, 2nd Class, 3rd Class",
    "Stage I, Stage II, Stage III, Stage IV",
    "Grade 1, Grade 2, Grade 10",
    "18-29, 30-39, 40-49, 60+",
    "<12 yrs, 12 yrs, 13-15 yrs, 16 yrs, >16 yrs",
    "1-9km/h, 10-24, 25-39, 40-54, 55+",
    "$0-$10k, $10k-$20k, $20k+",
    "under 18, 18 to 64, 65 and over",
    "0, 1-3, 4 or more",
    "0,5 - 1,5; 1,5 - 2,5; 10 - 20",
    "900-999; 1,000-1,999; 12,000+",
    "-5 - 0, 0 - 5, 5 - 10",
)
WITHOUT = (
    "red, green, blue",
    "low, high",  # two texts have no need of an order
    "low, medium, high, blue",
    "low, medium, mid",  # two words for one place
    "I, II, III",
    "Type 1, Type 2, Type 3",
    "1. Never Married, 2. Married, 3. Widowed",
    "D, E, F, G",
    "a, b, c",
    "12, 13, 14",
    "0-9, 5-15, 20+",  # they overlap
    "9-0, 10-15, 20+",
    "Mon, Tue, Wed",  # they go round
    "January, February, March",
    "yes, no, maybe",
    "Male, Female, Other",
    "unknown, low, high",
    "555-1234, 555-9999, 111-2222",
    "10 km, 20 km, 30 km",  # they are numbers
)


def split(texts: str) -> list[str]:
    return texts.split("; " if ";" in texts else ", ")


@pytest.mark.parametrize("texts", RISING)
def test_texts_with_an_order(texts: str) -> None:
    rising = tuple(split(texts))
    assert order_of(sorted(rising)) == rising
    assert order_of(rising[::-1]) == rising
    assert order_of([text.upper() for text in rising]) == tuple(text.upper() for text in rising)


@pytest.mark.parametrize("texts", WITHOUT)
def test_texts_without_an_order(texts: str) -> None:
    assert order_of(split(texts)) == ()


def test_too_many_texts_are_names() -> None:
    ranges = [f"{10 * n}-{10 * n + 9}" for n in range(MOST + 1)]
    assert order_of(ranges) == ()
    assert order_of(ranges[:-1]) == tuple(ranges[:-1])


@given(st.lists(st.integers(0, 10**9), min_size=4, max_size=MOST, unique=True), st.randoms())
def test_ranges_in_any_order(ends: list[int], random) -> None:
    rising = sorted(ends)
    texts = [f"{low:,} - {high:,}" for low, high in pairwise(rising)]
    shuffled = list(texts)
    random.shuffle(shuffled)
    assert order_of(shuffled) == tuple(texts)


@given(st.lists(st.text(max_size=12), max_size=8, unique=True))
def test_any_texts_give_all_of_them_or_none(texts: list[str]) -> None:
    found = order_of(texts)
    assert found == () or sorted(found) == sorted(texts)


def test_a_scale_has_each_word_once_as_it_is_compared() -> None:
    text = files("vetro.tables").joinpath("scales.toml").read_text(encoding="utf-8")
    for name, scale in tomllib.loads(text).items():
        words = [word for place in scale for word in place]
        assert [word for word, count in Counter(words).items() if count > 1] == [], name
        for word in words:
            assert word == word.casefold().strip() and "_" not in word and "-" not in word, word
