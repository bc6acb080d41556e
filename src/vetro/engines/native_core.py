"""The compiled core, vetro._native, imported only here.

If it was not built, or the processor has none of its instruction sets, `core` raises and
`why_not_native` says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from vetro.limits import memory_error

if TYPE_CHECKING:
    from vetro import _native as _native


class Core(Protocol):
    """The names of vetro._native; what each is stands in _native.pyi, which is generated."""

    Operation: type[_native.Operation]
    Program: type[_native.Program]
    Rows: type[_native.Rows]
    Loss: type[_native.Loss]
    Group: type[_native.Group]
    Range: type[_native.Range]
    Optimizer: type[_native.Optimizer]
    Settings: type[_native.Settings]
    Counters: type[_native.Counters]
    State: type[_native.State]
    Epoch: type[_native.Epoch]
    Trainer: type[_native.Trainer]
    Predictor: type[_native.Predictor]
    Squares: type[_native.Squares]
    Cholesky: type[_native.Cholesky]

    def isa(self) -> str: ...

    def cores(self) -> int: ...

    def advance_many(
        self, trainers: Sequence[_native.Trainer], seconds: float, threads: int = 0
    ) -> list[str]: ...


@cache
def core() -> Core:
    """The module vetro._native; ImportError where it was not built."""
    return cast(Core, import_module("vetro._native"))


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
