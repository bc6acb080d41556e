"""Inputs as codes: the native engine against itself without codes, and against the torch engine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from engines.jobs import Told, job_of, train

from vetro.engines.job import NO_CODES, Codes, Rows
from vetro.engines.native_core import why_not_native
from vetro.engines.torch_engine import TorchEngine
from vetro.networks.initial import initial_parameters
from vetro.networks.network import Network

if why_not_native():
    pytest.skip(why_not_native(), allow_module_level=True)

from vetro.engines.native_engine import NativeEngine

CODES = Codes(one_hot=((34, 9),), piecewise=((1, 32), (44, 7)))
INPUTS, ROWS = 52, 300
OPTIMIZERS = ("sgd", "adam", "adamw", "rmsprop")
RATES = {"sgd": 0.05, "adam": 0.005, "adamw": 0.005, "rmsprop": 0.002}


def rows(loss, count=ROWS, seed=0):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(count, INPUTS)).astype(np.float32)
    score = x[:, 0] + np.sin(3 * x[:, 43])
    for first, columns in CODES.piecewise:
        value = generator.uniform(-0.1, 1.1, (count, 1)) * columns
        x[:, first : first + columns] = np.clip(value - np.arange(columns), 0, 1)
        score += np.sin(6 * value[:, 0] / columns)
    for first, columns in CODES.one_hot:
        chosen = generator.integers(-1, columns, (count, 1))
        x[:, first : first + columns] = chosen == np.arange(columns)
        score += chosen[:, 0] / columns
    if loss == "cross_entropy":
        return Rows(x, np.digitize(score, [0.0, 1.0]).astype(np.int64))
    return Rows(x, np.stack([score, score**2, x.mean(1)], axis=1).astype(np.float32))


def job(loss="mse", optimizer="adamw", epochs=20, **changes):
    net = Network(
        (INPUTS, 19, 8, 3), "tanh", 0.0, tuple(f"x{i}" for i in range(INPUTS)), ("a", "b", "c")
    )
    settings = {
        "optimizer": optimizer, "momentum": 0.5, "learning_rate": RATES[optimizer],
        "weight_decay": 0.1, "rate_factors": np.linspace(1, 0.1, epochs), "batch_size": 16,
        "epochs": epochs, "seed": 5, "loss": loss,
    }  # fmt: skip
    made = job_of(net, initial_parameters(net, 5), rows(loss), rows(loss, 70, 1), settings)
    return replace(made, codes=CODES, **changes)


def double(job):
    def cast(rows):
        return Rows(rows.x.astype(float), rows.y if rows.y.ndim == 1 else rows.y.astype(float))

    return replace(
        job,
        network=replace(job.network, dtype="float64"),
        parameters=job.parameters.astype(float),
        training=cast(job.training),
        validation=cast(job.validation),
    )


def validations(told, number=0):
    return np.array([epoch.validation for epoch in told.epochs[number]])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("loss", ["mse", "huber", "cross_entropy"])
def test_codes_are_only_faster(loss, optimizer):
    coded = double(job(loss, optimizer))
    ours, dense, torch = Told(), Told(), Told()
    (found,) = train(NativeEngine(threads=1), [coded], ours)
    (plain,) = train(NativeEngine(threads=1), [replace(coded, codes=NO_CODES)], dense)
    assert np.allclose(validations(ours), validations(dense), rtol=1e-9)
    assert np.allclose(found.parameters, plain.parameters, rtol=1e-7, atol=1e-9)
    single = job(loss, optimizer)
    (found,) = train(NativeEngine(threads=1), [single], ours)
    (other,) = train(TorchEngine(), [single], torch)
    assert found.best_epoch == other.best_epoch
    assert np.allclose(validations(ours)[20:], validations(torch), rtol=2e-4)


def test_threads_and_company_change_no_bit():
    one = job(epochs=4)
    (alone,) = train(NativeEngine(threads=1), [one])
    for found in train(NativeEngine(threads=3), [one, one, one]):
        assert found.parameters.tobytes() == alone.parameters.tobytes()


@pytest.mark.parametrize("codes", [CODES, NO_CODES])
@pytest.mark.parametrize("engine", [NativeEngine(), TorchEngine()], ids=["native", "torch"])
def test_rows_of_a_shared_matrix_are_the_rows_themselves(engine, codes):
    own = replace(job(epochs=4), codes=codes)
    matrix = np.concatenate([own.validation.x, own.training.x])[::-1].copy()
    places = np.arange(len(matrix) - 1, -1, -1, dtype=np.int32)
    first, last = places[:70], places[70:]
    shared = replace(
        own,
        training=replace(own.training, matrix=matrix, numbers=last),
        validation=replace(own.validation, matrix=matrix, numbers=first),
    )
    assert len(shared.training) == ROWS
    told, others = Told(), Told()
    (found,) = train(engine, [shared], told)
    (expected,) = train(engine, [own], others)
    assert found.parameters.tobytes() == expected.parameters.tobytes()
    assert np.array_equal(validations(told), validations(others))


@pytest.mark.parametrize("numbers", [[0, 300], [-1, 0], []])
def test_rows_that_the_matrix_has_not_are_refused(numbers):
    given = job()
    rows = replace(
        given.training, y=given.training.y[: len(numbers)], numbers=np.array(numbers, np.int32)
    )
    with pytest.raises(ValueError, match=r"out of range|no rows"):
        train(NativeEngine(), [replace(given, training=rows)])


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        (1, 0.5, "piecewise linear"),
        (32, 1.0, "piecewise linear"),
        (5, np.nan, "piecewise linear"),
        (1, -0.1, "piecewise linear"),
        (34, 2.0, "one-hot"),
    ],
)
def test_rows_without_the_pattern_are_refused(column, value, reason):
    given = job()
    x = given.training.x.copy()
    x[7, 1:33] = 0
    x[7, 1:5] = 1
    x[7, column] = value
    with pytest.raises(ValueError, match=reason):
        train(NativeEngine(), [replace(given, training=replace(given.training, matrix=x))])


@pytest.mark.parametrize("codes", [Codes(((0, 9),), ((8, 9),)), Codes((), ((40, 20),))])
def test_groups_that_overlap_or_lie_outside_are_refused(codes):
    with pytest.raises(ValueError, match="group of inputs"):
        train(NativeEngine(), [replace(job(), codes=codes)])
