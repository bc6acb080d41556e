"""The network's layout, its initial parameters and lifting."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vetro.networks.initial import initial_parameters
from vetro.networks.lift import flat_parameters, lift
from vetro.networks.network import ACTIVATIONS, Network

NETWORK = Network((3, 4, 2), "relu", 0.0, ("a", "b", "c"), ("u", "v"))


def test_layout_names_every_number_once():
    assert [(s.name, s.shape, s.offset) for s in NETWORK.slots] == [
        ("layer1.weight", (4, 3), 0),
        ("layer1.bias", (4,), 12),
        ("layer2.weight", (2, 4), 16),
        ("layer2.bias", (2,), 24),
    ]
    assert NETWORK.parameter_count == 26
    parameters = np.arange(26, dtype=np.float32)
    views = NETWORK.views(parameters)
    assert all(np.shares_memory(view, parameters) for view in views.values())
    assert np.concatenate([view.ravel() for view in views.values()]).tolist() == list(range(26))


def test_views_refuse_another_length():
    with pytest.raises(ValueError, match="26"):
        NETWORK.views(np.zeros(25, dtype=np.float32))


def test_lifted_module_computes_the_formula_and_keeps_the_names():
    parameters = initial_parameters(NETWORK, 7)
    module = lift(NETWORK, parameters)
    assert [name for name, _ in module.named_parameters()] == [s.name for s in NETWORK.slots]
    views = NETWORK.views(parameters.astype(np.float64))
    x = np.random.default_rng(0).normal(size=(9, 3))
    hidden = np.maximum(x @ views["layer1.weight"].T + views["layer1.bias"], 0)
    expected = hidden @ views["layer2.weight"].T + views["layer2.bias"]
    outputs = module(torch.from_numpy(x.astype(np.float32))).detach().numpy()
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)
    assert flat_parameters(module).tobytes() == parameters.tobytes()


def test_lifted_module_does_not_share_memory():
    parameters = initial_parameters(NETWORK, 7)
    before = parameters.copy()
    with torch.no_grad():
        for parameter in lift(NETWORK, parameters).parameters():
            parameter.zero_()
    assert np.array_equal(parameters, before)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_initial_parameters_depend_on_the_seed_alone(activation):
    network = Network((50, 80, 1), activation, 0.0, tuple(map(str, range(50))), ("y",))
    first, again, other = (initial_parameters(network, seed) for seed in (1, 1, 2))
    assert first.tobytes() == again.tobytes() != other.tobytes()
    views = network.views(first)
    rectified = activation in ("relu", "leaky_relu", "gelu", "silu")
    bound = np.sqrt(6 / 50) if rectified else np.sqrt(6 / 130)
    assert 0.98 * bound < np.abs(views["layer1.weight"]).max() <= bound
    assert not views["layer1.bias"].any()


def test_json_round_trip():
    assert Network.from_json(NETWORK.to_json()) == NETWORK


@pytest.mark.parametrize(
    "change",
    [
        {"sizes": [3]},
        {"sizes": [3, 0, 2]},
        {"activation": "step"},
        {"input_names": ["a"]},
        {"output_names": ["u", "v", "w"]},
    ],
)
def test_from_json_refuses_what_is_no_network(change):
    with pytest.raises(ValueError):
        Network.from_json({**NETWORK.to_json(), **change})
