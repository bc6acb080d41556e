"""Verify: random networks, what it leaves untouched, models, and its refusals."""

from __future__ import annotations

import copy
import random
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from glass.planted import net, rows
from glass.random_modules import random_module
from model.build import model_of, rows_of
from torch import nn

import vetro
from vetro.errors import VetroError
from vetro.glass.drawn import drawn_rows
from vetro.glass.exact import fraction, precision
from vetro.glass.subject import subject_of
from vetro.glass.verify import exact_backward
from vetro.glass.verify.rounding import FORMATS
from vetro.networks.lower_module import lower_module

DTYPES = (torch.float32, torch.float64)


def check_random(seed: int) -> float:
    """Outputs, gradients and updates of a random network; the largest share of a bound."""
    module, x, y, loss, optimizer = random_module(seed, DTYPES[seed % 2])
    found = vetro.verify(module, x, y, loss, optimizer)
    assert all(check.verdict != "undecided" for check in found.checks), (seed, str(found))
    assert found, (seed, str(found))
    names = {check.name for check in found.checks}
    for engine in ("engine", "torch"):
        assert {f"{engine}: {what}" for what in ("outputs", "gradients", "update")} <= names
    return found.share


@pytest.mark.parametrize("seed", range(2000, 2012))
def test_random_networks_are_verified(seed):
    assert check_random(seed) <= 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_class_weights_have_the_dtype_of_the_module(dtype):
    module = nn.Linear(3, 2, dtype=dtype)
    loss = nn.CrossEntropyLoss(weight=torch.tensor([0.5, 2.0], dtype=dtype))
    x, y = torch.rand(4, 3, dtype=dtype), torch.tensor([0, 1, 1, 0])
    assert vetro.verify(module, x, y, loss, torch.optim.SGD(module.parameters(), lr=0.1))


