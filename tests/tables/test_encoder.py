"""The encoder against scikit-learn, exact fractions and the calendar."""

from __future__ import annotations

import datetime
import json
import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from tables.build import days, table

from vetro.errors import InternalError
from vetro.tables.blocks import NumberBlock, moments
from vetro.tables.encoder import Encoder
from vetro.tables.schema import Schema

numbers = st.integers(-4000, 4000).map(lambda item: item / 8)
texts = st.sampled_from(["Rome", "Milan", "Bari", "Turin", "Lecce"])


def optional(strategy):
    return st.none() | strategy


@st.composite
def mixed_tables(draw):
    """A table with each kind of input and a number target, and some of its rows to train on."""
    rows = draw(st.integers(4, 40))

    def column(strategy):
        return draw(st.lists(strategy, min_size=rows, max_size=rows))

    moment = st.datetimes(datetime.datetime(2019, 1, 1), datetime.datetime(2023, 1, 1))
    built = table(
        {
            "size": column(numbers),
            "age": column(optional(numbers)),
            "city": column(texts),
            "origin": column(optional(texts)),
            "new": column(optional(st.booleans())),
            "day": column(st.dates(datetime.date(2019, 1, 1), datetime.date(2021, 1, 1))),
            "seen": column(optional(moment)),
            "y": column(numbers),
        },
        target="y",
    )
    mask = np.array(draw(st.lists(st.booleans(), min_size=rows, max_size=rows)))
    mask[draw(st.integers(0, rows - 1))] = True
    return built, np.flatnonzero(mask)


def part(encoder, matrix, name):
    """The columns of the matrix that belong to one input."""
    number = encoder.columns.index(name)
    return matrix[:, encoder.offsets[number] : encoder.offsets[number + 1]]


