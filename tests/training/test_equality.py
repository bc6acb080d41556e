"""vetro.train on the torch engine against the loop by hand: the same bits in every tensor.

The plain loop below is the whole oracle; it is what docs/pytorch-door.md prints.
"""

import copy
import itertools
import random
import zlib

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.optim import lr_scheduler

import vetro

ROWS, INPUTS, OUTPUTS = 24, 4, 3


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.enter = nn.Linear(INPUTS, 6)
        self.norm = nn.LayerNorm(6)
        self.inner = nn.Linear(6, 6)
        self.leave = nn.Linear(6, OUTPUTS)

    def forward(self, x):
        x = self.enter(x)
        return self.leave(x + torch.tanh(self.inner(self.norm(x))))


class BuiltInForward(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(INPUTS, 5)
        self.second = nn.Linear(5, OUTPUTS)

    def forward(self, x):
        return nn.Sequential(self.first, nn.ReLU(), self.second)(x)


class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.enter = nn.Linear(INPUTS, 5)
        self.twice = nn.Linear(5, 5)
        self.leave = nn.Linear(5, OUTPUTS)

    def forward(self, x):
        return self.leave(functional.gelu(self.twice(functional.gelu(self.twice(self.enter(x))))))


def chain():
    return nn.Sequential(nn.Linear(INPUTS, 5), nn.Linear(5, 4), nn.Linear(4, OUTPUTS))


def relu():
    return nn.Sequential(nn.Linear(INPUTS, 8), nn.ReLU(), nn.Linear(8, OUTPUTS))


def dropout():
    return nn.Sequential(nn.Linear(INPUTS, 8), nn.SiLU(), nn.Dropout(0.3), nn.Linear(8, OUTPUTS))


def batch_norm():
    return nn.Sequential(
        nn.Linear(INPUTS, 8), nn.BatchNorm1d(8), nn.Sigmoid(), nn.Linear(8, OUTPUTS)
    )


MODULES = {
    "chain": chain,
    "relu": relu,
    "dropout": dropout,
    "batch_norm": batch_norm,
    "residual": Residual,
    "built_in_forward": BuiltInForward,
    "shared": Shared,
}


def two_groups(module):
    parameters = list(module.parameters())
    parameters[0].requires_grad_(False)
    groups = [{"params": parameters[:2], "lr": 3e-3}, {"params": parameters[2:]}]
    return torch.optim.Adam(groups, lr=1e-2)


OPTIMIZERS = {
    "sgd": lambda m: torch.optim.SGD(m.parameters(), lr=1e-2),
    "nesterov": lambda m: torch.optim.SGD(
        m.parameters(), lr=1e-2, momentum=0.9, nesterov=True, weight_decay=1e-2
    ),
    "adam": lambda m: torch.optim.Adam(m.parameters(), lr=1e-2),
    "adamw_amsgrad": lambda m: torch.optim.AdamW(m.parameters(), lr=1e-2, amsgrad=True),
    "rmsprop": lambda m: torch.optim.RMSprop(m.parameters(), lr=1e-3, centered=True, momentum=0.8),
    "two_groups": two_groups,
    "fused": lambda m: torch.optim.Adam(m.parameters(), lr=1e-2, fused=True),
}


def regression():
    return torch.randn(ROWS, OUTPUTS)


LOSSES = {
    "mse": (nn.MSELoss, regression),
    "l1": (nn.L1Loss, regression),
    "smooth_l1": (nn.SmoothL1Loss, regression),
    "cross_entropy": (nn.CrossEntropyLoss, lambda: torch.randint(0, OUTPUTS, (ROWS,))),
    "bce_logits": (
        nn.BCEWithLogitsLoss,
        lambda: torch.randint(0, 2, (ROWS, OUTPUTS)).float(),
    ),
    "lambda": (lambda: lambda output, target: ((output - target) ** 4).mean().sqrt(), regression),
}

# batch_size, shuffle
BATCHES = {"full": (None, False), "slices": (7, False), "shuffled": (7, True), "all": (None, True)}


def one_cycle(optimizer, steps):
    rates = [group["lr"] for group in optimizer.param_groups]
    # momentum is cycled too, where there is one that can be
    cycled = "betas" in optimizer.defaults or optimizer.defaults.get("momentum", 0) > 0
    return lr_scheduler.OneCycleLR(
        optimizer, max_lr=rates, total_steps=steps, cycle_momentum=cycled
    )


SCHEDULES = {
    "none": lambda optimizer, steps: None,
    "step": lambda optimizer, steps: lr_scheduler.StepLR(optimizer, 3, 0.5),
    "one_cycle": one_cycle,
    "cosine": lr_scheduler.CosineAnnealingLR,
    "plateau": lambda optimizer, steps: lr_scheduler.ReduceLROnPlateau(optimizer, patience=0),
    "function": lambda optimizer, steps: lambda k: 1 / (1 + 0.1 * k),
}

PRODUCT = list(itertools.product(MODULES, OPTIMIZERS, LOSSES, BATCHES, SCHEDULES))
SAMPLE = random.Random(0).sample(PRODUCT, 150)


def plain_loop(
    module, x, y, loss, optimizer, *, steps=None, epochs=None, batch_size=None, shuffle=False,
    generator=None, schedule=None, validation=None,
):  # fmt: skip
    """The loop of docs/pytorch-door.md, with every option."""
    rows = len(x)
    size = batch_size or rows
    by_epochs = epochs is not None
    total = epochs * -(-rows // size) if by_epochs else steps
    plateau = isinstance(schedule, lr_scheduler.ReduceLROnPlateau)
    always = isinstance(schedule, lr_scheduler.OneCycleLR)
    function = callable(schedule) and not isinstance(schedule, lr_scheduler.LRScheduler)
    rates = [group["lr"] for group in optimizer.param_groups]
    losses, held_out, step, epoch = [], [], 0, 0
    while step < total:
        order = torch.randperm(rows, generator=generator) if shuffle else torch.arange(rows)
        for start in range(0, rows, size):
            if function:
                for group, rate in zip(optimizer.param_groups, rates, strict=True):
                    group["lr"] = rate * schedule(epoch if by_epochs else step)
            if shuffle:
                chosen = order[start : start + size]
                x_batch, y_batch = x[chosen], y[chosen]
            else:
                x_batch, y_batch = x[start : start + size], y[start : start + size]
            optimizer.zero_grad()
            value = loss(module(x_batch), y_batch)
            value.backward()
            optimizer.step()
            losses.append(value.item())
            step += 1
            if schedule and not function and not plateau and (always or not by_epochs):
                schedule.step()
            if step == total:
                break
        epoch += 1
        if validation:
            module.eval()
            with torch.no_grad():
                held_out.append(loss(module(validation[0]), validation[1]).item())
            module.train()
        if plateau:
            schedule.step(held_out[-1])
        elif schedule and not function and by_epochs and not always:
            schedule.step()
    if function:
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
    return losses, held_out


def assert_same(ours, theirs):
    """Every parameter, buffer, gradient and optimizer tensor and number, bit for bit."""
    (module, optimizer), (other_module, other_optimizer) = ours, theirs
    state, other = module.state_dict(), other_module.state_dict()
    assert state.keys() == other.keys()
    for name in state:
        assert torch.equal(state[name], other[name]), name
    for mine, its in zip(module.parameters(), other_module.parameters(), strict=True):
        assert (mine.grad is None) == (its.grad is None)
        assert mine.grad is None or torch.equal(mine.grad, its.grad)
    state, other = optimizer.state_dict(), other_optimizer.state_dict()
    assert state["param_groups"] == other["param_groups"]
    assert state["state"].keys() == other["state"].keys()
    for index, buffers in state["state"].items():
        assert buffers.keys() == other["state"][index].keys()
        for name, value in buffers.items():
            if isinstance(value, torch.Tensor):
                assert torch.equal(value, other["state"][index][name]), name
            else:
                assert value == other["state"][index][name], name


def compare(module_name, optimizer_name, loss_name, batch_name, schedule_name):
    seed = zlib.crc32(f"{module_name} {loss_name}".encode()) % 1000
    torch.manual_seed(seed)
    first = MODULES[module_name]()
    second = copy.deepcopy(first)
    make_loss, make_target = LOSSES[loss_name]
    x, y = torch.randn(ROWS, INPUTS), make_target()
    held_out = (torch.randn(ROWS, INPUTS), make_target()) if schedule_name == "plateau" else None
    batch_size, shuffle = BATCHES[batch_name]
    by_epochs = len(module_name + loss_name) % 2 == 0
    length = {"epochs": 3} if by_epochs else {"steps": 9}
    steps = 3 * (-(-ROWS // (batch_size or ROWS))) if by_epochs else 9
    runs = []
    for module in (first, second):
        optimizer = OPTIMIZERS[optimizer_name](module)
        settings = {
            **length,
            "batch_size": batch_size,
            "shuffle": shuffle,
            "generator": torch.Generator().manual_seed(7) if shuffle else None,
            "schedule": SCHEDULES[schedule_name](optimizer, steps),
            "validation": held_out,
        }
        torch.manual_seed(seed + 1)  # dropout draws from the global generator
        if module is first:
            history = vetro.train(
                module, x, y, loss=make_loss(), optimizer=optimizer, engine="torch", **settings
            )
            losses, scores = history.loss, history.validation
        else:
            losses, scores = plain_loop(module, x, y, make_loss(), optimizer, **settings)
        runs.append((module, optimizer, losses, scores, torch.get_rng_state()))
    ours, theirs = runs
    assert_same(ours[:2], theirs[:2])
    assert ours[2] == theirs[2]
    assert ours[3] == theirs[3]
    assert torch.equal(ours[4], theirs[4])


@pytest.mark.parametrize("case", SAMPLE, ids="-".join)
def test_same_bits(case):
    compare(*case)


@pytest.mark.long
@pytest.mark.parametrize("module", MODULES)
def test_same_bits_everywhere(module):
    for case in PRODUCT:
        if case[0] == module:
            compare(*case)
