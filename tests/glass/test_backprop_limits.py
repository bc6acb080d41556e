"""Backprop where a comparison cannot tell: steps too large for the curve, rounding as large as the
gradient, what underflows; and what it says of gradients that are there already."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import vetro
from vetro.errors import VetroError

CENTRAL = "gradients agree with central differences"
ACTIVATIONS = (nn.Tanh, nn.Sigmoid, nn.GELU, nn.SiLU, nn.Softplus, nn.ELU, nn.ReLU)


def verdicts(found: Any) -> dict[str, str]:
    return {check.name: check.verdict for check in found.checks}


def scaled(scale: float, activation: type[nn.Module], dtype: torch.dtype) -> Any:
    """A network whose first weights are as small as its inputs are large, so that its units see
    numbers near 1."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 6), activation(), nn.Linear(6, 1)).to(dtype)
    with torch.no_grad():
        module[0].weight.div_(scale)
    return module, torch.randn(8, 3, dtype=dtype) * scale, torch.randn(8, 1, dtype=dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("scale", [1e-6, 1e3, 1e6, 1e9])
def test_the_step_suits_the_inputs(scale, activation, dtype):
    """h of a weight that multiplies a million moves its unit by no more than h of a bias."""
    found = vetro.backprop(*scaled(scale, activation, dtype), nn.MSELoss())
    assert found, found.checks
    told = ~found.central.silent
    own = found.gradient[found.central.index]
    sharp = found.central.allowance[told] <= 1e-4 * np.abs(own[told]).max()
    assert told.mean() > 0.8 and sharp.mean() > 0.8


def test_a_step_too_large_for_the_curve_says_nothing():
    """Two inputs of a million that cancel: the unit stands where tanh bends, the step saturates."""
    module = nn.Sequential(nn.Linear(2, 1), nn.Tanh(), nn.Linear(1, 1)).double()
    with torch.no_grad():
        module[0].weight.fill_(1e3)
        module[0].bias.fill_(0.1)
    x = torch.tensor([[1e6, -1e6]], dtype=torch.float64)
    found = vetro.backprop(module, x, torch.ones(1, 1).double(), nn.MSELoss())
    assert found, found.checks
    curved = {found.names[i] for i in found.central.index[found.central.curved]}
    assert curved == {"0.weight[h0 <- x0]", "0.weight[h0 <- x1]"}
    assert "2 undecided: the loss is too curved for the step" in str(found)
    assert "curve in step" in str(found)
    assert all(found.central_verdicts[found.number(name)] == "undecided" for name in curved)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rounding_as_large_as_the_gradients_is_undecided(dtype):
    """A loss of 1e30 moves by less than its last place when a parameter moves by h."""
    module, x, _ = scaled(1.0, nn.Tanh, dtype)
    found = vetro.backprop(module, x, torch.full((8, 1), 1e15, dtype=dtype), nn.MSELoss())
    assert verdicts(found)[CENTRAL] == "undecided"
    assert f"{len(found.names)} undecided: rounding may be as large as the gradients" in str(found)
    # the chain rule is still compared with autograd
    assert verdicts(found)["gradients agree with autograd"] == "passed"


def test_no_random_network_with_large_inputs_fails():
    losses = {
        "mse": nn.MSELoss(),
        "l1": nn.L1Loss(),
        "huber": nn.HuberLoss(),
        "smooth": nn.SmoothL1Loss(beta=0.1),
        "own": lambda output, target: ((output - target) ** 2).mean(),
    }
    for seed in range(60):
        draw = np.random.default_rng(seed)
        torch.manual_seed(seed)
        dtype = (torch.float32, torch.float64)[seed % 2]
        layers, width = [], int(draw.integers(1, 6))
        inputs = width
        for _ in range(draw.integers(0, 3)):
            hidden = int(draw.integers(1, 12))
            layers += [nn.Linear(width, hidden), ACTIVATIONS[draw.integers(len(ACTIVATIONS))]()]
            width = hidden
        module = nn.Sequential(*layers, nn.Linear(width, 2)).to(dtype)
        x = (torch.randn(12, inputs, dtype=dtype) + float(draw.choice([0, 10]))) * float(
            10 ** draw.uniform(-1, 9)
        )
        # near the optimum slopes are differences of near equals
        y = module(x).detach() * (1 + float(draw.choice([0, 1e-9, 1e-3, 1])) * torch.randn(12, 2))
        name = draw.choice(list(losses))
        found = vetro.backprop(module, x, y.to(dtype), losses[name])
        assert "failed" not in verdicts(found).values(), (seed, name, found.checks)


def test_a_step_from_one_straight_piece_to_the_other():
    """smooth_l1 with its rounded piece between."""
    module = nn.Linear(1, 1).double()
    with torch.no_grad():
        module.weight.zero_()
        module.bias.zero_()
    x, y = torch.ones(1, 1).double(), torch.full((1, 1), 1e-8).double()
    found = vetro.backprop(module, x, y, nn.SmoothL1Loss(beta=1e-7))
    assert verdicts(found)[CENTRAL] == "undecided" and found.central.bent.all(), found.checks
    # within one piece there is no bend, also where the error changes its sign
    found = vetro.backprop(module, x, torch.full((1, 1), 1e-6).double(), nn.HuberLoss())
    assert found and not found.central.bent.any(), found.checks


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_at_the_bend_of_l1_rounding_decides(dtype):
    torch.manual_seed(4)
    module = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2)).to(dtype)
    x = torch.randn(20, 3, dtype=dtype)
    found = vetro.backprop(module, x, module(x).detach(), nn.L1Loss())
    assert verdicts(found)["gradients agree with autograd"] == "passed", found.checks
    assert verdicts(found)[CENTRAL] == "undecided"


