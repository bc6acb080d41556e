"""Writing tables, read back with the standard library and pyarrow."""

from __future__ import annotations

import csv
import datetime as dt
import json
import math
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from told import told

from vetro.errors import VetroError
from vetro.tables.read import read_table
from vetro.tables.write import TableWriter

COLUMNS = {
    "y": np.array([0.1, 1 / 3, np.nan]),
    "single": np.array([0.1, 2, 1e-30], np.float32),
    "label": np.array(["a,b", 'q"x', None], dtype=object),
    "kept": pa.array([1, None, 3]),
    "flag": np.array([True, False, True]),
    "day": pa.array([dt.date(2024, 1, 1)] * 3),
    "città": pa.array(["è", "l\nm", None]),
}


def test_csv(tmp_path):
    path = tmp_path / "o.csv"
    with TableWriter(path) as writer:
        writer.write(COLUMNS)
        writer.write(COLUMNS)
    assert writer.rows == 6
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == list(COLUMNS)
    expected = [
        ["0.1", "0.1", "a,b", "1", "true", "2024-01-01", "è"],
        ["0.3333333333333333", "2.0", 'q"x', "", "false", "2024-01-01", "l\nm"],
        ["", "1e-30", "", "3", "true", "2024-01-01", ""],
    ]
    assert rows[1:] == expected * 2
    assert list(tmp_path.iterdir()) == [path]


def test_tsv(tmp_path):
    path = tmp_path / "o.tsv"
    with TableWriter(path) as writer:
        writer.write({"a b": np.array([1, 2]), "c": np.array(["x\ty", "z"])})
    assert path.read_text() == 'a b\tc\n1\t"x\ty"\n2\tz\n'


def test_json_lines(tmp_path):
    path = tmp_path / "o.jsonl"
    with TableWriter(path) as writer:
        writer.write(COLUMNS)
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert lines[1] == {
        "y": 1 / 3,
        "single": 2.0,
        "label": 'q"x',
        "kept": None,
        "flag": False,
        "day": "2024-01-01",
        "città": "l\nm",
    }
    assert lines[2]["y"] is None


def test_parquet(tmp_path):
    path = tmp_path / "o.parquet"
    with TableWriter(path) as writer:
        writer.write(COLUMNS)
        writer.write(COLUMNS)
    table = pq.read_table(path)
    assert table.num_rows == 6
    assert table.column_names == list(COLUMNS)
    assert table["single"].type == pa.float32()
    assert table["label"].to_pylist()[:3] == ["a,b", 'q"x', None]
    assert table["y"].to_pylist()[:2] == [0.1, 1 / 3]


def test_parquet_keeps_the_types_of_the_first_rows(tmp_path):
    path = tmp_path / "o.parquet"
    with TableWriter(path) as writer:
        writer.write(
            {"a": np.array([None], dtype=object), "c": pa.array(["x"]).dictionary_encode()}
        )
        writer.write({"a": np.array(["x"], dtype=object), "c": pa.array(["y"]).dictionary_encode()})
    assert pq.read_table(path).to_pydict() == {"a": [None, "x"], "c": ["x", "y"]}


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(allow_nan=False), min_size=2))
def test_floats_read_back_exactly(tmp_path_factory, suffix, values):
    path = tmp_path_factory.mktemp("out") / f"o.{suffix}"
    with TableWriter(path) as writer:
        writer.write({"x": np.array(values)})
    if suffix == "csv":
        found = [float(line) for line in path.read_text().splitlines()[1:]]
    elif suffix == "jsonl":
        found = [json.loads(line)["x"] for line in path.read_text().splitlines()]
    else:
        found = pq.read_table(path)["x"].to_pylist()
    assert found == values
    assert [math.copysign(1, x) for x in found] == [math.copysign(1, x) for x in values]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_vetro_reads_what_it_writes(tmp_path, suffix):
    path = tmp_path / f"o.{suffix}"
    data = {"x": np.array([0.1, 2.5, np.nan]), "c": np.array(["u", "v, w", "u"])}
    with TableWriter(path) as writer:
        writer.write(data)
    table = read_table(path)
    np.testing.assert_array_equal(table.values["x"], data["x"])
    assert table.schema["c"].levels == ("u", "v, w")


def test_one_empty_column_keeps_its_rows(tmp_path):
    path = tmp_path / "o.csv"
    with TableWriter(path) as writer:
        writer.write({"x": np.array([np.nan, 1.0])})
    assert path.read_text() == 'x\n""\n1.0\n'


@pytest.mark.parametrize("target", ["-", None])
def test_standard_output(capfdbinary, target, monkeypatch):
    with TableWriter(target) as writer:
        writer.write({"x": np.array([0.5]), "c": np.array(["è"])})
    assert capfdbinary.readouterr().out == "x,c\n0.5,è\n".encode()


