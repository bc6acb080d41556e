"""Whole numbers of typed sources that are dates: read, said and refused as the same digits in a
text file."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest
from told import told

from vetro.errors import VetroError
from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table
from vetro.tables.schema import Schema

DAYS = [20160901 + i for i in range(20)]
CLOCKS = [20231120093000 + 10000 * i for i in range(10)] * 2
FRAME = pd.DataFrame({"day": DAYS, "clock": CLOCKS, "id": [7 * i % 5 for i in range(20)]})


def database(folder: Path, frame: pd.DataFrame) -> Path:
    with duckdb.connect(folder / "a.duckdb") as base:
        base.execute("CREATE OR REPLACE TABLE t AS SELECT * FROM frame")
    return folder / "a.duckdb"


def lite(folder: Path, frame: pd.DataFrame) -> Path:
    with contextlib.closing(sqlite3.connect(folder / "a.sqlite")) as base:
        frame.to_sql("t", base, index=False, if_exists="replace")
    return folder / "a.sqlite"


def parquet(folder: Path, frame: pd.DataFrame) -> Path:
    frame.to_parquet(folder / "a.parquet")
    return folder / "a.parquet"


def lines(folder: Path, frame: pd.DataFrame) -> Path:
    frame.to_json(folder / "a.jsonl", orient="records", lines=True)
    return folder / "a.jsonl"


def sheet(folder: Path, frame: pd.DataFrame) -> Path:
    frame.to_excel(folder / "a.xlsx", index=False)
    return folder / "a.xlsx"


TYPED: dict[str, Callable[[Path, pd.DataFrame], Any]] = {
    "duckdb": database,
    "sqlite": lite,
    "parquet": parquet,
    "json": lines,
    "xlsx": sheet,
    "pandas": lambda folder, frame: frame,
    "polars": lambda folder, frame: pl.from_pandas(frame),
    "dict": lambda folder, frame: {name: frame[name].tolist() for name in frame},
    "decimal": lambda folder, frame: pl.from_pandas(frame).cast(pl.Decimal(18, 2)).to_arrow(),
}


def csv(folder: Path, frame: pd.DataFrame) -> Path:
    frame.to_csv(folder / "a.csv", index=False)
    return folder / "a.csv"


def outcome(source: Any, schema: Schema | None = None, **options: Any) -> Any:
    """Kinds, values and messages, or the refusal, without the source's name and places."""
    try:
        table = read_table(source, ReadOptions(**options), schema)
    except VetroError as refusal:
        return {**refusal.values, "place": "", "fix": told(refusal).split(". ", 1)[1]}
    kinds = {column.name: (column.kind, column.reading.date_format) for column in table.schema}
    notices = [told(item).replace(table.name, "") for item in table.notices]
    return kinds, [table.values[name].tolist() for name in kinds], notices


@pytest.mark.parametrize("kind", TYPED)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"date_format": "%Y%m%d"},
        {"date_format": "%Y%m%d%H%M%S"},
        {"date": ("day",)},
        {"date": ("clock",), "date_format": "%Y%m%d%H%M%S"},
        {"date": ("clock",)},
        {"date": ("id",)},
        {"date_format": "%d%m%Y"},
        {"date_format": "%Y%m%d", "number": ("day",)},
        {"date_format": "%Y%m%d", "category": ("day",)},
    ],
    ids=lambda options: " ".join(map(str, options.items())),
)
def test_a_typed_source_is_read_as_the_same_digits_in_text(
    kind: str, options: dict[str, Any], tmp_path: Path
) -> None:
    expected = outcome(csv(tmp_path, FRAME), **options)
    assert outcome(TYPED[kind](tmp_path, FRAME), **options) == expected


@pytest.mark.parametrize("kind", TYPED)
def test_a_model_trained_on_text_reads_the_typed_digits(kind: str, tmp_path: Path) -> None:
    path = csv(tmp_path, FRAME)
    for options in ({"date": ("day",)}, {"date_format": "%Y%m%d%H%M%S"}, {}):
        schema = read_table(path, ReadOptions(**options)).schema
        assert outcome(TYPED[kind](tmp_path, FRAME), schema) == outcome(path, schema)


def test_digits_where_the_model_has_typed_dates_are_refused_as_numbers() -> None:
    dated = FRAME.assign(day=pd.to_datetime(FRAME["day"].astype(str)))
    schema = read_table(dated).schema
    assert outcome(FRAME, schema)["fix"] == 'Use --date-format "%Y%m%d" if they are dates.'
    with pytest.raises(VetroError, match=r"is a number, and the .* with dates\. Use"):
        read_table(FRAME, schema=schema)
    assert read_table(FRAME, ReadOptions(date_format="%Y%m%d"), schema).values["day"][0] == 17045


def test_whole_numbers_with_gaps_are_floats_in_pandas() -> None:
    gaps = FRAME.assign(day=FRAME["day"].where(FRAME.index % 3 > 0))
    assert gaps["day"].dtype == float
    table = read_table(gaps, ReadOptions(date=("day",)))
    assert np.isnan(table.values["day"][:4]).tolist() == [True, False, False, True]
    assert table.values["day"][1] == 17046
    assert read_table(gaps, ReadOptions(date_format="%Y%m%d")).schema["day"].kind == "date"


def test_numbers_with_a_fraction_are_no_digits() -> None:
    frame = FRAME.assign(day=FRAME["day"] + 0.5)
    with pytest.raises(VetroError) as caught:
        read_table(frame, ReadOptions(date=("day",)))
    assert told(caught.value) == (
        'E125 column "day": it has the type DOUBLE, which cannot be read as a date. '
        "Convert it first."
    )
    assert read_table(frame, ReadOptions(date_format="%Y%m%d")).schema["day"].kind == "number"


def test_a_column_of_the_type_null_is_empty(tmp_path: Path) -> None:
    frame = FRAME.assign(none=None)
    for source in (parquet(tmp_path, frame), frame):
        table = read_table(source, ReadOptions(number=("none",)))
        assert table.schema["none"].missing == len(frame)


def test_a_query_over_text_takes_kinds_for_both_tables(tmp_path: Path) -> None:
    """An option may name a column of the file, of the answer, or of both; nothing is said twice."""
    path = csv(tmp_path, FRAME)
    renamed = "SELECT day AS d, clock, id FROM data"
    for options in ({"date": ("day",)}, {"date": ("d",)}):
        table = read_table(path, ReadOptions(query=renamed, **options))
        assert table.schema["d"].kind == "date"
        said = [told(item) for item in table.notices]
        assert len(said) == len({*said})
    with pytest.raises(VetroError, match='keep "day" not found'):
        read_table(path, ReadOptions(query=renamed, keep=("day",)))
