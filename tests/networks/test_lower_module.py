"""Lowering: what a forward computes is what the operations compute; nothing else changes."""

from __future__ import annotations

import copy
import random
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from networks.interpret import interpret
from torch import Tensor, nn
from torch.nn import functional

from vetro.networks.lower_module import Lowering, check_validation, lower_module
from vetro.networks.refusal import NotUnderstood

INPUTS = 4


class Net(nn.Module):
    """Layers a: 4 -> 6, b: 6 -> 6, c: 6 -> 1, some constants, and a forward of the test's."""

    def __init__(self, body: Callable[[Any, Tensor], Any] | None = None) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 6), nn.Linear(6, 6), nn.Linear(6, 1)
        self.norm = nn.LayerNorm(6)
        self.register_buffer("mean", torch.tensor([0.5, -1.0, 2.0, 0.25]))
        self.register_buffer("std", torch.tensor([[1.5, 0.3, 2.0, 7.0]]))
        self.register_buffer("spread", torch.tensor(3.0))
        self.offset = torch.tensor([0.1, 0.2, 0.3, 0.4])
        self.weight = nn.Parameter(torch.randn(6, 4))
        self.bias = nn.Parameter(torch.randn(6))
        self.layers = [self.a, self.b]
        self.slope = 0.2
        self.body = body

    def forward(self, x: Tensor) -> Any:
        assert self.body is not None
        return self.body(self, x)


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(6, 6), nn.ReLU(inplace=True), nn.Linear(6, 6))
        self.norm = nn.LayerNorm(6)

    def forward(self, x: Tensor) -> Tensor:
        identity = x
        out = self.inner(x)
        out += identity
        return self.norm(functional.relu(out, inplace=True))


class Named(nn.Linear):
    """A subclass with the standard forward."""


class Doubling(nn.Linear):
    def forward(self, input: Tensor) -> Tensor:
        return 2 * super().forward(input)


