"""The mistakes around a training loop: each has its message, and what is sound passes."""

import copy
import math
import random
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import vetro
from vetro.errors import TrainingError, UsageError, VetroWarning
from vetro.training.loss_probe import Tape, falls_without_bound, order_does_not_matter

ROWS = 12


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def linear(inputs=3, outputs=2):
    return nn.Sequential(nn.Linear(inputs, 4), nn.Tanh(), nn.Linear(4, outputs))


def train(module, x, y, *, loss=None, optimizer=None, **settings):
    return vetro.train(
        module,
        x,
        y,
        loss=loss or nn.MSELoss(),
        optimizer=optimizer or torch.optim.SGD(module.parameters(), lr=0.01),
        **{"steps": 2, **settings},
    )


def refused(code, module, x, y, **settings):
    """The message; parameters must be as before."""
    before = copy.deepcopy(module.state_dict())
    with pytest.raises(TrainingError) as caught:
        train(module, x, y, **settings)
    assert caught.value.code == code, str(caught.value)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    return str(caught.value)


# E308: a loss without a lower bound

SIGNED = {
    "mean of differences": lambda o, t: (o - t).mean(),
    "the other way round": lambda o, t: (t - o).mean(),
    "sum of differences": lambda o, t: (o - t).sum(),
    "weighted per output": lambda o, t: ((o - t) * torch.tensor([1.0, -1.0])).mean(),
    "tiny": lambda o, t: 1e-6 * (o - t).mean(),
}
FALLING = {
    "negated square": lambda o, t: -((o - t) ** 2).mean(),
    "cube": lambda o, t: ((o - t) ** 3).mean(),
    "negated distance": lambda o, t: -(o - t).abs().mean(),
}


@pytest.mark.parametrize("name", SIGNED)
def test_signed_differences_are_refused(name):
    text = refused("E308", linear(), torch.randn(ROWS, 3), torch.randn(ROWS, 2), loss=SIGNED[name])
    assert text == (
        "the loss can fall without bound (mean of signed differences: opposite errors cancel). "
        "Use a loss that is never negative, such as nn.MSELoss()."
    )


@pytest.mark.parametrize("name", FALLING)
def test_losses_that_reward_errors_are_refused(name):
    loss = FALLING[name]
    text = refused("E308", linear(), torch.randn(ROWS, 3), torch.randn(ROWS, 2), loss=loss)
    assert "it falls as the errors grow" in text


def test_a_loss_object_with_signed_differences_is_refused():
    class Signed(nn.Module):
        def forward(self, output, target):
            return (output - target).mean()

    refused("E308", linear(), torch.randn(ROWS, 3), torch.randn(ROWS, 2), loss=Signed())


def unknown(function):
    """The function behind another, which Vetro cannot see through."""

    def loss(output, target):
        return function(output, target)

    return loss


def correlation(o, t):
    return -torch.corrcoef(torch.stack([o.flatten(), t.flatten()]))[0, 1]


def quantile(o, t):
    error = t - o
    return torch.maximum(0.9 * error, -0.1 * error).mean()


def gaussian(o, t):
    mean, log_variance = o[:, :1], o[:, 1:]
    return (log_variance + (t[:, :1] - mean) ** 2 / log_variance.exp()).mean()


def r_squared(o, t):
    return ((o - t) ** 2).sum() / ((t - t.mean()) ** 2).sum() - 1


