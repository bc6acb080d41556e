"""sample_weight against the plain loop written by hand, and what it means."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional
from training.native_cases import adam, assert_close

import vetro
from vetro.engines.native_core import why_not_native
from vetro.errors import TrainingError, UsageError

native = pytest.mark.skipif(bool(why_not_native()), reason=why_not_native())
ENGINES = ["torch", pytest.param("native", marks=native)]
ROWS = 24
torch.manual_seed(4)
X, Y = torch.randn(ROWS, 3).double(), torch.randn(ROWS, 2).double()
WEIGHTS = 2 * torch.rand(ROWS).double()
WEIGHTS[3] = 0
CLASSES = torch.randint(0, 3, (ROWS,))
CLASSES[5] = -100
CLASS_WEIGHTS = torch.tensor([0.5, 1.0, 2.0]).double()


def network(outputs=2):
    torch.manual_seed(5)
    return nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, outputs)).double()


def elementwise(function, **options):
    """sum(w l) / sum(w) over rows and outputs."""

    def loss(output, target, weights):
        each = function(output, target, reduction="none", **options)
        return (each * weights[:, None]).sum() / (weights.sum() * each.shape[1])

    return loss


def of_classes(class_weights=None, smoothing=0.0):
    """sum(w l) / sum(w c) over the rows that count, c the class weight of the target."""

    def loss(output, target, weights):
        each = functional.cross_entropy(
            output, target, class_weights, reduction="none", label_smoothing=smoothing
        )
        counting = weights * (target != -100)
        if class_weights is not None:
            counting = counting * class_weights[target.clamp(min=0)]
        return (each * weights).sum() / counting.sum()

    return loss


def of_sum(output, target, weights):
    return (((output - target) ** 2) * weights[:, None]).sum()


flags = (Y > 0).double()
LOSSES = {
    "mse": (nn.MSELoss(), Y, 2, elementwise(functional.mse_loss)),
    "sum": (nn.MSELoss(reduction="sum"), Y, 2, of_sum),
    "l1": (nn.L1Loss(), Y, 2, elementwise(functional.l1_loss)),
    "smooth l1": (nn.SmoothL1Loss(), Y, 2, elementwise(functional.smooth_l1_loss)),
    "huber": (functional.huber_loss, Y, 2, elementwise(functional.huber_loss)),
    "bce": (
        nn.BCEWithLogitsLoss(),
        flags,
        2,
        elementwise(functional.binary_cross_entropy_with_logits),
    ),
    "classes": (nn.CrossEntropyLoss(), CLASSES, 3, of_classes()),
    "weighted classes": (
        nn.CrossEntropyLoss(CLASS_WEIGHTS, label_smoothing=0.1),
        CLASSES,
        3,
        of_classes(CLASS_WEIGHTS, 0.1),
    ),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", LOSSES)
def test_as_the_loop_by_hand(name, engine):
    """Shuffled, in batches, with weighted validation."""
    loss, y, outputs, by_hand = LOSSES[name]
    module, other = network(outputs), network(outputs)
    optimizer, its = adam(module), adam(other)
    history = vetro.train(
        module, X, y, loss=loss, optimizer=optimizer, epochs=4, batch_size=7, shuffle=True,
        generator=torch.Generator().manual_seed(1), sample_weight=WEIGHTS,
        validation=(X[:9], y[:9], WEIGHTS[:9]), engine=engine,
    )  # fmt: skip
    generator, losses, scores = torch.Generator().manual_seed(1), [], []
    for _ in range(4):
        order = torch.randperm(ROWS, generator=generator)
        for start in range(0, ROWS, 7):
            rows = order[start : start + 7]
            its.zero_grad()
            value = by_hand(other(X[rows]), y[rows], WEIGHTS[rows])
            value.backward()
            its.step()
            losses.append(value.item())
        scores.append(by_hand(other(X[:9]), y[:9], WEIGHTS[:9]).item())
    assert history.engine == engine
    assert history.loss == pytest.approx(losses, rel=1e-9)
    assert history.validation == pytest.approx(scores, rel=1e-9)
    assert_close((module, optimizer), (other, its))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", LOSSES)
def test_weight_two_is_the_row_twice_and_zero_is_no_row(name, engine):
    loss, y, outputs, _ = LOSSES[name]
    rows = [0, 0, 1, 2, 4, 6, 7]
    weights = torch.zeros(ROWS)
    weights[[1, 2, 4, 6, 7]], weights[0] = 1, 2
    module, other = network(outputs), network(outputs)
    optimizer, its = adam(module), adam(other)
    settings = {"loss": loss, "steps": 12, "engine": engine}
    vetro.train(module, X, y, optimizer=optimizer, sample_weight=weights, **settings)
    vetro.train(other, X[rows], y[rows], optimizer=its, **settings)
    assert_close((module, optimizer), (other, its))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_batch_without_weight_has_the_loss_zero(engine):
    module = network()
    weights = torch.ones(ROWS)
    weights[:8] = 0
    history = vetro.train(
        module, X, Y, loss=nn.MSELoss(), optimizer=adam(module), batch_size=8, steps=3,
        sample_weight=weights, engine=engine,
    )  # fmt: skip
    assert history.loss[0] == 0
    assert history.loss[1] > 0


def test_weights_of_any_kind():
    losses = []
    for weights in (WEIGHTS, WEIGHTS.numpy(), WEIGHTS.tolist(), WEIGHTS.reshape(-1, 1)):
        module = network()
        history = vetro.train(
            module, X, Y, loss=nn.MSELoss(), optimizer=adam(module), steps=2, sample_weight=weights
        )
        losses.append(history.loss)
    assert all(one == losses[0] for one in losses)


def refused(kind, words, **settings):
    module = network()
    given = {"loss": nn.MSELoss(), "optimizer": adam(module), "steps": 2, **settings}
    with pytest.raises(kind, match=words):
        vetro.train(module, X, given.pop("y", Y), **given)
    before = network().state_dict()
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (WEIGHTS - 1, "it holds -"),
        (WEIGHTS * math.nan, "it holds nan in row 0"),
        (WEIGHTS[:4], r"its shape is not \(24,\)"),
        (WEIGHTS * 0, "every weight is 0"),
    ],
)
def test_weights_that_are_none(weights, words):
    refused(UsageError, words, sample_weight=weights)


def test_losses_that_cannot_be_weighted():
    words = "cannot take a weight per row"
    refused(UsageError, words, sample_weight=WEIGHTS, loss=nn.MSELoss(reduction="none"))
    refused(UsageError, words, sample_weight=WEIGHTS, loss=lambda o, t: ((o - t) ** 2).mean())


def test_weights_of_rows_in_the_loss_itself():
    each_row = nn.BCEWithLogitsLoss(weight=torch.rand(ROWS, 1).double())
    words = "Use sample_weight with the weight of each row, and the loss without weight"
    refused(TrainingError, words, loss=each_row, y=flags, shuffle=True)
    refused(TrainingError, words, loss=each_row, y=flags, batch_size=6)
    refused(TrainingError, words, loss=each_row, y=flags, validation=(X[:3], flags[:3]))
    module = network()  # in their own order they are what the plain loop takes
    vetro.train(module, X, flags, loss=each_row, optimizer=adam(module), steps=2, engine="torch")
    a_column = nn.BCEWithLogitsLoss(weight=torch.rand(ROWS).double())
    with pytest.raises(TrainingError, match="every weight to every row"):
        module = network(1)
        vetro.train(module, X, flags[:, :1], loss=a_column, optimizer=adam(module), steps=1)
