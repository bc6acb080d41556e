"""Columns of dates of every source: what is read, said and refused."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from told import told

from vetro.errors import VetroError
from vetro.tables.instants import DURATION, TIME
from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table
from vetro.tables.schema import Schema, with_role
from vetro.tables.table import Table

ZONE = dt.timezone(dt.timedelta(hours=2))
NAIVE, AWARE = dt.datetime(2016, 9, 1, 3), dt.datetime(2016, 9, 1, 3, tzinfo=ZONE)
DAY = dt.date(2016, 9, 2)


def read(source: Any, **options: Any) -> Table:
    return read_table(source, ReadOptions(**options))


def refusal(source: Any, schema: Schema | None = None, **options: Any) -> str:
    with pytest.raises(VetroError) as caught:
        read_table(source, ReadOptions(**options), schema)
    return told(caught.value)


def csv(folder: Path, *texts: str) -> Path:
    path = folder / "data.csv"
    path.write_text("d,y\n" + "".join(f'"{text}",{row}\n' for row, text in enumerate(texts)))
    return path


MIXED = {
    "dict": lambda: {"d": [NAIVE, AWARE, None], "y": [1, 2, 3]},
    "pandas": lambda: pd.DataFrame({"d": pd.Series([NAIVE, AWARE, pd.NaT], dtype=object)}),
    "date and datetime": lambda: {"d": [DAY, AWARE], "y": [1, 2]},
    "pandas texts": lambda: pd.DataFrame({"d": ["2016-09-01", "2016-09-01T03:00Z"]}),
    "polars texts": lambda: pl.DataFrame({"d": ["2016-09-01", "2016-09-01 03:00+02"]}),
}


@pytest.mark.parametrize("name", MIXED)
def test_offsets_on_some_rows_only(name: str) -> None:
    message = refusal(MIXED[name]())
    assert message.startswith('E135 column "d": row 2 "2016-09-01')
    assert 'has an offset from UTC and row 1 "2016-09-0' in message


def test_offsets_on_some_rows_of_files(tmp_path: Path) -> None:
    """In the first rows, and far behind them; in DuckDB's forms and in others."""
    expected = (
        'E135 column "d": line {} "{}" has an offset from UTC and line {} "{}" has none. '
        "Write all dates of the column in one way."
    )
    for naive, zoned in (
        ("2016-09-01", "2016-09-01T03:00Z"),
        ("1 Sep 2016", "1 Sep 2016 3:00 UTC"),
    ):
        path = csv(tmp_path, naive, zoned, naive)
        assert refusal(path) == expected.format(3, zoned, 2, naive)
        path = csv(tmp_path, *[naive] * 5000, zoned)
        assert refusal(path) == expected.format(5002, zoned, 2, naive)
        path = csv(tmp_path, *[zoned] * 5000, naive)
        assert refusal(path) == expected.format(2, zoned, 5002, naive)
    path = tmp_path / "data.jsonl"
    rows = [{"d": "2016-09-01"}, {"d": "2016-09-01T03:00Z"}]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert refusal(path) == expected.format(2, "2016-09-01T03:00Z", 1, "2016-09-01")


def test_a_model_keeps_whether_dates_have_offsets(tmp_path: Path) -> None:
    naive, zoned = (
        ("2016-09-01 03:00", "2016-09-02 04:00"),
        ("2016-09-01T03:00Z", "2016-09-02T04:00Z"),
    )
    times, weeks = ("03:00", "04:00"), ("2016-W35", "2016-W36")
    models = {texts: read(csv(tmp_path, *texts)).schema for texts in (naive, zoned, times, weeks)}
    assert [schema["d"].reading.zoned for schema in models.values()] == [False, True, False, False]
    again = Schema.from_json(json.loads(json.dumps(models[zoned].to_json())))
    assert again == models[zoned]
    for texts, schema in models.items():
        for others in models:
            table = csv(tmp_path, *others)
            if texts == others or (texts, others) in ((naive, weeks), (weeks, naive)):
                assert read_table(table, ReadOptions(), schema).schema["d"].kind == "date"
                continue
            message = refusal(table, schema)
            assert message.startswith(f'E137 column "d": line 2 "{others[0]}" '), message
    assert refusal(csv(tmp_path, *zoned), models[naive]) == (
        'E137 column "d": line 2 "2016-09-01T03:00Z" has an offset from UTC, and the model was '
        "trained with dates without one. Write the column as it was in training."
    )
    for frame, schema in (
        (pd.DataFrame({"d": pd.to_datetime(list(zoned)), "y": [1, 2]}), models[naive]),
        (pd.DataFrame({"d": pd.to_datetime(list(naive)), "y": [1, 2]}), models[zoned]),
        ({"d": [dt.time(3), dt.time(4)], "y": [1, 2]}, models[naive]),
    ):
        assert refusal(frame, schema).startswith('E137 column "d": the type TIME')
    # A later chunk of a stream.
    path = csv(tmp_path, *[naive[0]] * 150_000, zoned[0])
    message = refusal(path, models[naive])
    assert message.startswith('E135 column "d": line 150002 "2016-09-01T03:00Z" has an offset')
    assert '"2016-09-01 03:00" has none' in message


