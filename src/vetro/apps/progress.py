"""Progress of a fit: one live bar on a terminal, plain lines elsewhere, always a log.

Everything goes to stderr and to log.txt; stdout is for results.  This module only displays the
Progress that it receives; it does not know how training works.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from vetro.apps.log_file import LogFile
from vetro.apps.present import console, figure, seconds_text, visible

if TYPE_CHECKING:
    from vetro.model.request import Progress

LINE_SECONDS = 5.0  # between two plain lines, except at a new step or fold
BAR_SECONDS = 0.08  # the shortest time between two drawings of the bar
BAR_WIDTH = 24
STEPS = {
    "reading": "Reading the table",
    "checking": "Checking the table",
    "training": "Training",
    "measuring": "Measuring on the rows held out",
    "done": "Done",
}


class Reporter:
    """A context manager that shows Progress and lines of text.

    log: file that receives every line with its time.  quiet: nothing on stderr.
    """

    def __init__(self, log: Path | None = None, *, quiet: bool = False) -> None:
        self.step = ""
        self._quiet = quiet
        self.log_file = LogFile(log) if log else None
        self._bar: _Bar | None = None
        self._last: Progress | None = None
        self._line_time = -math.inf
        self._told: Progress | None = None

    def __enter__(self) -> Self:
        if not self._quiet and sys.stderr.isatty():
            self._bar = _Bar()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.close()
            self._bar = None
        if self.log_file:
            self.log_file.close()

    def __call__(self, progress: Progress) -> None:
        """Show the progress of the fit."""
        last, self._last = self._last, progress
        self.step = progress.step
        if self._bar:
            self._bar.show(progress)
        if last and last is not self._told and _part(last) != _part(progress):
            self._line(last)  # the last state of the fold that has just ended
        new_step = last is None or last.step != progress.step
        if new_step or time.monotonic() - self._line_time >= LINE_SECONDS:
            self._line(progress)

    def say(self, text: str) -> None:
        """Print a separate line, above the bar."""
        self.log(text)
        if self._quiet:
            return
        if self._bar:
            self._bar.above(text)
        else:
            print(visible(text), file=sys.stderr, flush=True)

    def log(self, text: str) -> None:
        """Write a line to the log only."""
        if self.log_file:
            self.log_file.write(text)

    def _line(self, progress: Progress) -> None:
        self._told = progress
        self._line_time = time.monotonic()
        if progress.step == "done":
            return
        text = line(progress)
        self.log(text)
        if not self._bar and not self._quiet:
            print(text, file=sys.stderr, flush=True)


def _part(progress: Progress) -> tuple[str, int, int]:
    if progress.together > 1:
        return progress.step, 0, 0
    return progress.step, progress.fold, progress.member


def where(progress: Progress) -> str:
    """ "fold 2/5, member 1/3" (a count of 1 is left out); "5 networks" if they train together."""
    if progress.together > 1:
        return f"{progress.together} networks"
    parts = []
    if progress.folds > 1:
        parts.append(f"fold {progress.fold}/{progress.folds}")
    if progress.members > 1:
        parts.append(f"member {progress.member}/{progress.members}")
    return ", ".join(parts)


def line(progress: Progress) -> str:
    """The state in one plain line."""
    if not progress.epoch:
        return STEPS.get(progress.step, progress.step)
    parts = [where(progress), f"epoch {progress.epoch}/{progress.epochs}"]
    losses = (("training", progress.training), ("validation", progress.validation))
    errors = [f"{name} {figure(loss)}" for name, loss in losses if loss is not None]
    parts += [", ".join(errors), seconds_text(progress.seconds)]
    if progress.seconds_left is not None:
        parts.append(f"about {seconds_text(progress.seconds_left)} left")
    return "; ".join(part for part in parts if part)


class _Bar:
    """The live bar; parts that do not fit a narrow terminal are left out."""

    def __init__(self) -> None:
        from rich.progress import BarColumn
        from rich.progress import Progress as RichProgress
        from rich.text import Text

        self._text: Callable[[str], Any] = Text
        screen = console(sys.stderr)
        self._width = screen.width
        columns = [_column("head"), _column("detail")]
        if self._width >= 60:
            columns.insert(1, BarColumn(bar_width=BAR_WIDTH if self._width >= 100 else 12))
        self._rich = RichProgress(*columns, console=screen, transient=True, refresh_per_second=8)
        self._task = self._rich.add_task("", total=1.0, head="", detail="")
        self._shown = -math.inf
        self._step = ""
        self._rich.start()

    def show(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.step == self._step and now - self._shown < BAR_SECONDS:
            return
        self._shown, self._step = now, progress.step
        detail = ""
        if progress.epoch:
            left = progress.seconds_left
            parts = [f"epoch {progress.epoch}/{progress.epochs}"]
            losses = (("train", progress.training), ("val", progress.validation))
            if self._width >= 80:
                parts += [f"{name} {figure(loss, 3)}" for name, loss in losses if loss is not None]
            spent = seconds_text(progress.seconds)
            parts.append(spent if left is None else f"{seconds_text(left)} left")
            detail = "  ".join(parts)
        head = (where(progress) if progress.epoch else "") or STEPS.get(progress.step, "")
        done = 1.0 if progress.step in ("measuring", "done") else progress.share
        self._rich.update(self._task, completed=done, head=head, detail=detail)

    def above(self, text: str) -> None:
        self._rich.console.print(self._text(visible(text)))

    def close(self) -> None:
        self._rich.stop()


def _column(field: str) -> Any:
    from rich.progress import TextColumn

    return TextColumn("{task.fields[" + field + "]}", markup=False)
