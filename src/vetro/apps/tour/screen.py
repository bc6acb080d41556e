"""The tour on a terminal: wrapped prose, and coloured code without a margin, so that it can be
pasted.  It pauses when the screen is full.

Pipes and files get page.py's Markdown instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rich.console import Console, Group, RenderableType
from rich.control import Control
from rich.markdown import Markdown
from rich.padding import Padding
from rich.rule import Rule
from rich.segment import ControlType, Segment, Segments
from rich.syntax import Syntax
from rich.text import Text
from rich.theme import Theme

from vetro.apps.tour.content import Cell, Step, Tour
from vetro.apps.tour.page import filled
from vetro.apps.tour.running import Ran

PROSE_WIDTH = 84
"""The largest width: longer lines are tiring to read."""

_CODE_STYLE = "ansi_dark"
"""The terminal's own colours, which suit its background."""


class Screen:
    """A terminal that is filled from top to bottom.  pause: called when the screen is full."""

    def __init__(self, console: Console, pause: Callable[[], None]) -> None:
        console.push_theme(
            Theme({"markdown.code": "cyan"})
        )  # rich's default has a black background
        self._console = console
        self._pause = pause
        self._used = 0

    def answered(self) -> None:
        """The reader has answered a prompt: remove it, and count lines from here."""
        self._console.control(Control((ControlType.CURSOR_UP, 1), (ControlType.ERASE_IN_LINE, 2)))
        self._used = 0

    def show(self, item: RenderableType) -> None:
        """Print an item; pause before it if it does not fit, and within it if it never would."""
        width = self._console.width
        if isinstance(item, Markdown):
            width = min(width, PROSE_WIDTH)
        options = self._console.options.update(width=width, height=None)
        lines = self._console.render_lines(item, options, pad=False)
        room = self._console.height - 2
        if self._used + len(lines) > room:
            self._make_room()
        for line in lines:
            if self._used >= room:
                self._make_room()
            self._console.print(Segments([*line, Segment.line()]), end="")
            self._used += 1

    def _make_room(self) -> None:
        if self._used:
            self._pause()
            self._used = 0


def opening(tour: Tour) -> Iterator[RenderableType]:
    """The title and the introduction of the tour."""
    yield Rule(Text(tour.title, style="bold"), align="left")
    yield from _prose(tour.introduction)


def step_items(tour: Tour, step: Step, ran: Ran) -> Iterator[RenderableType]:
    """The items of a step, from top to bottom."""
    number = tour.words["step"].format(number=step.number, total=len(tour.steps))
    yield Rule(Text.assemble((f"{number} · ", "dim"), (step.title, "bold")), align="left")
    for piece in step.pieces:
        if isinstance(piece, Cell):
            yield from _cell(*ran.cells[step.cells.index(piece)])
        else:
            yield from _prose(filled(piece, ran))


def _prose(text: str) -> Iterator[RenderableType]:
    """Paragraph by paragraph, so that a pause falls between two of them."""
    for paragraph in text.split("\n\n"):
        yield Text()
        yield Markdown(paragraph, inline_code_theme=_CODE_STYLE)


def _cell(cell: Cell, printed: str) -> Iterator[RenderableType]:
    """The code and its output, together if the screen has room."""
    parts: list[RenderableType] = []
    if cell.kind == "python":
        code = Syntax(
            cell.source, "python", theme=_CODE_STYLE, background_color="default", word_wrap=True
        )
        parts += [Text(), code]
    if printed:
        lines = Text(printed, "green")
        parts += [Text(), Padding(lines, (0, 0, 0, 2))]
    yield Group(*parts)
