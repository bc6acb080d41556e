"""One line on the terminal that shows the current step and overwrites itself.

It is for commands that may take seconds.  The fit's bar is in progress.py.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from typing import Self

from vetro.apps.present import say_line, visible

WAIT, APART = 1.0, 0.2
"""Seconds before the first line, and between two lines of a search."""


class LiveLine:
    """A context manager that erases the line at its end.

    Call it with a text, as often as you like; it shows nothing before WAIT seconds.
    search: the texts are about a search that Ctrl-C can end with the results so far.  The line adds
    a hint about it, and appears on a terminal only.  Otherwise the texts are steps; without a
    terminal, each is a line of its own.
    """

    def __init__(self, *, search: bool = False) -> None:
        self._search = search
        self._live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._due = time.monotonic() + WAIT
        self._text = self._shown = ""
        self._lock = threading.Lock()
        self._timer = threading.Timer(WAIT, self._show)  # for a step that takes long
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            if self._live and self._shown:
                print("\r\x1b[2K", end="", file=sys.stderr, flush=True)
            self._shown = self._text  # a late timer shows nothing

    def __call__(self, text: str) -> None:
        self._text = text
        if time.monotonic() >= self._due:
            self._show()

    def _show(self) -> None:
        with self._lock:
            if self._text == self._shown:
                return
            self._shown = self._text
            if self._search:
                self._due = time.monotonic() + APART
            if self._live:
                hint = "  (Ctrl-C ends it and keeps the results so far)" if self._search else ""
                line = visible(self._text) + hint
                width = shutil.get_terminal_size().columns - 1
                print(f"\r\x1b[2K{line[:width]}", end="", file=sys.stderr, flush=True)
            elif not self._search:
                say_line(self._text, sys.stderr)
