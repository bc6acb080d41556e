"""Verify where floating point ends: what overflows or underflows is undecided, never a fault; and
mistakes in targets, rows and predictors, each with its message."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from glass.planted import net, rows
from torch import nn

import vetro
from vetro.errors import VetroError

OPTIMIZERS = {
    "sgd": partial(torch.optim.SGD, lr=0.1),
    "momentum": partial(torch.optim.SGD, lr=0.1, momentum=0.9),
    "nesterov": partial(torch.optim.SGD, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "adam": partial(torch.optim.Adam, lr=1e-3),
    "without eps": partial(torch.optim.Adam, lr=1e-3, eps=0),
    "amsgrad": partial(torch.optim.Adam, lr=1e-3, eps=1e-30, amsgrad=True),
    "adamw": partial(torch.optim.AdamW, lr=1e-3),
    "rmsprop": partial(torch.optim.RMSprop, lr=1e-2, eps=0),
    "centered": partial(torch.optim.RMSprop, lr=1e-2, centered=True, momentum=0.9, eps=1e-20),
}
SIZES = {
    torch.float32: (1e-30, 1e-18, 1e15, 1e19, 1e22, 3e38),
    torch.float64: (1e-300, 1e-154, 1e150, 1e160, 1e308),
}


def smooth(dtype: torch.dtype = torch.float32) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).to(dtype)


def verdicts(found: Any) -> dict[str, str]:
    return {check.name: check.verdict for check in found.checks}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize(
    ("dtype", "size"), [(dtype, size) for dtype, sizes in SIZES.items() for size in sizes]
)
def test_what_floats_do_not_hold_is_no_fault(dtype, size, name):
    """Gradients whose squares underflow, losses that overflow."""
    module, x = smooth(dtype), torch.randn(5, 3, dtype=dtype)
    y = torch.full((5, 1), size if size > 1 else 0.0, dtype=dtype)
    if size < 1:
        with torch.no_grad():
            module[2].weight.mul_(size)
            module[2].bias.mul_(size)
    optimizer = OPTIMIZERS[name](module.parameters())
    found = vetro.verify(module, x, y, nn.MSELoss(reduction="sum"), optimizer)
    assert "failed" not in verdicts(found).values(), str(found)


def test_the_reasons_are_told():
    x, large = torch.randn(5, 3), torch.full((5, 1), 1e22)

    def told(module, y, optimizer):
        found = vetro.verify(module, x, y, nn.MSELoss(), optimizer(module.parameters()))
        assert not found and "UNDECIDED" in str(found)
        return str(found)

    text = told(smooth(), large, OPTIMIZERS["adam"])
    assert "the loss is not finite, so the engine takes no step." in text
    assert "the second moment of 0.weight[h0 <- x0] after step 1 is infinity." in text
    assert "a number may overflow or a divisor may be 0" in text
    module = smooth()
    with torch.no_grad():
        module[2].weight.mul_(1e-30)
        module[2].bias.mul_(1e-30)
    text = told(module, torch.zeros(5, 1), OPTIMIZERS["rmsprop"])
    assert "0.weight[h0 <- x0] after step 1 is not a number. Rounding has no bound there" in text
    huge = torch.full((5, 1), 3e38)
    assert "starts from a gradient that is not finite" in told(
        smooth(), huge, lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)
    )


def test_a_fault_beside_an_overflow_is_still_found(monkeypatch):
    from vetro.glass.learning import torch_steps

    own = torch_steps.steps_of

    def wrong(*arguments):
        found = own(*arguments)
        found[0].after.parameters[0] = math.nan
        return found

    monkeypatch.setattr(torch_steps, "steps_of", wrong)
    module = smooth()
    found = vetro.verify(
        module,
        torch.randn(5, 3),
        torch.randn(5, 1),
        nn.MSELoss(),
        OPTIMIZERS["sgd"](module.parameters()),
    )
    assert verdicts(found)["torch: update"] == "failed"
    assert "0.weight[h0 <- x0] after step 1 is not a number." in str(found)


def test_numbers_far_smaller_than_their_neighbours_are_judged_by_themselves():
    module = smooth(torch.float64)
    with torch.no_grad():
        module[0].weight[0] *= 1e-150
        module[2].weight[0, 1] *= 1e-200
    x, y = torch.randn(5, 3).double(), torch.randn(5, 1).double()
    optimizer = torch.optim.Adam(module.parameters())
    assert vetro.verify(module, x, y, nn.MSELoss(), optimizer)


def test_logits_that_overflow_are_undecided():
    module = nn.Linear(1, 3)
    with torch.no_grad():
        module.weight.fill_(3e38)
    found = vetro.verify(module, [[10.0]], torch.tensor([1]))
    assert set(verdicts(found).values()) == {"passed", "undecided"}, str(found)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rate", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("name", ["sgd", "nesterov", "adam", "adamw", "centered"])
def test_a_rate_may_be_a_tensor(name, rate, dtype):
    module = smooth(dtype)
    optimizer = OPTIMIZERS[name](module.parameters(), lr=torch.tensor(1e-3, dtype=rate))
    x, y = torch.randn(5, 3, dtype=dtype), torch.randn(5, 1, dtype=dtype)
    found = vetro.verify(module, x, y, nn.MSELoss(), optimizer)
    assert found, str(found)


@pytest.mark.parametrize("beta", [torch.float32, torch.float64])
def test_betas_may_be_tensors(beta):
    module = smooth(torch.float64)
    betas = torch.tensor(0.9, dtype=beta), torch.tensor(0.999, dtype=beta)
    optimizer = torch.optim.Adam(module.parameters(), betas=betas)
    x, y = torch.randn(5, 3).double(), torch.randn(5, 1).double()
    found = vetro.verify(module, x, y, nn.MSELoss(), optimizer)
    assert found, str(found)


def test_parameters_that_are_no_numbers_fail_by_name():
    module = nn.Linear(2, 1)
    module.bias.data[0] = math.nan
    found = vetro.verify(module, [[1.0, 1.0]])
    assert found.checks[0].verdict == "failed"
    assert found.checks[0].detail == "bias holds a value that is not finite."


def test_classes_that_are_all_ignored():
    """torch's loss is 0 / 0 then."""
    module, (x, _) = net(), rows()
    y = torch.full((len(x),), -100)
    assert math.isnan(nn.CrossEntropyLoss()(module(x), y).item())
    found = vetro.verify(module, x, y, nn.CrossEntropyLoss())
    assert verdicts(found)["gradients"] == "undecided" and "0 / 0" in str(found)
    assert vetro.verify(module, x, y, nn.CrossEntropyLoss(reduction="sum"))
    y[0] = 1
    assert vetro.verify(module, x, y, nn.CrossEntropyLoss())
    found = vetro.verify(module, x, y, nn.CrossEntropyLoss(torch.tensor([1.0, 0.0])))
    assert verdicts(found)["gradients"] == "undecided"


