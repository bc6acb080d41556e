"""What torch would raise, or silently do, where the mistake has a name."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

import vetro
from vetro.errors import TrainingError, UsageError

ROWS = 13
torch.manual_seed(3)
X, Y = torch.randn(ROWS, 3), torch.randn(ROWS, 2)
CLASSES, FLAGS = torch.randint(0, 2, (ROWS,)), (Y > 0).float()
cross_entropy = nn.CrossEntropyLoss()


def network(*more):
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2), *more)


def train(module, x=X, y=Y, loss=None, optimizer=None, **settings):
    settings = {"engine": "torch", **settings}
    if not {"epochs", "batches"} & settings.keys():
        settings = {"steps": 3, **settings}
    return vetro.train(
        module, x, y, loss=loss or nn.MSELoss(), **settings,
        optimizer=optimizer or torch.optim.SGD(module.parameters(), lr=0.01),
    )  # fmt: skip


def refused(words, module, *given, **settings):
    before = copy.deepcopy(module.state_dict())
    with pytest.raises((TrainingError, UsageError), match=words):
        train(module, *given, **settings)
    after = module.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


@pytest.mark.parametrize("dtype", [torch.int8, torch.int16, torch.int32, torch.bool])
def test_class_numbers_of_other_kinds(dtype):
    name = str(dtype).removeprefix("torch.")
    words = rf"is {name}; it must hold class numbers as int64. Use y.long\(\)"
    refused(words, network(), X, CLASSES.to(dtype), loss=cross_entropy)
    refused(words, network(nn.LogSoftmax(1)), X, CLASSES.to(dtype), loss=nn.NLLLoss())


def test_class_numbers_that_torch_takes():
    losses = [
        train(copy.deepcopy(module), X, y, loss=cross_entropy).loss
        for module in [network()]
        for y in (CLASSES, CLASSES.to(torch.uint8), functional.one_hot(CLASSES, 2).float())
    ]
    assert losses[0] == losses[1] == pytest.approx(losses[2])


LOSSES = [nn.MSELoss(), nn.L1Loss(), nn.SmoothL1Loss(), nn.HuberLoss(), nn.BCEWithLogitsLoss()]


@pytest.mark.parametrize("loss", [*LOSSES, lambda o, t: ((o - t) ** 2).mean()])
def test_targets_that_are_flags(loss):
    refused(r"the target tensor is bool; .* Use y.float\(\)", network(), X, FLAGS.bool(), loss=loss)


class Answering(nn.Module):
    def __init__(self, answer):
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.answer = answer

    def forward(self, x):
        return self.answer(self.layer(x))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda o: (o, o), r"returns a tuple of 2, but MSELoss .*nn.MSELoss\(\)\(output\[0\]"),
        (lambda o: {"out": o}, r"returns a dict of 1, but MSELoss .*\(output\['out'\], target\)"),
        (lambda o: None, "returns None, but a loss takes a tensor. Return a tensor from forward"),
        (lambda o: o.detach().numpy(), "returns a ndarray, but a loss takes a tensor"),
    ],
)
def test_modules_that_return_no_tensor(answer, words):
    refused(words, Answering(answer))
    refused(
        words.partition(", but")[0],
        Answering(answer),
        loss=lambda output, target: 1.0 * functional.mse_loss(output, target),
    )


def test_a_loss_that_takes_the_tuple():
    module = Answering(lambda o: (o, o))
    assert train(module, loss=lambda output, target: functional.mse_loss(output[0], target)).loss


def normalised():
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def test_a_last_batch_of_one_row_and_batch_normalisation():
    words = "a batch has 1 row, but batch normalisation needs at least 2.*Use drop_last=True"
    refused(words, normalised(), batch_size=4, epochs=2)
    refused(words, normalised(), DataLoader(TensorDataset(X, Y), batch_size=4), None, epochs=2)
    refused(words, normalised(), batch_size=1)
    assert len(train(normalised(), batch_size=4, epochs=2, drop_last=True).loss) == 6
    assert len(train(normalised(), batch_size=4, steps=3).loss) == 3
    assert len(train(normalised().eval(), batch_size=4, epochs=1).loss) == 4
    assert len(train(network(), batch_size=4, epochs=1).loss) == 4


@pytest.mark.parametrize(
    ("y", "fix"), [(FLAGS * 2, "Scale the targets"), (FLAGS * 2 - 1, r"Use \(y \+ 1\) / 2")]
)
@pytest.mark.parametrize(
    "loss", [nn.BCEWithLogitsLoss(), functional.binary_cross_entropy_with_logits, nn.BCELoss()]
)
def test_targets_that_are_no_probabilities(loss, y, fix):
    refused(f"falls without bound. {fix}", network(nn.Sigmoid()), X, y, loss=loss)


def test_probabilities_that_are_none():
    words = r"BCELoss takes probabilities from 0 to 1. End the module with nn.Sigmoid\(\)"
    refused(words, network(), X, FLAGS, loss=nn.BCELoss())


def test_a_class_that_an_own_loss_meets():
    refused(
        "y holds the class 2, but the module has no output for it",
        network(),
        X,
        CLASSES + 1,
        loss=lambda output, target: 1.0 * functional.cross_entropy(output, target),
    )


def test_modules_without_values_or_forward():
    with pytest.raises(TrainingError, match=r"the module's 0\.weight is on the meta device"):
        train(network().to("meta"))
    with pytest.raises(TrainingError, match=r"ModuleList has no forward. Use nn.Sequential"):
        train(nn.ModuleList([nn.Linear(3, 2)]))

    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, x, z):
            return self.layer(x + z)

    refused(r"the forward of Two takes \(x, z\), but Vetro calls it with x alone", Two())

    class Unready(nn.Module):
        def __init__(self):
            pass

    with pytest.raises(TrainingError, match=r"Call super\(\).__init__\(\) first"):
        train(Unready(), optimizer=torch.optim.SGD(network().parameters(), lr=0.1))


@pytest.mark.parametrize("rate", [math.nan, math.inf])
def test_a_learning_rate_that_is_not_finite(rate):
    module = network()
    optimizer = torch.optim.SGD(module.parameters(), lr=rate)
    refused(f"the learning rate of SGD is {rate}", module, optimizer=optimizer)


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (lambda output: output.mean(), r"it takes 1 argument \(output\)"),
        (nn.CosineEmbeddingLoss(), "it takes 3 arguments"),
    ],
)
def test_losses_of_other_arguments(loss, words):
    refused(rf"{words}.* called as loss\(output, target\)", network(), loss=loss)


@pytest.mark.parametrize("given", [True, 5.0, "5", 0, [5]])
@pytest.mark.parametrize("name", ["steps", "batch_size", "epochs"])
def test_what_is_no_count(name, given):
    settings = {name: given} if name != "batch_size" else {"steps": 2, name: given}
    refused(f"{name} .* is not valid: it must be", network(), **settings)


@pytest.mark.parametrize(
    ("loss", "y", "words"),
    [
        (nn.CrossEntropyLoss(torch.ones(3)), CLASSES, r"the loss's weight has shape \(3,\)"),
        (nn.CrossEntropyLoss(torch.ones(2).double()), CLASSES, "the loss's weight is float64"),
        (nn.BCEWithLogitsLoss(pos_weight=torch.ones(3)), FLAGS, r"pos_weight has shape \(3,\)"),
        (nn.CrossEntropyLoss(), Y, "takes floats as probabilities of classes"),
    ],
)
def test_weights_and_targets_that_do_not_fit_the_classes(loss, y, words):
    refused(words, network(), X, y, loss=loss)


def test_weights_that_fit():
    weight = torch.tensor([1.0, 2.0])
    for loss in (nn.BCEWithLogitsLoss(weight), nn.BCEWithLogitsLoss(pos_weight=weight[:1])):
        assert train(network(), X, FLAGS, loss=loss).loss
    assert train(network(), X, CLASSES, loss=nn.CrossEntropyLoss(weight)).loss


class Lookup(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(4, 2)

    def forward(self, x):
        return self.table(x)


def test_what_an_embedding_cannot_look_up():
    rows = torch.arange(ROWS) % 4
    assert len(train(Lookup(), rows.tolist()).loss) == 3
    refused("x holds 4, but an embedding has 4 rows", Lookup(), rows + 1)
    refused(r"embedding looks up whole numbers. Use x.long\(\)", Lookup(), rows.float())
