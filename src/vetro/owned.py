"""Files that belong to a living process: a lock that ends with its owner, however it ends.

The lock is the system's (flock), so that neither a process number that is used again nor another
container is taken for the owner.  Where a system or a file system has no such locks, nothing is
ever taken for abandoned.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Literal

Owner = Literal["ours", "another", "unknown"]


def lock(descriptor: int) -> Owner:
    """Take an open file, without waiting, until it is closed or the process ends."""
    try:
        import fcntl
    except ImportError:
        return "unknown"
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return "another"
    except OSError:
        return "unknown"
    return "ours"


def is_at(descriptor: int, path: Path) -> bool:
    """Whether the open file still has this name."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def remove_abandoned(path: Path) -> None:
    """Remove a file that its dead owner left behind."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDWR)
        try:
            if lock(descriptor) == "ours" and is_at(descriptor, path):
                path.unlink()
        finally:
            os.close(descriptor)
