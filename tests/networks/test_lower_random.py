"""Random forwards with aliases and changes in place: lowered rightly, or refused.

None is lowered where torch itself refuses the gradients, or where the input is changed.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from networks.interpret import interpret
from torch import Tensor, nn
from torch.nn import functional

from vetro.networks.lower_module import lower_module
from vetro.networks.refusal import NotUnderstood

STATEMENTS = (
    "{r} = s.a({v})", "{r} = s.b({v})", "{r} = s.norm({v})", "{r} = s.relu({v})", "{r} = {v}",
    "{r} = torch.relu({v})", "{r} = torch.tanh({v})", "{r} = functional.silu({v})",
    "{r} = {v} * torch.sigmoid({v})", "{r} = {v}.relu_()", "{v}.relu_()", "{v}.sigmoid_()",
    "{r} = functional.leaky_relu({v}, inplace=True)", "{r} = functional.elu_({v})",
    "{v} += {w}", "{v} -= s.mean", "{v} *= 2", "{v} /= 3", "{v}.neg_()", "{v}.mul_(s.mean)",
    "{r} = {v}.add_({w}, alpha=2)", "{r} = {v} + {w}", "{r} = {v} - {w}", "{r} = 1 - {v}",
    "{r} = torch.sub({v}, {w}, alpha=0.5)", "{r} = {v} * 1.5 + s.mean", "{r} = -{v}",
    "{r} = {v}.view({v}.size(0), -1)", "{r} = {v}.flatten(1)", "{r} = {v}.contiguous()",
    "{r} = {v}[:, :]", "{r} = {v}.clone()", "{r} = {v}.to(x.dtype)", "{r} = {v}.detach()",
    "{r} = functional.dropout({v}, 0.5, False)", "{r} = {v} @ s.a.weight.t() + s.a.bias",
)  # fmt: skip


class Drawn(nn.Module):
    """A forward of a few statements drawn with a seed."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(3, 3), nn.Linear(3, 3, bias=False), nn.Linear(3, 1)
        self.norm, self.relu = nn.LayerNorm(3), nn.ReLU(inplace=True)
        self.register_buffer("mean", torch.tensor([0.5, -1.0, 2.0]))
        self.text = _draw(random.Random(seed))
        names: dict[str, Any] = {"torch": torch, "functional": functional}
        exec(self.text, names)
        self.body = names["body"]

    def forward(self, x: Tensor) -> Any:
        return self.body(self, x)


def _draw(chance: random.Random) -> str:
    lines, names = ["h0 = s.a(x)"], ["x", "h0"]
    for number in range(1, chance.randint(3, 9)):
        name = f"h{number}"
        statement = chance.choice(STATEMENTS)
        lines.append(statement.format(r=name, v=chance.choice(names[-3:]), w=chance.choice(names)))
        if lines[-1].startswith(f"{name} ="):
            names.append(name)
    lines.append(f"return s.c({chance.choice(names[-2:])})")
    return "\n    ".join(["def body(s, x):", *lines])


def _check(seed: int) -> bool:
    """Whether it was lowered; AssertionError if wrongly."""
    torch.manual_seed(seed)
    module = Drawn(seed).double()
    x = torch.randn(5, 3, dtype=torch.float64)
    given = x.clone()
    try:
        wanted = module(given)
        torch.autograd.backward(wanted.sum())
        sound = torch.equal(given, x)
    except RuntimeError:
        sound = False
    try:
        lowering = lower_module(module)
    except NotUnderstood:
        return False
    assert sound, module.text
    found = interpret(lowering, x.numpy())
    np.testing.assert_allclose(found, wanted.detach().numpy(), 1e-11, 1e-11, err_msg=module.text)
    return True


def test_random_forwards() -> None:
    assert sum(_check(seed) for seed in range(200)) > 40


@pytest.mark.long
def test_many_random_forwards() -> None:
    assert sum(_check(seed) for seed in range(1000, 6000)) > 1000
