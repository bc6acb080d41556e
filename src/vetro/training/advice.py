"""Warnings about likely mistakes: layers that nothing trains, a second softmax, a slow engine.

Sure mistakes are errors (misuse.py, misfit.py).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vetro.errors import Notice, issue_warnings, notice
from vetro.training.loss_probe import Tape, is_flat

_LIBRARIES = str(Path(__file__).parents[1]), str(Path(torch.__file__).parent)
_CONTAINERS = (list, tuple, set, frozenset, dict)
_VIEWS = (
    "View", "Squeeze", "Unsqueeze", "Alias", "Clone", "Reshape", "Permute", "Transpose",
    "TBackward", "Slice", "Select", "ToCopy", "Expand", "Contiguous", "AsStrided",
)  # fmt: skip
_CONFINES = {
    "SoftmaxBackward": "softmax",
    "LogSoftmaxBackward": "log_softmax",
    "SigmoidBackward": "sigmoid",
    "ReluBackward": "ReLU",
}
_NODES = 64
_DEPTH = 4

_SMALL_STEP = 1e8
"""Operations per step below which the torch engine mostly waits for Python: 1 to 2 ms."""


def advise(notices: list[Notice]) -> None:
    """Issue warnings that point at the line of the program that called Vetro."""
    level, frame = 3, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_LIBRARIES):
        level, frame = level + 1, frame.f_back
    issue_warnings(notices, stacklevel=level)


def check_hidden_parameters(
    module: nn.Module, loss: object, optimizer: torch.optim.Optimizer
) -> list[Notice]:
    """Warn of parameters that the module or the loss uses, but that no module registers, so that
    the optimizer does not hold them."""
    held = {id(value) for group in optimizer.param_groups for value in group["params"]}
    known = held | {id(value) for value in module.parameters()}
    kind = type(optimizer).__name__
    for name, part in module.named_modules():
        for key, value in vars(part).items():
            if key in ("_parameters", "_buffers", "_modules") or not _may_hold(value):
                continue
            lost = next((p for p in _learning(value) if id(p) not in known), None)
            if lost is None:
                continue
            where = f"{name}.{key}" if name else key
            plain = isinstance(value, Tensor)
            holder = "nn.ModuleDict" if isinstance(value, dict) else "nn.ModuleList"
            fix = f"Use {'nn.Parameter' if plain else holder} for {key}"
            what = "a plain tensor" if plain else f"a plain {type(value).__name__}"
            owner = type(part).__name__
            return [notice("W320", where=where, owner=owner, what=what, optimizer=kind, fix=fix)]
    if isinstance(loss, nn.Module) and loss is not module:
        for name, value in loss.named_parameters():
            if value.requires_grad and id(value) not in known:
                return [
                    notice(
                        "W320",
                        where=name,
                        owner=type(loss).__name__,
                        what="a parameter of the loss",
                        optimizer=kind,
                        fix=f"Use {kind}([*module.parameters(), *loss.parameters()], ...)",
                    )
                ]
    return []


def check_confined(value: Tensor) -> list[Notice]:
    """Warn if a loss that takes logits receives the output of a softmax, sigmoid or ReLU.

    The check reads the graph of the loss's value, so it works however module and loss are written.
    """
    for node in _nodes(value.grad_fn):
        name = node.name()
        if name.startswith("LogSoftmaxBackward"):
            confined = _confined_by(node)
            if confined in ("softmax", "sigmoid"):
                return [notice("W321", layer=confined, loss="cross entropy", fix=_LEAVE_OUT)]
        if name.startswith("BinaryCrossEntropyWithLogitsBackward"):
            confined = _confined_by(node)
            if confined == "ReLU":
                fix = "Leave out the ReLU after the last layer"
                return [notice("W321", layer=confined, loss="BCEWithLogitsLoss", fix=fix)]
            if confined:
                fix = _LEAVE_OUT + (", or take nn.BCELoss()" if confined == "sigmoid" else "")
                return [notice("W321", layer=confined, loss="BCEWithLogitsLoss", fix=fix)]
    return []


def check_softmax(output: object) -> list[Notice]:
    """Warn of a module whose last softmax runs over the rows, or over a single output."""
    node: Any = output.grad_fn if isinstance(output, Tensor) and output.dim() == 2 else None
    if node is None or not node.name().startswith(("SoftmaxBackward", "LogSoftmaxBackward")):
        return []
    assert isinstance(output, Tensor)
    layer = "log_softmax" if node.name().startswith("Log") else "softmax"
    if node._saved_dim % 2 == 0 and len(output) > 1:  # an index from the end has wrapped around
        over, fix = "the rows (dim 0), so each row's output depends on the other rows", "Use dim=1"
    elif output.shape[1] == 1:
        over = "a single output, which is then always the same number"
        fix = "Use nn.Sigmoid() for a probability, or leave it out for a number"
    else:
        return []
    return [notice("W325", layer=layer, over=over, fix=fix)]


def check_own_loss(tape: Tape | None, output: object, target: Tensor) -> list[Notice]:
    """Warn of a loss that takes its arguments in the wrong order, or gives no gradients."""
    if tape is None or not isinstance(output, Tensor):
        return []
    if tape.swapped:
        return [notice("W324", function=tape.swapped)]
    return [notice("W327")] if is_flat(tape, output, target) else []


def check_rate(optimizer: torch.optim.Optimizer, schedule: object) -> list[Notice]:
    """Warn of a learning rate of 0 that no schedule changes."""
    if schedule is not None or any(float(group["lr"]) != 0 for group in optimizer.param_groups):
        return []
    return [notice("W326", optimizer=type(optimizer).__name__)]


_LEAVE_OUT = "Leave it out, and apply it when predicting"


def check_speed(module: nn.Module, batch: Tensor, reason: str) -> list[Notice]:
    """Warn if the torch engine replaces the native one for a step so small that the native
    engine would have been faster."""
    parameters = list(module.parameters())
    if any(parameter.device.type != "cpu" for parameter in parameters):
        return []
    work = 6.0 * sum(parameter.numel() for parameter in parameters) * batch.shape[0]
    return [notice("W322", reason=reason)] if work < _SMALL_STEP else []


def _may_hold(value: Any) -> bool:
    """Whether it is a tensor or a container with something in it: few attributes are."""
    return isinstance(value, Tensor) or (isinstance(value, _CONTAINERS) and bool(value))


def _learning(value: Any, depth: int = 0) -> Iterator[Tensor]:
    """The tensors that learn in lists and dicts, and in the modules in these."""
    if isinstance(value, nn.Module):
        if depth:  # else it is registered
            yield from (p for p in value.parameters() if p.requires_grad)
    elif isinstance(value, Tensor):
        if value.requires_grad and value.is_leaf:
            yield value
    elif isinstance(value, _CONTAINERS) and depth < _DEPTH:
        parts = value.values() if isinstance(value, dict) else value
        for part in parts:
            yield from _learning(part, depth + 1)


def _nodes(first: Any) -> Iterator[Any]:
    """The nodes of a graph nearest to its end."""
    waiting: list[Any] = [first]
    seen: set[Any] = set()
    while waiting and len(seen) < _NODES:
        node = waiting.pop(0)
        if node is None or node in seen:
            continue
        seen.add(node)
        yield node
        waiting += [earlier for earlier, _ in node.next_functions]


def _confined_by(node: Any) -> str:
    """The limiting function (see _CONFINES) whose output a node takes, perhaps through views;
    "" for any other function."""
    while node.next_functions:
        node = node.next_functions[0][0]
        if node is None:
            return ""
        name = node.name()
        for start, function in _CONFINES.items():
            if name.startswith(start):
                return function
        if not name.startswith(_VIEWS) and "Unsafe" not in name:
            return ""
    return ""
