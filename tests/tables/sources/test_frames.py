"""Frames in memory: what goes in is what is read, and comes back as the same kind."""

from __future__ import annotations

import datetime as dt
import decimal
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table
from vetro.tables.sources.frames import frame_kind, open_frame, to_kind


def opened(frame):
    return open_frame(frame, ReadOptions())


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (pd.DataFrame({"a": [1]}), "pandas"),
        (pl.DataFrame({"a": [1]}), "polars"),
        (pl.LazyFrame({"a": [1]}), "polars"),
        (pa.table({"a": [1]}), "pyarrow"),
        (pa.record_batch({"a": [1]}), "pyarrow"),
        ({"a": [1]}, "dict"),
        (np.ones((1, 1)), "numpy"),
        (torch.ones(1, 1), "torch"),
        ("a.csv", ""),
        ([[1]], ""),
        (None, ""),
    ],
)
def test_kinds(frame, kind):
    assert frame_kind(frame) == kind


def test_recognising_imports_nothing():
    code = (
        "import sys; from vetro.tables.sources.frames import frame_kind;"
        "frame_kind('x'); frame_kind({});"
        "print([m for m in ('pandas', 'polars', 'pyarrow', 'torch', 'duckdb') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_pandas(columns):
    days = pd.to_datetime(["2024-01-01", "2024-07-01"])
    frame = pd.DataFrame(
        {
            "int": [1, 2],
            "text": ["x", None],
            "label": pd.Categorical([3, 4]),
            "zone": days.tz_localize("Europe/Rome"),
            "nullable": pd.array([1, None], dtype="Int64"),
            "float": [1.5, np.nan],
            "flag": [True, False],
            "INT": [5, 6],
            "object": pd.Series(["u", np.nan], dtype=object, index=[7, 9]),
        },
        index=[7, 9],
    )
    found = opened(frame)
    assert found.name == "the DataFrame"
    assert found.columns["label"] == "ENUM('3', '4')"
    assert columns(found) == {
        "int": [1, 2],
        "text": ["x", None],
        "label": ["3", "4"],
        "zone": [
            dt.datetime(2023, 12, 31, 23, tzinfo=dt.UTC),
            dt.datetime(2024, 6, 30, 22, tzinfo=dt.UTC),
        ],
        "nullable": [1, None],
        "float": [1.5, None],
        "flag": [True, False],
        "INT": [5, 6],
        "object": ["u", None],
    }


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_pandas_times(unit, zone):
    days = pd.Series(pd.to_datetime(["2024-01-01 06:00", "2024-01-03 12:00"]))
    days = days.dt.as_unit(unit).dt.tz_localize(zone)
    expected = [day.timestamp() / 86400 for day in days]
    table = read_table(pd.DataFrame({"d": days}))
    assert table.schema["d"].kind == "date"
    assert table.values["d"].tolist() == pytest.approx(expected, rel=0, abs=1e-9)


def test_polars(columns):
    frame = pl.DataFrame(
        {
            "int": pl.Series([1, None], dtype=pl.UInt8),
            "cat": pl.Series(["u", "v"], dtype=pl.Categorical),
            "enum": pl.Series(["v", None], dtype=pl.Enum(["u", "v"])),
            "dec": [decimal.Decimal("1.5"), None],
            "day": [dt.date(2024, 1, 1), None],
            "text": ["x", "y"],
        }
    )
    expected = frame.to_dict(as_series=False)
    for given_frame in (frame, frame.lazy()):
        found = opened(given_frame)
        assert columns(found) == expected
        assert found.columns["cat"].startswith("ENUM(")
        assert found.columns["enum"].startswith("ENUM(")


def test_polars_whole_numbers_of_128_bits():
    large = 2**100
    frame = pl.DataFrame(
        {
            "small": pl.Series([1, None, -3], dtype=pl.Int128),
            "large": pl.Series([1, large, 3], dtype=pl.Int128),
        }
    )
    table = read_table(frame)
    assert np.array_equal(table.values["small"], [1, np.nan, -3], equal_nan=True)
    assert table.values["large"].tolist() == [1, float(large), 3]


def test_periods_of_pandas_in_arrow_are_not_numbers(tmp_path):
    import pyarrow.parquet as pq

    frame = pd.DataFrame({"p": pd.period_range("2020-01", periods=3, freq="M"), "y": [1.0, 2, 4]})
    typed = pa.Table.from_pandas(frame)
    # As it comes without pandas imported.
    noted = {
        b"ARROW:extension:name": b"pandas.period",
        b"ARROW:extension:metadata": b'{"freq": "M"}',
    }
    field = pa.field("p", pa.int64(), metadata=noted)
    bare = pa.table([[600, 601, 602], [1.0, 2, 4]], pa.schema([field, pa.field("y", pa.float64())]))
    frame.to_parquet(tmp_path / "p.parquet")
    pq.write_table(bare, tmp_path / "q.parquet")
    for source in (typed, bare, tmp_path / "p.parquet", tmp_path / "q.parquet"):
        table = read_table(source)
        assert [item.code for item in table.notices] == ["W170"], source
        assert "pandas.period" in table.notices[0].message


def test_arrow(columns):
    table = pa.table(
        {
            "null": pa.nulls(2),
            "label": pa.array([7, 8]).dictionary_encode(),
            "wide": pa.array([1, 2]).cast(pa.decimal256(50, 2)),
            "half": pa.array(np.array([1, 2], np.float16)),
            "runs": pa.RunEndEncodedArray.from_arrays(pa.array([2], pa.int32()), pa.array([5])),
            "large": pa.array(["x", None], pa.large_string()),
            "view": pa.array(["x", None], pa.string_view()),
        }
    )
    expected = {
        "null": [None, None],
        "label": ["7", "8"],
        "wide": [decimal.Decimal(1), decimal.Decimal(2)],
        "half": [1.0, 2.0],
        "runs": [5, 5],
        "large": ["x", None],
        "view": ["x", None],
    }
    assert columns(opened(table)) == expected
    assert columns(opened(table.to_batches()[0])) == expected
    reader = pa.RecordBatchReader.from_batches(table.schema, table.to_batches())
    assert columns(opened(reader)) == expected


def test_labels_that_need_quoting(columns):
    labels = ["it's", 'a "b"', "x, y", "", "città", "x, y"]
    table = pa.table({"c": pa.array(labels).dictionary_encode()})
    assert columns(opened(table)) == {"c": labels}


def test_dictionaries_that_differ_between_chunks(columns):
    chunks = [pa.array(texts).dictionary_encode() for texts in (["a", "b"], ["c", None, "a"])]
    table = pa.table({"c": pa.chunked_array(chunks)})
    assert columns(opened(table)) == {"c": ["a", "b", "c", None, "a"]}


def test_dicts(columns):
    day = dt.date(2024, 1, 1)
    found = opened(
        {
            "list": [1, 2.5, None],
            "array": np.array(["x", "y", "z"]),
            "tensor": torch.ones(3),
            "pandas": pd.Series([1, 2, 3], index=[5, 6, 7]),
            "polars": pl.Series([1, 2, 3]),
            "arrow": pa.array([1, 2, 3]),
            "chunked": pa.chunked_array([[1], [2, 3]]),
            "days": [day] * 3,
            "tuple": (1, 2, 3),
            "range": range(3),
            4: [1, 2, 3],
        }
    )
    read = columns(found)
    assert read["list"] == [1.0, 2.5, None]
    assert read["array"] == ["x", "y", "z"]
    assert read["tensor"] == [1.0] * 3
    assert read["days"] == [day] * 3
    assert read["range"] == [0, 1, 2]
    for name in ("pandas", "polars", "arrow", "chunked", "tuple", "4"):
        assert read[name] == [1, 2, 3]


@pytest.mark.parametrize(
    "matrix",
    [
        np.arange(6.0).reshape(3, 2),
        np.asfortranarray(np.arange(6.0).reshape(3, 2)),
        np.arange(12.0).reshape(6, 2)[::2],
        np.arange(6, dtype=np.int8).reshape(3, 2),
        np.arange(6, dtype=np.float16).reshape(3, 2),
        np.arange(6, dtype=np.longdouble).reshape(3, 2),
        np.array([[True, False]] * 3),
        np.array([["a", "bc"]] * 3),
        torch.arange(6).reshape(3, 2),
        torch.ones(3, 2, requires_grad=True),
        torch.ones(3, 2, dtype=torch.bfloat16),
        torch.arange(6.0).reshape(2, 3).T,
    ],
)
def test_matrices(matrix, columns):
    read = columns(opened(matrix))
    assert list(read) == ["c1", "c2"]
    assert [list(row) for row in zip(*read.values(), strict=True)] == matrix.tolist()


def test_missing_numbers_in_arrays(columns):
    masked = np.ma.masked_equal(np.array([[1.0, 2.0], [3.0, 4.0]]), 2)
    assert columns(opened(masked)) == {"c1": [1.0, 3.0], "c2": [None, 4.0]}
    table = read_table(np.array([[1, np.nan], [2, 3], [4, 5]]))
    assert table.schema["c2"].missing == 1


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame(), "E101 the DataFrame is empty (0 columns)."),
        ({}, "E101 the dict is empty (0 columns)."),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), 'E110 columns 1 and 2 are both named "a".'),
        ({1: [1], "1": [2]}, 'E110 columns 1 and 2 are both named "1".'),
        ({"": [1]}, "E125 the dict: column 1 has an empty name."),
        (
            pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])),
            "E125 the DataFrame: its column names have several levels.",
        ),
        (pd.Series([1]), "E125 the Series: it is one column. Use series.to_frame()."),
        (pl.Series([1]), "E125 the Series: it is one column. Use series.to_frame()."),
        (np.ones(3), "E125 the array: it has 1 dimension, not 2. Use array.reshape(-1, 1)."),
        (np.ones((2, 2, 2)), "E125 the array: it has 3 dimensions, not 2."),
        (torch.ones(3), "E125 the tensor: it has 1 dimension, not 2. Use tensor.reshape(-1, 1)."),
        (torch.eye(2).to_sparse(), "E125 the tensor: it is sparse or quantized."),
        (np.array([[1, "a"]], dtype=object), "E125 the array: its values are Python objects."),
        (np.zeros(2, dtype=[("a", float)]), "E125 the array: it is a structured array."),
        (np.ones((2, 2), complex), 'E128 column "c1" has the type complex128'),
        (torch.ones(2, 1, dtype=torch.complex64), 'E128 column "c1" has the type complex64'),
        ({"a": [1, 2], "b": [1]}, 'E125 the dict: column "a" has 2 values and column "b" 1.'),
        ({"a": 1}, 'E125 the dict: column "a" is not a sequence of values.'),
        ({"a": "abc"}, 'E125 the dict: column "a" is not a sequence of values.'),
        ({"a": {"x": 1}}, 'E125 the dict: column "a" is not a sequence of values.'),
        ({"a": (n for n in range(3))}, 'E125 the dict: column "a" is not a sequence of values.'),
        ({"a": np.ones((2, 2))}, 'E125 column "a": it has 2 dimensions.'),
        ({"a": [1, "x"]}, 'E128 column "a" has the type int and str'),
        ({"a": [object()]}, 'E128 column "a" has the type object'),
        (pd.DataFrame({"a": [1j]}), 'E128 column "a" has the type complex128'),
        (
            pd.DataFrame({"a": pd.Series([1, "x"], dtype=object)}),
            'E128 column "a" has the type object (int and str)',
        ),
        (
            pl.DataFrame({"a": pl.Series([object()], dtype=pl.Object)}),
            'E128 column "a" has the type Object',
        ),
        (
            pa.table({"a": pa.array([b"0" * 16], pa.uuid())}),
            'E128 column "a" has the type extension<arrow.uuid>',
        ),
    ],
)
def test_refusals(frame, message, refusal):
    assert refusal(opened, frame).startswith(message)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([[1], [2, 3]], "BIGINT[]"),
        ([{"x": 1}, {"x": 2}], "STRUCT"),
        ([b"a", b"b"], "BLOB"),
    ],
)
def test_types_that_are_no_kind(values, kind, refusal):
    assert refusal(read_table, {"a": values}).startswith(f'E128 column "a" has the type {kind}')


