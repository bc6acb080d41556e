"""Ctrl-C as a question instead of an exception, so that no step stops halfway."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from vetro import signals


@contextmanager
def interrupts() -> Iterator[Callable[[], bool]]:
    """A function that returns whether Ctrl-C was pressed.

    A second Ctrl-C raises KeyboardInterrupt at once.  Outside the main thread, or where
    the program has its own handler, signals are left alone.  On the command line SIGTERM and
    SIGHUP are as Ctrl-C.
    """
    seen = threading.Event()

    def asked(number: int) -> None:
        if seen.is_set():
            signals.interrupt(number)
        seen.set()

    def handler(number: int, frame: FrameType | None) -> None:
        if seen.is_set():
            raise KeyboardInterrupt
        seen.set()

    if signal.getsignal(signal.SIGINT) is signals.received:  # the command line's own
        with signals.handling(asked):
            yield seen.is_set
        return
    mine = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if mine:
        signal.signal(signal.SIGINT, handler)
    try:
        yield seen.is_set
    finally:
        if mine:
            signal.signal(signal.SIGINT, signal.default_int_handler)
