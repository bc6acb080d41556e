"""Stand-ins: objects that a forward receives instead of tensors, to record its operations.

Through torch.fx's proxy, a stand-in receives every operator, method and torch function and passes
it to its trace.  It knows shapes, but no numbers.  lower_calls.py has the meaning of the calls.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, fx, nn

from vetro.networks.assembly import Assembly
from vetro.networks.refusal import NotUnderstood


@dataclass(slots=True)
class Storage:
    """The memory of a tensor, with the value that it holds now.  Views share it."""

    value: int


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor that depends on the input: (rows, features), or (rows,) if squeezed."""

    storage: Storage
    squeezed: bool = False


@dataclass(frozen=True, slots=True)
class Weight:
    """A parameter of the module, or its transposed view."""

    parameter: nn.Parameter
    transposed: bool = False


@dataclass(frozen=True, slots=True)
class RowCount:
    """The number of rows: x.shape[0]."""


class Trace(Protocol):
    """The run of a forward, to which its stand-ins report their calls.

    tensor: a new stand-in that holds a value.  where: the name of the present call.  guess_inputs:
    the number of inputs while no operation has fixed it; NotUnderstood if unknown.
    """

    @property
    def assembly(self) -> Assembly: ...

    def tensor(self, value: int, squeezed: bool = False) -> StandIn: ...

    def standin(self, held: Value | Weight | RowCount) -> StandIn: ...

    def where(self) -> str: ...

    def guess_inputs(self) -> int: ...

    def call(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any: ...

    def attribute(self, standin: StandIn, name: str) -> Any: ...

    def refuse(self, reason: str) -> Exception: ...


Handler = Callable[..., Any]
"""A call's meaning: takes the trace and the arguments of torch's function."""


class StandIn(fx.Proxy):
    """A tensor of the forward (Value, Weight), or its number of rows."""

    def __init__(self, tracer: Trace, held: Value | Weight | RowCount) -> None:
        # fx's own initialiser is not called: there is no graph, the trace assembles the network.
        self.tracer: Any = tracer
        self.held = held

    def __repr__(self) -> str:
        return f"StandIn({self.held})"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(Tensor, name):
            raise AttributeError(f"a tensor has no attribute {name!r}")
        return self.tracer.attribute(self, name)

    def __bool__(self) -> bool:
        raise self.tracer.refuse("{forward} branches on its data")

    def __iter__(self) -> Iterator[fx.Proxy]:
        raise self.tracer.refuse("{forward} iterates over a tensor's rows")

    def __len__(self) -> int:
        raise self.tracer.refuse("{forward} asks for a number of rows")

    def _number(self) -> Any:
        raise self.tracer.refuse("{forward} turns data into a Python number")

    __int__ = __float__ = __index__ = __complex__ = _number

    def __array__(self, *arguments: Any) -> Any:
        raise self.tracer.refuse("{forward} turns data into a NumPy array")

    def __contains__(self, item: object) -> bool:
        raise self.tracer.refuse("{forward} branches on its data")

    def __setitem__(self, key: Any, value: Any) -> None:
        raise self.tracer.refuse("{forward} writes into a tensor")

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        raise self.tracer.refuse("{forward} copies a tensor")

    @classmethod
    def __torch_function__(
        cls, orig_method: Any, types: Any, args: Any = None, kwargs: Any = None
    ) -> Any:
        tracer = _tracer_of((*(args or ()), *(kwargs or {}).values()))
        return tracer.call(orig_method, tuple(args or ()), dict(kwargs or {}))


def method(standin: StandIn, name: str) -> Handler:
    """The bound method `name` of a stand-in."""
    return lambda *args, **kwargs: standin.tracer.call(name, (standin, *args), kwargs)


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


def by_name(listed: dict[str, Handler]) -> dict[str, Handler]:
    """A table of handlers by each of the names in its keys."""
    return {name: handler for names, handler in listed.items() for name in names.split()}


def _tracer_of(arguments: Any) -> Any:
    for argument in arguments:
        if isinstance(argument, StandIn):
            return argument.tracer
        if isinstance(argument, list | tuple):
            found = _tracer_of(argument)
            if found is not None:
                return found
    return None


def _take_operators() -> None:
    """Let every arithmetic operator report its own name, including in-place and reflected ones."""
    arithmetic = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul")
    for name in (*arithmetic, "and", "or", "xor", "lshift", "rshift"):
        plain = getattr(operator, f"__{name}__")
        in_place = getattr(operator, f"__i{name}__")
        setattr(StandIn, f"__{name}__", _operator(plain))
        setattr(StandIn, f"__i{name}__", _operator(in_place))
        setattr(StandIn, f"__r{name}__", _operator(plain, reflected=True))
    for name in ("neg", "pos", "abs", "invert", "getitem", "eq", "ne", "lt", "le", "gt", "ge"):
        setattr(StandIn, f"__{name}__", _operator(getattr(operator, f"__{name}__")))


def _operator(function: Any, reflected: bool = False) -> Any:
    def report(self: StandIn, *others: Any) -> Any:
        args = (*others, self) if reflected else (self, *others)
        return self.tracer.call(function, args, {})

    return report


_take_operators()
