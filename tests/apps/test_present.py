"""Presenting: strict JSON, safe texts, tables on terminals of any width."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from vetro.apps import present
from vetro.errors import Notice, words


def test_json_is_strict(capsys: pytest.CaptureFixture[str]) -> None:
    data = {"a": math.nan, "b": [math.inf, 1.5], "c": np.float32(0.5), "d": ("é", None), 3: True}
    present.print_json(data)
    text = capsys.readouterr().out
    assert "é" in text
    found = json.loads(text, parse_constant=pytest.fail)
    assert found == {"a": None, "b": [None, 1.5], "c": 0.5, "d": ["é", None], "3": True}


def test_texts_cannot_drive_the_terminal() -> None:
    assert present.visible("città \x1b[31m\r\n\x07") == "città \\x1b[31m\\r\\n\\x07"
    assert present.visible("right-to-left \u202e") == "right-to-left \\u202e"


def test_names_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    present.table(["column"], [["[red]x[/red]"], [":smile:"], ["\x1b[2J"]])
    out = capsys.readouterr().out
    assert "[red]x[/red]" in out
    assert ":smile:" in out
    assert "\\x1b[2J" in out


def test_a_pipe_gets_whole_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    name = "x" * 500
    present.table(["column", "kind"], [[name, "number"]])
    assert any(
        line.startswith(name) and "number" in line for line in capsys.readouterr().out.splitlines()
    )


@pytest.mark.parametrize("width", [8, 20, 40, 80])
def test_narrow_terminals_lose_nothing(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    rows = [[f"run-{i}", "a" * 30, "b" * 10, "città", "数据"] for i in range(3)]
    present.table(["run", "long", "short", "town", "wide"], rows)
    out = capsys.readouterr().out
    assert all(len(line) <= width for line in out.splitlines())
    for letter in "ab":
        wanted = sum(row.count(letter) for cells in rows for row in cells)
        assert out.count(letter) >= wanted
    for word in ("数", "据"):
        assert out.count(word) == 3


def test_notices_once_and_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    notices = [Notice("I1", words("one")), Notice("W2", words("two")), Notice("W2", words("two"))]
    present.show_notices(notices)
    assert capsys.readouterr().err == "I1 one\nW2 two\n"
    present.show_notices(notices, urgent_only=True)
    assert capsys.readouterr().err == "W2 two\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (3.0, "3"), (0.123456, "0.1235"), (123.456, "123.5"), (123456.7, "123457"),
        (1.5e-7, "1.500e-07"), (math.nan, "-"), (None, "-"), (math.inf, "-"), (-2.5, "-2.500"),
    ],
)  # fmt: skip
def test_figures(value: float | None, text: str) -> None:
    assert present.figure(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"), (59.6, "1 min 0 s"),
     (3599.7, "1 h 0 min"), (7384, "2 h 3 min"), (math.nan, "-")],
)  # fmt: skip
def test_seconds(seconds: float, text: str) -> None:
    assert present.seconds_text(seconds) == text


@pytest.mark.parametrize("command", ["show", "inspect", "runs"])
def test_no_line_of_a_pipe_is_filled_up_with_blanks(command, vetro, fitted, pumps):
    place = {"show": fitted, "inspect": pumps, "runs": fitted.parent}[command]
    ended = vetro(command, place)
    assert ended.status == 0, ended.err
    lines = ended.out.splitlines()
    assert lines and all(line == line.rstrip() for line in lines)
    assert len(ended.out) < 20_000
