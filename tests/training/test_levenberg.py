"""Levenberg-Marquardt: certified answers, and both engines against each other and against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import optimize
from torch import Tensor, nn
from training.certified import PROBLEMS, Model

import vetro
from vetro.errors import VetroError

LONG = pytest.mark.long
CASES = [
    pytest.param("Rat42", 0),
    pytest.param("Rat42", 1),
    pytest.param("MGH17", 0, marks=LONG),
    pytest.param("MGH17", 1),
    *[
        pytest.param(f"Lanczos{number}", start, marks=LONG)
        for number in (1, 2, 3)
        for start in (0, 1)
    ],
]


def net(hidden: int = 6, seed: int = 0, inputs: int = 1, outputs: int = 1) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(inputs, hidden), nn.Tanh(), nn.Linear(hidden, outputs)).double()


def curve(rows: int = 40) -> tuple[Tensor, Tensor]:
    x = torch.linspace(-1, 1, rows, dtype=torch.float64).reshape(-1, 1)
    return x, torch.sin(4 * x) + 0.2 * x**2


def fit(module: nn.Module, x: Tensor, y: Tensor, steps: int = 20, **options: object):
    settings = options.pop("settings", {})
    optimizer = options.pop("optimizer", None) or vetro.optim.LevenbergMarquardt(module, **settings)
    loss = options.pop("loss", nn.MSELoss())
    return vetro.train(module, x, y, loss=loss, optimizer=optimizer, steps=steps, **options)


@pytest.mark.parametrize(("name", "start"), CASES)
def test_certified_answers(name: str, start: int) -> None:
    problem = PROBLEMS[name]
    module = Model(problem, problem.starts[start])
    x, y = (torch.tensor(values, dtype=torch.float64) for values in (problem.x, problem.y))
    history = fit(
        module, x, y, steps=2000, loss=nn.MSELoss(reduction="sum"), settings={"least_gradient": 0.0}
    )
    assert history.engine == "torch"
    assert history.stopped in ("damping", "change")
    assert module.b.detach().numpy() == pytest.approx(problem.certified, rel=1e-6)
    if name != "Lanczos1":  # whose residuals are rounding errors of y
        assert history.loss[-1] == pytest.approx(problem.squares, rel=1e-9)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_engines_agree(weighted: bool) -> None:
    x = torch.randn(60, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    y = torch.stack([x.prod(1), torch.sin(x.sum(1))], 1)
    options = {"sample_weight": torch.linspace(0, 2, 60)} if weighted else {}
    histories = {}
    modules = {}
    for engine in ("native", "torch"):
        modules[engine] = net(5, inputs=3, outputs=2)
        histories[engine] = fit(modules[engine], x, y, steps=15, engine=engine, **options)
        assert histories[engine].engine == engine
    assert histories["native"].loss == pytest.approx(histories["torch"].loss, rel=1e-9)
    assert histories["native"].damping == histories["torch"].damping
    for one, other in zip(*(m.parameters() for m in modules.values()), strict=True):
        assert torch.allclose(one, other, rtol=1e-6, atol=1e-9)


def test_reaches_the_minimum_that_minpack_finds() -> None:
    x, y = curve()
    noise = torch.randn(len(x), 1, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    module = net(2)
    start = torch.nn.utils.parameters_to_vector(module.parameters()).detach().numpy().copy()
    history = fit(module, x, y + 0.1 * noise, steps=2000, settings={"least_gradient": 1e-10})

    def residuals(w: np.ndarray) -> np.ndarray:
        copy = net(2)
        torch.nn.utils.vector_to_parameters(torch.from_numpy(w), copy.parameters())
        return (copy(x) - y - 0.1 * noise).detach().numpy().reshape(-1)

    best = optimize.least_squares(residuals, start, method="lm", xtol=1e-14, ftol=1e-14)
    assert history.stopped in ("gradient", "damping", "change")
    assert history.loss[-1] == pytest.approx(2 * best.cost / len(x), rel=1e-6)


def test_loss_never_rises_and_modules_of_float32_train() -> None:
    x, y = curve()
    module = net().float()
    history = fit(module, x.float(), y.float(), steps=60)
    assert history.engine == "native"
    assert all(
        later < before for before, later in zip(history.loss, history.loss[1:], strict=False)
    )
    assert history.loss[-1] < 1e-4
    found = nn.MSELoss()(module(x.float()), y.float())
    assert found.dtype == torch.float32
    assert float(found.detach()) < 1.01 * history.loss[-1] + 1e-9


def test_frozen_and_left_out_parameters_stay() -> None:
    x, y = curve()
    for engine in ("native", "torch"):
        module = net()
        module[0].bias.requires_grad_(False)
        before = [p.detach().clone() for p in module.parameters()]
        held = vetro.optim.LevenbergMarquardt(module[0].parameters())
        with pytest.warns(UserWarning, match="W312"):
            fit(module, x, y, steps=5, optimizer=held, engine=engine)
        after = list(module.parameters())
        assert not torch.equal(before[0], after[0])
        assert all(torch.equal(before[i], after[i]) for i in (1, 2, 3))


def test_two_calls_are_as_one() -> None:
    x, y = curve()
    whole, parts = net(), net()
    one = fit(whole, x, y, steps=12)
    optimizer = vetro.optim.LevenbergMarquardt(parts)
    first = fit(parts, x, y, steps=5, optimizer=optimizer)
    again = vetro.optim.LevenbergMarquardt(parts)
    again.load_state_dict(optimizer.state_dict())
    second = fit(parts, x, y, steps=7, optimizer=again)
    assert first.loss + second.loss == one.loss
    assert all(map(torch.equal, whole.parameters(), parts.parameters()))


def test_threads_change_no_bit() -> None:
    x, y = curve(2000)
    found = []
    for threads in (1, 2, 5):
        module = net(20)
        fit(module, x, y, steps=4, threads=threads)
        found.append([p.detach().clone() for p in module.parameters()])
    assert all(all(map(torch.equal, found[0], one)) for one in found)


def test_patience_puts_back_the_best() -> None:
    x, y = curve(24)
    generator = torch.Generator().manual_seed(0)
    noisy = y + 0.3 * torch.randn(y.shape, generator=generator, dtype=torch.float64)
    module = net(15)
    held_out = (x + 0.02, y)
    history = fit(module, x, noisy, steps=300, validation=held_out, patience=6)
    assert history.stopped == "patience"
    assert len(history.validation) == len(history.loss) == history.best_epoch + 6
    assert history.validation[history.best_epoch - 1] == min(history.validation)
    found = float(nn.MSELoss()(module(held_out[0]), y).detach())
    assert found == pytest.approx(min(history.validation), rel=1e-9)


def test_progress_sees_the_parameters_and_ends_training() -> None:
    x, y = curve(3000)
    module, seen = net(20), []

    def look(step: int, loss: float, history: vetro.History) -> bool:
        seen.append((step, float(nn.MSELoss()(module(x), y).detach())))
        return False

    history = fit(module, x, y, steps=100_000, on_progress=look)
    assert history.stopped in ("interrupted", "damping", "change", "gradient")
    assert seen[-1][0] == len(history.loss)


class Gate(nn.Module):
    """Rows that depend on each other, and a constant of its own dtype."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor([1.0, -0.5, 0.2]))
        self.scale = torch.tensor([2.0])

    def forward(self, x: Tensor) -> Tensor:
        return self.a[0] * x / x.abs().max() + self.a[1] * torch.matmul(x, self.scale)[:, None] ** 2


