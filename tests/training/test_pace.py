"""What a schedule can reach, and that it gives the plain loop's results wherever it is stepped."""

import copy
import functools
import math
import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler, swa_utils

import vetro
from vetro.engines.native_core import why_not_native
from vetro.training.pace import pace_of
from vetro.training.reach import reach_of

WARM_UP, TABLE, RATES = 10, [1.0, 0.5, 0.2], {"a": 1.0}
ARRAY = np.array([1.0, 2.0])
MODULE = nn.Linear(2, 2)
VIEW = MODULE.weight.detach().numpy()
COUNTED = [0]


def helper(k):
    return math.cos(k) / WARM_UP


def noam(step, width=512, warm_up=4000):
    step = max(step, 1)
    return width**-0.5 * min(step**-0.5, step * warm_up**-1.5)


def warmed(total):
    def factor(k):
        if k < WARM_UP:
            return k / WARM_UP
        return 0.5 * (1 + math.cos(math.pi * (k - WARM_UP) / max(1, total - WARM_UP)))

    return factor


PURE = [
    lambda k: 0.98**k,
    helper,
    noam,
    warmed(100),
    functools.partial(noam, width=3),
    TABLE.__getitem__,
    math.cos,
    lambda k: TABLE[min(k, 2)] * RATES.get("a", 1),
    lambda k: np.cos(k) * ARRAY[k % 2],
    lambda k: sum([x * k for x in TABLE]) + max(x for x in TABLE),
    lambda k: 1 if k < 3 else 0.1 if k in (4, 5) else 0.01,
]


@pytest.mark.parametrize("function", PURE)
def test_what_only_computes(function):
    assert reach_of(function) == ""
    assert pace_of(function).looks_ahead


class Holder:
    def __init__(self):
        self.module = MODULE

    def __call__(self, k):
        return 1

    def method(self, k):
        return 1


def sets_a_global(k):
    global WARM_UP  # noqa: PLW0603
    WARM_UP = 10
    return 1


def alias(k):
    mine = TABLE
    mine += []
    return 1


def marked(k):
    return 1


marked.module = MODULE


def counter():
    count = 0

    def factor(k):
        nonlocal count
        count += 1
        return 1 / count

    return factor


REACHING = {
    "a module of the global names": (lambda k: float(MODULE.weight.sum()), "reads MODULE"),
    "a default": (lambda k, module=MODULE: 1, "reads Linear"),
    "a default in a list": (lambda k, held=(MODULE,): 1, "reads Linear"),
    "a callable object": (Holder(), "reads Holder"),
    "a bound method": (Holder().method, "reads method"),
    "a partial": (functools.partial(lambda module, k: 1, MODULE), "reads Linear"),
    "an attribute": (marked, "has attributes (module)"),
    "an inner function": (lambda k: (lambda: MODULE)() and 1, "reads MODULE"),
    "a comprehension": (lambda k: [x is None for x in (MODULE,)] and 1, "reads MODULE"),
    "a function that it calls": (lambda k: helper.__globals__["MODULE"], "reads .__globals__"),
    "all global names": (lambda k: globals()["MODULE"], "calls globals"),
    "memory of a parameter": (lambda k: VIEW[0, 0], "reads VIEW"),
    "torch": (lambda k: float(torch.rand(())), "reads torch.rand"),
    "chance": (lambda k: random.random(), "reads random.random"),
    "what it counts": (counter(), "sets count"),
    "a global that it sets": (sets_a_global, "does more than compute (store_global WARM_UP)"),
    "a list that it fills": (lambda k: TABLE.append(1), "reads .append"),
    "a list by another name": (alias, "may change what it reads"),
    "an array as out": (lambda k: np.multiply(ARRAY, 1, out=ARRAY)[0], "may change what it reads"),
    "the screen": (lambda k: print(k) or 1, "calls print"),
    "what is not there": (lambda k: missing * k, "reads missing, which does not exist"),  # noqa: F821
}


@pytest.mark.parametrize("name", REACHING)
def test_what_reaches_further(name):
    function, words = REACHING[name]
    assert reach_of(function) == words
    assert not pace_of(function).looks_ahead