positive = torch.rand(ROWS, 2) + 0.1
classes = torch.randint(0, 2, (ROWS,))
SOUND = {
    "mse": (nn.MSELoss(), None),
    "mse lambda": (lambda o, t: ((o - t) ** 2).mean(), None),
    "mse minus one": (lambda o, t: ((o - t) ** 2).mean() - 1e6, None),
    "mse with a signed part": (lambda o, t: ((o - t) ** 2).mean() + 50 * (o - t).mean(), None),
    "l1": (lambda o, t: (o - t).abs().mean(), None),
    "where": (lambda o, t: torch.where(o > t, o - t, t - o).mean(), None),
    "smooth l1": (unknown(functional.smooth_l1_loss), None),
    "huber": (nn.HuberLoss(), None),
    "huber lambda": (unknown(functional.huber_loss), None),
    "log cosh": (lambda o, t: torch.log(torch.cosh(o - t)).mean(), None),
    "log mse": (lambda o, t: functional.mse_loss(o, t).log(), None),
    "quantile": (quantile, None),
    "r squared": (r_squared, None),
    "cosine": (lambda o, t: -functional.cosine_similarity(o, t).mean(), None),
    "correlation": (correlation, None),
    "gaussian": (gaussian, None),
    "gaussian nll": (lambda o, t: functional.gaussian_nll_loss(o, t, torch.ones_like(o)), None),
    "poisson": (nn.PoissonNLLLoss(), positive),
    "poisson lambda": (lambda o, t: (o.exp() - t * o).mean(), positive),
    "cross entropy": (nn.CrossEntropyLoss(), classes),
    "cross entropy lambda": (unknown(functional.cross_entropy), classes),
    "soft targets": (nn.CrossEntropyLoss(), positive / positive.sum(1, keepdim=True)),
    "bce logits": (nn.BCEWithLogitsLoss(), positive.clamp(0, 1)),
    "bce lambda": (
        lambda o, t: functional.binary_cross_entropy(o.sigmoid(), t), positive.clamp(0, 1)
    ),
    "nll": (lambda o, t: functional.nll_loss(functional.log_softmax(o, 1), t), classes),
    "kl": (
        lambda o, t: functional.kl_div(functional.log_softmax(o, 1), t, reduction="batchmean"),
        positive / positive.sum(1, keepdim=True),
    ),
    "critic": (lambda o, t: -(o * t).mean(), None),
    "log-density computed by the module": (lambda o, t: -o.mean(), None),
    "squeezed": (lambda o, t: functional.mse_loss(o[:, 0], t), torch.randn(ROWS)),
    "with regularisation": (lambda o, t: ((o - t) ** 2).mean() + 0.1 * o.abs().mean(), None),
}  # fmt: skip


@pytest.mark.parametrize("name", SOUND)
def test_sound_losses_pass(name):
    loss, y = SOUND[name]
    y = torch.randn(ROWS, 2) if y is None else y
    history = train(linear(), torch.randn(ROWS, 3), y, loss=loss)
    assert len(history.loss) == 2


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_probe_tells_signed_from_sound_at_any_scale(seed, scale):
    torch.manual_seed(seed)
    output = scale * torch.randn(50, 2)
    target = scale * (3 + torch.randn(50, 2))
    for loss in (*SIGNED.values(), *FALLING.values()):
        assert falls_without_bound(loss, output, target)
    for name, (loss, y) in SOUND.items():
        if y is None:
            assert not falls_without_bound(loss, output, target), name


@pytest.mark.parametrize(
    ("module", "loss", "y"),
    [
        (nn.LogSoftmax(1), nn.NLLLoss(), classes),
        (nn.LogSoftmax(1), nn.KLDivLoss(reduction="batchmean"), positive),
        (nn.LogSoftmax(1), unknown(functional.nll_loss), classes),
        (nn.LogSoftmax(1), lambda o, t: (t * (t.log() - o)).sum(1).mean(), positive),
        (nn.Sigmoid(), nn.BCELoss(), positive.clamp(0, 1)),
        (nn.Sigmoid(), unknown(functional.binary_cross_entropy), positive.clamp(0, 1)),
    ],
)
def test_losses_of_confined_outputs_pass(module, loss, y):
    train(nn.Sequential(nn.Linear(3, 2), module), torch.randn(ROWS, 3), y, loss=loss)


class Chance:
    """What a user's loss may depend on, beside its arguments: it differs at every call."""

    def __init__(self):
        self.numbers = random.Random(3)
        self.calls = 0

    def counted(self, output, target):
        self.calls += 1
        return ((output - target) ** 2).mean() / self.calls

    def drawn(self, output, target):
        return ((output - target) ** 2).mean() * self.numbers.random()


@pytest.mark.parametrize("name", ["counted", "drawn"])
def test_a_loss_is_called_once_per_step(name):
    """A second call would change what it draws or counts, and so the later steps."""
    mine, its = Chance(), Chance()
    module = linear()
    other = copy.deepcopy(module)
    x, y = torch.randn(ROWS, 3), torch.randn(ROWS, 2)
    train(module, x, y, loss=getattr(mine, name), steps=4)
    optimizer = torch.optim.SGD(other.parameters(), lr=0.01)
    for _ in range(4):
        optimizer.zero_grad()
        getattr(its, name)(other(x), y).backward()
        optimizer.step()
    assert all(map(torch.equal, module.parameters(), other.parameters()))