@pytest.mark.parametrize(
    "make",
    [
        partial(torch.optim.SGD, lr=0.1),
        partial(torch.optim.Adam, lr=1e-3, eps=1e-30),
        partial(torch.optim.RMSprop, lr=1e-3, eps=0),
        partial(torch.optim.RMSprop, lr=1e-3, centered=True, momentum=0.9),
    ],
)
@pytest.mark.parametrize("size", [1e-30, 1e-22, 1e-18])
def test_what_underflows_is_no_fault(size, make):
    module, x, y = scaled(1.0, nn.Tanh, torch.float32)
    with torch.no_grad():
        module[2].weight.mul_(size)
        module[2].bias.mul_(size)
    found = vetro.backprop(module, x, 0 * y, nn.MSELoss(), make(module.parameters()))
    assert "failed" not in verdicts(found).values(), found.checks


def test_a_division_by_what_may_be_0_is_undecided():
    module, x, y = scaled(1.0, nn.Tanh, torch.float32)
    with torch.no_grad():
        module[2].weight.mul_(1e-30)
        module[2].bias.mul_(1e-30)
    optimizer = torch.optim.RMSprop(module.parameters(), eps=0)
    found = vetro.backprop(module, x, 0 * y, nn.MSELoss(), optimizer)
    assert verdicts(found)["the step of RMSprop agrees with torch's RMSprop"] == "undecided"
    assert "their divisor may round to 0" in str(found)


@pytest.mark.parametrize("name", ["Adam", "AdamW", "SGD"])
def test_a_rate_may_be_a_tensor(name):
    module, x, y = scaled(1.0, nn.Tanh, torch.float64)
    optimizer = getattr(torch.optim, name)(module.parameters(), lr=torch.tensor(1e-3))
    found = vetro.backprop(module, x, y, nn.MSELoss(), optimizer)
    assert found, found.checks


def test_gradients_that_are_there_are_told_and_kept():
    """Nothing discards them here, as the first step of vetro.train would (W310)."""
    module, x, y = scaled(1.0, nn.Tanh, torch.float32)
    nn.MSELoss()(module(x), y).backward()
    held = module[0].weight.grad.clone()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = vetro.backprop(module, x, y, nn.MSELoss())
    assert found and not found.notices and "discard" not in str(found)
    assert "0.weight.grad already holds a gradient. It is neither counted nor changed" in str(found)
    assert torch.equal(held, module[0].weight.grad)


def test_a_module_in_eval_mode_is_nothing_to_warn_of():
    """It always runs in that mode here."""
    module = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 1)).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert vetro.backprop(module, torch.randn(8, 3), torch.randn(8, 1), nn.MSELoss())


@pytest.mark.parametrize("which", ["x", "y"])
@pytest.mark.parametrize("odd", [lambda t: t.to("meta"), lambda t: t.to_sparse()])
def test_tensors_without_numbers_in_rows(which, odd):
    module, x, y = scaled(1.0, nn.Tanh, torch.float32)
    x, y = (odd(x), y) if which == "x" else (x, odd(y))
    with pytest.raises(VetroError, match=f"{which} is a (meta|sparse) tensor") as refused:
        vetro.backprop(module, x, y, nn.MSELoss())
    assert refused.value.code == "E315"


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("which", ["x", "y"])
def test_nested_tensors_and_long_doubles(which):
    module, x, y = scaled(1.0, nn.Tanh, torch.float32)
    wrong = {"x": x, "y": y, which: torch.nested.nested_tensor([x[0], y[0]])}
    with pytest.raises(VetroError, match=f"{which} is a nested tensor") as refused:
        vetro.backprop(module, **wrong, loss=nn.MSELoss())
    assert refused.value.code == "E315"
    long = {"x": x, "y": y}
    long[which] = long[which].numpy().astype(np.longdouble)
    found = vetro.backprop(module, **long, loss=nn.MSELoss())
    assert found and found.loss == vetro.backprop(module, x, y, nn.MSELoss()).loss


def test_a_loss_of_no_target():
    module = nn.Linear(3, 4)
    with pytest.raises(VetroError, match="No target counts") as refused:
        vetro.backprop(module, torch.randn(5, 3), torch.full((5,), -100), nn.CrossEntropyLoss())
    assert refused.value.code == "E710"
