"""Numbers in text, against Python's own float after the marks are taken away by hand."""

from __future__ import annotations

import math
import re

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vetro.tables import numbers
from vetro.tables.numbers import Marks

SIGNS = st.sampled_from(["", "-", "+"])


@st.composite
def written(draw: st.DrawFn) -> tuple[str, str, str, float]:
    """A number's text with its decimal mark, thousands separator, and true value."""
    decimal = draw(st.sampled_from(".,"))
    thousands = draw(st.sampled_from([mark for mark in ".,' \u202f" if mark != decimal]))
    whole = draw(st.integers(0, 10**12))
    fraction = draw(st.from_regex(r"[0-9]{0,6}", fullmatch=True))
    sign = draw(SIGNS)
    grouped = draw(st.booleans())
    text = f"{whole:,}".replace(",", thousands) if grouped else str(whole)
    plain = f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"
    return sign + text + (decimal + fraction if fraction else ""), decimal, thousands, float(plain)


@given(written())
def test_value_of_a_written_number(case: tuple[str, str, str, float]) -> None:
    text, decimal, thousands, value = case
    assert numbers.value_of(text, decimal, thousands) == value


@given(written())
def test_marks_never_decide_wrongly(case: tuple[str, str, str, float]) -> None:
    text, decimal, _, value = case
    marks = Marks()
    assert marks.add(text)
    assert not marks.mixed
    if marks.decided:
        assert marks.decided == decimal or not set(text) & set(".,")
    if not marks.open:
        mark = marks.decided or "."
        assert numbers.value_of(text, mark, numbers.thousands_for(marks, mark)) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_comes_back(value: float) -> None:
    assert numbers.value_of(repr(value), ".", "") == value
    assert numbers.value_of(repr(value).replace(".", ","), ",", "") == value


@given(st.text("0123456789.,'_ +-eExinfNa\u202f", max_size=12))
def test_sql_agrees(text: str) -> None:
    """DuckDB reads a text as value_of does, or leaves it to be looked at again."""
    for decimal, thousands in ((".", ""), (",", ""), (".", ","), (",", ". "), (".", "'")):
        query = f"SELECT {numbers.sql('t', decimal, thousands)} FROM (SELECT ?::VARCHAR AS t)"
        found = duckdb.execute(query, [text]).fetchall()[0][0]
        if found is not None and math.isfinite(found) and "_" not in text and "+-" not in text:
            assert numbers.value_of(text, decimal, thousands) == found


@pytest.mark.parametrize(
    "text",
    ["", "-", "1e", "0x1", "1_0", "1,2,3", "1.2.3", "12,34.5", "1 23", "٣b", "1.5e", "€1", "5%"],
)
def test_no_numbers(text: str) -> None:
    assert not Marks().add(text)


@pytest.mark.parametrize(
    ("texts", "decided", "mixed", "open_"),
    [
        (["1", "22"], "", False, False),
        (["1.5"], ".", False, False),
        (["1,5"], ",", False, False),
        (["7.000"], "", False, True),
        (["7.000", "1.5"], ".", False, False),
        (["7.000", "0.125"], ".", False, False),
        (["7.000", "1.234.567"], ",", False, False),
        (["7.000", "7,000"], "", True, False),
        (["1.5", "1,5"], "", True, False),
        (["1,234.5", "7,000"], ".", False, False),
        (["1 234", "7.000"], "", False, True),
        (["1 234,5"], ",", False, False),
        (["1000.125"], ".", False, False),
        (["1.000e3"], ".", False, False),
    ],
)
def test_what_a_column_tells(texts: list[str], decided: str, mixed: bool, open_: bool) -> None:
    marks, others = numbers.marks_of(texts)
    assert not others
    assert (marks.decided, marks.mixed, marks.open) == (decided, mixed, open_)


def test_pattern_is_for_both_engines() -> None:
    form = numbers.pattern(",", ". ")
    assert re.fullmatch(form, "1.234 567,5") and not re.fullmatch(form, "12.34")
    assert duckdb.execute("SELECT regexp_full_match('1.234,5', ?)", [form]).fetchall() == [(True,)]


def test_digits_lost() -> None:
    for text, lost in (("9007199254740993", True), ("9007199254740992", False), ("1e300", False)):
        value = numbers.value_of(text, ".", "")
        assert value is not None
        assert numbers.loses_digits(text, value) is lost


def test_number_text() -> None:
    assert [numbers.number_text(value) for value in (7.0, 1.25, 1e20, -3.0)] == [
        "7",
        "1.25",
        "1e+20",
        "-3",
    ]