def test_a_tape_repeats_the_loss():
    o, t = torch.randn(ROWS, 2, requires_grad=True), torch.randn(ROWS, 2)
    weight = torch.rand(2)
    loss = lambda o, t: (weight * functional.huber_loss(o, t, reduction="none")).sum()  # noqa: E731
    tape = Tape(o, t)
    tape.record(lambda: loss(o, t))
    other, another = torch.randn(2, ROWS, 2, dtype=torch.float64)
    torch.testing.assert_close(tape(other, another), loss(other, another).double())
    with pytest.raises(ValueError, match="reads a number"):
        tape = Tape(o, t)
        tape.record(lambda: loss(o, t) if o.sum() > 0 else -loss(o, t))
        tape(other, another)


def test_nll_of_raw_outputs_is_refused():
    text = refused("E308", linear(), torch.randn(ROWS, 3), classes, loss=nn.NLLLoss())
    assert text.endswith(
        "not 1). End the module with nn.LogSoftmax(1), or use nn.CrossEntropyLoss()."
    )
    divergence = nn.KLDivLoss(reduction="batchmean")
    text = refused("E308", linear(), torch.randn(ROWS, 3), torch.rand(ROWS, 2), loss=divergence)
    assert text.endswith("not 1). End the module with nn.LogSoftmax(1).")


