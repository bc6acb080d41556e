"""The interface of a trace for the handlers of calls, and functions that read its stand-ins."""

from __future__ import annotations

from typing import Any, Protocol

from vetro.networks.assembly import Assembly
from vetro.networks.refusal import NotUnderstood
from vetro.networks.standin import RowCount, StandIn, Value, Weight


class Trace(Protocol):
    """The run of a forward to which a call belongs.

    tensor: a new stand-in that holds a value.  where: the name of the present call.  guess_inputs:
    the number of inputs while no operation has fixed it; NotUnderstood if unknown.
    """

    @property
    def assembly(self) -> Assembly: ...

    def tensor(self, value: int, squeezed: bool = False) -> StandIn: ...

    def standin(self, held: Value | Weight | RowCount) -> StandIn: ...

    def where(self) -> str: ...

    def guess_inputs(self) -> int: ...


def value_of(x: Any) -> int:
    """The number of the value that a stand-in holds now; NotUnderstood for anything else."""
    if isinstance(x, StandIn):
        if isinstance(x.held, Value):
            return x.held.storage.value
        if isinstance(x.held, Weight):
            raise NotUnderstood("computes with a parameter without data")
        raise NotUnderstood("computes with the number of rows")
    raise NotUnderstood("changes or reads a tensor that does not depend on the input")


def is_value(x: Any) -> bool:
    return isinstance(x, StandIn) and isinstance(x.held, Value)
