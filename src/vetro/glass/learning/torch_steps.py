"""Steps of torch's own optimizer on copies: the user's module and optimizer stay as they are."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import torch
from numpy.typing import NDArray
from torch import nn

from vetro.glass.learning.steps import State, Step
from vetro.networks.lower_module import Lowering
from vetro.networks.torch_updates import TorchUpdates, read_state


def steps_of(
    optimizer: torch.optim.Optimizer,
    described: TorchUpdates | None,
    lowering: Lowering,
    flat: NDArray[Any],
    count: int,
) -> list[Step]:
    """`count` steps of a copy of the optimizer, on copies of the parameters, with this gradient.

    described: the optimizer's rules; None if they are not known, and its state is not read.
    """
    copies = {
        id(parameter): nn.Parameter(parameter.detach().clone(), parameter.requires_grad)
        for parameter in lowering.parameters
    }
    own: torch.optim.Optimizer = copy.deepcopy(optimizer, dict(copies))
    for slot, parameter in zip(lowering.network.slots, lowering.parameters, strict=True):
        if parameter.requires_grad:
            mine = copies[id(parameter)]
            values = flat[slot.offset : slot.offset + slot.size].copy()
            mine.grad = torch.from_numpy(values).to(mine).view(mine.shape)

    def now() -> State:
        parameters = lowering.flat(lambda parameter: copies[id(parameter)])
        if described is None:
            return State.new(parameters)
        ranges = tuple(
            dataclasses.replace(part, parameter=copies[id(part.parameter)])
            for part in described.ranges
        )
        held = read_state(own, dataclasses.replace(described, ranges=ranges), lowering)
        return State.of({"parameters": parameters, **held}, described.plain)

    found, before = [], now()
    for _ in range(count):
        own.step()
        after = now()
        found.append(Step(flat, before, after))
        before = after
    return found
