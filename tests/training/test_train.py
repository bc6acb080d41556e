"""What vetro.train does beside the steps: history, validation, patience, stopping, divergence.

On the torch engine; test_native_door.py holds the native engine against it.
"""

import copy
import itertools
import math
import signal
import threading
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

import vetro
from vetro.engines import ticks, torch_loop
from vetro.errors import TrainingError

ROWS = 20


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def train(*arguments, **settings):
    return vetro.train(*arguments, **{"engine": "torch", **settings})


def problem(outputs=1):
    module = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, outputs))
    return module, torch.randn(ROWS, 3), torch.randn(ROWS, outputs)


def sgd(module, lr=0.05):
    return torch.optim.SGD(module.parameters(), lr=lr)


def plain(module, x, y, optimizer, steps, loss=functional.mse_loss):
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss(module(x), y)
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return losses


def same(module, other):
    mine, its = module.state_dict(), other.state_dict()
    return all(torch.equal(value, its[name]) for name, value in mine.items())


def test_history():
    module, x, y = problem()
    history = train(module, x, y, loss=nn.MSELoss(), optimizer=sgd(module), epochs=5)
    assert len(history.loss) == 5
    assert all(type(value) is float for value in history.loss)
    assert history.validation == []
    assert history.learning_rate == [0.05] * 5
    assert 0 < history.seconds < 60
    assert (history.engine, history.stopped, history.best_epoch) == ("torch", "epochs", 0)
    assert history.reason == "the caller asked for the torch engine"
    assert isinstance(history, vetro.History)
    history = train(
        module,
        x,
        y,
        loss=lambda o, t: ((o - t) ** 2).mean(),
        optimizer=sgd(module),
        steps=5,
        engine="auto",
    )
    assert (history.stopped, history.engine) == ("steps", "torch")
    assert "<lambda> (test_train.py:" in history.reason


def test_it_goes_on_where_it_left_off_and_with_either_loop():
    module, x, y = problem()
    other = copy.deepcopy(module)
    optimizer = torch.optim.Adam(module.parameters())
    other_optimizer = torch.optim.Adam(other.parameters())
    losses = train(module, x, y, loss=nn.MSELoss(), optimizer=optimizer, steps=7).loss
    losses += train(module, x, y, loss=nn.MSELoss(), optimizer=optimizer, steps=7).loss
    losses += plain(module, x, y, optimizer, 7)
    assert losses == plain(other, x, y, other_optimizer, 21)
    assert same(module, other)


@pytest.mark.parametrize("batch_size", [1, 6, 10, 20, 99])
def test_batches(batch_size):
    """Every row once an epoch, in the order that randperm gives, the last batch shorter."""
    seen = []

    class Watching(nn.Linear):
        def forward(self, x):
            seen.append(x[:, 0].tolist())
            return super().forward(x)

    module = Watching(1, 1)
    x = torch.arange(float(ROWS)).reshape(-1, 1)
    generator = torch.Generator().manual_seed(3)
    settings = {"loss": nn.MSELoss(), "optimizer": sgd(module, 1e-6), "epochs": 2}
    train(module, x, x, **settings, batch_size=batch_size, shuffle=True, generator=generator)
    generator.manual_seed(3)
    for _ in range(2):
        expected = torch.randperm(ROWS, generator=generator).float().tolist()
        while expected:
            assert seen.pop(0) == expected[:batch_size]
            expected = expected[batch_size:]
    assert seen == []


def test_steps_may_end_within_an_epoch():
    module, x, y = problem()
    settings = {"loss": nn.MSELoss(), "optimizer": sgd(module), "validation": (x, y)}
    history = train(module, x, y, **settings, steps=5, batch_size=6)
    assert len(history.loss) == 5
    assert len(history.validation) == 2
    assert history.validation[-1] == functional.mse_loss(module(x), y).item()


def test_validation_is_in_eval_mode_and_modes_come_back():
    module = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1))
    module[1].eval()
    x, y = torch.randn(ROWS, 3), torch.randn(ROWS, 1)
    modes = []

    def loss(output, target):
        modes.append([part.training for part in module])
        return functional.mse_loss(output, target)

    train(module, x, y, loss=loss, optimizer=sgd(module), epochs=2, validation=(x, y))
    training, held_out = [True, False, True, True], [False] * 4
    assert modes[-4:] == [training, held_out, training, held_out]
    assert [part.training for part in module] == training
    assert module.training