@settings(max_examples=60, deadline=None)
@given(mixed_tables())
def test_numbers_are_those_of_scikit_learn(drawn):
    built, rows = drawn
    encoder = Encoder.fit(built, rows)
    matrix = encoder.encode(built, dtype=np.float64)
    for name in ("size", "age"):
        values = built.values[name][:, None]
        training = values[rows]
        known = training[~np.isnan(training)]
        if len(known) == 0:
            continue
        scaler = StandardScaler().fit(training)
        filled = np.where(np.isnan(values), np.median(known), values)
        wanted = scaler.transform(filled) if known.min() < known.max() else np.zeros_like(values)
        np.testing.assert_allclose(part(encoder, matrix, name)[:, :1], wanted, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(mixed_tables())
def test_missing_values_have_an_indicator_if_a_training_row_lacked_one(drawn):
    built, rows = drawn
    encoder = Encoder.fit(built, rows)
    matrix = encoder.encode(built)
    for name in ("age", "new", "seen"):
        lacking = np.isnan(built.values[name])
        assert (f"{name} is missing" in encoder.input_names) == lacking.any()
        if lacking.any():
            wanted = lacking if lacking[rows].any() else np.zeros(built.rows)
            np.testing.assert_array_equal(part(encoder, matrix, name)[:, -1], wanted)


@settings(max_examples=60, deadline=None)
@given(mixed_tables())
def test_categories_are_those_of_scikit_learn(drawn):
    built, rows = drawn
    encoder = Encoder.fit(built, rows)
    column = built.schema["city"]
    labels = np.array(column.levels, dtype=object)[built.values["city"]][:, None]
    oracle = OneHotEncoder(
        min_frequency=3, handle_unknown="infrequent_if_exist", sparse_output=False
    ).fit(labels[rows])
    wanted = dict(
        zip(oracle.get_feature_names_out(["city"]), oracle.transform(labels).T, strict=True)
    )
    found = part(encoder, encoder.encode(built), "city")
    for number, level in enumerate((*column.levels, "<other>")):
        name = "city_infrequent_sklearn" if level == "<other>" else f"city_{level}"
        np.testing.assert_array_equal(found[:, number], wanted.get(name, np.zeros(built.rows)))


@settings(max_examples=60, deadline=None)
@given(mixed_tables())
def test_a_column_that_no_training_row_sets_is_always_zero(drawn):
    built, rows = drawn
    encoder = Encoder.fit(built, rows)
    matrix = encoder.encode(built)
    for number, name in enumerate(encoder.input_names):
        if "=" in name or name.endswith("is missing"):
            assert matrix[rows, number].any() or not matrix[:, number].any(), name


@settings(max_examples=60, deadline=None)
@given(mixed_tables(), st.sampled_from([np.float32, np.float64]))
def test_the_raw_matrix_gives_the_same_bits(drawn, dtype):
    built, rows = drawn
    encoder = Encoder.fit(built, rows)
    matrix = encoder.encode(built, dtype=dtype)
    assert matrix.shape == (built.rows, encoder.width) == (built.rows, len(encoder.input_names))
    assert matrix.flags.c_contiguous and matrix.dtype == dtype
    assert encoder.encode_raw(encoder.raw(built), dtype=dtype).tobytes() == matrix.tobytes()
    assert encoder.encode(built, rows, dtype=dtype).tobytes() == matrix[rows].tobytes()
    mask = np.isin(np.arange(built.rows), rows)
    assert encoder.encode(built, mask, dtype=dtype).tobytes() == matrix[mask].tobytes()
    assert encoder.raw(built, mask).tobytes() == encoder.raw(built)[mask].tobytes()
    assert matrix.tobytes() == encoder.encode(built, dtype=np.float64).astype(dtype).tobytes()


@settings(max_examples=60, deadline=None)
@given(mixed_tables())
def test_members_share_the_layout_and_json_is_exact(drawn):
    built, rows = drawn
    encoder, other = Encoder.fit(built, rows), Encoder.fit(built)
    assert encoder.input_names == other.input_names and encoder.width == other.width
    copy = Encoder.from_json(json.loads(json.dumps(encoder.to_json(), allow_nan=False)))
    assert copy == encoder
    assert copy.encode(built).tobytes() == encoder.encode(built).tobytes()


def test_rows_are_encoded_alike_in_every_block_of_rows():
    generator = np.random.default_rng(0)
    values = generator.normal(size=20_001)
    values[[0, 9_000, 20_000]] = np.nan
    built = table({"a": list(values[:20]), "y": list(range(20))}, target="y")
    column = replace(built.schema["a"], missing=3)
    large = replace(
        built,
        schema=built.schema.replaced(column),
        values={"a": values, "y": np.arange(20_001.0)},
        rows=20_001,
    )
    encoder = Encoder.fit(large)
    present = values[~np.isnan(values)]
    filled = np.where(np.isnan(values), np.median(present), values)
    wanted = np.stack([(filled - present.mean()) / present.std(), np.isnan(values)], axis=1)
    np.testing.assert_allclose(encoder.encode(large, dtype=np.float64), wanted, atol=1e-12)
    order = generator.permutation(20_001)[:19_000]
    np.testing.assert_array_equal(encoder.encode(large, order), encoder.encode(large)[order])


def test_the_input_columns_stay_in_order_and_are_named():
    built = table(
        {
            "age": [1.0, None, 3.0, 4.0],
            "city": ["Rome", "Bari", None, "Rome"],
            "new": [True, False, True, True],
            "y": [1.0, 2.0, 3.0, 4.0],
        },
        target="y",
    )
    encoder = Encoder.fit(built)
    assert encoder.columns == ("age", "city", "new")
    assert encoder.input_names == (
        "age", "age is missing", "city=Bari", "city=Rome", "city=<other>", "city=<missing>", "new",
    )  # fmt: skip
    assert encoder.output_names == ("y",)
    assert encoder.task == "regression"


def test_missing_where_there_was_none_is_the_median_or_other():
    training = table(
        {
            "a": [1.0, 2.0, 6.0, 7.0],
            "c": ["x", "x", "x", "z"],
            "f": [True, False, True, True],
            "y": [1.0, 2.0, 3.0, 4.0],
        },
        target="y",
    )
    encoder = Encoder.fit(training)
    row = encoder.encode_raw(np.array([[np.nan, np.nan, np.nan]]), dtype=np.float64)
    assert row[0, 0] == 0.0  # the median 4 is the mean
    assert row[0, 1:4].tolist() == [0.0, 0.0, 1.0]  # x, z, <other>, trained by the rare z
    assert row[0, 4] == encoder.encode(training, dtype=np.float64)[0, 4]  # the median flag is 1
    common = Encoder.fit(training, np.array([0, 1, 2]))
    assert common.encode_raw(np.array([[1.0, np.nan, 1.0]]))[0, 1:4].tolist() == [0, 0, 0]


@pytest.mark.parametrize("code", [-2.0, 0.5, 7.0, -9.0, math.inf, -math.inf])
def test_a_raw_code_that_is_no_level_counts_as_other(code):
    built = table(
        {"c": ["x", "x", "x", "z", None, "x"], "y": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]}, target="y"
    )
    encoder = Encoder.fit(built)
    assert encoder.encode_raw(np.array([[code]])).tolist() == [[0, 0, 1, 0]]
    assert encoder.encode_raw(np.array([[-1.0]])).tolist() == [[0, 0, 0, 1]]
    assert encoder.encode_raw(np.array([[0.0]])).tolist() == [[1, 0, 0, 0]]