@pytest.mark.parametrize(
    "frame", [pd.DataFrame({"a": []}), np.ones((0, 2)), {"a": []}, pa.table({"a": pa.nulls(0)})]
)
def test_no_rows(frame, columns, refusal):
    assert all(values == [] for values in columns(opened(frame)).values())
    assert refusal(read_table, frame).startswith("E102")


def test_infinity_and_digits(refusal):
    message = refusal(read_table, np.array([[1.0], [np.inf]]))
    assert message.startswith('E112 column "c1", row 2: "inf" is not finite.')
    table = read_table({"a": [2**60 + 1, 2, 3]})
    assert [item.code for item in table.notices] == ["W119"]


def test_the_fingerprint_is_of_the_values():
    texts = ["a", None, "bc", ""]
    one = opened({"t": texts, "n": [1.5, None, 2.5, 0.0]}).fingerprint
    chunked = pa.table(
        {
            "t": pa.chunked_array([pa.array(["x", *texts[:1]])[1:], texts[1:]]),
            "n": pa.chunked_array([[1.5, None, 2.5], [0.0]]),
        }
    )
    assert opened(chunked).fingerprint == one
    assert opened(chunked.to_pandas()).fingerprint == one
    changed = [
        {"t": ["a", "", "bc", None], "n": [1.5, None, 2.5, 0.0]},
        {"t": ["a", None, "b", "c"], "n": [1.5, None, 2.5, 0.0]},
        {"t": texts, "n": [1.5, 0.0, 2.5, None]},
        {"t": texts, "n": [1.5, None, 2.5, 1e-300]},
        {"t": texts, "m": [1.5, None, 2.5, 0.0]},
        {"n": [1.5, None, 2.5, 0.0], "t": texts},
    ]
    assert len({one, *(opened(frame).fingerprint for frame in changed)}) == 7


