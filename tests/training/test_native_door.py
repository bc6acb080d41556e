"""vetro.train on the native engine against the same on the torch engine, which is the oracle.

In float64 and within rounding; what is no number (keys, steps, generators, schedules) exactly.
"""

import copy
import itertools
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.optim import lr_scheduler
from training.native_cases import (
    BATCHES,
    CLIPS,
    INPUTS,
    LOSSES,
    MODULES,
    OPTIMIZERS,
    ROWS,
    SCHEDULES,
    adam,
    assert_close,
    both,
    nothing,
    problem,
)  # fmt: skip

import vetro
from vetro.engines.native_core import why_not_native
from vetro.errors import UsageError

pytestmark = pytest.mark.skipif(bool(why_not_native()), reason=why_not_native())

PRODUCT = list(itertools.product(MODULES, OPTIMIZERS, LOSSES, BATCHES, SCHEDULES, CLIPS))
SAMPLE = random.Random(1).sample(PRODUCT, 150)


def compare(module_name, optimizer_name, loss_name, batch_name, schedule_name, clip_name):
    torch.manual_seed(len(module_name + loss_name))
    module = MODULES[module_name]().double()
    make_loss, make_target = LOSSES[loss_name]
    x, y = torch.randn(ROWS, INPUTS, dtype=torch.float64), make_target()
    held_out = None
    if schedule_name == "plateau" or len(optimizer_name) % 2:
        held_out = (torch.randn(ROWS, INPUTS, dtype=torch.float64), make_target())
    by_epochs = len(module_name + loss_name) % 2 == 0
    steps = 3 * {"full": 1, "all": 1}.get(batch_name, 4) if by_epochs else 18
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


def test_gradients_and_state_are_each_a_tensor_of_its_own():
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    optimizer = torch.optim.Adam(module.parameters())
    rows = torch.randn(8, 3), torch.randn(8, 2)
    vetro.train(module, *rows, loss=nn.MSELoss(), optimizer=optimizer, steps=3, engine="native")
    left = [value.grad for value in module.parameters()]
    left += [value for own in optimizer.state.values() for value in own.values()]
    for value in left:
        assert value.untyped_storage().nbytes() == value.numel() * value.element_size()
        assert not value._is_view()
    versions = [value._version for value in left]
    left[0].zero_()
    assert [value._version for value in left[1:]] == versions[1:]


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
        rows = understood(task, x, y)
        return replace(rows, matrix=rows.x + 0.1)

    monkeypatch.setattr("vetro.engines.native_session.native_rows", misread)
    before = copy.deepcopy(module.state_dict())
    optimizer = adam(module)
    schedule = lr_scheduler.StepLR(optimizer, 2)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    settings = {"loss": nn.MSELoss(), "optimizer": optimizer, "schedule": schedule, "steps": 9}
    with pytest.raises(UsageError, match="has misread the module"):
        vetro.train(module, x, y, **settings, batch_size=7, shuffle=True, engine="native")
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert schedule.last_epoch == 0
    assert torch.equal(state, torch.get_rng_state())
    assert not optimizer.state
    history = vetro.train(module, x, y, **settings, batch_size=7, shuffle=True)
    assert history.engine == "torch"
    assert "has misread the module" in history.reason
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
    refused("not row numbers", batches=rows.float())
    refused("not row numbers", batches=[[1, 2], [3]])
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


def test_another_default_device_and_groups_in_another_order():
    """What Vetro makes itself lies on the CPU, and a new state has torch's keys in its order."""
    results = []
    for device in ("cpu", "meta"):
        torch.manual_seed(4)
        module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
        x, y = torch.randn(ROWS, 3).double(), torch.randn(ROWS, 2).double()
        groups = [{"params": module[2].parameters()}, {"params": module[0].parameters()}]
        optimizer = torch.optim.AdamW(groups, lr=0.01)
        generator = torch.Generator().manual_seed(7)
        order = {"shuffle": True, "batch_size": 5, "generator": generator}
        with torch.device(device):
            vetro.train(
                module, x, y, loss=nn.MSELoss(), optimizer=optimizer, epochs=3, engine="native",
                **order,
            )  # fmt: skip
        steps = [float(state["step"]) for state in optimizer.state.values()]
        values = [value for state in optimizer.state.values() for value in state.values()]
        results.append((steps, values))
        assert list(optimizer.state_dict()["state"]) == [0, 1, 2, 3]
    assert results[0][0] == results[1][0]
    pairs = zip(results[0][1], results[1][1], strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
