"""torch's optimizers as rules, and their state there and back."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterable
from types import MethodType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from vetro.networks.lower_module import Lowering, lower_module
from vetro.networks.refusal import NotUnderstood
from vetro.networks.torch_updates import (
    TorchUpdates,
    describe_optimizer,
    rates,
    read_state,
    write_state,
)

Make = Callable[[Iterable[Any]], torch.optim.Optimizer]

OPTIMIZERS: dict[str, Make] = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "sgd momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.5),
    "sgd nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.1),
    "adam fused": lambda p: torch.optim.Adam(p, lr=0.1, fused=True),
    "adam amsgrad": lambda p: torch.optim.Adam(p, lr=0.1, amsgrad=True, weight_decay=0.1),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.1, maximize=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.1),
    "rmsprop centered": lambda p: torch.optim.RMSprop(p, lr=0.1, centered=True),
    "rmsprop momentum": lambda p: torch.optim.RMSprop(p, lr=0.1, momentum=0.5, centered=True),
}


def network() -> nn.Sequential:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)).double()


def step(module: nn.Module, optimizer: torch.optim.Optimizer, times: int = 1) -> None:
    x = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(4, 3)
    for _ in range(times):
        optimizer.zero_grad()
        module(x).square().mean().backward()
        optimizer.step()


def described(module: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[TorchUpdates, Lowering]:
    lowering = lower_module(module)
    return describe_optimizer(optimizer, module, lowering), lowering


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_state_comes_back_as_torch_made_it(name: str) -> None:
    module = network()
    optimizer = OPTIMIZERS[name](module.parameters())
    step(module, optimizer, 3)
    twin = network()
    twin.load_state_dict(module.state_dict())
    other = OPTIMIZERS[name](twin.parameters())
    own, lowering = described(module, optimizer)
    state = read_state(optimizer, own, lowering)
    assert {key: value.shape for key, value in state.items()} == {
        "first_moment": (32,), "second_moment": (32,), "third": (32,), "step": (4,),
    }  # fmt: skip
    steps = 3.0 if "adam" in name or "rms" in name else float("momentum" in name)
    if name == "sgd nesterov":
        steps = 1.0
    assert state["step"].tolist() == [steps] * 4
    write_state(other, described(twin, other)[0], state)
    _same(optimizer.state_dict(), other.state_dict())
    step(module, optimizer, 3)
    step(twin, other, 3)
    _same(optimizer.state_dict(), other.state_dict())
    for one, two in zip(module.parameters(), twin.parameters(), strict=True):
        assert torch.equal(one, two)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_no_state_reads_as_zeros_and_tensors_are_kept(name: str) -> None:
    module = network()
    optimizer = OPTIMIZERS[name](module.parameters())
    own, lowering = described(module, optimizer)
    state = read_state(optimizer, own, lowering)
    assert not any(values.any() for values in state.values())
    assert not optimizer.state
    step(module, optimizer)
    held = {id(value) for buffers in optimizer.state.values() for value in buffers.values()}
    write_state(optimizer, own, read_state(optimizer, own, lowering))
    now = {id(value) for buffers in optimizer.state.values() for value in buffers.values()}
    assert held == now


def _same(one: dict[str, Any], two: dict[str, Any]) -> None:
    assert one["param_groups"] == two["param_groups"]
    assert list(one["state"]) == list(two["state"])
    for first, second in zip(one["state"].values(), two["state"].values(), strict=True):
        assert list(first) == list(second)
        for value, other in zip(first.values(), second.values(), strict=True):
            if isinstance(value, Tensor):
                assert value.dtype == other.dtype and value.shape == other.shape
                assert value.stride() == other.stride()
                assert torch.equal(value, other)
                assert not other.requires_grad
            else:
                assert value == other


def test_settings_and_rates() -> None:
    module = network()
    optimizer = torch.optim.AdamW(
        [
            {"params": [module[2].bias], "lr": torch.tensor(0.5, dtype=torch.float64)},
            {"params": module[0].parameters(), "betas": (0.8, 0.99), "weight_decay": 0.0},
            {"params": [module[2].weight], "amsgrad": True, "eps": 1e-3, "maximize": True},
        ],
        lr=0.25,
    )
    own, _ = described(module, optimizer)
    assert own.plain.kind == "adamw"
    assert list(own.plain.ranges) == [(0, 15, 1), (15, 20, 1), (20, 30, 2), (30, 32, 0)]
    assert [rule.beta1 for rule in own.rules] == [0.9, 0.8, 0.9]
    assert [rule.weight_decay for rule in own.rules] == [0.01, 0.0, 0.01]
    assert [rule.amsgrad for rule in own.rules] == [False, False, True]
    assert own.rules[2].eps == 1e-3 and own.rules[2].maximize is True
    np.testing.assert_array_equal(rates(optimizer), [[0.5, 0.9], [0.25, 0.8], [0.25, 0.9]])
    sgd = torch.optim.SGD(module.parameters(), lr=0.5, momentum=0.25)
    assert described(module, sgd)[0].plain.kind == "sgd"
    np.testing.assert_array_equal(rates(sgd), [[0.5, 0.25]])


def test_decoupled_decay_makes_adam_adamw() -> None:
    module = network()
    optimizer = torch.optim.Adam(module.parameters(), decoupled_weight_decay=True)
    assert described(module, optimizer)[0].plain.kind == "adamw"


def test_frozen_parameters_have_no_range() -> None:
    module = network()
    module[0].requires_grad_(False)
    for held in (module.parameters(), module[2].parameters()):
        own, _ = described(module, torch.optim.Adam(held))
        assert list(own.plain.ranges) == [(20, 30, 0), (30, 32, 0)]


def test_unused_parameters_may_be_held() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unused, self.fc = nn.Linear(2, 2), nn.Linear(3, 1)

        def forward(self, x: Tensor) -> Any:
            return self.fc(x)

    module = Net()
    own, _ = described(module, torch.optim.Adam(module.parameters()))
    assert list(own.plain.ranges) == [(0, 3, 0), (3, 4, 0)]
    own, _ = described(module, torch.optim.Adam(module.fc.parameters()))
    assert len(own.ranges) == 2


def test_a_scheduler_around_the_step_is_understood() -> None:
    module = network()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    torch.optim.lr_scheduler.StepLR(optimizer, 10)
    assert "step" in vars(optimizer)
    assert described(module, optimizer)[0].plain.kind == "sgd"


class Own(torch.optim.SGD):
    pass


def _watched(module: nn.Module, register: str) -> torch.optim.Optimizer:
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    getattr(optimizer, register)(lambda *arguments: None)
    return optimizer


def _replaced(module: nn.Module) -> torch.optim.Optimizer:
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    optimizer.step = lambda closure=None: None  # type: ignore[assignment, misc]
    return optimizer


def _wrapped(module: nn.Module) -> torch.optim.Optimizer:
    """functools.wraps copies the mark of the scheduler's own wrapper."""
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    torch.optim.lr_scheduler.StepLR(optimizer, 10)
    own = optimizer.step

    @functools.wraps(own)
    def step(*given: Any) -> Any:
        return own(*given)

    optimizer.step = step  # type: ignore[method-assign]
    return optimizer