def test_the_probe_leaves_no_trace():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mean", torch.zeros(()))
            self.calls = 0

        def forward(self, output, target):
            value = functional.mse_loss(output, functional.dropout(target, 0.5))
            self.mean = 0.9 * self.mean + 0.1 * value.detach()
            self.calls += 1
            return value

    x, y = torch.randn(ROWS, 3), torch.randn(ROWS, 2)
    module, loss = linear(), Counting()
    other, other_loss = copy.deepcopy(module), Counting()
    torch.manual_seed(5)
    train(module, x, y, loss=loss, steps=3)
    state = torch.get_rng_state()
    torch.manual_seed(5)
    optimizer = torch.optim.SGD(other.parameters(), lr=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        other_loss(other(x), y).backward()
        optimizer.step()
    assert torch.equal(state, torch.get_rng_state())
    assert loss.calls == 3
    assert torch.equal(loss.mean, other_loss.mean)
    assert all(map(torch.equal, module.parameters(), other.parameters()))


# E309, E315: kinds of numbers


def test_integer_input():
    text = refused("E309", linear(), torch.randint(0, 9, (ROWS, 3)), torch.randn(ROWS, 2))
    assert text == "the input tensor is int64; gradients need floats. Use x.float()."
    text = refused("E309", linear().double(), torch.ones(ROWS, 3).bool(), torch.randn(ROWS, 2))
    assert text == "the input tensor is bool; gradients need floats. Use x.double()."


def test_integer_target_where_the_loss_does_not_take_it():
    y = torch.randint(0, 9, (ROWS, 2))
    text = refused("E309", linear(), torch.randn(ROWS, 3), y, loss=nn.HuberLoss())
    assert text == "the target tensor is int64; gradients need floats. Use y.float()."


def test_integers_for_an_embedding_pass():
    module = nn.Sequential(nn.Embedding(5, 4), nn.Flatten(), nn.Linear(8, 1))
    train(module, torch.randint(0, 5, (ROWS, 2)), torch.randn(ROWS, 1))


def test_float64_input_of_a_float32_module():
    text = refused("E315", linear(), torch.randn(ROWS, 3).double(), torch.randn(ROWS, 2))
    assert text == "x is float64, the module's parameters are float32. Use x.float()."
    text = refused("E315", linear().double(), torch.randn(ROWS, 3), torch.randn(ROWS, 2))
    assert text == "x is float32, the module's parameters are float64. Use x.double()."


def test_float64_target():
    y = torch.randn(ROWS, 2).double()
    text = refused("E315", linear(), torch.randn(ROWS, 3), y, loss=nn.HuberLoss())
    assert text == "y is float64, the module's parameters are float32. Use y.float()."


def test_numpy_arrays_are_converted():
    x, y = np.random.default_rng(0).normal(size=(ROWS, 3)), np.ones((ROWS, 2))
    module, other = linear(), linear()
    other.load_state_dict(module.state_dict())
    x.flags.writeable = False
    train(module, x[::-1], y)
    train(other, torch.tensor(x[::-1].copy()).float(), torch.tensor(y).float())
    assert all(map(torch.equal, module.parameters(), other.parameters()))
    train(linear(), x.astype(">f4"), y)
    nested = torch.nested.nested_tensor([torch.randn(2, 3), torch.randn(1, 3)], layout=torch.jagged)
    assert "x is a nested tensor" in refused("E315", linear(), nested, torch.randn(2, 2))
    assert "array of <U1" in refused("E315", linear(), np.array([["a"] * 3]), torch.randn(1, 2))


# E313, E315: shapes


@pytest.mark.parametrize(
    "loss",
    [
        nn.MSELoss(),
        nn.L1Loss(),
        functional.huber_loss,
        lambda o, t: ((o - t) ** 2).mean(),
        lambda o, t: (o - t).abs().sum(),
        unknown(functional.mse_loss),
    ],
)
def test_targets_that_would_broadcast(loss):
    text = refused("E313", linear(3, 1), torch.randn(ROWS, 3), torch.randn(ROWS), loss=loss)
    assert text == (
        "the target has shape (12,), the output (12, 1): they would broadcast to (12, 12) and "
        "the loss would compare every row with every other. Use y.reshape(-1, 1)."
    )


def test_a_column_of_targets_for_flat_outputs():
    module = nn.Sequential(linear(3, 1), nn.Flatten(0))
    loss = nn.MSELoss()
    text = refused("E313", module, torch.randn(ROWS, 3), torch.randn(ROWS, 1), loss=loss)
    assert text.endswith("Use y.reshape(-1).")


@pytest.mark.parametrize(
    "loss",
    [
        lambda o, t: functional.mse_loss(o.squeeze(1), t),
        lambda o, t: ((o[:, 0] - t) ** 2).mean(),
        lambda o, t: functional.l1_loss(o.flatten(), t),
    ],
)
def test_losses_that_line_the_rows_up_themselves_pass(loss):
    train(linear(3, 1), torch.randn(ROWS, 3), torch.randn(ROWS), loss=loss)


def test_one_row_a_batch_may_broadcast():
    loss = lambda o, t: ((o - t) ** 2).mean()  # noqa: E731  (one line shows it best)
    train(linear(3, 1), torch.randn(ROWS, 3), torch.randn(ROWS), loss=loss, batch_size=1)
    assert not order_does_not_matter(loss, torch.ones(5), torch.Size((5, 1)))


def test_wrong_number_of_targets():
    text = refused("E315", linear(), torch.randn(ROWS, 3), torch.randn(ROWS, 3))
    assert text == (
        "the target has shape (12, 3), the output (12, 2). "
        "Give 2 targets per row, or change the module's last layer."
    )


def test_wrong_number_of_inputs():
    text = refused("E315", linear(), torch.randn(ROWS, 5), torch.randn(ROWS, 2))
    assert text == "x has shape (12, 5), the layer 0 takes 3 numbers per row. Use nn.Linear(5, 4)."
    text = refused("E315", nn.Linear(1, 1), torch.randn(ROWS), torch.randn(ROWS, 1))
    assert text.endswith("Use x.reshape(-1, 1).")


def test_rows():
    text = refused("E315", linear(), torch.randn(ROWS, 3), torch.randn(ROWS + 1, 2))
    assert text == "x has 12 rows, y has 13. Give one target per row."
    assert "no rows" in refused("E315", linear(), torch.randn(0, 3), torch.randn(0, 2))
    assert "y has no rows" in refused("E315", linear(), torch.randn(1, 3), torch.tensor(1.0))
    x, y = torch.randn(ROWS, 3), torch.randn(ROWS, 2)
    assert "validation x" in refused("E315", linear(), x, y, validation=(x[:5], y))


def test_a_modules_own_mistake_stays_torch_s():
    module = nn.Sequential(nn.Linear(3, 4), nn.Bilinear(4, 4, 2))
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        train(module, torch.randn(ROWS, 3), torch.randn(ROWS, 2))


# classes


@pytest.mark.parametrize(
    ("y", "fix"),
    [
        (classes.float(), "Use y.long()."),
        (classes.float().reshape(-1, 1), "Use y.squeeze(-1).long()."),
        (classes.reshape(-1, 1), "Use y.squeeze(1)."),
        (functional.one_hot(classes, 2), "Use y.argmax(1)."),
        (classes + 1, "Number the classes from 0, or add outputs."),
        (classes - 1, "Number the classes from 0, or add outputs."),
    ],
)
def test_targets_of_cross_entropy(y, fix):
    loss = nn.CrossEntropyLoss()
    text = refused("E315", linear(), torch.randn(ROWS, 3), y, loss=loss, batch_size=4)
    assert text.endswith(fix)
    refused("E315", linear(), torch.randn(ROWS, 3), y, loss=functional.cross_entropy)


def test_ignored_classes_pass():
    y = torch.where(torch.arange(ROWS) < 3, -100, classes)
    train(linear(), torch.randn(ROWS, 3), y, loss=nn.CrossEntropyLoss())


def test_cross_entropy_over_one_output():
    y = torch.zeros(ROWS, dtype=torch.long)
    text = refused("E315", linear(3, 1), torch.randn(ROWS, 3), y, loss=nn.CrossEntropyLoss())
    assert "always 0" in text


# values


def test_values_that_are_not_finite():
    x, y = torch.randn(ROWS, 3), torch.randn(ROWS, 2)
    x[7, 1], y[8, 0] = math.nan, math.inf
    text = refused("E315", linear(), x, torch.randn(ROWS, 2))
    assert text == (
        "x holds nan (first in row 7, column 1; 1 of 36 values are not finite). "
        "Fill in these values, or leave out their rows."
    )
    assert "y holds inf (first in row 8" in refused("E315", linear(), torch.randn(ROWS, 3), y)
    # a loss that masks them may use them; one that does not is told why it failed
    masked = lambda o, t: functional.mse_loss(o[t.isfinite()], t[t.isfinite()])  # noqa: E731
    train(linear(), torch.randn(ROWS, 3), y, loss=masked)
    loss = lambda o, t: ((o - t) ** 2).mean()  # noqa: E731
    assert "y holds inf" in refused("E315", linear(), torch.randn(ROWS, 3), y, loss=loss)


# the optimizer and the module


def test_classes_instead_of_objects():
    x, y = torch.randn(ROWS, 3), torch.randn(ROWS, 2)
    assert "Use MSELoss()." in refused("E315", linear(), x, y, loss=nn.MSELoss)
    text = refused("E315", linear(), x, y, optimizer=torch.optim.Adam)
    assert text.endswith("Use Adam(module.parameters()).")
    assert "optimizer is a str" in refused("E315", linear(), x, y, optimizer="adam")
    assert "loss is a str" in refused("E315", linear(), x, y, loss="mse")
    optimizer = torch.optim.SGD(linear().parameters())
    for module, text in ((nn.Linear, "the class Linear"), (len, "a builtin_function")):
        with pytest.raises(TrainingError, match=text):
            train(module, x, y, optimizer=optimizer)


def test_optimizer_of_another_module():
    module = linear()
    optimizer = torch.optim.SGD(copy.deepcopy(module).parameters(), lr=0.1)
    text = refused("E311", module, torch.randn(ROWS, 3), torch.randn(ROWS, 2), optimizer=optimizer)
    assert text.startswith("the optimizer holds no parameter of this module (one of shape (4, 3)")
    assert "Give SGD module.parameters(), after" in text


def test_optimizer_of_a_part():
    module = linear()
    optimizer = torch.optim.Adam(module[0].parameters())
    with pytest.warns(VetroWarning, match=r"W312 .* 2 of the module's parameters .first 2.weight"):
        train(module, torch.randn(ROWS, 3), torch.randn(ROWS, 2), optimizer=optimizer)


def test_frozen_parameters():
    x, y = torch.randn(ROWS, 3), torch.randn(ROWS, 2)
    module = linear().requires_grad_(False)
    assert "every parameter of the module is frozen" in refused("E315", module, x, y)
    optimizer = torch.optim.SGD(module[0].parameters())
    module[2].requires_grad_(True)
    with pytest.warns(VetroWarning, match="W312"):
        train(module, x, y, optimizer=optimizer)
    module = linear()
    module[0].requires_grad_(False)
    optimizer = torch.optim.SGD(module[2].parameters(), lr=0.1)
    train(module, x, y, optimizer=optimizer)  # freezing says that it is meant


def test_module_without_parameters():
    optimizer = torch.optim.SGD(linear().parameters())
    x = torch.randn(ROWS, 3)
    assert "no parameters" in refused("E315", nn.Tanh(), x, x, optimizer=optimizer)


def test_gradients_that_were_there():
    module, x, y = linear(), torch.randn(ROWS, 3), torch.randn(ROWS, 2)
    functional.mse_loss(module(x), y).backward()
    with pytest.warns(VetroWarning, match=r"W310 .*0.weight.grad.*backward\(\) adds to them"):
        train(module, x, y)
    train(module, x, y)  # the last step's own gradients are no surprise
    functional.mse_loss(module(x), y).backward()
    with pytest.warns(VetroWarning, match="W310"):
        train(module, x, y)
    module.zero_grad(set_to_none=False)
    train(module, x, y)


def test_gradients_of_a_plain_loop_are_no_surprise():
    module, x, y = linear(), torch.randn(ROWS, 3), torch.randn(ROWS, 2)
    optimizer = torch.optim.Adam(module.parameters())
    functional.mse_loss(module(x), y).backward()
    optimizer.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(module, x, y, optimizer=optimizer)


def test_eval_mode():
    x, y = torch.randn(ROWS, 3), torch.randn(ROWS, 2)
    module = nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.5)).eval()
    with pytest.warns(VetroWarning, match=r'W314 .*"1" \(Dropout\) acts as in prediction'):
        train(module, x, y)
    assert not module.training
    train(linear().eval(), x, y)  # nothing in it asks for the mode
    module.train()[1].eval()  # one layer, on purpose
    train(module, x, y)


