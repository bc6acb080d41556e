"""How training on the native engine ends sooner: all is left as the plain loop leaves it."""

import copy
import math
import signal
import threading

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler
from training.native_cases import adam, both, nothing, problem

import vetro
from vetro.engines import ticks
from vetro.engines.native_core import why_not_native
from vetro.errors import TrainingError

pytestmark = pytest.mark.skipif(bool(why_not_native()), reason=why_not_native())


def test_patience():
    module, x, y = problem(60)
    held_out = torch.randn(40, 3).double(), torch.randn(40, 1).double()

    def train(own, opt, schedule, engine):
        return vetro.train(
            own, x, y, loss=nn.MSELoss(), optimizer=opt, schedule=schedule, engine=engine,
            epochs=4000, batch_size=16, shuffle=True, validation=held_out, patience=6,
        )  # fmt: skip

    for schedule in (
        nothing,
        lambda opt: lr_scheduler.StepLR(opt, 5, 0.9),
        lambda opt: lambda k: 0.99**k,
        lambda opt: lr_scheduler.CosineAnnealingWarmRestarts(opt, 7),
    ):
        history = both(module, adam, schedule, train)
        assert history.stopped == "patience"
        assert history.best_epoch == len(history.validation) - 6


def test_a_learning_rate_that_is_a_tensor_is_put_back():
    module, x, y = problem(60)

    def tensor_rate(own):
        return torch.optim.SGD(own.parameters(), lr=torch.tensor(0.3, dtype=torch.float64))

    for schedule in (lambda opt: lr_scheduler.StepLR(opt, 7, 0.9), lambda opt: lambda k: 0.99**k):
        history = both(
            module, tensor_rate, schedule,
            lambda own, opt, schedule, engine: vetro.train(
                own, x, y, loss=nn.MSELoss(), optimizer=opt, schedule=schedule, engine=engine,
                steps=4000, batch_size=16, validation=(x, -y), patience=5,
            ),
        )  # fmt: skip
        assert history.stopped == "patience"


def test_patience_used_up_by_the_last_epoch_and_no_best_epoch():
    module, x, y = problem(60)
    both(
        module, lambda m: torch.optim.SGD(m.parameters(), lr=0.0), nothing,
        lambda own, opt, schedule, engine: vetro.train(
            own, x, y, loss=nn.MSELoss(), optimizer=opt, engine=engine, epochs=4,
            validation=(x, y), patience=3,
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    "schedule",
    [
        nothing,
        lambda opt: lr_scheduler.StepLR(opt, 1000, 0.9),
        lambda opt: lr_scheduler.CyclicLR(opt, 1e-4, 1e-3, 100, cycle_momentum=False),
        lambda opt: lambda k: 1 / (1 + 0.001 * k),
    ],
)
@pytest.mark.parametrize("shuffle", [False, True])
def test_stopped_by_progress_all_is_as_after_so_many_steps(schedule, shuffle, monkeypatch):
    """Generator, schedule and rates as the torch engine leaves them after as many steps."""
    monkeypatch.setattr(ticks, "TICK_SECONDS", 0.01)
    module, x, y = problem(50)
    settings = {"batch_size": 16, "shuffle": shuffle}
    other = copy.deepcopy(module)
    optimizer, its = adam(module), adam(other)
    mine, theirs = schedule(optimizer), schedule(its)
    seen = []

    def stop(step, loss, history):
        assert len(history.loss) == step
        assert history.loss[-1] == loss
        assert optimizer.state[module[0].weight]["step"] == step
        seen.append((step, optimizer.param_groups[0]["lr"], module[0].weight.sum().item()))
        return len(seen) < 4

    torch.manual_seed(4)
    history = vetro.train(
        module, x, y, loss=nn.MSELoss(), optimizer=optimizer, schedule=mine, engine="native",
        steps=10**7, on_progress=stop, **settings,
    )  # fmt: skip
    assert history.stopped == "interrupted"
    assert len(seen) == 5
    state = torch.get_rng_state()
    torch.manual_seed(4)
    expected = vetro.train(
        other, x, y, loss=nn.MSELoss(), optimizer=its, schedule=theirs, engine="native",
        steps=len(history.loss), **settings,
    )  # fmt: skip
    assert history.loss == expected.loss
    assert torch.equal(state, torch.get_rng_state())
    assert all(map(torch.equal, module.parameters(), other.parameters()))
    if isinstance(mine, lr_scheduler.LRScheduler):
        assert mine.last_epoch == theirs.last_epoch == len(history.loss)
        assert mine.get_last_lr() == theirs.get_last_lr()
    assert optimizer.param_groups[0]["lr"] == its.param_groups[0]["lr"]


def test_changes_made_in_progress_are_taken_over(monkeypatch):
    monkeypatch.setattr(ticks, "TICK_SECONDS", 0.01)
    module, x, y = problem(50)
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-3)
    weights = []

    def change(step, loss, history):
        weights.append(module[0].weight.detach().clone())
        if len(weights) == 1:
            optimizer.param_groups[0]["lr"] = 0.0
            with torch.no_grad():
                module[0].weight.fill_(0.25)
        return len(weights) < 3

    vetro.train(
        module, x, y, loss=nn.MSELoss(), optimizer=optimizer, steps=10**7, on_progress=change
    )
    assert (weights[1] == 0.25).all()
    assert (weights[2] == 0.25).all()


