"""Modules, losses, optimizers and schedules of the native door's tests, and the comparison."""

import copy

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.optim import lr_scheduler

ROWS, INPUTS, OUTPUTS = 24, 4, 3
CLOSE = 1e-9


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


def chain(activation):
    return lambda: nn.Sequential(nn.Linear(INPUTS, 8), activation(), nn.Linear(8, OUTPUTS))


MODULES = {
    "linear": lambda: nn.Linear(INPUTS, OUTPUTS, bias=False),
    "relu": chain(nn.ReLU),
    "tanh": chain(nn.Tanh),
    "silu": chain(nn.SiLU),
    "softplus": chain(nn.Softplus),
    "residual": Residual,
    "built_in_forward": BuiltInForward,
    "shared": Shared,
}


def frozen_and_groups(module):
    parameters = list(module.parameters())
    parameters[-1].requires_grad_(len(parameters) == 1)
    groups = [{"params": parameters[:1], "lr": 3e-3}, {"params": parameters[1:]}]
    return torch.optim.Adam([group for group in groups if group["params"]], lr=1e-2)


OPTIMIZERS = {
    "sgd": lambda m: torch.optim.SGD(m.parameters(), lr=1e-2),
    "nesterov": lambda m: torch.optim.SGD(
        m.parameters(), lr=1e-2, momentum=0.9, nesterov=True, weight_decay=1e-2
    ),
    "damped": lambda m: torch.optim.SGD(m.parameters(), lr=1e-2, momentum=0.8, dampening=0.3),
    "adam": lambda m: torch.optim.Adam(m.parameters(), lr=1e-2, weight_decay=1e-3),
    "adamw_amsgrad": lambda m: torch.optim.AdamW(m.parameters(), lr=1e-2, amsgrad=True),
    "maximize": lambda m: torch.optim.AdamW(m.parameters(), lr=1e-4, maximize=True),
    "rmsprop": lambda m: torch.optim.RMSprop(m.parameters(), lr=1e-3, centered=True, momentum=0.8),
    "groups": frozen_and_groups,
    "fused": lambda m: torch.optim.Adam(m.parameters(), lr=1e-2, fused=True),
}


def regression():
    return torch.randn(ROWS, OUTPUTS, dtype=torch.float64)


def classes():
    return torch.randint(0, OUTPUTS, (ROWS,))


def flags():
    return torch.randint(0, 2, (ROWS, OUTPUTS)).double()


CLASS_WEIGHTS = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
LOSSES = {
    "mse": (nn.MSELoss, regression),
    "sum": (lambda: nn.MSELoss(reduction="sum"), regression),
    "l1": (nn.L1Loss, regression),
    "smooth_l1": (lambda: nn.SmoothL1Loss(beta=0.5), regression),
    "huber": (lambda: functional.huber_loss, regression),
    "cross_entropy": (nn.CrossEntropyLoss, classes),
    "weighted": (lambda: nn.CrossEntropyLoss(CLASS_WEIGHTS, label_smoothing=0.1), classes),
    "bce": (lambda: nn.BCEWithLogitsLoss(pos_weight=CLASS_WEIGHTS), flags),
}

BATCHES = {
    "full": {},
    "slices": {"batch_size": 7},
    "shuffled": {"batch_size": 7, "shuffle": True},
    "all": {"shuffle": True},
    "given": {"batches": torch.arange(40).reshape(4, 10) * 7 % ROWS},
}


def one_cycle(optimizer, steps):
    rates = [group["lr"] for group in optimizer.param_groups]
    cycled = "betas" in optimizer.defaults or optimizer.defaults.get("momentum", 0) > 0
    return lr_scheduler.OneCycleLR(
        optimizer, max_lr=rates, total_steps=steps, cycle_momentum=cycled
    )


