"""The formats that messages propose: pasted, they read the column as Python's strptime does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from told import told

from vetro.errors import Notice, VetroError
from vetro.tables.date_proposals import formats_of
from vetro.tables.instants import is_time
from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table
from vetro.tables.table import Table

MOMENTS = (
    datetime(2016, 11, 23, 15, 7, 48, 123456, tzinfo=UTC),
    datetime(2021, 3, 4, 5, 6, 7, 890, tzinfo=UTC),
    datetime(1999, 12, 31, 23, 59, 59, 5, tzinfo=UTC),
)
FORMATS = (
    "%Y%m%d%H%M%S", "%y%m%d", "%d%m%Y", "%m%d%Y", "%Y-%j", "%Y%j", "%y%j", "%Y%m%d%H%M",
    "%y%m%d%H%M%S", "%d%m%y", "%m%d%y", "%Y.%j", "%Y_%m_%d", "%Y_%m_%d_%H_%M", "%Y%m%d_%H%M%S",
    "%Y%m%d-%H%M", "%d~%m~%Y", "%Y-%m-%d-%H.%M.%S.%f", "%d/%b/%Y:%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z",
    "%Y%m%dT%H%M%S%z", "%Y:%m:%d_%H:%M:%S", "%d%b%Y", "%d%B%Y", "%H:%M:%S.%f", "%I:%M%p", "%b%Y",
    "%Y-%m", "%Y年%m月%d日", "%Y年%m月%d日%H時%M分", "%d|%m|%Y", "%b_%d_%Y", "%Y/%m/%d-%H:%M",
    "%d.%m.%Y-%H:%M", "%j/%Y", "%y-%j", "%I.%M%p", "%d/%m/%Y %H.%M", "%d.%m.%Y %H.%M.%S",
    "%A %d %B %Y", "%a, %d %b %Y %H:%M:%S %z", "%a %b %d %H:%M:%S %Y", "%I:%M %p",
    "%m-%d-%Y %I.%M %p", "%d %B, %Y at %H:%M", "day %j of %Y", "%Y:%m:%d %H:%M:%S",
    "%H:%M %d.%m.%Y", "%Y-%m-%d %H:%M:%S %Z", "%b %d %Y %I:%M%p", "%d-%b-%Y %H.%M.%S.%f",
    "%B %d, %Y, %H:%M", "%d/%m/%Y %H:%M CET", "%Hh%Mm%Ss", "%d.%m.%y %H.%M", "week of %d %b %Y",
    "%Y-%m-%d %H-%M-%S", "on %m/%d/%Y", "%A, %B %d, %Y %I:%M:%S %p", "(%Y-%m-%d)",
    "%H:%M:%S on %d/%m/%Y", "%d de %B de %Y", "%Y %b %d %H%M", "%c",
)  # fmt: skip


def column(folder: Path, texts: list[str]) -> Path:
    path = folder / "data.csv"
    path.write_text("d,y\n" + "".join(f'"{text}",{row}\n' for row, text in enumerate(texts)))
    return path


def by_python(texts: list[str], format_: str) -> list[float]:
    """What strptime reads, in days."""
    moments = [datetime.strptime(text, format_) for text in texts]
    if is_time(format_):
        moments = [moment.replace(year=1970, month=1, day=1) for moment in moments]
    naive = [m.astimezone(UTC).replace(tzinfo=None) if m.tzinfo else m for m in moments]
    return [(moment - datetime(1970, 1, 1)) / timedelta(days=1) for moment in naive]


def proposals(item: VetroError | Notice) -> list[str]:
    """The formats that a message proposes."""
    return [str(each.value) for each in item.words.settings if each.name == "date_format"]


def read(path: Path, **options: object) -> Table | VetroError:
    try:
        return read_table(path, ReadOptions(**options))  # type: ignore[arg-type]
    except VetroError as refusal:
        return refusal


@pytest.mark.parametrize("format_", FORMATS)
def test_what_is_proposed_can_be_pasted(format_: str, tmp_path: Path) -> None:
    """A column of each format: read as by strptime, or with a proposal that then does so."""
    texts = [moment.strftime(format_) for moment in MOMENTS]
    path, wanted = column(tmp_path, texts), by_python(texts, format_)
    result = read(path, date=("d",))
    if isinstance(result, Table):
        found = [result.values["d"].tolist()]
    else:
        assert proposals(result), told(result)
        found = []
        for proposed in proposals(result):
            pasted = read(path, date_format=proposed)
            assert isinstance(pasted, Table), told(pasted)
            assert pasted.values["d"] == pytest.approx(by_python(texts, proposed), abs=1e-11)
            found.append(pasted.values["d"].tolist())
    assert any(values == pytest.approx(wanted, abs=1e-11) for values in found), found


@pytest.mark.parametrize(
    ("texts", "proposed"),
    [
        (["2023-123", "2023-365"], ["%Y-%j"]),
        (["20.11.2023 9.30", "21.11.2023 10.15"], ["%d.%m.%Y %H.%M"]),
        (["2023-11-20 12:00 CET", "2023-11-21 12:00 CET"], ["%Y-%m-%d %H:%M CET"]),
        (["2023-11-20 12:00 CET", "2023-06-21 12:00 CEST"], []),
        (["2023-11-20 24:00", "2023-11-21 12:00"], []),
        (["01_02_2023", "03_04_2023"], ["%d_%m_%Y", "%m_%d_%Y"]),
    ],
)
def test_a_column_that_only_looks_like_dates(
    texts: list[str], proposed: list[str], tmp_path: Path
) -> None:
    """W142 proposes formats that read all texts, or that they be written anew."""
    path = column(tmp_path, texts)
    table = read_table(path)
    said = [item for item in table.notices if item.code == "W142"]
    if not said:  # too far from a date to be warned of; with --date it is proposed
        refusal = read(path, date=("d",))
        assert isinstance(refusal, VetroError)
        assert proposals(refusal) == proposed
        return
    assert proposals(said[0]) == proposed
    assert ("Write them as 2024-01-31 12:00" in told(said[0])) == (not proposed)


@pytest.mark.parametrize(
    ("texts", "clear"),
    [
        (["KW 5/2023", "KW 11/2023"], "2024-W05"),
        (["W5 2023", "W6 2023"], "2024-W05"),
        (["2023 KW 5", "2023 KW 6"], "2024-W05"),
        (["Q1/23", "Q2/23"], "2024-Q1"),
        (["1Q23", "2Q23"], "2024-Q1"),
        (["3.5.", "24.12."], "2024-01-31 12:00"),
        (["3. 5.", "24. 12."], "2024-01-31 12:00"),
        (["令和5年1月2日", "令和5年1月3日"], "2024-01-31 12:00"),
        (["13. listopada 2023.", "14. listopada 2023."], "2024-01-31 12:00"),
    ],
)
def test_periods_that_are_not_read_are_named_with_a_way_that_is(
    texts: list[str], clear: str, tmp_path: Path
) -> None:
    table = read_table(column(tmp_path, texts))
    assert [item.code for item in table.notices] == ["W142"]
    assert told(table.notices[0]).endswith(
        f'(first "{texts[0]}"); read as a category. Write them as {clear}, or use --category d.'
    )
    again = read_table(column(tmp_path, [clear] * 2))
    assert again.schema["d"].kind == "date"


@pytest.mark.parametrize("label", ["W5", "Q1", "Q1-10", "KW5", "1Q", "Week 5", "R5.1.2"])
def test_labels_are_no_periods(label: str, tmp_path: Path) -> None:
    assert not read_table(column(tmp_path, [label, label + "0"])).notices


def test_no_format_is_proposed_for_other_texts() -> None:
    for text in ("A-123", "23", "192.168.0.1", "", "1-2-3-4-5-6-7-8-9-10-11-12-13", "2566-13-40"):
        assert formats_of([text]) == []


def test_a_weekday_must_be_the_dates() -> None:
    assert formats_of(["Wed 23_11_2016"]) == ["%a %d_%m_%Y"]
    assert formats_of(["Thu 23_11_2016"]) == []


def test_times_that_no_clock_shows_are_named(tmp_path: Path) -> None:
    """24:00, second 60, lost zeros and names of time zones are refused with the reason."""
    for text, format_, reason in (
        ("20/11/2023 24:00", "%d/%m/%Y %H:%M", "24:00 is 00:00 of the next day"),
        ("20/11/2023 23:59:60", "%d/%m/%Y %H:%M:%S", "the seconds of a minute are 00 to 59"),
        ("10203", "%y%m%d", "it has 5 digits instead of 6; zeros may be lost"),
    ):
        usual = datetime(2023, 11, 21, 10, 11, 12).strftime(format_)
        path = column(tmp_path, [usual] * 9 + [text])
        refusal = read(path, date=("d",), date_format=format_)
        assert isinstance(refusal, VetroError)
        assert told(refusal) == (
            f'E129 column "d", line 11: "{text}" is not a date of the form "{format_}" ({reason}). '
            f'Correct it, use --missing "{text}", or --category d.'
        )


def test_a_proposal_takes_no_long_time() -> None:
    """The pieces of a long text have very many readings; few are tried."""
    texts = ["1 " * 30]
    assert formats_of(texts) == []
    np.testing.assert_equal(formats_of(["1:1 " * 14 + "2023"]), [])
