"""vetro.train on the native engine against the same on the torch engine, which is the oracle.

In float64 and within rounding; what is no number (keys, steps, generators, schedules) exactly.
"""

import copy
import itertools
import math
import random
import signal
import threading

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.optim import lr_scheduler

import vetro
from vetro.engines import torch_loop
from vetro.engines.native_core import why_not_native
from vetro.errors import TrainingError, UsageError

pytestmark = pytest.mark.skipif(bool(why_not_native()), reason=why_not_native())


@pytest.fixture(autouse=True)
def _one_thread():
    """torch's own threads only wait for each other at these sizes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


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

PRODUCT = list(itertools.product(MODULES, OPTIMIZERS, LOSSES, BATCHES, SCHEDULES, CLIPS))
SAMPLE = random.Random(1).sample(PRODUCT, 150)


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
        for name, value in buffers.items():
            torch.testing.assert_close(value, theirs[name], rtol=1e-7, atol=1e-10)


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


def compare(module_name, optimizer_name, loss_name, batch_name, schedule_name, clip_name):
    torch.manual_seed(len(module_name + loss_name))
    module = MODULES[module_name]().double()
    make_loss, make_target = LOSSES[loss_name]
    x, y = torch.randn(ROWS, INPUTS, dtype=torch.float64), make_target()
    held_out = None
    if schedule_name == "plateau" or len(optimizer_name) % 2:
        held_out = (torch.randn(ROWS, INPUTS, dtype=torch.float64), make_target())
    by_epochs = len(module_name + loss_name) % 2 == 0
    steps = 3 * {"full": 1, "all": 1}.get(batch_name, 4) if by_epochs else 20
    settings = {"epochs": 3} if by_epochs else {"steps": steps}

    def train(own, optimizer, schedule, engine):
        generator = torch.Generator().manual_seed(7)
        shuffled = "shuffle" in BATCHES[batch_name]
        history = vetro.train(
            own, x, y, loss=make_loss(), optimizer=optimizer, schedule=schedule, engine=engine,
            validation=held_out, generator=generator if shuffled else None,
            **settings, **BATCHES[batch_name], **CLIPS[clip_name],
        )  # fmt: skip
        history.generator = generator.get_state().tolist()
        states.append(history.generator)
        return history

    states = []
    both(
        module,
        OPTIMIZERS[optimizer_name],
        lambda optimizer: SCHEDULES[schedule_name](optimizer, steps),
        train,
    )
    assert states[0] == states[1]


@pytest.mark.parametrize("case", SAMPLE, ids="-".join)
def test_as_the_torch_engine(case):
    compare(*case)


@pytest.mark.long
@pytest.mark.parametrize("module", MODULES)
def test_as_the_torch_engine_everywhere(module):
    cases = [case for case in PRODUCT if case[0] == module]
    for case in random.Random(2).sample(cases, 600):
        compare(*case)


def problem(rows=200, outputs=1, dtype=torch.float64):
    torch.manual_seed(3)
    module = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, outputs)).to(dtype)
    return module, torch.randn(rows, 3, dtype=dtype), torch.randn(rows, outputs, dtype=dtype)


def adam(module):
    return torch.optim.Adam(module.parameters(), lr=1e-2)


def nothing(optimizer):
    return None


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_engines_in_turn(optimizer):
    """native, torch, native again: as torch all the way."""
    module, x, y = problem(outputs=2)

    def train(own, opt, schedule, engine):
        engines = ("native", "torch", "native") if engine == "native" else ("torch",) * 3
        generator = torch.Generator().manual_seed(1)
        for each in engines:
            history = vetro.train(
                own, x, y, loss=nn.MSELoss(), optimizer=opt, schedule=schedule, engine=each,
                epochs=2, batch_size=64, shuffle=True, generator=generator,
            )  # fmt: skip
        return history

    both(module, OPTIMIZERS[optimizer], lambda opt: lr_scheduler.ExponentialLR(opt, 0.9), train)


def test_a_plain_loop_goes_on():
    module, x, y = problem()
    other = copy.deepcopy(module)
    optimizer, its = adam(module), adam(other)
    vetro.train(module, x, y, loss=nn.MSELoss(), optimizer=optimizer, steps=5, engine="native")
    for own, opt, steps in ((module, optimizer, 5), (other, its, 10)):
        for _ in range(steps):
            opt.zero_grad()
            functional.mse_loss(own(x), y).backward()
            opt.step()
    assert_close((module, optimizer), (other, its))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_two_halves_and_any_threads_have_the_bits_of_one(optimizer, dtype):
    module, x, y = problem(1000, outputs=2, dtype=dtype)
    states = []
    for parts, threads in (((8,), 1), ((3, 5), 2), ((8,), 3)):
        own = copy.deepcopy(module)
        opt = OPTIMIZERS[optimizer](own)
        generator = torch.Generator().manual_seed(1)
        losses = []
        for epochs in parts:
            history = vetro.train(
                own, x, y, loss=nn.MSELoss(), optimizer=opt, epochs=epochs, batch_size=300,
                shuffle=True, generator=generator, engine="native", threads=threads,
            )  # fmt: skip
            losses += history.loss
        buffers = opt.state_dict()["state"].values()
        tensors = [*own.parameters(), *(v for b in buffers for v in b.values())]
        states.append((losses, [value.tolist() for value in tensors]))
    assert states[0] == states[1] == states[2]


def test_the_same_rows_by_any_of_three_ways():
    module, x, y = problem(100)
    batches = torch.randperm(100).reshape(5, 20)
    losses = []
    for settings in (
        {"batches": batches},
        {"batches": batches.numpy().astype(np.uint8), "epochs": 1},
        {"batch_size": 20, "epochs": 1},
    ):
        own = copy.deepcopy(module)
        rows = batches.reshape(-1) if "batch_size" in settings else slice(None)
        history = vetro.train(
            own, x[rows], y[rows], loss=nn.MSELoss(), optimizer=adam(own), **settings
        )
        assert (history.engine, history.stopped) == ("native", "epochs")
        losses.append(history.loss)
    assert losses[0] == losses[1] == losses[2]


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


def test_patience_used_up_by_the_last_epoch_and_no_best_epoch():
    module, x, y = problem(60)
    both(
        module, lambda m: torch.optim.SGD(m.parameters(), lr=0.0), nothing,
        lambda own, opt, schedule, engine: vetro.train(
            own, x, y, loss=nn.MSELoss(), optimizer=opt, engine=engine, epochs=4,
            validation=(x, y), patience=3,
        ),
    )  # fmt: skip


def interrupting(engine, module, optimizer, schedule, x, y, when, **settings):
    """Train for long, interrupted by `when`."""
    return vetro.train(
        module, x, y, loss=nn.MSELoss(), optimizer=optimizer, schedule=schedule, engine=engine,
        steps=10**7, on_progress=when, **settings,
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
    monkeypatch.setattr(torch_loop, "TICK_SECONDS", 0.01)
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
    monkeypatch.setattr(torch_loop, "TICK_SECONDS", 0.01)
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
    assert history.seconds < 5
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
    monkeypatch.setattr(torch_loop, "TICK_SECONDS", 0.01)
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
def test_divergence(patience):
    module = nn.Linear(3, 1).double()
    x, y = torch.randn(30, 3).double(), torch.randn(30, 1).double()
    ends = []
    for engine in ("native", "torch"):
        own = copy.deepcopy(module)
        optimizer = torch.optim.SGD(own.parameters(), lr=0.05)
        schedule = lr_scheduler.LambdaLR(optimizer, lambda k: 1e200 if k > 5 else 1.0)
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


def test_frozen_parameters_keep_their_version_and_learning_ones_do_not():
    module, x, y = problem()
    module[0].requires_grad_(False)
    versions = [value._version for value in module.parameters()]
    output = module[2](torch.zeros(1, 8).double())
    vetro.train(module, x, y, loss=nn.MSELoss(), optimizer=adam(module), steps=2, engine="native")
    after = [value._version for value in module.parameters()]
    assert [one == other for one, other in zip(versions, after, strict=True)] == [
        True, True, False, False
    ]  # fmt: skip
    assert all(value.grad is None for value in module[0].parameters())
    assert output.grad_fn is not None


def test_dropout():
    module, x, y = problem()
    module.insert(2, nn.Dropout(0.4))
    settings = {"loss": nn.MSELoss(), "steps": 30}
    own = copy.deepcopy(module)
    history = vetro.train(own, x, y, optimizer=adam(own), **settings)
    assert history.engine == "torch"
    assert "torch's generator" in history.reason
    losses = []
    for seed in (1, 1, 2):
        own = copy.deepcopy(module)
        torch.manual_seed(seed)
        losses.append(vetro.train(own, x, y, optimizer=adam(own), engine="native", **settings).loss)
    assert losses[0] == losses[1] != losses[2]
    own = copy.deepcopy(module).eval()
    with pytest.warns(vetro.errors.VetroWarning, match="W314"):
        history = vetro.train(own, x, y, optimizer=adam(own), **settings)
    assert history.engine == "native"


def test_what_is_misread_runs_on_torch(monkeypatch):
    """The module's own forward is the witness: nothing is written when it disagrees."""
    from vetro.engines import native_session

    module, x, y = problem()
    understood = native_session.native_rows

    def misread(task, x, y):
        rows, targets = understood(task, x, y)
        return rows + 0.1, targets

    monkeypatch.setattr("vetro.training.native_door.native_rows", misread)
    before = copy.deepcopy(module.state_dict())
    optimizer = adam(module)
    schedule = lr_scheduler.StepLR(optimizer, 2)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    settings = {"loss": nn.MSELoss(), "optimizer": optimizer, "schedule": schedule, "steps": 9}
    with pytest.raises(UsageError, match="must have misread it"):
        vetro.train(module, x, y, **settings, batch_size=7, shuffle=True, engine="native")
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert schedule.last_epoch == 0
    assert torch.equal(state, torch.get_rng_state())
    assert not optimizer.state
    history = vetro.train(module, x, y, **settings, batch_size=7, shuffle=True)
    assert history.engine == "torch"
    assert "must have misread it" in history.reason
    assert len(history.loss) == 9
    assert schedule.last_epoch == 9