def warm_up(optimizer, steps):
    first = lr_scheduler.LinearLR(optimizer, 0.1, total_iters=3)
    second = lr_scheduler.CosineAnnealingLR(optimizer, steps)
    return lr_scheduler.SequentialLR(optimizer, [first, second], [3])


class Halving(lr_scheduler.LRScheduler):
    """One of a user's own."""

    def get_lr(self):
        return [group["lr"] * 0.9 for group in self.optimizer.param_groups]


SCHEDULES = {
    "none": lambda optimizer, steps: None,
    "step": lambda optimizer, steps: lr_scheduler.StepLR(optimizer, 3, 0.5),
    "one_cycle": one_cycle,
    "warm_up": warm_up,
    "own": lambda optimizer, steps: Halving(optimizer),
    "plateau": lambda optimizer, steps: lr_scheduler.ReduceLROnPlateau(optimizer, patience=0),
    "function": lambda optimizer, steps: lambda k: 1 / (1 + 0.1 * k),
}
CLIPS = {
    "free": {},
    "norm": {"clip_norm": 0.1},
    "value": {"clip_value": 0.02},
    "both": {"clip_norm": 0.3, "clip_value": 0.05},
}


def assert_close(mine, its):
    (module, optimizer), (other, other_optimizer) = mine, its
    for (name, value), expected in zip(module.named_parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(value, expected, rtol=CLOSE, atol=1e-12, msg=name)
        assert (value.grad is None) == (expected.grad is None)
        if value.grad is not None:
            torch.testing.assert_close(value.grad, expected.grad, rtol=1e-7, atol=1e-10)
    state, expected = optimizer.state_dict(), other_optimizer.state_dict()
    assert state["param_groups"] == expected["param_groups"]
    assert state["state"].keys() == expected["state"].keys()
    for index, buffers in state["state"].items():
        theirs = expected["state"][index]
        assert list(buffers) == list(theirs)
        # rmsprop divides by eps = 1e-8 where gradients cancel to nothing but their rounding
        divided = "square_avg" in buffers
        for name, value in buffers.items():
            atol = 1e-8 if divided and name == "momentum_buffer" else 1e-10
            torch.testing.assert_close(value, theirs[name], rtol=1e-7, atol=atol)


def both(module, make_optimizer, make_schedule, train):
    """What `train(module, optimizer, schedule, engine)` leaves with either engine."""
    runs = []
    for engine in ("native", "torch"):
        own = copy.deepcopy(module)
        optimizer = make_optimizer(own)
        schedule = make_schedule(optimizer)
        torch.manual_seed(11)
        history = train(own, optimizer, schedule, engine)
        runs.append((own, optimizer, history, schedule, torch.get_rng_state()))
    mine, its = runs
    assert_close(mine[:2], its[:2])
    assert torch.equal(mine[4], its[4])
    if isinstance(mine[3], lr_scheduler.LRScheduler):
        numbers = [
            {
                name: value
                for name, value in one[3].state_dict().items()
                if isinstance(value, int | list)
            }
            for one in runs
        ]
        numbers = [{k: v for k, v in one.items() if k != "_schedulers"} for one in numbers]
        assert numbers[0] == numbers[1]
    mine, its = mine[2], its[2]
    assert (mine.engine, its.engine) == ("native", "torch")
    np.testing.assert_allclose(mine.loss, its.loss, rtol=CLOSE)
    np.testing.assert_allclose(mine.validation, its.validation, rtol=CLOSE)
    assert mine.learning_rate == its.learning_rate
    assert (mine.stopped, mine.best_epoch) == (its.stopped, its.best_epoch)
    return mine


def problem(rows=200, outputs=1, dtype=torch.float64):
    torch.manual_seed(3)
    module = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, outputs)).to(dtype)
    return module, torch.randn(rows, 3, dtype=dtype), torch.randn(rows, outputs, dtype=dtype)


def adam(module):
    return torch.optim.Adam(module.parameters(), lr=1e-2)


def nothing(optimizer):
    return None