def test_unseen_texts_of_a_table_count_as_other():
    built = table({"c": ["x", "x", "x", "z"], "y": [1.0, 2.0, 3.0, 4.0]}, target="y")
    encoder = Encoder.fit(built)
    read = replace(built, values={"c": np.array([-2, 0], dtype=np.int32)}, rows=2)
    assert encoder.encode(read).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert encoder.raw(read).tolist() == [[-2.0], [0.0]]


def test_a_table_read_with_other_levels_is_refused():
    built = table({"c": ["x", "x", "x", "z"], "y": [1.0, 2.0, 3.0, 4.0]}, target="y")
    other = table({"c": ["x", "x", "x", "w"], "y": [1.0, 2.0, 3.0, 4.0]}, target="y")
    with pytest.raises(InternalError, match="other levels"):
        Encoder.fit(built).encode(other)
    with pytest.raises(ValueError, match="shape"):
        Encoder.fit(built).encode_raw(np.zeros((3, 2)))


# Dates


def dated(start, count, step, **columns):
    """A table with a date column "day" and a target."""
    items = [start + step * number for number in range(count)]
    return table({"day": items, **columns, "y": [float(n) for n in range(count)]}, target="y")


@pytest.mark.parametrize(
    ("step", "count", "names"),
    [
        (datetime.timedelta(days=0), 5, []),
        (datetime.timedelta(days=1), 10, ["days"]),
        (datetime.timedelta(days=1), 30, ["days", "sin weekday", "cos weekday"]),
        (datetime.timedelta(days=7), 20, ["days"]),
        (datetime.timedelta(days=7), 60, ["days", "sin year", "cos year"]),
        (datetime.timedelta(days=30), 5, ["days", "sin weekday", "cos weekday"]),
        (datetime.timedelta(hours=5), 24, ["days", "sin time of day", "cos time of day"]),
        (datetime.timedelta(minutes=5), 24, ["days"]),
    ],
)  # fmt: skip
def test_a_date_has_the_cycles_that_its_range_warrants(step, count, names):
    encoder = Encoder.fit(dated(datetime.datetime(2020, 3, 1), count, step))
    assert encoder.input_names == tuple(f"day ({name})" for name in names)


def test_yearly_dates_have_no_cycle_of_the_year():
    items = [datetime.date(1980 + number, 1, 1) for number in range(30)]
    built = table({"day": items, "y": list(range(30))}, target="y")
    names = Encoder.fit(built).input_names
    assert "day (sin year)" not in names and names[0] == "day (days)"


def test_cycles_follow_the_calendar():
    start = datetime.datetime(2019, 5, 6, 7, 8)
    built = dated(start, 900, datetime.timedelta(days=1, hours=1))
    encoder = Encoder.fit(built)
    matrix = encoder.encode(built, dtype=np.float64)
    column = {name: matrix[:, number] for number, name in enumerate(encoder.input_names)}
    for row in range(0, 900, 37):
        moment = start + row * datetime.timedelta(days=1, hours=1)
        hours = moment.hour + moment.minute / 60
        clock = 2 * math.pi * hours / 24
        assert column["day (sin time of day)"][row] == pytest.approx(math.sin(clock), abs=1e-9)
        # Thursday is 0: 1970-01-01 was one.
        week = 2 * math.pi * ((moment.weekday() - 3) % 7 + hours / 24) / 7
        assert column["day (cos weekday)"][row] == pytest.approx(math.cos(week), abs=1e-9)
        year = 2 * math.pi * (moment.timetuple().tm_yday - 1 + hours / 24) / 365.25
        assert column["day (sin year)"][row] == pytest.approx(math.sin(year), abs=0.03)
    known = built.values["day"]
    np.testing.assert_allclose(column["day (days)"], (known - known.mean()) / known.std())
    assert known[0] == days(start)


