"""The native engine against the torch engine, and against itself: alone, in company, resumed."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from engines.jobs import Told, job_of, train

from vetro.engines.job import Rows
from vetro.engines.native_core import why_not_native
from vetro.engines.torch_engine import TorchEngine
from vetro.networks.initial import initial_parameters
from vetro.networks.lowered import lower_network
from vetro.networks.network import ACTIVATIONS, Network

if why_not_native():
    pytest.skip(why_not_native(), allow_module_level=True)

from vetro.engines.native_engine import NativeEngine

LOSSES = ("mse", "l1", "smooth_l1", "huber", "cross_entropy", "bce")
OPTIMIZERS = ("sgd", "adam", "adamw", "rmsprop")
RATES = {"sgd": 0.05, "adam": 0.005, "adamw": 0.005, "rmsprop": 0.002}
ROWS, INPUTS, OUTPUTS, EPOCHS = 70, 5, 3, 30


def predicted(engine, net, parameters, x):
    return engine.predictor(lower_network(net), parameters)(x)


def network(loss="mse", activation="tanh", dropout=0.0):
    outputs = 1 if loss == "bce" else OUTPUTS
    names = tuple(f"x{i}" for i in range(INPUTS)), tuple(f"y{i}" for i in range(outputs))
    return Network((INPUTS, 16, 8, outputs), activation, dropout, *names)


def rows(loss="mse", count=ROWS, seed=0, weighted=False):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(count, INPUTS)).astype(np.float32)
    score = x[:, 0] * x[:, 1] + np.sin(x[:, 2])
    if loss in ("cross_entropy", "bce"):
        y = np.digitize(score, [0.0] if loss == "bce" else [-0.5, 0.5]).astype(np.int64)
    else:
        y = np.stack([score, np.sin(x[:, 2]), x.sum(1)], axis=1).astype(np.float32)
    weights = generator.uniform(0.5, 1.5, count).astype(np.float32) if weighted else None
    return Rows(x, y, weights)


def job(loss="mse", activation="tanh", weighted=False, dropout=0.0, **changes):
    net = network(loss, activation, dropout)
    settings = {
        "optimizer": "adamw", "momentum": 0.5,
        "learning_rate": RATES[changes.get("optimizer", "adamw")], "weight_decay": 0.1,
        "rate_factors": np.linspace(1, 0.1, EPOCHS), "plateau": 0, "batch_size": 16,
        "epochs": EPOCHS, "patience": 0, "clip_norm": 0.0, "seed": 5,
    }  # fmt: skip
    return job_of(
        net,
        initial_parameters(net, 3),
        rows(loss, weighted=weighted),
        rows(loss, count=30, seed=1, weighted=weighted),
        {**settings, "loss": loss, **changes},
    )


def both(one):
    """((outcome, epochs, parameters at the end) of each engine)."""
    results = []
    for engine in (NativeEngine(), TorchEngine()):
        told = Told()
        (outcome,) = train(engine, [one], told)
        results.append((outcome, told.epochs[0], told.last[0].arrays["parameters"]))
    return results


def assert_the_same(one, rtol=2e-3, atol=2e-4):
    (native, said, end), (torch, expected, expected_end) = both(one)
    assert [epoch.number for epoch in said] == list(range(1, len(expected) + 1))
    for name in ("training", "validation"):
        values = [getattr(epoch, name) for epoch in said]
        wanted = [getattr(epoch, name) for epoch in expected]
        np.testing.assert_allclose(values, wanted, rtol=rtol)
    np.testing.assert_allclose(
        [epoch.learning_rate for epoch in said], [epoch.learning_rate for epoch in expected]
    )
    np.testing.assert_allclose(end, expected_end, rtol=rtol, atol=atol)
    for name in ("weights", "gradients"):
        sizes = [[getattr(epoch, name) for epoch in epochs] for epochs in (said, expected)]
        np.testing.assert_allclose(*sizes, rtol=10 * rtol, atol=10 * atol)
    assert (native.stopped, native.epochs) == (torch.stopped, torch.epochs)
    assert native.best_validation == pytest.approx(torch.best_validation, rel=rtol)
    assert np.abs(end - one.parameters).max() > 0.01


@pytest.mark.parametrize("engine", [NativeEngine(), TorchEngine()], ids=["native", "torch"])
@pytest.mark.parametrize("clip_norm", [0.0, 0.01])
def test_sizes_of_weights_and_gradients(engine, clip_norm):
    """After one step of SGD without decay the gradient is what the parameters moved by."""
    plain = {"optimizer": "sgd", "momentum": 0.0, "weight_decay": 0.0, "learning_rate": 1.0}
    one = job(epochs=1, batch_size=ROWS, clip_norm=clip_norm, **plain)
    told = Told()
    train(engine, [one], told)
    end = told.last[0].arrays["parameters"]
    net = network()
    views = net.views(end.astype(np.float64))
    moved = net.views(one.parameters.astype(np.float64) - end)
    names = [slot.name for slot in net.weight_slots]
    assert names == ["layer1.weight", "layer2.weight", "layer3.weight"]
    (epoch,) = told.epochs[0]
    sizes = [np.sqrt(np.mean(views[name] ** 2)) for name in names]
    np.testing.assert_allclose(epoch.weights, sizes, rtol=1e-6)
    steps = [np.sqrt(np.mean(moved[name] ** 2)) for name in names]
    np.testing.assert_allclose(epoch.gradients, steps, rtol=1e-3)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("loss", LOSSES)
def test_equals_the_torch_engine(loss, optimizer, weighted):
    assert_the_same(job(loss, weighted=weighted, optimizer=optimizer, clip_norm=1.0))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_equals_it_with_every_activation(activation, optimizer):
    rates = {"learning_rate": RATES[optimizer] / 2}  # identity and relu are steep
    assert_the_same(job(activation=activation, optimizer=optimizer, **rates))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", ["cross_entropy", "bce"])
def test_class_weights(loss, weighted):
    weights = np.array([1.0, 3.0, 0.2][: 2 if loss == "bce" else 3], dtype=np.float32)
    assert_the_same(job(loss, weighted=weighted, class_weights=weights))


def test_plateau_and_patience():
    steady = np.ones(400)
    one = job("mse", plateau=3, patience=9, epochs=400, rate_factors=steady, learning_rate=0.02)
    (native, said, _), (torch, expected, _) = both(one)
    assert native.stopped == torch.stopped == "patience"
    assert native.epochs == native.best_epoch + 9 == len(said)
    for epochs in (said, expected):
        rates = {epoch.learning_rate for epoch in epochs}
        assert rates <= {0.02 / 2**n for n in range(12)}
        assert len(rates) > 1
    best = min(epoch.validation for epoch in said)
    assert native.best_validation == best
    assert [epoch.number for epoch in said if epoch.best][-1] == native.best_epoch


def test_the_best_parameters_are_those_of_the_best_epoch():
    one = job("mse", epochs=300, rate_factors=np.ones(300), learning_rate=0.05)
    (outcome,) = train(NativeEngine(), [one], Told())
    outputs = predicted(NativeEngine(), network(), outcome.parameters, one.validation.x)
    error = ((outputs - one.validation.y) ** 2).mean()
    assert error == pytest.approx(outcome.best_validation, rel=1e-5)
    assert 0 < outcome.best_epoch < 300


def test_without_validation_the_training_loss_decides():
    one = replace(job("mse"), validation=None)
    (native, said, _), (torch, expected, _) = both(one)
    assert native.best_epoch == torch.best_epoch
    assert all(epoch.validation == epoch.training for epoch in said)
    assert len(said) == len(expected)


def test_company_and_threads_change_no_bit():
    """Members of different seeds, dropout and losses: alone, together, on 1 to 8 threads."""
    jobs = [
        job(loss, seed=seed, dropout=dropout, optimizer=optimizer)
        for seed, (loss, dropout, optimizer) in enumerate(
            [("mse", 0.3, "adamw"), ("bce", 0.0, "sgd"), ("cross_entropy", 0.1, "rmsprop")] * 3
        )
    ]
    alone = [train(NativeEngine(1), [one], Told())[0] for one in jobs]
    for threads in (1, 2, 3, 8):
        together = train(NativeEngine(threads), jobs, Told())
        for one, other in zip(alone, together, strict=True):
            assert one.parameters.tobytes() == other.parameters.tobytes()
            assert replace(one, parameters=other.parameters) == other


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("stop_at", [1, 40, 400])
def test_resumed_ends_bit_identical(optimizer, stop_at):
    epochs = 2000
    factors = np.linspace(1, 0.1, epochs)
    settings = {"dropout": 0.2, "optimizer": optimizer, "plateau": 7, "patience": 1500}
    one = job("mse", epochs=epochs, rate_factors=factors, **settings)
    told = Told()
    (whole,) = train(NativeEngine(), [one], told)
    half = Told(stop_at)
    (first,) = train(NativeEngine(), [one], half)
    if first.stopped == "interrupted":
        resumed = replace(one, resume=half.last[0])
        half.stop_at = None
        (second,) = train(NativeEngine(), [resumed], half)
        assert second.parameters.tobytes() == whole.parameters.tobytes()
        assert replace(second, parameters=whole.parameters) == whole
    assert half.epochs[0] == told.epochs[0]


def test_dropout_depends_on_the_seed_alone():
    outcomes = [
        train(NativeEngine(), [job(dropout=share, seed=seed)], Told())[0].parameters.tobytes()
        for share, seed in [(0.3, 1), (0.3, 1), (0.3, 2), (0.0, 1)]
    ]
    assert outcomes[0] == outcomes[1]
    assert len(set(outcomes)) == 3


def test_a_reason_to_stop_is_the_outcome():
    one = job(epochs=100_000, rate_factors=np.ones(100_000))
    (outcome,) = train(NativeEngine(), [one], Told(3, "time"))
    assert outcome.stopped == "time"
    assert 3 <= outcome.epochs < 100_000


def test_names_where_training_diverged():
    one = replace(job(optimizer="sgd", learning_rate=1e20), validation=None)
    (outcome,) = train(NativeEngine(), [one], Told())
    assert outcome.stopped == "diverged"
    assert outcome.divergence is not None
    assert outcome.divergence.epoch == 1
    assert 1 < outcome.divergence.batch <= 5
    assert not math.isfinite(outcome.divergence.loss)
    assert outcome.divergence.tensor == "the loss itself" or (
        outcome.divergence.tensor.startswith("layer")
    )


def test_one_diverges_and_the_others_go_on():
    jobs = [job(), job(optimizer="sgd", learning_rate=1e20), job(seed=8)]
    outcomes = train(NativeEngine(), jobs, Told())
    assert [outcome.stopped for outcome in outcomes] == ["epochs", "diverged", "epochs"]
    assert np.isfinite(outcomes[1].parameters).all()


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_prediction_has_the_same_bits_among_any_rows(activation):
    net, x = network(activation=activation), rows(count=700).x
    parameters = initial_parameters(net, 1)
    whole = predicted(NativeEngine(), net, parameters, x)
    of_torch = predicted(TorchEngine(), net, parameters, x)
    np.testing.assert_allclose(whole, of_torch, rtol=1e-4, atol=1e-5)
    for start, count in [(0, 1), (5, 3), (17, 16), (33, 64), (100, 333)]:
        part = predicted(NativeEngine(3), net, parameters, x[start : start + count])
        assert part.tobytes() == whole[start : start + count].tobytes()
    assert predicted(NativeEngine(), net, parameters, x[:0]).shape == (0, OUTPUTS)
