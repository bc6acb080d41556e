"""The compiled core, vetro._native, imported only here.

If it was not built, or the processor has none of its instruction sets, `core` raises and
`why_not_native` says why.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from vetro.limits import memory_error


@cache
def core() -> Any:
    """The module vetro._native; ImportError where it was not built."""
    return import_module("vetro._native")


@cache
def why_not_native() -> str:
    """Why the native engine cannot run on this machine, "" if it can."""
    try:
        instructions = core().isa()
    except ImportError as failed:
        if no_memory := memory_error(failed):
            raise no_memory from failed
        return f"the native engine is not built ({failed})"
    if not instructions:
        return "this processor has none of the instruction sets of the native engine"
    return ""