def test_patience_restores_the_best_parameters_and_buffers():
    module = nn.Sequential(nn.Linear(3, 30), nn.BatchNorm1d(30), nn.ReLU(), nn.Linear(30, 1))
    x, y = torch.randn(ROWS, 3), torch.randn(ROWS, 1)
    held_out = torch.randn(ROWS, 3), torch.randn(ROWS, 1)
    other = copy.deepcopy(module)
    history = train(
        module, x, y, loss=nn.MSELoss(), optimizer=sgd(module), epochs=500,
        validation=held_out, patience=4,
    )  # fmt: skip
    scores = history.validation
    assert history.stopped == "patience"
    assert history.best_epoch == scores.index(min(scores)) + 1 == len(scores) - 4
    plain(other, x, y, sgd(other), history.best_epoch)
    assert same(module, other)
    with torch.no_grad():
        value = functional.mse_loss(module.eval()(held_out[0]), held_out[1])
    assert value.item() == min(scores)


def test_without_patience_the_last_parameters_stay():
    module, x, y = problem()
    other = copy.deepcopy(module)
    train(module, x, y, loss=nn.MSELoss(), optimizer=sgd(module), epochs=30, validation=(x, -y))
    plain(other, x, y, sgd(other), 30)
    assert same(module, other)


def test_best_is_kept_also_at_the_limit():
    module, x, y = problem()
    history = train(
        module, x, y, loss=nn.MSELoss(), optimizer=sgd(module, 0.3), epochs=60,
        validation=(x, -y), patience=1000,
    )  # fmt: skip
    best = history.best_epoch
    assert history.stopped == "epochs"
    assert 0 < best < 60
    assert functional.mse_loss(module(x), -y).item() == history.validation[best - 1]


@pytest.fixture
def every_step(monkeypatch):
    """Progress after every step instead of every 0.1 s."""
    monkeypatch.setattr(ticks, "TICK_SECONDS", 0.0)


@pytest.mark.usefixtures("every_step")
def test_progress_and_stopping_by_its_answer():
    module, x, y = problem()
    other = copy.deepcopy(module)
    calls = []

    def on_progress(step, loss, history):
        calls.append((step, loss))
        assert history.loss[-1] == loss
        return len(calls) < 5

    history = train(
        module, x, y, loss=nn.MSELoss(), optimizer=sgd(module), steps=100, on_progress=on_progress
    )
    losses = plain(other, x, y, sgd(other), 5)
    assert history.stopped == "interrupted"
    assert history.loss == losses
    assert calls == [*enumerate(losses, 1), (5, losses[-1])]
    assert same(module, other)


def test_progress_comes_25_times_per_second_and_at_the_end(monkeypatch):
    clock = itertools.count()
    monkeypatch.setattr(torch_loop, "perf_counter", lambda: next(clock) / 64)
    module, x, y = problem()
    steps = []
    train(
        module, x, y, loss=nn.MSELoss(), optimizer=sgd(module), steps=20,
        on_progress=lambda step, loss, history: steps.append(step),
    )  # fmt: skip
    assert steps == [3, 6, 9, 12, 15, 18, 20]


def test_ctrl_c_ends_between_two_steps():
    module, x, y = problem()
    other = copy.deepcopy(module)
    calls = 0

    def loss(output, target):
        nonlocal calls
        calls += 1
        if calls == 30:
            signal.raise_signal(signal.SIGINT)
        return functional.mse_loss(output, target)

    optimizer = torch.optim.Adam(module.parameters())
    history = train(module, x, y, loss=loss, optimizer=optimizer, steps=1000)
    assert history.stopped == "interrupted"
    assert len(history.loss) == 30  # the loss is called once per step, as in the plain loop
    assert history.loss == plain(other, x, y, torch.optim.Adam(other.parameters()), 30)
    assert same(module, other)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_twice_ends_at_once_and_keeps_the_history():
    module, x, y = problem()

    def loss(output, target):
        if output.shape[0] == 2:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
        return functional.mse_loss(output, target)

    optimizer = sgd(module)
    history = train(module, x, y, loss=loss, optimizer=optimizer, epochs=9, batch_size=6)
    assert history.stopped == "interrupted"
    assert len(history.loss) == 3


