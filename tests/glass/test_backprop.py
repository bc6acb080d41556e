"""Backprop against oracles: torch's autograd and optimizers, planted faults, and by hand."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import vetro
import vetro.glass.backprop.backprop_text
from vetro.errors import VetroError
from vetro.glass import plain
from vetro.glass.learning.loss_terms import loss_terms, loss_values
from vetro.glass.learning.steps import State
from vetro.glass.learning.update_terms import written
from vetro.networks.losses.rule import LossRule
from vetro.networks.updates.rule import UpdateRule

ACTIVATIONS = {
    "relu": nn.ReLU(),
    "leaky_relu": nn.LeakyReLU(0.1),
    "elu": nn.ELU(0.7),
    "tanh": nn.Tanh(),
    "sigmoid": nn.Sigmoid(),
    "silu": nn.SiLU(),
    "gelu": nn.GELU(),
    "gelu_tanh": nn.GELU("tanh"),
    "softplus": nn.Softplus(2.0),
}
WEIGHTS = torch.tensor([1.0, 2.0, 0.5])
LOSSES = {
    "mse": nn.MSELoss(),
    "l1": nn.L1Loss(reduction="sum"),
    "smooth_l1": nn.SmoothL1Loss(beta=0.3),
    "huber": nn.HuberLoss(delta=0.5),
    "bce": nn.BCEWithLogitsLoss(pos_weight=WEIGHTS),
    "cross_entropy": nn.CrossEntropyLoss(WEIGHTS, label_smoothing=0.1, ignore_index=1),
}
RULES = {
    "mse": LossRule("mse"),
    "l1": LossRule("l1", "sum"),
    "smooth_l1": LossRule("smooth_l1", a=0.3),
    "huber": LossRule("huber", a=0.5),
    "bce": LossRule("bce", positive_weights=WEIGHTS.double().numpy()),
    "cross_entropy": LossRule(
        "cross_entropy", a=0.1, ignored=1, class_weights=WEIGHTS.double().numpy()
    ),
}
OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.01),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.2, maximize=True),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1, amsgrad=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, betas=(0.8, 0.95)),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.5),
    "centered": lambda p: torch.optim.RMSprop(p, lr=0.01, centered=True, weight_decay=0.1),
}


def targets(loss: str, rows: int, dtype: torch.dtype) -> torch.Tensor:
    if loss == "cross_entropy":
        return torch.randint(3, (rows,))
    return torch.rand(rows, 3, dtype=dtype)


def net(activation: nn.Module = ACTIVATIONS["tanh"], norm: bool = True) -> nn.Sequential:
    torch.manual_seed(3)
    layers = [nn.Linear(4, 6), activation, *([nn.LayerNorm(6)] if norm else [])]
    return nn.Sequential(*layers, nn.Linear(6, 3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_gradient_is_autograds_and_the_central_difference(activation, loss, dtype):
    module = net(ACTIVATIONS[activation]).to(dtype)
    function = copy.deepcopy(LOSSES[loss]).to(dtype)
    torch.manual_seed(5)
    x, y = torch.randn(5, 4, dtype=dtype), targets(loss, 5, dtype)
    found = vetro.backprop(module, x, y, function)
    assert found, [check for check in found.checks if not check]
    function(module(x), y).backward()
    expected = torch.cat([parameter.grad.reshape(-1) for parameter in module.parameters()])
    slack = 2e-5 if dtype == torch.float32 else 1e-13
    np.testing.assert_allclose(found.gradient, expected.double(), rtol=slack, atol=slack)
    # the claims are sharp: an allowance is no excuse
    assert (found.rounding.gradient < (2e-3 if dtype == torch.float32 else 2e-11)).all()
    assert np.median(found.central.allowance) < 1e-6


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_and_slopes_are_torchs(loss):
    torch.manual_seed(1)
    output = (3 * torch.randn(7, 3, dtype=torch.float64)).requires_grad_()
    y = targets(loss, 7, torch.float64)
    value = copy.deepcopy(LOSSES[loss]).double()(output, y)
    value.backward()
    found = loss_terms(RULES[loss], output.detach().numpy(), y.numpy())
    assert found.value == pytest.approx(value.item(), rel=1e-13)
    assert found.terms.sum() / found.divisor == pytest.approx(value.item(), rel=1e-13)
    np.testing.assert_allclose(found.slope, output.grad, rtol=1e-12, atol=1e-15)
    copies = np.stack([output.detach().numpy()] * 2)
    values, slopes, sizes = loss_values(RULES[loss], copies, y.numpy())
    np.testing.assert_allclose(values, value.item())
    np.testing.assert_allclose(slopes, np.stack([output.grad] * 2), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(sizes, found.size)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_updates_go_on_from_the_optimizers_state(name):
    module = net().double()
    x, y = torch.randn(5, 4).double(), torch.randn(5, 3).double()
    optimizer = OPTIMIZERS[name](module.parameters())
    for _ in range(3):
        found = vetro.backprop(module, x, y, nn.MSELoss(), optimizer)
        assert found, found.checks
        optimizer.zero_grad()
        functional.mse_loss(module(x), y).backward()
        optimizer.step()
        optimizer.zero_grad()
        after = torch.cat([parameter.detach().reshape(-1) for parameter in module.parameters()])
        own = found.updates[0]
        assert own.own
        np.testing.assert_allclose(own.new, after, rtol=1e-9, atol=1e-12)
        assert f"= {float(f'{own.new[0]:.7g}'):.7g}" in own.lines(0)[-1]


def test_a_first_step_by_hand():
    w, g = State.new(np.array([1.0])), np.array([0.5])
    assert written(UpdateRule("sgd", 0.1), w, g).new == pytest.approx([0.95])
    assert written(UpdateRule("adam", 0.1), w, g).new == pytest.approx([0.9])
    assert written(UpdateRule("adamw", 0.1, weight_decay=0.1), w, g).new == pytest.approx([0.89])
    assert written(UpdateRule("rmsprop", 0.1), w, g).new == pytest.approx([0.0], abs=1e-6)


def test_a_float32_state_goes_on_in_float64():
    """As the exact step does: 0.9 m of a float32 m is not rounded to float32."""
    m, one = np.array([0.1], dtype=np.float32), np.ones(1, dtype=np.float32)
    before = State(one, m, one, one, np.array([2.0]))
    found = written(UpdateRule("adam", 0.1), before, np.array([0.5]))
    first, second = 0.9 * float(m[0]) + 0.05, 0.999 + 0.001 * 0.25
    step = 0.1 * (first / (1 - 0.9**3)) / (math.sqrt(second / (1 - 0.999**3)) + 1e-8)
    assert found.new[0] == pytest.approx(1.0 - step, rel=1e-14)


def test_a_network_by_hand():
    """y = 2 relu(3 x - 1) + 0.5 at x = 1, target 2: e = 2.5, loss 6.25, slope 5."""
    module = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1))
    with torch.no_grad():
        for parameter, value in zip(module.parameters(), (3.0, -1.0, 2.0, 0.5), strict=True):
            parameter.fill_(value)
    found = vetro.backprop(module, torch.tensor([[1.0]]), torch.tensor([[2.0]]))
    assert found.loss == 6.25
    assert found.gradients == {
        "0.weight[h0 <- x0]": 10.0, "0.bias[h0]": 10.0, "2.weight[y0 <- h0]": 10.0,
        "2.bias[y0]": 5.0,
    }  # fmt: skip
    text = str(found)
    assert "(4.5 - 2)^2 = 6.25" in text
    assert "h0  10 = relu' 1 x (2 x 5 [y0])" in text
    assert "10 x 1" in text and "5 x 2" in text
    assert "after one 10 (g), after a second 20 (2 g)" in text


def test_units_that_are_off_pass_nothing_on():
    module = net(nn.ReLU(), norm=False)
    x, y = torch.randn(1, 4), torch.randn(1, 3)
    found = vetro.backprop(module, x, y)
    hidden = found.signals()[1]
    off = np.flatnonzero(found.values[1][0] <= 0)
    assert len(off) and hidden.off.nonzero()[0].tolist() == off.tolist()
    for unit in off:
        assert found.gradients[f"0.bias[h{unit}]"] == 0
    assert f"{len(off)} off: " in str(found)


def test_rows_add_up_to_the_gradient():
    module = net()
    x, y = torch.randn(6, 4), torch.randn(6, 3)
    found = vetro.backprop(module, x, y, nn.MSELoss(reduction="sum"))
    for name in ("0.weight[h2 <- x1]", "2.weight[h3]", "3.bias[y1]"):
        parts = found.contributions(name)
        assert parts.sum() == pytest.approx(found.gradients[name], rel=1e-12)
        for row in range(6):
            alone = vetro.backprop(
                module, x[row : row + 1], y[row : row + 1], nn.MSELoss(reduction="sum")
            )
            assert alone.gradients[name] == pytest.approx(parts[row], rel=1e-12, abs=1e-15)


def test_signals_are_the_sums_they_say():
    module = net(nn.Tanh(), norm=False)
    found = vetro.backprop(module, torch.randn(3, 4), torch.randn(3, 3))
    last, hidden = found.signals(1)
    assert last.last and not hidden.last
    np.testing.assert_allclose(hidden.sum, hidden.weights @ hidden.behind, rtol=1e-13)
    np.testing.assert_allclose(hidden.delta, hidden.slope * hidden.sum, rtol=1e-13)


def test_nothing_given_is_changed():
    module = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 3))
    module.train()
    module[1].eval()
    x, y = torch.randn(4, 4), torch.randn(4, 3)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    functional.mse_loss(module(x), y).backward()
    optimizer.step()
    grads = [parameter.grad for parameter in module.parameters()]
    values = [gradient.clone() for gradient in grads]
    before = copy.deepcopy((module.state_dict(), optimizer.state_dict()))
    generator = torch.random.get_rng_state()
    found = vetro.backprop(module, x, y, nn.MSELoss(), optimizer)
    assert found and "Dropout is left out" in str(found)
    assert torch.equal(generator, torch.random.get_rng_state())
    assert [part.training for part in module] == [True, False, True, True]
    for parameter, gradient, value in zip(module.parameters(), grads, values, strict=True):
        assert parameter.grad is gradient and torch.equal(gradient, value)
    after = (module.state_dict(), optimizer.state_dict())
    assert str(before) == str(after)


class Wrong(torch.autograd.Function):
    """ReLU whose gradient is off by a millionth."""

    @staticmethod
    def forward(context, z):
        context.save_for_backward(z)
        return z.clamp(min=0)

    @staticmethod
    def backward(context, gradient):
        (z,) = context.saved_tensors
        return gradient * (z > 0) * (1 + 1e-6)


def test_a_wrong_chain_rule_is_found(monkeypatch):
    module = net(nn.Tanh(), norm=False).double()
    x, y = torch.randn(5, 4).double(), torch.randn(5, 3).double()
    assert vetro.backprop(module, x, y)
    right = plain.derivative
    monkeypatch.setattr(plain, "derivative", lambda *given: right(*given) * (1 + 1e-7))
    verdicts = {check.name: check.verdict for check in vetro.backprop(module, x, y).checks}
    assert verdicts["gradients agree with autograd"] == "failed"
    assert verdicts["gradients agree with central differences"] == "failed"
    assert verdicts["loss agrees with torch"] == "passed"


def test_a_wrong_gradient_of_a_loss_is_found():
    module = net(norm=False).double()
    x, y = torch.randn(5, 4).double(), torch.randn(5, 3).double()

    def loss(output, target):
        return Wrong.apply(output - target).sum() + Wrong.apply(target - output).sum()

    found = vetro.backprop(module, x, y, loss)
    assert [check.name for check in found.checks if not check] == [
        "gradients agree with central differences"
    ]


def test_a_bend_within_the_step_is_told():
    module = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 1)).double()
    with torch.no_grad():
        module[0].weight.copy_(torch.tensor([[1.0], [1.0]]))
        module[0].bias.copy_(torch.tensor([-1.0, 0.0]))  # unit 0 stands on its bend at x = 1
    found = vetro.backprop(module, [[1.0]], [[0.0]])
    bent = {
        found.names[i]
        for i, is_bent in zip(found.central.index, found.central.bent, strict=True)
        if is_bent
    }
    assert bent == {"0.weight[h0 <- x0]", "0.bias[h0]"}
    assert found and "bend in step" in str(found)


def test_custom_losses_other_optimizers_and_frozen_parameters():
    module = net(norm=False)
    module[0].weight.requires_grad_(False)
    x, y = torch.randn(5, 4), torch.randn(5, 3)
    for make in (torch.optim.Adagrad, torch.optim.LBFGS):
        optimizer = make(module.parameters(), lr=0.1)
        found = vetro.backprop(module, x, y, lambda o, t: (o - t).pow(4).mean(), optimizer)
        assert found and len(found.central.index) == len(found.names)
    assert "The step of LBFGS is not shown" in str(found)
    assert "frozen" in "\n".join(vetro.glass.backprop.backprop_text.text(found, everything=True))
    assert np.array_equal(found.updates[0].new[:24], module[0].weight.detach().numpy().reshape(-1))


def test_the_article_adds_up_without_zero_grad():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3))
    x = torch.randint(0, 100, (50, 3)).float()
    found = vetro.backprop(
        module, x, x.cumsum(1), nn.MSELoss(), torch.optim.SGD(module.parameters(), lr=1e-5)
    )
    assert found
    np.testing.assert_array_equal(found.twice, 2 * found.autograd)


@pytest.mark.parametrize(
    ("x", "y", "loss", "code"),
    [
        (torch.ones(2, 4, dtype=torch.int64), torch.rand(2, 3), None, "E309"),
        (torch.rand(2, 4), torch.rand(2), "mse", "E315"),
        (torch.rand(2, 5), torch.rand(2, 3), None, "E315"),
        (torch.rand(2, 4), torch.rand(3, 3), None, "E315"),
        (torch.rand(2, 4) * math.nan, torch.rand(2, 3), None, "E315"),
        (torch.rand(2, 4), torch.rand(2, 3), nn.MSELoss, "E315"),
        (torch.rand(2, 4), torch.tensor([0, 7]), None, "E315"),
        (torch.rand(2, 4), torch.rand(2, 3), "msee", "E601"),
        (torch.rand(2, 4), torch.rand(2, 3), lambda o, t: (t - o).mean(), "E308"),
    ],
)
def test_mistakes_get_the_messages_of_training(x, y, loss, code):
    with pytest.raises(VetroError) as refused:
        vetro.backprop(net(norm=False), x, y, loss)
    assert refused.value.code == code


def test_mistakes_of_the_glass():
    module = net(norm=False)
    with pytest.raises(VetroError, match="Conv1d"):
        vetro.backprop(nn.Sequential(nn.Conv1d(1, 1, 1)), torch.rand(2, 1, 4), torch.rand(2, 1, 4))
    with pytest.raises(VetroError, match="they would broadcast"):
        vetro.backprop(nn.Linear(3, 1), torch.rand(4, 3), torch.rand(4))
    found = vetro.backprop(module, [0.1, 0.2, 0.3, 0.4], [1.0, 2.0, 3.0])
    assert len(found.x) == 1
    with pytest.raises(VetroError, match=r'Did you mean "0\.bias'):
        found.contributions("0.bias[h9]")
    with torch.no_grad():
        module[2].weight.fill_(3e38)
    with pytest.raises(VetroError, match="exceeds float32") as refused:
        vetro.backprop(module, torch.ones(1, 4), torch.rand(1, 3))
    assert refused.value.code == "E710"


def test_a_large_network_compares_the_largest():
    module = nn.Sequential(nn.Linear(100, 60), nn.Tanh(), nn.Linear(60, 1))
    x, y = torch.randn(400, 100), torch.randn(400, 1)
    found = vetro.backprop(module, x, y)
    assert found and 0 < len(found.central.index) < len(found.names)
    assert set(found.largest[:64]) <= set(found.central.index)
    assert "not computed" in "\n".join(
        vetro.glass.backprop.backprop_text.text(found, everything=True)
    )


def test_json_is_plain_and_complete():
    import json

    found = vetro.backprop(net(), torch.randn(2, 4), torch.randn(2, 3))
    data = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert [row["parameter"] for row in data["gradients"]] == list(found.names)
    for row in data["gradients"]:
        product = sum(
            d * c
            for factor in row["factors"]
            for d, c in zip(factor["delta"], factor["came_in"], strict=True)
        )
        assert product == pytest.approx(row["gradient"], rel=1e-12, abs=1e-15)
    assert all(check["verdict"] == "passed" for check in data["checks"])


def test_checks_decide_the_truth_value():
    found = vetro.backprop(net(), torch.randn(2, 4), torch.randn(2, 3))
    assert found
    assert not replace(found, checks=(replace(found.checks[0], verdict="failed"),))


def test_the_allowance_counts_the_outputs_own_rounding():
    """Near the optimum slopes are differences of near equals: all rounding, and yet no failure."""
    torch.manual_seed(2)
    module = nn.Sequential(nn.Linear(300, 100), nn.Tanh(), nn.Linear(100, 2))
    x = torch.randn(8, 300)
    found = vetro.backprop(module, x, module(x).detach())
    assert found, found.checks
    assert np.abs(found.autograd - found.gradient).max() > 0.1 * np.abs(found.gradient).max()


@pytest.mark.long
def test_random_networks_pass():
    draw = np.random.default_rng(0)
    for seed in range(100):
        torch.manual_seed(seed)
        dtype = torch.float32 if seed % 2 else torch.float64
        widths = [*draw.integers(1, 40, size=draw.integers(1, 5)), 3]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [nn.Linear(int(inputs), int(outputs)), draw.choice([*ACTIVATIONS.values()])]
        module = nn.Sequential(*(layers[:-1] or [nn.Linear(int(widths[0]), 3)])).to(dtype)
        loss = draw.choice([*LOSSES])
        rows = int(draw.integers(2, 30))
        inputs = int(next(module.parameters()).shape[1])
        x = (torch.randn(rows, inputs) * 10 ** draw.uniform(-2, 2)).to(dtype)
        if loss == "cross_entropy" and int(layers[-2].out_features if layers else 3) != 3:
            continue
        function = copy.deepcopy(LOSSES[loss]).to(dtype)
        y = targets(loss, rows, dtype)
        if loss == "cross_entropy":
            y[0] = 0
        found = vetro.backprop(module, x, y, function)
        assert all(check.verdict != "failed" for check in found.checks), (seed, found.checks)
