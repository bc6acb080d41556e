"""Handlers of torch's functions, methods and operators on stand-ins: activations and layers.

A handler takes the trace and then the arguments of torch's function.  It raises NotUnderstood or
TypeError for arguments that it does not know.  lower_arithmetic.py has sums and products,
lower_shapes.py has shapes.
"""

from __future__ import annotations

import operator
from inspect import Parameter, Signature
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from vetro.networks import lower_arithmetic, lower_shapes
from vetro.networks.activations.table import BY_NAME, activation_of, defaults_of
from vetro.networks.refusal import NotUnderstood
from vetro.networks.standin import Handler, StandIn, Trace, Value, Weight, by_name, value_of

_SYMBOLS = {
    "add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%",
    "pow": "**", "matmul": "@", "and_": "&", "or_": "|", "xor": "^", "lt": "<", "le": "<=",
    "gt": ">", "ge": ">=", "eq": "==", "ne": "!=", "getitem": "[]", "inv": "~",
    "iadd": "+=", "isub": "-=", "imul": "*=", "itruediv": "/=", "imatmul": "@=", "ipow": "**=",
}  # fmt: skip


def name_of(target: Any) -> str:
    """The name of an operation in messages: torch.sin, Tensor.sin, the operator **."""
    if isinstance(target, str):
        return f"Tensor.{target}"
    name = getattr(target, "__name__", str(target))
    if getattr(target, "__module__", "") == "_operator":
        return f"the operator {_SYMBOLS.get(name, name)}"
    if getattr(torch, name, None) is target:
        return f"torch.{name}"
    if hasattr(functional, name):
        return f"torch.nn.functional.{name}"
    return f"Tensor.{name}" if hasattr(torch.Tensor, name) else name


def find(target: Any) -> Handler | None:
    """The handler of an operator, of a torch function, or (if target is a text) of a method."""
    if target in _OTHERS:
        return _OTHERS[target]
    return _BY_NAME.get(target if isinstance(target, str) else _own_name(target))


def _own_name(function: Any) -> str:
    """The name of a function of torch or an operator, "" for any other."""
    name: str = getattr(function, "__name__", "")
    homes = (torch, functional, operator)
    known = any(getattr(home, name, None) == function for home in homes)
    return name if known or torch.overrides.is_tensor_method_or_property(function) else ""


def _activation(function: str) -> Handler:
    """The handler of torch.nn.functional.`function`, which may be several activations."""
    names = [name for name in BY_NAME if activation_of(name).torch.function == function]
    usual = activation_of(names[0]).torch
    settings = defaults_of(names[0])
    place, word = Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY
    signature = Signature([
        Parameter("input", place),
        *(Parameter(name, place, default=value) for name, value in settings.items()),
        *([Parameter("inplace", place, default=False)] if usual.in_place else ()),
        *(Parameter(name, word, default=value) for name, value in usual.options.items()),
    ])  # fmt: skip

    def handle(t: Trace, *args: Any, **kwargs: Any) -> StandIn:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        given = bound.arguments
        options = {option: given[option] for option in usual.options}
        meant = [name for name in names if activation_of(name).torch.options == options]
        if not meant:
            shown = ", ".join(f"{option}={value!r}" for option, value in options.items())
            raise NotUnderstood(f"{function} with {shown}")
        x, numbers = given["input"], tuple(float(given[setting]) for setting in settings)
        made = t.assembly.activation(value_of(x), meant[0], numbers, t.where())
        if given.get("inplace"):
            return replace(t, x, made)
        return t.tensor(made, x.held.squeezed)

    return handle


def replace(t: Trace, x: Any, made: int) -> StandIn:
    """Let the tensor x hold the value `made` from now on, as after an in-place operation."""
    value = value_of(x)
    if not t.assembly.may_change(value, but_for=made):
        raise NotUnderstood("changes in place a tensor that is needed elsewhere")
    x.held.storage.value = made
    return x  # type: ignore[no-any-return]