@pytest.mark.usefixtures("every_step")
def test_keyboard_interrupt_from_a_programs_own_handler():
    module, x, y = problem()

    def own(number, frame):
        raise KeyboardInterrupt

    calls = []

    def on_progress(step, loss, history):
        calls.append(step)
        if calls == [1, 2, 3, 4]:
            signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, own)
    try:
        history = train(
            module, x, y, loss=nn.MSELoss(), optimizer=sgd(module), steps=50,
            on_progress=on_progress,
        )  # fmt: skip
        assert history.stopped == "interrupted"
        assert calls == [1, 2, 3, 4, 4]
        assert len(history.loss) == 4
        assert signal.getsignal(signal.SIGINT) is own
    finally:
        signal.signal(signal.SIGINT, before)


def test_it_runs_in_another_thread():
    module, x, y = problem()
    histories = []

    def work():
        histories.append(train(module, x, y, loss=nn.MSELoss(), optimizer=sgd(module), steps=3))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(histories[0].loss) == 3


def test_divergence():
    module = nn.Linear(3, 1)
    x, y = 100 * torch.randn(ROWS, 3), torch.randn(ROWS, 1)
    with pytest.raises(TrainingError) as caught:
        train(module, x, y, loss=nn.MSELoss(), optimizer=sgd(module, 1.0), steps=500)
    assert caught.value.code == "E317"
    history = caught.value.values["history"]
    step = len(history.loss)
    assert not math.isfinite(history.loss[-1])
    assert all(map(math.isfinite, history.loss[:-1]))
    assert str(caught.value) == (
        f"Diverged at step {step}: the loss is inf; first non-finite value in the loss itself "
        "(all parameters are finite). Lower the learning rate (now 1), or clip gradients."
    )
    assert all(torch.isfinite(value).all() for value in module.parameters())
    assert history.stopped == "diverged"


def test_divergence_names_the_parameter():
    module = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))
    x, y = torch.randn(ROWS, 3), torch.randn(ROWS, 1)

    def poison(k):
        return math.inf if k == 5 else 1.0

    module[0].requires_grad_(False)
    with pytest.raises(TrainingError, match=r"Diverged at step 7: .* non-finite value in 1.weight"):
        train(
            module, x, y, loss=nn.MSELoss(),
            optimizer=torch.optim.SGD(module[1].parameters(), lr=0.01),
            steps=500, schedule=poison,
        )  # fmt: skip


def test_divergence_with_patience_keeps_the_best():
    module = nn.Linear(3, 1)
    x, y = torch.randn(ROWS, 3), torch.randn(ROWS, 1)
    other = copy.deepcopy(module)

    def poison(k):
        return 1e30 if k > 5 else 1.0

    with pytest.raises(TrainingError, match=r"The best parameters \(epoch 6\) were kept") as caught:
        train(
            module, x, y, loss=nn.MSELoss(), optimizer=sgd(module), steps=500,
            schedule=poison, validation=(x, y), patience=1000,
        )  # fmt: skip
    plain(other, x, y, sgd(other), 6)
    assert same(module, other)
    assert caught.value.values["history"].best_epoch == 6


def test_losses_fetched_in_blocks_as_from_an_accelerator(monkeypatch):
    """The way of other devices, taken on the CPU: the same numbers, divergence found."""

    def wait(value, losses, pending):
        pending.append(value.detach())
        return True

    monkeypatch.setattr(torch_loop, "_record", wait)
    monkeypatch.setattr(ticks, "TICK_SECONDS", 60.0)  # one block, however slow the machine is
    module, x, y = problem()
    other = copy.deepcopy(module)
    history = train(module, x, y, loss=nn.MSELoss(), optimizer=sgd(module), steps=50)
    assert history.loss == plain(other, x, y, sgd(other), 50)
    assert same(module, other)
    module = nn.Linear(3, 1)
    with pytest.raises(TrainingError, match=r"Diverged at step \d+: .* value in weight"):
        train(module, 100 * x, y, loss=nn.MSELoss(), optimizer=sgd(module, 1.0), steps=500)


