"""Dates in text, against Python's datetime, and DuckDB's reading against both."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from told import told

from vetro.errors import VetroError
from vetro.tables import date_formats, dates
from vetro.tables.date_texts import clock_format, readings
from vetro.tables.instants import DURATION, ISO, TIME, date_text, instant_of
from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table

EPOCH = datetime(1970, 1, 1)
MOMENTS = st.datetimes(datetime(1000, 1, 1), datetime(2999, 12, 31))
YEARS = ("%Y", "%y")
MARKS = ("-", "/", ".", " ", "")
CLOCKS = (
    "",
    " %H:%M",
    " %H:%M:%S",
    "T%H:%M:%S.%f",
    " %I:%M %p",
    "T%H%M%S",
    " %H:%M:%S%z",
    " %H:%M %Z",
)
ORDERS = (
    "dmY",
    "mdY",
    "Ymd",
    "dby",
    "dbY",
    "bdY",
    "dBY",
    "mY",
    "Yj",
    "GVu",
    "UwY",
    "dmy",
    "mdy",
    "ymd",
)


@st.composite
def formats(draw: st.DrawFn) -> str:
    """Formats of strptime, most of them unusual."""
    order, mark = draw(st.sampled_from(ORDERS)), draw(st.sampled_from(MARKS))
    weekday = draw(st.sampled_from(("", "%a ", "%A, ")))
    return weekday + mark.join("%" + letter for letter in order) + draw(st.sampled_from(CLOCKS))


def written(moment: datetime, format_: str) -> str:
    moment = moment.replace(tzinfo=UTC) if "%z" in format_ or "%Z" in format_ else moment
    return moment.strftime(format_)


def expected(text: str, format_: str) -> float:
    """What Python's strptime says, in days."""
    return (datetime.strptime(text, format_).replace(tzinfo=None) - EPOCH) / timedelta(days=1)


@given(MOMENTS, formats())
@example(datetime(1999, 12, 31, 23, 59, 59, 999999), "%d/%m/%YT%H:%M:%S.%f")
def test_every_format_of_strptime_is_read_as_by_strptime(moment: datetime, format_: str) -> None:
    date_formats.check_format(format_)
    text = written(moment, format_)
    found = dates.instant(text, format_)
    assert found is not None
    assert found.days == pytest.approx(expected(text, format_), rel=1e-15, abs=1e-11)
    assert found.zoned == ("%z" in format_ or "%Z" in format_)


NOISE = st.sampled_from(
    ["", " ", "Z", "+02:00", "+0200", " +02", " UTC", "x", ".5", ":61", " 24:00", "T24:00:00",
     " 10:30", "T10:30:05", " 10:30:05.123456",
     " 10:30:05.1234567", " 3 PM", "+01", "-05:30", " CET"]
)  # fmt: skip


@given(MOMENTS, formats(), NOISE, NOISE, st.booleans(), st.sampled_from([0, 1, 3]))
@example(datetime(2016, 9, 1), ISO, " 24:00", "", False, 0)
@example(datetime(2016, 9, 1), ISO, " 10:30:05.123456", "+02:00", False, 0)
@example(datetime(2016, 9, 1), ISO, "T10:30:05", "Z", True, 0)
@example(datetime(2016, 9, 1), ISO, "T10:30:05", "+0200", True, 0)
@example(datetime(2016, 9, 1), "%d/%m/%Y", " 10:30", "+0200", True, 0)
def test_duckdb_reads_nothing_otherwise(
    moment: datetime, format_: str, clock: str, end: str, zoned: bool, cut: int
) -> None:
    """Where the SQL gives a value, Python gives the same, for texts that fit and that do not."""
    text = written(moment, format_) + clock + end
    text = text[cut:]
    for own in (format_, ISO, TIME, DURATION, "%d/%m/%Y", "%d-%b-%y", "%Y%m%d", "%m.%d.%y"):
        query = dates.days_sql("t", own, clock_format(text), zoned=zoned)
        ((value,),) = duckdb.execute(f"SELECT {query} FROM (SELECT ? AS t)", [text]).fetchall()
        if value is None:
            continue
        found = dates.instant(text, own)
        assert found is not None, (text, own)
        assert found.days == value
        assert own in (TIME, DURATION) or found.zoned == zoned


@pytest.mark.parametrize(
    ("text", "format_", "clock", "zoned"),
    [
        ("2016-09-01", ISO, "", False),
        ("2016-09-01 12:00:00.25", ISO, "", False),
        ("2016-09-01T12:00:00Z", ISO, "", True),
        ("2016-09-01 12:00:00+0200", ISO, " %H:%M:%S%z", True),
        ("13/09/2016", "%d/%m/%Y", "", False),
        ("13/09/2016 10:30", "%d/%m/%Y", " %H:%M", False),
        ("01-Sep-16", "%d-%b-%y", "", False),
        ("20160901T103000", "%Y%m%dT%H%M%S", "", False),
        ("10:30", TIME, "", False),
        ("26:30:00", DURATION, "", False),
    ],
)
def test_common_forms_are_left_to_duckdb(text: str, format_: str, clock: str, zoned: bool) -> None:
    query = f"SELECT {dates.days_sql('t', format_, clock, zoned=zoned)} FROM (SELECT ? AS t)"
    assert duckdb.execute(query, [text]).fetchall() == [(dates.days_of(text, format_),)]
    assert dates.days_of(text, format_) is not None


