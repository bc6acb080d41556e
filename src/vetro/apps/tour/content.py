"""The content of the tour: prose in one language, code shared by all.

The files of CODE hold the cells, in the order in which they run.  LANGUAGE.md holds the prose,
which names each cell on a separate line, [[cell]].  running.py runs the cells.  screen.py and
page.py show them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Literal

LANGUAGES = ("en", "it")
CODE = ("code_networks.py", "code_tables.py")

_CELL = re.compile(
    r"^# %% (?P<step>\d+) (?P<name>\w+)(?: needs (?P<needs>[\d ]+?))?(?P<shell> shell)?"
    r"(?: varies: (?P<varies>digits|time|speed))?$",
    re.MULTILINE,
)
_STEP = re.compile(r"^## (\d+)\. (.+)$", re.MULTILINE)
_PLACE = re.compile(r"^\[\[(\w+)\]\]$", re.MULTILINE)


@dataclass(frozen=True)
class Cell:
    """A few lines that the reader can paste.

    kind: Python, or commands of the shell.  needs: steps that must have run before.
    varies: the part of its output that depends on the machine: "" none; "digits" by rounding;
    "time" a time among other things; "speed" all of it.
    """

    step: int
    name: str
    source: str
    kind: Literal["python", "shell"]
    needs: tuple[int, ...]
    varies: str


@dataclass(frozen=True)
class Step:
    """pieces: prose in Markdown and cells, in order; the prose's {names} are filled in after the
    run."""

    number: int
    title: str
    pieces: tuple[str | Cell, ...]

    @property
    def cells(self) -> tuple[Cell, ...]:
        return tuple(piece for piece in self.pieces if isinstance(piece, Cell))

    @property
    def needs(self) -> tuple[int, ...]:
        """The steps whose names its cells use."""
        return tuple(sorted({number for cell in self.cells for number in cell.needs}))


@dataclass(frozen=True)
class Tour:
    """The tour in one language.  words: the short texts of the walk, by name."""

    language: str
    title: str
    introduction: str
    words: dict[str, str] = field(repr=False)
    steps: tuple[Step, ...] = field(repr=False)


@cache
def cells() -> dict[str, Cell]:
    """Every cell by name, in the order in which they run."""
    found: dict[str, Cell] = {}
    for text in map(_resource, CODE):
        for head, source in _parts(_CELL, text):
            if head["shell"]:
                source = "\n".join(line.removeprefix("# ") for line in source.splitlines())
            found[head["name"]] = Cell(
                int(head["step"]),
                head["name"],
                source,
                "shell" if head["shell"] else "python",
                tuple(map(int, (head["needs"] or "").split())),
                head["varies"] or "",
            )
    return found


@cache
def tour_in(language: str) -> Tour:
    """The tour in a language of LANGUAGES."""
    _, words, text = _resource(f"{language}.md").split("+++\n", 2)
    title, introduction = _STEP.split(text, maxsplit=1)[0].strip().split("\n", 1)
    steps = tuple(Step(int(head[1]), head[2], _pieces(body)) for head, body in _parts(_STEP, text))
    return Tour(
        language, title.removeprefix("# "), introduction.strip(), tomllib.loads(words), steps
    )


def _parts(head: re.Pattern[str], text: str) -> Iterator[tuple[re.Match[str], str]]:
    """Each head that is found, and the text below it up to the next."""
    heads = list(head.finditer(text))
    for found, following in zip(heads, [*heads[1:], None], strict=True):
        yield found, text[found.end() : following.start() if following else None].strip("\n")


def _pieces(text: str) -> tuple[str | Cell, ...]:
    """The prose and cells of a step: every second part of the split is a cell's name."""
    parts = [part.strip() for part in _PLACE.split(text)]
    return tuple(cells()[part] if place % 2 else part for place, part in enumerate(parts) if part)


def _resource(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")
