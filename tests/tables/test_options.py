"""Reading options that contradict each other or cannot be, and encodings that are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from vetro.errors import UsageError, VetroError
from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"decimal": "x"}, 'Use one of: "." ",".'),
        ({"thousands": ";"}, "numbers are not written with it"),
        ({"decimal": ",", "thousands": ","}, "it is the decimal mark as well"),
        ({"number": ("a",), "category": ("a",)}, "it is named as a number as well"),
        ({"skip_rows": -1}, "it is below 0"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], text: str) -> None:
    with pytest.raises(UsageError) as refused:
        ReadOptions(**options)
    assert refused.value.code == "E601" and text in str(refused.value)


@pytest.mark.parametrize(
    "encoding", ["base64", "rot13", "idna", "undefined", "utf-16", "no-such", "hex"]
)
def test_encodings_that_the_file_cannot_have(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x,y\n1,2\n2,3\n")
    with pytest.raises(VetroError) as refused:
        read_table(path, ReadOptions(encoding=encoding))
    assert refused.value.code == "E601"


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_durations_in_parquet_are_seconds(tmp_path: Path, unit: str) -> None:
    hours = pd.Series(pd.to_timedelta(range(5), unit="h")).astype(f"timedelta64[{unit}]")
    pd.DataFrame({"t": hours, "y": range(5)}).to_parquet(tmp_path / "a.parquet")
    table = read_table(tmp_path / "a.parquet")
    assert table.values["t"].tolist() == [3600.0 * hour for hour in range(5)]
    assert table.schema["t"].unit == "s"


@pytest.mark.parametrize("form", ["1-{}", "{} ± 0.1", "{} x 2", "{} ft 3 in"])
def test_two_numbers_in_a_cell_are_not_a_number_and_its_unit(tmp_path: Path, form: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x,y\n" + "".join(f"{form.format(n)},{n}\n" for n in range(9)))
    with pytest.raises(VetroError) as refused:
        read_table(path, ReadOptions(number=("x",)))
    assert refused.value.code == "E113"
