"""Texts that drive a terminal, hide, reorder a line or are markup: no output repeats them raw.

One table holds them in its names, levels, class labels, units and in its file's name.  Every
command and every result is asked for all that it can write.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from apps.conftest import Ended, run_here
from apps.terminal import screens
from hypothesis import given
from hypothesis import strategies as st
from recipes import TINY

import vetro
from vetro.apps.tour.content import tour_in
from vetro.apps.tour.own_table import own_cell
from vetro.apps.tour.running import Session
from vetro.visible import visible, visible_json, visible_lines

MARKS = "\u202e\u2066\u200f\u200b\u2028\u2029\x1b[31m\x07\x7f\x9b2J"
MARKUP = "<script>alert(1)</script></svg></pre>&amp;\"'\\end{align*}$x_1^2$%"
SIZE = f"size {MARKS}{MARKUP}"
TOWN = f"town \x1b]0;title\x07 \u2067{MARKUP}"
FLOW = f"flow \u202a{MARKUP}\u202c\x85"
STATE = f"state \u200e<b>\x1b[2J{MARKUP}"
TOWNS = (f"A{MARKS}", f"B {MARKUP}", "C\u0085D\u2028E")
STATES = (f"high \u202e{MARKUP}", "low\x1b[1m\x0bline\u2069")
MODEL = "model.safetensors"
FILE = "t\u202e\x1b[31m<script>&\u200b.csv"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    draw = np.random.default_rng(3)
    path = tmp_path_factory.mktemp("texts") / FILE
    with path.open("w", newline="", encoding="utf-8") as file:
        write = csv.writer(file, lineterminator="\r\n").writerow
        write([SIZE, TOWN, FLOW, STATE])
        write(["m\u200b<b>", "", "l/s\u202e", ""])
        for number in range(80):
            size, town = draw.uniform(1, 9), number % 3
            flow = 2 * size + 3 * town
            write([f"{size:.4f}", TOWNS[town], f"{flow:.4f}", STATES[int(flow > 12)]])
    return path


def raw_marks(text: str, keep: str = "\n") -> list[str]:
    """The characters of a text that drive a terminal, hide, or change the order of a line."""
    return sorted(
        {
            f"U+{ord(letter):04X}"
            for letter in text
            if letter not in keep and unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        }
    )


class Page(HTMLParser):
    """The elements and texts of a page, with each element's end in its place."""

    EMPTY = frozenset(("meta", "br", "img", "input", "hr", "link", "wbr", "col"))
    SHAPES = frozenset(("path", "use", "rect", "circle", "line", "image", "polyline", "ellipse"))

    def __init__(self, content: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.scripts: list[str] = []
        self.data: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(content)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            kept = self.scripts if data.strip()[:1] not in "[{" else self.data
            kept.append(data)
        self.text += data


def texts_of(data: object) -> Iterator[str]:
    """All texts of JSON data."""
    if isinstance(data, str):
        yield data
    for item in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        yield from texts_of(item)


def check_page(content: str, scripts: bool = False, named: bool = True) -> None:
    """No raw mark; every element closed where it is; no script but the page's own."""
    assert raw_marks(content) == []
    found = Page(content)
    assert not any(name.startswith("on") for name in found.attributes)
    assert scripts or "script" not in found.tags
    assert not any("alert(1)" in script for script in found.scripts)
    for data in found.data:  # its texts are shown: escaped twice
        assert raw_marks("".join(texts_of(json.loads(data)))) == []
    assert "alert(1)" in found.text or not named  # the names are there


def said(*arguments: object) -> Ended:
    ended = run_here(*map(str, arguments))
    assert ended.status in (0, 1), ended.err
    for text in (ended.out, ended.err):
        assert raw_marks(text) == [], arguments
    return ended


@pytest.fixture(scope="module", params=[FLOW, STATE], ids=["number", "class"])
def run(request, table: Path) -> tuple[Path, str]:
    """The folder of a fit, and its target."""
    other = STATE if request.param == FLOW else FLOW
    folder = table.parent / f"run \u202e<b>{'flow' if request.param == FLOW else 'state'}"
    options = [value for value in TINY if value != "--quiet"]
    ended = said(
        "fit", table, "--target", listed(request.param), "--drop", listed(other),
        "--units-row", "--run", folder, *options,
    )  # fmt: skip
    assert ended.status == 0
    return folder, request.param


def listed(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def test_the_run_folder(run) -> None:
    folder, target = run
    check_page((folder / "report.html").read_text(encoding="utf-8"))
    assert raw_marks((folder / "log.txt").read_text(encoding="utf-8")) == []
    with (folder / "held-out.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 80
    if target == STATE:  # a CSV file is data: it holds each text as it is
        assert {list(row.values())[2] for row in rows} == set(vetro.load(folder / MODEL).classes)


def commands(folder: Path, table: Path, target: str) -> Iterator[tuple[object, ...]]:
    row = ("--row", "3", "--source", table)
    answer = f"P({STATES[0]})" if target == STATE else target
    yield "inspect", table, "--units-row"
    yield "show", folder
    yield "evaluate", folder, table
    yield ("trace", folder, *row, "--all")
    yield "parameters", folder
    yield ("backprop", folder, *row)
    yield "verify", folder, table, "--rows", "2"
    yield ("formula", folder, *row)
    yield "bounds", folder, "--seconds", "0.2"
    yield "prove", folder, f"{answer} <= 1000", "--seconds", "0.2"
    yield "diagnose", folder, table
    yield "runs", folder.parent


def test_every_command_as_text_and_as_json(run, table: Path) -> None:
    folder, target = run
    for arguments in commands(folder, table, target):
        said(*arguments)
        if arguments[0] != "runs" and target == FLOW:
            json.loads(said(*arguments, "--json").out, parse_constant=pytest.fail)


@pytest.mark.parametrize("form", ["text", "latex", "python"])
def test_every_form_of_a_formula(run, table: Path, form: str) -> None:
    folder, _ = run
    row = ("--row", "3", "--source", table)
    shown = said("formula", folder, *row, "--format", form, "--region", "--all").out
    if form == "latex":
        assert r"\end{align*}$" not in shown
        assert shown.count(r"\begin{align*}") == shown.count("\n\\end{align*}")


def test_pages_and_predictions(run, table: Path, tmp_path: Path) -> None:
    folder, _ = run
    page, answers = tmp_path / "t.html", tmp_path / "p.csv"
    said("trace", folder, "--row", "3", "--source", table, "--html", page)
    check_page(page.read_text(encoding="utf-8"), scripts=True)
    said("predict", folder, table, "--keep", listed(TOWN), "-o", answers)
    with answers.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 80


def test_every_result_of_python(run, table: Path) -> None:
    folder, target = run
    model = vetro.load(folder / MODEL)
    read = vetro.inspect(table, units_row=True)
    row = dict(zip(model.inputs, (3.0, TOWNS[0]), strict=True))
    answer = f"P({model.classes[0]})" if target == STATE else model.targets[0]
    rows = pd.DataFrame([row])
    results = [
        vetro.trace(model, row),
        vetro.formula(model, row),
        vetro.backprop(model, rows, [model.classes[0]] if target == STATE else [5.0]),
        vetro.verify(model, rows),
        vetro.bounds(model, None),
        vetro.monotonicity(model, None),
        vetro.prove(model, f"{answer} <= 1000"),
        vetro.diagnose(model, table),
    ]
    for result in [*results, model, read, model.evaluate(table)]:
        # verify names a column only where its largest deviation is
        check_page(f"<div>{result._repr_html_()}</div>", named="alert(1)" in str(result))
    for result in results:
        assert raw_marks(str(result)) == [], type(result)


LINES = ("a\r\nb\x00<script>alert(1)</script>", "c\r\x85\u2028d", "e\nf\ud800")


@pytest.mark.filterwarnings("ignore::vetro.errors.VetroWarning")
def test_line_breaks_nul_and_half_characters(tmp_path: Path) -> None:
    """What only a frame can hold: the page and the messages hold none of it raw."""
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({LINES[0]: draw.normal(size=60), LINES[1]: ["x\r", "y\n", "z\0"] * 20})
    frame["y"] = frame[LINES[0]] * 2
    model = vetro.fit(frame, target="y", epochs=2, folds=2, hidden=(3,))
    model.report(tmp_path / "r.html")
    check_page((tmp_path / "r.html").read_text(encoding="utf-8"))
    model.save(tmp_path / MODEL)
    assert vetro.load(tmp_path / MODEL).inputs == model.inputs
    said("show", tmp_path / MODEL)
    json.loads(said("show", tmp_path / MODEL, "--json").out)
    said("bounds", tmp_path / MODEL, "--seconds", "0.2")


def test_names_that_no_file_can_hold(tmp_path: Path) -> None:
    columns = {LINES[2]: np.arange(30.0), "y": np.arange(30.0)}
    path = os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff.csv")
    for source, words in ((columns, "the name of column 1"), (path, "its name is not valid text")):
        with pytest.raises(vetro.errors.TableError, match=words) as caught:
            vetro.inspect(source)
        assert caught.value.code == "E125"
        assert raw_marks(str(caught.value), keep="") == []


@pytest.mark.parametrize("name", LINES)
def test_a_refusal_repeats_no_mark(name: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": np.arange(30.0), "y": np.arange(30.0)})
    for call in (
        lambda: vetro.fit(frame, target=name),
        lambda: vetro.fit(frame, target="y", drop=name),
        lambda: vetro.inspect({"y": np.arange(30.0), name: np.arange(30.0)}, target="z"),
        lambda: vetro.inspect(name),
        lambda: vetro.load(tmp_path / name.replace("\0", "").replace("/", "")),
    ):
        with pytest.raises(vetro.errors.VetroError) as caught:
            call()
        assert raw_marks(str(caught.value), keep="") == []


def test_sheets(tmp_path: Path) -> None:
    path = tmp_path / "w.xlsx"
    frame = pd.DataFrame({"x": np.arange(30.0), "y": np.arange(30.0)})
    with pd.ExcelWriter(path) as book:
        frame.to_excel(book, sheet_name="a\u202e\u200b<b>", index=False)
        frame.to_excel(book, sheet_name="second\u2066", index=False)
    said("inspect", path, "--sheet", "a\u202e\u200b<b>")
    said("inspect", path, "--sheet", "second\u2066", "--json")
    for several in ((), ("--sheet", "third\x1b[2J")):
        ended = run_here("inspect", str(path), *several)
        assert ended.status == 2
        assert raw_marks(ended.err) == []


def test_the_readers_own_table_in_the_tour(table: Path) -> None:
    clean = table.with_name(f"clean {FILE}")
    lines = table.read_bytes().decode().split("\r\n")
    clean.write_text("\n".join([lines[0], *lines[2:]]), encoding="utf-8", newline="")
    names = [column.name for column in vetro.inspect(clean).schema]
    source = own_cell(str(clean), names[2])
    assert raw_marks(source) == []
    steps = tour_in("en").steps
    with Session(steps) as session:
        session.change = {"own": source}
        for cell, printed in session.run(19).cells:
            assert raw_marks(cell.source + printed) == []


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="a terminal of POSIX")
def test_predictions_on_a_terminal(run, table: Path) -> None:
    """A file gets each text as it is; a terminal would obey it."""
    folder, _ = run
    leader, follower = os.openpty()
    arguments = ("predict", folder, table, "--keep", listed(TOWN))
    with subprocess.Popen(
        [sys.executable, "-m", "vetro", *map(str, arguments)],
        stdout=follower,
        stderr=follower,
        env={**os.environ, "NO_COLOR": "1"},
    ):
        os.close(follower)
        *_, shown = screens(leader)
    assert len(shown.splitlines()) >= 81
    assert raw_marks(shown, keep="\r\n") == []
    assert "\\x1b[31m" in shown


@given(st.text(), st.text())
def test_json_keeps_its_meaning(name: str, value: str) -> None:
    text = visible_json(json.dumps({name: [value]}, ensure_ascii=False, indent=2))
    assert json.loads(text) == {name: [value]}
    assert text.replace("\n", "").isprintable()


@given(st.lists(st.text(), min_size=1))
def test_lines_stay_lines(lines: list[str]) -> None:
    assert visible_lines(lines).split("\n") == [visible(line) for line in lines]
