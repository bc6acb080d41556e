"""The standard streams of the command line, which may be closed, full, or a pipe without a reader.

A failed write to standard output is an error, because the result is lost.  A failed write to
standard error is ignored, because a lost message must not end a fit.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator

STDIN, STDOUT, STDERR = 0, 1, 2


class OutputError(OSError):
    """Standard output cannot be written; a pipe without a reader is a BrokenPipeError instead."""


class _Output(io.TextIOWrapper):
    """Standard output; its failures raise OutputError, unlike those of other files.

    It is not a raw stream: after an interruption between write and result, it would write twice.
    """

    def write(self, text: str, /) -> int:
        with _output_errors():
            return super().write(text)

    def flush(self) -> None:
        with _output_errors():
            super().flush()


@contextlib.contextmanager
def _output_errors() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as failure:
        closed = failure.errno == errno.EBADF
        raise OutputError(failure.errno, "it is closed" if closed else failure.strerror) from None


class _Messages(io.TextIOWrapper):
    """Standard error, which never fails; after a first failed write it discards all text."""

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError:
            _discard(STDERR)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError:
            _discard(STDERR)


def open_streams() -> None:
    """Give the process three open streams, before another file can take one of their numbers."""
    # A closed standard output is opened for reading only, so that writing to it fails.
    for number, mode in ((STDIN, os.O_RDONLY), (STDOUT, os.O_RDONLY), (STDERR, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, mode), number)
    if sys.stdin is None:
        sys.stdin = open(STDIN, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = _Output(
        open(STDOUT, "wb", closefd=False),  # noqa: SIM115
        _encoding(sys.stdout),
        errors="backslashreplace",
        line_buffering=os.isatty(STDOUT),
    )
    sys.stderr = _Messages(
        open(STDERR, "wb", closefd=False),  # noqa: SIM115
        _encoding(sys.stderr),
        errors="backslashreplace",
        line_buffering=True,
    )


def discard_output() -> None:
    """Discard the buffer of standard output, because it cannot be written."""
    with contextlib.suppress(OSError, ValueError):
        _discard(STDOUT)
        sys.stdout.flush()


def _discard(number: int) -> None:
    """Discard everything that is written to this stream from now on."""
    with contextlib.suppress(OSError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, number)
        os.close(null)


def _encoding(before: object) -> str:
    return getattr(before, "encoding", None) or "utf-8"
