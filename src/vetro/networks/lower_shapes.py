"""Shapes on stand-ins: calls that keep (rows, features), and (rows, 1) <-> (rows,).

This module also has calls that change nothing here: to(dtype), contiguous(), clone().
"""

from __future__ import annotations

from typing import Any

import torch

from vetro.networks.refusal import NotUnderstood
from vetro.networks.standin import RowCount, StandIn, Trace, Value, Weight, by_name, value_of


def width(t: Trace, x: Any) -> int:
    """The features of a stand-in; those of the input are guessed while they are unknown."""
    value = value_of(x)
    known = t.assembly.width(value)
    if known is None:
        known = t.guess_inputs()
        t.assembly.fix_width(value, known)
    return known


def same(t: Trace, input: Any) -> StandIn:
    """The tensor itself: views of a whole tensor share its memory."""
    value_of(input)
    return input  # type: ignore[no-any-return]


def squeezed(t: Trace, x: Any) -> StandIn:
    """The same memory as (rows,)."""
    if width(t, x) != 1:
        raise NotUnderstood(f"makes one row of {width(t, x)} columns")
    return t.standin(Value(x.held.storage, squeezed=True))


def unsqueezed(t: Trace, x: Any) -> StandIn:
    """The same memory as (rows, 1)."""
    return t.standin(Value(x.held.storage))


def shape(t: Trace, x: Any) -> tuple[Any, ...]:
    value_of(x)
    rows = t.standin(RowCount())
    return (rows,) if x.held.squeezed else (rows, width(t, x))


def size(t: Trace, x: Any, dim: int | None = None) -> Any:
    if isinstance(x.held, Weight):
        parameter = x.held.parameter.T if x.held.transposed else x.held.parameter
        return parameter.shape if dim is None else parameter.shape[dim]
    if dim is not None and dim % len(_dims(x)) == 0:
        return t.standin(RowCount())
    whole = shape(t, x)
    return whole if dim is None else whole[dim]


def dim(t: Trace, x: Any) -> int:
    if isinstance(x.held, Weight):
        return x.held.parameter.dim()
    return len(_dims(x))


def reshape(t: Trace, x: Any, *sizes: Any) -> StandIn:
    """view and reshape, where rows stay rows."""
    value_of(x)
    if len(sizes) == 1 and isinstance(sizes[0], tuple | list):
        sizes = tuple(sizes[0])
    rows, *rest = sizes
    if not _is_rows(rows) and rows != -1:
        raise NotUnderstood(f"a shape that begins with {rows!r}, not with the rows")
    if not rest:
        return x if x.held.squeezed else squeezed(t, x)
    if len(rest) != 1 or not isinstance(rest[0], int):
        raise NotUnderstood("a shape that is not (rows, features)")
    columns = rest[0]
    if x.held.squeezed:
        if columns not in (1, -1):
            raise NotUnderstood(f"(rows,) read as {columns} columns")
        return unsqueezed(t, x)
    if columns != -1:
        t.assembly.fix_width(value_of(x), columns)
    return same(t, x)


def torch_reshape(t: Trace, input: Any, shape: Any) -> StandIn:
    return reshape(t, input, *shape)


def flatten(t: Trace, input: Any, start_dim: int = 0, end_dim: int = -1) -> StandIn:
    value_of(input)
    dims = len(_dims(input))
    start, end = start_dim % dims, end_dim % dims
    return same(t, input) if start == end else squeezed(t, input)


def squeeze(t: Trace, input: Any, dim: Any = None) -> StandIn:
    value_of(input)
    if input.held.squeezed:
        return same(t, input)
    if dim is not None and dim not in (1, -1):
        raise NotUnderstood(f"squeezes dimension {dim}")
    return squeezed(t, input) if width(t, input) == 1 else same(t, input)


def unsqueeze(t: Trace, input: Any, dim: int) -> StandIn:
    value_of(input)
    if not input.held.squeezed or dim not in (1, -1):
        raise NotUnderstood(f"adds dimension {dim}")
    return unsqueezed(t, input)


def getitem(t: Trace, x: Any, index: Any) -> StandIn:
    """x[:, 0] of one column, x[:, None] of (rows,), and indices that select everything."""
    value_of(x)
    everything = slice(None)
    parts = index if isinstance(index, tuple) else (index,)
    known = [part is Ellipsis or part is None or isinstance(part, slice | int) for part in parts]
    if not all(known):
        raise NotUnderstood("takes a part of a tensor")
    if all(part is Ellipsis or part == everything for part in parts):
        return same(t, x)
    if len(parts) == 2 and (parts[0] is Ellipsis or parts[0] == everything):
        if x.held.squeezed and parts[1] is None:
            return unsqueezed(t, x)
        if not x.held.squeezed and parts[1] is not None and parts[1] in (0, -1):
            return squeezed(t, x)
    raise NotUnderstood("takes a part of a tensor")


def to(t: Trace, x: Any, *args: Any, **kwargs: Any) -> StandIn:
    """A conversion to the tensor's own dtype and device."""
    value_of(x)
    own = t.assembly.dtype
    for wanted in (*args, kwargs.pop("dtype", None), kwargs.pop("device", None)):
        if isinstance(wanted, torch.dtype) and wanted != own:
            raise NotUnderstood(f"converts to {wanted}")
        if isinstance(wanted, str | torch.device) and torch.device(wanted).type != "cpu":
            raise NotUnderstood(f"moves to {wanted}")
        if isinstance(wanted, torch.Tensor) and wanted.dtype != own:
            raise NotUnderstood(f"converts to {wanted.dtype}")
    if kwargs.pop("copy", False):
        return clone(t, x)
    return same(t, x)


def clone(t: Trace, input: Any) -> StandIn:
    return t.tensor(value_of(input), input.held.squeezed)


def detach(t: Trace, input: Any) -> StandIn:
    if value_of(input):
        raise NotUnderstood("detaches a tensor: no gradient goes through")
    return same(t, input)


def transpose(t: Trace, input: Any, dim0: int = 0, dim1: int = 1) -> StandIn:
    """The transposed view of a matrix that is a parameter."""
    held = input.held if isinstance(input, StandIn) else None
    if not isinstance(held, Weight) or held.parameter.dim() != 2 or (dim0 - dim1) % 2 == 0:
        raise NotUnderstood("transposes a tensor that is not a weight matrix")
    return t.standin(Weight(held.parameter, not held.transposed))


def numel(t: Trace, x: Any) -> int:
    if isinstance(x.held, Weight):
        return x.held.parameter.numel()
    raise NotUnderstood("computes with the number of rows")


def _dims(x: Any) -> tuple[None, ...]:
    value_of(x)
    return (None,) if x.held.squeezed else (None, None)


def _is_rows(size: Any) -> bool:
    return isinstance(size, StandIn) and isinstance(size.held, RowCount)


HANDLERS = by_name({
    "view reshape": reshape,
    "flatten": flatten,
    "squeeze": squeeze,
    "unsqueeze": unsqueeze,
    "getitem __getitem__": getitem,
    "t T mT transpose swapaxes": transpose,
    "shape": shape,
    "size": size,
    "dim ndimension ndim": dim,
    "numel": numel,
    "to type_as": to,
    "float": lambda t, x: to(t, x, torch.float32),
    "double": lambda t, x: to(t, x, torch.float64),
    "contiguous cpu pos __pos__ positive": same,
    "clone": clone,
    "detach": detach,
})  # fmt: skip
