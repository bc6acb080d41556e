"""Planted faults: verify finds every one, and passes the same without it."""

from __future__ import annotations

import pytest
import torch
from glass.planted import FAULTS, adam, clean, net, right_function, verified
from torch import nn


def test_there_are_enough():
    assert len(FAULTS) >= 40


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(name, monkeypatch):
    found = FAULTS[name](monkeypatch)
    assert not found
    assert "FAILED" in str(found)
    assert any(check.verdict == "failed" and check.detail for check in found.checks)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, nn.Sigmoid, nn.GELU, nn.LeakyReLU])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_without_one_all_passes(activation, dtype):
    module = net(dtype, activation)
    found = verified(module, adam(module))
    assert found, str(found)
    assert 0 < found.share <= 1


def test_without_one_all_passes_with_a_function_of_the_users(monkeypatch):
    assert clean(monkeypatch)
    assert right_function(monkeypatch), str(right_function(monkeypatch))
