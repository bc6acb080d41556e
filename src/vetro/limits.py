"""The memory that a process may have: enough to begin with, and what running out of it looks like.

Below LEAST_ADDRESS_SPACE DuckDB ends the process with a segmentation fault when it cannot start
its threads, which no handler can catch; numpy and SciPy fail while they are imported.
"""

from __future__ import annotations

import os
import re

from vetro.errors import VetroError, error

LEAST_ADDRESS_SPACE = 1536 << 20
"""Bytes: a small table can be fitted in 1.2 GB; each further core takes some."""

FREE_MEMORY = "Close other programs, use fewer rows, or raise the limit (ulimit -v)."

_MEMORY = re.compile(
    r"out of memory|bad[_ ]alloc|cannot allocate|failed to allocate|unable to allocate|"
    r"failed to map segment|cannot map|can't start new thread|thread-local data|"
    r"resource temporarily unavailable|not enough memory",
    re.IGNORECASE,
)


def check_memory() -> None:
    """E901 where the limit on the address space (`ulimit -v`) is too low to begin.

    Where there is a limit at all, pyarrow is set to reserve little, if it is not loaded yet.
    """
    try:
        import resource
    except ImportError:  # a system without such limits
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return
    # pyarrow's own allocator reserves 1 GB of addresses at a time, the system's does not.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    if limit < LEAST_ADDRESS_SPACE:
        least = LEAST_ADDRESS_SPACE >> 10
        raise error(
            "E901",
            reason=f"the limit on this process's address space is {limit >> 20} MB",
            fix=f"Raise it to {LEAST_ADDRESS_SPACE >> 20} MB or more: ulimit -v {least}.",
        )


def memory_error(failure: BaseException) -> VetroError | None:
    """The E901 of an exception that means that memory ran out, whoever raised it; else None."""
    reason = _reason(failure)
    return error("E901", reason=reason, fix=FREE_MEMORY) if reason else None


def _reason(failure: BaseException) -> str:
    """The resource that was not available, or an empty text."""
    text = " ".join(str(failure).split("Possible solutions")[0].split()).rstrip(". ")
    if isinstance(failure, MemoryError):
        return text or "an array could not be made"
    # DuckDB's errors are RuntimeErrors, ValueErrors and others.
    library = isinstance(failure, ImportError | OSError | RuntimeError)
    if (library or "duckdb" in type(failure).__module__) and _MEMORY.search(text):
        return text
    return _reason(failure.__cause__) if failure.__cause__ is not None else ""
