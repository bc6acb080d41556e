"""Bounds and slopes beside the exact ones, found by enumerating all regions in rationals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from glass.exact_regions import exact_range
from torch import nn

import vetro
from vetro.glass.subject import subject_of


def network(random: np.random.Generator) -> nn.Module:
    torch.manual_seed(int(random.integers(1 << 31)))
    hidden = int(random.integers(2, 7))
    layers: list[nn.Module] = [nn.Linear(2, hidden), nn.ReLU()]
    if random.random() < 0.6:
        layers += [nn.Linear(hidden, hidden), nn.ReLU()]
    module = nn.Sequential(*layers, nn.Linear(hidden, int(random.integers(1, 3))))
    return module.double() if random.random() < 0.5 else module


def compare(seed: int, networks: int) -> None:
    random = np.random.default_rng(seed)
    for _ in range(networks):
        module = network(random)
        subject = subject_of(module)
        low = random.normal(0, 1, 2)
        high = low + np.abs(random.normal(0, 2, 2)) + 1e-3
        exact = exact_range(subject.parts[0], low, high)
        over = [(float(a), float(b)) for a, b in zip(low, high, strict=True)]
        # where the range is as narrow as rounding, no cut makes it 2% tight
        found = vetro.bounds(module, over, tightness=0.02, seconds=60)
        for number, name in enumerate(subject.answers):
            least, most = float(exact.least[number]), float(exact.most[number])
            size = max(abs(least), abs(most), 1e-6)
            below, above = found[name]
            assert below <= exact.least[number] and exact.most[number] <= above
            room = 0.05 * (most - least) + 1e-4 * size
            assert least - below < room and above - most < room
        trends = vetro.monotonicity(module, over, seconds=0.5)
        for (answer, column), trend in trends.items():
            occurring = exact.slopes[int(answer[1:])][int(column[1:])]
            if trend.direction in ("rises", "constant"):
                assert min(occurring) >= 0
            if trend.direction in ("falls", "constant"):
                assert max(occurring) <= 0
            if trend.direction == "neither":
                assert min(occurring) < 0 < max(occurring)
            assert trend.slope[0] <= min(occurring)
            assert max(occurring) <= trend.slope[1]


def test_a_few_networks() -> None:
    compare(seed=3, networks=4)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
def test_two_hundred_networks(seed: int) -> None:
    compare(seed=10 + seed, networks=20)