@pytest.mark.long
def test_a_thousand_random_networks_are_verified():
    print(max(check_random(seed) for seed in range(1000)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_exact_values_are_those_of_fractions(dtype):
    """By hand, in Python's fractions: outputs and gradients of a ReLU network."""
    module = net(dtype)
    x, _ = rows(dtype)
    x = x[:2]
    part = subject_of(module).parts[0]
    with precision(part.network):
        values = exact_backward.forward(part, x.numpy(), FORMATS[part.network.dtype])
        found = [[fraction(entry) for entry in row] for row in values[-1].exact]
    for row in range(len(x)):
        h = [Fraction(float(value)) for value in x[row]]
        for layer in module:
            if isinstance(layer, nn.ReLU):
                h = [max(value, Fraction(0)) for value in h]
            else:
                weight, bias = layer.weight.tolist(), layer.bias.tolist()
                h = [
                    sum((Fraction(w) * v for w, v in zip(line, h, strict=True)), Fraction(b))
                    for line, b in zip(weight, bias, strict=True)
                ]
        assert [found[output][row] for output in range(2)] == h


def test_nothing_given_is_changed():
    module = nn.Sequential(nn.Linear(5, 8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, 2))
    x, y = rows()
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    nn.MSELoss()(module(x), y).backward()
    optimizer.step()
    module[1].eval()
    before = copy.deepcopy((module.state_dict(), optimizer.state_dict()))
    gradients = [parameter.grad for parameter in module.parameters()]
    numbers = [gradient.clone() for gradient in gradients]
    chance = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    assert vetro.verify(module, x, y, nn.MSELoss(), optimizer)
    assert str(before) == str((module.state_dict(), optimizer.state_dict()))
    for parameter, gradient, held in zip(module.parameters(), gradients, numbers, strict=True):
        assert parameter.grad is gradient and torch.equal(gradient, held)
    assert torch.equal(chance[0], torch.get_rng_state()) and chance[1] == random.getstate()
    assert chance[2] == np.random.get_state()[1].tolist()
    assert [part.training for part in module] == [True, False, True, True]
    assert module.training


def test_a_forward_that_changes_the_module_is_found_and_undone():
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(5, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.layer.bias.data[0] += 1
            return self.layer(x)

    module = Counting()
    before = module.layer.bias.detach().clone()
    found = vetro.verify(module, rows()[0])
    assert not found and "changed layer.bias" in str(found)
    assert torch.equal(before, module.layer.bias)


def test_a_module_read_as_declared():
    """Hooks, replaced forwards and hooks on gradients are not in the way; training still is."""
    module = net()
    module[0].register_forward_hook(lambda part, given, out: out * 2)
    module[1].forward = torch.tanh
    module[2].weight.register_hook(lambda g: g * 2)
    lowering = lower_module(module, training=False, declared=True)
    kinds = [operation.function for operation in lowering.network.operations[1::2]]
    assert kinds == ["relu", "relu"]
    assert (
        "tanh" not in kinds
        and vetro.explain_engine(
            module, nn.MSELoss(), torch.optim.SGD(module.parameters(), lr=0.1)
        ).engine
        == "torch"
    )


def test_a_list_and_an_array_are_rows_too():
    module = nn.Linear(2, 1)
    assert vetro.verify(module, [1.0, 2.0])
    assert vetro.verify(module, np.ones((3, 2)), np.ones((3, 1)))
    squeezing = nn.Sequential(nn.Linear(2, 1), nn.Flatten(0))
    assert vetro.verify(squeezing, np.ones((3, 2)), np.ones(3), nn.L1Loss())


def test_classes_and_frozen_layers():
    module = net()
    module[0].weight.requires_grad_(False)
    x, _ = rows()
    y = torch.arange(len(x)) % 2
    optimizer = torch.optim.SGD([p for p in module.parameters() if p.requires_grad], lr=0.1)
    assert vetro.verify(module, x, y, optimizer=optimizer)
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    found = vetro.verify(module, x, y)
    assert [check.verdict for check in found.checks].count("undecided") == 1


def test_what_is_not_finite_fails_with_a_sentence():
    module = nn.Linear(2, 1)
    module.weight.data[0, 0] = float("nan")
    assert "y0 in row 1 is not a number." in str(vetro.verify(module, [[1.0, 1.0]]))
    module.weight.data[0, 0] = 3e38
    assert "y0 in row 1 is infinity." in str(vetro.verify(module, [[10.0, 1.0]]))


def test_what_may_overflow_is_undecided():
    module = nn.Sequential(nn.Linear(1, 2), nn.Tanh(), nn.Linear(2, 1))
    module[0].weight.data.fill_(3e38)
    found = vetro.verify(module, [[10.0]])
    assert not found and "UNDECIDED" in str(found)
    assert found.to_json()["passed"] is False


def test_its_json_is_plain():
    found = vetro.verify(net(), *rows()).to_json()
    assert found["passed"] is True and found["rows"] == 40
    assert 0 < found["largest_share"] < 1
    assert {"name", "verdict", "deviation", "bound", "share", "detail"} == set(found["checks"][0])


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((net(), [[1.0, 2.0]]), "E702", "shape (1, 2)"),
        ((net(), [[1.0, 2.0, 3.0, 4.0, float("nan")]]), "E702", "not finite"),
        ((nn.LSTM(5, 5), torch.zeros(2, 5)), "E701", "LSTM"),
        ((nn.Sequential(nn.LazyLinear(3)), torch.zeros(2, 5)), "E701", "lazy"),
        ((3, [1.0]), "E601", "neither"),
        ((net(), torch.zeros(2, 5), torch.zeros(3, 2)), "E711", "y has 3 rows"),
        ((net(), torch.zeros(2, 5), torch.zeros(2, 1)), "E711", "(2, 1)"),
        ((net(), torch.zeros(2, 5), "abc"), "E711", "not numbers"),
        ((net(), torch.zeros(2, 5), None, nn.MSELoss()), "E711", "no targets"),
        ((net(), torch.zeros(2, 5), torch.zeros(2, 2), nn.KLDivLoss()), "E711", "KLDivLoss"),
    ],
)
def test_refusals(arguments, code, words):
    with pytest.raises(VetroError) as refused:
        vetro.verify(*arguments)
    assert refused.value.code == code and words in str(refused.value)


def test_an_optimizer_without_formulas_is_refused():
    module = net()
    with pytest.raises(VetroError, match="Adagrad"):
        vetro.verify(module, *rows(), optimizer=torch.optim.Adagrad(module.parameters()))


def test_a_lazy_module_stays_lazy():
    module = nn.Sequential(nn.LazyLinear(3))
    with pytest.raises(VetroError):
        vetro.verify(module, torch.zeros(2, 5))
    assert nn.parameter.is_lazy(module[0].weight)


MODELS = {
    "numbers": {"targets": ("pressure", "noise")},
    "classes": {"targets": ("grade",)},
    "one score": {"targets": ("sold",), "loss": "bce", "activation": "relu"},
}


@pytest.mark.parametrize("name", MODELS)
def test_models_with_categories_and_gaps(name):
    options = dict(MODELS[name])
    model = model_of(rows_of(), *options.pop("targets"), **options)
    recipe = replace(model.recipe, optimizer="sgd", momentum=0.9, class_weight="balanced")
    model = replace(model, recipe=recipe)
    table = {key: values[:30] for key, values in rows_of().items()}
    found = vetro.verify(model, table)
    assert found, str(found)
    assert {check.name for check in found.checks} >= {"engine: gradients", "engine: update"}
    without = {key: values for key, values in table.items() if key in model.inputs}
    assert "no targets" in str(vetro.verify(model, without))
    assert vetro.verify(model, drawn_rows(model, 20))