ONE, X = nn.Linear(3, 1), torch.randn(6, 3)
FLAT = nn.Sequential(nn.Linear(3, 1), nn.Flatten(0))
CLASSES = nn.Linear(3, 4)


@pytest.mark.parametrize(
    ("module", "y", "loss", "code", "words"),
    [
        (ONE, torch.randn(6), nn.MSELoss(), "E313", "(6,), the output (6, 1)"),
        (ONE, np.zeros(6), nn.L1Loss(), "E313", "y.reshape(-1, 1)"),
        (ONE, torch.zeros(6), nn.BCEWithLogitsLoss(), "E313", "(6, 6)"),
        (FLAT, torch.randn(6, 1), nn.MSELoss(), "E313", "y.reshape(-1)"),
        (ONE, torch.randn(1, 1), nn.MSELoss(), "E711", "y has 1 row, x has 6"),
        (ONE, torch.tensor(1.0), nn.MSELoss(), "E711", "y is one number"),
        (ONE, torch.randn(6, 2), nn.MSELoss(), "E711", "(6, 2)"),
        (CLASSES, torch.full((6,), 4), None, "E315", "y holds the class 4"),
        (CLASSES, torch.full((6,), -1), nn.CrossEntropyLoss(), "E315", "the class -1"),
        (ONE, torch.ones(6, dtype=torch.int64), nn.CrossEntropyLoss(), "E315", "always 0"),
        (ONE, torch.full((6, 1), math.nan), nn.MSELoss(), "E315", "y holds nan (first in row 0"),
        (ONE, np.full((6, 1), 1e300), None, "E315", "y holds inf"),
        (ONE, [[1.0], [2.0, 3.0]], nn.MSELoss(), "E711", "y is list, not numbers"),
        (ONE, torch.zeros(6, 1, device="meta"), None, "E711", "a meta tensor"),
        (ONE, torch.zeros(6, 1).to_sparse(), None, "E711", "a sparse tensor"),
        (ONE, torch.zeros(6, 1, dtype=torch.complex64), None, "E711", "complex64"),
    ],
)
def test_targets_that_cannot_be_meant(module, y, loss, code, words):
    with pytest.raises(VetroError) as refused:
        vetro.verify(module, X, y, loss)
    assert refused.value.code == code and words in str(refused.value)


