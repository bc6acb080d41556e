"""The torch engine against a plain loop, an independent float64 forward, and itself resumed."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from engines.jobs import Told, job_of
from engines.jobs import train as run
from torch import nn

from vetro.engines.job import Epoch, Rows
from vetro.engines.torch_engine import TorchEngine
from vetro.networks.initial import initial_parameters
from vetro.networks.lift import flat_parameters, lift
from vetro.networks.losses.rule import LossRule
from vetro.networks.losses.table import LOSSES
from vetro.networks.lowered import lower_network
from vetro.networks.network import ACTIVATIONS, Network
from vetro.networks.torch_losses import torch_loss

ROWS, INPUTS, OUTPUTS = 70, 5, 3


def network(activation="relu", dropout=0.0, outputs=OUTPUTS):
    return Network(
        (INPUTS, 16, 8, outputs),
        activation,
        dropout,
        tuple(f"x{i}" for i in range(INPUTS)),
        tuple(f"y{i}" for i in range(outputs)),
    )


def plan(**changes):
    settings = {
        "loss": "mse", "optimizer": "adamw", "learning_rate": 0.01,
        "momentum": 0.0, "weight_decay": 0.1, "rate_factors": np.linspace(1, 0.1, 12),
        "plateau": 0, "batch_size": 16, "epochs": 12, "patience": 0, "clip_norm": 0.0, "seed": 5,
    }  # fmt: skip
    return {**settings, **changes}


def rows(loss="mse", count=ROWS, seed=0, weighted=False):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(count, INPUTS)).astype(np.float32)
    if loss in ("cross_entropy", "bce"):
        y = generator.integers(0, 2 if loss == "bce" else OUTPUTS, count)
    else:
        y = np.stack([x[:, 0] * x[:, 1], np.sin(x[:, 2]), x.sum(1)], axis=1).astype(np.float32)
    weights = generator.uniform(0.5, 1.5, count).astype(np.float32) if weighted else None
    return Rows(x, y, weights)


def go_on(epoch, capture):
    return ""


def train(net, settings, initial, data, validation, on_epoch, resume=None):
    """One job; on_epoch is told of each epoch."""
    job = replace(job_of(net, initial, data, validation, settings), resume=resume)

    class Watch(Told):
        def told(self, running):
            return on_epoch(*running.new_epochs(), running.state)

    return run(TorchEngine(), [job], Watch())[0]


def plain_loss(name, weighted):
    """The losses once more, from torch's modules."""
    reduction = "none" if weighted else "mean"
    modules = {
        "mse": nn.MSELoss, "l1": nn.L1Loss, "smooth_l1": nn.SmoothL1Loss, "huber": nn.HuberLoss,
        "cross_entropy": nn.CrossEntropyLoss, "bce": nn.BCEWithLogitsLoss,
    }  # fmt: skip
    module = modules[name](reduction=reduction)

    def loss(outputs, y, weights=None):
        if name == "bce":
            outputs, y = outputs[:, 0], y.float()
        value = module(outputs, y)
        if not weighted:
            return value
        each = value.mean(dim=1) if value.ndim == 2 else value
        return (each * weights).mean()

    return loss


OPTIMIZERS = {
    "sgd": lambda p, s: torch.optim.SGD(
        p, lr=1, momentum=s["momentum"], weight_decay=s["weight_decay"]
    ),
    "adam": lambda p, s: torch.optim.Adam(p, lr=1, weight_decay=s["weight_decay"], fused=True),
    "adamw": lambda p, s: torch.optim.AdamW(p, lr=1, weight_decay=s["weight_decay"], fused=True),
    "rmsprop": lambda p, s: torch.optim.RMSprop(
        p, lr=1, momentum=s["momentum"], weight_decay=s["weight_decay"]
    ),
}


