"""Gzip files, unpacked within limits: a few kilobytes may hold terabytes.

It does not read their content.
"""

from __future__ import annotations

import gzip
import io
from pathlib import Path

from vetro.errors import error

MOST_BYTES = 1 << 28
MOST_TIMES = 200
"""A file that unpacks to more than MOST_BYTES and to more than MOST_TIMES its size is refused.

Tables usually shrink 3 to 30 times when packed; equal rows shrink up to 1000 times.
"""


class Unpacked(io.RawIOBase):
    """The unpacked bytes of a gzip file as a stream; E125 if there are too many."""

    def __init__(self, path: Path) -> None:
        self._source = path.name
        self._file = gzip.open(path, "rb")  # noqa: SIM115
        self._most = max(MOST_BYTES, MOST_TIMES * path.stat().st_size)

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """The next bytes; gzip's errors are not changed."""
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        self._most -= len(data)
        if self._most < 0:
            raise error(
                "E125",
                source=self._source,
                what=f"it unpacks to more than {MOST_BYTES >> 20} MiB, "
                f"over {MOST_TIMES} times its size",
                fix="Unpack it first if this size is right.",
            )
        return len(data)

    def close(self) -> None:
        """Close the file as well."""
        self._file.close()
        super().close()


def unpacked(path: Path) -> io.BufferedReader:
    """The unpacked bytes of a gzip file, read as they are needed."""
    return io.BufferedReader(Unpacked(path), 1 << 20)
