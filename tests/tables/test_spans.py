"""Intervals and periods of pandas, against pandas' own words."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from told import told

from vetro.tables.instants import date_text
from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table
from vetro.tables.sources.frames import open_frame
from vetro.tables.spans import interval_ends


@pytest.mark.parametrize("ends", [[0, 10, 20, 100], [0.0, 10.0, 20.0, 100.0]], ids=["int", "float"])
@pytest.mark.parametrize("form", ["category", "interval", "objects"])
def test_cuts_are_categories_in_the_order_of_their_ends(ends: list[float], form: str) -> None:
    cut = pd.cut(pd.Series([50, 5, None, 15, 150]), ends)
    if form == "interval":
        cut = pd.Series(pd.arrays.IntervalArray(cut))
    values = list(cut) if form == "objects" else cut
    table = read_table({"age": values, "y": range(5)})
    column = table.schema["age"]
    assert (column.kind, column.levels) == ("category", ("(0, 10]", "(10, 20]", "(20, 100]"))
    np.testing.assert_array_equal(table.values["age"], [2, 0, -1, 1, -1])
    assert table.notices == ()


def test_a_cut_table_fits_the_model_of_another_form() -> None:
    values = pd.Series([50, 5, 15])
    model = read_table({"age": pd.cut(values, [0, 10, 20, 100])}).schema
    again = read_table(pd.DataFrame({"age": pd.cut(values, [0.0, 10, 20, 100])}), schema=model)
    np.testing.assert_array_equal(again.values["age"], [2, 0, 1])
    text = read_table({"age": ["(20, 100]", "(0, 10]", "(10, 20]"]}, schema=model)
    np.testing.assert_array_equal(text.values["age"], [2, 0, 1])


def test_a_cut_of_dates_and_open_ends() -> None:
    days = pd.to_datetime(["2024-01-01", "2024-02-01", "2024-03-01"])
    cut = pd.cut(days, pd.to_datetime(["2023-12-01", "2024-01-15", "2024-04-01"]), right=False)
    levels = read_table({"d": cut}).schema["d"].levels
    assert levels == ("[2023-12-01, 2024-01-15)", "[2024-01-15, 2024-04-01)")
    open_ends = pd.cut(pd.Series([-1e9, 5.5, 1e9]), [-np.inf, 0, 5.5, np.inf])
    levels = read_table({"x": open_ends}).schema["x"].levels
    assert levels == ("(-inf, 0]", "(0, 5.5]", "(5.5, inf]")


@pytest.mark.parametrize("form", ["array", "objects", "category"])
@pytest.mark.parametrize(("first", "start"), [("2020-03", "2020-03-01"), ("2020Q3", "2020-07-01")])
def test_periods_are_the_dates_of_their_start(form: str, first: str, start: str) -> None:
    period = pd.Period(first)
    values = pd.Series(pd.PeriodIndex([period, pd.NaT, period + 2], freq=period.freq))
    given = {
        "array": values,
        "objects": [None if value is pd.NaT else value for value in values],
        "category": values.astype("category"),
    }[form]
    table = read_table({"when": given})
    column = table.schema["when"]
    assert column.kind == "date"
    days = table.values["when"]
    assert np.isnan(days[1])
    shown = [date_text(days[row], column.reading.date_format) for row in (0, 2)]
    assert shown == [str((period + plus).start_time.date()) for plus in (0, 2)]
    assert shown[0] == start
    assert [told(item) for item in table.notices] == [
        'I173 column "when" holds periods; each is read as the date of its start '
        f'("{first}" is {start}).'
    ]


def test_periods_of_two_lengths_are_refused(refusal) -> None:
    mixed = [pd.Period("2020-01"), pd.Period("2020Q1")]
    assert refusal(open_frame, {"d": mixed}, ReadOptions()).startswith('E128 column "d"')
    both = [pd.Period("2020-01"), pd.Interval(0, 1)]
    assert refusal(open_frame, {"d": both}, ReadOptions()).startswith('E128 column "d"')


def test_sparse_columns_are_numbers() -> None:
    table = read_table(pd.DataFrame({"a": pd.arrays.SparseArray([0.0, 2.5, np.nan])}))
    np.testing.assert_array_equal(table.values["a"], [0, 2.5, np.nan])


def test_what_is_no_interval() -> None:
    assert interval_ends(" [0, 1e3)") == (0, 1000)
    for text in ("(0; 1)", "(a, b]", "(0, 1", "0, 1", "(1.2.3, 4]", str(dt.date.today())):
        assert interval_ends(text) is None