def test_what_a_loss_must_return():
    x, y = torch.randn(ROWS, 3), torch.randn(ROWS, 2)
    loss = nn.MSELoss(reduction="none")
    assert "shape (12, 2); it must be one number" in refused("E315", linear(), x, y, loss=loss)
    loss = lambda o, t: ((o - t) ** 2).mean().item()  # noqa: E731
    assert "the loss is a float" in refused("E315", linear(), x, y, loss=loss)
    loss = lambda o, t: ((o.detach() - t) ** 2).mean()  # noqa: E731
    assert "does not depend" in refused("E315", linear(), x, y, loss=loss)


# arguments


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        ({"steps": None}, "E604", "neither steps nor epochs is given"),
        ({"epochs": 2}, "E604", "both steps and epochs are given"),
        ({"steps": 0}, "E601", "at least 1"),
        ({"steps": 2.5}, "E601", "whole number"),
        ({"steps": True}, "E601", "whole number"),
        ({"batch_size": 0}, "E601", 'batch_size "0"'),
        ({"shuffle": "yes"}, "E601", "True or False"),
        ({"generator": torch.Generator()}, "E604", "without shuffle"),
        ({"shuffle": True, "generator": 3}, "E601", "torch.Generator"),
        ({"validation": torch.zeros(3)}, "E601", "a pair"),
        ({"patience": 3}, "E604", "without validation"),
        (
            {"engine": "native", "loss": lambda o, t: ((o - t) ** 2).mean()},
            "E604",
            "the native engine cannot run this",
        ),
        ({"engine": "jax"}, "E601", "no such engine"),
        ({"schedule": 0.1}, "E601", "schedule"),
        ({"schedule": torch.optim.lr_scheduler.StepLR}, "E601", '"StepLR"'),
    ],
)
def test_arguments(settings, code, words):
    with pytest.raises(UsageError) as caught:
        train(linear(), torch.randn(ROWS, 3), torch.randn(ROWS, 2), **settings)
    assert caught.value.code == code
    assert words in str(caught.value)


def test_schedules_that_do_not_fit():
    x, y, module = torch.randn(ROWS, 3), torch.randn(ROWS, 2), linear()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    other = torch.optim.SGD(module.parameters(), lr=0.1)
    rates = torch.optim.lr_scheduler
    with pytest.raises(UsageError, match="another optimizer"):
        train(module, x, y, optimizer=optimizer, schedule=rates.StepLR(other, 1))
    with pytest.raises(UsageError, match="waits for a validation loss"):
        train(module, x, y, optimizer=optimizer, schedule=rates.ReduceLROnPlateau(optimizer))
    cycle = rates.OneCycleLR(optimizer, 0.1, total_steps=5, cycle_momentum=False)
    with pytest.raises(UsageError, match="ends after 5 more steps, but training takes 6"):
        train(module, x, y, optimizer=optimizer, schedule=cycle, steps=6)


def test_sound_use_is_silent():
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.1), nn.Linear(4, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            x, y = torch.randn(ROWS, 3), torch.randn(ROWS, 2)
            train(module, x, y, shuffle=True, batch_size=5, engine="torch")
