"""Lowering a torch module: reading the operations of its forward.

A tree of plain nn.Sequential is read directly, in microseconds.  Any other forward runs once on
stand-ins (trace.py).  engines/explain.py chooses the engine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vetro.networks.activations.table import BY_NAME, activation_of, defaults_of
from vetro.networks.assembly import Assembly
from vetro.networks.lowered import LoweredNetwork, Operation
from vetro.networks.module_checks import check_module, title
from vetro.networks.pristine import check_pristine
from vetro.networks.refusal import NotUnderstood
from vetro.networks.trace import trace


@dataclass(frozen=True)
class Lowering:
    """The result of lower_module.

    parameters: the module's own tensor for each slot of `network`.  squeezed: whether the module
    gives (rows,) rather than (rows, 1).  traced: whether a user's own forward was run.
    """

    network: LoweredNetwork
    parameters: tuple[nn.Parameter, ...]
    squeezed: bool
    traced: bool

    @property
    def dtype(self) -> torch.dtype:
        return torch.float64 if self.network.dtype == "float64" else torch.float32

    def flat(
        self, of: Callable[[nn.Parameter], Tensor | None] = lambda parameter: parameter
    ) -> NDArray[Any]:
        """The parameters in the network's layout, (parameter_count,), as a copy of its dtype.

        of: a function of each parameter; its results are used instead, None as 0.
        """
        found = np.zeros(self.network.parameter_count, dtype=self.network.dtype)
        for slot, parameter in zip(self.network.slots, self.parameters, strict=True):
            values = of(parameter)
            if values is not None:
                values = values.detach().reshape(-1).cpu()
                found[slot.offset : slot.offset + slot.size] = values.numpy()
        return found


def lower_module(
    module: nn.Module,
    *,
    inputs: int | None = None,
    training: bool | None = None,
    declared: bool = False,
) -> Lowering:
    """The module's forward on (rows, inputs) as operations; NotUnderstood with the reason.

    inputs: the number of features, if known.  training: as after module.train(training); None:
    every part in its present mode.  declared: as its classes declare it, without hooks and replaced
    forwards, and with a torch.autograd.Function's own forward; needs `training`.  The module is not
    changed.
    """
    check_module(module, declared)
    if not declared:
        check_pristine(module)
    if training is None:
        assembly = Assembly(inputs)
        value = _read(assembly, 0, "", module)
        if value is not None:
            network, parameters = assembly.finish(value, module.named_parameters())
            return Lowering(network, parameters, squeezed=False, traced=False)
    assembly = Assembly(inputs, declared)
    value, squeezed = trace(module, assembly, training, declared)
    network, parameters = assembly.finish(value, module.named_parameters())
    return Lowering(network, parameters, squeezed, traced=True)


def check_validation(module: nn.Module, lowering: Lowering) -> None:
    """NotUnderstood if the forward in eval mode differs by more than its dropouts."""
    if not lowering.traced:
        return
    held_out = lower_module(module, inputs=lowering.network.inputs, training=False)
    for operation in held_out.network.operations:
        if operation.kind == "dropout":
            raise NotUnderstood(f"{operation.where} drops values in eval mode, too")
    if held_out.squeezed != lowering.squeezed or not _alike(lowering, held_out):
        raise NotUnderstood(
            f"the forward of {type(module).__name__} differs in eval mode, "
            "by more than its dropouts"
        )


def _alike(first: Lowering, second: Lowering) -> bool:
    if list(map(id, first.parameters)) != list(map(id, second.parameters)):
        return False
    one, other = _without_dropout(first.network), _without_dropout(second.network)
    return len(one) == len(other) and all(
        a == b and all(map(np.array_equal, c, d)) for (a, c), (b, d) in zip(one, other, strict=True)
    )


def _without_dropout(
    network: LoweredNetwork,
) -> list[tuple[Operation, tuple[NDArray[np.float64], ...]]]:
    """Each operation without its place and constants, and its constants; no dropouts."""
    value_of = {0: 0}
    found: list[tuple[Operation, tuple[NDArray[np.float64], ...]]] = []
    for operation in network.operations:
        inputs = tuple(value_of[value] for value in operation.inputs)
        if operation.kind == "dropout":
            value_of[operation.output] = inputs[0]
            continue
        value_of[operation.output] = output = len(found) + 1
        bare = replace(operation, inputs=inputs, output=output, where="", constants=())
        found.append((bare, operation.constants))
    return found


def _read(assembly: Assembly, value: int, name: str, module: nn.Module) -> int | None:
    """The result of a tree of plain layers; None if it holds anything else."""
    if type(module) is nn.Sequential:
        prefix = f"{name}." if name else ""
        result: int | None = value
        for key, child in module._modules.items():
            if result is None or child is None:
                return None
            result = _read(assembly, result, prefix + key, child)
        return result
    layer = _LAYERS.get(type(module))
    if layer is None:
        return None
    where = title(name, module)
    try:
        return layer(assembly, value, where, module)
    except NotUnderstood as refused:
        raise NotUnderstood(f"{where}: {refused}") from None


def _linear(assembly: Assembly, value: int, where: str, layer: nn.Linear) -> int | None:
    weight, bias = layer._parameters.get("weight"), layer._parameters.get("bias")
    if weight is None or (bias is None and "bias" not in layer._parameters):
        return None
    return assembly.affine(value, weight, bias, where)


def _layer_norm(assembly: Assembly, value: int, where: str, layer: nn.LayerNorm) -> int | None:
    held = layer._parameters
    if "weight" not in held or "bias" not in held:
        return None
    shape = tuple(layer.normalized_shape)
    return assembly.layer_norm(value, shape, held["weight"], held["bias"], layer.eps, where)


def _dropout(assembly: Assembly, value: int, where: str, layer: nn.Dropout) -> int | None:
    if not layer.training or layer.p == 0:
        return value
    return None if layer.inplace else assembly.dropout(value, layer.p, where)


def _flatten(assembly: Assembly, value: int, where: str, layer: nn.Flatten) -> int | None:
    return value if (layer.start_dim, layer.end_dim) in ((1, -1), (1, 1)) else None


def _activation(assembly: Assembly, value: int, where: str, layer: Any) -> int | None:
    """The layer of an activation.

    An in-place layer means the same, except on the input or on values that a derivative needs;
    trace.py decides about these.
    """
    if getattr(layer, "inplace", False) and not assembly.may_change(value):
        return None
    for name in BY_NAME:
        named = activation_of(name).torch
        wanted = named.options.items()
        if named.layer == type(layer).__name__ and all(getattr(layer, o) == v for o, v in wanted):
            numbers = tuple(float(getattr(layer, setting)) for setting in defaults_of(name))
            return assembly.activation(value, name, numbers, where)
    return None


_LAYERS: dict[type[nn.Module], Callable[[Assembly, int, str, Any], int | None]] = {
    nn.Linear: _linear,
    nn.LayerNorm: _layer_norm,
    nn.Dropout: _dropout,
    nn.Flatten: _flatten,
    **{getattr(nn, activation_of(name).torch.layer): _activation for name in BY_NAME},
    nn.Identity: lambda assembly, value, where, layer: value,
}
