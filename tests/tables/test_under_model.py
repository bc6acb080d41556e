"""Tables read for a model: by their own evidence, as inspecting them does, or not at all."""

from __future__ import annotations

import contextlib
import csv
import datetime
import io
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from told import told

from vetro.errors import TableError, VetroError
from vetro.tables import chunks
from vetro.tables.chunks import columns_missing, read_chunks
from vetro.tables.instants import DURATION
from vetro.tables.options import ReadOptions
from vetro.tables.plans import first_plans
from vetro.tables.read import read_table
from vetro.tables.schema import Schema
from vetro.tables.table import Table

PLAIN = ReadOptions()


def write(folder: Path, columns: dict[str, list[str]], sep: str = ";") -> Path:
    if len(columns) == 1:
        columns = columns | {"letters": ["a"] * len(next(iter(columns.values())))}
    text = io.StringIO()
    writer = csv.writer(text, delimiter=sep, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    path = folder / "table.csv"
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


def schema_of(folder: Path, columns: dict[str, list[str]], **options: Any) -> Schema:
    found = read_table(write(folder, columns), ReadOptions(**options)).schema
    return Schema(tuple(column for column in found if column.name in columns))


def under(path: Path, schema: Schema, rows: int = 1000, **options: Any) -> Table:
    (table,) = read_chunks(path, ReadOptions(**options), schema, rows)
    return table


DOT = ["29.1", "30.2", "17.35"]
COMMA = ["29,1", "30,2", "17,35"]


@pytest.mark.parametrize(
    ("trained", "given", "likely"),
    [
        (DOT, ["1,200", "2,500"], "."),
        (DOT, ["1.200", "2.500"], "."),
        (COMMA, ["1.200", "2.500"], ","),
        (COMMA, ["1,200", "2,500"], ","),
    ],
)
def test_two_readings_are_refused_and_the_models_mark_is_named_as_likely(
    tmp_path: Path, trained: list[str], given: list[str], likely: str
) -> None:
    schema = schema_of(tmp_path, {"x": trained})
    path = write(tmp_path, {"x": given})
    with pytest.raises(TableError) as caught:
        under(path, schema)
    value = float(given[0].replace(",", "."))
    assert told(caught.value) == (
        f'E106 column "x", line 2: "{given[0]}" may mean {value:g} or {value * 1000:g}. '
        f'Use --decimal "." or --decimal ","; the model\'s table used "{likely}": '
        f'likely --decimal "{likely}".'
    )
    assert under(path, schema, decimal=likely).values["x"][0] in (value, value * 1000)


def test_a_model_of_whole_numbers_names_no_mark(tmp_path: Path) -> None:
    schema = schema_of(tmp_path, {"x": ["1", "2", "3"]})
    with pytest.raises(TableError) as caught:
        under(write(tmp_path, {"x": ["1.200", "2.500"]}), schema)
    assert told(caught.value).endswith('Use --decimal "." or --decimal ",".')


def test_the_file_decides_whatever_the_model_was_trained_on(tmp_path: Path) -> None:
    schema = schema_of(tmp_path, {"x": COMMA})
    assert under(write(tmp_path, {"x": ["1.200", "2.5"]}), schema).values["x"].tolist() == [
        1.2,
        2.5,
    ]
    schema = schema_of(tmp_path, {"x": DOT})
    assert under(write(tmp_path, {"x": ["1.200", "2,5"]}), schema).values["x"].tolist() == [
        1200,
        2.5,
    ]


def test_columns_that_the_model_does_not_need_decide_as_when_inspecting(tmp_path: Path) -> None:
    schema = schema_of(tmp_path, {"x": DOT})
    path = write(tmp_path, {"x": ["1,200", "2,500"], "other": ["0,5", "7"]})
    assert under(path, schema).values["x"].tolist() == [1.2, 2.5]
    path = write(tmp_path, {"x": ["1,200", "2,500"], "a": ["0,5", "7"], "b": ["0.5", "7"]})
    with pytest.raises(TableError, match="may mean"):
        under(path, schema)


def test_rows_far_behind_decide(tmp_path: Path) -> None:
    """As for inspect, which looks at all rows: the first ones are no sample that binds."""
    schema = schema_of(tmp_path, {"x": DOT, "day": ["13/02/1970", "14/02/1970", "15/02/1970"]})
    columns = {
        "x": [*["1,200"] * 3000, "2,5"],
        "day": [*["01/02/1970"] * 3000, "02/13/1970"],
    }
    path = write(tmp_path, columns)
    tables = list(read_chunks(path, PLAIN, schema, 2048))
    assert tables[0].values["x"][0] == 1.2 and tables[0].values["day"][0] == 1
    columns["x"][-1], columns["day"][-1] = "2.5", "13/02/1970"
    (row,) = read_chunks(write(tmp_path, columns), PLAIN, schema, 2048, only=range(5, 6))
    assert row.values["x"].tolist() == [1200] and row.values["day"].tolist() == [31]


def test_a_word_that_meant_missing_in_training_is_a_text_here(tmp_path: Path) -> None:
    schema = schema_of(tmp_path, {"x": ["a", "b", "none"]}, missing=("none",))
    assert schema["x"].levels == ("a", "b")
    path = write(tmp_path, {"x": ["a", "none"]})
    assert under(path, schema).unseen == {"x": {"none": 1}}
    assert under(path, schema, missing=("none",)).values["x"].tolist() == [0, -1]


PACKED = ["230501", "991231"]
ISO_DATES = ["2024-02-01", "2024-03-05"]
LASTING = ["26:30:00", "1:00:00"]


def refused(path: Path, schema: Schema, **options: Any) -> str:
    with pytest.raises(TableError) as caught:
        under(path, schema, **options)
    return told(caught.value)


def days(*texts: str) -> list[int]:
    return np.array(texts, dtype="datetime64[D]").astype(int).tolist()


def test_a_models_own_date_format_counts_only_if_no_other_one_fits(tmp_path: Path) -> None:
    schema = schema_of(tmp_path, {"d": PACKED}, date_format="%y%m%d")
    path = write(tmp_path, {"d": ["010203", "010204"]})
    assert refused(path, schema) == (
        'E120 column "d": "010203" may be 3 February 2001 or 1 February 2003 or 2 January 2003. '
        'Use --date-format "%y%m%d" or --date-format "%d%m%y" or --date-format "%m%d%y". '
        'The model was trained with "%y%m%d".'
    )
    wanted = {"%y%m%d": ("2001-02-03", "2001-02-04"), "%d%m%y": ("2003-02-01", "2004-02-01")}
    for format_, dates in wanted.items():
        assert under(path, schema, date_format=format_).values["d"].tolist() == days(*dates)
    # One text decides, wherever it stands.
    for texts in (["010203"] * 3000 + ["990204"], ["990204"] + ["010203"] * 3000):
        found = under(write(tmp_path, {"d": texts}), schema, rows=10_000).values["d"]
        assert {*found.tolist()} == {*days("2001-02-03", "1999-02-04")}


def test_digits_are_dates_if_those_of_the_model_were(tmp_path: Path) -> None:
    iso = schema_of(tmp_path, {"d": ISO_DATES})
    whole = schema_of(tmp_path, {"d": ["20240201", "20240305"]}, date=("d",))
    short = schema_of(tmp_path, {"d": PACKED}, date_format="%y%m%d")
    path = write(tmp_path, {"d": ["20240201", "20240202"]})
    assert refused(path, iso) == (
        'E137 column "d": "20240201" is a number, and the model was trained with dates of the form '
        '"%Y-%m-%d". Use --date-format "%Y%m%d" if they are dates.'
    )
    assert 'of the form "%y%m%d". Use --date-format "%Y%m%d" if' in refused(path, short)
    wanted = days("2024-02-01", "2024-02-02")
    assert under(path, whole).values["d"].tolist() == wanted
    assert under(path, iso, date_format="%Y%m%d").values["d"].tolist() == wanted
    assert under(path, iso, date=("d",)).values["d"].tolist() == wanted
    late = write(tmp_path, {"d": [""] * 3000 + ["20240201"]})
    assert refused(late, iso).startswith('E137 column "d": "20240201" is a number')
    assert refused(write(tmp_path, {"d": ["10203", "10204"]}), short) == (
        'E137 column "d": "10203" is a number (it has 5 digits instead of 6; zeros may be lost), '
        'and the model was trained with dates of the form "%y%m%d". Write the column as it was in '
        "training."
    )
    given = {"date": ("d",), "date_format": "%y%m%d"}
    with pytest.raises(TableError) as caught:
        read_table(write(tmp_path, {"d": ["10203", "10204"]}), ReadOptions(**given))  # type: ignore[arg-type]
    assert told(caught.value).endswith(
        "zeros may be lost). Write all its digits, or use --category d."
    )


def test_times_of_day_are_no_durations_for_a_model_either(tmp_path: Path) -> None:
    schema = schema_of(tmp_path, {"d": LASTING})
    path = write(tmp_path, {"d": ["1:30:00", "2:00:00"]})
    assert refused(path, schema) == (
        'E137 column "d": "1:30:00" and all other values may be times of day, and the model was '
        "trained with durations. Use --number d if they are durations."
    )
    assert under(path, schema, number=("d",)).values["d"].tolist() == [5400, 7200]
    path = write(tmp_path, {"d": ["7:30", "8:30"]})
    assert refused(path, schema).endswith(
        'Use --number d with --date-format "%H:%M" or --date-format "%M:%S" if they are durations.'
    )
    assert under(path, schema, number=("d",), date_format="%M:%S").values["d"].tolist() == [
        450,
        510,
    ]
    for texts in (["1:30:00"] * 3000 + ["26:00:00"], [""] * 3000 + ["1:30:00", "26:00:00"]):
        found = under(write(tmp_path, {"d": texts}), schema, rows=10_000).values["d"]
        assert found[-1] == 93600
    late = write(tmp_path, {"d": [""] * 3000 + ["1:30:00"]})
    assert refused(late, schema).startswith('E137 column "d": "1:30:00" and all')


def test_numbers_with_a_unit_of_time_are_durations_for_a_model_of_them(tmp_path: Path) -> None:
    schema = schema_of(tmp_path, {"d": LASTING})
    for texts, seconds in (
        (["90 min", "30 min"], [5400, 1800]),
        (["2 h", "26.5 h"], [7200, 95400]),
        (["3 days", "1 day"], [259200, 86400]),
        (["45 s", "1.5 s"], [45, 1.5]),
    ):
        assert under(write(tmp_path, {"d": texts}), schema).values["d"].tolist() == seconds
    assert refused(write(tmp_path, {"d": ["5", "6"]}), schema).startswith(
        'E137 column "d": "5" is not a duration'
    )
    assert '"90 m" is not a duration' in refused(write(tmp_path, {"d": ["90 m", "3 m"]}), schema)


# Fields of one column, in what people write; a table draws several of these.
FIELDS = [
    ["1,200", "2,500", "12,345"],
    ["1.200", "2.500", "12.345"],
    ["1,5", "2,25", "0,5", "1.200"],
    ["1.5", "2.25", ".5", "1,200", "1e5"],
    ["1", "2", "30", "1200"],
    ["007", "012", "7"],
    ["0", "1"],
    ["yes", "no", "YES", "0", "1"],
    ["1 200", "2 500,5", "3"],
    ["1.234.567", "1.200", "3"],
    ["a", "b", "none", "1", "1.0"],
    ["-", "?", "NA", "5", "6", "7,125"],
    ["01/02/2024", "03/04/2024", "05/05/2024"],
    ["01/02/2024", "13/02/2024"],
    ["01/02/2024", "02/13/2024"],
    ["2024-01-02", "2024-02-01 10:30", "2024/03/04"],
    ["01.02.2024", "03.04.2024"],
    ["", "1", "1.5", "1,5"],
    ["230501", "991231", "010203"],
    ["20240201", "20240315", "20231231"],
    ["230501", "10203"],
    ["1:30:00", "2:00:00"],
    ["26:30:00", "1:00:00", "P1DT2H"],
    ["75:30", "7:30", "2:45"],
    ["1:23.5", "0:59"],
    ["90 min", "30 min"],
    ["2 h", "90 min", "1h 30min"],
    ["12:30", "3:05 PM", "24:00"],
    ["2024-02-01T10:00Z", "2024-02-01T10:00+02:00"],
]
DATE_FORMATS = ("%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%y", "%Y%m%d", "%y%m%d", "%d%m%y")
PACKED_FORMATS = ("%y%m%d", "%d%m%y", "%m%d%y", "%Y%m%d", "%d%m%Y", "%m%d%Y")


@st.composite
def drawn(draw: st.DrawFn) -> list[str]:
    """Dates in one form, times of day, durations, or digits."""
    date = st.dates(datetime.date(1970, 1, 1), datetime.date(2059, 12, 31))
    format_ = draw(st.sampled_from(DATE_FORMATS))
    text = draw(
        st.sampled_from(
            [
                date.map(lambda day: day.strftime(format_)),
                st.times().map(lambda time: time.strftime(draw(CLOCKS))),
                st.integers(0, 200_000).map(lambda n: str(datetime.timedelta(seconds=n))),
                st.integers(0, 300).map(lambda n: f"{n} min"),
                st.integers(10_000, 999_999).map(str),
            ]
        )
    )
    return draw(st.lists(text, min_size=1, max_size=3))


CLOCKS = st.sampled_from(["%H:%M", "%H:%M:%S", "%I:%M %p"])
FEW = st.sampled_from(FIELDS) | drawn()
GIVEN = st.sampled_from(["", "", "%y%m%d", "%d%m%y", "%Y%m%d"])
SECONDS_PER = {"min": 60, "h": 3600, "s": 1}


@st.composite
def tables(draw: st.DrawFn) -> dict[str, list[str]]:
    rows = draw(st.integers(2, 7))
    columns = {}
    for name in ("p", "q", "r"):
        fields = draw(FEW)
        if draw(st.integers(0, 3)) == 0:
            fields = fields + draw(FEW)
        columns[name] = draw(st.lists(st.sampled_from(fields), min_size=rows, max_size=rows))
    return columns


def texts_of(table: Table, name: str) -> list[Any]:
    """The values of a column, a category's as texts; None where missing."""
    column, values = table.schema[name], table.values[name]
    if column.kind != "category":
        return [None if np.isnan(value) else value for value in values]
    unseen = {row: text for text, row in table.unseen.get(name, {}).items()}
    found: list[Any] = []
    for row, code in enumerate(values):
        if code == -2:
            found.append(unseen.get(row, "unseen"))
        else:
            found.append(None if code < 0 else column.levels[code])
    return found


def test_a_mark_that_comes_late_is_no_surprise(tmp_path: Path) -> None:
    """Spaces between thousands tell no decimal mark: rows read before it shows must not guess."""
    schema = schema_of(tmp_path, {"x": ["1 200", "2 500,5"]})
    for texts in (["1 200", "2 500,5", "1.0"], ["1 200", "1.0", "2 500,5"]):
        with (
            mock.patch.object(chunks, "first_plans", partial(first_plans, rows=1)),
            pytest.raises(TableError, match="different decimal marks"),
        ):
            list(read_chunks(write(tmp_path, {"x": texts}), PLAIN, schema, 1))


@pytest.mark.parametrize("late", ["2.5", "2,5"])
def test_a_mark_that_comes_in_a_later_chunk(tmp_path: Path, late: str) -> None:
    schema = schema_of(tmp_path, {"x": DOT, "y": DOT})
    columns = {"x": [*["7"] * 9000, *["1,200"] * 9000], "y": [*["1"] * 17999, late]}
    tables = list(read_chunks(write(tmp_path, columns), PLAIN, schema, 2048))
    values = np.concatenate([table.values["x"] for table in tables])
    np.testing.assert_array_equal(values[:9000], 7)
    np.testing.assert_array_equal(values[9000:], 1200 if late == "2.5" else 1.2)
    columns["x"][-1] = "1.5" if late == "2,5" else "1,5"
    columns["x"][9000] = "1,5" if late == "2,5" else "1.5"
    with pytest.raises(TableError, match=r'line 9002 "1.5" and line 18001 "1.5" use different'):
        list(read_chunks(write(tmp_path, columns), PLAIN, schema, 2048))


@pytest.mark.parametrize("examples", [60, pytest.param(3000, marks=pytest.mark.long)])
def test_the_reading_under_a_model_is_that_of_inspecting_or_a_refusal(
    tmp_path: Path, examples: int
) -> None:
    @settings(deadline=None, max_examples=examples)
    @given(tables(), tables(), st.sampled_from([1, 2, 1000]), st.integers(0, 2), GIVEN)
    def search(
        trained: dict[str, list[str]],
        new: dict[str, list[str]],
        chunk: int,
        sample: int,
        date_format: str,
    ) -> None:
        check_readings(tmp_path, trained, new, chunk, sample, date_format)

    search()


def check_readings(
    tmp_path: Path,
    trained: dict[str, list[str]],
    new: dict[str, list[str]],
    chunk: int,
    sample: int,
    date_format: str,
) -> None:
    try:
        schema = schema_of(tmp_path, trained, date_format=date_format)
    except VetroError:
        return
    schema = Schema(tuple(replace(column, role="input") for column in schema))
    path = write(tmp_path, new)
    planned = partial(first_plans, rows=sample)
    try:
        with mock.patch.object(chunks, "first_plans", planned):
            parts = list(read_chunks(path, PLAIN, schema, chunk))
    except VetroError as refusal:
        assert refusal.code != "E900"
        return
    kinds = {
        kind: tuple(column.name for column in schema if column.kind == kind)
        for kind in ("number", "category", "date", "flag")
    }
    flags = [name for part in parts for name in part.unseen if name in kinds["flag"]]
    # A word that is no flag's: its column is not compared, and any text will do.
    forced = {
        **kinds,
        "flag": tuple(name for name in kinds["flag"] if name not in flags),
        "category": (*kinds["category"], *dict.fromkeys(flags)),
    }
    own = [column.name for column in schema if column.reading.date_format == date_format != ""]
    for name in own:
        assert not rivals(new[name], date_format), name
    tables_ = []
    try:
        tables_.append(read_table(path, ReadOptions(**forced)))
    except VetroError:
        # Only the model's format reads these, and no other one does.
        assert own
        tables_.append(read_table(path, ReadOptions(**forced, date_format=date_format)))
    with contextlib.suppress(VetroError):
        tables_.append(read_table(path))
    for name in ("p", "q", "r"):
        values = [value for part in parts for value in texts_of(part, name)]
        for inspected in tables_:
            known, seen = schema[name], inspected.schema[name]
            if {known.kind, seen.kind} == {"number", "date"}:
                present = [text for text in new[name] if text not in ("", "-", "?", "NA")]
                assert known.kind == "date" and all(text.isdigit() for text in present), name
            if seen.kind != known.kind or name in flags:
                continue
            wanted = texts_of(inspected, name)
            if known.reading.date_format == DURATION and seen.unit != known.unit:
                unit = SECONDS_PER[seen.unit]
                wanted = [None if value is None else value * unit for value in wanted]
            unseen = [place for place, value in enumerate(values) if value == "unseen"]
            assert [v for i, v in enumerate(values) if i not in unseen] == [
                v for i, v in enumerate(wanted) if i not in unseen
            ], (name, seen)


def rivals(texts: list[str], format_: str) -> list[str]:
    """The other formats of digits that read all texts as dates of 1900 to 2099, differently."""
    digits = [text for text in texts if text.isdigit()]

    def read(other: str) -> list[datetime.datetime]:
        if any(len(text) != (8 if "%Y" in other else 6) for text in digits):
            return []
        with contextlib.suppress(ValueError):
            found = [datetime.datetime.strptime(text, other) for text in digits]
            return found if all(1900 <= day.year <= 2099 for day in found) else []
        return []

    mine = read(format_)
    return [other for other in PACKED_FORMATS if mine and read(other) not in ([], mine)]


def test_all_columns_that_are_missing_are_named_with_what_may_be_meant(tmp_path: Path) -> None:
    schema = schema_of(tmp_path, {"Water": DOT, "temp [C]": DOT, "city": ["a", "b", "c"]})
    with pytest.raises(VetroError) as caught:
        under(write(tmp_path, {"water": DOT, "Temp C": DOT, "x": DOT}), schema)
    assert told(caught.value) == (
        'E401 columns "Water" (the table has "water"), "temp [C]" (the table has "Temp C"), "city" '
        "are missing (the model needs: Water, temp [C], city). Add them, or rename the table's."
    )


def test_an_option_that_contradicts_the_kind_of_the_model_is_refused(tmp_path: Path) -> None:
    schema = schema_of(tmp_path, {"x": ["1", "2", "3"]}, category=("x",))
    path = write(tmp_path, {"x": ["1", "2"]})
    assert under(path, schema).values["x"].tolist() == [0, 1]
    with pytest.raises(VetroError, match='"x" is a category of the model, not a number'):
        under(path, schema, number=("x",))


@pytest.mark.parametrize(
    ("known", "present", "meant"),
    [
        ("speed (km/h)", "speed", "speed"),
        ("speed", "Speed [km/h]", "Speed [km/h]"),
        ("speed (km/h)", "Speed [km/h]", "Speed [km/h]"),
        ("speed (km/h)", "speed (m/s)", ""),
    ],
)
def test_a_missing_name_may_stand_with_or_without_its_unit(
    known: str, present: str, meant: str
) -> None:
    """A column in another unit is not proposed: it would be renamed, and its values stay."""
    message = str(columns_missing([known], [known], [present, "y"]))
    assert message.count(f'the table has "{meant}"') == (meant != "")
    assert message.endswith("or rename the table's.") == (meant != "")
