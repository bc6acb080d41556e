"""The range test: a rate that is known, objects that stay, and the picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import vetro
from vetro.errors import VetroError
from vetro.training.rate_test import judged, ramp


def problem() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    x = torch.randn(400, 4)
    y = torch.sin(x.sum(1, keepdim=True))
    return nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1)), x, y


def test_gradient_descent_on_a_parabola() -> None:
    """Its steps are too long beyond the rate 2 / curvature."""
    x = torch.ones(10, 1)
    module = nn.Linear(1, 1, bias=False)
    nn.init.constant_(module.weight, 100.0)
    curvature = 2.0
    found = vetro.find_learning_rate(
        module, x, 0 * x, nn.MSELoss(), torch.optim.SGD(module.parameters(), lr=0.1)
    )
    assert 0.01 < found.suggestion <= 2 / curvature
    assert max(found.rates) < 10  # the rest is left out


@pytest.mark.parametrize("engine", ["native", "torch"])
@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam])
def test_objects_stay_and_the_rate_trains(kind: type, engine: str) -> None:
    module, x, y = problem()
    optimizer = kind(module.parameters(), lr=0.123)
    before = [p.detach().clone() for p in module.parameters()]
    drawn = torch.random.get_rng_state()
    found = vetro.find_learning_rate(
        module, x, y, nn.MSELoss(), optimizer, batch_size=32, shuffle=True, engine=engine
    )
    assert all(map(torch.equal, before, module.parameters()))
    assert optimizer.param_groups[0]["lr"] == 0.123
    assert not optimizer.state
    assert torch.equal(drawn, torch.random.get_rng_state())
    optimizer.param_groups[0]["lr"] = found.suggestion
    history = vetro.train(
        module, x, y, loss=nn.MSELoss(), optimizer=optimizer, epochs=30, batch_size=32
    )
    assert history.loss[-1] < history.loss[0] / 2


def test_losses_are_those_of_the_plain_loop() -> None:
    module, x, y = problem()
    optimizer = torch.optim.SGD(module.parameters(), lr=1.0)
    found = vetro.find_learning_rate(
        module, x, y, nn.MSELoss(), optimizer, lowest=1e-3, highest=1e-1, steps=25
    )
    for number, rate in enumerate(np.geomspace(1e-3, 1e-1, 25)):
        optimizer.param_groups[0]["lr"] = float(rate)
        optimizer.zero_grad()
        value = nn.MSELoss()(module(x), y)
        value.backward()
        optimizer.step()
        assert found.losses[number] == pytest.approx(float(value.detach()), rel=1e-5)
        assert found.rates[number] == pytest.approx(rate)


def test_judged() -> None:
    rates = ramp(1e-6, 10, 200)
    assert rates[0] == pytest.approx(1e-6)
    assert rates[-1] == pytest.approx(10)
    losses = np.where(rates < 0.1, 1 / (1 + 100 * rates), 50.0)
    found = judged(rates.tolist(), [*losses[:180], np.nan])
    assert 0.05 < found.suggestion * 10 < 0.2
    assert len(found.losses) < 160
    assert "suggestion" in repr(found)
    with pytest.raises(ValueError, match="first loss"):
        judged([1.0], [float("inf")])


def test_picture(tmp_path: Path) -> None:
    module, x, y = problem()
    found = vetro.find_learning_rate(
        module, x, y, nn.MSELoss(), torch.optim.Adam(module.parameters()), batch_size=50
    )
    svg = found.picture(tmp_path / "rates.png")
    assert (tmp_path / "rates.png").read_bytes().startswith(b"\x89PNG")
    assert "learning rate" in svg or "<svg" in svg
    assert found._repr_html_().startswith("<svg")


@pytest.mark.parametrize(
    ("options", "code"),
    [({"epochs": 3}, "E604"), ({"highest": 1e-9}, "E601"), ({"patience": 3}, "E604")],
)
def test_refused(options: dict[str, object], code: str) -> None:
    module, x, y = problem()
    optimizer = torch.optim.Adam(module.parameters())
    with pytest.raises(VetroError) as caught:
        vetro.find_learning_rate(module, x, y, nn.MSELoss(), optimizer, **options)
    assert caught.value.code == code
    with pytest.raises(VetroError, match="length of each step"):
        vetro.find_learning_rate(module, x, y, nn.MSELoss(), vetro.optim.LevenbergMarquardt(module))


@pytest.mark.parametrize("entries", [{"optimizer": "sgd"}, {"schedule": "cosine"}])
def test_fit_finds_its_rate(entries: dict[str, str]) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=300), rng.normal(size=300)
    columns = {"a": a.tolist(), "b": b.tolist(), "y": (np.sin(a) + b).tolist()}
    settings = {"epochs": 30, "hidden": 16, "members": 1, **entries}
    model = vetro.fit(columns, target="y", **settings)
    found = model.recipe.learning_rate
    assert 1e-4 < found < 1
    assert model.evidence.metrics["r2"].value > 0.9
    assert [one.code for one in model.evidence.notices].count("I330") == 1
    again = vetro.fit(columns, target="y", learning_rate=found, **settings)
    assert "I330" not in [one.code for one in again.evidence.notices]
    for one, other in zip(model.members, again.members, strict=True):
        assert one.parameters.tobytes() == other.parameters.tobytes()