# Statistics


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30))
def test_moments_are_exact_to_rounding_in_the_whole_range(values):
    exact = [Fraction(value) for value in values]
    mean = sum(exact) / len(exact)
    variance = sum((value - mean) ** 2 for value in exact) / len(exact)
    found_mean, found_deviation = moments(np.array(values))
    size = max(abs(value) for value in exact)
    assert abs(Fraction(found_mean) - mean) <= size * Fraction(1e-15) + Fraction(5e-324)
    # The root of an exact fraction, scaled so that it is neither huge nor tiny.
    ratio = math.sqrt(variance / size**2) if size else 0.0
    if ratio > 1e-4 and size > 1e-290:
        assert Fraction(found_deviation) / size == pytest.approx(ratio, rel=1e-9)
    elif size > 1e-290:
        assert Fraction(found_deviation) / size < 2e-4


@pytest.mark.parametrize("far", [0.0, 1e6, -1e9, 2.0**50])
def test_the_deviation_does_not_depend_on_how_far_from_zero_the_values_lie(far):
    mean, deviation = moments(far + np.array([0.0, 1.0, 2.0, 5.0]))
    assert mean == far + 2
    assert deviation == pytest.approx(math.sqrt(3.5), rel=1e-12)


def test_a_constant_is_zero_even_if_its_mean_is_not_exact():
    built = table({"a": [0.1] * 7, "y": list(range(7))}, target="y")
    encoder = Encoder.fit(built)
    assert encoder.inputs == (NumberBlock("a", 0.1, 0.0, 0.1),)
    assert encoder.encode(built).tolist() == [[0.0]] * 7
    assert encoder.encode_raw(np.array([[5.0], [np.nan]])).tolist() == [[0.0], [0.0]]


def test_huge_and_tiny_numbers_encode_without_warning():
    built = table(
        {"a": [1e308, -1e308, 5e307], "b": [5e-324, 1e-323, 0.0], "y": [1e308, 2e300, -1e308]},
        target="y",
    )
    encoder = Encoder.fit(built)
    assert np.isfinite(encoder.encode(built)).all()
    assert encoder.encode(built)[:, 0].std() == pytest.approx(1, rel=1e-6)
    scaled = encoder.encode_targets(built, dtype=np.float64)
    np.testing.assert_allclose(encoder.decode_targets(scaled)[:, 0], built.values["y"], rtol=1e-12)


def test_statistics_come_from_the_given_rows_only():
    built = table(
        {"a": [1.0, 2.0, 3.0, 1e9], "c": ["x", "x", "x", "z"], "y": [1.0, 2.0, 3.0, -1e9]},
        target="y",
    )
    changed = replace(built, values={**built.values, "a": np.array([1.0, 2.0, 3.0, -5.0])})
    rows = np.array([0, 1, 2])
    assert Encoder.fit(built, rows) == Encoder.fit(changed, rows)
    assert Encoder.fit(built, rows) != Encoder.fit(built)
    assert Encoder.fit(built, rows) == Encoder.fit(built, np.array([True, True, True, False]))


# Targets


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-1e12, 1e12), min_size=2, max_size=30))
def test_targets_are_standardised_and_come_back(values):
    built = table({"a": list(range(len(values))), "y": values}, target="y")
    encoder = Encoder.fit(built)
    scaled = encoder.encode_targets(built, dtype=np.float64)
    assert scaled.shape == (len(values), 1)
    back = encoder.decode_targets(scaled)[:, 0]
    np.testing.assert_allclose(back, values, rtol=0, atol=1e-12 * max(map(abs, values)) + 1e-300)
    deviation = np.std(values)
    # Below 1e-150 scikit-learn's squares leave the range of float64.
    if deviation > max(1e-6 * max(map(abs, values)), 1e-150):
        wanted = StandardScaler().fit_transform(np.array(values)[:, None])
        np.testing.assert_allclose(scaled, wanted, atol=1e-6)


def test_several_targets_and_a_constant_one():
    built = table({"a": [1.0, 2.0, 3.0], "y": [2.0, 4.0, 9.0], "z": [5.0, 5.0, 5.0]}, target="y")
    built = built.with_schema(Schema(tuple(
        replace(column, role="target") if column.name == "z" else column for column in built.schema
    )))  # fmt: skip
    encoder = Encoder.fit(built)
    assert encoder.output_names == ("y", "z")
    scaled = encoder.encode_targets(built, np.array([2, 0]))
    assert scaled.dtype == np.float32 and scaled.shape == (2, 2)
    assert scaled[:, 1].tolist() == [0.0, 0.0]
    np.testing.assert_allclose(encoder.decode_targets(scaled), [[9, 5], [2, 5]], rtol=1e-6)


