"""What is warned of once: lost layers, a softmax too many, a slow engine."""

import warnings

import pytest
import torch
from torch import nn
from torch.nn import functional

import vetro
from vetro.engines.native_core import why_not_native

ROWS = 12
torch.manual_seed(1)
X, Y = torch.randn(ROWS, 3), torch.randn(ROWS, 2)
CLASSES, FLAGS = torch.randint(0, 2, (ROWS,)), (Y > 0).float()


def network(*more):
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2), *more)


def told(module, y=Y, loss=None, optimizer=None, engine="torch", **settings):
    """The messages of one training."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        vetro.train(
            module, X, y, loss=loss or nn.MSELoss(), engine=engine, steps=3,
            optimizer=optimizer or torch.optim.SGD(module.parameters(), lr=0.1), **settings,
        )  # fmt: skip
    assert all(one.filename == __file__ for one in caught)
    return [str(one.message) for one in caught]


class Hiding(nn.Module):
    def __init__(self, hide):
        super().__init__()
        self.enter, self.leave = nn.Linear(3, 4), nn.Linear(4, 2)
        self.layer = nn.Linear(4, 4)
        layer = self._modules.pop("layer")
        self.hidden = hide(layer)
        self.find = lambda: layer

    def forward(self, x):
        return self.leave(torch.tanh(self.find()(self.enter(x))))


HIDDEN = {
    "list": (lambda layer: [layer], "a plain list", "nn.ModuleList"),
    "tuple": (lambda layer: (layer,), "a plain tuple", "nn.ModuleList"),
    "dict": (lambda layer: {"a": layer}, "a plain dict", "nn.ModuleDict"),
    "nested": (lambda layer: [{"a": (layer,)}], "a plain list", "nn.ModuleList"),
    "tensor": (lambda layer: torch.ones(2, requires_grad=True), "a plain tensor", "nn.Parameter"),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_layers_that_the_optimizer_never_sees(name):
    hide, what, fix = HIDDEN[name]
    assert told(Hiding(hide)) == [
        f"W320 the optimizer does not hold hidden of Hiding, {what} that learns: SGD will not "
        f"change it. Use {fix} for hidden."
    ]


def test_layers_that_it_holds_or_that_do_not_learn():
    module = Hiding(lambda layer: [layer])
    all_of_them = [*module.parameters(), *module.hidden[0].parameters()]
    assert told(module, optimizer=torch.optim.SGD(all_of_them, lr=0.1)) == []
    module = Hiding(lambda layer: [layer.requires_grad_(False)])
    assert told(module) == []


class Learning(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, output, target):
        return ((output - target) ** 2).mean() * torch.exp(-self.scale) + self.scale


def test_a_loss_that_learns():
    (message,) = told(network(), loss=Learning())
    assert "the optimizer does not hold scale of Learning, a parameter of the loss" in message


class Squashing(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, x):
        return functional.softmax(self.layer(x), 1).view(-1, 2)


cross_entropy, bce = nn.CrossEntropyLoss(), nn.BCEWithLogitsLoss()


@pytest.mark.parametrize(
    ("module", "y", "loss", "words"),
    [
        (network(nn.Softmax(1)), CLASSES, cross_entropy, "softmax, and cross entropy"),
        (network(nn.Sigmoid()), CLASSES, cross_entropy, "sigmoid, and cross entropy"),
        (Squashing(), CLASSES, functional.cross_entropy, "softmax, and cross entropy"),
        (
            network(nn.Softmax(1)),
            CLASSES,
            lambda o, t: 1.0 * functional.cross_entropy(o, t),
            "softmax, and cross entropy",
        ),
        (network(nn.Sigmoid()), FLAGS, bce, "sigmoid, and BCEWithLogitsLoss"),
        (network(nn.LogSigmoid()), FLAGS, bce, ""),
        (network(nn.ReLU()), FLAGS, bce, "ReLU, and BCEWithLogitsLoss"),
        (network(nn.LogSoftmax(1)), CLASSES, cross_entropy, ""),
        (network(nn.LogSoftmax(1)), CLASSES, nn.NLLLoss(), ""),
        (network(nn.Sigmoid()), FLAGS, nn.BCELoss(), ""),
        (network(nn.ReLU()), FLAGS, nn.MSELoss(), ""),
        (network(nn.Softmax(1), nn.Linear(2, 2)), CLASSES, cross_entropy, ""),
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_what_confines_logits(module, y, loss, words, weighted):
    own = type(loss) is not type(cross_entropy) and getattr(loss, "__name__", "") == "<lambda>"
    if weighted and own:
        return
    messages = told(module, y, loss, sample_weight=torch.ones(ROWS) if weighted else None)
    assert len(messages) == bool(words)
    if words:
        assert messages[0].startswith(f"W321 the module ends with {words} takes unbounded numbers")


@pytest.mark.parametrize(
    ("module", "y", "loss", "words"),
    [
        (network(nn.LogSoftmax(0)), CLASSES, nn.NLLLoss(), "W325 the module ends with log"),
        (network(nn.Softmax(-2)), FLAGS, nn.MSELoss(), "W325 the module ends with soft"),
        (network(nn.Softmax(-1)), FLAGS, nn.MSELoss(), ""),
        (
            network(nn.Linear(2, 1), nn.Softmax(1)),
            FLAGS[:, :1],
            nn.MSELoss(),
            "W325 the module ends with softmax over a single output",
        ),
        (
            network(),
            FLAGS,
            lambda t, o: functional.binary_cross_entropy_with_logits(o, t),
            "W324 the loss gives F.binary_cross_entropy_with_logits the module's output as",
        ),
        (network(), FLAGS, lambda t, o: functional.mse_loss(o, t), ""),
        (network(), FLAGS, lambda o, t: (o.sign() - t).abs().mean(), "W327 the loss has"),
        (network(), FLAGS, lambda o, t: functional.relu(t - o - 99).mean(), ""),
    ],
)  # fmt: skip
def test_outputs_and_losses_that_cannot_learn(module, y, loss, words):
    messages = told(module, y, loss)
    assert len(messages) == bool(words)
    assert not words or messages[0].startswith(words)


def test_a_learning_rate_of_0():
    module = network()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.0)
    assert told(module, optimizer=optimizer)[0].startswith("W326 the learning rate of SGD is 0")
    warm_up = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: step)
    assert told(module, optimizer=optimizer, schedule=warm_up) == []
    rate = torch.optim.SGD([{"params": module.parameters(), "lr": 0.0}], lr=0.1)
    assert len(told(module, optimizer=rate)) == 1


@pytest.mark.skipif(bool(why_not_native()), reason=why_not_native())
def test_a_fall_to_torch_that_costs_speed():
    module = network(nn.Softsign())
    messages = told(module, engine="auto")
    assert len(messages) == 1
    assert messages[0].startswith("W322 the torch engine runs, at the speed of the plain loop: 3 (")
    assert told(module, engine="torch") == []
    assert told(network(), engine="auto") == []


@pytest.mark.skipif(bool(why_not_native()), reason=why_not_native())
def test_an_optimizer_with_a_closure_is_warned_of_once():
    module = network()
    optimizer = torch.optim.LBFGS(module.parameters())
    assert len(told(module, optimizer=optimizer, engine="auto")) == 1


@pytest.mark.skipif(bool(why_not_native()), reason=why_not_native())
def test_a_large_step_is_no_slower_on_torch():
    module = nn.Sequential(nn.Linear(3, 2000), nn.Softsign(), nn.Linear(2000, 2000))
    rows = torch.randn(400, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = vetro.train(
            module, rows, torch.zeros(400, 2000), loss=nn.MSELoss(), steps=1,
            optimizer=torch.optim.SGD(module.parameters(), lr=0.1),
        )  # fmt: skip
    assert history.engine == "torch"


def test_validation_that_is_never_finite():
    class Broken(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, x):
            return self.layer(x) if self.training else self.layer(x) / 0

    messages = told(Broken(), validation=(X, Y), patience=2)
    assert messages == [
        "W323 the validation loss was never a finite number, so there was no best epoch; the "
        "parameters of the last step stay. Look at the outputs for the validation rows."
    ]
