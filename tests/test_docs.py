"""README and docs are run: every Python block, and every `vetro` line of a shell block."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from vetro.apps.command_line import _claims_as_values, _resume_with_value, app_for

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


def run(command: list[str], folder: Path) -> None:
    ended = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 0, (command, ended.stderr)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    return tmp_path


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python")], ids=lambda p: p.name)
def test_python_blocks_run_in_order(page, folder):
    program = "\n".join(blocks(page, "python"))
    run([sys.executable, "-c", program], folder)


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "sh")], ids=lambda p: p.name)
def test_commands_run_in_order(page, folder):
    commands = [
        shlex.split(line, comments=True)
        for text in blocks(page, "sh")
        for line in text.replace("\\\n", " ").splitlines()
        if line.startswith("vetro ")
    ]
    for command in commands:
        if command[1] == "prove":  # its verdict must not depend on the machine's other work
            command += ["--seconds", "200"]
        run([sys.executable, "-m", *command], folder)


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
    return typer.main.get_command(app_for([])).commands  # type: ignore[attr-defined]


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
