"""Tables in chunks: what a late row refuses is refused, with the place and text of the file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from told import told

from vetro.errors import VetroError
from vetro.tables import lookups, scan
from vetro.tables.chunks import read_chunks
from vetro.tables.options import ReadOptions
from vetro.tables.plan import Plan
from vetro.tables.read import read_table
from vetro.tables.sources.opening import open_source

PLAIN = ReadOptions()


def write(path: Path, texts: list[str]) -> Path:
    path.write_text("d;n\n" + "".join(f"{text};{n}\n" for n, text in enumerate(texts)))
    return path


MANY = 3000
"""More than the rows that plans are made from."""


@pytest.mark.parametrize(
    ("good", "late", "code"),
    [
        (["2016-09-01 03:00", "2016-09-02 04:00"], ["2016-09-01T03:00Z"], "E135"),
        (["1 Sep 2016 3:00", "2 Sep 2016 3:00"], ["1 Sep 2016 3:00 UTC"], "E135"),
        (["2016-09-01", "2016-09-02"], ["13/02/2016"], "E136"),
        (["2016-09-01", "2016-09-02"], ["yesterday"], "E129"),
        (["26:30:00", "27:30:00"], ["soon"], "E129"),
        (["26:30:00", "27:30:00"], ["5"], "E129"),
        (["03:00", "04:00"], ["2016-09-01"], "E129"),
        (["5 mm", "7 mm"], ["5 kg"], "E143"),
        (["5 mm", "7.5 mm"], ["5,25 mm"], "E107"),
        (["5", "7"], ["5 kg"], "E143"),
        (["1.5", "2.5"], ["1,5"], "E107"),
        (["1.5", "2.5"], ["word"], "E113"),
        (["1.5", "2.5"], ["1e999"], "E112"),
    ],
)
@pytest.mark.parametrize("rows", [700, 1024])
def test_a_late_row_is_refused_by_name(
    tmp_path: Path, good: list[str], late: list[str], code: str, rows: int
) -> None:
    schema = read_table(write(tmp_path / "known.csv", good * 2)).schema
    texts = (good * (MANY // 2))[: MANY - 1] + late + good
    path = write(tmp_path / "new.csv", texts)
    with pytest.raises(VetroError) as caught:
        list(read_chunks(path, PLAIN, schema, rows))
    said = told(caught.value)
    assert said.startswith(f"{code} column "), said
    quoted = re.findall(r'line (\d+) "([^"]*)"', said)
    for line, text in quoted:
        assert texts[int(line) - 2] == text, said
    assert code not in ("E107", "E135", "E136", "E143") or len(quoted) == 2, said


def test_a_question_does_not_end_a_stream(tmp_path: Path) -> None:
    """A connection answers one query at a time: the stream goes on behind the answer."""
    opened = open_source(write(tmp_path / "t.csv", [f"t{n}" for n in range(10)]), PLAIN)
    plans = [Plan("d", 0, "VARCHAR", "text")]
    seen: list[str] = []
    for number, batch in enumerate(scan.stream(opened, plans, rows=3, skip=1)):
        seen += batch.columns[0].to_pylist()
        if number % 2:
            assert lookups.first_row(opened, 0, ["t7", "t8"]) == 7
            assert lookups.text_at(opened, 0, 2) == "t2"
    assert seen == [f"t{n}" for n in range(1, 10)]
    assert not opened.readers


@pytest.mark.parametrize(
    ("texts", "bad", "fix"),
    [
        (["1", "2.5", "3"], "warm", 'Correct it, or use --missing "warm".'),
        (["2024-01-31", "2024-02-29"], "soon", 'Correct it, or use --missing "soon".'),
        (["14:30", "15:30"], "26:30", 'Correct it, or use --missing "26:30".'),
    ],
)
def test_no_other_kind_is_proposed_under_a_model(
    tmp_path: Path, texts: list[str], bad: str, fix: str
) -> None:
    """An option for another kind than the model's is refused (E405)."""
    schema = read_table(write(tmp_path / "fit.csv", texts), ReadOptions()).schema
    path = write(tmp_path / "t.csv", [*texts * 10, bad])
    with pytest.raises(VetroError) as caught:
        list(read_chunks(path, ReadOptions(), schema))
    assert told(caught.value).endswith(fix)
