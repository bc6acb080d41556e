"""Columns of durations: which texts they are, in which unit, and which are refused."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from told import told

from vetro.errors import VetroError
from vetro.tables.instants import HOURS, MINUTES
from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table
from vetro.tables.table import Table


def column(folder: Path, *texts: str) -> Path:
    path = folder / "data.csv"
    path.write_text("d,y\n" + "".join(f'"{text}",{row}\n' for row, text in enumerate(texts)))
    return path


def read(path: Path, **options: object) -> Table:
    return read_table(path, ReadOptions(**options))  # type: ignore[arg-type]


def span(*, minutes: float = 0, **parts: float) -> float:
    return timedelta(minutes=minutes, **parts).total_seconds()


@pytest.mark.parametrize(
    ("texts", "seconds"),
    [
        (("90 min", "1h 30m"), [span(minutes=90)] * 2),
        (("90 min", "2 h", "45 s"), [span(minutes=90), span(hours=2), 45]),
        (("1h 30m", "2h", "3 hours"), [span(hours=1.5), span(hours=2), span(hours=3)]),
        (("1 day, 2:00:00", "3:00:00", "-1:30:00"), [93600, 10800, -5400]),
        (("P1DT2H", "1 day, 2:00:00", "26:00:00", "26 h"), [93600] * 4),
        (("1:23.456", "0:59.9"), [83.456, 59.9]),
        (("75:30 min", "2:45 min"), [4530, 165]),
        (("1 hour 30 minutes", "2 hours, 5 minutes and 3 seconds"), [5400, 7503]),
    ],
)
def test_mixed_forms_are_seconds(
    texts: tuple[str, ...], seconds: list[float], tmp_path: Path
) -> None:
    table = read(column(tmp_path, *texts))
    assert table.values["d"].tolist() == seconds
    assert (table.schema["d"].kind, table.schema["d"].unit) == ("number", "s")
    assert [item.code for item in table.notices] == ["I141"]


@pytest.mark.parametrize("texts", [("75:30", "2:45"), ("-0:30", "1:45"), ("75:30", "1:00:00")])
def test_two_numbers_beyond_a_day_have_two_readings(texts: tuple[str, ...], tmp_path: Path) -> None:
    path, value = column(tmp_path, *texts), texts[0]
    first, second = value.split(":")
    with pytest.raises(VetroError) as caught:
        read(path)
    assert told(caught.value) == (
        f'E120 column "d": "{value}" may be {first} h {second} min or {first} min {second} s. '
        'Use --number d with --date-format "%H:%M" or --date-format "%M:%S", or --category d.'
    )
    # Each of the proposals works.
    sign = -1 if first.startswith("-") else 1
    hours, minutes = sign * abs(int(first)), sign * int(second)
    for options in ({}, {"number": ("d",)}):
        table = read(path, date_format="%H:%M", **options)
        assert table.schema["d"].reading.date_format == HOURS
        assert table.values["d"][0] == span(hours=hours, minutes=minutes)
        table = read(path, date_format="%M:%S", **options)
        assert table.schema["d"].reading.date_format == MINUTES
        assert table.values["d"][0] == span(minutes=hours, seconds=minutes)
    assert read(path, category=("d",)).schema["d"].kind == "category"


def test_two_numbers_below_a_day_are_times_of_day_with_a_note(tmp_path: Path) -> None:
    path = column(tmp_path, "1:30", "2:45")
    table = read(path)
    assert table.values["d"].tolist() == pytest.approx([90 / 1440, 165 / 1440])
    assert [told(item) for item in table.notices] == [
        'I140 column "d" holds times of day (first "1:30"). If they are durations, use '
        '--number d with --date-format "%H:%M" or --date-format "%M:%S".'
    ]
    assert not read(path, date=("d",)).notices
    with pytest.raises(VetroError, match='"1:30" may be 1 h 30 min or 1 min 30 s'):
        read(path, number=("d",))
    assert read(path, number=("d",), date_format="%H:%M").values["d"].tolist() == [5400, 9900]
    assert read(path, date_format="%M:%S").values["d"].tolist() == [90, 165]
    with pytest.raises(VetroError) as caught:
        read(path, date=("d",), date_format="%M:%S")
    assert told(caught.value) == (
        'E601 --date-format "%M:%S" is not valid: it is the form of durations, and column "d" is '
        "to be a date. Use --number d instead of --date d."
    )


def test_a_later_row_decides(tmp_path: Path) -> None:
    """Beyond the rows that propose: a fraction shows that the second number is seconds."""
    path = column(tmp_path, *["75:30"] * 3000, "1:23.5")
    assert read(path).values["d"][[0, -1]].tolist() == [4530, 83.5]


def test_the_end_of_a_day_is_no_duration(tmp_path: Path) -> None:
    path = column(tmp_path, *["22:00", "23:00"] * 5, "24:00")
    with pytest.raises(VetroError) as caught:
        read(path)
    assert told(caught.value) == (
        'E129 column "d", line 12: "24:00" is not a time of day such as 14:30 or 2:30 PM (24:00 is '
        '00:00 of the next day). Correct it, use --missing "24:00", or --category d.'
    )


def test_a_model_does_not_decide_between_two_readings(tmp_path: Path) -> None:
    path = column(tmp_path, "75:30", "2:45")
    schema = read(path, date_format="%M:%S").schema
    with pytest.raises(VetroError) as caught:
        read_table(path, ReadOptions(), schema)
    assert told(caught.value).endswith('"%M:%S"; the model was trained with "%M:%S".')
    again = read_table(path, ReadOptions(date_format="%M:%S"), schema)
    assert again.values["d"].tolist() == [4530, 165]
    assert read_table(column(tmp_path, "31:02:03"), ReadOptions(), schema).values["d"] == [111723]


@pytest.mark.parametrize("blank", [0, 3000])
def test_durations_that_begin_after_the_first_rows(blank: int, tmp_path: Path) -> None:
    """What `number` says of a column does not depend on where its first text stands."""
    texts = [f"{25 + row}:0{row % 10}" for row in range(50)]
    path = column(tmp_path, *[""] * blank, *texts)
    with pytest.raises(VetroError) as caught:
        read(path, number=("d",))
    assert "may be 25 h 00 min or 25 min 00 s" in told(caught.value)
    table = read(path, number=("d",), date_format="%H:%M")
    assert table.values["d"][blank] == span(hours=25)
    path = column(tmp_path, *[""] * blank, "90 min", "2 h")
    assert read(path, number=("d",)).values["d"][blank:].tolist() == [5400, 7200]