@given(st.datetimes(datetime(1700, 1, 1), datetime(2300, 1, 1)), st.integers(-12, 12))
def test_offsets_are_applied(moment: datetime, hours: int) -> None:
    moment = moment.replace(microsecond=0)
    zoned = moment.replace(tzinfo=timezone(timedelta(hours=hours)))
    passed = zoned - datetime(1970, 1, 1, tzinfo=UTC)
    found = dates.days_of(zoned.isoformat(), dates.ISO)
    assert found == pytest.approx(passed / timedelta(days=1), rel=1e-15, abs=1e-12)


@given(
    st.lists(st.dates(date(1970, 1, 1), date(2068, 1, 1)), min_size=1, max_size=6),
    st.sampled_from(["%d/%m/%Y", "%m-%d-%Y", "%d/%m/%y", "%y-%m-%d", "%m/%d/%y"]),
)
def test_a_column_is_never_decided_wrongly(days: list[date], format_: str) -> None:
    forms = dates.DateForms()
    texts = [day.strftime(format_) for day in days]
    others = [text for text in texts if not forms.add(text)]
    assert not others
    assert forms.apart is None
    assert forms.decided() in (format_, "")
    if "%Y" in format_:
        assert (forms.decided() == format_) == any(day.day > 12 for day in days)
    ambiguous = forms.ambiguous()
    assert (ambiguous is None) == (forms.decided() == format_)
    if ambiguous is not None:
        text, found = ambiguous
        for own, instant in found.items():
            assert instant.days == expected(text, own)
        assert format_ in found


MEANT = {
    "01/13/2016 3:05 PM": "2016-01-13 15:05:00",
    "13/01/2016 3 PM": "2016-01-13 15:00:00",
    "12 Sep 2016 12:30 a.m.": "2016-09-12 00:30:00",
    "2016-09-01 12:00:00.1234567": "2016-09-01 12:00:00.123",
    "2016-09-01T12:00:00.123456789": "2016-09-01 12:00:00.123",
    "2016-09-01 12:00 UTC": "2016-09-01 12:00:00",
    "2016-09-01 12:00:00 GMT": "2016-09-01 12:00:00",
    "2016-09-01 12:00+02": "2016-09-01 10:00:00",
    "2016-09-01 12:00 +0200": "2016-09-01 10:00:00",
    "01.09.16": "2016-09-01",
    "01-Sep-16": "2016-09-01",
    "01.09.16 12:30": "2016-09-01 12:30:00",
    "31/12/69": "1969-12-31",
    "20160901T120000Z": "2016-09-01 12:00:00",
    "20160901T1200": "2016-09-01 12:00:00",
    "Thu, 01 Sep 2016 12:00:00 +0200": "2016-09-01 10:00:00",
    "Thu Sep  1 12:00:00 2016": "2016-09-01 12:00:00",
    "Thursday 1 September 2016": "2016-09-01",
    "Thu 01/09/2016": "2016-09-01",
    "giovedì 1 settembre 2016": "2016-09-01",
    "2010Q1": "2010-01-01",
    "2010-Q2": "2010-04-01",
    "Q4 2010": "2010-10-01",
    "2016-09": "2016-09-01",
    "09/2016": "2016-09-01",
    "2016-W35": "2016-08-29",
    "2016-W35-4": "2016-09-01",
    "Sep 2016": "2016-09-01",
    "1. März 2016": "2016-03-01",
    "1. MAERZ 2016": "2016-03-01",
    "1er août 2016": "2016-08-01",
    "12 février 2016": "2016-02-12",
    "3 Déc. 2016": "2016-12-03",
    "1 de marzo de 2016": "2016-03-01",
    "ene 5, 2016": "2016-01-05",
    "1º settembre 2016": "2016-09-01",
    "01SEP2016": "2016-09-01",
    "01SEP2016:10:00:00": "2016-09-01 10:00:00",
    "2016/09/01 08:00": "2016-09-01 08:00:00",
    "2016.09.01": "2016-09-01",
}


