"""Numbers that may be points in time: which columns are reported, and which are not."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest
from told import told

from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table
from vetro.tables.table import Table


def csv(folder: Path, name: str, values: list[object]) -> Path:
    rows = "".join(f"{value},{row * 7 % 5}\n" for row, value in enumerate(values))
    (folder / "data.csv").write_text(f"{name},y\n{rows}")
    return folder / "data.csv"


def said(table: Table) -> list[str]:
    return [told(item) for item in table.notices if item.code in ("I176", "I177")]


SECONDS = [1_700_000_000 + 3600 * row for row in range(30)]


@pytest.mark.parametrize(
    ("name", "values", "first"),
    [
        ("timestamp", SECONDS, dt.datetime(2023, 11, 14, 22, 13, 20)),
        ("createdAt", [1000 * value for value in SECONDS], dt.datetime(2023, 11, 14, 22, 13, 20)),
        ("Order Date", [45_000 + row for row in range(30)], dt.datetime(2023, 3, 15)),
    ],
)
def test_the_query_that_is_proposed_reads_the_moments(
    name: str, values: list[object], first: dt.datetime, tmp_path: Path
) -> None:
    path = csv(tmp_path, name, values)
    table = read_table(path)
    assert table.schema[name].kind == "number"
    (notice,) = [item for item in table.notices if item.code == "I176"]
    (query,) = [setting.value for setting in notice.words.settings]
    dated = read_table(path, ReadOptions(query=query))
    assert dated.schema[name].kind == "date" and said(dated) == []
    assert dated.values[name][0] == (first - dt.datetime(1970, 1, 1)) / dt.timedelta(days=1)
    assert said(read_table(path, ReadOptions(number=(name,)))) == []


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("user_id", SECONDS),
        ("population", SECONDS),
        ("phone", [2_012_345_678 + row for row in range(9)]),
        ("time", [30_000 + 17 * row for row in range(30)]),
        ("runtime", SECONDS),
        ("estimate", [45_000 + row for row in range(30)]),
        ("update_price", [45_000 + row for row in range(30)]),
        ("date", [1_000 * row for row in range(30)]),
        ("timestamp", [value + 0.5 for value in SECONDS]),
        ("timestamp", [1_700_000_000] * 9),
        ("timestamp", [5_000_000_000 + row for row in range(9)]),
    ],
)
def test_other_numbers_are_not_reported(name: str, values: list[object], tmp_path: Path) -> None:
    assert said(read_table(csv(tmp_path, name, values))) == []


def test_a_typed_source_has_no_name_for_a_query() -> None:
    table = read_table({"ts": np.array(SECONDS), "y": np.arange(30) % 7})
    assert said(table) == [
        'I176 column "ts": "1700000000" and all other values could be seconds since 1970; read as '
        "numbers. Convert them in the source, or with --query, if they are."
    ]


@pytest.mark.parametrize(
    ("texts", "shown"),
    [
        (("2024-01-01T10:00+01:00", "2024-07-01T10:00+02:00"), True),
        (("2024-01-01 10:00-05:00", "2024-07-01 10:00Z"), True),
        (("Thu, 01 Sep 2016 12:00:00 +0200", "Fri, 02 Dec 2016 12:00:00 +0100"), True),
        (("2024-01-01T10:00+01:00", "2024-07-01T10:00+0100"), False),
        (("2024-01-01T10:00+01", "2024-07-01T10:00+01:00"), False),
        (("2024-01-01T10:00Z", "2024-07-01T10:00-00:00"), False),
        (("2024-01-01T10:00Z", "2024-07-01T10:00 UTC"), False),
        (("2024-01-01", "2024-07-01"), False),
    ],
)
def test_several_offsets_are_said_once(texts: tuple[str, str], shown: bool, tmp_path: Path) -> None:
    table = read_table(csv(tmp_path, "t", [f'"{text}"' for text in texts * 9]))
    assert table.schema["t"].kind == "date"
    first, second = sorted(texts, key=lambda text: text[-6:].lstrip("0:"))
    notices = said(table)
    assert len(notices) == shown
    if shown:
        assert notices[0].startswith('I177 column "t": the offsets from UTC differ (')
        assert f'"{first}"' in notices[0] and f'"{second}"' in notices[0]
        assert notices[0].endswith("all times are in UTC.")


@pytest.mark.parametrize("hours", [(1, 2), (-5, 0), (2, 2)])
def test_several_offsets_of_datetimes_in_memory(hours: tuple[int, int]) -> None:
    zones = [dt.timezone(dt.timedelta(hours=hour)) for hour in hours]
    times = [dt.datetime(2024, 1, 1 + row, 10, tzinfo=zones[row % 2]) for row in range(9)]
    expected = (
        f'I177 column "t": the offsets from UTC differ ("{times[0]}", "{times[1]}"); '
        "all times are in UTC."
    )
    found = said(read_table({"t": [*times, None], "y": np.arange(10.0)}))
    assert found == ([expected] if hours[0] != hours[1] else [])
