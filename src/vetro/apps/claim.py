"""Claiming the folder of a run: one process at a time writes into it.

The claim is a locked file `.lock` in the folder.  It is removed when the run has ended.  If a dead
process left it, the run never ended.
"""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from vetro.owned import is_at, lock

NAME = ".lock"


class Claimed(Exception):
    """Another living process writes into the folder."""

    def __init__(self, owner: str) -> None:
        self.owner = f"process {owner}" if owner.isdecimal() else "another process"
        super().__init__(self.owner)


@dataclass(frozen=True)
class Claim:
    """A folder that this process has claimed.  is_new: no dead process had claimed it before."""

    path: Path
    descriptor: int
    is_new: bool

    def ended(self) -> None:
        """The run is complete, or nothing is left of it: it need not be resumed."""
        with contextlib.suppress(OSError):
            self.path.unlink()

    def release(self) -> None:
        """Let another process have the folder."""
        os.close(self.descriptor)


def claim(folder: Path) -> Claim:
    """Claim an existing folder; Claimed if a living process has it, or the system's OSError."""
    path = folder / NAME
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            if lock(descriptor) == "another":
                raise Claimed(os.pread(descriptor, 20, 0).decode(errors="replace").strip())
            # Its owner may have ended and removed it between the two steps.
            if is_at(descriptor, path):
                was_claimed = os.fstat(descriptor).st_size > 0
                _sign(descriptor, path)
                return Claim(path, descriptor, not was_claimed)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _sign(descriptor: int, path: Path) -> None:
    """Write the owner into the file; on a full disk nothing is left of a new one."""
    try:
        os.pwrite(descriptor, f"{os.getpid()}".ljust(20).encode(), 0)
    except OSError:
        entry = os.fstat(descriptor)
        if stat.S_ISREG(entry.st_mode) and entry.st_size == 0:
            path.unlink()
        raise


def is_claimed(folder: Path) -> bool:
    """Whether a living process writes into the folder."""
    try:
        descriptor = os.open(folder / NAME, os.O_RDWR)
    except OSError:
        return False
    try:
        return lock(descriptor) == "another"
    finally:
        os.close(descriptor)


def was_claimed(folder: Path) -> bool:
    """Whether a process claimed the folder and did not end the run: it is running or was killed."""
    return (folder / NAME).exists()