def plain_loop(net, settings, initial, data):
    """The documented batch order and rates, written out."""
    module = lift(net, initial)
    optimizer = OPTIMIZERS[settings["optimizer"]](list(module.parameters()), settings)
    loss_function = plain_loss(settings["loss"], data.weights is not None)
    parts = [torch.from_numpy(p) for p in (data.x, data.y, data.weights) if p is not None]
    for epoch in range(settings["epochs"]):
        optimizer.param_groups[0]["lr"] = float(
            settings["learning_rate"] * settings["rate_factors"][epoch]
        )
        order = np.random.default_rng((settings["seed"], epoch)).permutation(len(data.x))
        for start in range(0, len(order), settings["batch_size"]):
            x, *rest = (part[order[start : start + settings["batch_size"]]] for part in parts)
            optimizer.zero_grad()
            loss_function(module(x), *rest).backward()
            if settings["clip_norm"]:
                nn.utils.clip_grad_norm_(module.parameters(), settings["clip_norm"])
            optimizer.step()
    return flat_parameters(module)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("loss", ["mse", "l1", "smooth_l1", "huber", "cross_entropy", "bce"])
def test_equals_the_plain_loop(loss, optimizer, weighted):
    net = network(outputs=1 if loss == "bce" else OUTPUTS)
    settings = plan(loss=loss, optimizer=optimizer, momentum=0.5, clip_norm=1.0)
    data, initial = rows(loss, weighted=weighted), initial_parameters(net, 3)
    last = {}

    def keep_last(epoch, capture):
        last["state"] = capture()
        return ""

    train(net, settings, initial, data, None, keep_last)
    expected = plain_loop(net, settings, initial, data)
    np.testing.assert_allclose(last["state"].arrays["parameters"], expected, rtol=2e-5, atol=2e-6)
    assert np.abs(expected - initial).max() > 0.01


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_predict_equals_a_float64_forward(activation):
    net = network(activation)
    parameters, x = initial_parameters(net, 1), rows().x
    functions = {
        "relu": lambda z: np.maximum(z, 0), "tanh": np.tanh, "identity": lambda z: z,
        "sigmoid": lambda z: 1 / (1 + np.exp(-z)), "silu": lambda z: z / (1 + np.exp(-z)),
        "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
        "gelu": lambda z: z * 0.5 * (1 + np.vectorize(math.erf)(z / math.sqrt(2))),
    }  # fmt: skip
    views = net.views(parameters.astype(np.float64))
    hidden = x.astype(np.float64)
    for layer in (1, 2, 3):
        hidden = hidden @ views[f"layer{layer}.weight"].T + views[f"layer{layer}.bias"]
        hidden = functions[activation](hidden) if layer < 3 else hidden
    outputs = TorchEngine().predictor(lower_network(net), parameters)(x)
    np.testing.assert_allclose(outputs, hidden, rtol=1e-4, atol=1e-5)


def test_keeps_the_best_parameters_and_stops():
    net = network()
    settings = plan(epochs=200, rate_factors=np.ones(200), patience=5, learning_rate=0.05)
    validation = rows(seed=1, count=30)
    seen: list[Epoch] = []

    def on_epoch(epoch, capture):
        seen.append(epoch)
        return ""

    outcome = train(net, settings, initial_parameters(net, 3), rows(), validation, on_epoch)
    losses = [epoch.validation for epoch in seen]
    assert outcome.stopped == "patience"
    assert outcome.best_epoch == int(np.argmin(losses)) + 1
    assert outcome.epochs == outcome.best_epoch + 5 == len(seen)
    outputs = TorchEngine().predictor(lower_network(net), outcome.parameters)(validation.x)
    assert ((outputs - validation.y) ** 2).mean() == pytest.approx(min(losses), rel=1e-5)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("stop_at", [1, 4, 11])