def test_classes_of_a_category_and_of_a_flag():
    built = table({"a": [1.0, 2.0, 3.0], "y": ["no", "yes", None]}, target="y")
    encoder = Encoder.fit(built)
    assert encoder.task == "classification" and encoder.output_names == ("no", "yes")
    codes = encoder.encode_targets(built)
    assert codes.dtype == np.int64 and codes.tolist() == [0, 1, -1]
    flags = table({"a": [1.0, 2.0, 3.0], "y": [True, None, False]}, target="y")
    encoder = Encoder.fit(flags)
    assert encoder.classes == ("no", "yes")
    assert encoder.encode_targets(flags, np.array([2, 1, 0])).tolist() == [0, -1, 1]
    plain = replace(
        flags.schema["y"], reading=replace(flags.schema["y"].reading, flag_words=("", ""))
    )
    assert Encoder.fit(flags.with_schema(flags.schema.replaced(plain))).classes == ("0", "1")
    scores = np.array([[0.5, -1.0]], dtype=np.float32)
    assert encoder.decode_targets(scores).tolist() == [[0.5, -1.0]]
    copy = Encoder.from_json(json.loads(json.dumps(encoder.to_json())))
    assert copy == encoder


def test_a_table_without_target_is_refused():
    with pytest.raises(ValueError, match="no target"):
        Encoder.fit(table({"a": [1.0, 2.0]}))


# What an edited file may hold


def valid_json():
    start = datetime.datetime(2020, 1, 1)
    items = [start + datetime.timedelta(days=9 * n, hours=n) for n in range(60)]
    built = table(
        {
            "a": [float(n) for n in range(60)],
            "c": ["xyz"[n % 3] for n in range(60)],
            "d": items,
            "y": [n / 2 for n in range(60)],
        },
        target="y",
    )
    return json.loads(json.dumps(Encoder.fit(built).to_json()))


def edit(where, entry, value):
    def change(data):
        place = data
        for step in where:
            place = place[step]
        if value is KeyError:
            del place[entry]
        else:
            place[entry] = value

    return change


@given(mixed_tables())
@settings(max_examples=40, deadline=None)
def test_the_median_row_is_made_of_values_that_occur(drawn):
    """Numbers and dates: as many rows above as below; categories and flags: the most frequent."""
    built, _ = drawn
    encoder = Encoder.fit(built)
    row = encoder.median_row(built)
    assert len(row) == len(encoder.columns)
    for value, block in zip(row, encoder.inputs, strict=True):
        own = built.values[block.name]
        present = own[own >= 0] if own.dtype.kind == "i" else own[~np.isnan(own)]
        if not len(present):
            assert math.isnan(value)
            continue
        assert value in present
        if own.dtype.kind == "i":
            counts = np.unique(present, return_counts=True)[1]
            assert (present == value).sum() == counts.max()
        else:
            assert (present < value).sum() <= (len(present) - 1) // 2
            assert (present > value).sum() <= len(present) - 1 - (len(present) - 1) // 2


EDITS = {
    "no inputs": edit([], "inputs", KeyError),
    "inputs are a number": edit([], "inputs", 3),
    "an input is a text": edit(["inputs"], 0, "a"),
    "unknown kind": edit(["inputs", 0], "kind", "sound"),
    "no kind": edit(["inputs", 0], "kind", KeyError),
    "name is a number": edit(["inputs", 0], "name", 3),
    "mean is a text": edit(["inputs", 0], "mean", "1"),
    "mean is true": edit(["inputs", 0], "mean", True),
    "mean is infinite": edit(["inputs", 0], "mean", math.inf),
    "scale is NaN": edit(["inputs", 0], "scale", math.nan),
    "scale is negative": edit(["inputs", 0], "scale", -1.0),
    "no median": edit(["inputs", 0], "median", KeyError),
    "indicator is 1": edit(["inputs", 0], "indicator", 1),
    "an indicator that does not exist is trained": edit(["inputs", 0], "indicator_trained", True),
    "an input occurs twice": edit(["inputs", 0], "name", "d"),
    "kept is too short": edit(["inputs", 1], "kept", [True]),
    "kept is a text": edit(["inputs", 1], "kept", "abc"),
    "kept holds numbers": edit(["inputs", 1], "kept", [1, 0, 1]),
    "levels are a text": edit(["inputs", 1], "levels", "xyz"),
    "a level occurs twice": edit(["inputs", 1], "levels", ["x", "x", "z"]),
    "a missing column that does not exist": edit(["inputs", 1], "missing_trained", True),
    "unknown cycle": edit(["inputs", 2], "cycles", ["moon"]),
    "cycles out of order": edit(["inputs", 2], "cycles", ["weekday", "year"]),
    "days is a text": edit(["inputs", 2], "days", "yes"),
    "no targets": edit([], "targets", []),
    "targets missing": edit([], "targets", KeyError),
    "deviation is zero": edit(["targets", 0], "deviation", 0.0),
    "deviation is null": edit(["targets", 0], "deviation", None),
    "target of another kind": edit(["targets", 0], "kind", "date"),
    "one class": edit(["targets"], 0, {"kind": "class", "name": "y", "classes": ["a"]}),
    "classes twice": edit(["targets"], 0, {"kind": "class", "name": "y", "classes": ["a", "a"]}),
    "classes are numbers": edit(["targets"], 0, {"kind": "class", "name": "y", "classes": [1, 2]}),
}  # fmt: skip