def test_durations_are_numbers_for_the_model_too(tmp_path: Path) -> None:
    spans = read(csv(tmp_path, "26:30:00", "1 day, 2:03:04")).schema
    plain = read(csv(tmp_path, "5", "7")).schema
    assert spans["d"].reading.date_format == DURATION
    assert refusal(csv(tmp_path, "5", "7"), spans).startswith(
        'E137 column "d": "5" is not a duration'
    )
    assert refusal(csv(tmp_path, "26:30:00"), plain).startswith('E137 column "d": "26:30:00" is a')
    table = read_table(csv(tmp_path, "P1DT2H", "1:00:00"), ReadOptions(), spans)
    assert table.values["d"].tolist() == [93600, 3600]
    spanned = read_table({"d": [dt.timedelta(hours=3)], "y": [1]}, ReadOptions(), spans)
    assert spanned.values["d"].tolist() == [10800]


@pytest.mark.parametrize(
    ("texts", "kind", "values", "code"),
    [
        (("26:30:00", "1:00:00"), "number", [95400, 3600], "I141"),
        (("-1 day, 23:00:00", "0 days 00:30:00"), "number", [-3600, 1800], "I141"),
        (("P1DT2H", "PT1.5S"), "number", [93600, 1.5], "I141"),
        (("1h 30min", "2h 5m"), "number", [5400, 7500], "I141"),
        (("1:30:00", "2:00:00"), "date", [1 / 16, 1 / 12], "I140"),
        (("1:30", "11:15 PM"), "date", [1 / 16, 23.25 / 24], ""),
        (("9h30", "21 h 15"), "date", [9.5 / 24, 21.25 / 24], "I140"),
        (("01.09.16", "02.09.68"), "date", [17045, 36039], "I138"),
        (("20160901", "20160902"), "number", [20160901, 20160902], "I139"),
        (("2016-09-01 12:00 CET", "2016-09-01 12:00 CEST"), "category", [1, 0], "W142"),
        (("Fri 01/09/2016", "Sat 02/09/2016"), "category", [0, 1], "W142"),
        (("192.168.0.1", "10.0.0.1"), "category", [1, 0], ""),
        (("555-123-4567", "555-123-4568"), "category", [0, 1], ""),
    ],
)
def test_what_is_said(
    texts: tuple[str, ...], kind: str, values: list[float], code: str, tmp_path: Path
) -> None:
    table = read(csv(tmp_path, *texts))
    assert table.schema["d"].kind == kind
    np.testing.assert_allclose(table.values["d"], values, rtol=1e-15)
    assert [item.code for item in table.notices] == [code] * bool(code)


def test_kinds_that_are_forced(tmp_path: Path) -> None:
    path = csv(tmp_path, "1:30:00", "2:00:00")
    assert read(path, number=("d",)).values["d"].tolist() == [5400, 7200]
    assert not read(path, date=("d",)).notices
    path = csv(tmp_path, "20160901", "20160902")
    assert read(path, date=("d",)).values["d"].tolist() == [17045, 17046]
    path = csv(tmp_path, "2016-09-01", "01/02/2016")
    assert read(path, category=("d",)).schema["d"].kind == "category"


def test_an_option_is_for_the_columns_that_it_reads(tmp_path: Path) -> None:
    """Another column keeps its own form, and words do not matter."""
    path = tmp_path / "data.csv"
    path.write_text("d,e,w,y\n1|2|2016 3:05,2016-09-01,x,1\n2|2|2016 4:05,2016-09-02,z,2\n")
    table = read(path, date_format="%d|%m|%Y %H:%M")
    assert [column.kind for column in table.schema] == ["date", "date", "category", "number"]
    assert table.values["e"].tolist() == [17045, 17046]


def test_all_readings_are_named(tmp_path: Path) -> None:
    assert refusal(csv(tmp_path, "01/02/03", "02/01/03")) == (
        'E120 column "d": "01/02/03" may be 1 February 2003 or 2 January 2003 or 3 February 2001. '
        'Use --date-format "%d/%m/%y" or --date-format "%m/%d/%y" or --date-format "%y/%m/%d".'
    )
    assert refusal(csv(tmp_path, "Sep-16", "Oct-16")) == (
        'E120 column "d": "Sep-16" may be September 2016 or a day without a year. '
        'Use --date-format "%b-%y".'
    )
    assert refusal(csv(tmp_path, "05/05/2016", "06/06/2016")) == (
        'E120 column "d": "05/05/2016" may be 5 May 2016 in the form "%d/%m/%Y" or 5 May 2016 in '
        'the form "%m/%d/%Y". Use --date-format "%d/%m/%Y" or --date-format "%m/%d/%Y".'
    )


