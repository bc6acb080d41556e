"""Assembling a lowered network, operation by operation, with parameters that are still tensors.

This module knows widths and parameters, but not how a forward is read.  Values are numbered as in
lowered.py.  The width of the input is None until an operation fixes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.parameter import is_lazy

from vetro.networks.activations.table import activation_of
from vetro.networks.lowered import Kind, LoweredNetwork, Operation
from vetro.networks.network import ParameterSlot
from vetro.networks.refusal import NotUnderstood

Numbers = NDArray[np.float64]
DTYPES = (torch.float32, torch.float64)


@dataclass(slots=True)
class Assembly:
    """The operations so far.  Every method that adds an operation returns the value that it writes.

    declared: hooks on gradients are ignored; see lower_module.  A draft is an Operation whose
    weight and bias are the ids of `parameters`, and whose constants may be single numbers.
    """

    inputs: int | None = None
    declared: bool = False
    drafts: list[Operation] = field(default_factory=list)
    widths: list[int | None] = field(default_factory=lambda: [None])
    parameters: dict[int, nn.Parameter] = field(default_factory=dict)
    dtype: torch.dtype | None = None

    def width(self, value: int) -> int | None:
        known = self.widths[value]
        return self.inputs if known is None else known

    def fix_width(self, value: int, width: int) -> None:
        """Fix the width of `value`; NotUnderstood if it has another width."""
        known = self.width(value)
        if known is None:
            self.inputs = width
        elif known != width:
            raise NotUnderstood(f"{width} columns are needed where there are {known}")

    def producer(self, value: int) -> Operation | None:
        """The operation that writes a value; None for the input."""
        return self.drafts[value - 1] if value else None

    def affine(
        self, value: int, weight: nn.Parameter, bias: nn.Parameter | None, where: str
    ) -> int:
        if weight.dim() != 2:
            raise NotUnderstood(f"a weight of shape {tuple(weight.shape)} is not a matrix")
        outputs, inputs = weight.shape
        if bias is not None and tuple(bias.shape) != (outputs,):
            raise NotUnderstood(f"a bias of shape {tuple(bias.shape)} for {outputs} outputs")
        self.fix_width(value, inputs)
        return self._put(
            "affine", (value,), outputs, where, weight=self._use(weight), bias=self._use(bias)
        )

    def with_bias(self, value: int, bias: nn.Parameter, where: str) -> int:
        """Give the affine operation that wrote `value` a bias, if it has none."""
        made_by = self.producer(value)
        if made_by is None or made_by.weight is None or made_by.bias is not None:
            raise NotUnderstood("adds a parameter to a value that is not a product with a weight")
        if made_by.kind != "affine":
            raise NotUnderstood("adds a parameter to a layer norm")
        return self.affine(made_by.inputs[0], self.parameters[made_by.weight], bias, where)

    def activation(self, value: int, function: str, numbers: tuple[float, ...], where: str) -> int:
        if not all(0 <= number < np.inf for number in numbers):
            raise NotUnderstood(f"a {function} with the numbers {numbers}")
        width = self.widths[value]
        return self._put("activation", (value,), width, where, function=function, numbers=numbers)

    def layer_norm(
        self,
        value: int,
        shape: Sequence[int],
        weight: nn.Parameter | None,
        bias: nn.Parameter | None,
        eps: float,
        where: str,
    ) -> int:
        if len(shape) != 1:
            raise NotUnderstood(f"a layer norm over {len(shape)} dimensions")
        for parameter in (weight, bias):
            if parameter is not None and tuple(parameter.shape) != tuple(shape):
                raise NotUnderstood("a layer norm's parameters do not have its shape")
        self.fix_width(value, shape[0])
        return self._put(
            "layer_norm",
            (value,),
            shape[0],
            where,
            numbers=(eps,),
            weight=self._use(weight),
            bias=self._use(bias),
        )

    def dropout(self, value: int, share: float, where: str) -> int:
        """Dropout: the share > 0 of the values is set to zero in training."""
        if not 0 <= share < 1:
            raise NotUnderstood(f"a dropout of {share:g}")
        if share == 0:
            return value
        return self._put("dropout", (value,), self.widths[value], where, numbers=(share,))

    def scale(self, value: int, factor: Numbers, shift: Numbers, where: str) -> int:
        """y = x * factor + shift; factor and shift are () or (features,).

        A product and the sum after it become one operation, which rounds once while torch rounds
        twice.  (x - mean) / std stays two operations: as a single one, x / std - mean / std, it
        would lose digits by cancellation.
        """
        for constant in (factor, shift):
            if not np.isfinite(constant).all():
                raise NotUnderstood("a constant is not finite")
            if constant.ndim == 1:
                self.fix_width(value, constant.size)
        made_by = self.producer(value)
        if made_by is not None and made_by.kind == "scale" and bool((factor == 1).all()):
            earlier, nothing = made_by.constants
            if not nothing.any():
                value, factor = made_by.inputs[0], earlier
        return self._put("scale", (value,), self.widths[value], where, constants=(factor, shift))

    def add(self, first: int, second: int, where: str) -> int:
        for one, other in ((first, second), (second, first)):
            known = self.width(other)
            if known is not None:
                self.fix_width(one, known)
        width = self.widths[second] if self.widths[first] is None else self.widths[first]
        return self._put("add", (first, second), width, where)

    def may_change(self, value: int, but_for: int = -1) -> bool:
        """Whether torch allows this value to be overwritten: no derivative needs its old content,
        except that of the overwriting operation, which writes `but_for`."""
        made_by = self.producer(value)
        if made_by is None or activation_of(made_by.function).torch.in_place_from_output:
            return False
        return all(
            draft.kind in ("add", "scale") or activation_of(draft.function).torch.from_output
            for draft in self.drafts
            if value in draft.inputs and draft.output != but_for
        )

    def finish(
        self, output: int, named: Iterable[tuple[str, nn.Parameter]]
    ) -> tuple[LoweredNetwork, tuple[nn.Parameter, ...]]:
        """The network that computes `output`, without operations that it does not need.

        named: the module's parameters; the slots are in their order.
        """
        needed = {output}
        kept: list[Operation] = []
        for draft in reversed(self.drafts):
            if draft.output in needed:
                needed.update(draft.inputs)
                kept.append(draft)
        kept.reverse()
        used = {one for draft in kept for one in (draft.weight, draft.bias)} - {None}
        slots: list[ParameterSlot] = []
        parameters: list[nn.Parameter] = []
        number_of: dict[int | None, int | None] = {None: None}
        offset = 0
        for name, parameter in named:
            if id(parameter) in used:
                number_of[id(parameter)] = len(slots)
                slots.append(ParameterSlot(name, tuple(parameter.shape), offset))
                parameters.append(parameter)
                offset += parameter.numel()
        if len(slots) < len(used):
            raise NotUnderstood("the forward uses a parameter that is not the module's")
        if not slots:
            raise NotUnderstood("the forward uses no parameter of the module")
        _check_apart(parameters)
        width = self.inputs
        if width is None:
            raise NotUnderstood("the number of inputs is not known")
        value_of = {0: 0}
        widths = [width]
        operations = []
        for draft in kept:
            known = self.widths[draft.output]
            columns = width if known is None else known
            value_of[draft.output] = len(widths)
            widths.append(columns)
            operations.append(
                replace(
                    draft,
                    inputs=tuple(value_of[value] for value in draft.inputs),
                    output=value_of[draft.output],
                    weight=number_of[draft.weight],
                    bias=number_of[draft.bias],
                    constants=tuple(
                        np.ascontiguousarray(np.broadcast_to(constant, (columns,)))
                        for constant in draft.constants
                    ),
                )
            )
        if 0 in widths:
            raise NotUnderstood("a layer has no columns")
        dtype: Literal["float32", "float64"]
        dtype = "float64" if self.dtype == torch.float64 else "float32"
        network = LoweredNetwork(tuple(operations), tuple(widths), tuple(slots), dtype)
        return network, tuple(parameters)

    def _put(
        self, kind: Kind, inputs: tuple[int, ...], width: int | None, where: str, **others: Any
    ) -> int:
        """Add an operation; others: its fields."""
        output = len(self.widths)
        self.drafts.append(Operation(kind, inputs, output, where=where, **others))
        self.widths.append(width)
        return output

    def _use(self, parameter: nn.Parameter | None) -> int | None:
        """Its id; each is checked once: the native engine must be able to read and write it."""
        if parameter is None:
            return None
        if id(parameter) in self.parameters:
            return id(parameter)
        if type(parameter) is not nn.Parameter:
            raise NotUnderstood(f"a parameter is a {type(parameter).__name__}")
        if is_lazy(parameter):
            raise NotUnderstood("a parameter has no shape yet")
        if parameter.device.type != "cpu":
            raise NotUnderstood(f"a parameter is on {parameter.device}")
        if self.dtype is None:
            self.dtype = parameter.dtype
        if parameter.dtype not in DTYPES or parameter.dtype != self.dtype:
            names = sorted({_dtype_name(self.dtype), _dtype_name(parameter.dtype)})
            raise NotUnderstood(f"its parameters are {' and '.join(names)}")
        if not parameter.is_contiguous():
            raise NotUnderstood("a parameter is not contiguous")
        hooks = parameter._backward_hooks or parameter._post_accumulate_grad_hooks
        if hooks and not self.declared:
            raise NotUnderstood("a parameter has a hook on its gradient")
        self.parameters[id(parameter)] = parameter
        return id(parameter)


def _dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _check_apart(parameters: list[nn.Parameter]) -> None:
    """Refuse parameters that share memory without being the same tensor."""
    places = sorted((p.data_ptr(), p.numel() * p.element_size()) for p in parameters)
    for (start, size), (next_start, _) in pairwise(places):
        if start + size > next_start:
            raise NotUnderstood("two parameters share memory")