def _scheduled(module: nn.Module) -> torch.optim.Optimizer:
    """A step of the program's own, which a scheduler then wraps and marks."""
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    optimizer.step = MethodType(lambda self, closure=None: None, optimizer)  # type: ignore[method-assign]
    torch.optim.lr_scheduler.StepLR(optimizer, 10)
    return optimizer


REFUSED: dict[str, tuple[Callable[[nn.Sequential], torch.optim.Optimizer], str]] = {
    "other": (lambda m: torch.optim.Adagrad(m.parameters()), "the optimizer Adagrad is not one"),
    "subclass": (lambda m: Own(m.parameters(), lr=0.1), "the optimizer Own is not one"),
    "foreign": (
        lambda m: torch.optim.SGD([*m.parameters(), nn.Parameter(torch.ones(7))], lr=0.1),
        r"a parameter of shape \(7,\) that is not the module's",
    ),
    "missing": (
        lambda m: torch.optim.SGD(m[2].parameters(), lr=0.1),
        r"does not hold 0\.weight, whose gradients add up",
    ),
    "differentiable": (
        lambda m: torch.optim.SGD(m.parameters(), lr=0.1, differentiable=True),
        "the optimizer is differentiable",
    ),
    "before": (lambda m: _watched(m, "register_step_pre_hook"), "SGD has a step hook"),
    "after": (lambda m: _watched(m, "register_step_post_hook"), "SGD has a step hook"),
    "replaced": (_replaced, "the step of the optimizer SGD was replaced"),
    "wrapped after": (_wrapped, "the step of the optimizer SGD was replaced"),
    "replaced before": (_scheduled, "the step of the optimizer SGD was replaced"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    make, sentence = REFUSED[name]
    module = network()
    with pytest.raises(NotUnderstood, match=sentence):
        described(module, make(module))


def test_hooks_on_all_optimizers_are_refused() -> None:
    module = network()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    handle = register_optimizer_step_post_hook(lambda *arguments: None)
    try:
        with pytest.raises(NotUnderstood, match="step hook"):
            described(module, optimizer)
    finally:
        handle.remove()


def test_describing_changes_nothing() -> None:
    module = network()
    optimizer = torch.optim.Adam(module.parameters())
    step(module, optimizer)
    before = copy.deepcopy(optimizer.state_dict())
    own, lowering = described(module, optimizer)
    read_state(optimizer, own, lowering)
    _same(before, optimizer.state_dict())