def test_a_function_as_schedule():
    module, x, y = problem()
    optimizer = torch.optim.SGD(
        [{"params": module[0].parameters(), "lr": 0.1}, {"params": module[2].parameters()}], lr=0.02
    )
    rates = []

    def loss(output, target):
        rates.append([group["lr"] for group in optimizer.param_groups])
        return functional.mse_loss(output, target)

    settings = {"loss": loss, "optimizer": optimizer, "schedule": lambda k: 0.5**k}
    train(module, x, y, **settings, steps=4)
    assert rates[-4:] == [[0.1 * 0.5**k, 0.02 * 0.5**k] for k in range(4)]
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.02]
    train(module, x, y, **settings, epochs=2, batch_size=10)
    assert [first for first, _ in rates[-4:]] == [0.1, 0.1, 0.05, 0.05]
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.02]


def test_a_schedule_of_torch_goes_on():
    module, x, y = problem()
    optimizer = sgd(module)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    settings = {"loss": nn.MSELoss(), "optimizer": optimizer, "schedule": schedule}
    history = train(module, x, y, **settings, epochs=2)
    history.learning_rate += train(module, x, y, **settings, epochs=2).learning_rate
    assert history.learning_rate == [0.05, 0.025, 0.0125, 0.00625]


def test_an_optimizers_own_zero_grad_is_called():
    class Counting(torch.optim.SGD):
        calls = 0

        def zero_grad(self, set_to_none=True):
            self.calls += 1
            super().zero_grad(set_to_none)

    module, x, y = problem()
    optimizer = Counting(module.parameters(), lr=0.1)
    train(module, x, y, loss=nn.MSELoss(), optimizer=optimizer, steps=6)
    assert optimizer.calls == 6
    optimizer = sgd(module)
    optimizer.zero_grad = lambda: None  # gradients add up, as in the plain loop
    module.zero_grad()
    other = copy.deepcopy(module)
    its = sgd(other)
    train(module, x, y, loss=nn.MSELoss(), optimizer=optimizer, steps=3)
    for _ in range(3):
        functional.mse_loss(other(x), y).backward()
        its.step()
    assert same(module, other)


def test_an_optimizer_with_a_closure():
    module, x, y = problem()
    other = copy.deepcopy(module)
    mine, its = (torch.optim.LBFGS(m.parameters(), max_iter=4) for m in (module, other))
    history = train(module, x, y, loss=nn.MSELoss(), optimizer=mine, steps=5)
    losses = []
    for _ in range(5):

        def closure():
            its.zero_grad()
            value = functional.mse_loss(other(x), y)
            value.backward()
            return value

        losses.append(its.step(closure).item())
    assert history.loss == losses
    assert same(module, other)


def test_the_running_sums_are_what_their_generator_gives(tmp_path, monkeypatch):
    """The code in examples/README.md writes the file beside it."""
    examples = Path(__file__).parents[2] / "examples"
    section = (examples / "README.md").read_text().split("## running_sums.csv")[1]
    code = section.split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    written = (tmp_path / "running_sums.csv").read_bytes()
    assert written == (examples / "running_sums.csv").read_bytes()
    assert written.count(b"\n") == 1001


def test_the_code_of_the_document_runs(capsys):
    """docs/pytorch-door.md, from top to bottom."""
    text = (Path(__file__).parents[2] / "docs" / "pytorch-door.md").read_text()
    names: dict[str, object] = {}
    for block in text.split("```python\n")[1:]:
        exec(block.split("```")[0], names)
    assert capsys.readouterr().out.splitlines()[-3:] == ["4.0", "8.0", "12.0"]


def test_the_loop_of_the_document_is_the_doors():
    text = (Path(__file__).parents[2] / "docs" / "pytorch-door.md").read_text()
    loop = text.split("## The loop")[1].split("```python\n")[1].split("```")[0]
    module, x, y = problem()
    other = copy.deepcopy(module)
    optimizer, its = (torch.optim.Adam(m.parameters()) for m in (module, other))
    names = {"torch": torch, "module": other, "x": x, "y": y, "loss": nn.MSELoss()}
    exec(loop.replace("40, 32", "40, 6"), {**names, "optimizer": its})
    generator = torch.Generator().manual_seed(7)
    train(
        module, x, y, loss=nn.MSELoss(), optimizer=optimizer,
        steps=40, batch_size=6, shuffle=True, generator=generator,
    )  # fmt: skip
    assert same(module, other)
