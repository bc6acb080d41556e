"""What torch would raise, or silently do, where the mistake has a name."""

import copy
import math
import warnings

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


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


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


class Keeping(nn.Module):
    """Goes on from its hidden state of the step before."""

    def __init__(self):
        super().__init__()
        self.layer, self.state = nn.Linear(3, 2), torch.zeros(ROWS, 2)

    def forward(self, x):
        self.state = torch.tanh(self.layer(x) + self.state)
        return self.state


def backward_too(output, target):
    value = functional.mse_loss(output, target)
    value.backward()
    return value


class Broken(nn.Module):
    def __init__(self, change):
        super().__init__()
        self.layer, self.change = nn.Linear(3, 2), change

    def forward(self, x):
        return self.change(torch.sigmoid(self.layer(x)))


def test_computations_that_torch_cannot_go_back_through():
    refused("computes with NumPy", Broken(lambda h: torch.from_numpy(h.numpy())))
    refused("computes with NumPy", network(), loss=lambda o, t: torch.tensor((o - t).numpy().sum()))
    refused("an operation in place", Broken(lambda h: h.add_(1)))
    refused(r"backward\(\) has already run in this step", network(), loss=backward_too)
    with pytest.raises(TrainingError, match=r"a tensor of an earlier step.*Use .detach\(\)"):
        train(Keeping())
    leaf = lambda o, t: torch.tensor(float((o - t).detach().sum()), requires_grad=True)  # noqa: E731
    refused("the loss does not depend on the parameters", network(), loss=leaf)


def test_rows_that_belong_to_another_computation():
    scale = torch.ones(3, requires_grad=True)
    refused(r"x was computed with gradients.*Use x.detach\(\)", network(), X * scale)
    target = network()(X)
    refused(r"y was computed with gradients.*Use y.detach\(\)", network(), X, target)
    with torch.inference_mode():
        frozen, made = X.clone(), network()
    refused(r"x was made in torch.inference_mode.*Use x.clone\(\)", network(), frozen)
    refused("the module was made in torch.inference_mode", made)
    assert train(network(), X.clone().requires_grad_()).loss


@pytest.mark.parametrize(
    ("module", "x", "words"),
    [
        (nn.Sequential(nn.Linear(3, 8), nn.Linear(16, 2)), X, r"receives 8. Use nn.Linear\(8, 2\)"),
        (
            nn.Sequential(nn.Conv1d(1, 4, 2), nn.Linear(8, 2)),
            X[:, None],
            r"layer 1 takes 8 numbers per row, but receives 2. Use nn.Flatten\(\)",
        ),
        (nn.Sequential(nn.Linear(6, 2)), torch.randn(ROWS, 2, 3), r"Use x.flatten\(1\)"),
        (nn.Sequential(nn.Linear(1, 2)), torch.randn(ROWS), r"Use x.reshape\(-1, 1\)"),
        (nn.Conv2d(1, 2, 1), torch.randn(ROWS, 4, 4), r"1 channel, and .*Use x.unsqueeze\(1\)"),
        (nn.Conv2d(3, 2, 1), torch.randn(ROWS, 5, 5, 3), r"Use x.permute\(0, 3, 1, 2\)"),
        (nn.Conv2d(3, 2, 1), torch.randn(ROWS, 2, 5, 5), "a convolution with in_channels=2"),
    ],
)
def test_widths_that_no_layer_takes(module, x, words):
    refused(words, module, x)


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (torch.randn(3), torch.randn(1), r"one row, use x.reshape\(1, -1\) and y.re"),
        (torch.randn(3), torch.randn(1, 2), r"If x is one row, use x.reshape\(1, -1\)\."),
        (X.T, Y, r"If the rows are the columns of x, use x.T"),
        (X, Y[1:], "Give one target per row"),
    ],
)
def test_rows_that_do_not_pair(x, y, words):
    refused(words, network(), x, y)


def test_targets_that_a_loss_of_counts_or_probabilities_does_not_take():
    refused("takes counts of at least 0", network(), X, -FLAGS - 1, loss=nn.PoissonNLLLoss())
    kl = nn.KLDivLoss(reduction="batchmean")
    refused("KLDivLoss takes probabilities of classes", network(nn.LogSoftmax(1)), X, CLASSES, kl)
    refused(r"nn.KLDivLoss\(\) takes log-probabilities", network(nn.Softmax(1)), X, FLAGS, kl)


@pytest.mark.parametrize("engine", ["torch", "auto"])
def test_parameters_that_are_not_finite_before_the_first_step(engine):
    module = network()
    with torch.no_grad():
        module[2].bias[1] = math.nan
    before = copy.deepcopy(module.state_dict())
    with pytest.raises(
        TrainingError, match=r"the module's 2.bias holds values that are not finite"
    ):
        train(module, engine=engine)
    for name, value in module.state_dict().items():
        torch.testing.assert_close(value, before[name], equal_nan=True)
    norm = normalised().eval()
    norm[1].running_mean[0] = math.nan
    refused_nan = "the module's 1.running_mean holds values that are not finite"
    with pytest.raises(TrainingError, match=refused_nan):
        train(norm)


def test_a_rate_that_is_a_text():
    module = network()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    optimizer.param_groups[0]["lr"] = "0.1"
    refused('learning rate of SGD is the text "0.1"', module, optimizer=optimizer)


def test_classes_given_to_a_loss_as_its_input():
    swapped = lambda target, output: functional.cross_entropy(output, target)  # noqa: E731
    refused(
        "gives F.cross_entropy the module's output as the target", network(), X, CLASSES, swapped
    )


@pytest.mark.parametrize(("given", "meant"), [(16.0, 16), ("100", 100), (2.5, 10), (True, 10)])
def test_the_count_that_was_meant(given, meant):
    refused(f"Use batch_size={meant}", network(), batch_size=given)


def test_a_dataset_whose_rows_do_not_make_a_batch():
    class Nothing(TensorDataset):
        def __getitem__(self, row):
            return self.tensors[0][row], None

    refused("cannot collect the rows", network(), DataLoader(Nothing(X, Y), 4), None)


@pytest.mark.parametrize("off", [torch.no_grad, torch.inference_mode])
def test_gradients_that_are_off(off):
    module = network()
    with off():
        refused("gradients are off, as within torch.no_grad", module)


def test_modules_without_shapes_yet():
    """A lazy module gets its parameters in the first step, as in the plain loop."""
    lazy = nn.Sequential(nn.LazyLinear(4), nn.Tanh(), nn.LazyLinear(2))
    torch.manual_seed(0)
    history = train(lazy)
    other = nn.Sequential(nn.LazyLinear(4), nn.Tanh(), nn.LazyLinear(2))
    torch.manual_seed(0)
    assert history.loss[0] == nn.MSELoss()(other(X), Y).item()


def test_modules_traced_by_jit():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated in newer versions
        traced = torch.jit.trace(network(), X)
    assert len(train(traced).loss) == 3