def test_rows_that_are_ragged():
    with pytest.raises(VetroError, match="the row is list") as refused:
        vetro.verify(ONE, [[1.0], [2.0, 3.0]])
    assert refused.value.code == "E702"


def broken(x: torch.Tensor) -> torch.Tensor:
    raise KeyError("lost")


@pytest.mark.parametrize(
    ("predictor", "words"),
    [
        (broken, "the predictor raised KeyError: 'lost'. Call it yourself"),
        (5, "of type int, cannot be called"),
        (lambda x: None, "gives NoneType, not numbers"),
        (lambda x: "abc", "gives str, not numbers"),
        (lambda x: ONE(x).detach().to(torch.complex64), "gives complex64, not numbers"),
        (lambda x: torch.zeros(3), "gives shape (3,) where (6, 1) is expected"),
        (lambda x: torch.zeros(1, len(x)), "gives shape (1, 6)"),
    ],
)
def test_a_predictor_that_gives_no_outputs(predictor, words):
    with pytest.raises(VetroError) as refused:
        vetro.verify(ONE, X, predictor=predictor)
    assert refused.value.code == "E711" and words in str(refused.value)


def test_predictors_of_every_form_are_checked():
    for predictor in (ONE, lambda x: ONE(x)[:, 0], lambda x: ONE(x).tolist()):
        assert vetro.verify(ONE, X, predictor=predictor)
    assert not vetro.verify(ONE, X, predictor=lambda x: ONE(x) * 1.001)


def test_a_hook_that_changes_the_shape():
    module = nn.Linear(3, 2)
    module.register_forward_hook(lambda part, given, out: out[:1])
    with pytest.raises(VetroError, match=r"gives shape \(1, 2\) where \(6, 2\)"):
        vetro.verify(module, X)


def test_rows_that_are_written_into_are_copies():
    x = torch.randn(6, 3)
    before = x.clone()
    with pytest.raises(VetroError, match="changes in place"):
        vetro.verify(nn.Sequential(nn.ReLU(inplace=True), nn.Linear(3, 1)), x)
    module = nn.Linear(3, 1)
    assert vetro.verify(module, x, predictor=lambda x: module(x) + 0 * x.zero_().sum())
    module.register_forward_pre_hook(lambda part, given: (given[0].zero_(),))
    assert not vetro.verify(module, x, torch.randn(6, 1))
    assert torch.equal(x, before)


# Functions of the user's own


class Relu(torch.autograd.Function):
    @staticmethod
    def forward(context, z):
        context.save_for_backward(z)
        return torch.relu(z)

    @staticmethod
    def backward(context, gradient):
        (z,) = context.saved_tensors
        return gradient * (z > 0)


class Apart(torch.autograd.Function):
    """With a setup_context of its own, and a setting."""

    @staticmethod
    def forward(z, slope=0.1):
        return nn.functional.leaky_relu(z, slope)

    @staticmethod
    def setup_context(context, inputs, output):
        context.save_for_backward(inputs[0])

    @staticmethod
    def backward(context, gradient):
        (z,) = context.saved_tensors
        return gradient * torch.where(z > 0, 1.0, 0.1), None


HELD = Relu.apply


class Layers(nn.Module):
    def __init__(self, function: Any = None) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.first, self.last = nn.Linear(3, 4), nn.Linear(4, 1)
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.function(self.first(x)))


class Named(Layers):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(Relu.apply(self.first(x)))


class Taken(Layers):
    function_of_the_class = Relu.apply

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.function_of_the_class(HELD(self.first(x))))


@pytest.mark.parametrize(
    "module", [Layers(Relu.apply), Layers(Apart.apply), Named(), Taken()], ids=type
)
@pytest.mark.parametrize("look", [vetro.verify, vetro.backprop])
def test_a_function_of_ones_own_is_seen_through_however_it_is_held(look, module):
    found = look(module, X, torch.randn(6, 1), nn.MSELoss())
    assert found, str(found)
    own = torch.autograd.Function.__mro__[1]
    assert "apply" not in vars(own)  # put back


class Wrong(Relu):
    @staticmethod
    def backward(context, gradient):
        (z,) = context.saved_tensors
        return gradient * (z > 0) * 1.001


@pytest.mark.parametrize(
    ("look", "name"),
    [(vetro.verify, "torch: gradients"), (vetro.backprop, "gradients agree with autograd")],
)
def test_a_wrong_backward_of_ones_own_is_found(look, name):
    found = look(Layers(Wrong.apply), X, torch.randn(6, 1), nn.MSELoss())
    assert verdicts(found)[name] == "failed"
