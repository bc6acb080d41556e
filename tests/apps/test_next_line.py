"""The command after `Next` works as printed, however the table was named and read."""

from __future__ import annotations

import html
import re
import shlex
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest
from test_settings import shell_words
from typer.main import get_command

from vetro.apps.command_line import app_for
from vetro.apps.options import names
from vetro.model.request import FitRequest
from vetro.report.command import inspect_command, predict_command, repeat_command
from vetro.tables.options import ReadOptions

TINY = ("--epochs", "2", "--folds", "2", "--hidden", "2", "--quiet")
ROWS = [(i * 37 % 101, i * 53 % 89, i * 29 % 97 + 0.5) for i in range(24)]
HEAD = "a,b,y"
LINES = [f"{a},{b},{y}" for a, b, y in ROWS]


def text(*lines: str, sep: str = ",", decimal: str = ".") -> str:
    return "\n".join(line.replace(".", decimal).replace(",", sep) for line in lines) + "\n"


def plain(name: str) -> Callable[[], None]:
    return lambda: put(name, text(HEAD, *LINES))


def put(name: str, content: str, encoding: str = "utf-8") -> None:
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_text(content, encoding=encoding)


def book() -> None:
    found = openpyxl.Workbook()
    found.worksheets[0].append(("note", "x"))
    found.worksheets[0].append(("of", 1))
    sheet = found.create_sheet('it\'s "$5!"')
    for row in (("a", "b", "y"), *ROWS):
        sheet.append(row)
    found.save("book.xlsx")


def database() -> None:
    with duckdb.connect("plant.duckdb") as connection:
        connection.execute("CREATE TABLE other AS SELECT 1 AS z")
        connection.execute('CREATE TABLE "my rows" (a INT, b INT, y DOUBLE)')
        connection.executemany('INSERT INTO "my rows" VALUES (?, ?, ?)', ROWS)


def lite(*names: str) -> Callable[[], None]:
    def write() -> None:
        with sqlite3.connect("plant.sqlite") as connection:
            for name in names:
                connection.execute(f'CREATE TABLE "{name}" (a INT, "b ""c""" INT, y REAL)')
                connection.executemany(f'INSERT INTO "{name}" VALUES (?, ?, ?)', ROWS)

    return write


def parts() -> None:
    Path("parts").mkdir()
    values = ", ".join(map(str, ROWS))
    for name, rule in (("one", "<"), ("two", ">=")):
        rows = f"SELECT * FROM (VALUES {values}) t(a, b, y) WHERE a {rule} 50"
        duckdb.sql(rows).write_parquet(f"parts/{name}.parquet")


def semicolons() -> None:
    Path("s.csv").write_text(text(HEAD, *LINES[:-1], sep=";") + "?;1;2.5\n", encoding="utf-8")


# What writes the table, and the words after `vetro fit`.
WAYS: dict[str, tuple[Callable[[], None], list[str]]] = {
    "blank": (plain("my table.csv"), ["my table.csv"]),
    "marks": (plain('it\'s $5, "é"!.csv'), ['it\'s $5, "é"!.csv']),
    "dash": (plain("-t.csv"), ["./-t.csv"]),
    "run": (plain("t.csv"), ["t.csv", "--run", "my run's"]),
    "encoding": (
        lambda: put("t.csv", text(HEAD.replace("a", "città"), *LINES), "cp1252"),
        ["t.csv", "--encoding", "cp1252"],
    ),
    "sep": (semicolons, ["s.csv", "--sep", ";", "--missing", "?"]),
    "decimal": (
        lambda: put(
            "t.csv", "a;b;y\n" + "".join(f"{a};{b};{i}.500\n" for i, (a, b, _) in enumerate(ROWS))
        ),
        ["t.csv", "--decimal", "."],
    ),
    "header": (lambda: put("t.csv", text(*LINES)), ["t.csv", "--no-header", "--target", "c3"]),
    "group": (
        lambda: put("t.csv", text("a,b,g,y", *(f"{a},{b},p{a % 5},{y}" for a, b, y in ROWS))),
        ["t.csv", "--group", "g"],
    ),
    "skip": (
        lambda: put("t.csv", "Pumps\n" + text(HEAD, *LINES, "# of,me,-")),
        ["t.csv", "--skip-rows", "1", "--comment", "#"],
    ),
    "sheet": (book, ["book.xlsx", "--sheet", 'it\'s "$5!"']),
    "query": (
        plain("t.csv"),
        ["t.csv", "--query", 'SELECT a AS "it\'s", b, y FROM data WHERE a > 5'],
    ),
    "database": (database, ["plant.duckdb", "--query", 'SELECT * FROM "my rows"']),
    "one table": (lite("my rows"), ["plant.sqlite"]),
    "sqlite": (
        lite("my rows", "others"),
        ["plant.sqlite", "--query", 'SELECT a, "b ""c""", y FROM "my rows" WHERE a > 0'],
    ),
    "columns": (
        lambda: put("t.csv", '"a, ""b""",it\'s,$y!\n' + text(*LINES)),
        ["t.csv", "--target", "$y!", "--input", '"a, ""b""",it\'s', "--number", "it's"],
    ),
    "glob": (parts, ["parts/*.parquet"]),
    "folder": (parts, ["parts"]),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_next_command_works_as_printed(
    vetro, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write, arguments = WAYS[way]
    write()
    target = () if "--target" in arguments else ("--target", "y")
    ended = vetro("fit", *arguments, *target, *TINY)
    assert ended.status == 0, ended.err
    (line,) = (line for line in ended.out.splitlines() if line.startswith("Next "))
    program, *command = shlex.split(line.removeprefix("Next "))
    assert program == "vetro"
    again = vetro(*command)
    assert again.status == 0, again.err
    assert len(Path("predictions.csv").read_text(encoding="utf-8").splitlines()) >= len(ROWS) - 1
    report = next(Path().glob("*/*/report.html"), None) or next(Path().glob("*/report.html"))
    (shown,) = re.findall(r"(vetro fit [^<]*)<", report.read_text(encoding="utf-8"))
    found = parsed(html.unescape(shown))
    assert found["source"] == arguments[0] and found["option_targets"]


def parsed(line: str) -> dict[str, Any]:
    """The arguments and options of a printed command, as the command line takes them."""
    program, name, *given = shell_words(line)
    assert program == "vetro"
    app = get_command(app_for([name]))
    return app.commands[name].make_context(name, given).params  # type: ignore[attr-defined]


ADDRESSES = [
    "postgresql://me@db.example:5432/plant",
    "s3://bucket/a folder/*.parquet",
    "https://example.org/my t.csv",
    "data.duckdb",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_commands_of_an_address_are_parsed(address: str) -> None:
    query = 'SELECT "it\'s", $1, `y`\nFROM "a ""b""" WHERE c = \'!\' -- all'
    options = ReadOptions(query=query, encoding="cp1252", missing=("?", "-"), decimal=",")
    request = FitRequest(targets=('a, "b"',), group="it's", options=options)
    predicting, fitting, inspecting = (
        parsed(predict_command("runs/t-1", address, request)),
        parsed(repeat_command(address, request)),
        parsed(inspect_command(address, request)),
    )
    for found in (predicting, fitting, inspecting):
        assert found["source"] == address and found["option_query"] == query
        assert found["option_missing"] == ("?", "-") and found["option_decimal"] == ","
    assert names("targets", fitting["option_targets"]) == request.targets
    assert fitting["option_group"] == "it's"