def test_schedulers():
    optimizer = torch.optim.SGD(MODULE.parameters(), lr=0.1, momentum=0.9)
    step = lr_scheduler.StepLR(optimizer, 1)
    assert pace_of(step).looks_ahead
    assert pace_of(lr_scheduler.LambdaLR(optimizer, [noam])).looks_ahead
    assert not pace_of(lr_scheduler.LambdaLR(optimizer, REACHING["a default"][0])).looks_ahead
    assert pace_of(lr_scheduler.CyclicLR(optimizer, 0.1, 0.2)).looks_ahead
    assert pace_of(lr_scheduler.MultiStepLR(optimizer, [3, 5])).looks_ahead
    assert pace_of(swa_utils.SWALR(optimizer, swa_lr=0.05)).looks_ahead
    plateau = pace_of(lr_scheduler.ReduceLROnPlateau(optimizer))
    assert not plateau.looks_ahead
    assert not plateau.watched
    inner = lr_scheduler.LambdaLR(optimizer, Holder())
    several = lr_scheduler.SequentialLR(optimizer, [step, inner], [3])
    assert "Holder" in pace_of(several).watched
    step.get_lr = lambda: [0.1]
    assert pace_of(step).watched == "the get_lr of StepLR was replaced"


def test_a_scheduler_class_that_was_replaced(monkeypatch):
    optimizer = torch.optim.SGD(MODULE.parameters(), lr=0.1)
    schedule = lr_scheduler.StepLR(optimizer, 1)
    monkeypatch.setattr(lr_scheduler.StepLR, "get_lr", lambda self: [0.1])
    assert pace_of(schedule).watched == "the get_lr of StepLR was replaced"


# Equality with the plain loop

ROWS = 24


class Clamping(lr_scheduler.StepLR):
    """As that of a Wasserstein GAN: it holds the parameters within bounds."""

    module = None

    def step(self, epoch=None):
        super().step(epoch)
        for parameter in self.module.parameters() if self.module is not None else ():
            parameter.data.clamp_(-0.3, 0.3)


def clamping(module, optimizer):
    schedule = Clamping(optimizer, 5)
    schedule.module = module
    return schedule


def setting(key, values):
    """A function that sets one of the optimizer's settings at some steps."""

    def make(module, optimizer):
        def factor(k):
            if k in values:
                optimizer.param_groups[0][key] = values[k]
            return 1

        return factor

    return make


def freezing(module, optimizer):
    def factor(k):
        if k in (7, 15):
            module[0].weight.requires_grad_(k == 15)
        return 1

    return factor


def forgetting(module, optimizer):
    def factor(k):
        if k == 9:
            optimizer.state[module[0].weight]["exp_avg"].zero_()
        return 1

    return factor


def by_norm(module, optimizer):
    return lambda k: 1 / (1 + module[0].weight.detach().norm().item())


def by_gradient(module, optimizer):
    def factor(k):
        gradient = module[0].weight.grad
        return 1.0 if gradient is None else 1 / (1 + gradient.norm().item())

    return lr_scheduler.LambdaLR(optimizer, factor)


def counting(module, optimizer):
    return counter()


def cyclic(module, optimizer):
    return lr_scheduler.CyclicLR(optimizer, 1e-3, 1e-2, 5, base_momentum=0, max_momentum=0.9)


def one_cycle(module, optimizer):
    return lr_scheduler.OneCycleLR(
        optimizer, 1e-2, total_steps=31, base_momentum=0, max_momentum=0.9
    )


def sgd(module):
    return torch.optim.SGD(module.parameters(), lr=1e-2)


def heavy(module):
    return torch.optim.SGD(module.parameters(), lr=1e-2, momentum=0.9)


def adam(module):
    return torch.optim.Adam(module.parameters(), lr=1e-2)


CASES = {
    "clamping": (adam, clamping),
    "nesterov": (heavy, setting("nesterov", {7: True})),
    "weight decay": (adam, setting("weight_decay", {5: 0.1})),
    "momentum from and to 0": (sgd, setting("momentum", {6: 0.9, 15: 0.0})),
    "freezing": (adam, freezing),
    "the optimizer's state": (adam, forgetting),
    "a weight's norm": (adam, by_norm),
    "a gradient's norm": (heavy, by_gradient),
    "counting its calls": (adam, counting),
    "a cycle to momentum 0": (heavy, cyclic),
    "one cycle to momentum 0": (heavy, one_cycle),
}