def test_any_module() -> None:
    x = torch.linspace(-1, 3, 30).reshape(-1, 1)
    module = Gate()
    history = fit(module, x, 2 * x + 0.3 * x**2, steps=30)
    assert history.engine == "torch"
    assert history.loss[-1] < 1e-9
    assert module.a.detach()[:2].numpy() == pytest.approx([6.0, 0.075], rel=1e-3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"batch_size": 8}, "batch_size is given"),
        ({"shuffle": True}, "shuffle is given"),
        ({"schedule": lambda k: 1.0}, "schedule is given"),
        ({"clip_norm": 1.0}, "clip_norm is given"),
        ({"loss": nn.L1Loss()}, "the loss L1Loss is none"),
        ({"loss": lambda a, b: ((a - b) ** 2).mean()}, "needs a sum of squares"),
    ],
)
def test_refused(options: dict[str, object], said: str) -> None:
    x, y = curve()
    module = net()
    before = [p.detach().clone() for p in module.parameters()]
    with pytest.raises(VetroError, match=said) as caught:
        fit(module, x, y, **options)
    assert caught.value.code == "E604"
    assert all(map(torch.equal, before, module.parameters()))


def test_too_many_parameters() -> None:
    x, y = curve()
    with pytest.raises(VetroError, match="3,001 equations") as caught:
        fit(net(1000), x, y)
    assert caught.value.code == "E328"


def test_dropout_and_own_steps() -> None:
    x, y = curve()
    module = nn.Sequential(nn.Linear(1, 3), nn.Dropout(0.5), nn.Linear(3, 1)).double()
    with pytest.raises(VetroError, match="drops values at random"):
        fit(module, x, y)
    with pytest.warns(UserWarning, match="W314"):
        assert fit(module.eval(), x, y, steps=3).loss
    with pytest.raises(VetroError, match=r"vetro\.train"):
        vetro.optim.LevenbergMarquardt(net()).step()


@pytest.mark.parametrize(
    "settings",
    [{"damping": 0.0}, {"up": 1.0}, {"down": 1.5}, {"limit": float("inf")}, {"least_gradient": -1}],
)
def test_settings(settings: dict[str, float]) -> None:
    with pytest.raises(VetroError, match=next(iter(settings))) as caught:
        vetro.optim.LevenbergMarquardt(net(), **settings)
    assert caught.value.code == "E601"


def test_explained() -> None:
    module = net()
    optimizer = vetro.optim.LevenbergMarquardt(module)
    assert vetro.explain_engine(module, nn.MSELoss(), optimizer).engine == "native"
    other = nn.Sequential(nn.Linear(1, 2), nn.Softsign())
    optimizer = vetro.optim.LevenbergMarquardt(other)
    choice = vetro.explain_engine(other, nn.MSELoss(), optimizer)
    assert choice.engine == "torch"
    assert "Softsign" in choice.reason
