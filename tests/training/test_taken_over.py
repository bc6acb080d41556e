"""What on_progress changes while the native engine runs is taken over, or refused by name."""

import copy

import pytest
import torch
from torch import nn

import vetro
from vetro.engines import ticks
from vetro.engines.native_core import why_not_native
from vetro.errors import UsageError

pytestmark = pytest.mark.skipif(bool(why_not_native()), reason=why_not_native())

STEPS = 4000


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    monkeypatch.setattr(ticks, "TICK_SECONDS", 0.0)
    monkeypatch.setattr(ticks, "SHORTEST_SECONDS", 1e-4)


def freeze(module, optimizer, x):
    module[0].weight.requires_grad_(False)


def decay(module, optimizer, x):
    optimizer.param_groups[0]["weight_decay"] = 0.1


def momentum(module, optimizer, x):
    optimizer.param_groups[0]["momentum"] = 0.9


def clamp(module, optimizer, x):
    for parameter in module.parameters():
        parameter.data.clamp_(-0.2, 0.2)


def rows(module, optimizer, x):
    x.mul_(0.5)


def slower(module, optimizer, x):
    optimizer.param_groups[0]["lr"] *= 0.1


CHANGES = [freeze, decay, momentum, clamp, rows, slower]


def problem():
    torch.manual_seed(2)
    module = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 2)).double()
    return module, torch.randn(20, 3).double(), torch.randn(20, 2).double()


@pytest.mark.parametrize("change", CHANGES)
def test_as_the_plain_loop_with_the_same_change(change):
    module, x, y = problem()
    other, its_x = copy.deepcopy(module), x.clone()
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-3)
    its = torch.optim.SGD(other.parameters(), lr=1e-3)
    changed = []

    def on_progress(step, loss, history):
        if not changed and step < STEPS:
            changed.append(step)
            change(module, optimizer, x)
        return not changed or step < changed[0] + 200

    history = vetro.train(
        module, x, y, loss=nn.MSELoss(), optimizer=optimizer, steps=STEPS, on_progress=on_progress
    )
    assert history.engine == "native"
    assert changed
    for step in range(len(history.loss)):
        if step == changed[0]:
            change(other, its, its_x)
        its.zero_grad()
        nn.MSELoss()(other(its_x), y).backward()
        its.step()
    for parameter, expected in zip(module.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(parameter, expected, rtol=1e-8, atol=1e-10)
    assert len(optimizer.state_dict()["state"]) == len(its.state_dict()["state"])


def test_a_group_that_is_added():
    module, x, y = problem()
    last = list(module[2].parameters())
    module[2].requires_grad_(False)
    optimizer = torch.optim.Adam(module[0].parameters(), lr=1e-3)
    added = []

    def on_progress(step, loss, history):
        if not added:
            added.append(step)
            module[2].requires_grad_(True)
            optimizer.add_param_group({"params": last, "lr": 1e-2})

    before = [parameter.clone() for parameter in last]
    history = vetro.train(
        module, x, y, loss=nn.MSELoss(), optimizer=optimizer, steps=STEPS, on_progress=on_progress
    )
    assert history.engine == "native"
    assert not any(torch.equal(a, b) for a, b in zip(last, before, strict=True))
    steps = {float(optimizer.state[parameter]["step"]) for parameter in last}
    assert steps == {float(STEPS - added[0])}


def test_what_cannot_be_taken_over_is_refused():
    module, x, y = problem()
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)

    def on_progress(step, loss, history):
        module[1].register_forward_hook(lambda part, inputs, output: output * 2)

    with pytest.raises(UsageError, match=r"cannot go on with the native engine: 1 \(Tanh\) has"):
        vetro.train(
            module, x, y, loss=nn.MSELoss(), optimizer=optimizer, steps=STEPS,
            on_progress=on_progress,
        )  # fmt: skip
    assert all(bool(torch.isfinite(parameter).all()) for parameter in module.parameters())
    assert all(float(state["step"]) > 0 for state in optimizer.state.values())


@pytest.mark.parametrize("wrong", [lambda step: True, lambda: True, 5])
def test_on_progress_is_looked_at_first(wrong):
    module, x, y = problem()
    before = copy.deepcopy(module.state_dict())
    with pytest.raises(UsageError, match=r"on_progress\(step, loss, history\)"):
        vetro.train(
            module, x, y, loss=nn.MSELoss(), optimizer=torch.optim.SGD(module.parameters(), lr=0.1),
            steps=3, on_progress=wrong,
        )  # fmt: skip
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_the_best_epoch_has_parameters_that_were_frozen_later():
    """Patience puts back what learned in the best epoch, also where it no longer learns."""
    module, x, y = problem()
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-2)
    kept = []

    def schedule(epoch):
        if epoch == 3:
            module[0].weight.requires_grad_(False)
            kept.append(module[0].weight.detach().clone())
        return -1.0 if epoch > 0 else 1.0  # uphill after the first epoch

    history = vetro.train(
        module, x, y, loss=nn.MSELoss(), optimizer=optimizer, schedule=schedule, epochs=20,
        validation=(x, y), patience=8,
    )  # fmt: skip
    assert (history.engine, history.stopped, history.best_epoch) == ("native", "patience", 1)
    assert not torch.equal(module[0].weight, kept[0])
    assert nn.MSELoss()(module(x), y).item() == pytest.approx(history.validation[0], rel=1e-9)


def test_a_schedule_that_raises_leaves_what_it_did():
    module, x, y = problem()
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-2)

    def schedule(step):
        if step == 5:
            with torch.no_grad():
                module[0].bias.fill_(7.0)
            raise ZeroDivisionError
        return 1.0

    with pytest.raises(ZeroDivisionError):
        vetro.train(
            module, x, y, loss=nn.MSELoss(), optimizer=optimizer, schedule=schedule, steps=20
        )
    assert bool((module[0].bias == 7).all())
    assert optimizer.param_groups[0]["lr"] == 1e-2