def test_every_type_has_a_fingerprint():
    data = {
        "flag": [True, None],
        "day": [dt.date(2024, 1, 1), None],
        "time": [dt.datetime(2024, 1, 1), None],
        "clock": [dt.time(1), None],
        "span": [dt.timedelta(1), None],
        "list": [[1], None],
        "dec": [decimal.Decimal("1.5"), None],
        "bytes": [b"x", None],
    }
    prints = {name: opened({"a": values}).fingerprint for name, values in data.items()}
    swapped = {name: opened({"a": values[::-1]}).fingerprint for name, values in data.items()}
    assert len({*prints.values(), *swapped.values()}) == 2 * len(data)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.none() | st.floats(allow_nan=False, width=64),
            st.none() | st.text(st.characters(codec="utf-8"), max_size=5),
            st.none() | st.integers(-(2**63), 2**63 - 1),
        ),
        min_size=1,
    )
)
def test_values_arrive_unchanged(rows):
    names = ("x", "t", "i")
    data = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    typed = pa.table(
        [
            pa.array(data["x"], pa.float64()),
            pa.array(data["t"], pa.string()),
            pa.array(data["i"], pa.int64()),
        ],
        names=names,
    )
    found = opened(typed)
    table = found.connection.sql(f"FROM {found.relation}").to_arrow_table()
    assert [column.to_pylist() for column in table.columns] == list(data.values())


