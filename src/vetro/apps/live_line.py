"""One line on the terminal that says how far a search is, written over itself; else nothing.

For commands whose search takes seconds.  The fit's bar is progress.py's.
"""

from __future__ import annotations

import shutil
import sys
import time
from typing import Self

from vetro.apps.present import visible

QUIET, APART = 1.0, 0.2
"""Seconds before the first line, and between two."""


class LiveLine:
    """A context manager; on leaving, the line is wiped out.

    Called with what to say, as often as one likes.
    """

    def __init__(self) -> None:
        self._due = time.monotonic() + QUIET
        self._shown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)

    def __call__(self, text: str) -> None:
        now = time.monotonic()
        if now < self._due or not sys.stderr.isatty():
            return
        self._due, self._shown = now + APART, True
        width = shutil.get_terminal_size().columns - 1
        line = f"{visible(text)}  (Ctrl-C ends it with what is known)"
        print(f"\r\x1b[2K{line[:width]}", end="", file=sys.stderr, flush=True)
