"""vetro.train_many: every training as vetro.train by itself, whatever the threads."""

import copy
import signal

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

import vetro
from vetro.engines.native_core import why_not_native
from vetro.errors import TrainingError, UsageError
from vetro.training import together

pytestmark = pytest.mark.skipif(bool(why_not_native()), reason=why_not_native())


def network(seed):
    torch.manual_seed(seed)
    hidden = 4 + seed % 5
    return nn.Sequential(nn.Linear(3, hidden), nn.Tanh(), nn.Linear(hidden, 1))


def rows(seed):
    generator = torch.Generator().manual_seed(100 + seed)
    count = 30 + 7 * seed
    return torch.randn(count, 3, generator=generator), torch.randn(count, 1, generator=generator)


def training(seed, **settings):
    """Networks, rows, optimizers, lengths and schedules that all differ."""
    module = network(seed)
    x, y = rows(seed)
    makers = (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop)
    optimizer = makers[seed % 4](module.parameters(), lr=1e-2)
    settings = {
        "loss": nn.MSELoss(),
        "epochs": 10 + seed,
        "batch_size": 8 + seed,
        "shuffle": True,
        "generator": torch.Generator().manual_seed(seed),
        "validation": (x, -y) if seed % 3 else None,
        "patience": 3 if seed % 3 == 1 else None,
        "schedule": lr_scheduler.StepLR(optimizer, 4) if seed % 2 else None,
        "clip_norm": 0.5 if seed % 5 == 2 else None,
        **settings,
    }
    return vetro.Training(module, x, y, optimizer=optimizer, **settings)


def alone(one):
    settings = {
        name: value for name, value in vars(one).items() if name not in ("module", "x", "y")
    }
    return vetro.train(one.module, one.x, one.y, **settings)


def outcome(one, history):
    state = one.optimizer.state_dict()
    buffers = [value.tolist() for own in state["state"].values() for value in own.values()]
    return (
        [value.tolist() for value in one.module.parameters()],
        [value.grad.tolist() for value in one.module.parameters()],
        buffers,
        str(state["param_groups"]),
        one.generator.get_state().tolist(),
        (history.loss, history.validation, history.learning_rate),
        (history.stopped, history.best_epoch, history.engine),
    )


@pytest.mark.parametrize("threads", [1, 2, 3, None])
def test_each_is_as_by_itself(threads):
    apart = [training(seed) for seed in range(13)]
    expected = [outcome(one, alone(one)) for one in apart]
    together = [training(seed) for seed in range(13)]
    histories = vetro.train_many(together, threads=threads)
    for one, history, own in zip(together, histories, expected, strict=True):
        assert outcome(one, history) == own
    assert {history.engine for history in histories} == {"native"}
    assert {history.stopped for history in histories} == {"epochs", "patience"}


def test_those_not_understood_run_on_torch():
    def build():
        odd = training(1, loss=lambda o, t: ((o - t) ** 2).mean())
        return [training(0), odd, training(2)]

    apart, together = build(), build()
    expected = [outcome(one, alone(one)) for one in apart]
    histories = vetro.train_many(together)
    assert [history.engine for history in histories] == ["native", "torch", "native"]
    assert "<lambda>" in histories[1].reason
    for one, history, own in zip(together, histories, expected, strict=True):
        assert outcome(one, history) == own


def test_without_a_generator_each_has_its_own_from_the_global_one():
    outcomes = []
    for seed in (1, 1, 2):
        ones = [training(0, generator=None), training(4, generator=None)]
        torch.manual_seed(seed)
        outcomes.append([history.loss for history in vetro.train_many(ones, threads=2)])
    assert outcomes[0] == outcomes[1] != outcomes[2]


def test_divergence_ends_its_own_training_only():
    ones = [training(0), training(4), training(8)]
    for group in ones[1].optimizer.param_groups:
        group["lr"] = 1e30
    histories = vetro.train_many(ones)
    assert [history.stopped for history in histories] == ["epochs", "diverged", "epochs"]


