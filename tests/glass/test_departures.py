"""Answers less straight lines: nothing leaves the bounds, and they are close to what is seen."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from vetro.glass.bounds.box import Range
from vetro.glass.bounds.departures import BOXES, departures, middles
from vetro.glass.formula.formula import formula
from vetro.glass.subject import subject_of


def network(bend: nn.Module, random: np.random.Generator) -> nn.Sequential:
    torch.manual_seed(int(random.integers(1 << 31)))
    module = nn.Sequential(nn.Linear(3, 8), bend, nn.Linear(8, 8), bend, nn.Linear(8, 2))
    return module.double() if random.random() < 0.5 else module


@pytest.mark.parametrize("bend", [nn.ReLU(), nn.Tanh(), nn.GELU()], ids=["relu", "tanh", "gelu"])
def test_nothing_leaves_a_line_by_more(bend: nn.Module) -> None:
    random = np.random.default_rng(7)
    for _ in range(8):
        module = network(bend, random)
        low = random.normal(size=3)
        ranges = [
            Range(a, a + width) for a, width in zip(low, random.random(3) + 0.01, strict=True)
        ]
        slopes, levels = random.normal(size=(2, 3)), random.normal(size=2)
        least, most = departures(subject_of(module), ranges, slopes, levels)
        ends = np.array([(found.low, found.high) for found in ranges])
        points = np.vstack([
            random.uniform(ends[:, 0], ends[:, 1], size=(3000, 3)),
            np.array(np.meshgrid(*ends)).reshape(3, -1).T,
        ])  # fmt: skip
        with torch.no_grad():
            x = torch.tensor(points, dtype=module[0].weight.dtype)
            left = module(x).double().numpy() - levels - (points - middles(ranges)) @ slopes.T
        assert (least <= left.min(axis=0)).all() and (left.max(axis=0) <= most).all()
        seen = np.maximum(np.abs(left).max(axis=0), 1e-9)
        assert (most - least <= 2.5 * seen + 1e-6).all()


def test_a_line_that_the_network_is_leaves_nothing() -> None:
    module = nn.Linear(3, 1).double()
    with torch.no_grad():
        slopes = module.weight.numpy().copy()
        ranges = [Range(-1.0, 3.0), Range(2.0, 2.0), Range(0.0, 1e3)]
        middle = torch.tensor(middles(ranges))
        level = module(middle[None])[0].numpy()
    least, most = departures(subject_of(module), ranges, slopes, level)
    assert -1e-9 < least[0] <= 0.0 <= most[0] < 1e-9


def test_wide_boxes_are_cut_and_every_run_finds_the_same() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(),
                           nn.Linear(32, 1)).double()  # fmt: skip
    with torch.no_grad():
        for parameter in module.parameters():
            parameter *= 2.5
    found = [formula(module, [0.1, 0.2, -0.3, 0.4], 0.5) for _ in range(2)]
    assert found[0].error == found[1].error
    low, high = found[0].error[0]
    assert max(-low, high) < 8 * found[0].error_seen()[0]
    assert BOXES < 1000


@pytest.mark.parametrize("bend", [nn.Tanh(), nn.GELU(), nn.SiLU()], ids=["tanh", "gelu", "silu"])
def test_a_tangents_error_is_that_of_the_function_not_of_its_rounding(bend: nn.Module) -> None:
    """In a small box the rounding of float32 would be most of the error."""
    torch.manual_seed(3)
    module = nn.Sequential(nn.Linear(8, 32), bend, nn.Linear(32, 32), bend, nn.Linear(32, 1))
    row = np.linspace(-0.7, 0.9, 8)
    ((low, high),) = formula(module, row, 1e-3).error
    ((least, most),) = formula(module.double(), row, 1e-3).error
    # cutting stops where rows of the engine, which rounds, are seen to leave it as far
    assert high - low <= 2.0 * (most - least)
