"""The question whether to stop, asked between two steps, so that none stops halfway.

Ctrl-C is one source of the answer; others are the caller's functions, from any thread.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from vetro import signals

INTERRUPTED = "interrupted"


class Interruption:
    """interruption() is the reason to stop, "" to go on.  Any thread may call `stop`."""

    def __init__(self) -> None:
        self._reason = ""

    def __call__(self) -> str:
        return self._reason

    def stop(self, reason: str = INTERRUPTED) -> None:
        """From here the answer is this reason; the first one stays."""
        self._reason = self._reason or reason


@contextmanager
def ctrl_c() -> Iterator[Interruption]:
    """An interruption that Ctrl-C stops while the block runs.

    A second Ctrl-C raises KeyboardInterrupt at once.  Outside the main thread, or where
    the program has its own handler, signals are left alone.  On the command line SIGTERM and
    SIGHUP are as Ctrl-C.
    """
    interruption = Interruption()

    def asked(number: int) -> None:
        if interruption():
            signals.interrupt(number)
        interruption.stop()

    def handler(number: int, frame: FrameType | None) -> None:
        if interruption():
            raise KeyboardInterrupt
        interruption.stop()

    if signal.getsignal(signal.SIGINT) is signals.received:  # the command line's own
        with signals.handling(asked):
            yield interruption
        return
    mine = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if mine:
        signal.signal(signal.SIGINT, handler)
    try:
        yield interruption
    finally:
        if mine:
            signal.signal(signal.SIGINT, signal.default_int_handler)