@pytest.mark.parametrize("change", EDITS.values(), ids=EDITS)
def test_nonsense_in_json_is_refused(change):
    data = valid_json()
    assert Encoder.from_json(data).to_json() == Encoder.from_json(valid_json()).to_json()
    change(data)
    with pytest.raises((KeyError, TypeError, ValueError)):
        Encoder.from_json(data)


# Row weights


def weighted(columns, weights, target="y"):
    built = table({**columns, "w": list(weights)}, target=target)
    return built.with_schema(built.schema.replaced(replace(built.schema["w"], role="weight")))


def drawn_columns(rows):
    """Numbers with gaps and few values, dates, flags and a category, drawn at random."""
    generator = np.random.default_rng(rows)
    gaps = [None if n % 7 == 3 else float(v) for n, v in enumerate(generator.integers(0, 9, rows))]
    start = datetime.date(2020, 1, 1)
    return {
        "number": gaps,
        "day": [start + datetime.timedelta(days=int(d)) for d in generator.integers(0, 900, rows)],
        "flag": [bool(item) for item in generator.integers(0, 2, rows)],
        "town": [f"town {n}" for n in generator.integers(0, 3, rows)],
        "y": list(generator.normal(size=rows)),
    }


def numbers_of(encoder):
    """Every statistic of an encoder, in order."""
    parts = [*encoder.inputs, *encoder.targets]
    names = ("mean", "scale", "median", "deviation")
    found = [getattr(part, name) for part in parts for name in names if hasattr(part, name)]
    return [*found, *(border for part in parts for border in getattr(part, "borders", ()))]


@pytest.mark.parametrize("rows", [40, 41])
def test_a_row_of_weight_2_counts_as_two_rows(rows):
    columns, weights = drawn_columns(rows), np.random.default_rng(0).integers(1, 4, rows)
    repeated = {name: list(np.repeat(np.array(v, object), weights)) for name, v in columns.items()}
    once = weighted(columns, weights)
    often = table(repeated, target="y")
    found, expected = Encoder.fit(once, bins=4), Encoder.fit(often, bins=4)
    assert len(expected.inputs[0].borders) == 5
    np.testing.assert_allclose(numbers_of(found), numbers_of(expected), rtol=1e-12, atol=1e-15)
    assert found.input_names == expected.input_names
    assert found.median_row(once) == expected.median_row(often)
    # the scale of weights is free
    for factor in (0.1, 1e-300, 1e305):
        scaled = Encoder.fit(weighted(columns, weights * factor), bins=4)
        np.testing.assert_allclose(numbers_of(scaled), numbers_of(expected), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("weight", [1.0, 2.0, 0.1])
def test_equal_weights_say_nothing(weight):
    columns = drawn_columns(40)
    plain = Encoder.fit(table(columns, target="y"))
    found = Encoder.fit(weighted(columns, [weight] * 40))
    np.testing.assert_allclose(numbers_of(found), numbers_of(plain), rtol=1e-14, atol=1e-15)


def test_the_median_of_huge_numbers_is_finite():
    built = weighted({"x": [1.5e308, 1.7e308], "y": [1.0, 2.0]}, [1.0, 1.0])
    assert Encoder.fit(built).inputs[0].median == pytest.approx(1.6e308)
