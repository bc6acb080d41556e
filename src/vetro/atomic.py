"""Atomic replacement of a file: a reader sees the old content or the new, never a part.

The new content is written to a temporary file in the same folder, forced to the disk, and then
renamed in one step.  If anything fails, the old file is unchanged.  The next process that writes
the same file removes what a killed process left.  This module does not look at the content.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from vetro.errors import VetroError, error
from vetro.owned import is_at, lock, remove_abandoned
from vetro.signals import held

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
"""The system's errors that say nothing about the one file that is written."""

# The system's errors in the words of the messages, and how to fix them.
_REASONS = {
    "no space left on device": ("disk full", "Free some space."),
    "disk quota exceeded": ("disk quota exceeded", "Free some space."),
    "no such file or directory": ("no such folder", "Create the folder first."),
    "not a directory": ("no such folder", "Create the folder first."),
    "is a directory": ("it is a folder", "Add a file name."),
    "bad file descriptor": ("it is closed", "Redirect it to a file."),
    "it is closed": ("it is closed", "Redirect it to a file."),
    "file too large": ("file too large for this system", "Raise the limit on file sizes."),
}


@contextlib.contextmanager
def atomic_file(
    path: str | os.PathLike[str], what: str = "", *, size: int = 0
) -> Iterator[BinaryIO]:
    """A binary file, readable and seekable, that becomes `path` when the block ends.

    An exception in the block leaves `path` as it was and removes the temporary file.
    An OSError, from here or from the block, becomes E503, which calls the file `what`
    (the path itself if empty).  size: the bytes to write, if known.  A device or a pipe cannot be
    replaced: it is written directly, and is neither readable nor seekable.
    """
    # A link is followed, so that the file it points to is replaced and not the link.
    target = Path(os.path.realpath(path))
    temporary = target
    try:
        if target.exists() and not target.is_file() and not target.is_dir():
            with target.open("wb") as device:
                yield device
            return
        if target.is_dir():
            raise IsADirectoryError(21, "Is a directory")
        _remove_abandoned_parts(target)
        with contextlib.ExitStack() as stack:
            with held():  # an interruption finds the file's name known
                temporary, file = _temporary(target)
                stack.enter_context(file)
            if target.exists():
                temporary.chmod(target.stat().st_mode & 0o7777)
            yield file
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(target)  # while it is locked
        _sync_folder(target.parent)
    except OSError as failure:
        raise cannot_save(path, failure, what, size=size) from failure
    finally:
        # After the replacement the name no longer exists.
        if temporary != target:
            with contextlib.suppress(OSError):
                temporary.unlink()


def write_whole(path: str | os.PathLike[str], content: bytes, what: str = "") -> None:
    """Replace `path` by this content; see atomic_file."""
    with atomic_file(path, what, size=len(content)) as file:
        file.write(content)


def _temporary(target: Path) -> tuple[Path, BinaryIO]:
    """A new file beside the target, locked for as long as it is open."""
    while True:
        path = target.with_name(f".{target.name[:200]}.{secrets.token_hex(6)}.part")
        file = path.open("x+b")
        lock(file.fileno())
        if is_at(file.fileno(), path):  # else another process took it for abandoned just now
            return path, file
        file.close()


def _remove_abandoned_parts(target: Path) -> None:
    """Remove the temporary files of this target whose writers are dead."""
    name = re.compile(re.escape(f".{target.name[:200]}.") + r"[0-9a-f]{12}\.part")
    with contextlib.suppress(OSError), os.scandir(target.parent) as entries:
        for entry in entries:
            if name.fullmatch(entry.name):
                remove_abandoned(Path(entry.path))


def cannot_save(
    path: str | os.PathLike[str],
    failure: OSError,
    what: str = "",
    *,
    size: int = 0,
    otherwise: str = "Choose another path.",
) -> VetroError:
    """The E503 of a system error met while writing `path`.

    size: the bytes to write, if known.  otherwise: the fix of an error that has none of its own.
    """
    text = (failure.strerror or str(failure) or type(failure).__name__).lower()
    reason, fix = _REASONS.get(text, (text, otherwise))
    if size and failure.errno in (errno.ENOSPC, errno.EDQUOT):
        fix = f"Free {-(-size // 10**6):,} MB."
    intact = "The file there is as it was. " if Path(path).is_file() else ""
    return error("E503", what=what or os.fspath(path), reason=reason, intact=intact, fix=fix)


def _sync_folder(folder: Path) -> None:
    """Force the folder's entry to the disk; some systems cannot, and then it stays undone."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