def test_standard_output_stays_open(capfd):
    with TableWriter(None) as writer:
        writer.write({"x": np.array([1])})
    print("after")
    assert capfd.readouterr().out == "x\n1\nafter\n"


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_an_exception_leaves_the_old_file(tmp_path, suffix):
    path = tmp_path / f"o.{suffix}"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), TableWriter(path) as writer:
        writer.write(COLUMNS)
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("o.xyz", '-o "{}" is not valid: .xyz files are not written. Use one of .csv, .tsv,'),
        ("o", '-o "{}" is not valid: the name has no suffix. Use one of .csv, .tsv,'),
    ],
)
def test_unknown_suffixes(name, message):
    with pytest.raises(VetroError) as caught:
        TableWriter(name)
    assert caught.value.code == "E601"
    assert told(caught.value).startswith("E601 " + message.format(name))


def test_no_folder(tmp_path):
    path = tmp_path / "none" / "o.csv"
    with pytest.raises(VetroError, match="no such folder") as caught, TableWriter(path) as writer:
        writer.write(COLUMNS)
    assert caught.value.code == "E503"


FULL = """
import resource, signal, sys
import numpy as np
from vetro.errors import VetroError
from vetro.tables.write import TableWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    with TableWriter(sys.argv[1]) as writer:
        for _ in range(100):
            writer.write({"x": np.random.default_rng(0).random(1000)})
except VetroError as failure:
    print(failure.code, failure)
"""


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_full_disk(tmp_path, suffix):
    path = tmp_path / f"o.{suffix}"
    path.write_bytes(b"old")
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"E503 Cannot save {path}: file too large"), done.stderr
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_misuse(tmp_path):
    with pytest.raises(ValueError), TableWriter(tmp_path / "o.csv") as writer:
        writer.write({"a": np.ones(2), "b": np.ones(3)})
    with pytest.raises(ValueError), TableWriter(tmp_path / "o.csv") as writer:
        writer.write({"a": np.ones(2)})
        writer.write({"b": np.ones(2)})
    with pytest.raises(ValueError):
        TableWriter(tmp_path / "o.csv").write({"a": np.ones(2)})
    assert list(tmp_path.iterdir()) == []


def test_texts_that_a_spreadsheet_would_run(tmp_path):
    texts = [
        "=1+1",
        "+cmd",
        "-x",
        "@sum",
        "\t=1",
        " =1",
        "\uff1d1",
        "a=b",
        "",
        "-5",
        "+1e3",
        "-1,5",
    ]
    numbers = np.array([-5.0] * len(texts))
    columns = {"=name": np.array(texts, dtype=object), "n": numbers}

    def read(name, **settings):
        with TableWriter(tmp_path / name, **settings) as writer:
            writer.write(columns)
        with (tmp_path / name).open(newline="", encoding="utf-8") as file:
            return list(csv.reader(file))

    exact = read("exact.csv")
    assert exact == [["=name", "n"], *([text, "-5.0"] for text in texts)]
    safe = read("safe.csv", spreadsheet_safe=True)
    assert safe[0] == ["'=name", "n"]
    assert [row[0] for row in safe[1:]] == [*(f"'{text}" for text in texts[:7]), *texts[7:]]
    assert {row[1] for row in safe[1:]} == {"-5.0"}
    with pytest.raises(VetroError, match="CSV and TSV"):
        TableWriter(tmp_path / "x.parquet", spreadsheet_safe=True)


@pytest.mark.parametrize(("suffix", "sep"), [("csv", ","), ("tsv", "\t")])
def test_line_breaks_within_cells_are_quoted(tmp_path, suffix, sep):
    """A bare carriage return too, in names and cells, which ends a line for many readers."""
    texts = np.array(["a\rb", "a\nb", "a\r\nb", "\r", "plain", 'a"\r'], dtype=object)
    path = tmp_path / f"t.{suffix}"
    with TableWriter(path) as writer:
        writer.write({"na\rme": texts, "n": np.arange(6.0)})
    lines = ["na\rme", *(text.replace('"', '""') for text in texts)]
    wanted = "".join(
        (f'"{text}"' if text != "plain" else text) + f"{sep}{number}\n"
        for text, number in zip(lines, ["n", "0.0", "1.0", "2.0", "3.0", "4.0", "5.0"], strict=True)
    )
    assert path.read_bytes().decode() == wanted
    with path.open(newline="", encoding="utf-8") as file:
        assert [row[0] for row in csv.reader(file, delimiter=sep)] == ["na\rme", *texts]
