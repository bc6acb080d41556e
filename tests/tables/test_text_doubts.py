"""A column that may be one of numbers or dates never becomes labels in silence."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import pytest
from told import told

from vetro.apps.command_line import main
from vetro.errors import TableError
from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table
from vetro.tables.roles import assign_roles
from vetro.tables.table import Table
from vetro.tables.unread_numbers import holds_number

UNREAD = [
    *("~5", "≈ 5.5", "ca. 5", "circa 1,200.5", "> 5", "<4", ">=5", "≤ 0.1", "< 5 mg/l", "about 30"),
    *("5 ± 1", "5.2±0.1", "5+/-2", "5'1\"", "5' 11''", "5 ft 11 in", "6′2″", "1k", "2.5M", "3 mio"),
    *("10+", "1,000,000+", "12*", "7 [a]", "0x1F", "1_000_000", "1·5", "0b101"),
    *("0o17", "1.5f", "0.15+102", "1.5x10-3", "- 2.5", "1.23(4)", "5/-", "'12'", "1°30'"),
    *("1°30'15\"N", "7.0672E", "146/78", "13 CR", "1,234.50 DR", "4.7µ", "10n"),
]
LABELS = ["1st", "A4", "10-20", "Grade 1", "5", "5 mm", "1.2.3", "over there", "", "+", "a+b"]


def table_of(folder: Path, texts: list[str], **options: object) -> Table:
    path = folder / "t.csv"
    others = random.Random(1)
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = ((text, others.random(), others.random()) for text in texts)
        csv.writer(file).writerows([("x", "z", "y"), *rows])
    return read_table(path, ReadOptions(**options))  # type: ignore[arg-type]


def said(table: Table) -> list[str]:
    return [told(item) for item in table.notices]


@pytest.mark.parametrize("text", UNREAD)
def test_a_text_that_holds_a_number(text: str) -> None:
    assert holds_number(text)


@pytest.mark.parametrize("text", LABELS)
def test_a_text_that_does_not(text: str) -> None:
    assert not holds_number(text)


def test_numbers_among_other_texts(tmp_path: Path) -> None:
    texts = ["1.5", "trace", "2.5", "3.5"] * 3
    expected = (
        'W147 column "x": 9 of 12 values are numbers (75%), but not "trace" (line 3); '
        "read as a category. "
        'Use --missing "trace" if no value is meant, or --category x if all are labels.'
    )
    assert said(table_of(tmp_path, texts)) == [expected]
    assert table_of(tmp_path, texts, missing=("trace",)).schema["x"].kind == "number"
    assert said(table_of(tmp_path, texts, category=("x",))) == []


def test_a_quarter_of_numbers_is_enough(tmp_path: Path) -> None:
    labels = [f"label {n % 3}" for n in range(9)]
    assert "9 of 12" not in said(table_of(tmp_path, [*"123", *labels]))[0]
    assert said(table_of(tmp_path, [*"123", *labels]))[0].startswith('W147 column "x": 3 of 12')
    assert said(table_of(tmp_path, [*"123", *labels, "label 1"])) == []
    assert said(table_of(tmp_path, [*"122", *labels])) == []  # two numbers may be labels
    assert said(table_of(tmp_path, ["001", "002", "003", *labels])) == []  # codes


@pytest.mark.parametrize("texts", [["1.5", "2.5", "abc"] * 4, ["1e5", "2E-3", "abc"] * 4])
def test_two_measured_numbers_are_enough(tmp_path: Path, texts: list[str]) -> None:
    assert said(table_of(tmp_path, texts))[0].startswith('W147 column "x": 8 of 12 values are')


def test_one_message_says_that_it_is_ignored(tmp_path: Path) -> None:
    texts = [f"{n / 8}" if n % 2 else f"<{n}" for n in range(60)]
    table = assign_roles(table_of(tmp_path, texts), targets=["y"])
    assert said(table) == [
        'W147 column "x": 30 of 60 values are numbers (50%), but not "<0" (line 2); ignored. '
        "Correct the other 30 texts, or use --category x if all are labels."
    ]
    assert table.schema["x"].role == "ignored"


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        ([f"~{n}" for n in range(60)], "W148"),
        ([f"0{n}" for n in range(10, 70)], "W118"),
        ([f"{n}B" for n in range(1, 41)], "I145"),
        ([f"2016-09-01 {n // 60:02}:{n % 60:02} CET" for n in range(60)], "W142"),
    ],
)
def test_the_message_about_an_ignored_column_says_ignored(
    tmp_path: Path, texts: list[str], code: str
) -> None:
    table = table_of(tmp_path, texts)
    assert "read as a category" in said(table)[0]
    (found,) = said(assign_roles(table, targets=["y"]))
    assert found.startswith(code) and "ignored" in found
    assert said(assign_roles(table, targets=["y"], drop=["x"])) == []


def test_a_refusal_brings_what_explains_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = table_of(tmp_path, [f"~{n}" for n in range(60)])
    with pytest.raises(TableError) as caught:
        assign_roles(table, targets=["y"], drop=["z"])
    assert caught.value.code == "E208"
    assert caught.value.__notes__[0].startswith('W148 column "x"')
    with pytest.raises(SystemExit):
        main(["inspect", str(tmp_path / "t.csv"), "--target", "y", "--drop", "z"])
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith('W148 column "x"') and last.startswith("E208")


def test_a_number_that_is_too_small(tmp_path: Path) -> None:
    table = table_of(tmp_path, ["1.5", "0.0", "1e-330", "-2.5e-320"])
    assert said(table) == [
        'W149 column "x", line 5: "-2.5e-320" is too small for 64-bit numbers; '
        "read as -2.5e-320. Give the column in another unit if 0 is not meant."
    ]
    assert said(table_of(tmp_path, ["1.5", "0.0", "0e-400", "2.5"])) == []


def test_a_query_says_it_once(tmp_path: Path) -> None:
    table = table_of(tmp_path, ["~1", "~2", "~3"], query="SELECT * FROM data")
    assert [item.code for item in table.notices] == ["W148"]
