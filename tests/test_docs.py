"""README and docs are run: every Python block, and every `vetro` line of a shell block."""

from __future__ import annotations

import re
import shlex
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
from apps.conftest import run_here

from vetro.apps.command_line import COMMANDS, _claims_as_values, _resume_with_value, app_for

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SHOWN = [
    *PAGES,
    ROOT / "CHANGELOG.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "src" / "vetro").rglob("*.md")),
    ROOT / "src" / "vetro" / "explanations.toml",
]
BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(page.read_text()) if kind == language]


def programs() -> list[Any]:
    """What the pages hold in Python, each once: the tour has the same in two languages."""
    named: dict[str, str] = {}
    for page in PAGES:
        named.setdefault("\n".join(blocks(page, "python")), page.name)
    return [pytest.param(program, id=name) for program, name in named.items() if program]


def scripts() -> list[Any]:
    """The `vetro` commands of the pages, likewise."""
    named: dict[tuple[tuple[str, ...], ...], str] = {}
    for page in PAGES:
        lines = "\n".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
        words = (shlex.split(line, comments=True) for line in lines if line.startswith("vetro "))
        named.setdefault(tuple(tuple(rest) for _, *rest in words), page.name)
    return [pytest.param(script, id=name) for script, name in named.items() if script]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("program", programs())
@pytest.mark.usefixtures("folder")
def test_python_blocks_run_in_order(program: str) -> None:
    threads = torch.get_num_threads()
    with warnings.catch_warnings(), torch.random.fork_rng():
        warnings.simplefilter("ignore")
        exec(program, {"__name__": "__main__"})
    torch.set_num_threads(threads)


@pytest.mark.parametrize("script", scripts())
@pytest.mark.usefixtures("folder")
def test_commands_run_in_order(script: tuple[tuple[str, ...], ...]) -> None:
    for command in script:
        # the verdict of a proof must not depend on the machine's other work
        patience = ("--seconds", "200") if command[0] == "prove" else ()
        ended = run_here(*command, *patience)
        assert ended.status == 0, (command, ended.err)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        assert target.startswith("http") or (page.parent / target).exists(), target


def command_lines(page: Path) -> Iterator[list[str]]:
    """The words of every `vetro` command of a block: of a shell, or of a screen after "$ "."""
    for text in re.findall(r"^```\w*\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL):
        for line in text.replace("\\\n", " ").splitlines():
            # blanks in a row stand before the words of a list that explains commands
            if re.match(r"(\$ )?vetro [a-z]", line) and "  " not in line.partition("#")[0].strip():
                words = shlex.split(line.removeprefix("$ "), comments=True)
                yield words[1 : next((n for n, w in enumerate(words) if w in "|>&&"), None)]


@pytest.fixture(scope="module")
def commands() -> dict[str, Any]:
    apps = {name: typer.main.get_command(app_for([name])) for name in COMMANDS}
    return {name: app.commands[name] for name, app in apps.items()}  # type: ignore[attr-defined]


@pytest.mark.parametrize("page", SHOWN, ids=lambda p: p.name)
def test_every_command_of_a_block_is_parsed(page: Path, commands: dict[str, Any]) -> None:
    for name, *arguments in command_lines(page):
        if "..." in arguments or "--help" in arguments:
            continue
        given = _claims_as_values(_resume_with_value(arguments))
        commands[name].make_context(name, given).close()


@pytest.mark.parametrize("page", SHOWN, ids=lambda p: p.name)
def test_every_command_in_a_text_has_its_options(page: Path, commands: dict[str, Any]) -> None:
    options = {
        name: {option for entry in command.params for option in entry.opts + entry.secondary_opts}
        for name, command in commands.items()
    }
    every = {"--help", "--version", "--debug"}.union(*options.values())
    for name, rest in re.findall(r"`vetro ([a-z]+)([^`]*)`", page.read_text()):
        assert name in commands, (page, name)
        named = set(re.findall(r"(?<!\S)--[a-z][a-z-]*", rest))
        assert named <= {*options[name], "--help", "--debug"}, (page, name, named)
    for option in re.findall(r"`(--[a-z][a-z-]*)[^`]*`", page.read_text()):
        assert option in every, (page, option)