def test_resumed_ends_bit_identical(optimizer, stop_at):
    net = network(dropout=0.2)
    settings = plan(optimizer=optimizer, momentum=0.9, plateau=2, learning_rate=0.003)
    initial, data, validation = initial_parameters(net, 3), rows(), rows(seed=1, count=30)
    whole = train(net, settings, initial, data, validation, go_on)
    kept = {}

    def stop(epoch, capture):
        if epoch.number == stop_at:
            kept["state"] = capture()
            return "interrupted"
        return ""

    first = train(net, settings, initial, data, validation, stop)
    assert first.stopped == "interrupted"
    second = train(net, settings, initial, data, validation, go_on, kept["state"])
    assert second.parameters.tobytes() == whole.parameters.tobytes()
    assert replace(second, parameters=whole.parameters) == whole


def test_names_where_training_diverged():
    net = network()
    settings = plan(optimizer="sgd", learning_rate=1e6, momentum=0.0, weight_decay=0.0)
    outcome = train(net, settings, initial_parameters(net, 3), rows(), None, go_on)
    assert outcome.stopped == "diverged"
    assert outcome.divergence is not None
    assert outcome.divergence.epoch == 1
    assert 1 < outcome.divergence.batch <= 5
    assert outcome.divergence.tensor.startswith("layer")
    assert not math.isfinite(outcome.divergence.loss)


def test_class_weights_are_those_of_torch():
    net = network()
    weights = np.array([1.0, 5.0, 0.2], dtype=np.float32)
    settings = plan(loss="cross_entropy", class_weights=weights, epochs=1, batch_size=ROWS)
    data, initial = rows("cross_entropy"), initial_parameters(net, 3)
    told = []
    train(net, settings, initial, data, None, lambda e, c: told.append(e) or "")
    expected = nn.CrossEntropyLoss(torch.from_numpy(weights))(
        lift(net, initial)(torch.from_numpy(data.x)), torch.from_numpy(data.y)
    )
    assert told[0].training == pytest.approx(expected.item(), rel=1e-5)


def test_leaves_torch_as_it_was():
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    net = network(dropout=0.5)
    train(net, plan(), initial_parameters(net, 3), rows(), None, go_on)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


RULES = [
    LossRule("mse"),
    LossRule("mse", "sum"),
    LossRule("l1"),
    LossRule("smooth_l1", a=0.5),
    LossRule("huber", a=0.7),
    LossRule("bce"),
    LossRule("bce", class_weights=np.array([0.5, 2.0]), positive_weights=np.array([3.0, 0.2])),
    LossRule("cross_entropy"),
    LossRule("cross_entropy", a=0.2, class_weights=np.array([0.5, 2.0])),
]


@pytest.mark.parametrize("rule", RULES)
def test_a_loss_that_torch_has_not_runs_by_its_formula(rule, monkeypatch):
    random = np.random.default_rng(5)
    outputs = torch.from_numpy(random.normal(0, 9, (60, 2))).requires_grad_()
    y = torch.from_numpy(random.uniform(size=(60, 2)))
    if rule.kind == "cross_entropy":
        y = torch.from_numpy(np.append(random.integers(0, 2, 59), rule.ignored))
    with_torch = torch_loss(rule, torch.device("cpu"))
    monkeypatch.setattr(type(LOSSES[rule.kind]), "torch_function", "")
    alone = torch_loss(rule, torch.device("cpu"))
    for options in ({}, {"reduction": "none"}):
        found, wanted = alone(outputs, y, **options), with_torch(outputs, y, **options)
        assert torch.allclose(found, wanted, rtol=1e-13, atol=1e-13)
        slopes = [torch.autograd.grad(one.sum(), outputs)[0] for one in (found, wanted)]
        assert torch.allclose(*slopes, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", ["huber", "bce", "cross_entropy"])
def test_training_by_a_formula_equals_the_plain_loop(loss, weighted, monkeypatch):
    monkeypatch.setattr(type(LOSSES[loss]), "torch_function", "")
    test_equals_the_plain_loop(loss, "adamw", weighted)