def test_a_loss_near_zero_is_not_taken_for_misread():
    torch.manual_seed(0)
    for dtype in (torch.float32, torch.float64):
        module = nn.Linear(3, 2).to(dtype)
        x = torch.randn(50, 3, dtype=dtype)
        y = module(x).detach().double() * (1 + 1e-15)
        history = vetro.train(
            module, x, y.to(dtype), loss=nn.MSELoss(), optimizer=adam(module), steps=3
        )
        assert history.engine == "native"


def test_refusals_name_the_reason():
    module, x, y = problem()
    optimizer = adam(module)

    def refused(match, *, x=x, y=y, module=module, **settings):
        settings = {"loss": nn.MSELoss(), "optimizer": optimizer, "steps": 2, **settings}
        with pytest.raises(UsageError, match=match) as caught:
            vetro.train(module, x, y, engine="native", **settings)
        assert caught.value.code == "E604"

    refused("is not one that the native engine has", loss=lambda o, t: ((o - t) ** 2).mean())
    refused("LBFGS", optimizer=torch.optim.LBFGS(module.parameters()))
    refused("x requires a gradient", x=x.clone().requires_grad_())
    hooked = copy.deepcopy(module)
    hooked[0].register_forward_hook(lambda *_: None)
    refused("hook", module=hooked, optimizer=adam(hooked))


