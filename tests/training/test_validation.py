"""validation= is looked at as the training rows are, before anything changes."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import TensorDataset

import vetro
from vetro.engines.native_core import why_not_native
from vetro.errors import TrainingError, UsageError

native = pytest.mark.skipif(bool(why_not_native()), reason=why_not_native())
ENGINES = ["torch", pytest.param("auto", marks=native)]
ROWS = 12
torch.manual_seed(3)
X, Y = torch.randn(ROWS, 3), torch.randn(ROWS, 1)
CLASSES, FLAGS = torch.randint(0, 2, (ROWS,)), (Y > 0).float()
FEW = X[:5]


def network(outputs=1, *more):
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, outputs), *more)


def own(output, target):
    return ((output - target) ** 2).mean()


def own_of_classes(output, target):
    return functional.cross_entropy(output, target)


mse, classes, bce = nn.MSELoss(), nn.CrossEntropyLoss(), nn.BCEWithLogitsLoss()
WRONG = {
    "flat targets": (
        mse,
        Y,
        (FEW, Y[:5, 0]),
        r"validation y has shape \(5,\), the output \(5, 1\)",
    ),
    "flat targets, own loss": (own, Y, (FEW, Y[:5, 0]), r"they would broadcast to \(5, 5\)"),
    "narrow rows": (mse, Y, (FEW[:, :2], Y[:5]), r"validation x has shape \(5, 2\), x \(12, 3\)"),
    "flat rows": (mse, Y, (FEW[:, 0], Y[:5]), r"validation x has shape \(5,\), x \(12, 3\)"),
    "other rows": (mse, Y, (FEW, Y[:4]), "validation x has 5 rows, validation y has 4"),
    "no rows": (mse, Y, (X[:0], Y[:0]), "validation x has no rows"),
    "whole numbers": (mse, Y, (FEW.long(), Y[:5]), "the validation input tensor is int64"),
    "float64": (mse, Y, (FEW.double(), Y[:5]), r"validation x is float64.*Use x.float\(\)"),
    "more targets": (mse, Y, (FEW, torch.randn(5, 3)), r"Give 1 target per row"),
    "nan": (mse, Y, (FEW * math.nan, Y[:5]), "validation x holds nan"),
    "nan targets": (mse, Y, (FEW, Y[:5] * math.nan), "validation y holds nan"),
    "nan targets, own loss": (own, Y, (FEW, Y[:5] * math.nan), "validation y holds nan"),
    "class 2": (classes, CLASSES, (FEW, CLASSES[:5] + 1), "validation y holds the class 2"),
    "class 2, own loss": (
        own_of_classes,
        CLASSES,
        (FEW, CLASSES[:5] + 1),
        "validation y holds the class 2, but the module has no output for it",
    ),
    "int32": (classes, CLASSES, (FEW, CLASSES[:5].int()), r"is int32; .* Use y.long\(\)"),
    "beyond 1": (bce, FLAGS, (FEW, FLAGS[:5] * 2), "validation y holds 2 .*falls without bound"),
}
CLASSES[:5] = torch.tensor([0, 1, 1, 0, 1])
FLAGS[0] = 1


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit(name, engine):
    loss, y, validation, words = WRONG[name]
    module = network(1 if y is not CLASSES else 2)
    before = copy.deepcopy(module.state_dict())
    optimizer = torch.optim.Adam(module.parameters())
    state = torch.get_rng_state()
    with pytest.raises(TrainingError, match=words):
        vetro.train(
            module, X, y, loss=loss, optimizer=optimizer, epochs=3, batch_size=4, shuffle=True,
            validation=validation, patience=2, engine=engine,
        )  # fmt: skip
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert not optimizer.state
    assert engine == "torch" or torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("engine", ENGINES)
def test_a_list_or_a_dataset_is_a_pair(engine):
    scores = []
    for validation in ((FEW, Y[:5]), [FEW, Y[:5]], TensorDataset(FEW, Y[:5])):
        torch.manual_seed(1)
        module = network()
        history = vetro.train(
            module, X, Y, loss=mse, optimizer=torch.optim.Adam(module.parameters()), epochs=3,
            validation=validation, engine=engine,
        )  # fmt: skip
        scores.append(history.validation)
    assert scores[0] == scores[1] == scores[2]


@pytest.mark.parametrize("wrong", [X[:2], (FEW,), {"x": FEW}, (FEW, Y[:5], None, None)])
def test_what_is_no_pair(wrong):
    module = network()
    with pytest.raises(UsageError, match=r"Use validation=\(x, y\)"):
        vetro.train(
            module, X, Y, loss=mse, optimizer=torch.optim.Adam(module.parameters()), epochs=3,
            validation=wrong,
        )  # fmt: skip


class Counting(nn.Module):
    """A module whose forward leaves a trace."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 1)
        self.calls = []

    def forward(self, x):
        self.calls.append(len(x))
        return self.layer(x) + 0 * torch.rand(())


@pytest.mark.parametrize("validation", [(FEW, Y[:5]), (FEW, Y[:5].double())])
def test_the_look_leaves_no_trace(validation):
    """Neither in the module nor in the generator."""
    module = Counting()
    torch.manual_seed(1)
    vetro.train(
        module, X, Y, loss=mse, optimizer=torch.optim.SGD(module.parameters(), lr=0.1), epochs=2,
        validation=validation, engine="torch",
    )  # fmt: skip
    assert module.calls == [ROWS, 5, ROWS, 5]
    state = torch.get_rng_state()
    torch.manual_seed(1)
    for _ in range(4):
        torch.rand(())
    assert torch.equal(state, torch.get_rng_state())
