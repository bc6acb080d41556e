"""How results and messages look on a terminal, in a pipe and as JSON.

Results go to stdout, messages to stderr.  Column names and values are shown unchanged and never
interpreted as markup or control sequences.  The commands decide what is printed.
"""

from __future__ import annotations

import errno
import json
import math
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from vetro.errors import Door, Notice, Words
from vetro.visible import visible as visible
from vetro.visible import visible_json

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

DOOR: Door = "command line"
# Wide enough for any line: in a pipe or a file, lines are neither cut nor wrapped.
UNLIMITED = 100_000
# Characters: the narrowest width to which a cell may fold, and the gap between columns.
FOLDED, GAP = 14, 3
MOST_ROWS = 2000
"""Of a table that rich lays out, which takes about 0.3 ms a row."""
_COLOURS = {"E": "\x1b[1;31m", "W": "\x1b[33m", "I": "\x1b[36m"}


def console(stream: TextIO | None = None) -> Console:
    """A console on a stream (default: stdout), as wide as the terminal; unlimited without one."""
    from rich.console import Console

    class PipedConsole(Console):
        """rich would end the process; here the command line decides."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError(errno.EPIPE, "the reader went away")

    stream = stream or sys.stdout
    wide = not stream.isatty() and "COLUMNS" not in os.environ
    return PipedConsole(
        file=stream, highlight=False, markup=False, emoji=False, width=UNLIMITED if wide else None
    )


def message(code: str, words: Words, stream: TextIO | None = None) -> None:
    """One message on a stream (stderr): `E114 target "pric" not found. ...`."""
    stream = stream or sys.stderr
    coloured = stream.isatty() and "NO_COLOR" not in os.environ and os.getenv("TERM") != "dumb"
    start, end = (_COLOURS.get(code[:1], ""), "\x1b[0m") if coloured else ("", "")
    print(f"{start}{code}{end} {visible(words.worded(DOOR))}", file=stream, flush=True)


def show_notices(
    notices: Iterable[Notice], stream: TextIO | None = None, *, urgent_only: bool = False
) -> None:
    """Show warnings and information, each once and in order; or only those that may need action."""
    for item in dict.fromkeys(notices):
        if item.is_urgent or not urgent_only:
            message(item.code, item.words, stream)


def print_json(data: dict[str, Any], notices: Iterable[Notice] | None = None) -> None:
    """One object on stdout, strict JSON, with the notices, each once, as its "messages".

    Records become objects of all their fields; what is not finite becomes null.
    """
    from vetro.glass.as_json import plain

    if notices is not None:
        said = dict.fromkeys(notices)
        texts = [{"code": item.code, "message": item.words.worded(DOOR)} for item in said]
        data = {**data, "messages": texts}
    text = json.dumps(plain(data), ensure_ascii=False, allow_nan=False, indent=2)
    sys.stdout.write(visible_json(text) + "\n")


QUALITY = (
    "judged_by metrics per_target baselines baselines_per_target comparisons "
    "comparisons_per_target coverage"
)
"""The entries of a model's evidence that compare it with the baselines on the held-out rows."""


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Iterable[int] = (),
    bold: int | None = None,
) -> None:
    """Print a table on stdout.  numbers: the columns to align right; bold: a row to highlight.

    On a narrow terminal, cells fold; if it is too narrow for the columns, each row becomes a block
    of lines.  No text is cut.
    """
    from rich import box
    from rich.cells import cell_len
    from rich.table import Table

    lines = [[visible(cell) for cell in row] for row in rows]
    if len(lines) > MOST_ROWS:
        _print_plain([list(heads), *lines], set(numbers))
        return
    screen = console()
    widths = [max(map(cell_len, column)) for column in zip(heads, *lines, strict=True)]
    if sum(min(width, FOLDED) + GAP for width in widths) - GAP > screen.width:
        for line in lines:
            say(line[0])
            facts(zip(heads[1:], line[1:], strict=True), indent=2)
        return
    right = set(numbers)
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for index, head in enumerate(heads):
        grid.add_column(_text(head), justify="right" if index in right else "left", overflow="fold")
    for index, line in enumerate(lines):
        grid.add_row(*map(_text, line), style="bold" if index == bold else None)
    _print(screen, grid)


def _print_plain(lines: Sequence[Sequence[str]], right: set[int]) -> None:
    """A long table as aligned lines, neither folded nor styled."""
    from rich.cells import cell_len

    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = []
        for place, (cell, width) in enumerate(zip(line, widths, strict=True)):
            space = " " * (width - cell_len(cell))
            cells.append(space + cell if place in right else cell + space)
        print((" " * GAP).join(cells).rstrip())


def facts(pairs: Iterable[tuple[str, str]], indent: int = 0) -> None:
    """Print lines of a name and a text, with the texts aligned; empty texts are left out."""
    from rich.padding import Padding
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(overflow="fold")
    grid.add_column(overflow="fold")
    for name, text in pairs:
        if text:
            grid.add_row(_text(name), _text(text))
    _print(console(), Padding(grid, (0, 0, 0, indent), expand=False))


def _print(screen: Console, grid: RenderableType) -> None:
    """Print a grid; in a file or pipe, without the blanks with which rich fills its lines."""
    if screen.is_terminal:
        screen.print(grid)
        return
    with screen.capture() as captured:
        screen.print(grid)
    for line in captured.get().splitlines():
        print(line.rstrip(" "), file=screen.file)


def _text(content: str) -> Text:
    from rich.text import Text

    return Text(visible(content))


def say(text: str = "") -> None:
    """Print a sentence of the results, wrapped at words on a terminal."""
    console().print(_text(text))


def say_lines(lines: Iterable[str], notices: Iterable[Notice] = ()) -> None:
    """Print the lines of a result, then its notices."""
    for line in lines:
        say_line(line)
    show_notices(notices)


def say_line(text: str, stream: TextIO | None = None) -> None:
    """Print a line of the results (stdout) that can be copied: it is never wrapped."""
    print(visible(text), file=stream)


def figure(value: float | None, digits: int = 4) -> str:
    """A number with significant digits; "-" for None."""
    if value is None or not math.isfinite(value):
        return "-"
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    if 10 ** (digits - 1) <= abs(value) < 1e15:
        return f"{value:.0f}"
    return f"{value:#.{digits}g}" if 1e-4 <= abs(value) < 1e15 else f"{value:.{digits - 1}e}"


def seconds_text(seconds: float) -> str:
    """A time for reading: 0.8 s, 12 s, 3 min 20 s, 2 h 5 min."""
    if not math.isfinite(seconds):
        return "-"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