NUMBERS = {"y": np.array([1.5, 2.5]), "z": np.array([1, 2])}
TEXTS = {"y": np.array(["a", "b"]), "P(a)": np.array([0.25, 0.75])}
OBJECTS = {"y": np.array(["a", "b"], dtype=object)}


def test_back_to_pandas():
    like = pd.DataFrame({"q": [1, 2]}, index=[7, 9])
    back = to_kind(NUMBERS, "pandas", like)
    pd.testing.assert_frame_equal(back, pd.DataFrame({"y": [1.5, 2.5], "z": [1, 2]}, index=[7, 9]))
    expected = pd.DataFrame({"y": ["a", "b"]})
    pd.testing.assert_frame_equal(to_kind(OBJECTS, "pandas"), expected)
    pd.testing.assert_frame_equal(to_kind({"y": TEXTS["y"]}, "pandas"), expected)


def test_back_to_polars_and_arrow():
    expected = {"y": ["a", "b"], "P(a)": [0.25, 0.75]}
    assert to_kind(TEXTS, "polars").equals(pl.DataFrame(expected))
    assert to_kind(TEXTS, "pyarrow").equals(pa.table(expected))


def test_back_to_arrays():
    numbers = to_kind(NUMBERS, "numpy")
    assert numbers.dtype == np.float64
    assert numbers.tolist() == [[1.5, 1.0], [2.5, 2.0]]
    texts = to_kind(TEXTS, "numpy")
    assert texts.dtype == object
    assert texts.tolist() == [["a", 0.25], ["b", 0.75]]
    single = to_kind({"y": np.array([1, 2], np.float32)}, "numpy")
    assert single.dtype == np.float32
    assert single.shape == (2, 1)


def test_back_to_tensors_and_dicts():
    tensor = to_kind(NUMBERS, "torch", torch.ones(1, 1))
    assert torch.equal(tensor, torch.tensor([[1.5, 1.0], [2.5, 2.0]], dtype=torch.float64))
    labels = to_kind(TEXTS, "torch")
    assert labels["y"].tolist() == ["a", "b"]
    plain = to_kind({"y": [1, 2]}, "dict")
    assert isinstance(plain["y"], np.ndarray)
    assert plain["y"].tolist() == [1, 2]