@pytest.mark.parametrize(("text", "meaning"), MEANT.items())
def test_what_people_write(text: str, meaning: str, tmp_path: Path) -> None:
    ((format_, found),) = readings(text).items()
    assert date_text(found.days) == meaning
    date_formats.check_format(format_)
    # The format that Vetro names can be pasted, and a whole column is read so.
    assert dates.instant(text, format_) == found
    path = tmp_path / "data.csv"
    path.write_text(f'd,y\n"{text}",1\n"{text}",2\n')
    table = read_table(path, ReadOptions(date=("d",)))
    assert table.values["d"].tolist() == [found.days] * 2
    assert table.schema["d"].reading.zoned == found.zoned


@pytest.mark.parametrize(
    "text",
    [
        "2024-02-30", "2024-13-01", "32/01/2024", "13/13/2024", "1.13.2024", "noon", "1.2.3",
        "2024-01-01T25:00", "1/2/3", "2024-01/02", "Fri 01/09/2016", "3:05 CET", "13:05 PM",
        "0:05 PM", "2016-W54", "2010Q5", "2016-09-01 12:00 CET", "2016-09-01 12:00+25", "24:00",
        "1 Foo 2016", "12", "2016", "1,5", "16-Sep", "0000-01-01",
    ],
)  # fmt: skip
def test_no_dates(text: str) -> None:
    assert not dates.DateForms().add(text)


def test_date_text() -> None:
    assert date_text(19754.0) == "2024-02-01"
    assert date_text(0.5) == "1970-01-01 12:00:00"
    assert date_text(0.75 + 0.5 / 86400, TIME) == "18:00:00.500"
    assert date_text(1e9) == "day 1e+09"


@pytest.mark.parametrize(
    ("format_", "reason"),
    [
        ("%d/%m", "it has no year (%Y)"),
        ("%Y-%m-%d %H:%M %p", "%p needs %I instead of %H"),
        ("%d/%m/%Y %I:%M", "%I needs %p (AM or PM); use %H for 24 hours"),
        ("%d/%d/%Y", "it has %d twice"),
        ("%c %H:%M", "it has %H twice (%c says it too)"),
        ("%d %Y", "it has a day without a month (%m)"),
        ("%Y %U", "Python's strptime reads 2016 47 as 2016-01-01 00:00:00"),
        ("%Y-%m-%d %Q", "Python's strptime refuses it ('Q' is a bad directive in format"),
        ("%d.%m.%Y %M:%S", "it has minutes without hours (%H)"),
        ("date", "it has no directive such as %Y"),
        ("%Y-%q", "%q needs %Y and nothing else, as in %Y-Q%q"),
        ("%Y-%m-%d %", "Python's strptime refuses it"),
    ],
)
def test_formats_that_leave_something_open(format_: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("d,y\n2016-09-01,1\n2016-09-02,2\n")
    with pytest.raises(VetroError) as caught:
        read_table(path, ReadOptions(date_format=format_))
    start = f'E601 --date-format "{format_}" is not valid: {reason}'
    assert told(caught.value).startswith(start.replace("\n", "")), told(caught.value)


@settings(max_examples=40)
@given(st.lists(MOMENTS, min_size=3, max_size=8, unique=True), formats())
def test_a_column_of_one_format_is_read_refused_or_named(
    tmp_path_factory: pytest.TempPathFactory, moments: list[datetime], format_: str
) -> None:
    """Whatever strptime's format wrote: those instants, with the option and perhaps without, or a
    refusal or a warning that names the column; a column of words beside it does not matter."""
    texts = [written(moment, format_) for moment in moments]
    path = tmp_path_factory.mktemp("dates") / "data.csv"
    lines = [f'"{text}",word{row % 2},{row}' for row, text in enumerate(texts)]
    path.write_text("\n".join(["d,w,y", *lines]) + "\n")
    wanted = [expected(text, format_) for text in texts]
    table = read_table(path, ReadOptions(date_format=format_, date=("d",)))
    np.testing.assert_allclose(table.values["d"], wanted, rtol=1e-15, atol=1e-11)
    assert table.schema["w"].kind == "category"
    if any(order in format_ for order in ("%j", "%V", "%U")) or "%d%m" in format_.replace(
        "%m%d", "%d%m"
    ):
        return  # numbers, and codes such as 2016-245: only the option makes dates of them
    try:
        table = read_table(path)
    except VetroError as failure:
        assert failure.code in ("E120", "E129", "E136")
        return
    if table.schema["d"].kind == "date":
        np.testing.assert_allclose(table.values["d"], wanted, rtol=1e-15, atol=1e-11)
    elif table.schema["d"].kind == "category":
        assert any(item.code == "W142" for item in table.notices)


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        (datetime(9999, 12, 31), "9999-12-31"),
        (datetime(9999, 12, 31, 23, 59, 59, 999_999), "9999-12-31 23:59:59.999"),
        (datetime(1, 1, 1), "0001-01-01"),
    ],
)
def test_the_ends_of_the_calendar_are_dates(moment: datetime, shown: str) -> None:
    assert date_text(instant_of(moment).days) == shown
