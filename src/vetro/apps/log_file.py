"""The log of a run: every line with its time.

A line that cannot be written ends the log but not the fit: its result matters more.
"""

from __future__ import annotations

import contextlib
from datetime import datetime
from pathlib import Path
from typing import TextIO

from vetro.visible import visible


class LogFile:
    """Appends lines to a file.  failure: the system's error that ended the log, or None."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.failure: OSError | None = None
        self._file: TextIO | None = None
        try:
            self._file = path.open("a", encoding="utf-8")
        except OSError as failure:
            self.failure = failure

    def write(self, text: str) -> None:
        """Write a line now."""
        if self._file is None:
            return
        stamp = datetime.now().astimezone().isoformat(timespec="milliseconds")
        try:
            self._file.write(f"{stamp} {visible(text)}\n")
            self._file.flush()
        except OSError as failure:
            self.failure = failure
            self.close()

    def close(self) -> None:
        """Close the file; later lines are lost."""
        if self._file is not None:
            with contextlib.suppress(OSError):  # it tries again to write the line that failed
                self._file.close()
            self._file = None
