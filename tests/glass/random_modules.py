"""Random networks of tests/native/nets.py as torch modules, with a loss, an optimizer and rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from native.nets import Net, Problem, random_problem
from native.pairs import CLASSES
from torch import Tensor, nn

ROWS = 10


class NetModule(nn.Module):
    """A Net with its parameters."""

    def __init__(self, net: Net, start: list[Tensor]) -> None:
        super().__init__()
        self.net = net
        for number, (value, slot) in enumerate(zip(start, net.slots, strict=True)):
            parameter = nn.Parameter(value.clone(), requires_grad=slot.learns)
            self.register_parameter(f"p{number}", parameter)

    @property
    def tensors(self) -> list[Tensor]:
        return [getattr(self, f"p{number}") for number in range(len(self.net.slots))]

    def forward(self, x: Tensor) -> Tensor:
        return self.net.forward(self.tensors, x)


def random_module(seed: int, dtype: torch.dtype) -> tuple[Any, ...]:
    """module, x, y, loss and optimizer as vetro.verify takes them."""
    problem = random_problem(seed, dtype, steps=1)
    module = NetModule(problem.net, problem.start)
    x, y = problem.x[:ROWS], problem.y[:ROWS]
    loss = _loss(problem, y)
    return module, x, y, loss, _optimizer(problem, module)


def _loss(problem: Problem, y: Tensor) -> nn.Module:
    options, reduction = problem.loss, problem.loss["reduction"]

    def tensor(name: str) -> Tensor | None:
        values = options.get(name)
        return None if values is None else torch.from_numpy(np.array(values)).to(problem.x.dtype)

    match options["kind"]:
        case "mse":
            return nn.MSELoss(reduction=reduction)
        case "l1":
            return nn.L1Loss(reduction=reduction)
        case "smooth_l1":
            return nn.SmoothL1Loss(reduction=reduction, beta=options["a"])
        case "huber":
            return nn.HuberLoss(reduction=reduction, delta=options["a"])
        case "bce":
            return nn.BCEWithLogitsLoss(
                reduction=reduction,
                weight=tensor("class_weights"),
                pos_weight=tensor("positive_weights"),
            )
    ignored = options["ignored"]
    if (y == ignored).all():
        ignored = -100
    if (y == ignored).all():
        y[0] = 0
    return nn.CrossEntropyLoss(
        reduction=reduction,
        weight=tensor("class_weights"),
        ignore_index=ignored,
        label_smoothing=options["a"],
    )


def _optimizer(problem: Problem, module: NetModule) -> torch.optim.Optimizer:
    groups: list[dict[str, Any]] = [{"params": []} for _ in problem.groups]
    for parameter, group in zip(module.tensors, problem.group_of, strict=True):
        groups[group]["params"].append(parameter)
    for number, (group, settings) in enumerate(zip(groups, problem.groups, strict=True)):
        group |= {k: v for k, v in settings.items() if k not in ("cycled", "beta1", "beta2")}
        if "beta1" in settings:
            group["betas"] = (settings["beta1"], settings["beta2"])
        group["lr"] = float(problem.rates[0, number, 0])
    return CLASSES[problem.kind]([group for group in groups if group["params"]])
