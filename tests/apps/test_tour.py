"""The tour: cells run, proofs pass, both languages say the same, the pages are current."""

from __future__ import annotations

import ast
import os
import pty
import re
import select
import subprocess
import symtable
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from vetro.apps import tour_command
from vetro.apps.tour.content import LANGUAGES, Cell, Step, Tour, cells, tour_in
from vetro.apps.tour.own_table import own_cell, place_of
from vetro.apps.tour.page import PAGES, tour_page
from vetro.apps.tour.running import Ran, Session
from vetro.apps.tour_command import Walk
from vetro.errors import VetroError

DOCS = Path(__file__).parents[2] / "docs"
MOST_COLUMNS = 88
BLOCK = re.compile(r"^```\w+\n.*?^```$", re.MULTILINE | re.DOTALL)
PLACEHOLDER = re.compile(r"\{(\w[^}]*)\}")


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    """One run of the whole tour, which leaves torch as it was."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(), Session(tour_in("en").steps) as run:
        yield run
    torch.set_num_threads(threads)


def printed(session: Session) -> dict[str, str]:
    """What each cell printed, by its name."""
    return {
        cell.name: text
        for step in tour_in("en").steps
        for cell, text in session.run(step.number).cells
    }


# the run


def test_every_cell_runs_as_it_is_shown(session: Session) -> None:
    for step in tour_in("en").steps:
        ran = session.run(step.number)
        assert [cell for cell, _ in ran.cells] == list(step.cells)


def test_what_should_be_refused_is_refused(session: Session) -> None:
    found = printed(session)
    for name, code in (("rates", "E317"), ("integers", "E309"), ("refused", "E308")):
        assert code in found[name]


def test_every_proof_passes(session: Session) -> None:
    found = printed(session)
    verified = [name for name, cell in cells().items() if "vetro.verify(" in cell.source]
    assert len(verified) >= 5
    for name in verified:
        if name == "meddled":
            assert re.search(r"^failed: torch: outputs", found[name])
        else:
            assert re.search(r"^(Verified: \d+ checks passed|verified: True$)", found[name], re.M)
    assert found["inside_proof"].startswith("proved: flow rises with speed")
    others = "\n".join(text for name, text in found.items() if name != "meddled")
    assert not re.search(r"\b(failed|FAILED|undecided)\b", others)


def test_the_numbers_that_the_prose_gives(session: Session) -> None:
    found = printed(session)
    for name, texts in {
        "one_step": ("error 10.5000", "gradient -14.0000", "weight 1.2000, error 2.98"),
        "forward": ("z = [0.5, -0.25, 1.5]", "y = [4.0, -0.5]", "L = 1.625"),
        "nudge": ("slope measured: 8.0",),
        "backward": ("delta_h = [4.0, -0.25, 0.5]", "delta_z = [4.0, 0.0, 0.5]"),
        "adding": ("4.0\n8.0\n12.0",),
        "gradient": ("[0.2, 0.2, 0.2, 0.2, 0.2]", "measured: 0.2"),
        "signed": ("signed error:  0.0", "squared error: 25.0"),
        "batches": ("2000 steps",),
    }.items():
        for text in texts:
            assert text in found[name], name
    assert [line.split()[-1] for line in found["plain"].splitlines()[-2:]] == [
        line.split()[-1] for line in found["fast"].splitlines()[-2:]
    ]


# the content


def test_both_languages_show_all_cells_in_order() -> None:
    for language in LANGUAGES:
        steps = tour_in(language).steps
        assert [step.number for step in steps] == list(range(1, len(steps) + 1))
        shown = [cell.name for step in steps for cell in step.cells]
        assert shown == list(cells())
        assert all(cell.step == step.number for step in steps for cell in step.cells)


def test_no_text_is_missing_in_a_language() -> None:
    first, *others = (tour_in(language) for language in LANGUAGES)
    for other in others:
        assert set(first.words) == set(other.words)
        for name, text in first.words.items():
            assert PLACEHOLDER.findall(text) == PLACEHOLDER.findall(other.words[name]), name
        for step, same in zip(first.steps, other.steps, strict=True):
            assert form(step) == form(same), step.number


def form(step: Step) -> list[object]:
    """Cells by name, prose by its paragraphs, list items and the values it takes."""
    return [
        piece.name
        if isinstance(piece, Cell)
        else (len(piece.split("\n\n")), piece.count("\n- "), PLACEHOLDER.findall(piece))
        for piece in step.pieces
    ]


def test_the_languages_differ() -> None:
    english, italian = (tour_in(language) for language in LANGUAGES)
    for step, same in zip(english.steps, italian.steps, strict=True):
        assert step.title != same.title
        for piece, other in zip(step.pieces, same.pieces, strict=True):
            assert isinstance(piece, Cell) or piece != other


def test_code_fits_a_terminal() -> None:
    for cell in cells().values():
        for line in cell.source.splitlines():
            assert len(line) <= MOST_COLUMNS or cell.kind == "shell", (cell.name, line)


def test_a_step_by_itself_finds_the_names_of_the_whole_program() -> None:
    """Each name comes from the same step, whether all steps ran before or only those needed."""
    needed: dict[int, set[int]] = {}
    binders: dict[str, int] = {}
    for step in tour_in("en").steps:
        needed[step.number] = set(step.needs).union(*(needed[number] for number in step.needs))
        for cell in step.cells:
            for statement in ast.parse(cell.source).body if cell.kind == "python" else ():
                used, bound = names_of(statement)
                for name in used & set(binders):
                    assert binders[name] in {step.number} | needed[step.number], (cell.name, name)
                binders.update(dict.fromkeys(bound, step.number))


def names_of(statement: ast.stmt) -> tuple[set[str], set[str]]:
    """The global names that a statement takes from before, and those that it binds."""
    used, bound = set(), set()
    tables = [symtable.symtable(ast.unparse(statement), "cell", "exec")]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        top = table.get_type() == "module"
        for symbol in table.get_symbols():
            if top and (symbol.is_assigned() or symbol.is_imported()):
                bound.add(symbol.get_name())
            if symbol.is_referenced() and (top or symbol.is_global()):
                used.add(symbol.get_name())
    # a loop or a block binds before it uses
    return used if isinstance(statement, ast.Assign | ast.AugAssign) else used - bound, bound


# the pages


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_is_current(language: str, session: Session) -> None:
    """`make docs` writes it; last digits, which depend on the machine, may differ."""
    wanted = tour_page(tour_in(language), session)
    kept = (DOCS / PAGES[language]).read_text(encoding="utf-8")
    assert BLOCK.sub("```", kept) == BLOCK.sub("```", wanted), "run make docs"
    old, new = BLOCK.findall(kept), BLOCK.findall(wanted)
    assert len(old) == len(new)
    exact = exact_blocks(tour_in(language))
    assert len(exact) == len(new)
    for number, (is_exact, block, other) in enumerate(zip(exact, old, new, strict=True)):
        alike = (lambda text: text) if is_exact else without_digits
        assert alike(block) == alike(other), f"block {number} is stale: run make docs"


def exact_blocks(shown: Tour) -> list[bool]:
    """Of each fenced block of a page, whether it is the same on every machine."""
    found = []
    for cell in (cell for step in shown.steps for cell in step.cells):
        if cell.kind == "python":
            found.append(True)
        silent = cell.varies == "speed" and cell.kind == "python"
        if not silent and (cell.kind == "shell" or "print" in cell.source):
            found.append(not cell.varies)
    return found


def without_digits(block: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"\d[\d.]*(e[-+]?\d+)?", "#", block))


# the command


def test_one_step_plain(vetro) -> None:
    ended = vetro("tour", "--step", "4", "--plain")
    assert ended.status == 0
    assert ended.out.startswith("## 4. ReLU")
    assert "```python\ntorch.manual_seed(4)\n" in ended.out
    assert "PyTorch" in ended.err


def test_one_step_in_italian(vetro) -> None:
    ended = vetro("tour", "--step", "11", "--lang", "it")
    assert ended.out.startswith("## 11. Mille righe")
    assert "[45, 39, 24] -> [45, 84, 108]" in ended.out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--lang", "fr"), "E751"),
        (("--lang", ""), "E751"),
        (("--step", "0"), "E752"),
        (("--step", "21"), "E752"),
        (("--step", "two"), "E752"),
        (("--step", "²"), "E752"),
    ],
)
def test_what_is_no_step_and_no_language(vetro, arguments, code) -> None:
    ended = vetro("tour", *arguments)
    assert ended.status == 2
    assert ended.err.startswith(code)


# the walk


class Unrun:
    """In place of a Session: no cell runs, each prints its name."""

    def __init__(self, refuse: str = "") -> None:
        self.ran: list[int] = []
        self.change: dict[str, str] = {}
        self.refuse = refuse

    def has_run(self, number: int) -> bool:
        return number in self.ran

    def run(self, number: int) -> Ran:
        if self.change and self.refuse:
            self.refuse = ""
            raise VetroError("E205", value="4.0")
        self.ran.append(number)
        step = tour_in("en").steps[number - 1]

        class Law:
            intercept = (0.0, 0.0, 0.0)

        return Ran(tuple((cell, cell.name) for cell in step.cells), {"law": Law})


def walk(capsys, monkeypatch, answers: list[object], *, session=None, numbers=None) -> str:
    """What the walk prints for these answers; at their end the reader presses Ctrl-D."""
    monkeypatch.setenv("COLUMNS", "90")
    monkeypatch.setenv("LINES", "1000")
    left = iter(answers)

    def ask(prompt: str) -> str:
        answer = next(left, EOFError())
        if isinstance(answer, BaseException):
            raise answer
        return str(answer)

    shown = tour_in("en")
    Walk(shown, session or Unrun(), ask).go(numbers or range(1, len(shown.steps) + 1))
    assert not list(left)
    return capsys.readouterr().out


def heads(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"^Step (\d+) of 20", text, re.MULTILINE)]


def test_the_keys_of_the_walk(capsys, monkeypatch) -> None:
    text = walk(capsys, monkeypatch, ["", "", "b", "7", "?", "99", "", "B", "q"])
    assert heads(text) == [1, 2, 1, 7, 8, 7]
    assert "shows the next part" in text
    assert "Not understood" in text
    assert "Stopped at step 7" in text


def test_back_from_the_first_step_stays(capsys, monkeypatch) -> None:
    assert heads(walk(capsys, monkeypatch, ["", "b", "q"])) == [1, 1]


def test_the_end_of_the_walk(capsys, monkeypatch) -> None:
    text = walk(capsys, monkeypatch, ["18", "", "", "", ""])
    assert heads(text) == [18, 19, 20]
    assert "That was the tour" in text


@pytest.mark.parametrize("leaving", [EOFError(), KeyboardInterrupt()])
def test_leaving(capsys, monkeypatch, leaving) -> None:
    assert "Stopped at step 1" in walk(capsys, monkeypatch, ["", leaving])


def test_one_step_asks_nothing(capsys, monkeypatch) -> None:
    text = walk(capsys, monkeypatch, [], numbers=range(5, 6))
    assert heads(text) == [5]
    assert "Left" not in text


def test_a_full_screen_pauses(capsys, monkeypatch) -> None:
    monkeypatch.setattr(tour_command, "console", small_console)
    text = walk(capsys, monkeypatch, ["10", "", "b", "q"])
    assert heads(text) == [10, 9]


def small_console() -> object:
    from rich.console import Console

    return Console(file=sys.stdout, width=80, height=12)


def test_a_table_of_the_readers_own(capsys, monkeypatch, pumps: Path) -> None:
    session = Unrun(refuse="once")
    answers = ["19", "nowhere.csv", str(pumps), "nothing", f"'{pumps}'", "flow", str(pumps), "flow"]
    text = walk(capsys, monkeypatch, [*answers, "q"], session=session)
    assert "E124" in text
    assert "E114" in text
    assert "E205" in text
    assert f"table = '{pumps}'\ntarget = 'flow'\n" in session.change["own"]
    assert heads(text) == [19]


def test_the_cell_of_an_own_table(tmp_path: Path) -> None:
    path = tmp_path / "doors.csv"
    rows = [f"{1 + i / 4},2024-02-{i % 28 + 1:02},{'red' if i % 3 else 'blue'},yes\n{i},,red,no\n"
            for i in range(30)]  # fmt: skip
    path.write_text("width,made,colour,open\n,2024-01-31,red,yes\n" + "".join(rows))
    names: dict[str, object] = {}
    exec(own_cell(str(path), "open"), names)
    assert names["table"] == str(path)
    assert names["row"] == {"width": 1.0, "made": "2024-02-01", "colour": "blue"}
    assert names["claim"] == "P(yes) rises with width"
    exec(own_cell(str(path), "colour"), names)
    assert names["claim"] == "P(blue) rises with width"


def test_where_an_own_table_stands(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert place_of(" 'a b.csv' ") == str(tmp_path / "a b.csv")
    assert place_of("postgresql://host/db") == "postgresql://host/db"
    assert place_of("  ") == ""


# the terminal becomes the process's own, so that Ctrl-C reaches it
IN_A_TERMINAL = """
import fcntl, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from vetro.apps.command_line import main
main(["tour"])
"""


@pytest.mark.parametrize("key", [b"q\n", b"\x04", b"\x03"])
def test_leaving_a_real_terminal(key: bytes) -> None:
    screen, side = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", IN_A_TERMINAL], stdin=side, stdout=side, stderr=side,
        start_new_session=True, env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )  # fmt: skip
    os.close(side)
    text = b""
    while b"?: help >" not in text:
        text += os.read(screen, 4096)
    os.write(screen, key)
    while True:
        # what is typed before the terminal listens key by key may be lost: it is typed again
        if not select.select([screen], [], [], 5.0)[0]:
            os.write(screen, key)
            continue
        try:
            chunk = os.read(screen, 4096)
        except OSError:  # the terminal's other side is closed
            break
        if not chunk:
            break
        text += chunk
    assert process.wait(timeout=60) == 0
    assert b"Stopped at step 1" in text
    assert b"Traceback" not in text
    os.close(screen)
