"""Where csv.writer writes to: lines that end in a line feed alone, with every break quoted."""

from __future__ import annotations

import csv
from typing import Any, TextIO

from vetro.visible import visible


def csv_writer(text: TextIO, sep: str) -> Any:
    """A csv writer; a break of any kind within a cell is quoted."""
    return csv.writer(_Lines(text), delimiter=sep, lineterminator=_Lines.ENDING)


class _Lines:
    """The file behind the writer.

    Before Python 3.13 csv quotes a carriage return only if the lines end in one.  On a terminal
    what cannot be printed is escaped; a file or a pipe gets every text as it is.
    """

    ENDING = "\r\n"

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._on_terminal = text.isatty()

    def write(self, line: str) -> int:
        """csv calls it once for each line."""
        line = line.removesuffix(self.ENDING)
        return self._text.write((visible(line) if self._on_terminal else line) + "\n")