class Steps(nn.Module):
    """A block that changes memory which others see."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 6), nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x)
        view = h.view(h.size(0), -1)
        h += 1.0
        h *= 3
        return self.b(view) + h


class Repeated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.same = nn.Linear(4, 4), nn.Linear(4, 4)
        self.last = nn.Linear(4, 2)

    def forward(self, x: Tensor, times: int = 3, mask: Tensor | None = None) -> Tensor:
        x = self.first(x)
        for _ in range(times):
            x = torch.tanh(self.same(x))
        return self.last(x if mask is None else x * mask)


class Modes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc(x)
        return x if self.training else torch.sigmoid(x)


def tied() -> nn.Module:
    module = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4), nn.Linear(4, 2))
    module[2].weight = module[0].weight
    return module


def reused() -> nn.Module:
    layer, activation = nn.Linear(4, 4), nn.SiLU()
    return nn.Sequential(layer, activation, layer, activation, nn.Linear(4, 3))


def frozen() -> nn.Module:
    module = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
    module[0].requires_grad_(False)
    return module


def after(*layers: nn.Module) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(nn.Linear(4, 6), *copy.deepcopy(layers), nn.Linear(6, 2))


def net(body: Callable[[Any, Tensor], Any]) -> Callable[[], nn.Module]:
    return lambda: Net(body)


def early_return(s: Any, x: Tensor) -> Tensor:
    if x.dim() != 2 or x.ndim != 2 or x.shape[1] != 4 or x.shape[-1] != s.a.in_features:
        raise ValueError("not this")
    if s.training and x.dtype != s.a.weight.dtype:
        return x
    return s.c(torch.relu(s.a(x)))


def dictionary(s: Any, x: Tensor) -> Tensor:
    parts = {"first": s.a(x)}
    parts["second"] = s.b(parts["first"].relu())
    return parts["second"]


UNDERSTOOD: dict[str, Callable[[], nn.Module]] = {
    "sequential": lambda: nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)),
    "linear": lambda: nn.Linear(4, 3),
    "without bias": lambda: nn.Sequential(nn.Linear(4, 3, bias=False), nn.Linear(3, 1, bias=False)),
    "nested": lambda: nn.Sequential(
        nn.Sequential(nn.Linear(4, 5), nn.Sequential(nn.Tanh())), nn.Sequential(), nn.Linear(5, 1)
    ),
    "named": lambda: nn.Sequential(OrderedDict(fc=nn.Linear(4, 5), act=nn.ELU())),
    "tied": tied,
    "reused": reused,
    "frozen": frozen,
    "relu": after(nn.ReLU()),
    "relu in place": after(nn.ReLU(inplace=True)),
    "leaky": after(nn.LeakyReLU()),
    "leaky slope": after(nn.LeakyReLU(0.3)),
    "elu": after(nn.ELU(0.7)),
    "tanh": after(nn.Tanh()),
    "sigmoid": after(nn.Sigmoid()),
    "silu": after(nn.SiLU()),
    "gelu": after(nn.GELU()),
    "gelu tanh": after(nn.GELU(approximate="tanh")),
    "softplus": after(nn.Softplus()),
    "softplus beta": after(nn.Softplus(beta=2.5, threshold=3)),
    "identity": after(nn.Identity(), nn.Flatten(), nn.Flatten(1, 1)),
    "layer norm": after(nn.LayerNorm(6), nn.LayerNorm([6], eps=1e-3)),
    "layer norm plain": after(nn.LayerNorm(6, elementwise_affine=False)),
    "layer norm without bias": after(nn.LayerNorm(6, bias=False)),
    "norm first": lambda: nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 1)),
    "subclass": lambda: nn.Sequential(Named(4, 6), nn.ReLU(), Named(6, 2)),
    "own forward": lambda: nn.Sequential(Doubling(4, 6), nn.ReLU(), Doubling(6, 2)),
    "block": lambda: nn.Sequential(nn.Linear(4, 6), Block(), Block(), nn.Linear(6, 1)),
    "aliases": Steps,
    "loop": Repeated,
    "F.relu": net(lambda s, x: s.c(functional.relu(s.a(x)))),
    "torch.relu": net(lambda s, x: s.c(torch.relu(s.a(x)))),
    "method": net(lambda s, x: s.c(s.a(x).relu().tanh().sigmoid())),
    "in place methods": net(lambda s, x: s.c(s.a(x).relu_())),
    "torch.relu_": net(lambda s, x: s.c(torch.relu_(s.a(x)))),
    "F.tanh": net(lambda s, x: s.c(functional.tanh(s.a(x)))),
    "F.sigmoid": net(lambda s, x: s.c(torch.special.expit(functional.sigmoid(s.a(x))))),
    "F.leaky_relu": net(lambda s, x: s.c(functional.leaky_relu(s.a(x), s.slope))),
    "F.elu": net(lambda s, x: s.c(functional.elu(s.a(x), alpha=0.4, inplace=True))),
    "F.silu": net(lambda s, x: s.c(functional.silu(s.a(x), inplace=True))),
    "F.gelu": net(lambda s, x: s.c(functional.gelu(s.a(x), approximate="tanh"))),
    "F.softplus": net(lambda s, x: s.c(functional.softplus(s.a(x), 2, threshold=10))),
    "swish": net(lambda s, x: s.c((h := s.a(x)) * torch.sigmoid(h))),
    "F.linear": net(lambda s, x: functional.linear(x, s.weight, s.bias)),
    "F.linear without bias": net(lambda s, x: functional.linear(x, weight=s.weight)),
    "matmul": net(lambda s, x: x @ s.weight.t() + s.bias),
    "matmul T": net(lambda s, x: s.bias + torch.matmul(x, s.weight.T)),
    "mm": net(lambda s, x: torch.mm(x, s.weight.transpose(0, 1)).add(s.bias)),
    "addmm": net(lambda s, x: torch.addmm(s.bias, x, s.a.weight.mT)),
    "F.layer_norm": net(lambda s, x: functional.layer_norm(s.a(x), (6,), s.bias)),
    "residual": net(lambda s, x: (h := s.a(x)) + torch.tanh(s.b(h))),
    "torch.add": net(lambda s, x: torch.add((h := s.a(x)), torch.tanh(s.b(h)), alpha=0.5)),
    "difference": net(lambda s, x: (h := s.a(x)) - torch.tanh(s.b(h))),
    "sequential in forward": net(lambda s, x: nn.Sequential(s.a, nn.ReLU(), s.c)(x)),
    "layer in forward": net(lambda s, x: s.c(nn.Softplus()(s.a(x)))),
    "list of layers": net(lambda s, x: s.c(s.layers[1](s.layers[0](x)))),
    "standardised": net(lambda s, x: s.c(s.a((x - s.mean) / s.std))),
    "standardised by numbers": net(lambda s, x: s.c(s.a((x - 3) / 7.5))),
    "standardised by attribute": net(lambda s, x: s.c(s.a(2 * (x - s.offset)))),
    "standardised by constants": net(lambda s, x: s.a((x - s.mean) / (s.std + 1e-8).sqrt())),
    "named arithmetic": net(lambda s, x: s.a(torch.div(torch.sub(x, s.mean), s.std).mul(2))),
    "output scaled": net(lambda s, x: s.c(s.a(x)) * 12.5 + 100.0),
    "output scaled by buffer": net(lambda s, x: s.c(s.a(x)) * s.spread + s.spread),
    "reflected": net(lambda s, x: 1.0 - (-s.c(s.a(x)))),
    "constant minus": net(lambda s, x: s.a(s.mean - x)),
    "in place arithmetic": net(lambda s, x: s.c(s.a(x).mul_(2).add_(1).div_(3))),
    "squeezed": net(lambda s, x: s.c(torch.tanh(s.a(x))).squeeze(-1)),
    "squeezed early": net(lambda s, x: torch.tanh(s.c(s.a(x)).squeeze(1)) * 2 + 1),
    "squeezed by index": net(lambda s, x: s.c(s.a(x))[:, 0]),
    "squeezed by view": net(lambda s, x: s.c(s.a(x)).view(-1)),
    "squeezed by flatten": net(lambda s, x: torch.flatten(s.c(s.a(x)))),
    "squeezed alias": net(lambda s, x: ((y := s.c(s.a(x))).squeeze(-1).mul_(3), y)[1]),
    "squeezed and back": net(lambda s, x: s.c(s.a(x)).squeeze()[:, None]),
    "unsqueeze": net(lambda s, x: s.c(s.a(x)).squeeze(-1).unsqueeze(1)),
    "view": net(lambda s, x: s.a(x.view(x.size(0), -1))),
    "view of shape": net(lambda s, x: s.a(x.reshape(x.shape[0], x.shape[1]))),
    "view of width": net(lambda s, x: s.a(x.view(-1, 4))),
    "reshape": net(lambda s, x: s.a(torch.reshape(x, (-1, 4)))),
    "flatten": net(lambda s, x: s.a(torch.flatten(x, 1))),
    "flatten method": net(lambda s, x: s.a(x.flatten(start_dim=1))),
    "everything": net(lambda s, x: s.a(x[:, :][...])),
    "to": net(lambda s, x: s.a(x.to(s.weight.dtype).to("cpu").double().contiguous().clone())),
    "dropout off": net(lambda s, x: s.a(functional.dropout(x, 0.5, training=False))),
    "dropout of none": net(lambda s, x: s.a(functional.dropout(x, 0.0))),
    "early return": net(early_return),
    "dictionary": net(dictionary),
    "unused parameters": net(lambda s, x: s.a(x)),
    "unused branch": net(lambda s, x: (s.b(s.a(x)), s.a(x))[1]),
}


def same(module: nn.Module, lowering: Lowering, rows: int = 7) -> None:
    x = torch.randn(rows, lowering.network.inputs, dtype=torch.float64)
    wanted = module(x.clone()).detach().numpy()
    found = interpret(lowering, x.numpy())
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_understood(name: str) -> None:
    torch.manual_seed(0)
    module = UNDERSTOOD[name]().double()
    if isinstance(module, Net):
        module.offset = module.offset.double()
    before = copy.deepcopy(module)
    chance = torch.get_rng_state()
    lowering = lower_module(module)
    assert torch.equal(chance, torch.get_rng_state())
    for (key, value), other in zip(
        module.state_dict().items(), before.state_dict().values(), strict=True
    ):
        assert torch.equal(value, other), key
    assert module.training
    assert set(vars(module)) == set(vars(before))
    assert lowering.network.dtype == "float64"
    assert lowering.network.inputs == INPUTS
    assert all(operation.where for operation in lowering.network.operations)
    names = {id(parameter): key for key, parameter in module.named_parameters()}
    for slot, parameter in zip(lowering.network.slots, lowering.parameters, strict=True):
        assert names[id(parameter)] == slot.name
    same(module, lowering)
    check_validation(module, lowering)


def test_only_used_parameters_have_slots() -> None:
    lowering = lower_module(Net(lambda s, x: s.b(s.a(x))))
    names = [slot.name for slot in lowering.network.slots]
    assert names == ["a.weight", "a.bias", "b.weight", "b.bias"]
    assert [slot.offset for slot in lowering.network.slots] == [0, 24, 30, 66]
    assert lowering.network.dtype == "float32"


def test_shared_parameters_have_one_slot() -> None:
    module = tied()
    lowering = lower_module(module)
    assert len(lowering.parameters) == 5
    assert [operation.weight for operation in lowering.network.operations] == [0, None, 0, 3]
    assert len(lower_module(reused()).parameters) == 4


def test_operations_say_where_they_come_from() -> None:
    fast = lower_module(nn.Sequential(OrderedDict(fc=nn.Linear(4, 5), act=nn.ELU())))
    assert [operation.where for operation in fast.network.operations] == [
        "fc (Linear)",
        "act (ELU)",
    ]
    traced = lower_module(nn.Sequential(Doubling(4, 6), nn.ReLU()))
    assert traced.traced
    first, doubled, last = (operation.where for operation in traced.network.operations)
    assert first == "0 (Doubling)"
    assert doubled.startswith("test_lower_module.py:")
    assert last == "1 (ReLU)"


def test_a_standardisation_keeps_its_digits() -> None:
    """As one product and sum, x / std - mean / std, it would lose them in float32."""
    operations = lower_module(UNDERSTOOD["standardised"]()).network.operations
    assert [operation.kind for operation in operations[:3]] == ["scale", "scale", "affine"]
    scaled = lower_module(UNDERSTOOD["output scaled"]()).network.operations
    assert [operation.kind for operation in scaled] == ["affine", "affine", "scale"]


def test_dropout_is_an_operation_in_training_only() -> None:
    module = nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.25), nn.Linear(6, 1))
    lowering = lower_module(module)
    assert [op.kind for op in lowering.network.operations] == ["affine", "dropout", "affine"]
    assert lowering.network.operations[1].numbers == (0.25,)
    module[1].eval()
    assert len(lower_module(module).network.operations) == 2
    traced = Net(lambda s, x: s.c(functional.dropout(s.a(x), 0.1, training=s.training)))
    lowering = lower_module(traced)
    assert [op.kind for op in lowering.network.operations] == ["affine", "dropout", "affine"]
    check_validation(traced, lowering)
    traced.eval()
    assert len(lower_module(traced).network.operations) == 2
    in_place = nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.1, inplace=True), nn.Linear(6, 1))
    assert len(lower_module(in_place).network.operations) == 3


def test_a_forward_that_differs_in_eval_mode_is_told() -> None:
    module = Modes()
    lowering = lower_module(module)
    assert len(lowering.network.operations) == 1
    with pytest.raises(NotUnderstood, match="the forward of Modes differs in eval mode"):
        check_validation(module, lowering)
    assert module.training
    assert len(lower_module(module, training=False).network.operations) == 2


def test_a_dropout_of_eval_mode_is_told() -> None:
    module = Net(lambda s, x: s.c(functional.dropout(s.a(x), 0.5)))
    lowering = lower_module(module)
    with pytest.raises(NotUnderstood, match="drops values in eval mode, too"):
        check_validation(module, lowering)


def test_the_number_of_inputs_may_be_given() -> None:
    body = lambda s, x: s.a(torch.tanh(x) * x.shape[1])  # noqa: E731
    assert lower_module(Net(body)).network.widths == (4, 4, 4, 6)
    assert lower_module(Net(body), inputs=4).network.inputs == 4
    with pytest.raises(NotUnderstood, match=r"4 columns are needed where there are 5"):
        lower_module(Net(body), inputs=5)


# What is refused


class Conv(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(OrderedDict(conv=nn.Conv2d(1, 1, 1), flat=nn.Flatten()))
        self.fc = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.block(x))


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 1)
        self.calls = 0
        self.register_buffer("seen", torch.zeros(1))
        self.kept: list[Any] = []

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.fc(x)


class Buffered(Counting):
    def forward(self, x: Tensor) -> Tensor:
        self.seen += 1
        return self.fc(x)


class Keeping(Counting):
    def forward(self, x: Tensor) -> Tensor:
        self.kept.append(x)
        return self.fc(x)


class Clamping(Counting):
    def forward(self, x: Tensor) -> Tensor:
        self.fc.weight.data.clamp_(0)
        return self.fc(x)


class Clamped(Counting):
    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            self.fc.weight.clamp_(0)
        return self.fc(x)


class Calling(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 1)

    def __call__(self, x: Tensor) -> Tensor:
        return 2 * self.fc(x)


class Unregistered(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.others = [nn.Linear(4, 1)]

    def forward(self, x: Tensor) -> Tensor:
        return self.others[0](self.fc(x))


class Swallowing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        try:
            x = torch.sin(x)
        except Exception:
            x = x * 1
        return self.fc(x)


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.fc(x) + y


def hooked(register: str, function: Callable[..., Any]) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        module = nn.Sequential(nn.Linear(4, 1))
        getattr(module[0], register)(function)
        return module

    return make


def changed(change: Callable[[nn.Sequential], Any]) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        module = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
        return change(module) or module

    return make


def watch(*arguments: Any) -> None: ...


def parametrized(module: nn.Sequential) -> None:
    torch.nn.utils.parametrize.register_parametrization(module[0], "weight", nn.Identity())


def replaced(module: nn.Sequential) -> None:
    module[0].forward = lambda x: x  # type: ignore[method-assign]


def overlapping(module: nn.Sequential) -> None:
    whole = torch.randn(5, 4)
    module[0].weight, module[2].weight = nn.Parameter(whole[:4]), nn.Parameter(whole[1:])


def expanded(module: nn.Sequential) -> None:
    module[0].weight = nn.Parameter(torch.randn(1, 4).expand(4, 4))


def mixed(module: nn.Sequential) -> None:
    module[2].double()


def gradient_hook(module: nn.Sequential) -> None:
    module[2].weight.register_hook(watch)


def random_layer(s: Any, x: Tensor) -> Tensor:
    return nn.Linear(4, 4)(x)


def chance(s: Any, x: Tensor) -> Tensor:
    return s.a(x * (2.0 if random.random() < 2 else 1.0))


def without_gradients(s: Any, x: Tensor) -> Tensor:
    with torch.no_grad():
        x = s.a(x)
    return s.b(x)


def autocast(s: Any, x: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        return s.a(x)


def write(s: Any, x: Tensor) -> Tensor:
    x = s.a(x)
    x[:, 0] = 0
    return x


HERE = r"test_lower_module\.py:\d+: "
REFUSED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "conv": (Conv, HERE + r"block\.conv \(Conv2d\) is not an operation that the native engine has"),
    "conv in a chain": (
        lambda: nn.Sequential(nn.Linear(4, 4), nn.Conv1d(1, 1, 1)),
        r"1 \(Conv1d\) is not an operation",
    ),
    "batch norm": (
        lambda: nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)),
        r"1 \(BatchNorm1d\) is not an operation",
    ),
    "lstm": (lambda: nn.Sequential(nn.LSTM(4, 4)), r"0 \(LSTM\)"),
    "embedding": (lambda: nn.Sequential(nn.Embedding(4, 4)), r"0 \(Embedding\) is not"),
    "softmax": (lambda: nn.Sequential(nn.Linear(4, 4), nn.Softmax(1)), r"1 \(Softmax\) is not"),
    "relu6": (lambda: nn.Sequential(nn.Linear(4, 4), nn.ReLU6()), r"1 \(ReLU6\) is not"),
    "prelu": (lambda: nn.Sequential(nn.Linear(4, 4), nn.PReLU()), r"1 \(PReLU\) is not"),
    "unflatten": (lambda: nn.Sequential(nn.Flatten(0), nn.Linear(4, 4)), r"0 \(Flatten\): makes"),
    "gelu in place of the input": (
        lambda: nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 4)),
        r"0 \(ReLU\): changes in place a tensor that is needed elsewhere",
    ),
    "in place after tanh": (
        lambda: nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.ReLU(inplace=True)),
        r"2 \(ReLU\): changes in place",
    ),
    "dropout of all": (
        lambda: nn.Sequential(nn.Linear(4, 4), nn.Dropout(1.0)),
        r"1 \(Dropout\): a dropout of 1",
    ),
    "widths": (
        lambda: nn.Sequential(nn.Linear(4, 4), nn.Linear(5, 1)),
        r"1 \(Linear\): 5 columns are needed where there are 4",
    ),
    "no parameters": (lambda: nn.Sequential(nn.ReLU()), r"uses no parameter"),
    "sin": (net(lambda s, x: s.a(torch.sin(x))), HERE + r"torch\.sin is not an operation"),
    "method": (net(lambda s, x: s.a(x).cos()), HERE + r"Tensor\.cos is not an operation"),
    "power": (net(lambda s, x: s.a(x**2)), HERE + r"the operator \*\* is not an operation"),
    "product": (net(lambda s, x: s.a(x) * s.a(x)), HERE + "multiplies data by data"),
    "one over": (net(lambda s, x: 1 / s.a(x)), HERE + "divides by data"),
    "concatenation": (net(lambda s, x: torch.cat([x, x], 1)), HERE + r"torch\.cat is not"),
    "column": (net(lambda s, x: s.a(x)[:, 0]), HERE + "makes one row of 6 columns"),
    "columns": (net(lambda s, x: s.a(x)[:, :2]), HERE + "takes a part of a tensor"),
    "transposed weight": (
        net(lambda s, x: functional.linear(s.a(x), s.weight.t())),
        HERE + "takes a transposed parameter",
    ),
    "weight in out": (net(lambda s, x: s.a(x) @ s.weight), HERE + r".*\(in, out\)"),
    "learned factor": (net(lambda s, x: s.a(x) * s.bias), HERE + "computes with a parameter"),
    "learned offset": (net(lambda s, x: torch.tanh(s.a(x)) + s.bias), HERE + "adds a parameter"),
    "computed weight": (
        net(lambda s, x: functional.linear(x, s.weight * 2)),
        HERE + "computes with a parameter without data",
    ),
    "branch": (net(lambda s, x: s.a(x) if x.sum() > 0 else s.a(-x)), HERE + r"Tensor\.sum"),
    "bool": (net(lambda s, x: s.a(x) if x else s.a(-x)), HERE + "the forward of Net branches"),
    "rows": (net(lambda s, x: s.a(x) / x.shape[0]), HERE + ".*number of rows"),
    "float": (net(lambda s, x: s.a(x) * float(s.a(x))), HERE + ".*a Python number"),
    "iteration": (net(lambda s, x: torch.stack([s.a(r) for r in x])), HERE + ".*iterates over"),
    "requires_grad": (
        net(lambda s, x: s.a(x) if x.requires_grad else s.a(-x)),
        HERE + r"the forward of Net uses \.requires_grad",
    ),
    "grad": (net(lambda s, x: s.a(x) if s.a.weight.grad is None else x), HERE + r".*\.grad"),
    "numpy": (net(lambda s, x: s.a(x) + np.asarray(s.a(x))), HERE + ".*a NumPy array"),
    "double": (net(lambda s, x: s.a(x).double()), HERE + r"converts to torch\.float64"),
    "wide constant": (net(lambda s, x: s.a(x * s.mean.double())), HERE + ".*float64"),
    "broadcast": (net(lambda s, x: s.c(s.a(x)) + s.mean), HERE + "4 columns are needed"),
    "broadcast rows": (
        net(lambda s, x: (y := s.c(s.a(x))) + y.squeeze(-1)),
        HERE + r"adds shapes \(rows,\)",
    ),
    "three dimensions": (net(lambda s, x: s.a(x)[:, :, None]), HERE + "takes a part"),
    "tuple": (net(lambda s, x: (s.a(x), x)), r"the forward of Net returns a tuple, not one tensor"),
    "dict": (net(lambda s, x: {"y": s.a(x)}), r"returns a dict, not one tensor"),
    "raises": (net(lambda s, x: s.missing(x)), HERE + "the forward of Net raised AttributeError"),
    "random": (net(lambda s, x: s.a(x + torch.randn(4))), r"draws random numbers \(torch\)"),
    "like": (net(lambda s, x: s.a(x + torch.randn_like(x))), HERE + r"torch\.randn_like"),
    "random layer": (net(random_layer), "draws random numbers"),
    "chance": (net(chance), r"draws random numbers \(random\)"),
    "numpy chance": (
        net(lambda s, x: s.a(x * float(np.random.rand()))),
        r"draws random numbers \(numpy\.random\)",
    ),
    "no_grad": (net(without_gradients), HERE + "the forward of Net computes without gradients"),
    "detach": (net(lambda s, x: s.b(s.a(x).detach())), HERE + "detaches a tensor"),
    "autocast": (net(autocast), HERE + "the forward of Net turns on autocast"),
    "writes": (net(write), HERE + "the forward of Net writes into a tensor"),
    "alias": (
        net(lambda s, x: (h := torch.tanh(s.a(x)), h.mul_(2))[1]),
        HERE + "changes in place a tensor that is needed",
    ),
    "input in place": (net(lambda s, x: s.a(x.sub_(s.mean))), HERE + "changes in place"),
    "dropout": (net(lambda s, x: s.a(functional.alpha_dropout(x))), HERE + ".*alpha_dropout"),
    "counting": (Counting, "the forward of Counting changes calls"),
    "buffer": (Buffered, "the forward of Buffered changes seen"),
    "keeping": (Keeping, "the forward of Keeping changes kept"),
    "clamping": (Clamping, HERE + r"the forward of Clamping uses \.data"),
    "clamped": (Clamped, HERE + r"Tensor\.clamp_ is not an operation"),
    "swallowed": (Swallowing, HERE + r"torch\.sin is not an operation"),
    "own call": (lambda: nn.Sequential(Calling()), r"0 \(Calling\) has its own __call__"),
    "unregistered": (Unregistered, "a parameter that is not the module's"),
    "two arguments": (Two, "the forward of Two raised TypeError"),
    "no forward": (nn.Module, "raised NotImplementedError"),
    "forward hook": (
        hooked("register_forward_hook", watch),
        r"0 \(Linear\) has a forward hook \(watch\)",
    ),
    "forward pre-hook": (hooked("register_forward_pre_hook", watch), "a forward pre-hook"),
    "backward hook": (hooked("register_full_backward_hook", watch), "a backward hook"),
    "backward pre-hook": (hooked("register_full_backward_pre_hook", watch), "a backward pre-hook"),
    "parametrized": (changed(parametrized), r"0 \(ParametrizedLinear\) is parametrized"),
    "replaced": (changed(replaced), r"0 \(Linear\) has a forward that was replaced"),
    "overlapping": (changed(overlapping), "two parameters share memory"),
    "expanded": (changed(expanded), r"0 \(Linear\): a parameter is not contiguous"),
    "mixed": (changed(mixed), r"2 \(Linear\): its parameters are float32 and float64"),
    "half": (changed(lambda m: m.half()), r"0 \(Linear\): its parameters are float16"),
    "meta": (changed(lambda m: m.to("meta")), r"0 \(Linear\): a parameter is on meta"),
    "gradient hook": (changed(gradient_hook), r"2 \(Linear\): a parameter has a hook"),
    "weight norm": (
        changed(lambda m: nn.Sequential(torch.nn.utils.parametrizations.weight_norm(m[0]))),
        r"0 \(ParametrizedLinear\) is parametrized",
    ),
    "old spectral norm": (
        changed(lambda m: nn.Sequential(torch.nn.utils.spectral_norm(m[0]))),
        r"0 \(Linear\) has a forward pre-hook \(SpectralNorm\)",
    ),
    "compiled": (
        changed(lambda m: m.compile(backend="eager")),
        "Sequential is compiled by torch.compile",
    ),
    "lazy": (lambda: nn.Sequential(nn.LazyLinear(4)), r"0 \(LazyLinear\) is lazy"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    make, sentence = REFUSED[name]
    torch.manual_seed(0)
    module = make()
    state = {key: value for key, value in vars(module).items() if not key.startswith("_")}
    chances = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    parameters = [parameter for parameter in module.parameters() if not is_lazy(parameter)]
    before = [parameter.detach().clone() for parameter in parameters]
    with pytest.raises(NotUnderstood, match=sentence) as caught:
        lower_module(module)
    assert not str(caught.value).endswith(".") and "{" not in str(caught.value)
    assert state == {key: value for key, value in vars(module).items() if not key.startswith("_")}
    assert torch.equal(chances[0], torch.get_rng_state()) and chances[1] == random.getstate()
    assert chances[2] == np.random.get_state()[1].tolist()
    for parameter, old in zip(parameters, before, strict=True):
        assert parameter.device.type == "meta" or torch.equal(parameter, old)


def is_lazy(parameter: Tensor) -> bool:
    return isinstance(parameter, nn.parameter.UninitializedParameter)


def test_global_hooks_and_autocast_are_refused() -> None:
    module = nn.Sequential(nn.Linear(4, 1))
    handle = nn.modules.module.register_module_forward_hook(watch)
    try:
        with pytest.raises(NotUnderstood, match="a forward hook is registered for all modules"):
            lower_module(module)
    finally:
        handle.remove()
    with (
        torch.autocast("cpu", torch.bfloat16),
        pytest.raises(NotUnderstood, match="autocast is active"),
    ):
        lower_module(module)
    lower_module(module)


def test_works_under_no_grad() -> None:
    with torch.no_grad():
        lower_module(Net(lambda s, x: s.c(torch.relu(s.a(x)))))


def test_a_tensor_that_shares_memory_with_a_parameter_is_refused() -> None:
    """It learns with the parameter, so it is no constant; a neighbour in one memory is one."""
    module = Net(lambda s, x: s.c(torch.relu(s.a(x)) * s.factor))
    module.factor = module.a.bias.data
    with pytest.raises(NotUnderstood, match="shares memory with a parameter"):
        lower_module(module)
    flat = torch.ones(2 * len(module.a.bias))
    module.a.bias.data, module.factor = flat.chunk(2)
    lower_module(module)
