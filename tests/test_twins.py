"""Texts that look alike: one form for all of them, and what messages show of the difference."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from told import told

from vetro.errors import VetroError
from vetro.model.asked_table import read_for, with_roles
from vetro.model.request import FitRequest
from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table
from vetro.templates import shown
from vetro.twins import marked, match, plain

CAFE, APART = "café", "cafe\u0301"
TWINS = [
    "red",
    "red ",
    " red",
    "red\u00a0",
    "\tred",
    "red\u200b",
    "\ufeffred",
    "red\u2009",
    "r\u00aded",
]


def test_one_form() -> None:
    assert {plain(text) for text in TWINS} == {"red"}
    assert plain(APART) == plain(CAFE) == CAFE
    assert plain("a  b\u00a0 c") == "a b c"
    assert len({plain(text) for text in ("Red", "red", "m²", "m2", "rèd")}) == 5
    joined = "\U0001f469\u200d\U0001f467"  # one picture of two
    assert plain(joined) == joined != plain(joined.replace("\u200d", ""))
    assert plain("\u200b\u00a0") == ""


@given(st.text())
def test_the_form_is_its_own_form(text: str) -> None:
    once = plain(text)
    assert plain(once) == once
    assert plain(unicodedata.normalize("NFD", once)) == once
    assert plain(f" {text}\u00a0") == once


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("red\u00a0", "red\\u00a0"),
        ("red ", "red\\u0020"),
        (" red", "\\u0020red"),
        (APART, "cafe\\u0301"),
        ("red\u200b", "red\\u200b"),
        ("a\tb\r\n\0", "a\\tb\\r\\n\\0"),
        (CAFE, CAFE),
        ("größer ½ µm", "größer ½ µm"),
        ("हिन्दी", "हिन्दी"),
        ("a b", "a b"),
    ],
)
def test_what_messages_show(text: str, seen: str) -> None:
    assert marked(text) == shown(text) == seen


def test_match() -> None:
    assert match("red\u00a0", ["blue", "red"]) == "red"
    assert match("red ", ["red", "red "]) == "red "
    assert match("green", ["red"]) == "green"


def test_levels() -> None:
    colours = ["red", "red ", "red\u00a0", "blue", "blue", CAFE, APART, "Red"]
    table = read_table({"c": colours, "y": range(8)})
    assert table.schema["c"].levels == ("Red", "blue", CAFE, "red")
    assert table.values["c"].tolist() == [3, 3, 3, 1, 1, 2, 2, 0]
    assert table.schema["c"].distinct == 4
    assert [told(item) for item in table.notices] == [
        'I171 column "c": "red" and "red\\u0020" are read as one level '
        "(2 levels written in several ways, 3 rows).",
        'I172 column "c": "red" and "Red" differ in capitals only; read as two levels.',
    ]
    again = read_table(
        {"c": ["blue\u2009", APART, "red", "RED"], "y": range(4)}, schema=table.schema
    )
    assert again.values["c"].tolist() == [1, 2, 3, -2]


def test_flags_and_missing_words(tmp_path) -> None:
    path = tmp_path / "a.csv"
    rows = ["yes,a,1", "yes\u00a0,?,2", "no, ? ,3", " no,a,4"]
    path.write_text("f,c,y\n" + "\n".join(rows * 3) + "\n", encoding="utf-8")
    table = read_table(path, ReadOptions(missing=("?",)))
    assert table.schema["f"].kind == "flag"
    assert table.values["f"].tolist() == [1, 1, 0, 0] * 3
    assert table.schema["c"].missing == 6
    again = read_table(
        {"f": ["yes\u200b", "no "], "c": ["a ", "a"], "y": [1, 2]}, schema=table.schema
    )
    assert again.values["f"].tolist() == [1, 0]
    assert again.values["c"].tolist() == [0, 0]


@pytest.mark.parametrize(
    "names", [("red", "red\u00a0"), (CAFE, APART), ("a b", "a  b")], ids=["blank", "accent", "two"]
)
def test_two_columns_with_one_name(tmp_path, names: tuple[str, str]) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{names[0]},{names[1]},y\n1,2,3\n4,5,6\n", encoding="utf-8")
    for source in (path, {names[0]: [1, 2], names[1]: [3, 4]}):
        with pytest.raises(VetroError) as caught:
            read_table(source)
        assert told(caught.value).startswith("E110 columns 1 and 2 are both named")


@pytest.mark.parametrize(("header", "given"), [(CAFE, APART), (APART, CAFE), ("y\u00a0 z", "y z ")])
def test_a_name_in_either_form(tmp_path, header: str, given: str) -> None:
    path = tmp_path / "a.csv"
    rows = "".join(f"{i % 7},{i % 3},{i}\n" for i in range(30))
    path.write_text(f"x,{header},w\n{rows}", encoding="utf-8")
    request = FitRequest(targets=(given,), options=ReadOptions(category=(given,)))
    table = with_roles(read_for(path, request), request)
    (target,) = table.schema.targets
    assert (target.name, target.kind) == (plain(header), "category")
    assert read_table(path, ReadOptions(keep=(given,))).kept.keys() == {plain(header)}
    frame = {"x": [1, 2], given: ["0", "1"], "w": [1, 2]}
    assert read_table(frame, schema=table.schema).values[plain(header)].tolist() == [0, 1]