def test_mistakes_raise_before_any_module_changed():
    ones = [training(seed) for seed in range(30)]  # the first advance before the last is seen
    before = [copy.deepcopy(one.module.state_dict()) for one in ones]
    drawn = [one.generator.get_state() for one in ones]
    rates = [str(one.optimizer.state_dict()) for one in ones]
    wrong = training(4)
    wrong = vetro.Training(
        wrong.module, wrong.x, wrong.y[:, 0], loss=nn.MSELoss(), optimizer=wrong.optimizer, steps=3
    )
    with pytest.raises(TrainingError, match="broadcast"):
        vetro.train_many([*ones, wrong])
    shared = [training(1), training(2)]
    shared[1] = vetro.Training(
        shared[0].module, *rows(0), loss=nn.MSELoss(), optimizer=shared[1].optimizer, steps=1
    )
    with pytest.raises(UsageError, match="share the same module"):
        vetro.train_many(shared)
    with pytest.raises(UsageError, match="share the same generator"):
        vetro.train_many([ones[0], training(5, generator=ones[0].generator)])
    with pytest.raises(UsageError, match="is not a Training"):
        vetro.train_many([ones[0].module])
    for one, state in zip(ones, before, strict=True):
        assert all(
            torch.equal(value, state[name]) for name, value in one.module.state_dict().items()
        )
    for one, state, rate in zip(ones, drawn, rates, strict=True):
        assert torch.equal(one.generator.get_state(), state)
        assert str(one.optimizer.state_dict()) == rate
    assert vetro.train_many([]) == []


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"steps": 9, "clip_norm": -1.0}])
def test_a_training_refuses_a_wrong_number_when_it_is_made(wrong):
    one = training(0)
    with pytest.raises(UsageError, match=r"must be (at least 1|above 0)"):
        vetro.Training(one.module, one.x, one.y, loss=one.loss, optimizer=one.optimizer, **wrong)


def test_progress_and_its_answer():
    calls = []
    ones = [training(seed) for seed in range(4)]
    vetro.train_many(ones, on_progress=lambda steps, total: calls.append((steps, total)))
    total = sum(-(-len(one.x) // one.batch_size) * one.epochs for one in ones)
    assert calls[-1][1] == total
    assert calls[-1][0] <= total  # patience may have ended some
    long = [training(seed, epochs=10**6, patience=None) for seed in range(4)]
    odd = training(5, loss=lambda o, t: ((o - t) ** 2).mean())
    histories = vetro.train_many([*long, odd], on_progress=lambda steps, total: False)
    assert [history.stopped for history in histories] == ["interrupted"] * 5
    for one, history in zip(long, histories, strict=False):
        state = one.optimizer.state_dict()["state"]
        assert not state or state[0].get("step", len(history.loss)) == len(history.loss)
        if one.schedule:
            assert one.schedule.last_epoch == len(history.learning_rate)
    assert histories[4].loss == []


@pytest.mark.parametrize("prepared", [1, 20, 40])
def test_ctrl_c_while_they_are_prepared(prepared, monkeypatch):
    ones = [training(seed % 13, epochs=10**6, patience=None) for seed in range(40)]
    unchanged = [copy.deepcopy(one.module.state_dict()) for one in ones]
    drawn = [one.generator.get_state() for one in ones]
    found = []
    door = together.Run.open_door

    def watched(one):
        found.append(one)
        if len(found) == prepared:
            signal.raise_signal(signal.SIGINT)
        return door(one)

    monkeypatch.setattr(together.Run, "open_door", watched)
    histories = vetro.train_many(ones, threads=2)
    assert len(found) == prepared
    assert {history.stopped for history in histories} == {"interrupted"}
    for number, (one, history) in enumerate(zip(ones, histories, strict=True)):
        steps = len(history.loss)
        state = one.optimizer.state_dict()["state"]
        assert not state or state[0].get("step", steps) == steps
        if not steps:
            assert torch.equal(one.generator.get_state(), drawn[number])
            for name, value in one.module.state_dict().items():
                assert torch.equal(value, unchanged[number][name])
    assert not any(history.loss for history in histories[prepared:])


def test_ctrl_c():
    """The signal comes when the first steps are reported; no training can end before."""
    ones = [training(seed, epochs=10**6, patience=None) for seed in range(4)]
    sent = []

    def interrupt(steps, total):
        if steps and not sent:
            sent.append(steps)
            signal.raise_signal(signal.SIGINT)

    histories = vetro.train_many(ones, on_progress=interrupt)
    assert sent
    assert {history.stopped for history in histories} == {"interrupted"}
    assert any(history.loss for history in histories)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