def test_objects() -> None:
    table = read({"d": [DAY, NAIVE, None], "t": [dt.time(6), None, dt.time(12)]})
    np.testing.assert_array_equal(table.values["d"], [17046, 17045.125, np.nan])
    np.testing.assert_array_equal(table.values["t"], [0.25, np.nan, 0.5])
    assert table.schema["t"].reading.date_format == TIME
    spans = pa.table({"d": pa.array([5, None, 7], pa.duration("ms")), "y": [1, 2, 3]})
    table = read(spans)
    np.testing.assert_array_equal(table.values["d"], [0.005, np.nan, 0.007])
    assert (table.schema["d"].kind, table.schema["d"].unit) == ("number", "s")
    assert refusal({"d": [dt.time(6), NAIVE]}).startswith(
        'E128 column "d" has the type datetime and'
    )
    zoned = refusal({"d": [dt.time(6, tzinfo=ZONE)] * 2})
    assert zoned.startswith('E128 column "d" has the type time with an offset')
    months = pa.table({"d": pa.array([pa.scalar((1, 2, 3), pa.month_day_nano_interval())] * 2)})
    assert refusal(months).startswith('E128 column "d" has the type INTERVAL with months')


def test_a_query_keeps_what_dates_are(tmp_path: Path) -> None:
    for texts in (
        ("12:00", "13:00"),
        ("26:00:00", "27:00:00"),
        ("2016-09-01T03:00Z", "2016-09-02Z"),
    ):
        path = csv(tmp_path, *texts)
        plain, queried = read(path), read(path, query="SELECT d, y FROM data")
        np.testing.assert_array_equal(plain.values["d"], queried.values["d"])
        assert read_table(path, ReadOptions(query="SELECT d, y FROM data"), plain.schema).rows == 2


def test_dates_in_a_late_row(tmp_path: Path) -> None:
    """Beyond the rows that propose: an other form is named, the first date decides a forced one."""
    path = csv(tmp_path, *["2016-09-01"] * 3000, "3 Oct 2016")
    assert refusal(path) == (
        'E136 column "d": line 2 "2016-09-01" is a date of the form "%Y-%m-%d" and line 3002 '
        '"3 Oct 2016" one of the form "%d %b %Y". Write all dates of the column in one way.'
    )
    path = csv(tmp_path, *[""] * 3000, "3 Oct 2016", "4 Oct 2016")
    assert read(path, date=("d",)).values["d"][-2:].tolist() == [17077, 17078]
    target = with_role(read(path).schema["y"], "target")
    assert target.role == "target"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a;t\nm;min\n1;26:30:00\n2;27:30:00\n3;1:00:00\n", True),
        ("a;t [min]\n1;26:30:00\n2;27:30:00\n3;1:00:00\n", True),
        ("a;t [s]\n1;26:30:00\n2;27:30:00\n3;1:00:00\n", False),
        ("a;t\n1;26:30:00\n2;27:30:00\n3;1:00:00\n", False),
    ],
)
def test_another_unit_above_durations(tmp_path: Path, text: str, said: bool) -> None:
    """Durations are seconds, whatever a row of units or the header says."""
    (tmp_path / "t.csv").write_text(text)
    table = read(tmp_path / "t.csv")
    (column,) = (column for column in table.schema if column.name.startswith("t"))
    assert column.unit == "s" and column.maximum == 27.5 * 3600
    (warned,) = [told(item) for item in table.notices if item.code == "W146"] or [""]
    assert warned == said * (
        f'W146 column "{column.name}": the header says "min", the cells say "s"; read in "s". '
        "Correct the header, or convert the cells."
    )


@pytest.mark.parametrize(
    ("text", "meaning", "other", "format_"),
    [
        ("13. listopada 2023", "13 November 2023", "October", "%d %b %Y"),
        ("13 lip 2023", "13 July 2023", "June", "%d %b %Y"),
        ("13-srp-2023", "13 August 2023", "July", "%d-%b-%Y"),
        ("listopad 2023", "November 2023", "October", "%b %Y"),
    ],
)
def test_names_that_are_other_months_in_croatian(
    text: str, meaning: str, other: str, format_: str, tmp_path: Path
) -> None:
    """The column is refused unless another month, or the user, shows the language."""
    path = csv(tmp_path, text, text)
    assert refusal(path) == (
        f'E120 column "d": "{text}" may be {meaning} or {other} in Croatian. '
        f'Use --date-format "{format_}", or write the months as numbers.'
    )
    wanted = read(path, date_format=format_)
    assert wanted.schema["d"].kind == "date"
    assert refusal(path, wanted.schema).endswith(f'The model was trained with "{format_}".')
    clear = dt.date(2023, 3, 13).strftime(format_).replace("Mar", "marca")
    if text[2] != ".":
        decided = read(csv(tmp_path, text, clear))
        assert decided.values["d"][0] == wanted.values["d"][0]