def test_arguments():
    module, x, y = problem()
    before = copy.deepcopy(module.state_dict())

    def refused(match, **settings):
        settings = {"loss": nn.MSELoss(), "optimizer": adam(module), **settings}
        with pytest.raises(UsageError, match=match):
            vetro.train(module, x, y, **settings)

    rows = torch.tensor([[0, 1], [2, 199]])
    refused("200", batches=rows + 1)
    refused("-1", batches=rows - 1)
    refused("no row numbers", batches=rows.float())
    refused("no row numbers", batches=[[1, 2]])
    refused(r"not \(steps, batch\)", batches=rows.reshape(-1))
    refused("both batches and shuffle", batches=rows, shuffle=True)
    refused("both batches and batch_size", batches=rows, batch_size=2)
    refused("neither steps nor epochs")
    refused('clip_norm "0"', steps=1, clip_norm=0)
    refused("clip_value", steps=1, clip_value="much")
    refused('threads "0"', steps=1, threads=0)
    refused("there is no such engine", steps=1, engine="jax")
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_squeezed_outputs():
    class Flat(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))

        def forward(self, x):
            return self.layers(x).squeeze(-1)

    module, (_, x, y) = Flat().double(), problem()
    both(
        module, adam, nothing,
        lambda own, opt, schedule, engine: vetro.train(
            own, x, y[:, 0], loss=nn.MSELoss(), optimizer=opt, engine=engine, steps=20,
            validation=(x, y[:, 0]),
        ),
    )  # fmt: skip
    predictor = vetro.Predictor(module)
    out = torch.zeros(200).double()
    assert predictor(x, out=out) is out
    torch.testing.assert_close(out, module(x).detach())
    torch.testing.assert_close(predictor(x), out)
