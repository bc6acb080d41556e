"""A job is data: pickled and trained in another process it gives the same bytes."""

from __future__ import annotations

import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from engines.jobs import result_of
from recipes import PLAIN

from vetro.engines.job import Rows
from vetro.engines.native_core import why_not_native
from vetro.engines.orders import Consecutive, Given, Seeded
from vetro.networks.initial import initial_parameters
from vetro.networks.network import Network
from vetro.training.plan import make_job

ENGINES = ["torch"] if why_not_native() else ["native", "torch"]


def job(schedule="plateau", loss="huber", epochs=40):
    network = Network((3, 8, 2), "gelu", 0.2, ("a", "b", "c"), ("y", "z"))
    generator = np.random.default_rng(1)
    x = generator.normal(size=(90, 3)).astype(np.float32)
    y = np.stack([x[:, 0] * x[:, 1], np.sin(x[:, 2])], axis=1)
    weights = generator.uniform(0.5, 1.5, 90).astype(np.float32)
    recipe = replace(
        PLAIN,
        epochs=epochs,
        schedule=schedule,
        patience=9 if epochs == 40 else 0,
        clip_norm=1.0,
        batch_size=16,
    )
    return make_job(
        recipe, network, loss, initial_parameters(network, 3), Rows(x[:60], y[:60], weights[:60]),
        Rows(x[60:], y[60:]), 7,
    )  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
def test_another_process_gives_the_same_bytes(engine):
    spawned = multiprocessing.get_context("spawn")
    orders = [Given(np.arange(59, -1, -1, dtype=np.int32), 16), Consecutive(60, 16)]
    jobs = [job(), *(replace(job(), course=replace(job().course, order=one)) for one in orders)]
    sent = [pickle.dumps(one) for one in jobs]
    with ProcessPoolExecutor(1, spawned) as pool:
        answers = list(pool.map(result_of, [engine] * len(sent), sent))
    assert answers == [result_of(engine, one) for one in sent]
    assert len(set(answers)) == len(sent)


@pytest.mark.parametrize("size", [1, 7, 16, 60])
def test_orders_are_the_same_from_any_step(size):
    """Whatever the windows, each step takes the rows that numpy's permutations give it."""
    whole = [np.random.default_rng((5, epoch)).permutation(60) for epoch in range(4)]
    orders = {
        Seeded(5, 60, size): whole,
        Given(whole[0].astype(np.int32), size): [whole[0]] * 4,
    }
    for order, epochs in orders.items():
        steps = [part for one in epochs for part in np.split(one, range(size, 60, size))]
        for first in range(0, len(steps), 3):
            for count in range(1, len(steps) - first, 4):
                taken = order.take(first, count)
                assert taken.dtype == np.int32
                assert np.array_equal(taken, np.concatenate(steps[first : first + count]))