def dropout(
    t: Trace, input: Any, p: float = 0.5, training: bool = True, inplace: bool = False
) -> StandIn:
    value = value_of(input)
    if not training or p == 0:
        return lower_shapes.same(t, input)
    made = t.assembly.dropout(value, float(p), t.where())
    return replace(t, input, made) if inplace else t.tensor(made, input.held.squeezed)


def torch_dropout(t: Trace, input: Any, p: float, train: bool) -> StandIn:
    return dropout(t, input, p, train)


def linear(t: Trace, input: Any, weight: Any, bias: Any = None) -> StandIn:
    parameter = _parameter(weight, "weight")
    offset = None if bias is None else _parameter(bias, "bias")
    return t.tensor(t.assembly.affine(_matrix(input), parameter, offset, t.where()))


def matmul(t: Trace, input: Any, other: Any) -> StandIn:
    return t.tensor(t.assembly.affine(_matrix(input), _turned(other), None, t.where()))


def addmm(t: Trace, input: Any, mat1: Any, mat2: Any) -> StandIn:
    bias = _parameter(input, "bias")
    return t.tensor(t.assembly.affine(_matrix(mat1), _turned(mat2), bias, t.where()))


def layer_norm(
    t: Trace,
    input: Any,
    normalized_shape: Any,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
) -> StandIn:
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    learned = [None if held is None else _parameter(held, "weight") for held in (weight, bias)]
    return t.tensor(
        t.assembly.layer_norm(_matrix(input), shape, learned[0], learned[1], float(eps), t.where())
    )


def _matrix(x: Any) -> int:
    """The value of a stand-in of shape (rows, features)."""
    value = value_of(x)
    if x.held.squeezed:
        raise NotUnderstood("a layer reads a tensor of shape (rows,)")
    return value


def _turned(weight: Any) -> nn.Parameter:
    """The parameter W of a product with W^T."""
    if not (isinstance(weight, StandIn) and isinstance(weight.held, Weight)):
        raise NotUnderstood("multiplies by a matrix that is not a transposed parameter")
    if not weight.held.transposed:
        raise NotUnderstood("multiplies by a weight stored as (in, out), not as (out, in)")
    return weight.held.parameter


def _parameter(held: Any, role: str) -> nn.Parameter:
    if isinstance(held, StandIn) and isinstance(held.held, Weight):
        if held.held.transposed:
            raise NotUnderstood(f"takes a transposed parameter as its {role}")
        return held.held.parameter
    if isinstance(held, nn.Parameter):
        return held
    if isinstance(held, StandIn) and isinstance(held.held, Value):
        raise NotUnderstood(f"its {role} depends on the data")
    raise NotUnderstood(f"its {role} is not a parameter")


def _in_place(handler: Handler) -> Handler:
    def change(t: Trace, input: Any, *args: Any, **kwargs: Any) -> StandIn:
        made = handler(t, input, *args, **kwargs)
        return replace(t, input, value_of(made))

    return change


_ACTIVATIONS: dict[str, Handler] = {
    function: _activation(function)
    for function in {activation_of(name).torch.function: None for name in BY_NAME}
    if function
}

_CHANGING = _ACTIVATIONS | lower_arithmetic.HANDLERS
"""What has an in-place form."""

_BY_NAME = (
    _CHANGING
    | {f"__{name}__": handler for name, handler in _CHANGING.items()}
    | {
        form.format(name): _in_place(handler)
        for name, handler in _CHANGING.items()
        for form in ("{}_", "i{}", "__i{}__")  # add_, operator.iadd, __iadd__
    }
    | lower_shapes.HANDLERS
    | by_name({
        "linear": linear,
        "matmul mm dsmm spmm __matmul__": matmul,
        "addmm": addmm,
        "dropout": dropout,
        "layer_norm": layer_norm,
    })
)  # fmt: skip
"""The meaning of a name in torch, torch.nn.functional, operator and Tensor."""

_OTHERS: dict[Any, Handler] = {
    torch.special.expit: _ACTIVATIONS["sigmoid"],
    torch.dropout: torch_dropout,
    torch.reshape: lower_shapes.torch_reshape,
}
"""Functions that mean something else than their name."""