def plain_loop(module, x, y, optimizer, schedule, steps):
    rates = [group["lr"] for group in optimizer.param_groups]
    scheduler = isinstance(schedule, lr_scheduler.LRScheduler)
    for step in range(steps):
        if not scheduler:
            factor = schedule(step)
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * factor
        optimizer.zero_grad()
        nn.MSELoss()(module(x), y).backward()
        optimizer.step()
        if scheduler:
            schedule.step()


@pytest.mark.skipif(bool(why_not_native()), reason=why_not_native())
@pytest.mark.parametrize("name", CASES)
def test_as_the_plain_loop(name):
    make_optimizer, make_schedule = CASES[name]
    torch.manual_seed(5)
    module = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 2)).double()
    x, y = torch.randn(ROWS, 3).double(), torch.randn(ROWS, 2).double()
    other = copy.deepcopy(module)
    optimizer, its = make_optimizer(module), make_optimizer(other)
    schedule = make_schedule(module, optimizer)
    history = vetro.train(
        module, x, y, loss=nn.MSELoss(), optimizer=optimizer, schedule=schedule, steps=30
    )
    plain_loop(other, x, y, its, make_schedule(other, its), 30)
    assert history.engine == "native"
    assert "the schedule is stepped together with training, because " in history.reason
    for parameter, expected in zip(module.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(parameter, expected, rtol=1e-9, atol=1e-11)
        torch.testing.assert_close(parameter.grad, expected.grad, rtol=1e-7, atol=1e-10)
    mine, expected = optimizer.state_dict()["state"], its.state_dict()["state"]
    assert mine.keys() == expected.keys()
    for number, buffers in mine.items():
        assert buffers.keys() == expected[number].keys()
        for key, value in buffers.items():
            if value is not None:
                torch.testing.assert_close(value, expected[number][key], rtol=1e-7, atol=1e-10)
    settings = [
        [g[k] for g in o.param_groups for k in g if k not in ("params", "lr")]
        for o in (optimizer, its)
    ]
    assert settings[0] == settings[1]


@pytest.mark.skipif(bool(why_not_native()), reason=why_not_native())
def test_the_best_epoch_is_kept_as_it_was_validated():
    """A schedule that changes parameters after the epoch does not change those of the best."""
    torch.manual_seed(5)
    module = nn.Linear(3, 2).double()
    x, y = torch.randn(ROWS, 3).double(), torch.randn(ROWS, 2).double()
    for engine in ("native", "torch"):
        own = copy.deepcopy(module)
        optimizer = sgd(own)
        history = vetro.train(
            own, x, y, loss=nn.MSELoss(), optimizer=optimizer, schedule=clamping(own, optimizer),
            epochs=5, validation=(x, y), patience=5, engine=engine,
        )  # fmt: skip
        loss = nn.MSELoss()(own(x), y).item()
        assert loss == pytest.approx(history.validation[history.best_epoch - 1], rel=1e-9)


@pytest.mark.parametrize("answer", [None, "half", [1.0]])
def test_a_function_that_gives_no_factor(answer):
    module = nn.Linear(3, 2)
    before = copy.deepcopy(module.state_dict())
    with pytest.raises(vetro.errors.UsageError, match="not a factor of the rate"):
        vetro.train(
            module, torch.randn(4, 3), torch.randn(4, 2), loss=nn.MSELoss(),
            optimizer=sgd(module), schedule=lambda k: answer, steps=3,
        )  # fmt: skip
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


@pytest.mark.parametrize("engine", ["auto", "torch"])
def test_a_cycle_that_ends_within_another_schedule(engine):
    module = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    before = lr_scheduler.ConstantLR(optimizer, 1.0, total_iters=3)
    cycle = lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=5)
    schedule = lr_scheduler.SequentialLR(optimizer, [before, cycle], [3])
    x, y = torch.randn(6, 2), torch.randn(6, 1)
    with pytest.raises(vetro.errors.UsageError, match="OneCycleLR within SequentialLR ended"):
        vetro.train(
            module, x, y, loss=nn.MSELoss(), optimizer=optimizer, schedule=schedule, steps=30,
            engine=engine,
        )  # fmt: skip
