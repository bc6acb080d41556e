"""Dates in text, against Python's datetime."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vetro.tables import dates

EPOCH = date(1970, 1, 1)
DAYS = st.dates(date(1700, 1, 1), date(2300, 1, 1))


@given(DAYS, st.sampled_from(["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y-%m-%d", "%d-%b-%Y"]))
def test_days_of_every_format(day: date, format_: str) -> None:
    text = day.strftime(format_)
    days = (day - EPOCH).days
    assert dates.days_of(text, format_) == days
    query = f"SELECT {dates.sql('t', format_)} FROM (SELECT ?::VARCHAR AS t)"
    assert duckdb.execute(query, [text]).fetchall() == [(days,)]


@given(st.datetimes(datetime(1700, 1, 1), datetime(2300, 1, 1)), st.integers(-12, 12))
def test_offsets_are_applied(moment: datetime, hours: int) -> None:
    moment = moment.replace(microsecond=0)
    zoned = moment.replace(tzinfo=timezone(timedelta(hours=hours)))
    passed = zoned - datetime(1970, 1, 1, tzinfo=UTC)
    found = dates.days_of(zoned.isoformat(), dates.ISO)
    assert found == pytest.approx(passed / timedelta(days=1), rel=1e-15, abs=1e-12)


@given(st.lists(DAYS, min_size=1, max_size=6), st.sampled_from(["%d/%m/%Y", "%m-%d-%Y"]))
def test_a_column_is_never_decided_wrongly(days: list[date], format_: str) -> None:
    forms, others = dates.forms_of([day.strftime(format_) for day in days])
    assert not others
    decided = forms.decided()
    clear = any(day.day > 12 for day in days)
    assert decided == (format_ if clear else "")
    assert (forms.ambiguous() is None) == clear


@pytest.mark.parametrize(
    "text",
    [
        "2024-02-30",
        "2024-13-01",
        "32/01/2024",
        "13/13/2024",
        "1.13.2024",
        "20240101",
        "noon",
        "2024-01",
        "2024-01-01T25:00",
        "1/2/3",
        "2024-01/02",
    ],
)
def test_no_dates(text: str) -> None:
    assert not dates.DateForms().add(text)


def test_date_text() -> None:
    assert dates.date_text(19754.0) == "2024-02-01"
    assert dates.date_text(0.5) == "1970-01-01 12:00:00"


def test_sql_refuses_what_is_no_date() -> None:
    for text in ("infinity", "epoch", "2024-02-30", "", "2024-01-05+02:00 x"):
        query = f"SELECT {dates.sql('t', dates.ISO)} FROM (SELECT ?::VARCHAR AS t)"
        assert duckdb.execute(query, [text]).fetchall() == [(None,)]


@pytest.mark.parametrize(
    ("text", "format_"),
    [("13/12/2024", "%d/%m/%Y"), ("12/13/2024", "%m/%d/%Y"), ("12/11/2024", ""), ("5/5/2024", "")],
)
def test_where_days_begin(text: str, format_: str) -> None:
    forms, others = dates.forms_of([text])
    assert not others
    assert forms.decided() == format_