def test_ctrl_c_ends_between_two_steps():
    module, x, y = problem()
    other = copy.deepcopy(module)
    optimizer, its = adam(module), adam(other)
    timer = threading.Timer(0.3, lambda: signal.raise_signal(signal.SIGINT))
    timer.start()
    torch.manual_seed(2)
    history = vetro.train(
        module, x, y, loss=nn.MSELoss(), optimizer=optimizer, steps=10**8, batch_size=32,
        shuffle=True, engine="native",
    )  # fmt: skip
    assert history.stopped == "interrupted"
    assert history.seconds < 30  # all steps would take minutes
    state = torch.get_rng_state()
    torch.manual_seed(2)
    vetro.train(
        other, x, y, loss=nn.MSELoss(), optimizer=its, steps=len(history.loss), batch_size=32,
        shuffle=True, engine="native",
    )  # fmt: skip
    assert torch.equal(state, torch.get_rng_state())
    assert all(map(torch.equal, module.parameters(), other.parameters()))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_in_progress_leaves_all_written_back(monkeypatch):
    monkeypatch.setattr(ticks, "TICK_SECONDS", 0.01)
    module, x, y = problem()
    before = module[0].weight.detach().clone()
    optimizer = adam(module)

    def fail(step, loss, history):
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        vetro.train(
            module, x, y, loss=nn.MSELoss(), optimizer=optimizer, steps=10**7,
            on_progress=fail, engine="native",
        )  # fmt: skip
    assert not torch.equal(before, module[0].weight)
    assert optimizer.state[module[0].weight]["step"] > 0


def test_a_schedule_that_raises_raises_after_its_step():
    module, x, y = problem()
    for engine in ("native", "torch"):
        own = copy.deepcopy(module)
        optimizer = adam(own)

        def factor(k):
            if k == 7:
                raise LookupError("seven")
            return 1.0

        with pytest.raises(LookupError, match="seven"):
            vetro.train(
                own, x, y, loss=nn.MSELoss(), optimizer=optimizer, steps=50, schedule=factor,
                engine=engine,
            )  # fmt: skip
        assert optimizer.state[own[0].weight]["step"] == 7


@pytest.mark.parametrize("patience", [None, 1000])
@pytest.mark.parametrize("last", [1, 2, 3, 4, 5])
def test_divergence(patience, last):
    """Also in the first step of an epoch, whose order was drawn then."""
    module = nn.Linear(3, 1).double()
    x, y = torch.randn(30, 3).double(), torch.randn(30, 1).double()
    ends = []
    for engine in ("native", "torch"):
        own = copy.deepcopy(module)
        optimizer = torch.optim.SGD(own.parameters(), lr=0.05)
        schedule = lr_scheduler.LambdaLR(optimizer, lambda k: 1e200 if k > last else 1.0)
        generator = torch.Generator().manual_seed(1)
        with pytest.raises(TrainingError) as caught:
            vetro.train(
                own, x, y, loss=nn.MSELoss(), optimizer=optimizer, steps=500, schedule=schedule,
                batch_size=8, shuffle=True, generator=generator, engine=engine,
                validation=(x, y) if patience else None, patience=patience,
            )  # fmt: skip
        history = caught.value.values["history"]
        assert caught.value.code == "E317"
        assert not math.isfinite(history.loss[-1])
        assert own.weight.grad is None
        ends.append((
            str(caught.value), len(history.loss), history.best_epoch, schedule.last_epoch,
            generator.get_state().tolist(), history.stopped, history.learning_rate,
            own.weight.isfinite().all(),
        ))  # fmt: skip
    assert ends[0] == ends[1]
