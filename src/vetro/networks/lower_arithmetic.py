"""Sums, differences, products and quotients on stand-ins.

A tensor and a constant become a scale operation, two tensors an add operation.  A quotient by c
becomes a product with 1 / c, which may differ from torch's quotient in the last bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from vetro.networks.refusal import NotUnderstood
from vetro.networks.standin import RowCount, StandIn, Trace, Weight, by_name, is_value, value_of

Numbers = NDArray[np.float64]
_ONE: Numbers = np.array(1.0)
_MINUS: Numbers = np.array(-1.0)
_ZERO: Numbers = np.array(0.0)


def add(t: Trace, input: Any, other: Any, *, alpha: float = 1) -> StandIn:
    if is_value(input) and is_value(other):
        return _sum(t, input, other, float(alpha))
    if not is_value(input) and alpha != 1:
        raise NotUnderstood("adds a multiple of the data to a constant")
    input, other = _ordered(input, other)
    bias = _bias(other)
    if bias is not None:
        if alpha != 1 or input.held.squeezed:
            raise NotUnderstood("adds a parameter to data")
        return t.tensor(t.assembly.with_bias(value_of(input), bias, t.where()))
    return _scaled(t, input, _ONE, float(alpha) * constant(t, input, other))


def sub(t: Trace, input: Any, other: Any, *, alpha: float = 1) -> StandIn:
    if is_value(input) and is_value(other):
        return _sum(t, input, other, -float(alpha))
    if is_value(input):
        return _scaled(t, input, _ONE, -float(alpha) * constant(t, input, other))
    if alpha != 1:
        raise NotUnderstood("subtracts a multiple of the data from a constant")
    return _scaled(t, other, _MINUS, constant(t, other, input))


def rsub(t: Trace, input: Any, other: Any, *, alpha: float = 1) -> StandIn:
    return sub(t, other, input, alpha=alpha)


def mul(t: Trace, input: Any, other: Any) -> StandIn:
    if is_value(input) and is_value(other):
        return _silu(t, input, other)
    input, other = _ordered(input, other)
    return _scaled(t, input, constant(t, input, other), _ZERO)


def div(t: Trace, input: Any, other: Any) -> StandIn:
    if not is_value(input) or is_value(other):
        raise NotUnderstood("divides by data")
    divisor = constant(t, input, other)
    if not divisor.all():
        raise NotUnderstood("divides by zero")
    return _scaled(t, input, 1 / divisor, _ZERO)


def reflected_div(t: Trace, input: Any, other: Any) -> StandIn:
    return div(t, other, input)


def neg(t: Trace, input: Any) -> StandIn:
    return _scaled(t, input, _MINUS, _ZERO)


def constant(t: Trace, x: Any, other: Any) -> Numbers:
    """A number or constant tensor that broadcasts over x's rows: () or (features,)."""
    value_of(x)
    if isinstance(other, StandIn) and isinstance(other.held, RowCount):
        raise NotUnderstood("computes with the number of rows")
    if isinstance(other, StandIn | nn.Parameter):
        raise NotUnderstood("computes with a parameter in another way than adding a bias")
    if isinstance(other, bool | int | float | np.floating | np.integer):
        return np.array(other, dtype=np.float64)
    if not isinstance(other, Tensor):
        raise NotUnderstood(f"computes with a {type(other).__name__}")
    if other.requires_grad:
        raise NotUnderstood("computes with a tensor that needs a gradient")
    if other.device.type != "cpu" or other.is_complex():
        raise NotUnderstood("computes with a complex tensor, or one that is not on the CPU")
    own = t.assembly.dtype or torch.float32
    if torch.result_type(torch.empty((1, 1), dtype=own), other) != own:
        raise NotUnderstood(f"computes with a tensor of {other.dtype}, the module is {own}")
    numbers: Numbers = other.detach().to(torch.float64).numpy()
    if numbers.size == 1 and (numbers.ndim < 2 or not x.held.squeezed) and numbers.ndim <= 2:
        return numbers.reshape(())
    columns = numbers.reshape(-1)
    if (
        x.held.squeezed
        or numbers.ndim > 2
        or numbers.shape != (*(1,) * (numbers.ndim - 1), columns.size)
    ):
        raise NotUnderstood(f"computes with a tensor of shape {tuple(other.shape)}")
    return columns


def _ordered(first: Any, second: Any) -> tuple[Any, Any]:
    """Both operands, first the one that depends on the input; NotUnderstood if none does."""
    if is_value(first):
        return first, second
    value_of(second if is_value(second) or not isinstance(first, StandIn) else first)
    return second, first


def _bias(other: Any) -> nn.Parameter | None:
    if isinstance(other, StandIn) and isinstance(other.held, Weight) and not other.held.transposed:
        return other.held.parameter
    return other if isinstance(other, nn.Parameter) else None


def _scaled(t: Trace, x: Any, factor: ArrayLike, shift: ArrayLike) -> StandIn:
    numbers = np.asarray(factor, np.float64), np.asarray(shift, np.float64)
    made = t.assembly.scale(value_of(x), *numbers, t.where())
    return t.tensor(made, x.held.squeezed)


def _sum(t: Trace, first: Any, second: Any, factor: float) -> StandIn:
    """first + factor * second."""
    values = value_of(first), value_of(second)
    if first.held.squeezed != second.held.squeezed:
        raise NotUnderstood("adds shapes (rows,) and (rows, features)")
    if factor != 1:
        second = _scaled(t, second, np.array(factor), _ZERO)
        values = values[0], value_of(second)
    return t.tensor(t.assembly.add(*values, t.where()), first.held.squeezed)


def _silu(t: Trace, first: Any, second: Any) -> StandIn:
    """x * sigmoid(x), the only product of data with data that is understood."""
    values = value_of(first), value_of(second)
    for plain, gate in (values, values[::-1]):
        made_by = t.assembly.producer(gate)
        if made_by and made_by.function == "sigmoid" and made_by.inputs == (plain,):
            if first.held.squeezed != second.held.squeezed:
                break
            made = t.assembly.activation(plain, "silu", (), t.where())
            return t.tensor(made, first.held.squeezed)
    raise NotUnderstood("multiplies data by data")


HANDLERS = by_name({
    "add radd": add,
    "sub subtract": sub,
    "rsub": rsub,
    "mul multiply rmul": mul,
    "div divide true_divide truediv": div,
    "rdiv rtruediv": reflected_div,
    "neg negative": neg,
})  # fmt: skip
"""They have in-place forms, too."""
