"""Ctrl-C, SIGTERM and SIGHUP of a process that is the command line: all three mean the same.

The process passes through three phases.  While it starts, nothing is written, and a signal ends it
at once.  While a command runs, a signal raises KeyboardInterrupt, unless the command handles it
itself.  While it ends, the result is decided, and signals are ignored.  Outside the command line
(Vetro in a program of somebody else) nothing here changes a handler but `handling`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130  # exit status, as a shell reports a command that SIGINT ended
MESSAGE = "Interrupted."

Handler = Callable[[int], object]


class _State:
    """The handler of now; whether it must wait, what came meanwhile, and whether one raised."""

    handler: Handler
    holding = 0
    waiting: tuple[int, ...] = ()
    raised = False


def starting() -> None:
    """From here a signal ends the process at once, with its message: nothing is written yet."""
    _State.handler = _end
    _install()


def running() -> None:
    """From here a signal raises KeyboardInterrupt."""
    _State.handler = interrupt
    sys.unraisablehook = _quiet_about_interruptions


def _quiet_about_interruptions(found: sys.UnraisableHookArgs) -> None:
    # One that comes within a destructor or a weak reference's callback is lost there; `check`
    # raises it again, and Python need not print its traceback.
    if not (isinstance(found.exc_value, KeyboardInterrupt) and _State.raised):
        sys.__unraisablehook__(found)


def ending() -> None:
    """From here signals are ignored: all is written, and the exit status is known."""
    for number in _numbers():
        signal.signal(number, signal.SIG_IGN)


def interrupt(number: int = signal.SIGINT) -> NoReturn:
    """Raise KeyboardInterrupt, and remember it: a library may turn it into another exception."""
    _State.raised = True
    raise KeyboardInterrupt


def interrupted() -> bool:
    """Whether `interrupt` was called since `forget`, whatever became of its exception."""
    return _State.raised


def check() -> None:
    """Raise KeyboardInterrupt again if a library has swallowed it."""
    if _State.raised:
        interrupt()


def forget() -> None:
    """A new command begins."""
    _State.raised = False


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Signals wait until the block ends: what it does is done wholly or not at all."""
    _State.holding += 1
    try:
        yield
    finally:
        _State.holding -= 1
        if not _State.holding and _State.waiting:
            number, *_ = _State.waiting
            _State.waiting = ()
            _State.handler(number)


@contextlib.contextmanager
def handling(handler: Handler) -> Iterator[None]:
    """Signals call the handler while the block runs.  Only the main thread can handle them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = getattr(_State, "handler", interrupt)
    kept = {number: signal.getsignal(number) for number in _numbers()}
    _State.handler = handler
    try:
        # A command that runs in the background of a shell script has Ctrl-C ignored; a signal
        # that is sent to the process itself is meant.
        _install(also=signal.SIGINT)
        yield
    finally:
        _State.handler = before
        for number, previous in kept.items():
            if previous is not None:  # None: a handler that is not Python's
                signal.signal(number, previous)


def received(number: int, frame: FrameType | None) -> None:
    """The handler that the system knows."""
    if _State.holding:
        _State.waiting += (number,)
    else:
        _State.handler(number)


def _numbers() -> list[int]:
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def _install(also: int = 0) -> None:
    """Take the signals over, but for those that the process inherited as ignored (nohup)."""
    for number in _numbers():
        if number == also or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, received)


def _end(number: int) -> NoReturn:
    ending()
    with contextlib.suppress(OSError):
        os.write(2, f"{MESSAGE}\n".encode())
    os._exit(INTERRUPTED)
